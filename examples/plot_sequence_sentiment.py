"""
Good film, bad film: what the words weigh
=========================================

Sentences of film reviews, good or bad (Stanford sentiment treebank). A bag of word vectors and a convolutional network
beside the usual baseline, logistic regression on TF-IDF; then each word is left out in turn, to see what hangs on it.
The reviews come from the folder ``NETWRIGHT_DATA``; without it, some are made up.
"""

# sphinx_gallery_thumbnail_number = 2
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import FancyBboxPatch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import netwright as nw

folder = Path(os.environ.get("NETWRIGHT_DATA", "nowhere")) / "text"


def read(part: str) -> tuple[list[str], list[str]]:
    """The texts of a part and their labels, from lines such as ``1 a fine film``."""
    lines = (folder / f"stsa.binary.{part}").read_text(encoding="utf-8").splitlines()
    pairs = [line.split(" ", 1) for line in lines if line]
    return [text for _, text in pairs], ["good" if label == "1" else "bad" for label, _ in pairs]


def made_up(count: int, draw: np.random.Generator) -> tuple[list[str], list[str]]:
    """Reviews from a small grammar, in which `not` turns what follows."""
    good, bad = ["fine", "moving", "funny", "clever", "warm"], ["dull", "long", "noisy", "empty", "clumsy"]
    texts, labels = [], []
    for _ in range(count):
        label, parts = int(draw.integers(2)), []
        for noun in draw.permutation(["film", "story", "cast"])[:2]:
            turned, said = draw.random() < 0.3, draw.random() < 0.1  # now and then against the label
            word = draw.choice(good if (label != turned) != said else bad)
            parts.append(f"the {noun} is {'not ' if turned else ''}{word}")
        texts.append(" and ".join(parts))
        labels.append(("bad", "good")[label])
    return texts, labels


if folder.is_dir():
    (X, y), held, (X_test, y_test) = map(read, ("train", "dev", "test"))
else:
    draw = np.random.default_rng(0)
    (X, y), held, (X_test, y_test) = made_up(1500, draw), made_up(300, draw), made_up(500, draw)
print(f"{len(X)} sentences to learn from, {len(X_test)} to be judged by, such as:\n{X[0]}")

# %%
# The bag takes the mean of the vectors of the words; the convolutional network looks at pairs of neighbours. Both learn
# the vectors with everything else. The weights of the best epoch by the held-out part are kept; the baseline's penalty
# is chosen by that part too.

options = {"least": 2, "batch_size": 100, "validation": held, "patience": 2, "random_state": 0}
bag = nw.sequence.TextClassifier("bag", width=32, optimizer=nw.optim.Adam(0.01), epochs=5, **options)
cnn = nw.sequence.TextClassifier(
    "cnn", windows=(2,), maps=32, width=64, optimizer=nw.optim.Adam(0.003), epochs=3, **options
)
models = {"bag": bag.fit(X, y), "cnn": cnn.fit(X, y)}
lines = [
    make_pipeline(TfidfVectorizer(token_pattern=r"\S+"), LogisticRegression(C=C, max_iter=1000)).fit(X, y)
    for C in (1, 4)
]
baseline = max(lines, key=lambda model: model.score(*held))

# %%
# How many of the test sentences are right. The bars are two standard errors to each side: differences within them mean
# little. Then the words of every test sentence are shuffled; the baseline and the bag do not notice, since they do not
# see the order.

draw = np.random.default_rng(0)
shuffled = [" ".join(draw.permutation(text.split())) for text in X_test]
names = {"logistic regression\non TF-IDF": baseline, "bag of vectors": bag, "convolutions": cnn}
right = [model.score(X_test, y_test) for model in names.values()]
mixed = [model.score(shuffled, y_test) for model in names.values()]
fig, ax = plt.subplots(figsize=(8.4, 2.8), layout="constrained")
for row, share in enumerate(right):
    ax.text(share, row - 0.18, f"{share:.1%}", ha="center", va="bottom", color="#0072B2")
spread = [2 * np.sqrt(share * (1 - share) / len(y_test)) for share in right]
ax.errorbar(right, range(3), xerr=spread, fmt="o", color="#0072B2", capsize=4, label="as written")
ax.plot(mixed, np.arange(3) + 0.25, "o", mfc="white", mec="#D55E00", label="words shuffled")
ax.set(yticks=range(3), yticklabels=names, ylim=(2.6, -0.8), xlabel="share of test sentences that are right")
ax.xaxis.set_major_formatter(lambda value, _: f"{value:.1%}")
apart, lost = 100 * (max(right) - min(right)), 100 * (right[2] - mixed[2])
ax.set_title(f"{apart:.1f} points between best and last; shuffled words cost the convolutions {lost:.1f}")
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %%
# What a word weighs in a sentence: the log-odds of "good" with it less those without it. Below are the sentence of each
# kind that both networks are surest of, and sentences with a negation on which they differ.


def log_odds(model: nw.sequence.TextClassifier, texts: list[str]) -> np.ndarray:
    """ln p(good) - ln p(bad) of each text."""
    bad, good = np.maximum(model.predict_proba(texts), 1e-9).T
    return np.log(good) - np.log(bad)


def weights(model: nw.sequence.TextClassifier, words: list[str]) -> np.ndarray:
    """The change of the log-odds that each word makes."""
    without = [" ".join(words[:at] + words[at + 1 :]) for at in range(len(words))]
    return log_odds(model, [" ".join(words)]) - log_odds(model, without)


odds = np.array([log_odds(model, X_test) for model in (bag, cnn)])
sign = np.where(np.array(y_test) == "good", 1, -1)
sure = np.clip(odds * sign, -6, 6)  # > 0 where it is right
few = np.array([25 <= len(text) <= 90 for text in X_test])


def best(value: np.ndarray, fits: np.ndarray, count: int) -> list[int]:
    """The short sentences with the largest values, of those that fit."""
    return [int(at) for at in np.argsort(-np.where(few & fits, value, -np.inf))[:count] if (few & fits)[at]]


turned = np.array([bool({"not", "n't", "no", "never"} & set(text.split())) for text in X_test])
chosen = {
    "both are right": best(sure.sum(0), sign > 0, 1) + best(sure.sum(0), sign < 0, 1),
    "with a negation: only the convolutions are right": best(sure[1], (sure[1] > 0) & (sure[0] < 0) & turned, 2),
    "with a negation: only the bag is right": best(sure[0], (sure[0] > 0) & (sure[1] < 0) & turned, 2),
}

# %%
# Blue words speak for "good", vermillion ones against it; what stands before a line is p(good). The bag does not see
# what a word stands beside, so "not" has to outweigh what it turns. The convolutions read "not" together with the word
# behind it, but have to meet a pair often enough to learn it.

SHADES = LinearSegmentedColormap.from_list("weights", ["#D55E00", "#ffffff", "#0072B2"])
WIDE, HIGH, GLYPH = 9.6, 0.255, 9.5 * 0.602 / 72  # of the figure, of a line, of a letter; in inches
count = sum(map(len, chosen.values()))
lines = 1.8 + 2.3 * count + 1.1 * len(chosen)
fig = plt.figure(figsize=(WIDE, lines * HIGH))
ax = fig.add_axes((0, 0, 1, 1), xlim=(0, WIDE / GLYPH), ylim=(lines, 0))
ax.set_axis_off()
norm, y = Normalize(-3, 3), 2.2
shares = [100 * (row[which] > 0).mean() for which in (turned, ~turned) for row in sure]
heading = "Right with a negation: bag {:.0f}%, convolutions {:.0f}%; without one: {:.0f}%, {:.0f}%"
ax.text(0.5, 0.8, heading.format(*shares), fontsize=11, va="center")
for title, sentences in chosen.items():
    ax.text(0.5, y, title, fontsize=9.5, fontweight="bold", va="center")
    y += 1.1
    for number in sentences:
        words = X_test[number].split()
        for row, (name, model) in enumerate((("bag", bag), ("conv.", cnn))):
            p = 1 / (1 + np.exp(-odds[row, number]))
            ax.text(1, y, f"{name:5} {p:4.2f}", family="monospace", fontsize=8.5, color="#606060", va="center")
            x = 13.0
            for word, weight in zip(words, weights(model, words), strict=True):
                box = FancyBboxPatch(
                    (x, y - 0.36), len(word), 0.72, "round,pad=0.0,rounding_size=0.3", mutation_aspect=0.4, linewidth=0
                )
                box.set(facecolor=SHADES(norm(weight)))
                ax.add_patch(box)
                ink = "white" if abs(weight) > 2 else "black"
                middle = x + len(word) / 2
                ax.text(middle, y, word, family="monospace", fontsize=9.5, color=ink, ha="center", va="center")
                x += len(word) + 1.2
            y += 0.9
        ax.text(x + 1, y - 1.35, f"({y_test[number]})", fontsize=9, color="#606060", va="center")
        y += 0.5
bar = fig.add_axes((0.78, 1 - 0.95 / lines, 0.2, 0.35 / lines))
fig.colorbar(plt.cm.ScalarMappable(norm, SHADES), cax=bar, orientation="horizontal", ticks=(-3, 0, 3))
bar.tick_params(labelsize=8, length=0)
bar.set_xticklabels(("\u2264 \u22123", "0", "\u2265 3"))
bar.set_xlabel("change of the log-odds", fontsize=8, labelpad=1)
plt.show()
