"""What an estimator said of sequences that it was not trained on: a tag for each step, or a label for each of them.

Steps that have no tag (None) are left out. For n steps, or n labels, with true t and said s::

    accuracy = mean [t_i = s_i]        accuracy of unknown tokens = the same over tokens that are not known

An evaluation goes to a file of kind "sequence evaluation" in the one format of `netwright.core.storage`, so that a
report can be written again without the data.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter, problem
from netwright.report.sequences.mistakes import Example, Mistake, mistakes_of_labels, mistakes_of_tags
from netwright.sequence import Report, SequenceClassifier, SequenceTagger, TextClassifier, span_scores, token_report

KIND = "sequence evaluation"
UNITS = {"token": "sentence", "step": "sequence", "text": "text", "sequence": "sequence"}  # and what they are in


@dataclass(frozen=True, eq=False)
class SequenceEvaluation:
    """Tags or labels that were said of held-out sequences.

    Parameters
    ----------
    unit : what has a tag or label: "token" or "step" (of a sequence), "text" or "sequence".
    target : what is said, its name.
    classes : the tags or labels as text, sorted.
    true, predicted : numbers of classes, (n,) int64.
    lengths : how many of the n each sequence has, (sequences,) int64.
    known : which of the n tokens came before the test, (n,) bool; None where nobody said.
    mistakes : the most frequent ones with examples, the most frequent first.
    """

    unit: str
    target: str
    classes: tuple[str, ...]
    true: np.ndarray
    predicted: np.ndarray
    lengths: np.ndarray
    known: np.ndarray | None = None
    mistakes: tuple[Mistake, ...] = ()

    @property
    def by_step(self) -> bool:
        """Whether there is a tag for each step, and not a label for each sequence."""
        return UNITS[self.unit] != self.unit

    @property
    def holder(self) -> str:
        """What is made of units: a sentence of tokens; a text is a unit of its own."""
        return UNITS[self.unit]

    @property
    def right(self) -> np.ndarray:
        """Which of the n are right, (n,) bool."""
        found: np.ndarray = self.true == self.predicted
        return found

    @property
    def accuracy(self) -> float:
        """The share of steps, or of sequences, that are right."""
        return float(self.right.mean())

    @property
    def whole(self) -> float:
        """The share of sequences of which all is right."""
        wrong = np.add.reduceat(~self.right, np.cumsum(self.lengths) - self.lengths)
        return float((wrong == 0).mean())

    @cached_property
    def report(self) -> Report:
        """Precision, recall and F1 of each tag or label."""
        return token_report(*self._lists())

    @cached_property
    def spans(self) -> Report | None:
        """Strict scores of spans, where the tags are those of spans."""
        seen = [self.classes[code] for code in np.unique(self.true)]
        return span_scores(*self._lists()) if self.by_step and has_spans([seen]) else None

    def _lists(self) -> tuple[list[list[str]], list[list[str]]]:
        """The true and the said tags, a list for each sequence."""
        names, ends = np.array(self.classes, dtype=object), np.cumsum(self.lengths)[:-1]
        true, said = ([part.tolist() for part in np.split(names[each], ends)] for each in (self.true, self.predicted))
        return true, said

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the evaluation to a file."""
        mistakes = [[each.true, each.said, each.count, [list(e) for e in each.examples]] for each in self.mistakes]
        content = {"unit": self.unit, "target": self.target, "classes": list(self.classes), "mistakes": mistakes}
        arrays = {"true": self.true, "predicted": self.predicted, "lengths": self.lengths}
        storage.write(path, KIND, content, arrays if self.known is None else {**arrays, "known": self.known})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SequenceEvaluation:
        """The evaluation in a file.

        Raises
        ------
        CorruptFile : a file that is damaged, or of another kind.
        """
        kind, content, arrays = storage.read(path)
        where = os.fspath(path)
        if kind != KIND:
            raise CorruptFile(problem(where, "an evaluation of sequences", f"a file of kind {kind!r}"))
        try:
            made = cls(
                unit=str(content["unit"]),
                target=str(content["target"]),
                classes=tuple(map(str, content["classes"])),
                **{name: arrays[name] for name in ("true", "predicted", "lengths")},
                known=arrays.get("known"),
                mistakes=tuple(
                    Mistake(str(true), str(said), int(count), tuple(Example(*map(str, each)) for each in examples))
                    for true, said, count, examples in content["mistakes"]
                ),
            )
            made._check()
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CorruptFile(problem(where, "the fields of an evaluation of sequences", f"{error!r}")) from error
        return made

    def _check(self) -> None:
        """That the arrays belong together; an error tells that they do not."""
        n = len(self.true)
        sizes = {len(self.predicted), int(self.lengths.sum()), n if self.known is None else len(self.known)}
        if sizes != {n} or not n or self.lengths.min() < 1 or self.unit not in UNITS:
            raise ValueError(f"arrays of {n} and of {sorted(sizes)}, of each {self.unit}")
        names = np.array(self.classes)
        names[self.true], names[self.predicted]


def has_spans(tags: list[list[Any]]) -> bool:
    """Whether tags are those of spans: O, and letters before a dash, such as B-PER.

    Parameters
    ----------
    tags : a list for each sequence.

    Examples
    --------
    >>> has_spans([["B-PER", "O"]]), has_spans([["NOUN", "VERB"]])
    (True, False)
    """
    kinds = {tag for each in tags for tag in each if tag is not None}
    return "O" in kinds and len(kinds) > 1 and all(tag == "O" or tag[1:2] == "-" for tag in map(str, kinds))


def evaluate_sequences(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    target: str = "target",
    found: Any = None,
    known: Collection[str] | None = None,
) -> SequenceEvaluation:
    """Tag or classify sequences whose tags or labels are known.

    Parameters
    ----------
    estimator : a fitted `SequenceTagger`, `SequenceClassifier` or `TextClassifier`.
    X : sequences, as it takes them.
    y : their tags, a list of lists with None where there is no tag; or their labels, (n,).
    target : what is said, for tables and titles.
    found : what ``estimator.predict(X)`` gave, where that is known already.
    known : the tokens that came before the test; by default none is called unknown.

    Raises
    ------
    InvalidParameter : another estimator. InvalidData : no tags, or not as many as steps.

    Examples
    --------
    >>> import netwright as nw
    >>> X, y = [["the", "dog", "runs"], ["a", "cat", "sleeps"]] * 5, [["DET", "NOUN", "VERB"]] * 10
    >>> tagger = nw.sequence.SequenceTagger("GRU(8)", epochs=20, random_state=0).fit(X, y)
    >>> evaluate_sequences(tagger, [["the", "cat"]], [["DET", "NOUN"]]).accuracy
    1.0
    """
    if not isinstance(estimator, (SequenceTagger, SequenceClassifier, TextClassifier)):
        got = type(estimator).__name__
        raise InvalidParameter(problem("evaluate_sequences", "a tagger or a classifier of sequences", got))
    found = estimator.predict(X) if found is None else found
    if not isinstance(estimator, SequenceTagger):
        return _of_labels(estimator, X, y, target, found)
    steps = [(i, t) for i, tags in enumerate(y) for t, tag in enumerate(tags) if tag is not None]
    if not steps:
        raise InvalidData(problem("evaluate_sequences(y)", "at least one tag", "none"))
    if [len(tags) for tags in y] != [len(tags) for tags in found]:
        i = next(i for i, (one, other) in enumerate(zip(y, found, strict=True)) if len(one) != len(other))
        where = f"evaluate_sequences(y), sequence {i}"
        raise InvalidData(problem(where, f"{len(found[i])} tags, one a step", f"{len(y[i])}"))
    classes, true, said = _coded([str(y[i][t]) for i, t in steps], [str(found[i][t]) for i, t in steps])
    sentences = [_tokens(sequence) for sequence in X]
    seen = None if known is None else np.array([sentences[i][t] in known for i, t in steps], dtype=bool)
    lengths = np.bincount([i for i, _ in steps])
    wrong = [(*step, classes[a], classes[b]) for step, a, b in zip(steps, true, said, strict=True) if a != b]
    mistakes = mistakes_of_tags(sentences, wrong)
    unit = "token" if all(isinstance(step, str) for step in next(iter(filter(len, X)))) else "step"
    return SequenceEvaluation(unit, target, classes, true, said, lengths[lengths > 0], seen, mistakes)


def _of_labels(estimator: Any, X: Any, y: Any, target: str, found: Any) -> SequenceEvaluation:
    """The evaluation of labels, one a sequence."""
    labels = [str(label) for label in (y.tolist() if hasattr(y, "tolist") else y)]
    classes, true, said = _coded(labels, [str(label) for label in found.tolist()])
    sure = estimator.predict_proba(X).max(1)
    texts = [_text(item, place) for place, item in enumerate(X)]
    wrong = [(i, classes[true[i]], classes[said[i]]) for i in np.flatnonzero(true != said).tolist()]
    ones = np.ones(len(true), dtype=np.int64)
    unit = "text" if isinstance(estimator, TextClassifier) else "sequence"
    return SequenceEvaluation(unit, target, classes, true, said, ones, None, mistakes_of_labels(texts, wrong, sure))


def _coded(true: list[str], said: list[str]) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """The classes, sorted, and both lists as their numbers."""
    classes = tuple(sorted({*true, *said}))
    numbers = {name: number for number, name in enumerate(classes)}
    first, second = (np.array([numbers[name] for name in each], dtype=np.int64) for each in (true, said))
    return classes, first, second


def _tokens(sequence: Any) -> list[str]:
    """The steps of a sequence as texts; those of numbers by their place."""
    return [step if isinstance(step, str) else f"step {place}" for place, step in enumerate(sequence)]


def _text(sequence: Any, place: int) -> str:
    """A sequence as one text; one of numbers by its place."""
    if isinstance(sequence, str):
        return sequence
    steps = list(sequence)
    return " ".join(steps) if steps and isinstance(steps[0], str) else f"sequence {place}, of {len(steps)} steps"
