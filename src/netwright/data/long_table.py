"""A long table, with a row for each step of many sequences, as sequences.

====================================== ==================================================
in the table                           in the sequences
====================================== ==================================================
`by`: the columns that tell sequences  one key a sequence, in the order of its first row
`order`: a number or a time            the steps of each sequence, from the least
columns of numbers                     arrays (steps_i, features)
one column of texts                    lists of tokens
`target`, constant in each sequence    one value a sequence
`target`, else                         one list of values a sequence, None where missing
====================================== ==================================================

The rows of a sequence need not be adjacent; without `order` its steps are in the order of their rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem, shown
from netwright.core.validation import boolean, check, nothing
from netwright.data.columns import Columns, missing_rows, raw_columns, to_columns
from netwright.data.infer import infer

WHERE = "sequences_of"
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Sequences:
    """What `sequences_of` makes of a long table: X and y for an estimator, and what they were in the table.

    Attributes
    ----------
    X : a list with one item a sequence: arrays (steps_i, features) float64, or lists of tokens.
    y : the targets: an array (n,) of one value a sequence, or a list with one list of values a sequence; None where no
        target was named.
    keys : of each sequence its value of the column `by`, or a tuple of the values of several.
    rows : of each sequence the numbers of its rows in the table, step by step, arrays (steps_i,) int64.
    """

    X: list[Any]
    y: Any
    keys: list[Any]
    rows: list[Rows]

    def __len__(self) -> int:
        return len(self.X)

    def __repr__(self) -> str:
        return f"Sequences(of {len(self)}, with {sum(map(len, self.rows))} steps in all)"


def sequences_of(
    frame: Any,
    by: str | Iterable[str],
    order: str | None = None,
    columns: str | Iterable[str] | None = None,
    target: str | None = None,
    *,
    by_step: bool | None = None,
) -> Sequences:
    """The sequences of a long table, which has one row a step.

    Parameters
    ----------
    frame : a data frame, or a dict of columns as `read_table` gives it.
    by : the column whose value tells the sequence, or several such columns.
    order : a column of numbers or times to sort the steps of each sequence by; None: as the rows stand.
    columns : the features, columns of numbers or one of texts; None: all others.
    target : the column to learn; None for none.
    by_step : whether the target is one for each step; None: it is where it changes within some sequence.

    Shapes
    ------
    n rows -> as many sequences as `by` has values, of n steps in all

    Raises
    ------
    InvalidData : no such column, no rows, a missing value (a target by step may have some), steps of equal order, texts
        among numbers, a target that changes where it must not; with the row and the sequence.
    InvalidParameter : a column that is asked to be two things.

    Examples
    --------
    >>> table = {"who": ["b", "a", "b"], "day": [2, 1, 1], "pulse": [71, 64, 68], "ill": [True, False, True]}
    >>> found = sequences_of(table, by="who", order="day", target="ill")
    >>> found.keys, found.y
    (['b', 'a'], array([ True, False]))
    >>> found.X[0]
    array([[68.],
           [71.]])
    """
    check(f"{WHERE}(by_step)", by_step, nothing | boolean)
    raw = raw_columns(frame)
    telling = _names(by, "by", raw)
    ordering = _names(order, "order", raw)
    learned = _names(target, "target", raw)
    features = [name for name in raw if name not in {*telling, *ordering, *learned}]
    if columns is not None:
        features = _names(columns, "columns", raw)
    _expect_apart(telling, ordering, learned, features)
    table = to_columns({name: raw[name] for name in dict.fromkeys([*telling, *ordering, *features, *learned])})
    if not len(table[telling[0]]):
        raise InvalidData(problem(WHERE, "at least one row", "none"))
    for name in telling:
        _expect_all(name, table, None)
        _expect_one_kind(name, raw, table, None)
    codes = _codes([table[name] for name in telling])
    keys = _Keys(telling, table)
    for name in (*ordering, *features, *learned):
        _expect_one_kind(name, raw, table, keys)
    rows = _steps(codes, ordering, table, keys)
    made = _features(features, table, keys)
    X = [made[each].tolist() if made.dtype == object else made[each] for each in rows]
    y = _targets(learned[0], table, rows, keys, by_step) if learned else None
    return Sequences(X, y, [keys.of(int(each.min())) for each in rows], rows)


class _Keys:
    """The key of the sequence that a row belongs to, for results and for messages."""

    def __init__(self, names: list[str], table: Columns) -> None:
        self.columns = [table[name] for name in names]

    def of(self, row: int) -> Any:
        """The value of the only column, or a tuple."""
        cells = [c[row] if c.dtype.kind == "M" or c.dtype == object else c[row].item() for c in self.columns]
        return tuple(cells) if len(cells) > 1 else cells[0]

    def place(self, row: int) -> str:
        """A row in words."""
        return f"row {row} (sequence {shown(self.of(row), 60)})"


def _names(given: Any, argument: str, raw: dict[str, Any]) -> list[str]:
    """The names that an argument gives, all of which there are, each once."""
    if given is None:
        return []
    one = isinstance(given, str) or not isinstance(given, Iterable)
    names = [str(given)] if one else [str(name) for name in given]
    where = f"{WHERE}({argument})"
    if not names or (len(names) > 1 and argument in ("order", "target")):
        expected = "the name of a column" if argument in ("order", "target") else "at least one name of a column"
        raise InvalidParameter(problem(where, expected, shown(given)))
    for place, name in enumerate(names):
        if name not in raw:
            raise InvalidData(problem(where, "a column of the table", shown(name), did_you_mean(name, raw)))
        if name in names[:place]:
            raise InvalidParameter(problem(where, "each column once", f"{name!r} twice"))
    return names


def _expect_apart(telling: list[str], ordering: list[str], learned: list[str], features: list[str]) -> None:
    """Refuse columns that would be two things of which one gives the other away, and no features."""
    for name in (*ordering, *learned):
        others = [*telling, *(ordering if name in learned else [])]
        if name in others or (name in learned and name in features):
            what = "features" if name in features and name not in others else "by or order"
            argument = "target" if name in learned else "order"
            remedy = "Name another one." if what != "features" else "Leave it out of columns."
            raise InvalidParameter(problem(f"{WHERE}({argument})", "a column of its own", f"{name!r}, {what}", remedy))
    if not features:
        raise InvalidData(problem(WHERE, "a column of features beside by, order and target", "none"))


def _expect_all(name: str, table: Columns, keys: _Keys | None) -> None:
    """Refuse missing values."""
    absent = missing_rows(table[name])
    if absent.any():
        row = int(absent.argmax())
        place = f"row {row}" if keys is None else keys.place(row)
        remedy = "Fill gaps in the table first, or leave such rows out."
        raise InvalidData(problem(f"{WHERE}, column {name!r}", "a value in each row", f"none in {place}", remedy))


def _expect_one_kind(name: str, raw: dict[str, Any], table: Columns, keys: _Keys | None) -> None:
    """Refuse numbers among texts, which would all become texts: 1 and "1" would be one."""
    if not _is_text(table[name]):
        return
    values = raw[name]
    read = next((getattr(values, form) for form in ("to_pylist", "tolist", "to_list") if hasattr(values, form)), None)
    cells = list(values) if read is None else read()
    texts = np.fromiter((isinstance(cell, str) for cell in cells), dtype=bool, count=len(cells))
    others = np.flatnonzero(~texts & ~missing_rows(table[name]))
    if others.size and texts.any():
        row, text = int(others[0]), int(texts.argmax())
        place = f"row {row}" if keys is None else keys.place(row)
        got = f"{shown(cells[row], 60)} in {place} and {shown(cells[text], 60)} in row {text}"
        raise InvalidData(problem(f"{WHERE}, column {name!r}", "only texts, or only numbers", got))


def _is_text(column: NDArray[Any]) -> bool:
    """Whether a settled column is one of texts, and not of booleans with gaps."""
    return column.dtype == object and any(isinstance(cell, str) for cell in column)


def _codes(columns: list[NDArray[Any]]) -> Rows:
    """The number of the sequence of each row, 0 for that of the first row, and so on."""
    cells = [column.tolist() for column in columns]
    numbers: dict[Any, int] = {}
    found = [
        numbers.setdefault(key, len(numbers)) for key in (zip(*cells, strict=True) if len(cells) > 1 else cells[0])
    ]
    return np.array(found, dtype=np.int64)


def _steps(codes: Rows, ordering: list[str], table: Columns, keys: _Keys) -> list[Rows]:
    """The rows of each sequence, step by step."""
    if ordering:
        column = _ordered(ordering[0], table, keys)
        rows = np.lexsort((column, codes))
        equal = (column[rows[1:]] == column[rows[:-1]]) & (codes[rows[1:]] == codes[rows[:-1]])
        if equal.any():
            place = int(equal.argmax())
            first, second = rows[place].item(), rows[place + 1].item()
            got = f"{column[first]} in row {first} and in {keys.place(second)}"
            remedy = "Name a finer column, or make one row of such rows first."
            where = f"{WHERE}(order), column {ordering[0]!r}"
            raise InvalidData(problem(where, "another value at each step of a sequence", got, remedy))
    else:
        rows = np.argsort(codes, kind="stable")
    return np.split(rows.astype(np.int64), np.cumsum(np.bincount(codes))[:-1])


def _ordered(name: str, table: Columns, keys: _Keys) -> NDArray[Any]:
    """The column to sort by, as numbers or times; texts are read as such."""
    column = table[name]
    if _is_text(column):
        column = infer(["" if cell is None else cell for cell in column])
    if column.dtype.kind not in "iufM":
        got = f"{shown(column[0].item() if hasattr(column[0], 'item') else column[0])} in row 0"
        remedy = "Make numbers or ISO times of them: as texts, '10' would come before '9'."
        raise InvalidData(problem(f"{WHERE}(order), column {name!r}", "numbers or times", got, remedy))
    _expect_all(name, {name: column}, keys)
    return column


def _features(names: list[str], table: Columns, keys: _Keys) -> NDArray[Any]:
    """Numbers (rows, features) float64, or texts (rows,)."""
    texts = [name for name in names if _is_text(table[name])]
    times = [name for name in names if table[name].dtype.kind == "M"]
    numbers = [name for name in names if name not in {*texts, *times}]
    if times or (texts and len(names) > 1):
        kinds = {"times": times, "texts": texts, "numbers": numbers}
        listed = [f"{kind} in {name!r}" for kind, found in kinds.items() for name in found]
        got = ", ".join(listed[:4]) + (", ..." if len(listed) > 4 else "")
        remedy = f"Choose among them: columns={shown(numbers or texts[:1])}." if numbers or texts else ""
        raise InvalidData(problem(f"{WHERE}(columns)", "columns of numbers, or one of texts", got, remedy))
    for name in names:
        _expect_all(name, table, keys)
    if texts:
        return table[texts[0]]
    matrix = np.column_stack([table[name].astype(np.float64) for name in names])
    if not np.isfinite(matrix).all():
        row, place = np.argwhere(~np.isfinite(matrix))[0].tolist()
        where = f"{WHERE}, column {names[place]!r}"
        raise InvalidData(problem(where, "finite numbers", f"{matrix[row, place]} in {keys.place(row)}"))
    return matrix


def _targets(name: str, table: Columns, rows: list[Rows], keys: _Keys, by_step: bool | None) -> Any:
    """One value a sequence, or one list of values a sequence."""
    column = table[name]
    absent = missing_rows(column)
    where = f"{WHERE}(target), column {name!r}"
    if column.dtype.kind == "M":
        raise InvalidData(problem(where, "labels or numbers", "times", "Make numbers or texts of them."))
    first = np.array([each[0] for each in rows])
    changed = _changes(column, absent, rows, first)
    if not (bool(changed.size) if by_step is None else by_step):
        if changed.size:
            row = int(changed[0])
            begin = next(int(each[0]) for each in rows if row in each)
            got = f"{shown(column[begin])} in row {begin} and {shown(column[row])} in {keys.place(row)}"
            raise InvalidData(problem(where, "one value for each sequence, as by_step=False says", got))
        _expect_all(name, table, keys)
        _expect_finite(where, column, absent, keys)
        return np.array(column.tolist())[first]
    _expect_finite(where, column, absent, keys)
    cells = column.astype(object)
    if absent.any() and column.dtype.kind == "f":  # integers with gaps are floats in a table
        broken = np.flatnonzero(~absent & (column != np.round(column)))
        if broken.size:
            got = f"none in {keys.place(int(absent.argmax()))}"
            remedy = "Only labels may be missing; leave such rows out."
            raise InvalidData(problem(where, "a number in each row", got, remedy))
        cells[~absent] = column[~absent].astype(np.int64).astype(object)
    cells[absent] = None
    return [cells[each].tolist() for each in rows]


def _changes(column: NDArray[Any], absent: NDArray[np.bool_], rows: list[Rows], first: Rows) -> Rows:
    """The rows that have another target than the first step of their sequence, in the order of sequences."""
    order = np.concatenate(rows)
    before = np.repeat(first, [len(each) for each in rows])
    same = (column[order] == column[before]) | (absent[order] & absent[before])
    return order[~same.astype(bool)]


def _expect_finite(where: str, column: NDArray[Any], absent: NDArray[np.bool_], keys: _Keys) -> None:
    if column.dtype.kind != "f":
        return
    wrong = np.flatnonzero(~absent & ~np.isfinite(column))
    if wrong.size:
        row = int(wrong[0])
        raise InvalidData(problem(where, "finite numbers", f"{column[row]} in {keys.place(row)}"))
