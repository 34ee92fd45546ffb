"""
Regression that says how sure it is
===================================

One number a row is often the wrong answer: the noise may differ from row to row, or two values may both be right. Four
regressors with the same small network show what else a network can say.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import PowerNorm
from scipy.stats import norm

import netwright as nw
from netwright.layers import Linear, Tanh

rng = np.random.default_rng(0)
common = {"optimizer": "Adam(cosine(0.03))", "epochs": 50, "batch_size": 64, "random_state": 0}

# %%
# **Noise that is not the same everywhere.** The deviation of the noise goes from 0.1 on the left to 1 on the right. A
# network that learns by squared error finds the curve and knows nothing of this.

x = rng.uniform(-3, 3, (800, 1))
sigma = 0.1 + 0.9 / (1 + np.exp(-2 * x[:, 0]))
y = np.sin(1.5 * x[:, 0]) + sigma * rng.normal(size=800)

levels = (0.05, 0.25, 0.5, 0.75, 0.95)
quantiles = nw.QuantileRegressor(Tanh(20), quantiles=levels, **common).fit(x, y)
gaussian = nw.MixtureDensityRegressor(Tanh(20), components=1, **common).fit(x, y)
bins = nw.BinnedRegressor(Tanh(20), bins=30, edges="uniform", form="ordinal", smooth=0.75, **common).fit(x, y)

# %%
# Each band should hold 90 of 100 new points, the inner one 50. Quantiles assume nothing about the noise, the mixture of
# one component takes it for normal, and the bins give any distribution, in steps. None of the three was told where the
# noise is large. The dashed lines are the truth.

grid = np.linspace(-3, 3, 200)[:, None]
x_new = rng.uniform(-3, 3, (4000, 1))
y_new = np.sin(1.5 * x_new[:, 0]) + (0.1 + 0.9 / (1 + np.exp(-2 * x_new[:, 0]))) * rng.normal(size=4000)
truth = np.sin(1.5 * grid) + (0.1 + 0.9 / (1 + np.exp(-2 * grid))) * norm.ppf(levels)

ways = {
    "QuantileRegressor": ("#0072B2", quantiles.predict_quantiles),
    "MixtureDensityRegressor, 1 component": ("#D55E00", lambda X: gaussian.predict_quantile(X, levels)),
    "BinnedRegressor, ordinal": ("#009E73", lambda X: bins.predict_quantile(X, levels)),
}
fig, axes = plt.subplots(1, 3, figsize=(10.5, 3.6), sharex=True, sharey=True, layout="constrained")
for ax, (name, (colour, predict)) in zip(axes, ways.items(), strict=True):
    low, lower, median, upper, high = predict(grid).T
    ax.plot(x[:, 0], y, ".", color="0.55", markersize=2.5, alpha=0.7, zorder=0)
    ax.fill_between(grid[:, 0], low, high, color=colour, alpha=0.22, linewidth=0)
    ax.fill_between(grid[:, 0], lower, upper, color=colour, alpha=0.35, linewidth=0)
    ax.plot(grid[:, 0], median, color=colour, linewidth=2)
    ax.plot(grid[:, 0], truth[:, [0, 4]], color="black", linewidth=1, dashes=(4, 3))
    new = predict(x_new)
    inside = ((new[:, 0] <= y_new) & (y_new <= new[:, 4])).mean()
    half = ((new[:, 1] <= y_new) & (y_new <= new[:, 3])).mean()
    ax.set_title(f"{name}\nnew points inside: {inside:.0%} and {half:.0%}", fontsize="medium")
    ax.set(xlabel="x", xlim=(-3, 3), ylim=(-3.6, 3.6))
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("y")
plt.show()

# %%
# **More than one right answer.** Bishop's example: a function is easy to learn and its inverse has up to three values.
# Squared error answers with their mean, which is never right in the middle. A mixture of Gaussians puts one component
# on each branch, and so do the bins, whose mode jumps from one to the next. Brighter is denser; the root of the density
# is drawn.

t = rng.uniform(0, 1, 1000)
x = (t + 0.3 * np.sin(2 * np.pi * t) + 0.05 * rng.normal(size=1000))[:, None]
squares = nw.Regressor(Tanh(20) >> Linear(1), **common).fit(x, t)
mixture = nw.MixtureDensityRegressor(Tanh(30), components=4, **{**common, "epochs": 80}).fit(x, t)
many = nw.BinnedRegressor(Tanh(20), bins=40, edges="uniform", answer="mode", smooth=0.75, **common).fit(x, t)

across, up = np.linspace(-0.1, 1.1, 241), np.linspace(-0.05, 1.05, 221)
rows = np.repeat(across[:, None], len(up), axis=0)
density = np.exp(mixture.log_prob(rows, np.tile(up, len(across)))).reshape(len(across), len(up))
steps = many.predict_bins(across[:, None]) / np.diff(many.edges_)

fig, axes = plt.subplots(1, 3, figsize=(10.5, 3.9), sharex=True, sharey=True, layout="constrained")
axes[0].plot(x[:, 0], t, ".", color="0.55", markersize=3, alpha=0.7)
axes[0].plot(across, squares.predict(across[:, None]), color="#D55E00", linewidth=2.5)
axes[0].set_title("Regressor: the mean\nof values that are right", fontsize="medium")
colours = {"cmap": "magma", "norm": PowerNorm(0.5, 0, np.quantile(density, 0.99)), "rasterized": True}
axes[1].pcolormesh(across, up, density.T, shading="nearest", **colours)
axes[1].set_title("MixtureDensityRegressor, 4 components:\na density without steps", fontsize="medium")
axes[2].pcolormesh(across, many.edges_, steps.T[:, :-1], **colours)
axes[2].set_facecolor("black")
axes[2].plot(across, many.predict(across[:, None]), ".", color="#56B4E9", markersize=3, label="mode")
axes[2].legend(loc="upper left", fontsize="small", frameon=False, labelcolor="white", markerscale=3)
axes[2].set_title("BinnedRegressor, 40 bins:\nprobability over width", fontsize="medium")
for ax in axes:
    ax.set(xlabel="x", xlim=(-0.1, 1.1), ylim=(-0.05, 1.05))
axes[0].set_ylabel("y")
plt.show()

# %%
# A cut at x = 0.5. The mixture is smooth, and has to be told the number of its components; the bins need no such number
# and have steps. The histogram counts training points near the cut.

near = np.abs(x[:, 0] - 0.5) < 0.05
middle = np.array([[0.5]])
fig, ax = plt.subplots(figsize=(6.8, 3.4), layout="constrained")
ax.hist(t[near], bins=30, range=(0, 1), density=True, color="0.85", label=f"{near.sum()} points near x = 0.5")
ax.stairs(
    many.predict_bins(middle)[0] / np.diff(many.edges_), many.edges_, color="#0072B2", linewidth=1.5, label="bins"
)
ax.plot(
    up, np.exp(mixture.log_prob(np.repeat(middle, len(up), axis=0), up)), color="#D55E00", linewidth=2, label="mixture"
)
ax.axvline(squares.predict(middle)[0], color="black", linewidth=1, dashes=(4, 3), label="squared error")
ax.set(xlabel="y", ylabel="density at x = 0.5", xlim=(0, 1))
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, fontsize="small")
plt.show()
