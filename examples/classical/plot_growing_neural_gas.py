"""
Clusters of any form, without their number
==========================================

Growing neural gas begins with two units and adds one after every hundred rows, where the error is greatest. Edges join
units that are nearest to the same row. When the graph has the form of the data, its connected components are the
clusters: nobody said how many there are, nor that they are round.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import make_moons

import netwright as nw
from netwright.classical import GrowingNeuralGas

moons, _ = make_moons(1500, noise=0.07, random_state=0)

# %%
# The graph while it grows. The rows come in pieces, by ``partial_fit``, and the network goes on where it was. Early
# edges reach across the gap; they are not used any more once there are units on both sides of it, and go.

gas = GrowingNeuralGas(max_nodes=70, random_state=0)
fig, axes = plt.subplots(2, 2, figsize=(8, 5), layout="constrained", sharex=True, sharey=True)
pictures = iter(axes.flat)
pieces = np.array_split(np.random.default_rng(0).permutation(moons), 15)
for step in range(300):
    gas.partial_fit(pieces[step % 15])
    if step + 1 in (3, 10, 25, 300):
        ax = nw.plots.neural_graph(gas, moons, ax=next(pictures))
        ax.set_title(f"{gas.n_steps_:,} rows: {ax.get_title(loc='left')}", loc="left", fontsize="medium")
        ax.label_outer()
plt.show()

# %%
# A blob in a ring. To k-means a cluster is what is nearest to a centre, and it cuts the ring in two; in the graph there
# is no path from the blob to the ring. Where rows lie between clusters, a single one can keep an edge in use that joins
# them: then a lower ``max_age`` helps, or more units.

generator = np.random.default_rng(0)
angle, radius = generator.uniform(0, 2 * np.pi, 1500), generator.normal(2, 0.12, 1500)
ring = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
X = np.concatenate([ring, generator.normal(0, 0.25, (500, 2))])

gas = GrowingNeuralGas(max_nodes=60, random_state=0).fit(X)
means = KMeans(2, random_state=0).fit_predict(X)

fig, axes = plt.subplots(1, 2, figsize=(8, 4.2), layout="constrained", sharex=True, sharey=True)
axes[0].scatter(*X.T, s=6, c=np.array(["#0072B2", "#D55E00"])[means], alpha=0.5, linewidths=0)
axes[0].set_title("k-means, told that there are two", loc="left", fontsize="medium")
axes[0].set_aspect("equal")
axes[0].spines[["top", "right"]].set_visible(False)
ax = nw.plots.neural_graph(gas, X, ax=axes[1])
ax.set_title(f"growing neural gas: {ax.get_title(loc='left')}", loc="left", fontsize="medium")
for ax in axes:
    ax.set(xlabel="", ylabel="")
plt.show()

# %%
# Data that move. After half of the rows the left cluster is gone and another one appears on the right. A unit without
# rows stays for ever; with ``utility`` the units that the network would not miss are removed, and grow again where they
# are needed.

before = np.concatenate([generator.normal(c, 0.4, (750, 2)) for c in ((0, 0), (3, 0))])
after = np.concatenate([generator.normal(c, 0.4, (750, 2)) for c in ((3, 0), (6, 0))])

fig, axes = plt.subplots(2, 1, figsize=(7.4, 5.4), layout="constrained", sharex=True, sharey=True)
for ax, utility in zip(axes, (None, 5.0), strict=True):
    gas = GrowingNeuralGas(max_nodes=40, utility=utility, random_state=0)
    for rows in [before] * 5 + [after] * 5:
        gas.partial_fit(rows)
    ax.scatter(*before.T, s=4, color="lightgray", linewidths=0)
    nw.plots.neural_graph(gas, after, ax=ax)
    idle = len(gas.weights_) - len(np.unique(gas.winners(after)))
    ax.set_title(f"utility={utility}: {idle} of {len(gas.weights_)} units without rows", loc="left", fontsize="medium")
    ax.label_outer()
plt.show()
