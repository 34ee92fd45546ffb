"""The batch step of a self-organizing map: every unit becomes the mean of the rows, weighted by its neighbourhoods.

With b(x) the winner of the row x, S_u and n_u the sum and the number of the rows that the unit u won, and h_uv the
neighbourhood of u and v::

    w_v <- sum_u h_uv S_u / sum_u h_uv n_u          = sum_x h_b(x)v x / sum_x h_b(x)v

so one pass over the rows gives S and n, chunk by chunk, and the rest costs n_units^2 n_features. A unit in no
neighbourhood of any winner keeps its weights. With the cosine the mean is brought to length 1.

References: Kohonen: Self-organizing maps, 3rd edition, 2001 (section 3.6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from netwright.classical.maps.grid import Grid
from netwright.classical.maps.winners import Metric, lengths, nearest

Neighborhood = Callable[[NDArray[np.float64], float], NDArray[np.float64]]
Sums = tuple[NDArray[np.float64], NDArray[np.float64]]
BLOCK = 1 << 20  # pairs of units whose neighbourhood is computed together
LEAST_TOTAL = 1e-290  # a sum of neighbourhoods below it has lost its digits


def sums_of_chunk(rows: NDArray[Any], weights: NDArray[Any], metric: Metric) -> Sums:
    """Sum and number of the rows that each unit wins.

    Parameters
    ----------
    rows : a chunk; of length 1 for the cosine.
    metric : which distance decides.

    Shapes
    ------
    rows (n, n_features), weights (n_units, n_features) -> (n_units, n_features), (n_units,)
    """
    winners = nearest(rows, weights, metric)[:, 0]
    sums = np.zeros(weights.shape)
    _add(rows, winners, sums)
    return sums, np.bincount(winners, minlength=len(weights)).astype(np.float64)


def batch_step(
    weights: NDArray[Any],
    sums: NDArray[np.float64],
    counts: NDArray[np.float64],
    grid: Grid,
    neighborhood: Neighborhood,
    radius: float,
    metric: Metric,
) -> NDArray[Any]:
    """The weights after the step, (n_units, n_features).

    Parameters
    ----------
    weights : before it; kept where no neighbourhood reaches.
    sums, counts : of the rows that each unit won.
    neighborhood : h of squared distances on the grid and the radius, >= 0 everywhere.
    radius : of the neighbourhood, in units of the grid.
    """
    after = weights.copy()
    for units, shares in _shares(grid, neighborhood, radius):
        totals = shares @ counts
        reached = totals > LEAST_TOTAL
        means = (shares[reached] @ sums) / totals[reached, None]
        if metric == "cosine":
            size = lengths(means)
            reached[reached] = size > 0
            means = means[size > 0] / size[size > 0, None]
        after[units[reached]] = means
    return after


def _shares(grid: Grid, neighborhood: Neighborhood, radius: float) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Blocks of units and their neighbourhoods, (block, n_units); on small grids from a table of what d^2 can be."""
    units = np.arange(grid.n_units)
    if grid.n_units**2 <= BLOCK:
        values = neighborhood(np.arange(int(grid.codes.max()) + 1) / grid.steps**2, radius)
        yield units, values[grid.codes]
        return
    for block in np.array_split(units, -(-(grid.n_units**2) // BLOCK)):
        yield block, neighborhood(grid.squared_distances(block), radius)


@numba.njit(cache=True, nogil=True)
def _add(rows: Any, winners: Any, sums: Any) -> None:
    """Add each row to the sum of its unit."""
    for i in range(len(rows)):
        unit = winners[i]
        for j in range(rows.shape[1]):
            sums[unit, j] += rows[i, j]
