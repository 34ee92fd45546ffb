"""The most frequent mistakes about sequences, each a pair (what is true, what was said), with examples in context."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

KEPT = 24  # pairs of classes that are kept
EXAMPLES = 3  # of each pair
AROUND = 48  # characters of a sentence before the token, and behind it
TEXT = 240  # characters of a text


class Example(NamedTuple):
    """Where a mistake was made.

    Attributes
    ----------
    before, token, behind : the sentence; of a text only `token`, all of it.
    sure : the probability of what was said, as text; "" where there is none.
    """

    before: str
    token: str
    behind: str
    sure: str = ""


@dataclass(frozen=True)
class Mistake:
    """Steps or sequences that are one class and were called another.

    Parameters
    ----------
    true, said : the classes. count : how often. examples : of them, at most `EXAMPLES`.
    """

    true: str
    said: str
    count: int
    examples: tuple[Example, ...]


def mistakes_of_tags(sentences: list[list[str]], wrong: list[tuple[int, int, str, str]]) -> tuple[Mistake, ...]:
    """The most frequent pairs of tags; the examples are of the tokens that the pair is most frequent at.

    Parameters
    ----------
    sentences : lists of tokens. wrong : (sentence, step, true tag, said tag) of each mistake.

    Examples
    --------
    >>> [found] = mistakes_of_tags([["we", "run"], ["Run", "!"]], [(0, 1, "VERB", "NOUN"), (1, 0, "VERB", "NOUN")])
    >>> found.count, found.examples
    (2, (Example(before='we', token='run', behind='', sure=''),))
    """
    made = []
    for (true, said), count in _pairs([each[2:] for each in wrong]):
        places = [(i, t) for i, t, a, b in wrong if (a, b) == (true, said)]
        tokens = Counter(sentences[i][t].lower() for i, t in places)
        first: dict[str, tuple[int, int]] = {}
        for i, t in places:
            first.setdefault(sentences[i][t].lower(), (i, t))
        chosen = [first[token] for token, _ in tokens.most_common(EXAMPLES)]
        made.append(Mistake(true, said, count, tuple(_in_context(sentences[i], t) for i, t in chosen)))
    return tuple(made)


def mistakes_of_labels(texts: list[str], wrong: list[tuple[int, str, str]], sure: Any) -> tuple[Mistake, ...]:
    """The most frequent pairs of labels; the examples are those that were said with the highest probability.

    Parameters
    ----------
    texts : all of them. wrong : (text, true label, said label) of each mistake. sure : probability of what was said, of
        each text.
    """
    made = []
    for (true, said), count in _pairs([each[1:] for each in wrong]):
        places = [i for i, a, b in wrong if (a, b) == (true, said)]
        chosen = sorted(places, key=lambda i: -float(sure[i]))[:EXAMPLES]
        examples = (Example("", _cut(texts[i]), "", f"{100 * float(sure[i]):.0f} %") for i in chosen)
        made.append(Mistake(true, said, count, tuple(examples)))
    return tuple(made)


def _pairs(pairs: list[Any]) -> list[tuple[tuple[str, str], int]]:
    """The most frequent ones, by their names where they are equally frequent."""
    return sorted(Counter(pairs).items(), key=lambda item: (-item[1], item[0]))[:KEPT]


def _in_context(tokens: list[str], place: int) -> Example:
    """A token with what stands round it, cut between tokens."""
    before, behind = " ".join(tokens[:place]), " ".join(tokens[place + 1 :])
    if len(before) > AROUND:
        before = f"… {before[-AROUND:].partition(' ')[2]}"
    if len(behind) > AROUND:
        behind = f"{behind[:AROUND].rpartition(' ')[0]} …"
    return Example(before, tokens[place], behind)


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= TEXT else f"{text[:TEXT].rpartition(' ')[0] or text[:TEXT]} …"
