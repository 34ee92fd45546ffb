"""
Prototypes with labels: learning vector quantization
====================================================

A few prototypes stand for each class, and a row gets the label of the nearest one. The rules differ in which prototypes
a row moves: LVQ1 the nearest; LVQ2, LVQ2.1 and LVQ3 the two nearest, where the row lies between them; GLVQ the nearest
right one and the nearest wrong one of every row, by as much as lowers a cost.
"""

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

import netwright as nw
from netwright.classical import GLVQ, LVQ1, LVQ2, LVQ3, LVQ21

# %%
# Three classes of very different spread, three prototypes each. K-means puts the prototypes in the middle of their
# rows, so borders lie half-way between the middles, too far in the wide class. The rules start there and move them; the
# titles say which share of 9000 new rows is right. The prototypes of LVQ2.1 leave their rows, as it minds nothing but
# the border; LVQ3 holds them.

generator = np.random.default_rng(3)


def clouds(n: int) -> tuple[np.ndarray, np.ndarray]:
    """A wide class, a narrow arc in it, and a narrow group at its side."""
    angle = generator.uniform(0.2, 2.4, n)
    arc = 1.6 * np.column_stack([np.cos(angle), np.sin(angle)]) + generator.normal(0, 0.16, (n, 2))
    wide = generator.normal(0, [1.5, 1.1], (n, 2))
    group = generator.normal([2.6, -0.6], [0.3, 0.5], (n, 2))
    return np.concatenate([wide, arc, group]), np.repeat(["wide", "arc", "group"], n)


X, y = clouds(150)
X_test, y_test = clouds(3000)
start = {"prototypes_per_class": 3, "init": "kmeans", "random_state": 0}
networks = {
    "before, by k-means": LVQ1(**start, learning_rate=0.0, epochs=1),
    "LVQ1": LVQ1(**start, epochs=30),
    "LVQ2": LVQ2(**start, epochs=30),
    "LVQ2.1": LVQ21(**start, epochs=30),
    "LVQ3": LVQ3(**start, epochs=30),
    "GLVQ": GLVQ(**start),
}
fig, axes = plt.subplots(2, 3, figsize=(10.4, 7.4), sharex=True, sharey=True, layout="compressed")
for ax, (name, network) in zip(axes.flat, networks.items(), strict=True):
    nw.plots.prototypes(network.fit(X, y), X, y, ax=ax)
    ax.set_title(f"{name}: {network.score(X_test, y_test):.1%}", loc="left")
    ax.set(xlabel="", ylabel="", xlim=(-3.3, 3.9), ylim=(-2.6, 3.6))
    if name != "LVQ2":
        ax.get_legend().remove()
    ax.label_outer()
plt.show()

# %%
# The digits, five prototypes a class, epoch by epoch with ``partial_fit``. Fifty prototypes nearly do what the 1257
# training rows do as neighbours. Rows between two prototypes teach the rules with a window; the cost of GLVQ makes use
# of all of them.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
rules = {"LVQ1": LVQ1, "LVQ2": LVQ2, "LVQ2.1": LVQ21, "LVQ3": LVQ3, "GLVQ": GLVQ}
fig, ax = plt.subplots(figsize=(7.2, 4.4), layout="constrained")
for (name, rule), colour in zip(rules.items(), ["#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00"], strict=True):
    courses = []
    for seed in range(3):
        network = rule(5, epochs=25, random_state=seed)
        scores = [network.partial_fit(X_train, y_train).score(X_test, y_test) for _ in range(25)]
        courses.append(scores)
    ax.plot(np.arange(1, 26), np.mean(courses, axis=0), color=colour, label=name)
means = LVQ1(init="mean", learning_rate=0.0, epochs=1, random_state=0)
for name, reference, style in (("class means", means, ":"), ("all rows (1-NN)", KNeighborsClassifier(1), "--")):
    score = reference.fit(X_train, y_train).score(X_test, y_test)
    ax.axhline(score, color="gray", linestyle=style, linewidth=1, label=name)
ax.set(xlabel="epoch", ylabel="accuracy on new digits, mean of 3 seeds", ylim=(0.895, 0.993))
ax.legend(frameon=False, ncols=2, loc="center right", bbox_to_anchor=(1.0, 0.4))
plt.show()

# %%
# What the prototypes look like. Those of LVQ1 are blurred digits, near the means of their rows. Those of GLVQ are drawn
# with darks and lights beyond what pixels can be (red: below white): they need not look like a digit, they must be
# nearer to it than the prototypes of other classes.

fig, axes = plt.subplots(2, 10, figsize=(10, 2.3), layout="constrained")
for row, network in zip(axes, (LVQ1(1, random_state=0), GLVQ(1, random_state=0)), strict=True):
    network.fit(X_train, y_train)
    for ax, prototype in zip(row, network.prototypes_, strict=True):
        ax.imshow(prototype.reshape(8, 8), cmap="RdGy", vmin=-16, vmax=16)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    row[0].set_ylabel(
        f"{type(network).__name__}\n{network.score(X_test, y_test):.1%}", rotation=0, ha="right", va="center"
    )
plt.show()

# %%
# ``decision_function`` tells how much nearer the prototypes of another class are, from -1 to 1. Where the network may
# leave the most doubtful digits to somebody else, it makes no mistakes with the rest.

network = GLVQ(5, random_state=0).fit(X_train, y_train)
margin = network.decision_function(X_test).max(axis=1)
right = (network.predict(X_test) == y_test)[np.argsort(-margin)]
kept = np.arange(1, len(right) + 1)
fig, (left, other) = plt.subplots(1, 2, figsize=(9.2, 3.4), layout="constrained")
bins = np.linspace(0, margin.max(), 31)
left.hist(margin[network.predict(X_test) == y_test], bins, color="#0072B2", label="right")
left.hist(margin[network.predict(X_test) != y_test], bins, color="#D55E00", label="wrong")
left.set(xlabel="decision of the winner", ylabel="new digits", yscale="log")
left.legend(frameon=False)
other.plot(kept / len(right), np.cumsum(right) / kept, color="#0072B2")
other.set(xlabel="share of the digits that are answered", ylabel="accuracy on these")
other.set_xlim(0.5, 1.0)
plt.show()
