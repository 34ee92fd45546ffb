"""Arrays: whether all numbers are finite, and where the first is that is not; labels that a model file can hold."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem

BLOCK = 1 << 22  # elements that are looked at together
_TIMES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


def first_nonfinite(array: NDArray[Any]) -> tuple[int, tuple[int, ...], float] | None:
    """The first NaN or infinity: its row, its place within the row, and the value; None where all are finite.

    Parameters
    ----------
    array : the values, a row a sample; anything but floats is finite.

    Shapes
    ------
    array (n, ...)

    Examples
    --------
    >>> first_nonfinite(np.array([[1.0, 2.0], [3.0, np.inf]]))
    (1, (1,), inf)
    """
    if array.dtype.kind != "f" or not array.size:
        return None
    array = np.atleast_1d(array)
    rows = max(1, BLOCK * len(array) // array.size)
    for start in range(0, len(array), rows):
        finite = np.isfinite(array[start : start + rows])
        if not finite.all():
            place = np.unravel_index(int(finite.argmin()), finite.shape)
            row, *column = (int(index) for index in place)
            return start + row, tuple(column), float(array[(start + row, *column)])
    return None


def require_finite(array: NDArray[Any], name: str = "X", columns: Sequence[str] | None = None) -> None:
    """Raise unless all values are finite, in scikit-learn's words and with the first row and column.

    Parameters
    ----------
    array : the values, a row a sample.
    name : what the caller calls them: X, y, sample_weight.
    columns : names of the columns, where they have some.

    Raises
    ------
    InvalidData : NaN or infinity.

    Examples
    --------
    >>> require_finite(np.array([[1.0, np.nan]]), columns=["age", "fare"])
    Traceback (most recent call last):
        ...
    netwright.core.errors.InvalidData: Input X contains NaN. Row 0, column 1 ('fare'): expected a finite number, ...
    """
    found = first_nonfinite(array)
    if found is None:
        return
    row, column, value = found
    if np.isnan(value):
        what, remedy = "NaN", "Leave the row out, or fill what is missing (sklearn.impute.SimpleImputer)."
    else:
        what = f"infinity or a value too large for dtype({str(array.dtype)!r})"
        remedy = "Leave the row out, or clip the value."
    where = f"Input {name} contains {what}. {place_of(row, column, columns)}"
    raise InvalidData(problem(where, "a finite number", f"{value}", remedy))


def place_of(row: int, column: tuple[int, ...], columns: Sequence[str] | None) -> str:
    """Where a value is, in words; rows and columns count from 0."""
    if not column:
        return f"Row {row}"
    if len(column) > 1:
        return f"Row {row}, place {column} within it"
    named = f" ({columns[column[0]]!r})" if columns is not None else ""
    return f"Row {row}, column {column[0]}{named}"


def require_labels(labels: np.ndarray, where: str) -> None:
    """Refuse labels that are dates or times, which files of models cannot hold.

    Parameters
    ----------
    labels : an array of any shape. where : how an error names them.

    Raises
    ------
    InvalidData : datetime64, timedelta64, or objects of `datetime`, such as the Timestamps of pandas.

    Examples
    --------
    >>> require_labels(np.array(["a", "b"]), "y")
    >>> require_labels(np.array(["2026-01-01"], dtype="datetime64[D]"), "y")
    Traceback (most recent call last):
        ...
    netwright.core.errors.InvalidData: y: expected labels that are numbers, texts or booleans, got dates or times ...
    """
    got = str(labels.dtype) if labels.dtype.kind in "mM" else ""
    if labels.dtype.kind == "O":
        kinds = (type(label) for label in labels.flat if isinstance(label, _TIMES))
        got = next((kind.__name__ for kind in kinds), "")
    if got:
        expected, remedy = "labels that are numbers, texts or booleans", "Write them as texts: y.astype(str)."
        raise InvalidData(problem(where, expected, f"dates or times ({got})", remedy))
