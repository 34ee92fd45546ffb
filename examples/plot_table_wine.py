"""
A table: why columns are scaled
===============================

A data frame and an array of the same numbers train differently, because a frame's columns are standardised and an
array is taken as it is. The pictures show what that is worth.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

import netwright as nw
from netwright.layers import ReLU, Softmax

# %%
# Thirteen chemical measurements of 178 wines from three cultivars. The columns differ in scale by four orders of
# magnitude: proline lies between 278 and 1680, hue between 0.5 and 1.7.

frame, y = load_wine(return_X_y=True, as_frame=True)
frame_train, frame_test, y_train, y_test = train_test_split(frame, y, test_size=0.3, stratify=y, random_state=0)
spread = frame.std().sort_values()

_, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
ax.barh(spread.index, spread)
ax.set_xscale("log")
ax.set_xlabel("standard deviation of the column, each in its own unit")
plt.show()

# %%
# One network and one rule, given first the frame, then its bare numbers. Scales are learned from the training rows
# alone and are part of the model.

net = ReLU(32) >> Softmax(3)
settings = {"optimizer": nw.optim.Adam(1e-2), "epochs": 60, "validation": 0.2, "random_state": 0}
scaled = nw.Classifier(net, **settings).fit(frame_train, y_train)
raw = nw.Classifier(net, **settings).fit(frame_train.to_numpy(), y_train)
print(f"frame: test accuracy {scaled.score(frame_test, y_test):.3f}")
print(f"array: test accuracy {raw.score(frame_test.to_numpy(), y_test):.3f}")

# %%
# With scaled columns the loss falls at once. With raw ones it starts a hundred times higher, since the first layer
# sees little but proline and magnesium, and it is still rough after 60 epochs.

_, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
for name, clf in (("frame: columns scaled", scaled), ("array: as it is", raw)):
    (line,) = ax.plot(clf.history_["epoch"], clf.history_["train_loss"], label=name)
    ax.plot(clf.history_["epoch"], clf.history_["validation_loss"], "--", color=line.get_color())
ax.set_yscale("log")
ax.set_xlabel("epoch")
ax.set_ylabel("cross-entropy (dashed: validation)")
ax.legend(frameon=False)
plt.show()

# %%
# An array needs ``sklearn.preprocessing.StandardScaler`` in a pipeline, or no network at all: a network that the
# estimator chooses itself brings its scaling along. Side by side, what the two networks say about the test rows:

fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="compressed")
nw.plots.confusion_matrix(y_test, scaled.predict(frame_test), scaled.classes_, ax=axes[0])
nw.plots.confusion_matrix(y_test, raw.predict(frame_test.to_numpy()), raw.classes_, ax=axes[1])
plt.show()
