"""
Regression by bandwidth alone: the general regression network
=============================================================

A GRNN keeps all rows and answers with the mean of their targets, weighted by a Gaussian of the distance. Nothing is
trained but the width of that Gaussian, and the width can be found by leaving out each row in turn.
"""

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.model_selection import train_test_split

import netwright as nw
from netwright.classical import GRNN

# %%
# Three bandwidths on a hundred noisy points. Too narrow, and each row speaks for itself; too wide, and all answer with
# the mean. In the middle the one of least leave-one-out error. The band is the standard deviation of the targets that
# are heard at each place. Beyond the data the answer goes on with that of the last row, at any distance.

generator = np.random.default_rng(0)
x = np.sort(generator.uniform(0, 10, 100))[:, None]
y = np.sin(x[:, 0]) * np.exp(-x[:, 0] / 8) + 0.12 * generator.normal(size=100) * (1 + x[:, 0] / 5)
chosen = GRNN("loo").fit(x, y)
grid = np.linspace(-2, 12, 600)[:, None]
fig, axes = plt.subplots(1, 3, figsize=(10.5, 3.4), sharex=True, sharey=True, layout="constrained")
for ax, bandwidth in zip(axes, (chosen.bandwidth_ / 8, chosen.bandwidth_, chosen.bandwidth_ * 5), strict=True):
    mean, spread = GRNN(bandwidth).fit(x, y).predict(grid, return_std=True)
    ax.fill_between(grid[:, 0], mean - spread, mean + spread, color="#0072B2", alpha=0.18, linewidth=0)
    ax.plot(x, y, ".", color="gray", markersize=4)
    ax.plot(grid, mean, color="#0072B2", linewidth=2)
    ax.set_title(f"bandwidth {bandwidth:.2f}", loc="left")
    ax.set_xlabel("x")
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The error of each row predicted from all others, over the bandwidth. It is computed for sixteen widths first; the
# analytic gradient then leads from the lowest of them to the minimum.

fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
nw.plots.bandwidth_curve(chosen, ax=ax)
plt.show()

# %%
# Friedman's function of ten features, five of which matter. One bandwidth for all of them must be narrow enough for the
# first five and wide enough for five features of noise. With one each, those of noise become so wide that they are not
# heard, and the error falls to a third. Bars are long where the network tells the values of a feature apart.

X, t = make_friedman1(1000, n_features=10, noise=1.0, random_state=0)
train, test, t_train, t_test = train_test_split(X, t, random_state=0)
network = GRNN("loo-per-feature").fit(train, t_train)
fig, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4), layout="constrained")
names = [f"{name} ({'matters' if number < 5 else 'noise'})" for number, name in enumerate("abcdefghij")]
nw.plots.bandwidths(network, names=names, ax=left)
nw.plots.bandwidth_curve(network, ax=right)
for rule in ("auto", "loo-per-feature"):
    print(f"{rule}: R2 on new rows {GRNN(rule).fit(train, t_train).score(test, t_test):.3f}")
plt.show()

# %%
# The diabetes study: a year's progression from ten measurements. The body mass index and the logarithm of the
# triglycerides (s5) are told apart best, and four of the ten measurements are not heard.

X, t = load_diabetes(as_frame=True, return_X_y=True)
train, test, t_train, t_test = train_test_split(X, t, random_state=0)
network = GRNN("loo-per-feature").fit(train, t_train)
print(f"R2 on new rows {network.score(test, t_test):.2f}")
fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
nw.plots.bandwidths(network, ax=ax)
plt.show()
