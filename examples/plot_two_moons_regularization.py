"""
Regularization, seen in the plane
=================================

Six ways to train one network that is far too large for its data, and the border between the classes that each gives.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

import netwright as nw
from netwright.layers import Dropout, ReLU, Softmax

# %%
# Two interleaved half circles with noise: 80 points to learn from and 2,000 to test with. The network has more than
# four thousand parameters, enough to go round every single point.

X, y = make_moons(80, noise=0.3, random_state=0)
X_watch, y_watch = make_moons(200, noise=0.3, random_state=2)  # for early stopping alone
X_test, y_test = make_moons(2000, noise=0.3, random_state=1)

plain = ReLU(64) >> ReLU(64) >> Softmax(2)
dropped = ReLU(64) >> Dropout(0.5) >> ReLU(64) >> Dropout(0.5) >> Softmax(2)
runs = {
    "no regularization": (plain, {}),
    "l2(0.01)": (plain, {"regularizer": nw.l2(0.01)}),
    "l1(0.001)": (plain, {"regularizer": nw.l1(0.001)}),
    "maxnorm(1)": (plain, {"regularizer": nw.maxnorm(1)}),
    "Dropout(0.5)": (dropped, {}),
    "early stopping": (plain, {"validation": (X_watch, y_watch), "patience": 20}),
}

# %%
# All runs have 240 epochs of Adam at 0.01 at most.

common = {"optimizer": nw.optim.Adam(0.01), "epochs": 240, "batch_size": 32, "random_state": 0}
fits = {name: nw.Classifier(net, **common, **more).fit(X, y) for name, (net, more) in runs.items()}

# %%
# The colour is the probability of a class. Without regularization it jumps from 0 to 1 and the border bends round
# single points: the training points are right, and more of the new ones are wrong. ``l2`` makes the border smooth and
# the network less sure of itself; ``l1`` sets weights to zero, and the border has few corners; ``maxnorm`` limits how
# steep a unit may be; dropout averages over many thinned networks. Early stopping is given further points to watch. It
# watches their loss, which punishes being sure and wrong, and so it keeps the third epoch, whose border is nearly
# straight: unsure in the right places, but not the most accurate.

side = np.linspace(-2.2, 3.2, 220), np.linspace(-1.7, 2.2, 180)
grid = np.stack(np.meshgrid(*side), axis=-1).reshape(-1, 2)
fig, axes = plt.subplots(2, 3, figsize=(9.6, 5.6), sharex=True, sharey=True, layout="constrained")
for ax, (name, clf) in zip(axes.flat, fits.items(), strict=True):
    probability = clf.predict_proba(grid)[:, 1].reshape(180, 220)
    ax.contourf(*side, probability, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.6)
    ax.contour(*side, probability, levels=[0.5], colors="k", linewidths=1)
    ax.scatter(*X.T, c=y, cmap="RdBu_r", s=14, edgecolors="white", linewidths=0.5)
    ax.set_title(f"{name}\ntraining {clf.score(X, y):.3f}, test {clf.score(X_test, y_test):.3f}", fontsize="medium")
    ax.set(xticks=[], yticks=[])
plt.show()

# %%
# What the penalties do to the weights of the second layer: ``l2`` draws all of them towards zero, ``l1`` puts most of
# them there (the bar in the middle is cut off), and without a penalty they stay as broad as they began.

fig, axes = plt.subplots(1, 3, figsize=(9.6, 2.6), sharex=True, sharey=True, layout="constrained")
for ax, name in zip(axes, ("no regularization", "l2(0.01)", "l1(0.001)"), strict=True):
    weights = fits[name].module_.relu2.linear.weight.detach().numpy().ravel()
    ax.hist(weights, bins=np.linspace(-0.8, 0.8, 81))
    ax.set_title(f"{name}: {np.mean(np.abs(weights) < 0.01):.0%} below 0.01", fontsize="medium")
    ax.set_xlabel("weight")
axes[0].set(ylim=(0, 400), ylabel="number of weights")
plt.show()
