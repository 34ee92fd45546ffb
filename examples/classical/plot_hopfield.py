"""
A memory for letters: Hopfield's network
========================================

Patterns are stored as valleys of an energy, and a state slides into the valley that it lies in: a noisy letter becomes
the letter. How many letters there may be depends on the rule by which they are stored.
"""

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import numpy as np

from netwright.classical import Hopfield
from netwright.plots import recall_strip

DRAWN = """
##...##  ..###..  #####..  #######  #######  #######  ##.....  #####..
##...##  .##.##.  ##..##.  ##.....  ..###..  ##.....  ##.....  ##..##.
##...##  ##...##  ##...##  ##.....  ..###..  ##.....  ##.....  ##...##
##...##  ##...##  ##..##.  ##.....  ..###..  ##.....  ##.....  ##...##
#######  ##...##  #####..  #####..  ..###..  #####..  ##.....  ##...##
##...##  ##...##  ##.....  ##.....  ..###..  ##.....  ##.....  ##...##
##...##  ##...##  ##.....  ##.....  ..###..  ##.....  ##.....  ##...##
##...##  .##.##.  ##.....  ##.....  ..###..  ##.....  ##.....  ##..##.
##...##  ..###..  ##.....  ##.....  #######  #######  #######  #####..
"""
lines = DRAWN.split("\n")[1:-1]
letters = np.array([[[mark == "#" for mark in line[9 * k : 9 * k + 7]] for line in lines] for k in range(8)], dtype=int)
X = letters.reshape(8, 63)

# %%
# Eight letters of 63 bits. Every tenth bit is turned, and the network is asked what it was. Hebb's rule, the sum of
# x xᵀ, is sure to hold a handful of patterns that look like coin tosses; letters look like each other, and their
# valleys run together. The pseudo-inverse keeps apart whatever is linearly independent: all eight are fixed points, and
# seven letters come back whole. ``check_capacity=False`` keeps the first rule from warning of what is shown here.

rng = np.random.default_rng(14)
noisy = np.where(rng.random(X.shape) < 0.1, 1 - X, X)
hebb = Hopfield(check_capacity=False, random_state=0).fit(X)
inverse = Hopfield(rule="pseudo_inverse", random_state=0).fit(X)
stages = {"stored": X, "noisy": noisy, "by Hebb": hebb.predict(noisy), "by inverse": inverse.predict(noisy)}
fig, ax = plt.subplots(figsize=(8.4, 6.0), layout="compressed")
recall_strip(stages, shape=(9, 7), labels=list("HOPFIELD"), ax=ax)
plt.show()

# %%
# Recall goes downhill. Units look at their field one after the other, and each that changes lowers the energy
# E = -½ xᵀ W x, so it ends where no unit wants to change. Here 100 random patterns of 1000 bits are stored, and states
# begin with 5 to 45 % of their bits turned; a dot is a sweep over all units. With up to a third of them turned, paths
# lead to the stored pattern at the right; from further away some end in valleys that nobody has stored.

rng = np.random.default_rng(0)
patterns = rng.integers(0, 2, (100, 1000))
memory = Hopfield(check_capacity=False, random_state=0).fit(patterns)
turned = np.linspace(0.05, 0.45, 100)
states = np.where(rng.random(patterns.shape) < turned[:, None], 1 - patterns, patterns)
memory.set_params(max_iter=1)  # one sweep a call
right, energy = [], []
for _ in range(13):
    right.append((states == patterns).mean(axis=1))
    energy.append(memory.energy(states) / 1000)
    states = memory.predict(states)
arrived = right[-1] > 0.95

fig, ax = plt.subplots(figsize=(7.4, 4.6), layout="constrained")
for found, colour, label in ((True, "#0072B2", "ends at its pattern"), (False, "#D55E00", "ends elsewhere")):
    x, y = np.array(right)[:, arrived == found], np.array(energy)[:, arrived == found]
    lines = ax.plot(x, y, marker=".", color=colour, alpha=0.4, linewidth=0.8, markersize=4)
    lines[0].set_label(f"{label}: {(arrived == found).sum()} of 100")
    ax.scatter(x[-1], y[-1], s=22, color=colour, edgecolors="white", linewidths=0.5, zorder=3)
ax.set(xlabel="share of bits as in the stored pattern", ylabel="energy, thousands")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
plt.show()

# %%
# How much fits in? The share of patterns that come back without a wrong bit, from a tenth of the bits turned, against
# the number of random patterns a unit. Hebb's rule begins to fail at n / (2 ln n) patterns and breaks down
# about 0.138 n; Storkey's rule, as local as Hebb's, holds more, and the pseudo-inverse most.

n = 200
loads = np.arange(0.02, 0.62, 0.04)
fig, ax = plt.subplots(figsize=(7.4, 4.2), layout="constrained")
rules = {"hebb": "#0072B2", "storkey": "#009E73", "pseudo_inverse": "#D55E00"}
for rule, colour in rules.items():
    shares = []
    for load in loads:
        right = []
        for seed in range(6):
            rng = np.random.default_rng(seed)
            stored = rng.integers(0, 2, (round(load * n), n))
            begun = np.where(rng.random(stored.shape) < 0.1, 1 - stored, stored)
            network = Hopfield(rule=rule, check_capacity=False, random_state=0).fit(stored)
            right.append((network.predict(begun) == stored).all(axis=1).mean())
        shares.append(np.mean(right))
    ax.plot(loads, shares, marker="o", markersize=4, color=colour, label=rule)
for limit, name, height in ((1 / (2 * np.log(n)), "n / (2 ln n)", 0.3), (0.138, "0.138 n", 0.85)):
    ax.axvline(limit, color="gray", linewidth=1, linestyle="--")
    ax.annotate(
        name, (limit, height), xytext=(3, 0), textcoords="offset points", rotation=90, va="center", color="gray"
    )
ax.set(xlabel="patterns a unit", ylabel="share recalled exactly", ylim=(-0.03, 1.03))
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
plt.show()
