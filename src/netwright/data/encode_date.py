"""Dates of a table: days since the first training day, standardised, and where the year, week and day stand.

The month m, the weekday w and the time of day h (in days) go round, so each is a pair on the unit circle:
(sin, cos) of 2 pi m / 12, 2 pi w / 7 and 2 pi h. Parts that are the same in all training rows are left out.
A row without a date has 0 everywhere, and 1 in the indicator where training rows lacked dates too. Rows after training
may have texts of dates, in the forms of `netwright.data.infer`; each is read by itself, those with a zone as UTC.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem, shown
from netwright.data.column_plan import ColumnPlan, percent
from netwright.data.encode_number import center_and_spread, standardise
from netwright.data.infer import infer

PARTS = ("days", "month", "weekday", "hour")
DAY = 86_400_000_000  # microseconds
EXPECTED = "dates as in training, written as 2024-12-31"
_Float = NDArray[np.float64]


def plan_date(name: str, column: NDArray[Any], weights: _Float, scale: bool) -> tuple[ColumnPlan | None, list[str]]:
    """The plan of a date column from its training rows, with notes; None where it tells no rows apart.

    Shapes
    ------
    column (n,) datetime64, weights (n,)
    """
    moments = _microseconds(name, column)
    absent = np.isnat(column)
    count = int(absent.sum())
    if count == absent.size:
        return None, [f"{name!r} is left out: no training row has a value."]
    first = int(moments[~absent].min()) // DAY
    values = _parts(moments[~absent], first)
    used = tuple(part for part in PARTS if values[part].min() < values[part].max())
    if not used and not count:
        return None, [f"{name!r} is left out: every training row has the same date."]
    center, spread, exponent = center_and_spread(values["days"], weights[~absent]) if scale else (0.0, 1.0, 0.0)
    notes = [f"{name!r} became {', '.join(used) or 'nothing but where it is missing'}; days count from the first one."]
    if count:
        notes.append(f"{name!r} is missing in {percent(count, absent.size)}: '{name} missing' says where.")
    return ColumnPlan(name, "date", bool(count), (float(first), center, spread, exponent), used), notes


def encode_date(plan: ColumnPlan, column: NDArray[Any]) -> NDArray[np.float32]:
    """The plan of a date applied to rows.

    Shapes
    ------
    column (n,) datetime64, or texts of dates -> (n, len(date_names(plan)))

    Raises
    ------
    InvalidData : no dates, or dates outside the years 1 to 9999; with the column and the first such row.

    Examples
    --------
    >>> plan = ColumnPlan("when", "date", True, (19723.0, 0.0, 1.0, 0.0), ("days",))
    >>> encode_date(plan, np.array(["2024-01-01", "2024-01-02T12:00:00", None], dtype=object))
    array([[0. , 0. ],
           [1.5, 0. ],
           [0. , 1. ]], dtype=float32)
    """
    column = _read(plan.name, column)
    moments = _microseconds(plan.name, column)
    absent = np.isnan(column) if column.dtype.kind == "f" else np.isnat(column)
    first, center, spread, exponent = plan.figures
    values = _parts(moments, int(first))
    values["days"] = standardise(values["days"], center, spread, exponent)
    turns = {"month": values["month"] / 12, "weekday": values["weekday"] / 7, "hour": values["hour"]}
    parts: list[NDArray[Any]] = []
    for part in plan.labels:
        angle = 2 * np.pi * turns[part] if part != "days" else None
        parts += [values["days"]] if angle is None else [np.sin(angle), np.cos(angle)]
    out = np.stack([*parts, absent], axis=1).astype(np.float32)
    out[absent, :-1] = 0
    return out if plan.missing else out[:, :-1]


def date_names(plan: ColumnPlan) -> list[str]:
    """The names of the columns of `encode_date`.

    Examples
    --------
    >>> date_names(ColumnPlan("when", "date", True, labels=("days", "month")))
    ['when days', 'when month sin', 'when month cos', 'when missing']
    """
    names = [
        f"{plan.name} {part}{way}" for part in plan.labels for way in ([""] if part == "days" else [" sin", " cos"])
    ]
    return [*names, f"{plan.name} missing"] if plan.missing else names


def _read(name: str, column: NDArray[Any]) -> NDArray[Any]:
    """Texts of dates as datetime64[us], None as NaT; columns of another kind as they are."""
    if column.dtype != object:
        return column
    dates = np.full(column.size, np.datetime64("NaT"), dtype="datetime64[us]")
    present = [row for row, cell in enumerate(column) if cell is not None]
    read = _texts(column[present].tolist())
    if read is not None:  # all of one form: at once
        dates[present] = read
        return dates
    for row in present:
        read = _texts([column[row]])
        if read is None:
            got = f"{shown(column[row])} at row {row}"
            raise InvalidData(problem(f"column {name!r}", EXPECTED, got))
        dates[row] = read[0]
    return dates


def _texts(cells: list[Any]) -> NDArray[Any] | None:
    """Texts of one form as dates; None where one of them is no date."""
    if not all(isinstance(cell, str) for cell in cells):
        return None
    read = infer(cells, frozenset())
    return read if read.dtype.kind == "M" else None


def _microseconds(name: str, column: NDArray[Any]) -> NDArray[np.int64]:
    """Microseconds since 1970 as int64; missing rows get 0."""
    if column.dtype.kind == "f" and np.isnan(column).all():
        return np.zeros(column.size, dtype=np.int64)
    if column.dtype.kind != "M":
        raise InvalidData(problem(f"column {name!r}", EXPECTED, f"{column.dtype} values"))
    absent = np.isnat(column)
    years = column.astype("datetime64[Y]").astype(np.int64) + 1970
    beyond = np.flatnonzero(~absent & ((years < 1) | (years > 9999)))
    if beyond.size:
        got = f"the year {years[beyond[0]]} at row {beyond[0]}"
        raise InvalidData(problem(f"column {name!r}", "dates of the years 1 to 9999", got))
    moments = np.where(absent, np.datetime64(0, "us"), column.astype("datetime64[us]"))
    return moments.astype(np.int64)


def _parts(moments: NDArray[np.int64], first: int) -> dict[str, _Float]:
    """Days since the first day, month 0-11, weekday 0-6 from Monday on, and the time of day in days."""
    day = moments // DAY
    months = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return {
        "days": (moments - first * DAY) / DAY,
        "month": (months % 12).astype(np.float64),
        "weekday": ((day + 3) % 7).astype(np.float64),  # 1970 began on a Thursday
        "hour": (moments % DAY) / DAY,
    }
