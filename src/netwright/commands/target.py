"""The target of a table: which column it is, and whether it is to be classified or regressed."""

from __future__ import annotations

from typing import Any

import numpy as np

from netwright.core.errors import InvalidData, did_you_mean, problem
from netwright.data import split_target
from netwright.data.columns import Columns, missing_rows
from netwright.report.words import counted

NAMES = ("target", "label", "class", "y")
FEW = 20  # so many different integers are classes
LEAST = 5  # rows that each of them must have on average


def choose_target(columns: Columns, wanted: str | None) -> str:
    """The column to learn: the wanted one, or the one named target, label, class or y.

    Raises
    ------
    InvalidData : there is no such column; the columns are listed.
    """
    if wanted is not None:
        if wanted not in columns:
            near = did_you_mean(wanted, columns)
            raise InvalidData(problem("--target", "a column of the table", repr(wanted), near))
        return wanted
    found = [name for name in columns if name.lower() in NAMES]
    if len(found) == 1:
        return found[0]
    got = f"the columns {', '.join(columns)}"
    expected = f"a column named {', '.join(NAMES[:-1])} or {NAMES[-1]}" if not found else f"one of {', '.join(found)}"
    raise InvalidData(problem("--target", expected, got, "Say which one is to be learned: --target COL."))


def split_known(columns: Columns, target: str) -> tuple[Columns, np.ndarray, np.ndarray, list[str]]:
    """The other columns and the target, of the rows that have one; which rows these are; what was left out."""
    absent = missing_rows(columns[target])
    rows = np.flatnonzero(~absent)
    notes = []
    if absent.any():
        if not rows.size:
            raise InvalidData(problem(f"target {target!r}", "a value in some rows", f"{absent.size} rows without one"))
        columns = {name: column[rows] for name, column in columns.items()}
        notes.append(f"{absent.sum()} of {absent.size} rows have no {target!r} and are left out.")
    features, y = split_target(columns, target)
    return features, y, rows, notes


def choose_task(y: np.ndarray, wanted: str) -> tuple[str, str]:
    """ "classify" or "regress", and why.

    Examples
    --------
    >>> choose_task(np.array(["a", "b"]), "auto"), choose_task(np.array([0.5, 1.5]), "auto")
    (('classify', 'text'), ('regress', 'numbers'))
    """
    if wanted != "auto":
        return wanted, f"--task {wanted}"
    if y.dtype.kind not in "iuf":
        return "classify", "booleans" if y.dtype.kind == "b" else "text"
    if y.dtype.kind == "f" and not np.array_equal(y, np.round(y)):
        return "regress", "numbers"
    distinct = len(np.unique(y))
    if distinct <= 2 or (distinct <= FEW and distinct * LEAST <= len(y)):
        return "classify", f"{distinct} different integers"
    return "regress", f"{distinct} different integers"


def as_task(y: np.ndarray, task: str, target: str) -> np.ndarray:
    """The target as its task needs it: whole numbers as integer labels, numbers as float64.

    Raises
    ------
    InvalidData : text or dates to regress, broken numbers to classify.
    """
    kind = y.dtype.kind
    if task == "classify":
        if kind == "M":
            return y.astype(str)
        if kind != "f":
            return y
        if not np.array_equal(y, np.round(y)):
            broken = y[np.flatnonzero(y != np.round(y))[0]]
            raise InvalidData(problem(f"target {target!r}", "labels", f"the number {broken:g}", "Use --task regress."))
        return y.astype(np.int64)
    if kind not in "iufb":
        got = f"{_shown(y[0])} in the first row"
        raise InvalidData(problem(f"target {target!r}", "numbers", got, "Use --task classify."))
    return y.astype(np.float64)


def require_classes(y: np.ndarray, target: str) -> None:
    """Raise unless there is something to tell apart.

    Raises
    ------
    InvalidData : one class only.
    """
    labels = np.unique(y)
    if len(labels) < 2:
        got = f"only {_shown(labels[0])} in {counted(len(y), 'row')}"
        raise InvalidData(problem(f"target {target!r}", "at least 2 classes", got, "Choose another one: --target COL."))


def require_split(whole: np.ndarray, training: np.ndarray) -> None:
    """Raise unless all classes of the data are among the rows for training.

    Raises
    ------
    InvalidData : a class of so few rows that the split took them all; the rows of each class are named.
    """
    labels, counts = np.unique(whole, return_counts=True)
    lost = labels[~np.isin(labels, training)]
    if not lost.size:
        return
    rows = [f"{_shown(label)}: {count}" for label, count in zip(labels[:10], counts[:10], strict=True)]
    more = f" and {len(labels) - 10} more" if len(labels) > 10 else ""
    got = f"{counted(len(training), 'row')} without {_shown(lost[0])} of the {len(whole)} ({', '.join(rows)}{more})"
    remedy = "The split into training, validation and test needs more rows of each class, at least 3."
    raise InvalidData(problem("split", "rows of every class for training", got, remedy))


def _shown(item: Any) -> str:
    return repr(item.item() if hasattr(item, "item") else item)
