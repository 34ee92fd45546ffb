"""
Parts of speech, and what the tags know of each other
=====================================================

A tagger reads words, their letters and their ends in both directions, and a conditional random field on top weighs
whole chains of tags. It learns from some hundred sentences of the English web treebank (Universal Dependencies) where
the folder ``NETWRIGHT_DATA`` has it; without it, from sentences of a small made-up grammar.
"""

# sphinx_gallery_thumbnail_number = 2
import os
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

import netwright as nw
from netwright.layers import LSTM, Bidirectional

folder = Path(os.environ.get("NETWRIGHT_DATA", "nowhere")) / "ud_english_ewt"
Sentences = tuple[list[list[str]], list[list[str]]]

GRAMMAR = {
    "DET": ["the", "a", "no"],
    "NOUN": ["record", "duck", "plan", "watch", "time", "dog"],
    "VERB": ["record", "saw", "duck", "plan", "watch", "time"],
    "PRON": ["I", "they", "her", "it"],
    "ADJ": ["old", "green", "fast"],
    "INTJ": ["Please", "yes"],
    "PUNCT": [".", "!"],
}
SHAPES = (
    "PRON VERB PRON NOUN PUNCT",
    "PRON VERB PRON VERB PUNCT",
    "INTJ VERB DET NOUN PUNCT",
    "DET ADJ NOUN VERB DET NOUN PUNCT",
)


def made_up(count: int, kept: int, seed: int) -> Sentences:
    """Sentences of the grammar and their tags; the last words of each tag may be kept for later."""
    draw = np.random.default_rng(seed)
    tags = [str(draw.choice(SHAPES)).split() for _ in range(count)]
    return [[str(draw.choice(GRAMMAR[tag][: len(GRAMMAR[tag]) - kept])) for tag in row] for row in tags], tags


def read(part: str, longest: int, count: int) -> Sentences:
    """Words and tags of the first sentences of a part that are not too long, nor of a word or two."""
    sentences = nw.data.read_conllu(folder / f"en_ewt-ud-{part}.conllu.gz")
    some = [each for each in sentences if 3 < len(each["form"]) <= longest][:count]
    return [each["form"] for each in some], [each["upos"] for each in some]


if folder.is_dir():
    (X, y), (X_test, y_test) = read("dev", 20, 800), read("test", 60, 400)
else:
    (X, y), (X_test, y_test) = made_up(500, 1, seed=0), made_up(200, 0, seed=1)
print(f"{sum(map(len, X)):,} words to learn from, {sum(map(len, X_test)):,} to be judged by")

# %%
# The baseline gives each word the tag that it had most often, and a new word the most frequent tag of all.

seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
for words, tags in zip(X, y, strict=True):
    for word, tag in zip(words, tags, strict=True):
        seen[word.lower()][tag] += 1
usual = Counter(tag for tags in y for tag in tags)
by_word = {word: tags.most_common(1)[0][0] for word, tags in seen.items()}

tagger = nw.sequence.SequenceTagger(
    Bidirectional(LSTM(32)),
    head="crf",
    optimizer=nw.optim.Clip(nw.optim.Adam(nw.optim.polynomial_decay(0.01), betas=(0.9, 0.9)), 5.0),
    epochs=3,
    batch_size=16,
    average=None,
    random_state=0,
).fit(X, y)

# %%
# The share of words that are right: of those that came in training, of new ones, and of all. A word that is new can
# only be known by its letters and by what stands around it.

tested = [word.lower() for words in X_test for word in words]
truth, known = np.concatenate(y_test), np.array([word in by_word for word in tested])
guesses = {
    "tagger": np.concatenate(tagger.predict(X_test)),
    "most frequent tag of the word": np.array([by_word.get(word, usual.most_common(1)[0][0]) for word in tested]),
}
groups = {"known words": known, "new words": ~known, "all words": known | True}
labels = [f"{name} ({group.mean():.0%})" for name, group in groups.items()]
right = {name: [(guess == truth)[group].mean() for group in groups.values()] for name, guess in guesses.items()}

fig, ax = plt.subplots(figsize=(8.4, 2.9), layout="constrained")
for (name, shares), colour, side in zip(right.items(), ("#0072B2", "#808080"), (-1, 1), strict=True):
    ax.plot(shares, range(3), "o", color=colour, markersize=9, label=name)
    for row, share in enumerate(shares):
        ax.text(share, row + 0.3 * side, f"{share:.1%}", ha="center", va="center", color=colour)
ax.set(yticks=range(3), yticklabels=labels, ylim=(2.6, -0.6))
ax.margins(x=0.08)
ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
ax.grid(axis="y", alpha=0.3)
one, other = right.values()
ax.set_title(f"{one[2]:.0%} right, not {other[2]:.0%}; of words never seen {one[1]:.0%}, not {other[1]:.0%}")
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %%
# What the random field has learned: a score for each tag behind each other one. Only differences count, so the mean is
# taken away. Beside it stands what counting gives, the logarithm of p(tag | tag before), without its mean. They need
# not agree: what the network already knows from the words, the field does not have to say again.

ORDER = "DET ADJ NOUN PROPN PRON NUM VERB AUX PART ADV ADP SCONJ CCONJ PUNCT INTJ SYM X"
places = [list(tagger.classes_).index(tag) for tag in ORDER.split() if tag in tagger.classes_]
names = [str(tagger.classes_[place]) for place in places]
learned = tagger.chain_.transitions.detach().numpy()[np.ix_(places, places)]
counts = np.full(learned.shape, 0.5)
for tags in y:
    for one, other in pairwise(tags):
        counts[names.index(one), names.index(other)] += 1
counted = np.log(counts / counts.sum(1, keepdims=True))
often = np.where(counts >= 5, learned, -np.inf).ravel()
top = [f"{names[place // len(names)]} {names[place % len(names)]}" for place in np.argsort(-often)[:3]]

SIGNED = LinearSegmentedColormap.from_list("signed", ["#D55E00", "#ffffff", "#0072B2"])
fig, axes = plt.subplots(1, 2, figsize=(10.4, 5.2), sharey=True, layout="constrained")
r = np.corrcoef(learned.ravel(), counted.ravel())[0, 1]
titles = (f"Learned scores: highest for {', '.join(top)}", f"Counted log p (r = {r:.2f} with the learned scores)")
for ax, scores, title in zip(axes, (learned, counted), titles, strict=True):
    scores = scores - scores.mean()
    bound = np.quantile(np.abs(scores), 0.99)
    drawn = ax.imshow(scores, cmap=SIGNED, vmin=-bound, vmax=bound)
    ax.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(title=title, xlabel="tag")
    fig.colorbar(drawn, ax=ax, shrink=0.75, pad=0.02)
axes[0].set_ylabel("tag before")
plt.show()

# %%
# Marginals: the probability of each tag at each word, summed over all chains. In the first sentence the same word comes
# twice, and only what stands around it tells verb from noun. The second one has two readings: she has a duck, or she
# ducks. The rings are the best chain.

sentences = {"record": "Please record the record .", "duck": "I saw her duck ."}
fig, axes = plt.subplots(1, 2, figsize=(10.4, 3.6), layout="constrained")
for ax, (asked, sentence) in zip(axes, sentences.items(), strict=True):
    words = sentence.split()
    p, best = tagger.predict_proba([words])[0][:, places].T, tagger.predict([words])[0]
    rows = np.flatnonzero(p.max(1) > 0.05)
    drawn = ax.imshow(p[rows], cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for column, tag in enumerate(best):
        ax.plot(column, list(rows).index(names.index(tag)), "o", ms=26, mfc="none", mec="#D55E00", mew=1.5)
    for row, place in enumerate(rows):
        for column in np.flatnonzero(p[place] > 0.05):
            ink = "white" if p[place, column] > 0.5 else "black"
            ax.text(column, row, f"{p[place, column]:.2f}", ha="center", va="center", fontsize=8, color=ink)
    ax.set_xticks(range(len(words)), words)
    ax.set_yticks(range(len(rows)), [names[place] for place in rows])
    ax.tick_params(length=0)
    where, count = np.flatnonzero(np.array(words) == asked), 3 - words.count(asked)  # one tag twice, or two tags once
    said = [f"{names[at]} {p[at, column]:.2f}" for column in where for at in np.argsort(-p[:, column])[:count]]
    ax.set_title(f"{asked}: {(', then ', ' or ')[count - 1].join(said)}")
fig.colorbar(drawn, ax=axes, label="probability", pad=0.01)
plt.show()
