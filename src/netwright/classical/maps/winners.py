"""Winners: the unit of a map that is nearest to a row, by one of four distances.

============= ====================================== ====================================================
metric        distance of a row x and weights w      how it is found for many rows at once
============= ====================================== ====================================================
"euclidean"   sqrt(sum (x - w)^2)                    least |w|^2 / 2 - x.w, about the middle of w
"cosine"      1 - x.w / (|x| |w|)                    the same, of rows and weights of length 1
"manhattan"   sum |x - w|                            directly
a function    f(rows, weights), (n, n_units)         directly
============= ====================================== ====================================================

Of equal distances the unit with the lower number wins. Matrix products are those of BLAS, so rows that are as near to
two units as the rounding of |x|^2 may go to either; distances that are given out are summed from differences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from netwright.core.errors import InvalidParameter, problem

Metric = str | Callable[[NDArray[Any], NDArray[Any]], Any]
METRICS = ("euclidean", "cosine", "manhattan")
TOGETHER = 1 << 19  # pairs of a row and a unit that are compared together
ROWS = 64, 512  # rows of such a comparison, at least and at most


def distances(rows: NDArray[Any], weights: NDArray[Any], metric: Metric) -> NDArray[Any]:
    """Distances of all rows and units, in the type of the weights.

    Parameters
    ----------
    rows : of length 1 for the cosine.
    metric : see above.

    Shapes
    ------
    rows (n, n_features), weights (n_units, n_features) -> (n, n_units)

    Raises
    ------
    InvalidParameter : a function of the user's that gives another shape, NaN or infinity.
    """
    if callable(metric):
        return _asked(rows, weights, metric).astype(weights.dtype, copy=False)
    if metric == "cosine":
        found = 0.5 * cdist(rows, weights, "sqeuclidean")
    else:
        found = cdist(rows, weights, "cityblock" if metric == "manhattan" else "euclidean")
    return found.astype(weights.dtype, copy=False)


def nearest(rows: NDArray[Any], weights: NDArray[Any], metric: Metric, count: int = 1) -> NDArray[np.intp]:
    """The nearest unit of each row, or the nearest two, the nearest first, (n, count).

    Parameters
    ----------
    rows : of length 1 for the cosine.
    metric : see above.
    count : 1, or 2 where there are two units.

    Shapes
    ------
    rows (n, n_features), weights (n_units, n_features) -> (n, count)

    Raises
    ------
    InvalidParameter : a function of the user's that gives another shape, NaN or infinity.
    """
    found = np.empty((count, len(rows)), dtype=np.int32)
    if callable(metric) or metric == "manhattan":
        apart = np.ascontiguousarray(distances(rows, weights, metric).T)
        _choose(np.zeros_like(apart[:, 0]), -apart, found)
        return found.T.astype(np.intp)
    centre = without_dust(weights.mean(axis=0))
    weights = without_dust(weights - centre)
    halves = (0.5 * np.einsum("ij,ij->i", weights, weights)).astype(weights.dtype, copy=False)
    block = min(max(TOGETHER // len(weights), ROWS[0]), ROWS[1])
    for start in range(0, len(rows), block):
        part = rows[start : start + block] - centre
        _choose(halves, weights @ part.T, found[:, start : start + block])
    return found.T.astype(np.intp)


def gaps(rows: NDArray[Any], weights: NDArray[Any], units: NDArray[np.intp], metric: Metric) -> NDArray[np.float64]:
    """The distance of each row and its unit, (n,).

    Parameters
    ----------
    units : a unit for each row, (n,).

    Shapes
    ------
    rows (n, n_features), weights (n_units, n_features), units (n,) -> (n,)
    """
    if callable(metric):
        return np.asarray(_asked(rows, weights, metric)[np.arange(len(rows)), units], dtype=np.float64)
    apart = rows - weights[units]
    if metric == "manhattan":
        return np.abs(apart, out=apart).sum(axis=1, dtype=np.float64)
    squares = np.einsum("ij,ij->i", apart, apart, dtype=np.float64)
    return 0.5 * squares if metric == "cosine" else np.sqrt(squares)


def lengths(rows: NDArray[Any]) -> NDArray[np.float64]:
    """The euclidean length of each row, (n,)."""
    return np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))


def without_dust(numbers: NDArray[Any]) -> NDArray[Any]:
    """The numbers, with 0 in place of those that rounding does not see beside the largest of them.

    A unit far from all rows that have a feature keeps a trace of it, and the products of such traces are subnormal
    numbers, which cost ten times as much as others.
    """
    sizes = np.abs(numbers)
    return np.where(sizes > np.finfo(numbers.dtype).eps ** 2 * sizes.max(), numbers, numbers.dtype.type(0))


def _asked(rows: NDArray[Any], weights: NDArray[Any], metric: Callable[..., Any]) -> NDArray[Any]:
    """What a function of the user's gives, checked."""
    found = np.asarray(metric(rows, weights))
    wanted = (len(rows), len(weights))
    remedy = "It gets rows (n, n_features) and weights (n_units, n_features), like sklearn's pairwise distances."
    if found.shape != wanted or found.dtype.kind not in "biuf":
        got = f"shape {found.shape} of {found.dtype}"
        raise InvalidParameter(problem("metric(rows, weights)", f"distances of shape {wanted}", got, remedy))
    if not np.isfinite(found).all():
        raise InvalidParameter(problem("metric(rows, weights)", "finite distances", "NaN or infinity", remedy))
    return found


def _choose(halves: NDArray[Any], products: NDArray[Any], found: NDArray[np.int32]) -> None:
    """Fill `found`, (1 or 2, n), with the units of least half - product, of the products (n_units, n)."""
    if len(found) == 1:
        _first(halves, products, np.empty_like(products[0]), found[0])
    else:
        _first_two(halves, products, np.empty_like(products[0]), np.empty_like(products[0]), found[0], found[1])


@numba.njit(cache=True, nogil=True)
def _first(halves: Any, products: Any, least: Any, units: Any) -> None:
    """The unit of least half - product for each column, the first of equals; many columns in a vector register."""
    least[:] = np.inf
    units[:] = 0
    for u in range(len(halves)):
        half = halves[u]
        for i in range(len(least)):
            value = half - products[u, i]
            is_less = value < least[i]
            least[i] = value if is_less else least[i]
            units[i] = u if is_less else units[i]


@numba.njit(cache=True, nogil=True)
def _first_two(halves: Any, products: Any, least: Any, next_least: Any, units: Any, next_units: Any) -> None:
    """The same, and the unit of the next value, which may be equal."""
    least[:] = np.inf
    next_least[:] = np.inf
    units[:] = 0
    next_units[:] = 0
    for u in range(len(halves)):
        half = halves[u]
        for i in range(len(least)):
            value, first, second = half - products[u, i], least[i], next_least[i]
            is_first, is_second = value < first, value < second
            next_least[i] = first if is_first else (value if is_second else second)
            next_units[i] = units[i] if is_first else (u if is_second else next_units[i])
            least[i] = value if is_first else first
            units[i] = u if is_first else units[i]
