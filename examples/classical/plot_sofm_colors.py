"""
Colours on grids of three kinds
===============================

Random colours are points in a cube, and a self-organizing map folds a sheet into it. Its weights are colours, so the
picture of a map is the map itself.
"""

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import PolyCollection

from netwright.classical import SOFM

X = np.random.default_rng(0).uniform(size=(2000, 3))
hexagon = np.deg2rad(np.arange(30, 390, 60))
CELLS = {
    "rect": np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]),
    "hexagon": np.column_stack([np.cos(hexagon), np.sin(hexagon)]) / np.sqrt(3),
}


def draw(ax, som, title, copies=((0, 0),)):
    """The units of a map in the colours of their weights; of a torus several copies beside each other."""
    rows, columns = som.shape_
    height = np.sqrt(0.75) if som.topology == "hexagon" else 1.0
    for down, right in copies:
        centres = som.centres()[:, ::-1] + [right * columns, down * rows * height]
        cells = centres[:, None] + CELLS[som.topology]
        colours = np.clip(som.weights_, 0, 1)
        ax.add_collection(PolyCollection(cells, facecolors=colours, edgecolors="face", linewidths=0.6))
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.autoscale_view()
    ax.invert_yaxis()
    ax.spines[:].set_visible(False)
    ax.set_title(title, fontsize="medium")


# %%
# Squares, hexagons, and a torus, whose first row is beside its last one: it is shown four times, and no seam can be
# seen. A torus has no margin but the cube of colours has, so the map must fold more, and its topographic error is
# greater.

flat = SOFM((16, 20), random_state=0).fit(X)
comb = SOFM((16, 20), topology="hexagon", random_state=0).fit(X)
torus = SOFM((16, 20), topology="hexagon", toroidal=True, random_state=0).fit(X)
fig, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
draw(axes[0], flat, f"squares, topographic error {flat.topographic_error_:.3f}")
draw(axes[1], comb, f"hexagons, {comb.topographic_error_:.3f}")
draw(axes[2], torus, f"a torus, four copies, {torus.topographic_error_:.3f}", [(0, 0), (0, 1), (1, 0), (1, 1)])
plt.show()

# %%
# How a map unfolds. The radius of the neighbourhood falls from half of the grid to 0.7: at first all units follow the
# mean of the data, at last hardly more than the rows that they win. The start is at random, so that the order that
# appears is the map's own. Above the batch rule, below the online rule, row by row.

stages = (1, 6, 11, 20)
fig, axes = plt.subplots(2, 4, figsize=(10, 4.6), layout="constrained")
for line, algorithm in zip(axes, ("batch", "online"), strict=True):
    som = SOFM((16, 20), topology="hexagon", algorithm=algorithm, init="random", random_state=0)
    for ax, stage in zip(line, stages, strict=True):
        while getattr(som, "n_iter_", 0) < stage:
            som.partial_fit(X)
        draw(ax, som, f"{algorithm}, epoch {stage}: error {som.quantization_error_:.3f}")
plt.show()

# %%
# The last radius trades one error for the other: a wide neighbourhood keeps the map smooth, a narrow one brings its
# units nearer to the data.

radii = np.linspace(0.3, 2.0, 12)
maps = [SOFM((16, 20), topology="hexagon", radius=(8.0, last), random_state=0).fit(X) for last in radii]
fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.plot(radii, [som.quantization_error_ for som in maps], "o-", label="quantization error (distance from the winner)")
ax.plot(radii, [som.topographic_error_ for som in maps], "s-", label="topographic error (share of torn rows)")
ax.set(xlabel="last radius, units of the grid", ylabel="error", ylim=(0, None))
ax.grid(alpha=0.3)
ax.legend(frameon=False)
plt.show()
