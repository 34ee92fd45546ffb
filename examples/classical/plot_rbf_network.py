"""
Gaussian units and a linear readout: radial basis networks
==========================================================

A radial basis network has a layer of Gaussian units, each with a centre and a width, and a linear readout. Given the
units the readout is a ridge regression, which is solved at once; what is to be chosen is where the units stand, how
wide they are, and how many there are.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1, make_moons
from sklearn.preprocessing import StandardScaler

import netwright as nw
from netwright.classical import RBFNetwork, RBFNetworkClassifier

# %%
# One feature. On the left eight units at the means of k-means and a width by the rule of the nearest centres; on the
# right orthogonal least squares, which takes rows one by one as centres while the generalised cross-validation error
# falls, with the width of least such error: fewer units say the same.

generator = np.random.default_rng(0)
x = np.sort(generator.uniform(0, 10, 120))[:, None]
y = np.sin(x[:, 0]) + 0.3 * x[:, 0] + 0.2 * generator.normal(size=120)
fig, axes = plt.subplots(1, 2, figsize=(10.5, 4), sharey=True, layout="constrained")
models = {
    "k-means, width by nearest centres": RBFNetwork(8, width="nearest", random_state=0),
    "orthogonal least squares": RBFNetwork(8, centers="ols", random_state=0),
}
for ax, (name, model) in zip(axes, models.items(), strict=True):
    nw.plots.radial_units(model.fit(x, y), x, y, ax=ax)
    ax.set_title(f"{name}: {len(model.centers_)} units", loc="left", fontsize="medium")
plt.show()

# %%
# Two features: the answer as a map under its rows, with the centres and a circle of one width round each.

X = generator.uniform(-2, 2, (300, 2))
heights = np.sin(2 * X[:, 0]) + 0.5 * X[:, 1] ** 2 + 0.1 * generator.normal(size=300)
fig, ax = plt.subplots(figsize=(6.6, 5.2), layout="constrained")
nw.plots.radial_units(RBFNetwork(16, width=0.8, random_state=0).fit(X, heights), X, heights, ax=ax)
plt.show()

# %%
# Classes: one readout each. The units follow the two moons, and the border between them bends.

X, label = make_moons(300, noise=0.15, random_state=0)
names = np.array(["upper", "lower"])[label]
model = RBFNetworkClassifier(16, random_state=0).fit(X, names)
fig, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
nw.plots.radial_units(model, X, names, ax=ax)
ax.set_title(f"{model.score(X, names):.1%} right", loc="left", fontsize="medium")
plt.show()

# %%
# How many units, and where? Friedman's function of ten features, five of which are noise: R2 on new rows against the
# number of units, with width and ridge by generalised cross-validation. Units that are chosen by what they explain do
# with half of those that only follow the density of the rows, and the choice ends by itself at 36.

rows, targets = make_friedman1(1500, n_features=10, noise=1.0, random_state=0)
rows = StandardScaler().fit_transform(rows)
counts = (10, 20, 40, 80, 160)
fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for centers, colour in (("ols", "#D55E00"), ("kmeans", "#0072B2"), ("sample", "#009E73")):
    scores, found = [], []
    for count in counts:
        model = RBFNetwork(count, centers=centers, random_state=0).fit(rows[:500], targets[:500])
        scores.append(model.score(rows[500:], targets[500:]))
        found.append(len(model.centers_))
    ax.plot(found, scores, marker="o", color=colour, label=f'centers="{centers}"')
ax.set(xscale="log", xticks=counts, xticklabels=counts, xlabel="units", ylabel="R2 on new rows")
ax.minorticks_off()
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()
