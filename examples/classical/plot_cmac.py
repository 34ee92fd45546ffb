"""
A function looked up in overlapping tables: CMAC
================================================

CMAC cuts the inputs into coarse tilings that are shifted against each other, keeps a weight for each tile and answers
with the sum of the tiles that a row lies in. A row touches a handful of weights, so learning is local and takes a
fraction of a microsecond a row.
"""

# sphinx_gallery_thumbnail_number = 2
import copy

import matplotlib.pyplot as plt
import numpy as np

from netwright.classical import CMAC
from netwright.plots import response_surface

# %%
# What one row does. A network of eight tilings is told once that the answer in the middle is 1. Where a point shares k
# of the eight tiles with the middle, it answers k / 8. Albus's tilings lie one behind the other along the diagonal, and
# so does the trace of a row; with ``offsets="odd"`` they are strewn over the tile, and the trace is rounder.

fig, axes = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained", sharey=True)
for ax, offsets in zip(axes, ("diagonal", "odd"), strict=True):
    network = CMAC(8, 32, bounds=(0, 1), offsets=offsets, learning_rate=1.0, epochs=1)
    response_surface(network.fit([[0.5, 0.5]], [1.0]), ax=ax)
    ax.set_title(f'offsets="{offsets}"', loc="left", fontsize="medium")
    ax.set_aspect("equal")
axes[1].set_ylabel("")
plt.show()

# %%
# From 4000 noisy samples of a surface, in ten passes. With two tilings a tile sees a few samples, and their noise
# stays; with sixteen, tiles are eight times as wide along each input, noise averages out, and the answer still changes
# in steps of a 64th of the range.


def hills(X):
    """A ridge, a peak and a dip."""
    x, y = 3 * X.T - 1.5
    peak, dip = np.exp(-3 * ((x - 0.6) ** 2 + (y - 0.5) ** 2)), np.exp(-5 * (x**2 + (y + 0.8) ** 2))
    return peak + 0.8 * np.exp(-4 * (x + 0.8) ** 2) - dip


rng = np.random.default_rng(0)
X, X_test = rng.uniform(size=(4000, 2)), rng.uniform(size=(2000, 2))
y = hills(X) + 0.15 * rng.normal(size=len(X))

fig, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained", subplot_kw={"projection": "3d"})
for ax, tilings in zip(axes, (2, 16), strict=True):
    network = CMAC(tilings, 64, bounds=(0, 1), offsets="odd", random_state=0).fit(X, y)
    response_surface(network, kind="surface", ax=ax)
    ax.set_title(f"{tilings} tilings: R² of the surface {network.score(X_test, hills(X_test)):.3f}", fontsize="medium")
    ax.set_zlim(-1.1, 1.2)
plt.show()

# %%
# Online, CMAC follows what changes. The surface moves slowly to and fro; samples come one by one, a thousand a second.
# A network that goes on with ``partial_fit`` keeps up; one that stopped after ten seconds is right only when the
# surface happens to be where it was.

follows = CMAC(16, 64, bounds=(0, 1), offsets="odd", learning_rate=0.2, random_state=0)
seconds, errors = np.arange(60), []
for second in seconds:
    shift = np.array([0.2 * np.sin(2 * np.pi * second / 30), 0.0])
    X = rng.uniform(size=(1000, 2))
    follows.partial_fit(X, hills(X + shift) + 0.15 * rng.normal(size=len(X)))
    if second <= 10:
        stopped = copy.deepcopy(follows)
    truth = hills(X_test + shift)
    errors.append([np.sqrt(np.mean((network.predict(X_test) - truth) ** 2)) for network in (follows, stopped)])

fig, ax = plt.subplots(figsize=(7.4, 4), layout="constrained")
for error, colour, label in zip(np.transpose(errors), ("#0072B2", "#D55E00"), ("goes on", "stopped"), strict=True):
    ax.plot(seconds, error, color=colour, label=label)
ax.axvline(10, color="gray", linewidth=1, linestyle="--")
ax.set(xlabel="seconds", ylabel="root mean square error", ylim=(0, None))
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
plt.show()
