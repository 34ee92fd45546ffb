"""Rows that are no numbers: what is refused before they are read, and which value it is where reading fails.

What NumPy and scikit-learn say of such rows names neither the row nor the column; here both are added to their words.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.arrays import place_of
from netwright.core.errors import InvalidData, problem, shown

DATES = ("date", "time", "duration")  # how the types of pandas and polars that hold times begin
ENCODE = "Encode the column (sklearn.preprocessing.OneHotEncoder, OrdinalEncoder), or leave it out."


def require_readable(X: Any, name: str = "X", expected: str = "an array of numbers (n, n_features)") -> None:
    """Refuse what NumPy would read as something that it is not: nothing at all, a text, dates, a name that comes twice.

    Parameters
    ----------
    X : anything.
    name : what the caller calls it.
    expected : in words.

    Raises
    ------
    InvalidData : see above.

    Examples
    --------
    >>> require_readable(np.array(["2026-01-01"], dtype="datetime64[D]"))
    Traceback (most recent call last):
        ...
    netwright.core.errors.InvalidData: X: expected numbers, got dates or times (datetime64[D]). Give the time since ...
    """
    if X is None or isinstance(X, (str, bytes)):
        raise InvalidData(problem(name, expected, shown(X), "Give one row a sample."))
    remedy = "Give the time since a first date: (dates - dates.min()) / np.timedelta64(1, 'D')."
    kind = getattr(X, "dtype", None)
    if getattr(kind, "kind", "") in ("m", "M"):
        raise InvalidData(problem(name, "numbers", f"dates or times ({kind})", remedy))
    if not is_frame(X):
        return
    names = list(X.columns)
    for number, (column, kind) in enumerate(zip(names, X.dtypes, strict=True)):
        if column in names[:number]:
            got = f"{column!r} for columns {names.index(column)} and {number}"
            raise InvalidData(problem(name, "each column name once", got, "Rename one."))
        if str(kind).lower().startswith(DATES):
            where = f"{name}, column {number} ({column!r})"
            raise InvalidData(problem(where, "numbers", f"dates or times ({kind})", remedy))


def is_frame(X: Any) -> bool:
    """Whether X is a data frame, with names and types of columns.

    Parameters
    ----------
    X : anything.

    Examples
    --------
    >>> is_frame([[1.0]])
    False
    """
    return hasattr(X, "columns") and hasattr(X, "dtypes") and hasattr(X, "shape")


@contextmanager
def values_named(X: Any, name: str = "X") -> Iterator[None]:
    """Read X within this: an error that comes says which value is no number, in its own words and then in ours.

    Parameters
    ----------
    X : what is read.
    name : what the caller calls it.

    Raises
    ------
    InvalidData : for a ValueError or an OverflowError. TypeError : for a TypeError.

    Examples
    --------
    >>> with values_named([[1.0, "a"]]):
    ...     np.array([[1.0, "a"]], dtype=object).astype(float)
    Traceback (most recent call last):
        ...
    netwright.core.errors.InvalidData: could not convert string to float: 'a'. X. Row 0, column 1: expected a number,...
    """
    try:
        with np.errstate(over="ignore"):  # what a narrower type cannot hold becomes infinite, and is named then
            yield
    except InvalidData:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        text = first_problem(X, name)
        if not text:
            raise
        said = str(error).rstrip(".")
        raise (TypeError if isinstance(error, TypeError) else InvalidData)(f"{said}. {text}") from error


def first_problem(X: Any, name: str = "X") -> str:
    """The first value of X that is no number, or the first row of another length, in the house's form; "" for none.

    Parameters
    ----------
    X : an array, a list or a frame.
    name : what the caller calls it.

    Examples
    --------
    >>> first_problem([[1, 2], [3]])
    'X. Row 1: expected 2 values, as in row 0, got 1. Bring the rows to one length.'
    """
    columns = [str(column) for column in X.columns] if is_frame(X) else None
    cells = _cells(X)
    if cells is None or not cells.ndim or not cells.size:
        return ""
    if cells.ndim == 1 and cells.dtype == object:
        sizes = [np.size(row) if hasattr(row, "__len__") and not isinstance(row, str) else -1 for row in cells]
        other = next((row for row, size in enumerate(sizes) if size != sizes[0]), None)
        if other is not None:
            got = f"{sizes[other]}" if sizes[other] >= 0 else shown(cells[other])
            remedy = "Bring the rows to one length."
            return problem(f"{name}. Row {other}", f"{max(sizes[0], 0)} values, as in row 0", got, remedy)
    for place in np.ndindex(cells.shape):
        if not _is_number(cells[place]):
            where = f"{name}. {place_of(place[0], place[1:], columns)}"
            return problem(where, "a number", shown(cells[place]), ENCODE)
    return ""


def as_numbers(X: Any, name: str, expected: str) -> NDArray[Any]:
    """Whatever holds numbers as an array of them: a tensor of any kind, a frame, objects, nested lists.

    Parameters
    ----------
    X : an array, a list, a frame or a tensor.
    name : what the caller calls it.
    expected : in words.

    Shapes
    ------
    any -> an array of integers, booleans or floats of at most 64 bits

    Raises
    ------
    InvalidData, TypeError : anything else, with the row and the column.

    Examples
    --------
    >>> as_numbers(np.array([[1, 2.5]], dtype=object), "X", "rows")
    array([[1. , 2.5]])
    """
    if hasattr(X, "toarray"):
        what = f"Sparse data was passed, but dense data is required. {name}"
        raise InvalidData(problem(what, "a dense array", f"a {type(X).__name__}", "Use X.toarray()."))
    require_readable(X, name, expected)
    with values_named(X, name):
        array = np.asarray(from_tensor(X))
        if array.dtype == object or is_frame(X):
            array = X.to_numpy(dtype=np.float64, na_value=np.nan) if _is_pandas(X) else array.astype(np.float64)
    if array.dtype.kind == "c":
        raise InvalidData(problem(f"Complex data not supported. {name}", expected, f"{array.dtype}", "Give X.real."))
    if array.dtype.kind not in "fiub":
        text = problem(name, f"numbers: {expected}", f"elements of type {array.dtype}")
        raise InvalidData((first_problem(X, name) if array.dtype.kind in "US" else "") or text)
    if array.dtype.kind == "f" and (array.dtype.itemsize > 8 or not array.dtype.isnative):
        with np.errstate(over="ignore"):
            array = array.astype(np.float64)
    return array


def from_tensor(X: Any) -> Any:
    """A tensor of torch as an array, from any device, with a gradient or not; anything else as it came.

    Parameters
    ----------
    X : anything; bfloat16, which NumPy does not have, becomes float32.
    """
    if not (hasattr(X, "detach") and hasattr(X, "cpu")):
        return X
    X = X.detach().cpu()
    X = X.to_dense() if X.is_sparse else X
    return (X.float() if str(X.dtype) == "torch.bfloat16" else X).numpy()


def _is_pandas(X: Any) -> bool:
    return is_frame(X) and hasattr(X, "iloc")


def _cells(X: Any) -> NDArray[Any] | None:
    """X value by value; None where it cannot be taken apart."""
    try:
        return np.asarray(X.to_numpy() if hasattr(X, "to_numpy") else from_tensor(X), dtype=object)
    except (TypeError, ValueError, OverflowError):
        return None


def _is_number(value: Any) -> bool:
    """Whether a value can stand in an array of floats."""
    if isinstance(value, numbers.Complex) and not isinstance(value, numbers.Real):
        return False
    if value is None or type(value).__name__ == "NAType":
        return True  # a gap, which is named elsewhere
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True
