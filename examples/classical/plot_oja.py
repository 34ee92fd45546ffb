"""
Principal components row by row: Oja's and Sanger's rules
=========================================================

Principal components need no covariance matrix. A linear unit that sees one row at a time, and whose weights grow by
Hebb's rule and fade as the square of its output, ends at the first principal axis. Several of them find the principal
subspace (Oja) or its axes one by one (Sanger).
"""

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import netwright as nw
from netwright.classical import Oja, Sanger

X = load_digits().data
count = 8
pca = PCA(count).fit(X)
oja = Oja(count, random_state=0, center=True).fit(X)
sanger = Sanger(count, epochs=30, random_state=0, center=True).fit(X)
sanger.weights_ *= np.sign((sanger.weights_ * pca.components_).sum(axis=1, keepdims=True))  # axes have no sign

# %%
# Sanger's components are those of the eigenvalue problem, in the same order. Oja's span the same space and mix them:
# any turned set of axes is as good for its rule.

fig, axes = plt.subplots(3, 1, figsize=(8.4, 3.5), layout="constrained")
for ax, (name, weights) in zip(
    axes, {"PCA": pca.components_, "Sanger": sanger.weights_, "Oja": oja.weights_}.items(), strict=True
):
    strip = np.pad(weights.reshape(count, 8, 8), ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)
    ax.imshow(np.hstack(list(strip)), cmap="RdBu_r", vmin=-0.4, vmax=0.4)
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
plt.show()

# %%
# How 16 units get there, epoch by epoch: the share of the variance that the space of their weights holds, against that
# of the principal components. One pass gives most of it; what is missing then is the noise of single rows, which goes
# as the learning rate falls.

units, epochs = 16, 12
best = PCA(units).fit(X).explained_variance_ratio_.sum()
rows = X - X.mean(axis=0)
shares: dict[str, list[float]] = {}
for rule in (Oja, Sanger):
    network = rule(units, epochs=epochs, center=True, random_state=0)
    shares[rule.__name__] = []
    for _ in range(epochs):
        basis = np.linalg.qr(network.partial_fit(X).weights_.T)[0]
        shares[rule.__name__].append(((rows @ basis) ** 2).sum() / (rows**2).sum())
fig, ax = plt.subplots(figsize=(6.8, 3.6), layout="constrained")
ax.axhline(best, color="gray", linestyle="--")
ax.text(epochs, best, f"PCA: {best:.4f}", ha="right", va="bottom", color="gray")
for (name, share), colour in zip(shares.items(), ("#0072B2", "#D55E00"), strict=True):
    ax.plot(range(1, epochs + 1), share, marker="o", color=colour, label=f"{name}: {share[-1]:.4f}")
ax.set(xlabel="epoch", ylabel="share of the variance", ylim=(None, best + 0.003))
ax.legend(frameon=False, loc="lower right")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The weights of Sanger's 16 units, as images on one scale.

fig, ax = plt.subplots(figsize=(6, 5.4), layout="compressed")
nw.plots.templates(Sanger(16, epochs=30, random_state=0, center=True).fit(X), shape=(8, 8), ax=ax)
plt.show()

# %%
# Digits given back from 2, 8 and 24 outputs of Oja's units: `inverse_transform` of `transform`.

shown = X[[0, 3, 12, 24, 25, 31]]
sets = {"digits": shown}
for units in (24, 8, 2):
    network = Oja(units, random_state=0, center=True).fit(X)
    sets[f"{units} outputs"] = network.inverse_transform(network.transform(shown))
fig, axes = plt.subplots(4, 1, figsize=(6.2, 4.6), layout="constrained")
for ax, (name, images) in zip(axes, sets.items(), strict=True):
    strip = np.pad(images.reshape(-1, 8, 8), ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)
    ax.imshow(np.hstack(list(strip)), cmap="gray_r", vmin=0, vmax=16)
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
plt.show()
