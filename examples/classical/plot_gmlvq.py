"""
A distance that is learned: matrix LVQ
======================================

Prototypes classify by distance, and a distance treats all features alike unless it is told better. GMLVQ learns the
matrix of its distance together with the prototypes: features that tell the classes apart get relevance, the others lose
it. The matrix can be read, and it spans a plane in which the classes can be seen.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_wine, make_blobs
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import netwright as nw
from netwright.classical import GLVQ, GMLVQ

# %%
# Three groups that two features tell apart, and beside them features of noise that spread more widely. In the Euclidean
# distance the widest features count most: neighbours lose their way at once, prototypes later. The learned distance
# turns the noise down.

generator = np.random.default_rng(0)
X, y = make_blobs(3000, centers=[[0, 0], [3, 0], [1.5, 2.5]], cluster_std=0.8, random_state=0)
X = np.column_stack([X, generator.normal(0, 3, (3000, 32))])
train, test = slice(0, 300), slice(300, None)
counts = [0, 1, 2, 4, 8, 16, 32]
models = {"GMLVQ": GMLVQ(2, random_state=0), "GLVQ": GLVQ(2, random_state=0), "5 neighbours": KNeighborsClassifier(5)}
fig, ax = plt.subplots(figsize=(6.8, 3.8), layout="constrained")
for (name, model), colour in zip(models.items(), ("#0072B2", "#D55E00", "#808080"), strict=True):
    used = [slice(0, 2 + count) for count in counts]
    scores = [model.fit(X[train, part], y[train]).score(X[test, part], y[test]) for part in used]
    ax.plot(counts, scores, "o-", color=colour, label=name)
ax.set(xlabel="features of noise beside the two that count", ylabel="accuracy on 2700 new rows")
ax.legend(frameon=False)
plt.show()

# %%
# Wines of three growers by thirteen measurements, brought to one scale. Lambda says which of them count (its diagonal),
# and which pairs count together (vermillion) or against each other (blue). Flavanoids and proline come first;
# magnesium is not needed.

wine = load_wine()
X, y = StandardScaler().fit_transform(wine.data), np.array(["grower A", "grower B", "grower C"])[wine.target]
network = GMLVQ(random_state=0).fit(X, y)
names = [name.split("/")[0].replace("_", " ") for name in wine.feature_names]
fig = plt.figure(figsize=(8.6, 4.6), layout="constrained")
nw.plots.relevances(network, names, figure=fig)
plt.show()
scores = cross_val_score(make_pipeline(StandardScaler(), GMLVQ(random_state=0)), wine.data, wine.target, cv=10)
print(f"{scores.mean():.1%} right in ten-fold cross-validation, with one prototype a grower")

# %%
# With ``rank=2`` the distance lives in a plane. On the left the plane of greatest variance, which knows nothing of the
# growers; on the right the learned one, with the prototypes and their regions, which are exact there.

fig, (left, right) = plt.subplots(1, 2, figsize=(10.4, 4.4), layout="constrained")
seen = PCA(2).fit_transform(X)
for grower, colour in zip(np.unique(y), ("#0072B2", "#E69F00", "#009E73"), strict=True):
    left.plot(*seen[y == grower].T, ".", color=colour)
left.set(xlabel="first principal component", ylabel="second principal component", aspect="equal")
left.set_title("PCA", loc="left")
left.spines[["top", "right"]].set_visible(False)
network = GMLVQ(rank=2, solver="lbfgs", random_state=0).fit(X, y)
nw.plots.prototypes(network, X, y, ax=right)
right.set_title("GMLVQ(rank=2)", loc="left")
plt.show()

# %%
# How many dimensions do the digits need? The pictures have 64 pixels; with one prototype a digit, a learned space of a
# few dimensions classifies like the whole one.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
ranks = [1, 2, 3, 4, 5, 6, 8, 12, 16, 32, 64]
options = {"solver": "lbfgs", "epochs": 60, "beta": 5.0, "random_state": 0}
scores = [GMLVQ(rank=rank, **options).fit(X_train, y_train).score(X_test, y_test) for rank in ranks]
plain = GLVQ(solver="lbfgs", beta=5.0, random_state=0).fit(X_train, y_train).score(X_test, y_test)
fig, ax = plt.subplots(figsize=(6.8, 3.8), layout="constrained")
ax.plot(ranks, scores, "o-", color="#0072B2", label="GMLVQ")
ax.axhline(plain, color="#D55E00", linestyle="--", label="GLVQ, all 64 pixels")
ax.set(xscale="log", xlabel="dimensions of the learned space (rank)", ylabel="accuracy on new digits")
ax.set_xticks(ranks, [str(rank) for rank in ranks])
ax.minorticks_off()
ax.legend(frameon=False)
plt.show()
