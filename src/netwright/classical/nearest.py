"""Units and the rows nearest to them: what growing neural gas, neural gas and the winner-take-all layer share.

Kernels keep units feature by feature, (n_features, n_units): one row is compared with all units at once in vector
registers, and the squared distance of each unit is still summed from the first feature to the last, so that the result
is that of the plain loop, bit for bit.
"""

from __future__ import annotations

import warnings
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import derive
from netwright.core.validation import Constraint, one_of, satisfies

FIRST_UNITS: Constraint = one_of("sample") | satisfies(
    "an array (n_units, n_features)", lambda value: isinstance(value, (np.ndarray, list, tuple))
)
LEAST_MARGIN = 1e6  # by which the sum of squares of the largest numbers must stay below what the type can hold


def first_units(owner: str, init: Any, rows: NDArray[Any], n_units: int, seed: int) -> NDArray[Any]:
    """The units at the beginning, (n_units, n_features): different rows drawn by chance, or the user's array.

    Parameters
    ----------
    init : "sample", or the units; their number then need not be `n_units`.

    Raises
    ------
    InvalidParameter : an array of another shape, or with NaN or infinity. InvalidData : fewer rows than units.
    """
    if isinstance(init, str):
        if len(rows) < n_units:
            remedy = f"Use at most {len(rows)} units, or give the first units as init."
            got = f"n_samples = {len(rows)}"
            raise InvalidData(problem(f"{owner}.fit(X)", f"at least {n_units} rows, one a unit", got, remedy))
        generator = np.random.default_rng(derive(seed, "units"))
        units: NDArray[Any] = rows[generator.choice(len(rows), n_units, replace=False)]
        if twins(units):
            different = np.unique(rows, axis=0)
            if len(different) >= n_units:
                units = different[generator.choice(len(different), n_units, replace=False)]
        return units
    try:
        with np.errstate(over="ignore"):
            units = np.array(init, dtype=rows.dtype, order="C")
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidParameter(problem(f"{owner}(init)", "an array of numbers", shown(init))) from error
    if units.ndim != 2 or units.shape[1] != rows.shape[1]:
        expected = f"shape (n_units, {rows.shape[1]}), the columns of X"
        raise InvalidParameter(problem(f"{owner}(init)", expected, f"shape {units.shape}", "Give a row a unit."))
    if not np.isfinite(units).all():
        expected = f"finite numbers of {units.dtype}"
        raise InvalidParameter(problem(f"{owner}(init)", expected, "NaN or infinity", "Replace them."))
    if len(units):
        require_squares(units, f"{owner}(init)", InvalidParameter)
    return units


def shown_rows(n: int, shuffle: bool, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order in which an epoch shows n rows, (n,)."""
    if not shuffle:
        return np.arange(n)
    return np.random.default_rng(derive(seed, "epoch", epoch)).permutation(n)


def require_squares(rows: NDArray[Any], name: str = "X", error: type[ValueError] = InvalidData) -> None:
    """Raise unless sums of squared differences stay finite.

    Raises
    ------
    InvalidData, or another `error` : a number too large for its type.
    """
    limit = float(np.sqrt(np.finfo(rows.dtype).max / (4 * LEAST_MARGIN * rows.shape[1])))
    largest = float(max(rows.max(), -rows.min()))
    if largest > limit:
        expected = f"numbers up to {limit:.3g} in size, whose squares {rows.dtype} can sum"
        raise error(problem(name, expected, f"{largest:.3g}", "Scale the columns, such as by StandardScaler."))


def twins(units: NDArray[Any]) -> int:
    """How many units are equal to an earlier one."""
    return len(units) - len(np.unique(units, axis=0))


def warn_of_twins(owner: str, units: NDArray[Any]) -> None:
    """Warn, where the user called, of first units that are equal: of two, the second wins no row."""
    count = twins(units)
    if count:
        got = f"{count} that repeat another one"
        remedy = "Drop duplicate rows of X, use fewer units, or give the first units as init."
        warnings.warn(problem(f"{owner}, first units", "different ones", got, remedy), UserWarning, stacklevel=5)


def feature_major(units: NDArray[Any]) -> NDArray[Any]:
    """The units as kernels want them: a copy (n_features, n_units)."""
    return units.T.copy()


def scratch(n: int, dtype: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Room for n squared distances, and the same memory as integers."""
    squares = np.empty(n, dtype=dtype)
    return squares, squares.view(f"i{squares.itemsize}")


def tiny_difference(dtype: Any) -> Any:
    """The largest difference whose square is below the normal numbers of a type."""
    return np.sqrt(np.finfo(dtype).tiny)


def nearest(rows: NDArray[Any], units: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The nearest unit of each row (the first of equals) and its squared distance.

    Shapes
    ------
    rows (n, n_features), units (n_units, n_features) -> (n,), (n,)
    """
    found: tuple[NDArray[np.int64], NDArray[Any]] = _nearest(
        rows, feature_major(units), *scratch(len(units), units.dtype)
    )
    return found


def two_nearest(rows: NDArray[Any], units: NDArray[Any]) -> NDArray[np.int64]:
    """The nearest unit of each row and the second nearest.

    Shapes
    ------
    rows (n, n_features), units (n_units >= 2, n_features) -> (n, 2)
    """
    found: NDArray[np.int64] = _two_nearest(rows, feature_major(units), *scratch(len(units), units.dtype))
    return found


def distances(rows: NDArray[Any], units: NDArray[Any]) -> NDArray[Any]:
    """Euclidean distances of rows and units.

    Shapes
    ------
    rows (n, n_features), units (n_units, n_features) -> (n, n_units)
    """
    squares: NDArray[Any] = _all_squared(rows, feature_major(units))
    return np.sqrt(squares, out=squares)


@numba.njit(cache=True, nogil=True, inline="always")
def squared_distances(units: NDArray[Any], x: NDArray[Any], n: int, out: NDArray[Any]) -> None:
    """Squared distances of one row and the first n units; four features a pass, summed in their order."""
    features = units.shape[0]
    first = x[0]
    for i in range(n):
        difference = first - units[0, i]
        out[i] = difference * difference
    j = 1
    while j + 4 <= features:
        x0, x1, x2, x3 = x[j], x[j + 1], x[j + 2], x[j + 3]
        for i in range(n):
            a, b = x0 - units[j, i], x1 - units[j + 1, i]
            c, d = x2 - units[j + 2, i], x3 - units[j + 3, i]
            out[i] = (((out[i] + a * a) + b * b) + c * c) + d * d
        j += 4
    while j < features:
        last = x[j]
        for i in range(n):
            difference = last - units[j, i]
            out[i] += difference * difference
        j += 1


@numba.njit(cache=True, nogil=True, inline="always")
def least(bits: NDArray[Any], n: int) -> int:
    """The place of the least of the first n numbers, the first of equals, by their bits.

    Numbers >= 0 are ordered as the integers that have their bits, and the minimum of integers is found in vectors.
    """
    lowest = bits[0]
    for i in range(1, n):
        lowest = min(lowest, bits[i])
    place = 0
    while bits[place] != lowest:
        place += 1
    return place


@numba.njit(cache=True, nogil=True, inline="always")
def two_least(bits: NDArray[Any], n: int) -> tuple[int, int]:
    """The places of the least and the second least of n >= 2 numbers, the first of equals, by their bits."""
    first = least(bits, n)
    kept = bits[first]
    bits[first] = np.iinfo(bits.dtype).max
    second = least(bits, n)
    bits[first] = kept
    return first, second


@numba.njit(cache=True, nogil=True, inline="always")
def pull(units: NDArray[Any], unit: int, x: NDArray[Any], rate: Any, tiny: Any) -> None:
    """w += rate (x - w); a difference whose square is no normal number any more is closed at once.

    Without the latter, weights that approach zero for ever become subnormal numbers, which cost a hundred times more.
    """
    for j in range(units.shape[0]):
        difference = x[j] - units[j, unit]
        moved = units[j, unit] + rate * difference
        units[j, unit] = x[j] if abs(difference) < tiny else moved


@numba.njit(cache=True, nogil=True)
def _nearest(rows: Any, units: Any, squares: Any, bits: Any) -> tuple[NDArray[np.int64], NDArray[Any]]:
    n = units.shape[1]
    winners, values = np.empty(rows.shape[0], np.int64), np.empty(rows.shape[0], units.dtype)
    for row in range(rows.shape[0]):
        squared_distances(units, rows[row], n, squares)
        winners[row] = least(bits, n)
        values[row] = squares[winners[row]]
    return winners, values


@numba.njit(cache=True, nogil=True)
def _two_nearest(rows: Any, units: Any, squares: Any, bits: Any) -> NDArray[np.int64]:
    n = units.shape[1]
    found = np.empty((rows.shape[0], 2), np.int64)
    for row in range(rows.shape[0]):
        squared_distances(units, rows[row], n, squares)
        first, second = two_least(bits, n)
        found[row, 0], found[row, 1] = first, second
    return found


@numba.njit(cache=True, nogil=True)
def _all_squared(rows: Any, units: Any) -> NDArray[Any]:
    squares = np.empty((rows.shape[0], units.shape[1]), units.dtype)
    for row in range(rows.shape[0]):
        squared_distances(units, rows[row], units.shape[1], squares[row])
    return squares
