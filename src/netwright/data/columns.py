"""Tables as columns: whatever holds a table becomes a dict of one-dimensional NumPy arrays, by name.

Data frames of pandas and polars, pyarrow tables, dicts of sequences and two-dimensional arrays all go in. A column
comes out as one of five kinds: bool, integers, floats (NaN is missing), datetime64 (NaT is missing), or object (only
str and None, or only True, False and None). Columns that a frame marks as categorical come out as text.
"""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, did_you_mean, problem

Columns: TypeAlias = dict[str, NDArray[Any]]
_TAKEN = "numbers, booleans, texts or dates"


def is_table(X: Any) -> bool:
    """Whether X is a table with named columns: a mapping or a data frame, and not an array.

    Parameters
    ----------
    X : anything.

    Examples
    --------
    >>> is_table({"age": [1, 2]}), is_table([[1, 2]]), is_table(np.zeros((2, 2)))
    (True, False, False)
    """
    if isinstance(X, Mapping):
        return True
    kind = type(X)  # asking a lazy frame itself for its columns would compute them
    return hasattr(kind, "__getitem__") and (hasattr(kind, "columns") or hasattr(kind, "column_names"))


def to_columns(table: Any) -> Columns:
    """A table as a dict of columns by name; see the head of this file for the kinds of column.

    Parameters
    ----------
    table : a data frame, a mapping from names to sequences, or an array (n, columns), whose columns are x0, x1, ...

    Shapes
    ------
    n rows -> a dict of arrays (n,)

    Raises
    ------
    InvalidData : no table, a name that comes twice, columns of different lengths, a column of other things.

    Examples
    --------
    >>> columns = to_columns({"age": [22, None], "sex": ["male", "female"], "alive": [True, False]})
    >>> columns["age"], columns["sex"], columns["alive"]
    (array([22., nan]), array(['male', 'female'], dtype=object), array([ True, False]))
    """
    columns = {name: settle(name, values) for name, values in raw_columns(table).items()}
    first = next(iter(columns), "")
    for name, column in columns.items():
        if len(column) != len(columns[first]):
            got = f"{len(column)} in {name!r} and {len(columns[first])} in {first!r}"
            raise InvalidData(problem("table", "as many rows in each column", got))
    return columns


def raw_columns(table: Any) -> dict[str, Any]:
    """The columns of a table by name, as what holds it gives them.

    Parameters
    ----------
    table : whatever `to_columns` takes.

    Raises
    ------
    InvalidData : no table, a name that comes twice.

    Examples
    --------
    >>> raw_columns({"age": [22, None]})
    {'age': [22, None]}
    """
    named = _named(table)
    names = [name for name, _ in named]
    for place, name in enumerate(names):
        first = names.index(name)
        if first < place:
            raise InvalidData(
                problem("table", "each column name once", f"{name!r} for columns {first} and {place}", "Rename one.")
            )
    return dict(named)


def split_target(table: Any, target: str) -> tuple[Columns, NDArray[Any]]:
    """A table without its target column, and the target.

    Parameters
    ----------
    table : whatever `to_columns` takes.
    target : the name of the target's column.

    Shapes
    ------
    n rows -> a dict of arrays (n,), and y (n,); text targets come as an array of str.

    Raises
    ------
    InvalidData : no such column, nothing beside it, or a row without a target.

    Examples
    --------
    >>> columns, y = split_target({"age": [22, 38], "survived": [0, 1]}, "survived")
    >>> list(columns), y
    (['age'], array([0, 1]))
    """
    columns = to_columns(table)
    if target not in columns:
        raise InvalidData(problem("target", "a column of the table", repr(target), did_you_mean(target, columns)))
    y = columns.pop(target)
    if not columns:
        raise InvalidData(problem("table", f"columns beside the target {target!r}", "none"))
    absent = np.flatnonzero(missing_rows(y))
    if absent.size:
        got = f"{absent.size} row(s) without one, the first at row {absent[0]}"
        raise InvalidData(problem(f"target {target!r}", "a value in each row", got, "Leave those rows out."))
    if y.dtype == object:
        y = np.array(y.tolist())
    return columns, y


def settle(name: str, values: Any) -> NDArray[Any]:
    """One column, whatever holds it, as one of the five kinds; inputs are never written.

    Raises
    ------
    InvalidData : not one-dimensional, or things that are neither numbers, booleans, texts nor dates.

    Examples
    --------
    >>> settle("when", [datetime.date(2024, 1, 1), None])
    array(['2024-01-01T00:00:00.000000', 'NaT'], dtype='datetime64[us]')
    """
    if hasattr(values, "to_numpy"):
        values = _from_frame(values)
    elif isinstance(values, np.ma.MaskedArray):
        masked, values = np.ma.getmaskarray(values), np.ma.getdata(values).astype(object)
        values[masked] = None
    elif isinstance(values, Sequence) and not isinstance(values, (str, bytes)):
        values = np.fromiter(values, dtype=object, count=len(values))
    array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    if array.ndim != 1:
        raise InvalidData(problem(f"column {name!r}", "one dimension", f"shape {array.shape}"))
    kind = array.dtype.kind
    if kind == "O":
        return _settle_objects(name, array)
    if kind in "UT":
        return _settle_objects(name, array.astype(object))
    if kind in "biuM":
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    if kind == "f":
        return array.astype(np.float64, copy=False)
    if kind == "m":  # durations, in seconds
        seconds = array.astype("timedelta64[us]")
        return np.where(np.isnat(seconds), np.nan, seconds.astype(np.int64) / 1e6)
    raise InvalidData(problem(f"column {name!r}", _TAKEN, f"{array.dtype} values"))


def missing_rows(column: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows of a settled column have no value.

    Examples
    --------
    >>> missing_rows(np.array(["a", None], dtype=object))
    array([False,  True])
    """
    if column.dtype == object:
        return np.fromiter((cell is None for cell in column), dtype=bool, count=column.size)
    absent: NDArray[np.bool_] = np.zeros(column.size, dtype=bool)
    if column.dtype.kind == "f":
        absent = np.isnan(column)
    elif column.dtype.kind == "M":
        absent = np.isnat(column)
    return absent


def as_text(column: NDArray[Any]) -> NDArray[Any]:
    """A settled column as text: str and None; whole numbers are written without a decimal point.

    Examples
    --------
    >>> as_text(np.array([1.0, 2.5, np.nan]))
    array(['1', '2.5', None], dtype=object)
    """
    cells = column.tolist()
    if column.dtype.kind == "f":
        cells = [None if cell != cell else _plain(cell) for cell in cells]
    elif column.dtype.kind == "M":
        cells = [None if cell == "NaT" else cell for cell in np.datetime_as_string(column).tolist()]
    return np.fromiter((None if c is None else str(c) for c in cells), dtype=object, count=len(cells))


def _plain(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def _named(table: Any) -> list[tuple[str, Any]]:
    """Names and raw columns of whatever holds a table."""
    if isinstance(table, Mapping):
        return [(str(name), values) for name, values in table.items()]
    if isinstance(table, np.ndarray) and table.ndim == 2:
        return [(f"x{place}", table[:, place]) for place in range(table.shape[1])]
    if hasattr(table, "collect"):
        raise InvalidData(
            problem("table", "a data frame in memory", f"a {type(table).__name__}", "Call .collect() first.")
        )
    if not is_table(table):
        raise InvalidData(
            problem("table", "a data frame, a dict of columns or an array (n, columns)", f"a {type(table).__name__}")
        )
    labels = list(table.column_names if hasattr(table, "column_names") else table.columns)
    if len(set(labels)) < len(labels):  # frame[label] would be a frame again
        return [(str(label), ()) for label in labels]
    return [(str(label), table[label]) for label in labels]


def _from_frame(series: Any) -> Any:
    """A frame's column as an array; what it marks as categorical is text, also where the categories are numbers."""
    if hasattr(series, "to_pylist") and "dictionary" in str(series.type):  # pyarrow's to_numpy drops the nulls of these
        return series.to_pylist()
    values = series.to_numpy()
    if str(getattr(series, "dtype", "")) == "category":
        return as_text(settle(str(getattr(series, "name", "")), values))
    return values


def _settle_objects(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """An object column by the types of what is in it."""
    if {str, type(None)}.issuperset(map(type, array)) and any(cell is not None for cell in array):
        return array
    absent = np.fromiter(map(_is_missing, array), dtype=bool, count=array.size)
    present = array[~absent]
    if not present.size:
        return np.full(array.size, np.nan)
    types = set(map(type, present))
    if all(issubclass(kind, (bool, np.bool_)) for kind in types):
        return _filled(array, absent, bool) if absent.any() else present.astype(bool)
    if all(issubclass(kind, (numbers.Real, Decimal, np.bool_)) for kind in types):
        return _settle_numbers(name, array, absent)
    if all(issubclass(kind, (datetime.date, np.datetime64)) for kind in types):
        return _settle_moments(name, array, absent)
    if all(issubclass(kind, (str, numbers.Real, Decimal)) for kind in types):
        return _filled(array, absent, str)
    row = next(r for r in range(array.size) if not absent[r] and not isinstance(array[r], (str, numbers.Real, Decimal)))
    raise InvalidData(problem(f"column {name!r}", _TAKEN, f"a {type(array[row]).__name__} at row {row}"))


def _is_missing(cell: Any) -> bool:
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):  # pandas.NA and pandas.NaT
        return True
    if isinstance(cell, Decimal):
        return cell.is_nan()
    if isinstance(cell, np.datetime64):
        return bool(np.isnat(cell))
    return isinstance(cell, numbers.Real) and bool(cell != cell)


def _filled(array: NDArray[Any], absent: NDArray[np.bool_], kind: type) -> NDArray[Any]:
    """The present cells as `kind`, None elsewhere."""
    cells = (None if gone else kind(cell) for cell, gone in zip(array, absent, strict=True))
    return np.fromiter(cells, dtype=object, count=array.size)


def _settle_numbers(name: str, array: NDArray[Any], absent: NDArray[np.bool_]) -> NDArray[Any]:
    """int64 where all are integers that fit, else float64 with NaN."""
    if not absent.any() and all(isinstance(cell, numbers.Integral) for cell in array):
        try:
            return array.astype(np.int64)
        except OverflowError:
            pass
    try:
        return np.array([np.nan if gone else float(cell) for cell, gone in zip(array, absent, strict=True)])
    except OverflowError as error:
        raise InvalidData(problem(f"column {name!r}", "numbers up to 1.8e308", "a larger one")) from error


def _settle_moments(name: str, array: NDArray[Any], absent: NDArray[np.bool_]) -> NDArray[Any]:
    """Python's and NumPy's dates as datetime64[us]; times with a zone as UTC."""
    column = np.full(array.size, np.datetime64("NaT"), dtype="datetime64[us]")
    for row in np.flatnonzero(~absent):
        cell = array[row]
        if getattr(cell, "tzinfo", None) is not None:
            try:
                cell = cell.astimezone(datetime.UTC).replace(tzinfo=None)
            except OverflowError as error:
                got = f"{cell} at row {row}"
                raise InvalidData(problem(f"column {name!r}", "times of the years 1 to 9999", got)) from error
        column[row] = np.datetime64(cell, "us")
    return column
