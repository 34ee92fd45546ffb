"""
Handwritten digits: a small convolutional network
=================================================

From images to a trained network: what the data look like, how the training went, which images are mistaken for
which, and what the first layer looks for.
"""

# sphinx_gallery_thumbnail_number = 5
import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

import netwright as nw
from netwright.layers import Conv, Dropout, Flatten, MaxPool, ReLU, Softmax

# %%
# The data are 1,797 images of 8 x 8 pixels that scikit-learn brings along, one gray channel each. A quarter of them is
# put aside for the end.

X, y = nw.data.load_digits()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
print(X_train.shape, X_test.shape)

_, ax = plt.subplots(figsize=(7.5, 3.2), layout="compressed")
nw.plots.samples(X_train, y_train, count=24, columns=12, ax=ax)
plt.show()

# %%
# The network is an expression. It has no ``Input`` yet: the estimator will close it from the data. To see its shapes
# now, put one before it.

net = (
    Conv(32, 3, padding="same")
    >> ReLU()
    >> Conv(32, 3)
    >> ReLU()
    >> MaxPool(2)
    >> Flatten()
    >> Dropout(0.3)
    >> ReLU(64)
    >> Softmax(10)
)
print((nw.Input(1, 8, 8) >> net).summary())

# %%
# A tenth of the training images is held out for validation. The loss on them decides which weights are kept: those of
# the best epoch, since ``patience`` is given.

clf = nw.Classifier(
    net,
    optimizer=nw.optim.Adam(nw.optim.cosine(3e-3)),
    regularizer=nw.l2(1e-4),
    epochs=25,
    batch_size=64,
    validation=0.1,
    patience=10,
    random_state=0,
)
clf.fit(X_train, y_train)
print(f"test accuracy {clf.score(X_test, y_test):.4f}")

# %%
# Both losses fall together and the validation loss stays flat at the end: the network has not begun to learn the
# training images by heart. The training score is the lower one at first: it is taken while the weights still change,
# and with dropout active.

nw.plots.training_curves(clf, figure=plt.figure(figsize=(7, 6.5), layout="constrained"))
plt.show()

# %%
# Rows are true digits, columns what the network said. The colour is on a square-root scale, so that a single mistake
# among 45 images can be seen.

predicted = clf.predict(X_test)
_, ax = plt.subplots(figsize=(6.6, 5.6), layout="compressed")
nw.plots.confusion_matrix(y_test, predicted, clf.classes_, ax=ax)
plt.show()

# %%
# The mistakes that the network was surest of. Most of them would be hard for a reader as well.

_, ax = plt.subplots(figsize=(7.5, 2.6), layout="compressed")
nw.plots.mistakes(X_test, y_test, clf.predict_proba(X_test), clf.classes_, count=8, columns=8, ax=ax)
plt.show()

# %%
# The filters of the first layer: blue weights are negative, red ones positive. Where one side is blue and the other
# red, the filter answers to an edge of that direction; a red bar between blue ones answers to a stroke.

_, ax = plt.subplots(figsize=(7, 2.4), layout="compressed")
nw.plots.filters(clf, columns=16, ax=ax)
plt.show()
