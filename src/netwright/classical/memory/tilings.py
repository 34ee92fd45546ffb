"""Tilings: grids of cells over the inputs, each shifted against the others; where a row lies in each of them.

An input is cut into levels 0 to R - 1; a cell is A levels wide, and tiling t of the A tilings is shifted by o_tj levels
of input j, so that rows one level apart share all cells but one (with "diagonal")::

    q_j = floor(R_j (x_j - low_j) / (high_j - low_j)), kept within 0 and R_j - 1
    c_tj = floor((q_j + o_tj) / A),     o_tj = t ("diagonal"),  t (2 j + 1) mod A ("odd")

A cell's number within its tiling is sum_j c_tj s_j with s_j the product of the cells of the inputs before, where a
table holds all cells; else a hash of (t, c_t1, c_t2, ...), modulo the cells that there are.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray


class Grid(NamedTuple):
    """Where the tilings lie.

    Attributes
    ----------
    low, half : (n_features,), the lower bounds, and half the width between the bounds; infinite where they are equal.
    levels : (n_features,), into how many parts an input is cut.
    shifts : (n_tilings, n_features), in levels.
    strides : (n_features,), by which cells are counted; all 0 where cells are hashed.
    cells : of each tiling.
    """

    low: NDArray[np.float64]
    half: NDArray[np.float64]
    levels: NDArray[np.int64]
    shifts: NDArray[np.int64]
    strides: NDArray[np.int64]
    cells: int


def make_grid(bounds: NDArray[np.float64], levels: NDArray[np.int64], tilings: int, offsets: str, table: int) -> Grid:
    """The tilings over a box, counted where they have at most `table` cells together, hashed into as many where not.

    Parameters
    ----------
    bounds : (n_features, 2).
    levels : (n_features,).
    """
    n = len(levels)
    across = (levels + tilings - 2) // tilings + 1
    counted = math.prod(int(count) for count in across)
    low, high = bounds[:, 0], bounds[:, 1]
    shifts = np.arange(tilings)[:, None] * (np.ones(n, np.int64) if offsets == "diagonal" else 2 * np.arange(n) + 1)
    dense = counted * tilings <= table
    strides = np.cumprod(np.concatenate([[1], across[:-1]])) if dense else np.zeros(n, np.int64)
    cells = counted if dense else max(table // tilings, 1)
    half = high / 2 - low / 2
    half[half == 0] = np.inf
    return Grid(low, half, levels, (shifts % tilings).astype(np.int64), strides.astype(np.int64), cells)


def cells_of(rows: NDArray[np.float64], grid: Grid) -> NDArray[np.int32]:
    """The cell of each row in each tiling, (n, n_tilings), numbered through: those of tiling t begin at t cells."""
    return numbered(rows, grid.low, grid.half, grid.levels, grid.shifts, grid.strides, grid.cells)


@numba.njit(cache=True, nogil=True)
def numbered(rows: Any, low: Any, half: Any, levels: Any, shifts: Any, strides: Any, cells: int) -> Any:
    """Cells of rows; hashed where the strides are 0. What is outside of the bounds has the outermost level.

    Halves are taken, so that bounds as far apart as floats can be do not overflow.
    """
    n, features = rows.shape
    tilings = len(shifts)
    found = np.empty((n, tilings), np.int32)
    whole, rest = np.empty(features, np.int64), np.empty(features, np.int64)
    for row in range(n):
        for j in range(features):
            place = (max(rows[row, j], low[j]) / 2 - low[j] / 2) / half[j] * levels[j]
            level = np.int64(min(place, levels[j] - 1.0))
            whole[j] = level // tilings
            rest[j] = level - whole[j] * tilings
        for t in range(tilings):
            if strides[0] > 0:
                cell = np.int64(0)
                for j in range(features):
                    cell += (whole[j] + (rest[j] + shifts[t, j] >= tilings)) * strides[j]
            else:
                mixed = np.uint64(t)
                for j in range(features):
                    mixed = mix(mixed ^ np.uint64(whole[j] + (rest[j] + shifts[t, j] >= tilings)))
                cell = np.int64(mixed % np.uint64(cells))
            found[row, t] = t * cells + cell
    return found


@numba.njit(cache=True, nogil=True)
def mix(number: Any) -> Any:
    """SplitMix64: a bijection of 64 bits in which each bit of the number moves about half of the others."""
    number = np.uint64(number + np.uint64(0x9E3779B97F4A7C15))
    number = np.uint64((number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9))
    number = np.uint64((number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB))
    return np.uint64(number ^ (number >> np.uint64(31)))
