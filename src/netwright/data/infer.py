"""The kind of a column of text cells: integers, floats, booleans, ISO dates, or text.

The narrowest kind that every present cell meets is taken, in that order; cells are stripped of blanks first, and those
that are one of the `MISSING` markers are missing. What comes out has one of six forms:

=========== ===================================== ===============================
kind        without missing cells                 with missing cells
=========== ===================================== ===============================
integers    int64                                 float64 with NaN
floats      float64                               float64 with NaN
booleans    bool                                  object: True, False, None
dates       datetime64[D]                         datetime64[D] with NaT
times       datetime64[us], zones turned to UTC   datetime64[us] with NaT
text        object: str                           object: str, None
=========== ===================================== ===============================
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MISSING = frozenset({"", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NaT", "null", "NULL", "None"})
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?")
_ZONED = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}(:?\d{2})?)")


def infer(cells: Sequence[str], missing: frozenset[str] = MISSING) -> NDArray[Any]:
    """One column of text cells as an array of the narrowest kind.

    Parameters
    ----------
    cells : the cells of one column, as they stand in the file.
    missing : the texts that mean "no value here".

    Shapes
    ------
    n cells -> (n,)

    Examples
    --------
    >>> infer(["1", " 2"]), infer(["1", "?"]), infer(["true", "False"])
    (array([1, 2]), array([ 1., nan]), array([ True, False]))
    >>> infer(["2024-02-29", ""]), infer(["1", "a"])
    (array(['2024-02-29', 'NaT'], dtype='datetime64[D]'), array(['1', 'a'], dtype=object))
    """
    stripped = [cell.strip() for cell in cells]
    absent = np.fromiter(map(missing.__contains__, stripped), dtype=bool, count=len(stripped))
    present = stripped if not absent.any() else [cell for cell in stripped if cell not in missing]
    if not present:
        return np.full(len(stripped), np.nan)
    for read in (_numbers, _booleans, _dates, _times, _zoned):
        values = read(present)
        if values is not None:
            return _spread(values, absent)
    return _spread(np.array(present, dtype=object), absent)


def is_number(cell: str) -> bool:
    """Whether a cell is a plain number (digits of ASCII, no underscores).

    Examples
    --------
    >>> is_number(" -1.5e3 "), is_number("1_000"), is_number("x0")
    (True, False, False)
    """
    return _numbers([cell.strip()]) is not None


def _spread(values: NDArray[Any], absent: NDArray[np.bool_]) -> NDArray[Any]:
    """The values of the present rows in a full column, with the missing value of their kind elsewhere."""
    if not absent.any():
        return values
    kind = values.dtype.kind
    if kind in "if":
        column = np.full(absent.size, np.nan)
    elif kind == "M":
        column = np.full(absent.size, np.datetime64("NaT"), dtype=values.dtype)
    else:
        column = np.full(absent.size, None, dtype=object)
    column[~absent] = values
    return column


def _numbers(cells: Sequence[str]) -> NDArray[Any] | None:
    """int64 where all are integers that fit, float64 where all are numbers, else None."""
    joined = "".join(cells)
    if "_" in joined or not joined.isascii():  # Python reads 1_000 and digits of all scripts
        return None
    try:
        return np.array(list(map(int, cells)), dtype=np.int64)
    except (ValueError, OverflowError):
        pass
    try:
        return np.array(list(map(float, cells)), dtype=np.float64)
    except ValueError:
        return None


def _booleans(cells: Sequence[str]) -> NDArray[Any] | None:
    lowered = [cell.lower() for cell in cells]
    if not {"true", "false"}.issuperset(lowered):
        return None
    return np.fromiter(map("true".__eq__, lowered), dtype=bool, count=len(lowered))


def _dates(cells: Sequence[str]) -> NDArray[Any] | None:
    """Days, or months such as 1949-01, which stand for their first day."""
    return _moments(cells, "datetime64[D]") if all(map(_DATE.fullmatch, cells)) else None


def _times(cells: Sequence[str]) -> NDArray[Any] | None:
    """Days and times of day, to the microsecond; nanoseconds are cut."""
    if not all(_TIME.fullmatch(cell) or _DATE.fullmatch(cell) for cell in cells):
        return None
    return _moments([cell[:26].replace(" ", "T") for cell in cells], "datetime64[us]")


def _moments(cells: Sequence[str], dtype: str) -> NDArray[Any] | None:
    try:
        return np.array(cells, dtype=dtype)
    except ValueError:  # the 30th of February
        return None


def _zoned(cells: Sequence[str]) -> NDArray[Any] | None:
    """Times with a zone, as UTC."""
    if not all(map(_ZONED.fullmatch, cells)):
        return None
    try:
        moments = [datetime.datetime.fromisoformat(cell).astimezone(datetime.UTC) for cell in cells]
    except (ValueError, OverflowError):
        return None
    return np.array([moment.replace(tzinfo=None) for moment in moments], dtype="datetime64[us]")
