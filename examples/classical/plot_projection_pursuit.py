"""
Interactions as sums of ridge functions
=======================================

Projection pursuit regression adds smooth functions of linear combinations of the inputs. An additive model sees one
input at a time; a combination such as x0 + x1 also carries what two inputs do together.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

import netwright as nw
from netwright.classical import ProjectionPursuitRegressor

# %%
# A product is the difference of two squares, x0 x1 = ((x0 + x1)² - (x0 - x1)²) / 4, and so two terms are enough. On the
# left is what was learned from 400 noisy rows of three inputs, of which one means nothing; on the right the truth.

draw = np.random.default_rng(0)
X = draw.uniform(-2, 2, size=(400, 3))
y = X[:, 0] * X[:, 1] + 0.3 * draw.normal(size=400)
saddle = ProjectionPursuitRegressor().fit(X, y)

line = np.linspace(-2, 2, 81)
first, second = np.meshgrid(line, line)
points = np.column_stack([first.ravel(), second.ravel(), np.zeros(first.size)])
learned, truth = saddle.predict(points).reshape(first.shape), first * second
fig, axes = plt.subplots(1, 2, figsize=(8.2, 3.8), sharey=True, layout="constrained")
for ax, surface, title in zip(axes, (learned, truth), (f"{saddle.n_terms_} terms", "x0 x1"), strict=True):
    filled = ax.contourf(first, second, surface, levels=np.linspace(-4.5, 4.5, 19), cmap="RdBu_r", extend="both")
    ax.set(title=title, xlabel="x0", aspect="equal")
axes[0].set_ylabel("x1")
fig.colorbar(filled, ax=axes, label="prediction")
plt.show()

# %%
# The terms themselves: each ridge function over its projection, with the partial residuals, and the direction below it.
# One parabola opens upwards along x0 + x1, the other downwards along x0 - x1; x2 has no part in either.

nw.plots.ridge_functions(saddle, X, y, figure=plt.figure(figsize=(8.2, 4.6), layout="constrained"))
plt.show()

# %%
# Friedman's test function of ten inputs, 10 sin(π x0 x1) + 20 (x2 - 0.5)² + 10 x3 + 5 x4, with noise of variance 1.
# Generalised cross-validation chooses the number of terms: it is lowest at five (enlarged on the right).

X, y = make_friedman1(2000, noise=1.0, random_state=0)
clean, truth = make_friedman1(2000, random_state=1)
friedman = ProjectionPursuitRegressor().fit(X, y)

counts, scores = np.array(list(friedman.gcv_.items())).T
fig, axes = plt.subplots(1, 2, figsize=(8.2, 3.2), layout="constrained")
for ax, least in zip(axes, (0, 4), strict=True):
    ax.plot(counts[least:], scores[least:], marker="o", color="#0072B2")
    ax.plot(friedman.n_terms_, friedman.gcv_[friedman.n_terms_], "o", color="#D55E00", markersize=10)
    ax.set(xlabel="number of terms (0 is the mean alone)", ylabel="GCV / variance of y")
    ax.grid(alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The trend of x0, x1, x3 and x4 makes up three quarters of the variance of the terms; the parabola of x2 is a term of
# its own, and three terms share what x0 and x1 do together. The five inputs that mean nothing are left out.

nw.plots.ridge_functions(friedman, X, y, figure=plt.figure(figsize=(9.4, 8.4), layout="constrained"))
plt.show()

# %%
# Errors on rows without noise, and R² on real data with few rows (diabetes: 442 patients, ten measurements), where a
# flexible model has little to win over a straight line and must not lose.

models = {
    "projection pursuit": ProjectionPursuitRegressor(),
    "additive splines": make_pipeline(SplineTransformer(n_knots=8), RidgeCV(np.logspace(-3, 3, 13))),
    "gradient boosting": HistGradientBoostingRegressor(random_state=0),
    "linear": LinearRegression(),
}
errors = [np.sqrt(np.mean((model.fit(X, y).predict(clean) - truth) ** 2)) for model in models.values()]
patients, progress = load_diabetes(return_X_y=True)
r2 = [cross_val_score(model, patients, progress, cv=5).mean() for model in models.values()]

fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
for ax, values, title in zip(axes, (errors, r2), ("Friedman: error without noise", "Diabetes: R²"), strict=True):
    bars = ax.barh(list(models), values, color=["#D55E00", *["#0072B2"] * 3])
    ax.bar_label(bars, fmt="%.2f", padding=3)
    ax.set(title=title, xlim=(0, 1.15 * max(values)))
    ax.spines[["top", "right"]].set_visible(False)
axes[0].invert_yaxis()
plt.show()
