"""Targets of sequences: one label or number for each sequence, or one for each step.

============= =========================== ============== ===========================
target        y                           for each       the network gives
============= =========================== ============== ===========================
Labels        n labels                    sequence       (k,)
Tags          n lists of labels           step           (steps, k)
Quantities    (n,) or (n, m) numbers      sequence       (m,)
              n arrays (steps_i[, m])     step           (steps, m)
============= =========================== ============== ===========================
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from types import NoneType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.core.errors import InvalidData, did_you_mean, problem, shown
from netwright.core.readable import from_tensor
from netwright.estimators.classes import Classes
from netwright.estimators.scaling import Scaler, fit_scaler
from netwright.graph import Expression
from netwright.layers import Linear, Softmax
from netwright.sequence.batches import LEFT_OUT
from netwright.sequence.reading import expect_as_many


class Labels:
    """One label for each sequence.

    Parameters
    ----------
    classes : the labels and their numbers.
    """

    by_step = False
    fill = 0.0

    def __init__(self, classes: Classes) -> None:
        self.classes = classes

    @classmethod
    def read(cls, y: list[Any], where: str) -> Labels:
        """The labels that there are; at least two."""
        return cls(Classes.read(as_labels(y, where), where.split(".")[0]))

    def head(self) -> Expression:
        """The last layer of a network."""
        return self.classes.head()

    def encode(self, y: list[Any]) -> NDArray[Any]:
        """Labels -> their numbers (n,)"""
        labels = as_labels(y, "y")
        known = set(self.classes.public.tolist())
        strange = next((i for i, label in enumerate(labels.tolist()) if label not in known), None)
        if strange is not None:
            got = f"{shown(labels[strange].item())} for sequence {strange}"
            raise InvalidData(problem("y", f"labels among the {len(known)} of the training sequences", got))
        numbers: NDArray[Any] = self.classes.encode(labels)
        return numbers

    def to_state(self) -> dict[str, Any]:
        """What a file needs."""
        return self.classes.to_state()

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Labels:
        """The inverse of `to_state`."""
        return cls(Classes.from_state(state))


class Tags:
    """One tag for each step.

    Parameters
    ----------
    labels : the tags, sorted.
    """

    by_step = True
    fill = LEFT_OUT

    def __init__(self, labels: list[Any]) -> None:
        self.labels = labels
        self.numbers = {label: number for number, label in enumerate(labels)}

    @classmethod
    def read(cls, y: list[list[Any]], where: str) -> Tags:
        """The tags that there are; at least two."""
        for index, tags in enumerate(y):
            for step, tag in enumerate(tags):
                if not isinstance(tag, (str, int, NoneType)):
                    expected = "a text, an integer, or None where there is no tag"
                    raise InvalidData(problem(f"{where}, sequence {index}, step {step}", expected, shown(tag)))
        labels: list[Any] = list({tag for tags in y for tag in tags if tag is not None})
        expect_one_kind(labels, where)
        labels.sort()
        if len(labels) < 2:
            raise InvalidData(problem(where, "at least 2 tags", f"{len(labels)}: {shown(labels)}"))
        return cls(labels)

    def head(self) -> Expression:
        """The last layer of a network."""
        return Softmax(len(self.labels))

    def encode(self, y: list[list[Any]]) -> list[NDArray[np.int64]]:
        """Tags -> their numbers, -100 where there is none (None)"""
        return [np.array([self._number(i, t, tag) for t, tag in enumerate(tags)], np.int64) for i, tags in enumerate(y)]

    def _number(self, sequence: int, step: int, tag: Any) -> int:
        if tag is None:
            return LEFT_OUT
        if not isinstance(tag, Hashable) or tag not in self.numbers:
            hint = did_you_mean(str(tag), map(str, self.labels))
            got = f"{tag!r} in sequence {sequence}, step {step}"
            raise InvalidData(problem("y", f"tags among the {len(self.labels)} of the training sequences", got, hint))
        return self.numbers[tag]

    def to_state(self) -> dict[str, Any]:
        """What a file needs."""
        return {"labels": self.labels}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Tags:
        """The inverse of `to_state`."""
        return cls(state["labels"])


class Quantities:
    """Numbers for each sequence, or for each step, scaled to mean 0 and deviation 1.

    Parameters
    ----------
    by_step : whether there are numbers for each step.
    scaler : of the numbers, each sample as a vector (m,). flat : whether users give one number and not a vector.
    """

    fill = float("nan")  # behind the end of a sequence there is no number

    def __init__(self, by_step: bool, scaler: Scaler, flat: bool) -> None:
        self.by_step, self.scaler, self.flat = by_step, scaler, flat

    @classmethod
    def of(cls, y: list[NDArray[np.float64]], by_step: bool) -> Quantities:
        """Learn the scale of targets that `read_quantities` has read."""
        some = next(item for item in y if item.size)
        flat = some.ndim == (1 if by_step else 0)
        rows = np.concatenate([_matrix(item, by_step) for item in y if item.size])
        return cls(by_step, fit_scaler(rows), flat)

    @property
    def width(self) -> int:
        """How many numbers there are, for a sequence or a step."""
        return len(self.scaler.mean)

    def head(self) -> Expression:
        """The last layer of a network."""
        return Linear(self.width)

    def encode(self, y: list[NDArray[np.float64]]) -> Any:
        """Numbers as the network learns them: (n, m), or a list of (steps_i, m)"""
        rows = [_matrix(item, self.by_step) if item.size else np.empty((0, self.width)) for item in y]
        rows = [self.scaler.transform(row).astype(np.float32) for row in rows]
        return rows if self.by_step else np.concatenate(rows)

    def decode(self, outputs: list[Tensor]) -> Any:
        """What the network gives, as numbers of the user: (n,) or (n, m), or a list of (steps_i,) or (steps_i, m)"""
        rows = [self.scaler.inverse(output.numpy().astype(np.float64)) for output in outputs]
        rows = [row[..., 0] if self.flat else row for row in rows]
        return rows if self.by_step else np.stack(rows)

    def to_state(self) -> dict[str, Any]:
        """What a file needs."""
        scale = [self.scaler.mean.tolist(), self.scaler.scale.tolist()]
        return {"by_step": self.by_step, "flat": self.flat, "scaler": scale}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Quantities:
        """The inverse of `to_state`."""
        return cls(state["by_step"], Scaler(*map(np.array, state["scaler"])), state["flat"])


def targets_of(y: Any, sequences: list[Any], where: str) -> list[Any]:
    """The targets as a list with one item a sequence.

    Parameters
    ----------
    y : a list, array, tensor or series. sequences : the sequences. where : how an error names the targets.

    Raises
    ------
    InvalidData : no targets, or not one for each sequence.
    """
    if y is None:
        raise InvalidData(problem(where, "targets, one a sequence", "None"))
    y = from_tensor(y)
    if isinstance(y, (str, bytes, dict)) or not isinstance(y, Iterable) or getattr(y, "ndim", 1) == 0:
        raise InvalidData(problem(where, "a list with one item a sequence", shown(y)))
    frame: Any = y if hasattr(y, "columns") else None
    listed = list(y if frame is None else frame.to_numpy())
    expect_as_many(listed, sequences, where)
    return listed


def read_quantities(
    y: list[Any], sequences: list[Any], where: str, known: Quantities | None = None
) -> tuple[list[NDArray[np.float64]], bool]:
    """Numeric targets as one array a sequence, and whether they are by step.

    They are by step when each item is a list or array as long as its sequence.

    Parameters
    ----------
    y : one item a sequence. sequences : the sequences. where : how an error names the targets. known : the targets of
        the fit; None: these are they.

    Raises
    ------
    InvalidData : no numbers, NaN or infinity, targets of unequal width or of another length than their sequence.
    """
    arrays = []
    for index, item in enumerate(y):
        array = _numbers(item, f"{where}, sequence {index}")
        if not np.isfinite(array).all():
            place = np.argwhere(~np.isfinite(array))[0].tolist() if array.ndim else ""
            got = f"{array[tuple(place)] if array.ndim else array} {f'at {place}' if array.ndim else ''}".strip()
            raise InvalidData(problem(f"{where}, sequence {index}", "finite numbers", got))
        arrays.append(array)
    if not any(array.size for array in arrays):
        raise InvalidData(problem(where, "at least one number", "none", "Give targets."))
    by_step = all(a.ndim and len(a) == len(s) for a, s in zip(arrays, sequences, strict=True))
    if known is not None and not known.by_step:
        by_step = False
    if not by_step and ((known is not None and known.by_step) or len({a.shape for a in arrays}) > 1):
        pairs = enumerate(zip(arrays, sequences, strict=True))
        index, array, steps = next((i, a, len(s)) for i, (a, s) in pairs if not a.ndim or len(a) != len(s))
        remedy = "Give one number for each step, or as many numbers for each sequence."
        raise InvalidData(
            problem(f"{where}, sequence {index}", f"{steps} targets, one a step", f"{array.size}", remedy)
        )
    _expect_one_width(arrays, by_step, where, known)
    return arrays, by_step


def _numbers(item: Any, where: str) -> NDArray[np.float64]:
    """The targets of one sequence, in double precision."""
    try:
        given = np.asarray(from_tensor(item))
        array = np.array(given, dtype=np.float64) if given.dtype.kind not in "cmMV" else None
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidData(problem(where, "numbers", shown(item))) from error
    if array is None:
        raise InvalidData(problem(where, "numbers", f"{shown(item)} ({given.dtype})", "Turn it into numbers first."))
    return array


def _expect_one_width(arrays: list[NDArray[np.float64]], by_step: bool, where: str, known: Quantities | None) -> None:
    """As many numbers for each sequence or step, and as many as in the fit."""
    tails = [a.shape[1:] if by_step else a.shape for a in arrays]
    wanted = next((tail for a, tail in zip(arrays, tails, strict=True) if a.size), tails[0])
    if len(wanted) > 1:
        raise InvalidData(problem(where, "one number or one row of numbers each", f"shape {wanted}"))
    if known is not None:
        wanted = () if known.flat else (known.width,)
    for index, (array, tail) in enumerate(zip(arrays, tails, strict=True)):
        if tail != wanted and (array.size or not by_step):
            got = f"shape {tail}"
            per = "step" if by_step else "sequence"
            raise InvalidData(problem(f"{where}, sequence {index}", f"shape {wanted} for each {per}", got))


def as_labels(y: list[Any], where: str) -> NDArray[Any]:
    """Labels as one array (n,); a missing one is named.

    Parameters
    ----------
    y : one label a sequence. where : how an error names them.

    Raises
    ------
    InvalidData : None, NaN or infinity, a list of labels, texts among numbers.
    """
    labels = [item[0] if isinstance(item, np.ndarray) and item.shape == (1,) else item for item in y]
    for index, label in enumerate(labels):
        if label is None or (isinstance(label, float) and not math.isfinite(label)):
            raise InvalidData(problem(f"{where}, sequence {index}", "a label", shown(label)))
        if isinstance(label, (list, tuple, dict)) or np.ndim(label):
            remedy = "Labels for each step are for SequenceTagger."
            raise InvalidData(problem(f"{where}, sequence {index}", "one label", shown(label), remedy))
    expect_one_kind(labels, where)
    return np.asarray(labels)


def expect_one_kind(labels: list[Any], where: str) -> None:
    """Refuse texts among numbers, which would all become texts.

    Parameters
    ----------
    labels : of sequences or steps. where : how an error names them.

    Raises
    ------
    InvalidData : labels of both kinds.
    """
    texts = [label for label in labels if isinstance(label, str)]
    if texts and len(texts) < len(labels):
        other = next(label for label in labels if not isinstance(label, str))
        got = f"{shown(texts[0])} and {shown(other)}"
        raise InvalidData(problem(where, "labels that are all texts, or all numbers", got))


def steps_left(target: Tensor) -> Tensor:
    """Which steps of padded targets count: (batch, steps[, m]) -> (batch, steps)"""
    return target != LEFT_OUT if not target.is_floating_point() else ~torch.isnan(target[..., 0])


def _matrix(item: NDArray[np.float64], by_step: bool) -> NDArray[np.float64]:
    """Targets of one sequence as rows (1 or steps, m)."""
    if by_step:
        return item[:, None] if item.ndim == 1 else item
    return item.reshape(1, -1)
