"""
Looking into a run: callbacks and history
=========================================

A callback is any object with methods named after moments of the run. One here keeps pictures of the weights while they
form, another ends the run; the history of the same run tells whether the learning rate was right.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np

import netwright as nw
from netwright.layers import Flatten, ReLU, Softmax

X, y = nw.data.load_digits()

# %%
# The callback keeps a copy of the weights after certain epochs. ``run`` is the run itself: module, rows, epoch, losses.


class Album:
    """Pictures of the weights of the first layer."""

    def __init__(self, epochs):
        self.epochs = epochs
        self.pages = {}

    def on_epoch_end(self, run):
        if run.epoch in self.epochs:
            weights = next(run.module.parameters()).detach()
            self.pages[run.epoch] = weights.numpy().reshape(-1, 8, 8).copy()


def good_enough(run):
    """A plain function is called after each epoch; it may end the run."""
    if run.history[-1]["validation_score"] >= 0.94:
        run.stop = True


album = Album(epochs=(1, 3, 10, 30))
clf = nw.Classifier(
    Flatten() >> Softmax(10, weight=0),
    optimizer=nw.optim.Adam(3e-3),
    epochs=60,
    validation=0.2,
    callbacks=[album, good_enough],
    random_state=0,
)
clf.fit(X, y)
print(f"stopped after {clf.n_iter_} epochs, validation accuracy {clf.history_[-1]['validation_score']:.3f}")

# %%
# The network is a single layer that starts at zero, so each unit's weights are an image of what it has learned: where
# ink speaks for its digit (red) and where it speaks against it (blue). After one epoch they are blurred digits; later
# they become what tells one digit from the others. The 0 has a blue middle from the first epoch to the last.

fig, axes = plt.subplots(len(album.pages), 10, figsize=(9, 1.0 * len(album.pages) + 0.4), layout="compressed")
for row, (epoch, page) in zip(axes, album.pages.items(), strict=True):
    bound = np.abs(page).max()
    for ax, image in zip(row, page, strict=True):
        ax.imshow(image, cmap="RdBu_r", vmin=-bound, vmax=bound)
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(f"epoch {epoch}", rotation=0, ha="right", va="center")
for digit, ax in enumerate(axes[0]):
    ax.set_title(digit, loc="center")
plt.show()

# %%
# Every run keeps a history, a record an epoch. Two of its columns say whether the learning rate is right: the ratio of
# an update to the weights it changes, and the share of rectified units that are 0 for all rows.

runs = {
    rate: nw.Classifier(
        Flatten() >> ReLU(64) >> ReLU(64) >> Softmax(10),
        optimizer=nw.optim.Adam(rate),
        epochs=15,
        validation=0.2,
        random_state=0,
    ).fit(X, y)
    for rate in (1e-4, 2e-3, 0.1)
}
print(runs[2e-3].history_.to_frame().iloc[-1].round(4).to_string())

# %%
# At 0.0001 all layers crawl below the shaded band, at 0.002 they move within it, and at 0.1 they stay far above it.
# There, nearly nine of ten units of the first hidden layer and half of those of the second are dead after a single
# epoch, and hardly one comes back: the network that is left is small.

fig, axes = plt.subplots(2, 3, figsize=(10.5, 6.6), sharex=True, sharey="row", layout="constrained")
for (rate, fit), column in zip(runs.items(), axes.T, strict=True):
    nw.plots.update_ratios(fit, ax=column[0])
    nw.plots.dead_units(fit, ax=column[1])
    column[0].set_title(f"Adam({rate:g}): validation accuracy {fit.history_[-1]['validation_score']:.3f}", loc="left")
    column[1].set_ylim(-0.02, 1)
for ax in axes[:, 1:].flat:
    ax.set_ylabel("")
plt.show()
