"""
What images are made of: a restricted Boltzmann machine
=======================================================

A layer of hidden units learns which pixels go together, without labels. It can then make up images of its own, tell a
usual image from a strange one, and fill in what is missing. Here it learns MNIST where the folder ``NETWRIGHT_DATA``
has it, and otherwise scikit-learn's small digits.
"""

# sphinx_gallery_thumbnail_number = 2
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import netwright as nw
from netwright.classical import RBM
from netwright.plots import energy_curves, fantasies, templates

if (Path(os.environ.get("NETWRIGHT_DATA", "nowhere")) / "mnist").is_dir():
    images, _ = nw.data.load_mnist("test")
    train, test, shape, epochs = images[:5000], images[5000:6000], (28, 28), 15
else:
    images, _ = nw.data.load_digits()
    train, test, shape, epochs = images[:1400] > 0.5, images[1400:] > 0.5, (8, 8), 60
X, X_test = (part.reshape(len(part), -1).astype(np.float32) for part in (train, test))

options = {"epochs": epochs, "batch_size": 20, "learning_rate": (0.1, 0.01), "random_state": 0}
rbm = RBM(96, weight_decay=1e-3, **options).fit(X)

# %%
# The weights of each hidden unit as an image. A unit is on where an image has ink on the vermillion and none on the
# blue: strokes, their ends, and places where no stroke may be. ``transform`` gives the 96 probabilities as features.

fig, ax = plt.subplots(figsize=(8.4, 5.2), layout="compressed")
templates(rbm, shape, ax=ax)
plt.show()

# %%
# Now a machine that is to make up images. A sweep draws the hidden units given the visible ones and the visible ones
# given the hidden ones; after many of them a chain shows what the machine believes images to be. A column is always
# the same chain.

dreamer = RBM(96, persistent=True, **options).fit(X)
fig, ax = plt.subplots(figsize=(8.4, 3.4), layout="compressed")
fantasies(dreamer, shape, ax=ax)
plt.show()

# %%
# ``persistent=True`` is why these are digits: chains go on from one update to the next, and come round. The first
# machine learned by contrastive divergence, from chains that begin at rows in each update. It learns what rows look
# like, and soon; it never visits what lies far from them, and may leave there deep valleys that its own chains fall
# into. So for features take the one, for made-up rows the other.

fig, ax = plt.subplots(figsize=(8.4, 3.4), layout="compressed")
fantasies(rbm, shape, ax=ax)
ax.set_title("The first machine", loc="left", fontsize="medium")
plt.show()

# %%
# The course of both. The pseudo-likelihood asks how probable each pixel is, given all others; it needs no sum over all
# images, as the likelihood would, and it also looks at the neighbourhood of the rows only.

figure = plt.figure(figsize=(9.6, 4.6), layout="constrained")
left, right = figure.subfigures(1, 2)
for part, machine, name in ((left, rbm, "chains that begin at rows"), (right, dreamer, "persistent chains")):
    energy_curves(machine, figure=part)[0].set_title(name, loc="left", fontsize="medium")
for above, below in zip(left.axes, right.axes, strict=True):
    limits = [*above.get_ylim(), *below.get_ylim()]
    above.set_ylim(min(limits), max(limits))
    below.set_ylim(min(limits), max(limits))
plt.show()

# %%
# The free energy says how usual an image is: p(v) is exp(-F(v)), up to a factor that is the same for all. Digits that
# were not shown have about the energy of those that were; digits on their side and shuffled pixels stand out.

pictures = X_test.reshape(-1, *shape)
order = np.random.default_rng(0).permutation(X.shape[1])
kinds = {
    "shown": X,
    "not shown": X_test,
    "on their side": np.rot90(pictures, axes=(1, 2)).reshape(len(X_test), -1),
    "pixels shuffled": X_test[:, order],
}
fig, ax = plt.subplots(figsize=(8.4, 3.4), layout="constrained")
energies = {name: dreamer.free_energy(rows) for name, rows in kinds.items()}
bins = np.linspace(*np.quantile(np.concatenate(list(energies.values())), [0.001, 0.99]), 60)
for (name, values), colour in zip(energies.items(), ("#808080", "#0072B2", "#E69F00", "#D55E00"), strict=True):
    ax.hist(values, bins, density=True, histtype="step", linewidth=1.8, color=colour, label=name)
ax.set(xlabel="free energy", ylabel="density")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
plt.show()

# %%
# Filling in: the lower half of an image is taken away, and sweeps are made in which the upper half is put back every
# time. What comes out fits to what was left, and need not be what was there.

shown = X_test[np.argsort(dreamer.free_energy(X_test))[:: len(X_test) // 12][:12]]
upper = np.arange(X.shape[1]) < X.shape[1] // 2
states = np.where(upper, shown, 0.0)
stages = [shown, states]
for sweep in range(100):
    states = np.where(upper, shown, dreamer.gibbs(states, means=sweep == 99, random_state=sweep))
stages.append(states)
fig, axes = plt.subplots(3, 12, figsize=(8.4, 2.4), layout="constrained")
for row, (name, stage) in zip(axes, zip(("image", "upper half", "filled in"), stages, strict=True), strict=True):
    for ax, image in zip(row, stage, strict=True):
        ax.imshow(image.reshape(shape), cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
plt.show()
