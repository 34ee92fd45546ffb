"""
Adaptive resonance: as many clusters as the vigilance asks for
==============================================================

A network of adaptive resonance takes a row into the cluster whose template it matches, or opens a new cluster when it
matches none well enough. The vigilance says what is well enough; the number of clusters follows. ART1 does this with
sets of features, FuzzyART with boxes of numbers.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, make_moons

import netwright as nw
from netwright.classical import ART1, FuzzyART

X, y = load_digits(return_X_y=True)
bits = (X > 8).astype(int)
art = ART1(vigilance=0.5).fit(bits)

# %%
# Each template is what the digits of its cluster have in common: the set of pixels that are dark in all of them. So a
# template can only shrink, and learning always comes to rest.

fig, ax = plt.subplots(figsize=(8.4, 5.2), layout="compressed")
nw.plots.templates(art, shape=(8, 8), ax=ax)
plt.show()

# %%
# On numbers in the plane the clusters of FuzzyART can be seen: boxes, of which each is the least one round the rows
# that it has taken. Vigilance 0.8 lets the sides of a box be 0.2 of the range on average.

points = make_moons(600, noise=0.08, random_state=0)[0]
fig, axes = plt.subplots(1, 3, figsize=(9.6, 2.1), layout="constrained", sharey=True)
colours = plt.get_cmap("tab20").colors
for ax, vigilance in zip(axes, (0.7, 0.8, 0.9), strict=True):
    fuzzy = FuzzyART(vigilance).fit(points)
    ax.scatter(*points.T, s=5, c=[colours[unit % 20] for unit in fuzzy.labels_])
    for unit, (low, high) in enumerate(fuzzy.boxes_):
        edge = colours[unit % 20]
        ax.add_patch(plt.Rectangle(low, *(high - low), facecolor=(*edge, 0.12), edgecolor=edge, linewidth=1.5))
    ax.set_title(f"vigilance {vigilance}: {len(fuzzy.boxes_)} boxes", loc="left", fontsize="medium")
    ax.set(xticks=[], yticks=[], aspect="equal")
plt.show()

# %%
# The vigilance is the one thing to choose. More of it makes more clusters, and purer ones: purity is the share of
# digits that belong to the most frequent class of their cluster. The dashed line is what as many clusters reach that
# are made at random.

levels = np.linspace(0.1, 0.9, 17)
counts, purities, chance = [], [], []
rng = np.random.default_rng(0)


def purity(labels: np.ndarray) -> float:
    """Share of rows in the most frequent class of their cluster."""
    return sum(np.bincount(y[labels == unit]).max() for unit in np.unique(labels)) / len(y)


for level in levels:
    labels = ART1(level).fit(bits).labels_
    counts.append(len(np.unique(labels)))
    purities.append(purity(labels))
    chance.append(purity(rng.permutation(labels)))
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
left.plot(levels, counts, marker="o", color="#0072B2")
left.set(xlabel="vigilance", ylabel="clusters", yscale="log")
right.plot(levels, purities, marker="o", color="#0072B2", label="ART1")
right.plot(levels, chance, linestyle="--", color="gray", label="clusters of these sizes, at random")
right.set(xlabel="vigilance", ylabel="purity", ylim=(0, 1))
right.legend(frameon=False)
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# New things need not wash away old ones. Two networks that have learned the digits 0 to 4 go on with 5 to 9. The new
# digits open clusters of their own. But where only dark pixels count, some new digits also come into old clusters, and
# shrink their templates until old digits match them no more. With complement coding a template knows what must be
# light, too, and the old digits stay where they were.

old, new = y < 5, y >= 5
kept, in_new = [], []
for complement in (False, True):
    art = ART1(vigilance=0.8, complement=complement).fit(bits[old])
    before, units = art.predict(bits[old]), len(art.templates_)
    art.partial_fit(bits[new])
    kept.append((art.predict(bits[old]) == before).mean())
    in_new.append((art.labels_ >= units).mean())

fig, ax = plt.subplots(figsize=(7.6, 2.6), layout="constrained")
groups = ["old digits that stay\nin their cluster", "new digits that get\na new cluster"]
for place, (name, colour) in enumerate({"dark pixels alone": "#808080", "complement coding": "#0072B2"}.items()):
    shares, rows = (kept[place], in_new[place]), np.arange(2) + 0.4 * place
    ax.barh(rows, shares, height=0.36, color=colour, label=name)
    for row, share in zip(rows, shares, strict=True):
        ax.text(share - 0.01, row, f"{share:.0%}", ha="right", va="center", color="white")
ax.set_yticks(np.arange(2) + 0.2, groups)
ax.set(xlim=(0, 1), xlabel="share")
ax.invert_yaxis()
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
ax.spines[["top", "right"]].set_visible(False)
plt.show()
