"""
Classes by density: the probabilistic network
=============================================

A PNN puts a Gaussian on every training row. The sum over the rows of a class is the class's density, and Bayes' rule
makes probabilities of the densities. As in the general regression network, only the bandwidth is to be found.
"""

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, make_moons
from sklearn.metrics import log_loss

import netwright as nw
from netwright.classical import PNN

# %%
# The probability of the second class at three bandwidths. The narrow one is sure of everything, and wrong where moons
# overlap; the wide one is sure of nothing. The one in the middle gives rows that were left out the greatest
# probabilities.

generator = np.random.default_rng(0)
X, y = make_moons(300, noise=0.25, random_state=0)
network = PNN("loo").fit(X, y)
sides = np.linspace(-1.7, 2.7, 140), np.linspace(-1.3, 1.8, 110)
grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
fig, axes = plt.subplots(1, 3, figsize=(10.5, 3), sharey=True, layout="constrained")
for ax, bandwidth in zip(axes, (network.bandwidth_ / 5, network.bandwidth_, network.bandwidth_ * 5), strict=True):
    probability = PNN(bandwidth).fit(X, y).predict_proba(grid)[:, 1].reshape(110, 140)
    image = ax.contourf(*sides, probability, levels=np.linspace(0, 1, 11), cmap="RdBu_r")
    for label, colour in enumerate(("#6fb7e8", "#ffb199")):
        outlined = {"markeredgecolor": "black", "markeredgewidth": 0.3}
        ax.plot(*X[y == label].T, "o", color=colour, markersize=3.5, **outlined)
    ax.set_title(f"bandwidth {bandwidth:.3f}", loc="left")
    ax.set_aspect("equal")
fig.colorbar(image, ax=axes, label="probability of the second class", ticks=[0, 0.5, 1])
plt.show()

# %%
# The log loss of rows that were left out, over the bandwidth. To the left it grows without bound: a row among strangers
# is given a probability near zero.

fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
nw.plots.bandwidth_curve(network, ax=ax)
plt.show()

# %%
# Priors: where one class is nine times as frequent, ``priors="frequencies"`` moves the border towards the rare one; the
# default of equal priors, which is Specht's, finds more of it at the price of false alarms.

rare = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:17]])
more, truth = make_moons(2000, noise=0.25, random_state=1)
test = np.concatenate([np.flatnonzero(truth == 0), np.flatnonzero(truth == 1)[:111]])
for priors in ("equal", "frequencies"):
    answer = PNN("loo", priors=priors).fit(X[rare], y[rare]).predict(more[test])
    found, alarms = answer[truth[test] == 1].mean(), answer[truth[test] == 0].mean()
    print(f"{priors:12} finds {found:.0%} of the rare class, false alarms {alarms:.1%}")

# %%
# The moons beside four features of noise. One bandwidth must serve all six; with one each, most of the noise is not
# heard, and the log loss falls by half. Bars are long where the network tells the values of a feature apart.

wide = np.column_stack([X, generator.normal(size=(300, 4))])
wide_test = np.column_stack([more, generator.normal(size=(2000, 4))])
fig, ax = plt.subplots(figsize=(6.4, 2.9), layout="constrained")
for rule in ("auto", "loo-per-feature"):
    model = PNN(rule).fit(wide, y)
    loss = log_loss(truth, model.predict_proba(wide_test))
    print(f"{rule}: {model.score(wide_test, truth):.1%} right, log loss {loss:.3f}")
nw.plots.bandwidths(model, names=["moons x", "moons y", "noise 1", "noise 2", "noise 3", "noise 4"], ax=ax)
plt.show()

# %%
# Nine hundred digits are known, the other nine hundred were written by other people. These are the twelve of which the
# network is least sure, with the two classes that it weighs.

X, y = load_digits(return_X_y=True)
model = PNN().fit(X[:900], y[:900])
probabilities = model.predict_proba(X[900:])
print(f"{model.score(X[900:], y[900:]):.1%} right, log loss {log_loss(y[900:], np.clip(probabilities, 1e-12, 1)):.3f}")
fig, axes = plt.subplots(2, 6, figsize=(9, 3.9), layout="constrained")
for ax, row in zip(axes.flat, np.argsort(probabilities.max(axis=1)), strict=False):
    first, second = np.argsort(-probabilities[row])[:2]
    ax.imshow(X[900 + row].reshape(8, 8), cmap="gray_r")
    known = "right" if y[900 + row] == first else f"it is a {y[900 + row]}"
    ax.set_title(f"{first}: {probabilities[row, first]:.0%}, {second}: {probabilities[row, second]:.0%}", fontsize=9)
    ax.set_xlabel(known, color="#009E73" if known == "right" else "#D55E00", fontsize=9)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
plt.show()
