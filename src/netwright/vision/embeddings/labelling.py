"""Classes of samples: their order, those with too few samples, and which are held out."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem, shown
from netwright.core.seeds import derive
from netwright.vision.metrics.reading import class_order

Numbers = NDArray[np.int64]


def classes_among(labels: list[Any], where: str) -> list[Any]:
    """The classes in their order.

    Parameters
    ----------
    labels : of samples.
    where : how an error names them.

    Raises
    ------
    InvalidData : fewer than two.

    Examples
    --------
    >>> classes_among(["b", "a", "b"], "y")
    ['a', 'b']
    """
    found = sorted(set(labels), key=class_order)
    if len(found) < 2:
        remedy = "Embeddings are learned from what is the same and what is not: add samples of others."
        raise InvalidData(problem(where, "at least two classes", f"only {shown(found[0])}", remedy))
    return found


def coded(labels: list[Any], classes: list[Any], where: str) -> Numbers:
    """The number of each sample's class.

    Parameters
    ----------
    labels : of samples.
    classes : in their order.
    where : how an error names them.

    Raises
    ------
    InvalidData : a label that is none of the classes.

    Examples
    --------
    >>> coded(["b", "a"], ["a", "b"], "y").tolist()
    [1, 0]
    """
    places = {label: place for place, label in enumerate(classes)}
    unknown = next((i for i, label in enumerate(labels) if label not in places), None)
    if unknown is not None:
        expected = "a class of the samples that are trained on"
        raise InvalidData(problem(f"{where}, sample {unknown}", expected, shown(labels[unknown])))
    return np.array([places[label] for label in labels], dtype=np.int64)


def frequent(labels: list[Any], least: int, where: str) -> list[int]:
    """The numbers of samples whose class has at least so many; those that are left out are told.

    Parameters
    ----------
    labels : of samples.
    least : samples that a class needs.
    where : how a warning names them.

    Examples
    --------
    >>> frequent(["a", "b", "a", "b"], 2, "y")
    [0, 1, 2, 3]
    """
    counts = Counter(labels)
    rare = sorted((label for label, count in counts.items() if count < least), key=class_order)
    if rare and len(rare) < len(counts):
        got = f"{len(rare)} with fewer: {', '.join(map(shown, rare[:5]))}{', ...' if len(rare) > 5 else ''}"
        remedy = "They are left out. Add samples of them; ArcFace and CosFace take single ones too."
        text = problem(where, f"at least {least} samples of each class", got, remedy)
        warnings.warn(text, UserWarning, stacklevel=2)
    if len(rare) == len(counts):
        got = f"at most {max(counts.values())}"
        remedy = "Add samples: with one of each nothing says what is the same. ArcFace and CosFace take single ones."
        raise InvalidData(problem(where, f"classes with at least {least} samples", got, remedy))
    left = set(rare)
    return [row for row, label in enumerate(labels) if label not in left]


def split_classes(labels: list[Any], share: float, seed: int, where: str) -> tuple[list[int], list[int]]:
    """Samples to train on and samples to hold out, no class in both.

    Parameters
    ----------
    labels : of samples.
    share : of the classes, in (0, 1).
    seed : of the draw.
    where : how an error names them.

    Raises
    ------
    InvalidData : fewer than four classes.

    Examples
    --------
    >>> [sorted(part) for part in split_classes(list("aabbccdd"), 0.5, 0, "y")]
    [[4, 5, 6, 7], [0, 1, 2, 3]]
    """
    classes = sorted(set(labels), key=class_order)
    count = max(2, round(share * len(classes)))
    if count > len(classes) - 2:
        expected = "two classes to train on and two to hold out"
        raise InvalidData(problem(where, expected, f"{len(classes)} in all", "Leave validation out."))
    drawn = np.random.default_rng(derive(seed, "validation")).permutation(len(classes))
    held = {classes[place] for place in drawn[:count]}
    rows = range(len(labels))
    return [row for row in rows if labels[row] not in held], [row for row in rows if labels[row] in held]


def split_samples(labels: list[Any], share: float, seed: int, where: str) -> tuple[list[int], list[int]]:
    """Samples to train on and samples to hold out, of each class that share, and one at least to train on.

    Parameters
    ----------
    labels, share, seed, where : as of `split_classes`.

    Raises
    ------
    InvalidData : no class from which one can be held out.

    Examples
    --------
    >>> [len(part) for part in split_samples(list("aaaabbbb"), 0.25, 0, "y")]
    [6, 2]
    """
    draw = np.random.default_rng(derive(seed, "validation"))
    held: list[int] = []
    for label in sorted(set(labels), key=class_order):
        rows = [row for row, other in enumerate(labels) if other == label]
        count = min(max(1, round(share * len(rows))), len(rows) - 1)
        held += draw.permutation(rows)[:count].tolist()
    if not held:
        expected = "a class with two samples, of which one can be held out"
        raise InvalidData(problem(where, expected, "one sample of each", "Leave validation out."))
    out = set(held)
    return [row for row in range(len(labels)) if row not in out], sorted(held)
