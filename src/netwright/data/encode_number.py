"""Numbers and booleans of a table: the median where they are missing, then mean 0 and standard deviation 1.

With rows x_i of weight w_i, scaled to the sum 1, and the exponent e for which max |x_i| / 2**e lies in [1/2, 1)::

    u_i = x_i / 2**e        m = sum_i w_i u_i        s = sqrt(sum_i w_i (u_i - m)**2)        out_i = (u_i - m) / s

Dividing by a power of two is exact, so that no intermediate overflows or underflows for any float64, where x**2
does from 1e154 on. A column that is constant in training has s = 0 and becomes 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem
from netwright.data.column_plan import ColumnPlan, percent
from netwright.data.infer import is_number

_Float = NDArray[np.float64]
FLOAT32 = float(np.finfo(np.float32).max)


def plan_number(name: str, column: NDArray[Any], weights: _Float, scale: bool) -> tuple[ColumnPlan | None, list[str]]:
    """The plan of a numeric column from its training rows, with notes; None where no row has a value.

    Shapes
    ------
    column (n,), weights (n,)
    """
    x = as_floats(name, column)
    absent = np.isnan(x)
    count = int(absent.sum())
    if count == x.size:
        return None, [f"{name!r} is left out: no training row has a value."]
    notes = []
    fill = weighted_median(x[~absent], weights[~absent])
    if count:
        notes.append(
            f"{name!r} is missing in {percent(count, x.size)}: filled with the median {fill:g}, "
            f"and '{name} missing' says where."
        )
    center, spread, exponent = center_and_spread(np.where(absent, fill, x), weights)
    if spread == 0 and scale:
        notes.append(f"{name!r} is constant in the training rows and was set to 0.")
    figures = (fill, center, spread, exponent) if scale else (fill, 0.0, 1.0, 0.0)
    return ColumnPlan(name, "number", bool(count), figures), notes


def plan_boolean(name: str, column: NDArray[Any], weights: _Float) -> tuple[ColumnPlan | None, list[str]]:
    """The plan of a boolean column, 0 and 1: the more frequent value where missing; 0 where it is constant."""
    x = as_floats(name, column)
    absent = np.isnan(x)
    count = int(absent.sum())
    if count == x.size:
        return None, [f"{name!r} is left out: no training row has a value."]
    fill = float(weights[x == 1].sum() > weights[x == 0].sum())
    notes = []
    if count:
        value = bool(fill)
        notes.append(
            f"{name!r} is missing in {percent(count, x.size)}: filled with {value}, and '{name} missing' says where."
        )
    present = x[~absent]
    constant = bool((present == present[0]).all())
    if constant:
        notes.append(f"{name!r} is constant in the training rows and was set to 0.")
    return ColumnPlan(name, "boolean", bool(count), (fill, 0.0, float(not constant), 0.0)), notes


def encode_number(plan: ColumnPlan, column: NDArray[Any]) -> NDArray[np.float32]:
    """The plan of a number or boolean applied to rows.

    Shapes
    ------
    column (n,) -> (n, 1), or (n, 2) with the indicator of missing rows

    Raises
    ------
    InvalidData : no numbers, infinity, or beyond the range of float32 after scaling.
    """
    x = as_floats(plan.name, column)
    absent = np.isnan(x)
    if plan.kind == "boolean":
        odd = np.flatnonzero(~absent & (x != 0) & (x != 1))
        if odd.size:
            got = f"{x[odd[0]]:g} at row {odd[0]}"
            raise InvalidData(problem(f"column {plan.name!r}", "booleans (or 0 and 1) as in training", got))
    fill, center, spread, exponent = plan.figures
    out = standardise(np.where(absent, fill, x), center, spread, exponent)
    beyond = np.flatnonzero(~(np.abs(out) <= FLOAT32))
    if beyond.size:
        advice = "Is the unit that of the training rows? Else scale the column before."
        got = f"{x[beyond[0]]:g} at row {beyond[0]}"
        where = f"column {plan.name!r} exceeds the float32 range"
        raise InvalidData(problem(where, f"numbers up to {FLOAT32:.1e} after scaling", got, advice))
    parts = [out, absent] if plan.missing else [out]
    return np.stack(parts, axis=1).astype(np.float32)


def as_floats(name: str, column: NDArray[Any]) -> _Float:
    """A settled column as float64 with NaN for missing; texts that are numbers count as numbers.

    Raises
    ------
    InvalidData : texts or dates, or infinity; with the column and the first such row.

    Examples
    --------
    >>> as_floats("alive", np.array([True, None, False], dtype=object))
    array([ 1., nan,  0.])
    """
    kind = column.dtype.kind
    wrong = kind == "M"
    row = 0
    if kind == "O":
        rows = [place for place, cell in enumerate(column) if isinstance(cell, str) and not is_number(cell)]
        wrong, row = bool(rows), rows[0] if rows else 0
    if wrong:
        got = f"{column[row]!r} at row {row}" if kind == "O" else "dates"
        raise InvalidData(problem(f"column {name!r}", "numbers as in training", got))
    x = column.astype(np.float64)
    infinite = np.flatnonzero(np.isinf(x))
    if infinite.size:
        where = f"Input X contains infinity. Column {name!r}, row {infinite[0]}"
        advice = "Mark it as missing (NaN) if it stands for no value."
        raise InvalidData(problem(where, "a finite number or a missing value", f"{x[infinite[0]]}", advice))
    return x


def standardise(x: _Float, center: float, spread: float, exponent: float) -> _Float:
    """(x / 2**exponent - center) / spread, and 0 where the spread is 0; infinite where float64 cannot hold it.

    Examples
    --------
    >>> standardise(np.array([2e200, 4e200]), *center_and_spread(np.array([2e200, 4e200]), np.ones(2)))
    array([-1.,  1.])
    """
    if spread == 0:
        return np.zeros(x.shape)
    with np.errstate(over="ignore", under="ignore"):
        out: _Float = (np.ldexp(x, -int(exponent)) - center) / spread
    return out


def center_and_spread(x: _Float, weights: _Float) -> tuple[float, float, float]:
    """Mean and standard deviation of x / 2**exponent, and the exponent.

    Shapes
    ------
    x (n,), weights (n,) -> three numbers
    """
    exponent = int(np.frexp(np.abs(x).max())[1])
    if x.min() == x.max():
        return float(np.ldexp(x[0], -exponent)), 0.0, float(exponent)
    with np.errstate(under="ignore"):
        weights = weights / weights.sum()
        u = np.ldexp(x, -exponent)
        mean = float(weights @ u)
        mean += float(weights @ (u - mean))  # the sum of the weights is 1 only nearly; this takes the rest back
        spread = float(np.sqrt(weights @ (u - mean) ** 2))
    return mean, spread, float(exponent)


def weighted_median(x: _Float, weights: _Float) -> float:
    """The value with half of the weight on either side; the mean of two where the halves meet between them.

    Examples
    --------
    >>> weighted_median(np.array([3.0, 1.0, 2.0]), np.ones(3)), weighted_median(np.array([1.0, 4.0]), np.ones(2))
    (2.0, 2.5)
    """
    order = np.argsort(x, kind="stable")
    sorted_x, total = x[order], np.cumsum(weights[order])
    half = total[-1] / 2
    tolerance = total[-1] * 1e-12  # equal weights of sum 1 add up to a half only nearly
    low = sorted_x[int(np.searchsorted(total, half - tolerance))]
    high = sorted_x[min(int(np.searchsorted(total, half + tolerance)), x.size - 1)]
    return float(low) if low == high else float(low / 2 + high / 2)
