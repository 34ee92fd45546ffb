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

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.core.errors import InvalidData, did_you_mean, problem, shown
from netwright.estimators.classes import Classes
from netwright.estimators.scaling import Scaler, fit_scaler
from netwright.graph import Expression
from netwright.layers import Linear, Softmax
from netwright.sequence.batches import LEFT_OUT


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
        numbers: NDArray[Any] = self.classes.encode(as_labels(y, "y"))
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

    def __init__(self, labels: list[str]) -> None:
        self.labels = labels
        self.numbers = {label: number for number, label in enumerate(labels)}

    @classmethod
    def read(cls, y: list[list[Any]], where: str) -> Tags:
        """The tags that there are; at least two."""
        labels = sorted({tag for tags in y for tag in tags if tag is not None}, key=str)
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
        if tag not in self.numbers:
            hint = did_you_mean(str(tag), map(str, self.labels)) if len(self.labels) <= 40 else ""
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
        flat = y[0].ndim == (1 if by_step else 0)
        rows = np.concatenate([_matrix(item, by_step) for item in y])
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
        rows = [self.scaler.transform(_matrix(item, self.by_step)).astype(np.float32) for item in y]
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


def read_quantities(y: list[Any], sequences: list[Any], where: str) -> tuple[list[NDArray[np.float64]], bool]:
    """Numeric targets as one array a sequence, and whether they are by step.

    They are by step when the items are lists or arrays as long as their sequences, and not all of one length or the
    sequences are.

    Parameters
    ----------
    y : one item a sequence. sequences : the sequences. where : how an error names the targets.

    Raises
    ------
    InvalidData : no numbers, NaN or infinity, targets of unequal width or of another length than their sequence.
    """
    arrays = []
    for index, item in enumerate(y):
        try:
            array = np.array(item, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidData(problem(f"{where}, sequence {index}", "numbers", shown(item))) from error
        if not np.isfinite(array).all():
            place = np.argwhere(~np.isfinite(array))[0].tolist() if array.ndim else ""
            got = f"{array[tuple(place)] if array.ndim else array} {f'at {place}' if array.ndim else ''}".strip()
            raise InvalidData(problem(f"{where}, sequence {index}", "finite numbers", got))
        arrays.append(array)
    by_step = arrays[0].ndim > 0 and all(a.ndim and len(a) == len(s) for a, s in zip(arrays, sequences, strict=True))
    if arrays[0].ndim > 0 and not by_step and len({a.shape for a in arrays}) > 1:
        pairs = enumerate(zip(arrays, sequences, strict=True))
        index, array, steps = next((i, a, len(s)) for i, (a, s) in pairs if not a.ndim or len(a) != len(s))
        remedy = "Give one number for each step, or as many numbers for each sequence."
        raise InvalidData(
            problem(f"{where}, sequence {index}", f"{steps} targets, one a step", f"{array.size}", remedy)
        )
    tails = {a.shape[1:] if by_step else a.shape for a in arrays}
    if len(tails) > 1 or any(len(tail) > 1 for tail in tails):
        raise InvalidData(problem(where, "as many numbers everywhere", f"shapes {sorted(tails)}"))
    return arrays, by_step


def as_labels(y: list[Any], where: str) -> NDArray[Any]:
    """Labels as one array; a missing one is named."""
    missing = next((i for i, label in enumerate(y) if label is None or label != label), None)
    if missing is not None:
        raise InvalidData(problem(f"{where}, sequence {missing}", "a label", shown(y[missing])))
    array = np.asarray(y)
    if array.ndim != 1:
        remedy = "Labels for each step are for SequenceTagger."
        raise InvalidData(problem(where, "one label a sequence", f"shape {array.shape}", remedy))
    return array


def steps_left(target: Tensor) -> Tensor:
    """Which steps of padded targets count: (batch, steps[, m]) -> (batch, steps)"""
    return target != LEFT_OUT if not target.is_floating_point() else ~torch.isnan(target[..., 0])


def _matrix(item: NDArray[np.float64], by_step: bool) -> NDArray[np.float64]:
    """Targets of one sequence as rows (1 or steps, m)."""
    if by_step:
        return item[:, None] if item.ndim == 1 else item
    return item.reshape(1, -1)
