"""Scores of a tagger: token accuracy, and precision, recall and F1 of tags or of spans.

With TP, FP, FN counted over tokens that have a tag, or over spans of a kind (a predicted span is right if start, end
and kind are those of a true one)::

    precision = TP / (TP + FP)        recall = TP / (TP + FN)        F1 = 2 TP / (2 TP + FP + FN)
    micro     of the sums over classes        macro     the mean over classes
    weighted  the mean over classes, each with its support TP + FN

A quotient 0 / 0 is 0. Classes are those that are true or predicted anywhere.

References
----------
Tjong Kim Sang, Buchholz, *Introduction to the CoNLL-2000 shared task: chunking*, 2000.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.core.errors import InvalidData, problem
from netwright.sequence.metrics.schemes import (
    Tagged,
    breaks,
    detected,
    flatten,
    letters_and_kinds,
    new_codes,
    require_scheme,
)
from netwright.sequence.metrics.spans import span_bounds

log = logging.getLogger("netwright")


class Scores(NamedTuple):
    """The figures of one class, or of all.

    Attributes
    ----------
    name : of the class, or "micro", "macro", "weighted".
    precision, recall, f1 : in [0, 1].
    support : how many there truly are.
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, repr=False)
class Report:
    """What a tagger got right, by class; print it for a table.

    Attributes
    ----------
    rows : a `Scores` a class, by name.
    micro, macro, weighted : over all classes.
    accuracy : the share of tokens whose tag is right.
    scheme : under which spans were read, "" where tokens are counted.
    true_breaks, predicted_breaks : how many tags break the scheme.
    notice : how the scheme was told, and what else there is to know; "" for nothing.

    Examples
    --------
    >>> report = span_scores([["B-PER", "I-PER", "O"]], [["B-PER", "O", "B-LOC"]], scheme="BIO")
    >>> print(report)
              precision  recall      f1  support
    LOC          0.0000  0.0000  0.0000        0
    PER          0.0000  0.0000  0.0000        1
    micro        0.0000  0.0000  0.0000        1
    macro        0.0000  0.0000  0.0000        1
    weighted     0.0000  0.0000  0.0000        1
    Spans under BIO; token accuracy 0.3333.
    """

    rows: tuple[Scores, ...]
    micro: Scores
    macro: Scores
    weighted: Scores
    accuracy: float
    scheme: str = ""
    true_breaks: int = 0
    predicted_breaks: int = 0
    notice: str = ""

    @property
    def precision(self) -> float:
        """The micro average."""
        return self.micro.precision

    @property
    def recall(self) -> float:
        """The micro average."""
        return self.micro.recall

    @property
    def f1(self) -> float:
        """The micro average."""
        return self.micro.f1

    @property
    def support(self) -> int:
        """How many there truly are, over all classes."""
        return self.micro.support

    def to_frame(self) -> Any:
        """The rows and the averages as a pandas frame (needs the extra ``netwright[frames]``)."""
        import pandas

        return pandas.DataFrame(self._lines(), columns=Scores._fields).set_index("name")

    def __str__(self) -> str:
        lines = self._lines()
        width = max(len(line.name) for line in lines)
        table = [f"{'':{width}}  precision  recall      f1  support"]
        table += [f"{n:{width}}  {p:9.4f}  {r:6.4f}  {f:6.4f}  {s:7d}" for n, p, r, f, s in lines]
        what = f"Spans under {self.scheme}; token" if self.scheme else "Token"
        table.append(f"{what} accuracy {self.accuracy:.4f}.")
        if self.predicted_breaks:
            table.append(f"Predicted tags break the scheme {self.predicted_breaks} times.")
        return "\n".join([*table, *([self.notice] if self.notice else [])])

    def __repr__(self) -> str:
        what = f"spans, {self.scheme}" if self.scheme else "tokens"
        return f"Report({what}: f1 {self.f1:.4f}, support {self.support}, accuracy {self.accuracy:.4f})"

    def _lines(self) -> list[Scores]:
        return [*self.rows, self.micro, self.macro, self.weighted]


def token_accuracy(true: Iterable[Iterable[Any]], predicted: Iterable[Iterable[Any]]) -> float:
    """The share of tokens whose tag is right, over all sequences.

    Parameters
    ----------
    true, predicted : a list of tags for each sequence; tags may be texts or integers.

    Raises
    ------
    InvalidData : other lengths, or a sequence without tags (with its index).

    Examples
    --------
    >>> token_accuracy([["DET", "NOUN"], ["VERB"]], [["DET", "VERB"], ["VERB"]])
    0.6666666666666666
    """
    return _accuracy(*_pair(true, predicted))


def token_report(true: Iterable[Iterable[Any]], predicted: Iterable[Iterable[Any]]) -> Report:
    """Precision, recall and F1 of each tag, over the tokens of all sequences.

    Parameters
    ----------
    true, predicted : a list of tags for each sequence; tags may be texts or integers.

    Raises
    ------
    InvalidData : other lengths, or a sequence without tags (with its index).

    Examples
    --------
    >>> report = token_report([["DET", "NOUN"], ["VERB"]], [["DET", "VERB"], ["VERB"]])
    >>> report.accuracy, report.rows[2]
    (0.6666666666666666, Scores(name='VERB', precision=0.5, recall=1.0, f1=0.6666666666666666, support=1))
    """
    first, second = _pair(true, predicted)
    n = len(second.names)
    right = np.bincount(first.codes[first.codes == second.codes], minlength=n)
    counts = (right, np.bincount(second.codes, minlength=n), np.bincount(first.codes, minlength=n))
    return Report(*_averaged(list(map(str, second.names)), *counts), accuracy=_accuracy(first, second))


def span_scores(true: Iterable[Iterable[str]], predicted: Iterable[Iterable[str]], scheme: str | None = None) -> Report:
    """Precision, recall and F1 of spans under a strict scheme; a span is right if all of it is.

    Parameters
    ----------
    true, predicted : a list of tags for each sequence, as "B-LOC" and "O".
    scheme : "BIO" (IOB2), "IOB1", "BIOES", "BILOU" or "BMES", see `spans`; None: told from the true tags, and said in
        the report's `notice` and in the log; where they keep several schemes or none, a ``UserWarning`` says so.

    Raises
    ------
    InvalidParameter : no such scheme.
    InvalidData : other lengths, a sequence without tags, or a tag that the scheme does not have (with its place).

    Notes
    -----
    True tags that break the scheme are not counted as spans, and a ``UserWarning`` says how many there are: another
    scheme may be meant. Predicted tags that break it are counted in `predicted_breaks`.

    Examples
    --------
    >>> true = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC"]]
    >>> report = span_scores(true, [["B-PER", "I-PER", "O", "B-LOC"], ["O", "I-LOC"]])
    >>> report.scheme, report.precision, report.recall, report.f1, report.predicted_breaks
    ('BIO', 1.0, 0.6666666666666666, 0.8, 1)

    References
    ----------
    Tjong Kim Sang, Buchholz, *Introduction to the CoNLL-2000 shared task: chunking*, 2000. Nakayama, *seqeval*, 2018.
    """
    first, second = _pair(true, predicted)
    notice, remedy = "", ""
    if scheme is None:
        scheme, notice, sure = detected(first, "true")
        remedy = f"The scheme {scheme} was told from the true tags; if it is another, name it by scheme=."
        log.info("span_scores: %s", notice)
        if not sure:
            warnings.warn(f"span_scores: {notice}", UserWarning, stacklevel=2)
    require_scheme(scheme, "span_scores(scheme)")
    kinds: dict[str, int] = {}
    there = letters_and_kinds(first, scheme, kinds, "true")
    found = letters_and_kinds(second, scheme, kinds, "predicted", remedy)
    broken = breaks(*there, scheme)
    if broken.size and not notice:
        got = f"{broken.size} tags that break it, the first at {first.place_in_words(int(broken[0]))}"
        notice = problem("span_scores(true)", f"tags that keep {scheme}", got, "They make no spans; is it another?")
        warnings.warn(notice, UserWarning, stacklevel=2)
    return Report(
        *_averaged(*_span_counts(there, found, kinds, scheme)),
        accuracy=_accuracy(first, second),
        scheme=scheme,
        true_breaks=int(broken.size),
        predicted_breaks=int(breaks(*found, scheme).size),
        notice=notice,
    )


def _pair(true: Any, predicted: Any) -> tuple[Tagged, Tagged]:
    """Both in rows that have one table of codes, place by place beside each other."""
    table = new_codes()
    first, second = flatten(true, "true", table), flatten(predicted, "predicted", table)
    if np.array_equal(first.starts, second.starts) and np.array_equal(first.places, second.places):
        return first, second
    if len(first.starts) != len(second.starts):
        raise InvalidData(problem("predicted", f"{len(first.starts)} sequences as in true", str(len(second.starts))))
    lengths = [np.bincount(np.searchsorted(each.starts, each.places, side="right") - 1) for each in (first, second)]
    index = int((lengths[0] != lengths[1]).argmax())
    got = str(lengths[1][index])
    raise InvalidData(problem(f"predicted, sequence {index}", f"{lengths[0][index]} tags as in true", got))


def _accuracy(first: Tagged, second: Tagged) -> float:
    return float((first.codes == second.codes).mean())


def _span_counts(
    there: tuple[NDArray[np.int64], NDArray[np.int64]],
    found: tuple[NDArray[np.int64], NDArray[np.int64]],
    kinds: dict[str, int],
    scheme: str,
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The kinds that have spans, and of each how many are right, predicted and true."""
    size, n = len(there[0]), max(len(kinds), 1)
    keys = []
    for letters, kind in (there, found):
        starts, stops = span_bounds(letters, kind, scheme)
        keys.append((starts * (size + 1) + stops) * n + kind[starts])
    right = np.intersect1d(keys[0], keys[1], assume_unique=True)
    counts = [np.bincount(each % n, minlength=n) for each in (right, keys[1], keys[0])]
    some = np.flatnonzero(counts[1] + counts[2])
    names = list(kinds)
    return [names[place] for place in some], counts[0][some], counts[1][some], counts[2][some]


def _averaged(
    names: list[str], right: NDArray[np.int64], predicted: NDArray[np.int64], true: NDArray[np.int64]
) -> tuple[tuple[Scores, ...], Scores, Scores, Scores]:
    """The rows by name, and the three averages."""
    each = _scores(right, predicted, true)
    total = int(true.sum())
    order = sorted(range(len(names)), key=lambda place: names[place])
    rows = tuple(_row(names[i], each[:, i], int(true[i])) for i in order)
    micro = _scores(right.sum(keepdims=True), predicted.sum(keepdims=True), true.sum(keepdims=True))[:, 0]
    macro = each.sum(1) / max(len(names), 1)
    weighted = each @ true / max(total, 1)
    return rows, _row("micro", micro, total), _row("macro", macro, total), _row("weighted", weighted, total)


def _row(name: str, figures: NDArray[np.float64], support: int) -> Scores:
    precision, recall, f1 = figures.tolist()
    return Scores(name, precision, recall, f1, support)


def _scores(right: ArrayLike, predicted: ArrayLike, true: ArrayLike) -> NDArray[np.float64]:
    """Precision, recall and F1, (3, classes)."""
    hits, claims, facts = np.asarray(right), np.asarray(predicted), np.asarray(true)
    tops = np.stack([hits, hits, 2 * hits]).astype(np.float64)
    return tops / np.maximum(np.stack([claims, facts, claims + facts]), 1)
