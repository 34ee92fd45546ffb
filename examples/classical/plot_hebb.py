"""
Pavlov's dog: conditioning by Hebb's rule
=========================================

A dog salivates when it smells food. If a bell rings whenever there is food, the bell alone is soon enough. Hebb's rule
says how: the weight of an input grows whenever it is active together with the unit.
"""

# sphinx_gallery_thumbnail_number = 1
import warnings

import matplotlib.pyplot as plt
import numpy as np

import netwright as nw
from netwright.classical import Hebb, Oja
from netwright.core.errors import DivergenceWarning

# %%
# The weight of the food is fixed at 1, so that food alone makes the unit respond; the weight of the bell is learned.
# Food and bell come together for 12 days, then the bell rings alone, and in the end nothing happens at all. With a
# decay the weight tends to rate / decay = 0.9 while both come together. While the bell alone makes the dog respond, it
# goes on to teach itself (its own response is what it learns from); only in silence does it forget.

days = [(1, 1)] * 12 + [(0, 1)] * 10 + [(0, 0)] * 14
dog = Hebb(activation="step", n_unconditioned=1, learning_rate=0.18, decay=0.2)
weights, responds = [], []
for day in days:
    dog.partial_fit([day])
    weights.append(dog.weights_[0, 1])
    responds.append(bool(dog.predict([(0, 1)]).item()))

fig, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
number = np.arange(1, len(days) + 1)
ax.step(number, weights, where="mid", color="#0072B2", linewidth=2)
ax.scatter(number, weights, c=["#D55E00" if r else "white" for r in responds], edgecolor="#D55E00", zorder=3)
ax.axhline(0.5, color="gray", linestyle="--")
ax.text(len(days) + 0.5, 0.51, "threshold", ha="right", va="bottom", color="gray")
for start, stop, text in ((0.5, 12.5, "food and bell"), (12.5, 22.5, "bell alone"), (22.5, 36.5, "silence")):
    ax.axvspan(start, stop, color="gray", alpha=0.12 if text == "bell alone" else 0.04, linewidth=0)
    ax.text((start + stop) / 2, 1.02, text, ha="center", va="bottom")
ax.set(xlabel="day", ylabel="weight of the bell", ylim=(0, 1), xlim=(0.5, 36.5))
ax.set_title("filled: the bell alone is answered", loc="left", fontsize="medium", pad=22)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# With activities that are given, Hebb's rule stores pairs of a key and an answer in one matrix. Keys at right angles
# recall their answers exactly; random keys disturb each other, the more the more pairs are stored.

rng = np.random.default_rng(0)
width, counts = 64, np.arange(4, 65, 4)
errors = {"keys at right angles": [], "random keys of length 1": []}
for count in counts:
    square = np.linalg.qr(rng.normal(size=(width, width)))[0]
    random = rng.normal(size=(width, width))
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    answers = np.sign(rng.normal(size=(count, 200)))
    for name, keys in zip(errors, (square, random), strict=True):
        recalled = Hebb(learning_rate=1.0).fit(keys[:count], answers).predict(keys[:count])
        errors[name].append((np.sign(recalled) != answers).mean())
fig, ax = plt.subplots(figsize=(6.6, 3.4), layout="constrained")
for (name, error), colour in zip(errors.items(), ("#0072B2", "#D55E00"), strict=True):
    ax.plot(counts, error, marker="o", color=colour, label=name)
ax.set(xlabel=f"pairs stored in {width} x 200 weights", ylabel="wrong signs of what is recalled", ylim=(-0.01, 0.2))
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Six fruits, three to eat and three to leave. With decay the weights are a running count of what went together, and
# sweet and sour turn out to be what matters: red, brown and soft go with both.

inputs = {"sweet": 0, "sour": 1, "red": 2, "brown": 3, "soft": 4}
fruits = np.array(
    [[1, 0, 1, 0, 1], [1, 0, 1, 0, 0], [0, 1, 0, 0, 1], [1, 0, 0, 1, 1], [0, 1, 1, 0, 0], [0, 0, 0, 1, 1]]
)
liked = np.array([[1, 0], [1, 0], [0, 1], [1, 0], [0, 1], [0, 1]])
taste = Hebb(learning_rate=0.25, decay=0.05, epochs=20).fit(fruits, liked)
fig, ax = plt.subplots(figsize=(5.4, 2.6), layout="compressed")
nw.plots.association(taste, ax=ax)
ax.set_xticks(range(5), list(inputs))
ax.set_yticks(range(2), ["eat", "leave"])
plt.show()

# %%
# A linear unit that learns from its own output has nothing to hold it: its weights grow for ever in the direction of
# the first principal axis. Oja's rule adds just the decay that keeps their length at 1.

X = rng.normal(size=(300, 2)) @ [[1.0, 0.6], [0.0, 0.4]]
hebb = Hebb(init=[[0.1, 0.0]], learning_rate=0.01)
oja = Oja(init=[[0.1, 0.0]], learning_rate=0.01, center=False, shuffle=False, epochs=1)
lengths = {"Hebb": [0.1], "Oja": [0.1]}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DivergenceWarning)  # that is what we want to see
    for part in np.split(X, 30):
        lengths["Hebb"].append(np.linalg.norm(hebb.partial_fit(part).weights_))
        lengths["Oja"].append(np.linalg.norm(oja.partial_fit(part).weights_))
fig, ax = plt.subplots(figsize=(6.6, 3.4), layout="constrained")
for (name, length), colour in zip(lengths.items(), ("#D55E00", "#0072B2"), strict=True):
    ax.plot(np.arange(31) * 10, length, color=colour, linewidth=2)
    ax.annotate(name, (300, length[-1]), xytext=(5, 0), textcoords="offset points", color=colour, va="center")
ax.set(xlabel="rows seen", ylabel="length of the weights", yscale="log", xlim=(0, 300))
ax.spines[["top", "right"]].set_visible(False)
plt.show()
