"""
A map of handwritten digits
===========================

A self-organizing map lays 1,797 handwritten digits out on a grid, without being told which digit is which: pictures
that are alike win the same unit or units beside each other.
"""

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import netwright as nw
from netwright.classical import SOFM

X, y = load_digits(return_X_y=True)
X = X / 16
som = SOFM((12, 18), topology="hexagon", random_state=0).fit(X)
print(f"quantization error {som.quantization_error_:.3f}, topographic error {som.topographic_error_:.3f}")

# %%
# The weights of a unit are a picture like the rows, the mean of those that it and its neighbours win. From cell to cell
# the digits change their slant, their weight, and at last into another digit.

fig, ax = plt.subplots(figsize=(9, 5.4), layout="constrained")
for (row, column), weights in zip(som.centres(), som.weights_, strict=True):
    place = (column - 0.45, column + 0.45, row + 0.45, row - 0.45)
    ax.imshow(weights.reshape(8, 8), extent=place, cmap="gray_r", vmin=0, vmax=1)
ax.set(xlim=(-0.6, 18.1), ylim=(10.1, -0.6))
ax.axis("off")
plt.show()

# %%
# The U-matrix shows how far the weights of neighbours are from each other: light areas are clusters, dark ridges what
# lies between them.

fig, ax = plt.subplots(figsize=(8.4, 4.8), layout="compressed")
nw.plots.distance_map(som, ax=ax)
plt.show()

# %%
# The labels, which the map has never seen, say what the clusters are: each mark is a pie of the digits that its unit
# wins, as large as their number.

fig, ax = plt.subplots(figsize=(8.4, 4.8), layout="compressed")
nw.plots.hits(som, X, y, ax=ax)
plt.show()

# %%
# With labels the map classifies: a unit has the label of most rows that it wins, and a new row gets the label of its
# winner. `predict` still gives the number of the winner, and `predict_label` its label.

train, test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
som = SOFM((12, 18), topology="hexagon", random_state=0).fit(train, y_train)
fig, ax = plt.subplots(figsize=(8.4, 4.8), layout="compressed")
nw.plots.class_map(som, test, y_test, ax=ax)
right = np.mean(som.predict_label(test) == y_test)
ax.set_title(f"held-out digits on the map: {100 * right:.1f} % get the right label", loc="left", fontsize="medium")
plt.show()

# %%
# A plane for each feature shows where on the map it is great. Here six pixels of the fourth row: planes that look alike
# belong to pixels that are dark in the same digits.

figure = plt.figure(figsize=(9, 4.2), layout="constrained")
names = [f"pixel {i // 8}, {i % 8}" for i in range(64)]
nw.plots.component_planes(som, names, features=range(25, 31), figure=figure)
plt.show()
