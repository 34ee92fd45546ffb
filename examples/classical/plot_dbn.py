"""
Few labels, many images: a deep belief network
==============================================

A stack of restricted Boltzmann machines learns from images alone. Then a classifier begins with its layers, and learns
from the few images that have a label.
"""

# sphinx_gallery_thumbnail_number = 3
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import netwright as nw
from netwright.classical import DBN
from netwright.estimators import pretrained
from netwright.layers import Sigmoid, Softmax
from netwright.plots import energy_curves, fantasies

images, labels = nw.data.load_digits()
X = (images.reshape(-1, 64) > 0.5).astype(np.float32)
X, X_test, y, y_test = train_test_split(X, labels, test_size=497, stratify=labels, random_state=0)

layers = (128, 128, 64)
dbn = DBN(layers, epochs=60, batch_size=20, learning_rate=(0.1, 0.01), weight_decay=1e-3, random_state=0).fit(X)

# %%
# 1300 images, no label. The first machine learns the pixels, the second what the first makes of them, the third what
# the second makes of that; each only when the one below has finished. What is measured is of its own inputs, so layers
# cannot be compared with each other; that each still rises says that there was something left to learn.

fig = plt.figure(figsize=(7.4, 5.0), layout="constrained")
energy_curves(dbn, figure=fig)
plt.show()

# %%
# The two upper layers are a machine that goes on making up features, and the layers below draw images from them. The
# more sweeps, the less is left of the fair coins that the chains begin with.

fig, ax = plt.subplots(figsize=(8.4, 3.4), layout="compressed")
fantasies(dbn, (8, 8), ax=ax)
plt.show()

# %%
# ``pretrained`` makes a network of the layers and a head, and says what stands where. A `Classifier` takes it, begins
# there, trains all of it, and can be saved.

network = pretrained(dbn, Softmax(10))
print(network)

# %%
# Accuracy on 497 other images against the number of labels: means of three draws of the labelled images, and their
# range. Three layers of logistic units are hard to train from nothing; beginning with the stack, they need half of the
# labels. With ten or twenty of them it is best to leave the features as they are and put a linear model on top. Then
# the pixels themselves catch up: of 64 of them, a linear model is hard to beat.


def some_of_each(count: int, seed: int) -> np.ndarray:
    """The numbers of so many images of each digit."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(y == digit))[:count] for digit in range(10)])


def accuracies(rows: np.ndarray, seed: int) -> list[float]:
    """How many of the other images are right, for each way to learn from these."""
    options = {"optimizer": nw.optim.Adam(0.003), "epochs": 40, "batch_size": 20, "random_state": seed}
    fresh = Sigmoid(128) >> Sigmoid(128) >> Sigmoid(64) >> Softmax(10)
    tuned, from_nothing = (nw.Classifier(net, **options) for net in (pretrained(dbn, Softmax(10), seed), fresh))
    linear = LogisticRegression(max_iter=3000).fit(X[rows], y[rows])
    on_features = LogisticRegression(C=10, max_iter=3000).fit(dbn.transform(X[rows]), y[rows])
    return [
        on_features.score(dbn.transform(X_test), y_test),
        tuned.fit(X[rows], y[rows]).score(X_test, y_test),
        from_nothing.fit(X[rows], y[rows]).score(X_test, y_test),
        linear.score(X_test, y_test),
    ]


counts = np.array([1, 2, 5, 10])
scores = np.array([[accuracies(some_of_each(count, seed), seed) for seed in range(3)] for count in counts])

ways = {
    "features of the stack, linear model": "#009E73",
    "stack, trained further": "#0072B2",
    "the same layers from nothing": "#D55E00",
    "pixels, linear model": "#808080",
}
fig, ax = plt.subplots(figsize=(7.4, 4.6), layout="constrained")
for way, (name, colour) in enumerate(ways.items()):
    found = scores[:, :, way]
    ax.fill_between(10 * counts, found.min(axis=1), found.max(axis=1), color=colour, alpha=0.12, linewidth=0)
    ax.plot(10 * counts, found.mean(axis=1), marker="o", markersize=4, color=colour, label=name)
ax.set(xscale="log", xlabel="images with a label", ylabel="accuracy")
ax.set_xticks(10 * counts, [str(10 * count) for count in counts])
ax.minorticks_off()
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="lower right")
plt.show()
