"""
What the units of a language model keep in mind
===============================================

An LSTM reads a text character by character. Some of its units come to stand for something that can be named: capitals,
vowels, how long a word or a line has been going on. They are found by measuring, and then watched at work with their
gates. The text comes from the folder ``NETWRIGHT_DATA``; without it, Python's own help pages are read.
"""

# sphinx_gallery_thumbnail_number = 1
import os
from pathlib import Path
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

import netwright as nw
from netwright.layers import LSTM

path = Path(os.environ.get("NETWRIGHT_DATA", "nowhere")) / "text" / "tinyshakespeare.txt"
if path.is_file():
    text = path.read_text(encoding="utf-8")
else:
    words = "\n".join(" ".join(line.strip("*=- ").split()) for page in topics.values() for line in page.splitlines())
    text = words.encode("ascii", "ignore").decode()
text, looked_at, shown = text[:135_000], text[150_000:153_000], text[154_000:156_000]

model = nw.sequence.LanguageModel(
    LSTM(128),
    width=32,
    optimizer=nw.optim.Clip(nw.optim.Adam(nw.optim.polynomial_decay(0.01)), 5.0),
    epochs=2,
    batch_size=32,
    steps=32,
    validation=None,
    random_state=0,
).fit(text)
print(f"{model.nats(shown):.2f} nats a character on text that it has not read")

# %%
# For each property of a character, the unit whose memory C goes with it best: the largest correlation, in size, over
# one piece of text. What is a matter of yes or no is compared with tanh C, which is what the output gate lets out;
# counts with C itself, which has no bounds. The correlation that is reported is that over another piece.


def since(text: str, begins: str) -> np.ndarray:
    """How many characters ago the last one of some kind was."""
    last, found = -1, []
    for at, character in enumerate(text):
        found.append(at - last - 1)
        last = at if character in begins else last
    return np.array(found, dtype=float)


def properties(text: str) -> dict[str, np.ndarray]:
    """What may be said of each character, as yes or no or as a count."""
    return {
        "capital letter": np.array([letter.isupper() for letter in text]),
        "vowel": np.array([letter in "aeiouAEIOU" for letter in text]),
        "inside a word": np.array([letter.isalpha() for letter in text]),
        "characters since the line began": since(text, "\n"),
    }


def against(unit: np.ndarray, values: np.ndarray) -> float:
    """The correlation of a unit's memory with a property."""
    return float(np.corrcoef(np.tanh(unit) if values.dtype == bool else unit, values)[0, 1])


memory = model.states(looked_at, part="C")
states = {part: model.states(shown, part=part) for part in ("C", "i", "f", "o")}  # (characters, units) each
units = {}
for name, values in properties(looked_at).items():
    r = [against(unit, values) for unit in memory.T]
    unit = int(np.argmax(np.abs(r)))
    sign = np.sign(r[unit])
    units[name] = unit, sign, against(sign * states["C"][:, unit], properties(shown)[name])
    print(f"{name:32} unit {unit:3}, r = {abs(r[unit]):.2f}, on the other text {units[name][2]:.2f}")

# %%
# The memory of these units over some lines, one unit a panel, blue where it is high and vermillion where it is low
# (turned over where the correlation is negative). Nobody told the network of lines or capitals: it found them useful.

SHADES = LinearSegmentedColormap.from_list("memory", ["#D55E00", "#ffffff", "#0072B2"])
start = shown.index("\n\n") + 2
lines, at = [], start
while len(lines) < 9:
    end = shown.index("\n", at)
    lines.append(range(at, end + 1))
    at = end + 1
wide = 46
fig, axes = plt.subplots(2, 2, figsize=(10.4, 5.2))
fig.subplots_adjust(0.01, 0.01, 0.99, 0.95, wspace=0.03, hspace=0.14)
for ax, (name, (unit, sign, there)) in zip(axes.flat, units.items(), strict=True):
    image, drawn = np.full((len(lines), wide), np.nan), sign * states["C"][:, unit]
    if properties(shown)[name].dtype == bool:
        drawn = np.tanh(drawn)
    low, high = np.quantile(drawn, (0.03, 0.97))
    for row, line in enumerate(lines):
        for column, at in enumerate(line[:wide]):
            image[row, column] = np.clip(2 * (drawn[at] - low) / (high - low) - 1, -1, 1)
            if shown[at] not in " \n":
                ax.text(column, row, shown[at], family="monospace", fontsize=9, ha="center", va="center")
    ax.imshow(image, cmap=SHADES, vmin=-1.4, vmax=1.4, aspect="auto")
    ax.set_axis_off()
    ax.set_title(f"unit {unit}: {name} (r = {there:.2f})")
plt.show()

# %%
# One of them with its gates, over the first of these lines. The memory is C = f C + i g: f keeps, i writes. A counter
# holds f near 1 and adds a little at each step, until a new line lets it forget.

name = "characters since the line began"
unit, sign, _ = units[name]
part = slice(lines[0].start, lines[3].stop)
letters = [{"\n": "\u21b5", " ": "\u2423"}.get(letter, letter) for letter in shown[part]]
fig, (above, below) = plt.subplots(2, 1, figsize=(10.4, 4.0), height_ratios=(3, 2), sharex=True, layout="constrained")
above.plot(sign * states["C"][part, unit], ".-", color="#0072B2")
above.set(ylabel="memory C", title=f"Unit {unit} counts the characters of a line")
image = np.stack([states[gate][part, unit] for gate in ("f", "i", "o")])
drawn = below.imshow(image, cmap="Blues", vmin=0, vmax=1, aspect="auto")
below.set_yticks(range(3), ("f, keeps", "i, writes", "o, shows"))
below.set_xticks(range(len(letters)), letters, family="monospace", fontsize=8)
below.tick_params(length=0)
fig.colorbar(drawn, ax=below, label="gate", pad=0.01)
plt.show()

# %%
# How often is each gate of each unit nearly open, and how often nearly shut (after Karpathy, Johnson, Fei-Fei, 2015)?
# A forget gate that is nearly always open keeps what it has for long; one that is mostly shut forgets at once. The
# counter is the ringed unit; "mostly" is more than 80 % of the time.

fig, axes = plt.subplots(1, 3, figsize=(10.4, 3.8), sharex=True, sharey=True, layout="constrained")
for ax, (letter, name) in zip(axes, {"i": "input", "f": "forget", "o": "output"}.items(), strict=True):
    shut, opened = (states[letter] < 0.1).mean(0), (states[letter] > 0.9).mean(0)
    ax.plot([0, 1], [1, 0], color="#c0c0c0", linewidth=1)
    ax.plot(shut, opened, "o", color="#0072B2", alpha=0.6, mec="none", clip_on=False)
    ax.plot(shut[unit], opened[unit], "o", ms=11, mfc="none", mec="#D55E00", mew=2, clip_on=False)
    ax.set(xlabel="share of the time below 0.1", xlim=(-0.03, 1), ylim=(-0.03, 1.03))
    ax.set_title(f"{name}: {(opened > 0.8).sum()} of {len(opened)} units mostly open")
axes[0].set(ylabel="share of the time above 0.9")
plt.show()
