"""
Searching rate, width, depth and dropout
========================================

Forty networks for handwritten digits: twenty-four are trained for three epochs all over the space, and sixteen for
twelve epochs round the best of them.
"""

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt

import netwright as nw

X, y = nw.data.load_digits()
X, y, X_test, y_test = X[:600], y[:600], X[600:], y[600:]
pattern = "INPUT -> FLATTEN -> [FC{width} -> RELU -> DROP{dropout}]*{depth} -> FC"
space = {
    "optimizer__lr": nw.log_uniform(1e-5, 1),
    "network": nw.varied(pattern, width=2 ** nw.integers(2, 6), depth=[1, 2, 3], dropout=nw.uniform(0, 0.6)),
    "batch_size": [32, 64],
}
clf = nw.Classifier(epochs=12)
found = nw.search(clf, space, X, y, trials=40, coarse_epochs=3, random_state=0)
print(found)
print(f"share of new digits that are right: {found.score(X_test, y_test):.3f}")

# %%
# A line is a trial, from what it drew to its score; the darker, the better. Dark lines gather at rates of about 0.01
# and at little dropout, and go through all depths.

fig, ax = plt.subplots(figsize=(9.2, 4.4), layout="constrained")
nw.plots.search_parallel(found, ax=ax)
plt.show()

# %%
# Hollow points are short trials, full ones long. The shade is the range that the second half of the search drew from.

fig = plt.figure(figsize=(9.6, 6), layout="constrained")
nw.plots.search_slice(found, figure=fig)
plt.show()

# %%
# Which parameter explains the differences between the short trials? The width and the rate more than the others: in
# three epochs neither four units nor a rate of 0.0001 get anywhere. The size of the batches hardly matters.

fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
nw.plots.search_importance(found, ax=ax)
plt.show()
