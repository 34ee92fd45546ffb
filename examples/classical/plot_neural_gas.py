"""
Units that spread like a gas
============================

In neural gas each row moves all units, the nearer the more, and how near is counted in ranks. The range of ranks
shrinks while the rows are shown: at first all units move together, at the end each for itself. So the result depends
little on where the units began.
"""

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

import netwright as nw
from netwright.classical import NeuralGas

generator = np.random.default_rng(0)
turn = np.sqrt(generator.uniform(0.03, 1, 2000)) * 3.6 * np.pi
spiral = np.stack([turn * np.cos(turn), turn * np.sin(turn)], axis=1) / 11 + generator.normal(0, 0.035, (2000, 2))

# %%
# A spiral, and a hundred units that begin in its middle. The rows come in pieces, by ``partial_fit``; lambda is the
# range of ranks. The edges join units that are nearest to the same rows, so that the graph takes the form of the data:
# no grid was given that the spiral had to fit. Edges that are not used any more go.

pieces = np.array_split(spiral, 10)
gas = NeuralGas(init=generator.normal(0, 0.05, (100, 2)), epochs=200, random_state=0)  # of 200 rows each
fig, axes = plt.subplots(2, 2, figsize=(7, 7.2), layout="constrained", sharex=True, sharey=True)
pictures = iter(axes.flat)
for step in range(200):
    gas.partial_fit(pieces[step % 10])
    if step + 1 in (1, 8, 40, 200):
        ax = nw.plots.neural_graph(gas, spiral, ax=next(pictures))
        neighbors = 10 * (0.01 / 10) ** ((step + 1) / 200)
        ax.set_title(f"{200 * (step + 1):,} rows, lambda = {neighbors:.2g}", loc="left", fontsize="medium")
        ax.label_outer()
plt.show()

# %%
# Thirty clusters, thirty units, forty starts. K-means from random rows stays where it begins: two units share a
# cluster, and elsewhere one has to serve two. Neural gas ends at one of a few good places from every start.

X, _ = make_blobs(3000, centers=30, cluster_std=0.25, random_state=3)
errors = {
    "k-means, random rows": [
        KMeans(30, init="random", n_init=1, random_state=seed).fit(X).transform(X).min(axis=1).mean()
        for seed in range(40)
    ],
    "neural gas": [NeuralGas(30, random_state=seed).fit(X).quantization_error_ for seed in range(40)],
    "neural gas, batch": [
        NeuralGas(30, algorithm="batch", random_state=seed).fit(X).quantization_error_ for seed in range(40)
    ],
}
fig, ax = plt.subplots(figsize=(7.4, 2.8), layout="constrained")
for place, values in enumerate(errors.values()):
    height = place + generator.uniform(-0.22, 0.22, 40)
    ax.scatter(values, height, s=18, alpha=0.6, color=("#808080", "#0072B2", "#009E73")[place], linewidths=0)
ax.set_yticks(range(3), list(errors))
ax.invert_yaxis()
ax.set_xlabel("mean distance of a row to its unit, one dot a start")
ax.spines[["top", "right", "left"]].set_visible(False)
ax.tick_params(axis="y", length=0)
ax.grid(axis="x", alpha=0.3)
plt.show()
