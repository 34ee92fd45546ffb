"""The online step of a self-organizing map: row by row, the winner and its neighbours move towards the row.

With b the winner of the row x, d_bu the distance of b and u on the grid, eta the rate and s the radius of the moment::

    w_u <- w_u + eta h(d_bu, s) (x - w_u)                 for all units u
    w_u <- w_u / |w_u|                                    after it, with the cosine

Changes of less than the square of the rounding unit of the row are left out; they change no digit.

The kernel keeps the weights feature by feature, (n_features, n_units). One pass over them makes the step of a row and
measures the distances of the next one, for many units at once in vector registers; every sum still runs from the first
feature to the last, so the result is that of the plain loop.

References: Kohonen: Self-organized formation of topologically correct feature maps, 1982; Self-organizing maps, 3rd
edition, 2001 (section 3.1).
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from netwright.classical.maps.grid import Grid
from netwright.classical.maps.neighborhoods import LEAST_SQUARE, NEIGHBORHOODS
from netwright.classical.maps.winners import Metric, nearest

GAUSSIAN, BUBBLE, MEXICAN_HAT = range(3)
EUCLIDEAN, COSINE, MANHATTAN = range(3)
KINDS = {"gaussian": GAUSSIAN, "bubble": BUBBLE, "mexican_hat": MEXICAN_HAT}
MEASURES = {"euclidean": EUCLIDEAN, "cosine": COSINE, "manhattan": MANHATTAN}
TOGETHER, LANES = 4, 16  # features that a pass over the units treats at once; units are filled up to such a multiple
REST = 16  # rows after which weights next to nothing are set to 0
NOTHING = {4: 1e-14, 8: 1e-150}  # next to nothing, as a share of the largest in the column, by the bytes of a number


def online_steps(
    weights: NDArray[Any],
    rows: NDArray[Any],
    rates: NDArray[np.float64],
    radii: NDArray[np.float64],
    grid: Grid,
    neighborhood: str,
    metric: Metric,
) -> NDArray[Any]:
    """The weights after all rows, one after the other, (n_units, n_features).

    Parameters
    ----------
    weights : before the first row.
    rows : in the order in which they are shown, in the type of the weights; of length 1 for the cosine.
    rates, radii : of each row.

    Shapes
    ------
    weights (n_units, n_features), rows (n, n_features), rates, radii (n,) -> (n_units, n_features)
    """
    if callable(metric):
        return _steps_by_function(weights, rows, rates, radii, grid, neighborhood, metric)
    n_units, width = weights.shape
    columns = np.zeros((_up_to(width, TOGETHER), _up_to(n_units, LANES)), dtype=weights.dtype)
    columns[:width, :n_units] = weights.T
    if len(columns) > width:
        rows = np.hstack([rows, np.zeros((len(rows), len(columns) - width), dtype=rows.dtype)])
    gaps = np.zeros(columns.shape[1], dtype=weights.dtype)
    keys = gaps[:n_units].view(np.int32 if gaps.itemsize == 4 else np.int64)
    kinds = KINDS[neighborhood], MEASURES[metric]
    moments = np.require(rows, requirements=["C", "W"]), rates, radii
    _learn(columns, *moments, kinds, _layout(grid), gaps, keys, NOTHING[gaps.itemsize])
    return np.ascontiguousarray(columns[:width, :n_units].T)


def _up_to(number: int, multiple: int) -> int:
    """The least multiple that is not below a number."""
    return -(-number // multiple) * multiple


def _steps_by_function(
    weights: NDArray[Any],
    rows: NDArray[Any],
    rates: NDArray[np.float64],
    radii: NDArray[np.float64],
    grid: Grid,
    neighborhood: str,
    metric: Metric,
) -> NDArray[Any]:
    """The same with a distance of the user's, which is asked once for each row."""
    weights, near = weights.copy(), NEIGHBORHOODS[neighborhood]
    for row, rate, radius in zip(rows, rates, radii, strict=True):
        winner = nearest(row[None], weights, metric)[0]
        shares = rate * near(grid.squared_distances(winner)[0], radius)
        weights += shares.astype(weights.dtype)[:, None] * (row - weights)
    return weights


def _layout(grid: Grid) -> tuple[Any, ...]:
    """The grid as lines of units along its last axis, for the kernel.

    Returns
    -------
    places of the lines on the other axes, shift of each line, steps a unit, steps of the longest axis, periods, and a
    scale for each table of distances: hexagons need two, other grids one for all axes.
    """
    lines = grid.places.reshape(-1, grid.shape[-1], len(grid.shape))[:, 0]
    places, shifts = np.ascontiguousarray(lines[:, :-1]), np.ascontiguousarray(lines[:, -1])
    scales = grid.scales if grid.is_hexagonal else grid.scales[:1]
    return places, shifts, grid.steps, grid.steps * max(grid.shape), grid.periods, scales


@numba.njit(cache=True, nogil=True)
def _between(first: Any, second: Any, period: Any) -> Any:
    """The difference of two places, the shorter way round where there is a period."""
    apart = abs(first - second)
    return min(apart, abs(period - apart)) if period else apart


@numba.njit(cache=True, nogil=True)
def _fall(radius: Any, scales: Any, squares: Any, falls: Any) -> None:
    """Squared distances of places so far apart on an axis, and exp(-d^2 / 2 s^2) of them; first leading, then last."""
    slope = -0.5 / max(radius * radius, LEAST_SQUARE)
    for kind in range(len(squares)):
        scale = scales[kind]
        for apart in range(squares.shape[1]):
            squares[kind, apart] = scale * apart * apart
            falls[kind, apart] = math.exp(slope * squares[kind, apart])


@numba.njit(cache=True, nogil=True)
def _spread(winner: Any, rate: Any, radius: Any, kind: Any, layout: Any, scratch: Any, shares: Any, least: Any) -> None:
    """The share of its difference from the row that each unit makes good, rate h(d), line by line.

    exp(-d^2 / 2 s^2) is a product over the axes, so it takes one for each distance along an axis, not for each unit.
    """
    lines, shifts, steps, _, periods, scales = layout
    squares, falls, beside, fall = scratch
    _fall(radius, scales, squares, falls)
    columns = shares.shape[1]
    own, last = winner // columns, len(squares) - 1
    place = steps * (winner % columns) + shifts[own]
    for shift in range(steps):
        for column in range(columns):
            apart = _between(place, steps * column + shift, periods[-1])
            beside[shift, column], fall[shift, column] = squares[last, apart], falls[last, apart]
    width = max(radius * radius, LEAST_SQUARE)
    for line in range(len(lines)):
        square, factor, shift = 0.0, rate, shifts[line]
        for axis in range(lines.shape[1]):
            apart = _between(lines[own, axis], lines[line, axis], periods[axis])
            square, factor = square + squares[0, apart], factor * falls[0, apart]
        if kind == GAUSSIAN:
            for column in range(columns):
                share = factor * fall[shift, column]
                shares[line, column] = share if share > least else 0.0
        elif kind == BUBBLE:
            for column in range(columns):
                shares[line, column] = rate if math.sqrt(square + beside[shift, column]) <= radius else 0.0
        else:
            for column in range(columns):
                share = factor * fall[shift, column] * (1.0 - (square + beside[shift, column]) / width)
                shares[line, column] = share if abs(share) > least else 0.0


@numba.njit(cache=True, nogil=True)
def _move(columns: Any, row: Any, shares: Any, following: Any, gaps: Any) -> None:
    """Move the units towards a row; their squared distances from the following one are in `gaps` afterwards."""
    gaps[:] = 0
    for j in range(0, len(columns), 4):
        x0, x1, x2, x3 = row[j], row[j + 1], row[j + 2], row[j + 3]
        y0, y1, y2, y3 = following[j], following[j + 1], following[j + 2], following[j + 3]
        for u in range(len(gaps)):
            share = shares[u]
            w0 = columns[j, u] + share * (x0 - columns[j, u])
            w1 = columns[j + 1, u] + share * (x1 - columns[j + 1, u])
            w2 = columns[j + 2, u] + share * (x2 - columns[j + 2, u])
            w3 = columns[j + 3, u] + share * (x3 - columns[j + 3, u])
            columns[j, u], columns[j + 1, u], columns[j + 2, u], columns[j + 3, u] = w0, w1, w2, w3
            gap = gaps[u] + (y0 - w0) * (y0 - w0)
            gap = gap + (y1 - w1) * (y1 - w1)
            gap = gap + (y2 - w2) * (y2 - w2)
            gaps[u] = gap + (y3 - w3) * (y3 - w3)


@numba.njit(cache=True, nogil=True)
def _move_by_city_blocks(columns: Any, row: Any, shares: Any, following: Any, gaps: Any) -> None:
    """The same, but `gaps` are the Manhattan distances."""
    gaps[:] = 0
    for j in range(len(columns)):
        x, y, column = row[j], following[j], columns[j]
        for u in range(len(gaps)):
            column[u] += shares[u] * (x - column[u])
            gaps[u] += abs(y - column[u])


@numba.njit(cache=True, nogil=True)
def _turn(columns: Any, row: Any, shares: Any, following: Any, gaps: Any, squares: Any) -> None:
    """Move the units towards a row and back to length 1; 1 - cosine to the following row is in `gaps` afterwards."""
    squares[:] = 0
    for j in range(len(columns)):
        x, column = row[j], columns[j]
        for u in range(len(gaps)):
            column[u] += shares[u] * (x - column[u])
            squares[u] += column[u] * column[u]
    for u in range(len(gaps)):
        squares[u] = 1.0 / math.sqrt(squares[u]) if squares[u] > 0 else 0.0
    gaps[:] = 1
    for j in range(len(columns)):
        y, column = following[j], columns[j]
        for u in range(len(gaps)):
            column[u] *= squares[u]
            gaps[u] -= y * column[u]
    for u in range(len(gaps)):
        gaps[u] = max(gaps[u], 0)


@numba.njit(cache=True, nogil=True)
def _winner(keys: Any) -> Any:
    """The place of the least integer, the first of equals: first its value, in vector registers, then its place."""
    least = keys[0]
    for key in keys:
        least = min(least, key)
    place = 0
    while keys[place] != least:
        place += 1
    return place


@numba.njit(cache=True, nogil=True)
def _next_to_nothing(rows: Any, share: Any) -> Any:
    """For each column the size below which a weight is set to 0, (n_features,), a share of the greatest of the rows.

    Weights that approach 0 for ever, such as those of a pixel that is nearly always off, would become subnormal
    numbers, and so would their squares; these cost ten times as much.
    """
    largest = np.zeros_like(rows[0])
    for i in range(len(rows)):
        for j in range(len(largest)):
            largest[j] = max(largest[j], abs(rows[i, j]))
    for j in range(len(largest)):
        largest[j] = share * (largest[j] if largest[j] > 0 else 1)
    return largest


@numba.njit(cache=True, nogil=True)
def _rest(columns: Any, tiny: Any) -> None:
    """Set weights that are next to nothing to 0."""
    for j in range(len(tiny)):
        least, column = tiny[j], columns[j]
        for u in range(len(column)):
            column[u] = column[u] if abs(column[u]) > least else 0


@numba.njit(cache=True, nogil=True)
def _learn(
    columns: Any, rows: Any, rates: Any, radii: Any, kinds: Any, layout: Any, gaps: Any, keys: Any, nothing: Any
) -> None:
    """All rows, one after the other; before the first one a move of nothing measures its distances.

    `keys` are the bits of `gaps` as integers, in the same order.
    """
    kind, measure = kinds
    tiny = _next_to_nothing(rows, nothing)
    lines, steps = len(layout[0]), layout[2]
    flat, squares = np.zeros_like(gaps), np.zeros_like(gaps)
    shares = flat[: len(keys)].reshape(lines, -1)
    tables = (len(layout[5]), layout[3])
    scratch = np.empty(tables), np.empty(tables), np.empty((steps, shares.shape[1])), np.empty((steps, shares.shape[1]))
    least_share = np.finfo(gaps.dtype).eps ** 2
    for i in range(-1, len(rows)):
        if i >= 0:
            _spread(_winner(keys), rates[i], radii[i], kind, layout, scratch, shares, least_share)
        row, following = rows[max(i, 0)], rows[min(i + 1, len(rows) - 1)]
        if measure == EUCLIDEAN:
            _move(columns, row, flat, following, gaps)
        elif measure == COSINE:
            _turn(columns, row, flat, following, gaps, squares)
        else:
            _move_by_city_blocks(columns, row, flat, following, gaps)
        if i % REST == REST - 1:
            _rest(columns, tiny)
