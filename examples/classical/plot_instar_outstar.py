"""
Instar and outstar: to recognise and to recall
==============================================

Grossberg's two stars are mirror images of each other. The weights that come in to an instar move towards the pattern at
its inputs while it is active: it learns to recognise. The weights that go out from an outstar's input move towards the
pattern at the units while that input is active: it learns to recall.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import netwright as nw
from netwright.classical import Instar, Outstar

X, y = load_digits(return_X_y=True)
classes = np.eye(10)[y]
lengths = np.linalg.norm(X, axis=1, keepdims=True)
rows = X / lengths

# %%
# An instar with one fixed input, the signal, and 64 pixels. The signal comes with each digit 3 and makes the unit
# respond; the picture that is there then draws its weights. Once the weights have come near, threes alone lift the net
# input above the threshold of 0.8 = cos 37°, with no signal.

signal = (y == 3).astype(float)[:, None]
train, test = slice(0, 900), slice(900, None)
instar = Instar(n_unconditioned=1, bias=-0.8, learning_rate=0.05)
nets: dict[str, list[float]] = {"threes": [], "eights": [], "zeros": []}
pieces = np.array_split(np.arange(900), 60)
for piece in pieces:
    instar.partial_fit(np.hstack([signal[piece], rows[piece]]))
    for name, digit in zip(nets, (3, 8, 0), strict=True):
        nets[name].append(float((rows[test][y[test] == digit] @ instar.weights_[0, 1:]).mean()))

fig, ax = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
seen = np.cumsum([signal[piece].sum() for piece in pieces])
for (name, net), colour in zip(nets.items(), ("#0072B2", "#D55E00", "#009E73"), strict=True):
    ax.plot(seen, net, color=colour, linewidth=2)
    ax.annotate(name, (seen[-1], net[-1]), xytext=(5, 0), textcoords="offset points", color=colour, va="center")
ax.axhline(0.8, color="gray", linestyle="--")
ax.text(0, 0.805, "threshold", color="gray", va="bottom")
ax.set(xlabel="threes seen with the signal", ylabel="mean net input of new digits", ylim=(0, 1), xlim=(0, seen[-1]))
ax.spines[["top", "right"]].set_visible(False)
answers = instar.predict(np.hstack([np.zeros_like(signal[test]), rows[test]]))[:, 0]
hit, false = answers[y[test] == 3].mean(), answers[y[test] != 3].mean()
ax.set_title(
    f"answered without the signal: {hit:.0%} of new threes, {false:.0%} of others", loc="left", fontsize="medium"
)
plt.show()

# %%
# An outstar for each class: its input is active while pictures of that class are shown, and afterwards recalls them.
# The strip shows what the ten inputs recall after 10, 50, 200 and 1797 pictures. At rate 0.1 a weight is a mean of
# what it has seen in which the last ten or twenty pictures count most.

outstar = Outstar(learning_rate=0.1)
start, stops, recalled = 0, (10, 50, 200, 1797), []
for stop in stops:
    outstar.partial_fit(classes[start:stop], X[start:stop])
    recalled.append(outstar.predict(np.eye(10)))
    start = stop
fig, axes = plt.subplots(4, 1, figsize=(8.2, 3.9), layout="constrained")
for ax, images, stop in zip(axes, recalled, stops, strict=True):
    strip = np.pad(images.reshape(10, 8, 8), ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)
    ax.imshow(np.hstack(list(strip)), cmap="gray_r", vmin=0, vmax=16)
    ax.set_ylabel(f"{stop} pictures", rotation=0, ha="right", va="center")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
plt.show()

# %%
# Ten instars that are told the class learn the same pictures, a row of weights each. Their weights, seen as images:
# the instar rule with rows and activities exchanged is the outstar rule.

ten = Instar(learning_rate=0.1).fit(X, classes)
fig, ax = plt.subplots(figsize=(6.6, 3.4), layout="compressed")
nw.plots.templates(ten, shape=(8, 8), ax=ax)
same = np.array_equal(ten.weights_, Outstar(learning_rate=0.1).fit(classes, X).weights_.T)
ax.set_xlabel(f"equal to the outstar's weights, transposed: {same}")
plt.show()

# %%
# Instars below, outstars above: such a network completes what it sees. The instar whose weights point most nearly in
# the direction of the picture (compared where there are pixels) recognises it, and its outstar recalls the whole.

seen = np.arange(64) < 40  # the upper five rows
recognise = Instar(learning_rate=0.05, epochs=5, shuffle=True, random_state=0).fit(rows[train], classes[train])
weights = recognise.weights_[:, seen] / np.linalg.norm(recognise.weights_[:, seen], axis=1, keepdims=True)
winners = (X[test][:, seen] @ weights.T).argmax(axis=1)
right = (winners == y[test]).mean()
fig, axes = plt.subplots(2, 8, figsize=(8.4, 2.7), layout="constrained")
for column, place in enumerate(range(10, 18)):
    cut = np.where(seen, X[test][place], np.nan).reshape(8, 8)
    whole = outstar.predict(np.eye(10)[winners[[place]]]).reshape(8, 8)
    for ax, image in zip(axes[:, column], (cut, whole), strict=True):
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
    mark = "" if winners[place] == y[test][place] else f", is {y[test][place]}"
    axes[1, column].set_xlabel(f"{winners[place]}{mark}")
axes[0, 0].set_ylabel("seen")
axes[1, 0].set_ylabel("recalled")
fig.suptitle(f"{right:.0%} of 897 new digits are recognised by their upper five rows", fontsize="medium")
plt.show()
