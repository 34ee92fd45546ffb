"""
A network that writes like Shakespeare, nearly
==============================================

A model of language learns which character comes next from all characters before it. After seconds of training its
prediction is compared with what counting gives; then it writes, cautiously and boldly. The text comes from the folder
``NETWRIGHT_DATA``; without it, Python's own help pages are read.
"""

# sphinx_gallery_thumbnail_number = 2
import os
from collections import Counter
from pathlib import Path
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize

import netwright as nw
from netwright.layers import LSTM

path = Path(os.environ.get("NETWRIGHT_DATA", "nowhere")) / "text" / "tinyshakespeare.txt"
if path.is_file():
    text = path.read_text(encoding="utf-8")
else:
    words = "\n".join(" ".join(line.strip("*=- ").split()) for page in topics.values() for line in page.splitlines())
    text = words.encode("ascii", "ignore").decode()
whole = text[:160_000]
text, held = whole[:144_000], whole[144_000:]  # the last tenth is held out

# %%
# One layer of 128 units reads 32 streams of the text side by side. The callback keeps the loss of every batch, which is
# the mean of -log p of the characters that came, in nats.


class EveryBatch:
    """The loss after each update."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_batch_end(self, run: nw.train.Run) -> None:
        self.losses.append(float(run.loss))


every = EveryBatch()
model = nw.sequence.LanguageModel(
    LSTM(128),
    width=32,
    optimizer=nw.optim.Clip(nw.optim.Adam(nw.optim.polynomial_decay(0.02)), 5.0),
    epochs=2,
    batch_size=32,
    steps=32,
    validation=0.1,
    callbacks=[every],
    random_state=0,
).fit(whole)
nats = model.nats(held)
print(f"{nats:.3f} nats a character on held-out text, or {nats / np.log(2):.3f} bits")

# %%
# To compare with: how well the next character is predicted by counting how often it came behind the last one, two, ...
# characters. Each longer count leans on the shorter one where it has seen little.


def counted(longest: int) -> list[float]:
    """Nats a held-out character by counts of 1, 2, ... characters."""
    p, found = np.full(len(held), 1 / len(set(text))), []
    for n in range(1, longest + 1):
        wholes = Counter(text[at : at + n] for at in range(len(text) - n + 1))
        before = Counter(text[at : at + n - 1] for at in range(len(text) - n + 1))
        padded = text[-n:] + held
        pieces = [padded[at + 1 : at + n + 1] for at in range(len(held))]
        came = np.array([(wholes[piece], before[piece[:-1]]) for piece in pieces])
        p = (came[:, 0] + 8 * p) / (came[:, 1] + 8)
        found.append(float(-np.log(p).mean()))
    return found


counts = counted(5)

# %%
# The network soon knows which letters are frequent, then what two and three letters in a row say. The held-out text is
# the end of this part, with people and matters of its own: it is harder than what the network has read before.

NAMES = ("letters", "pairs", "threes", "fours", "fives")
seen = np.cumsum([32 * 32] * len(every.losses))
smooth = np.convolve(every.losses, np.full(15, 1 / 15), mode="valid")
fig, ax = plt.subplots(figsize=(8.4, 4.2), layout="constrained")
ax.plot(seen, every.losses, color="#56B4E9", linewidth=0.6, alpha=0.7)
ax.plot(seen[7:-7], smooth, color="#0072B2", linewidth=2.2, label="training, running mean of 15 batches")
ends = len(text) * np.arange(1, 1 + model.n_iter_)
ax.plot(ends, model.history_["validation_loss"], "o", color="#D55E00", label="held-out text, after an epoch")
for number in (0, 1, 2, 4):
    ax.axhline(counts[number], color="#808080", linewidth=1, linestyle="--", zorder=0)
    name = f"counts of {NAMES[number]}: {counts[number]:.2f}"
    ax.text(1.01, counts[number], name, transform=ax.get_yaxis_transform(), va="center", color="#606060")
passed = sum(nats < count for count in counts)
ax.set(
    xlabel="characters read",
    ylabel="nats a character",
    xlim=(0, ends[-1] * 1.02),
    ylim=(min(counts + every.losses) - 0.1, 3.7),
)
ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
behind = f", behind counts of {NAMES[passed]}" if passed < len(counts) else ""
ax.set_title(f"Held-out text: {nats:.2f} nats, ahead of counts of {NAMES[max(passed - 1, 0)]}{behind}")
ax.legend(loc="upper right", bbox_to_anchor=(1, 0.86), facecolor="white", framealpha=1, edgecolor="none")
plt.show()

# %%
# The temperature says how boldly it writes: probabilities are raised to one over it. Each character below is coloured
# by how much it surprised the network that wrote it, -log p. At 0.3 it takes what is probable and repeats itself; at 1
# it writes as it believes people do, and risks words that there are not.

WIDTH, LINES = 38, 10  # letters in a line, lines
SHADES = LinearSegmentedColormap.from_list("surprise", ["#ffffff", "#E69F00", "#D55E00"])
temperatures, norm = (0.3, 0.7, 1.0), Normalize(0, 6)


def surprises(written: str, prompt: str) -> np.ndarray:
    """-log p of each character behind the prompt."""
    return -np.diff(model.log_prob([prompt + written[:count] for count in range(len(written) + 1)]))


def broken(written: str) -> list[list[int]]:
    """The places of the characters of each line, long lines broken behind a space."""
    lines: list[list[int]] = [[]]
    for at, character in enumerate(written):
        if character == "\n":
            lines.append([])
            continue
        lines[-1].append(at)
        if len(lines[-1]) > WIDTH:
            cut = 1 + max((k for k, place in enumerate(lines[-1]) if written[place] == " "), default=WIDTH - 1)
            lines.append(lines[-1][cut:])
            del lines[-2][cut:]
    return lines


fig, axes = plt.subplots(1, 3, figsize=(10.4, 3.3))
fig.subplots_adjust(0.01, 0.13, 0.99, 0.92, wspace=0.04)
for ax, temperature in zip(axes, temperatures, strict=True):
    written = model.sample(300, "\n\n", temperature, random_state=1)
    surprise, image = surprises(written, "\n\n"), np.zeros((LINES, WIDTH + 1))
    for row, line in enumerate(broken(written)[:LINES]):
        image[row, : len(line)] = surprise[line]
        for column, at in enumerate(line):
            if written[at] != " ":
                ax.text(column, row, written[at], family="monospace", fontsize=8.5, ha="center", va="center")
    ax.imshow(image, cmap=SHADES, norm=norm, aspect="auto")
    ax.set_axis_off()
    ax.set_title(f"temperature {temperature}: {surprise.mean():.2f} nats a character")
bar = fig.add_axes((0.4, 0.075, 0.2, 0.03))
fig.colorbar(plt.cm.ScalarMappable(norm, SHADES), cax=bar, orientation="horizontal")
bar.tick_params(labelsize=8, length=0)
fig.text(0.39, 0.09, "surprise, nats", ha="right", va="center", fontsize=9)
plt.show()

# %%
# Beam search looks for the most probable continuation as a whole, and not for the most probable character each time. It
# pays: what it finds is more probable than what the best next character leads to.

prompt = "What is the "
greedy, best = model.complete(prompt, 16, beams=1)[0], model.complete(prompt, 16, beams=20)
print(f"best character each time  {prompt + greedy.text!r}, log p {greedy.log_prob:.2f}")
for found in best[:3]:
    print(f"beam search               {prompt + found.text!r}, log p {found.log_prob:.2f}")
