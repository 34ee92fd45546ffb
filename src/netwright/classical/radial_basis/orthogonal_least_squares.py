"""Orthogonal least squares: centres are chosen among candidate rows one by one, each the one that explains most.

With the candidates' answers p_j (n,) and targets y, both less their means, and q_j = p_j less its projections on those
that are chosen::

    err_j = (q_j . y)^2 / (q_j . q_j  y . y)          error reduction ratio: the share of the targets' variance
    choose argmax_j err_j, and take its direction out of all other q and out of y

Inner products are those of the triangle R of [1, P, Y] (see `netwright.classical.radial_basis.ridge`), so that only
R is needed. Of the path of 1, 2, ... units the part up to the least GCV error, (1 - sum err) / (1 - (1 + 3 k) / n)^2,
is kept; a unit counts three degrees of freedom, for it was chosen among many.

References: Chen, Cowan, Grant: Orthogonal least squares learning algorithm for radial basis function networks, 1991;
Friedman: Multivariate adaptive regression splines, 1991 (what a choice costs).

It differs from Chen, Cowan and Grant in where it ends: by GCV, and not by a share of variance that is given.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.classical.radial_basis.ridge import norms

CANDIDATES = 1000  # rows among which centres are chosen, at most
COST = 3  # degrees of freedom of a unit
DEPENDENT = 1e-10  # of a candidate's square: what is left of it when it says nothing of its own
ROUNDING = 1e-28  # of the square of its answers before their mean was taken out

Floats = NDArray[np.float64]


class Path(NamedTuple):
    """The candidates that were chosen, in their order, (k,), their error reduction ratios (k,), and the GCV error."""

    chosen: NDArray[np.intp]
    ratios: Floats
    error: float


def select(triangle: Floats, n: int, n_outputs: int, most: int) -> Path:
    """The candidates that explain most, at most `most` of them; several targets count equally."""
    candidates = triangle.shape[1] - 1 - n_outputs
    left, targets = triangle[1:, 1 : 1 + candidates], triangle[1:, 1 + candidates :]
    totals = norms(targets) * np.sqrt(n_outputs)
    targets = targets / np.where(totals > 0, totals, 1.0)
    first = np.square(left).sum(axis=0)
    least = np.maximum(DEPENDENT * first, ROUNDING * (first + np.square(triangle[0, 1 : 1 + candidates])))
    squares, products = first.copy(), targets.T @ left  # of what is left of the candidates: q . q and y . q
    directions = np.empty((len(left), 0))
    chosen: list[int] = []
    ratios: list[float] = []
    for _ in range(min(most, candidates, max(n - 2, 1))):
        free = squares > least
        free[chosen] = False
        if not free.any():
            break
        gains = np.square(products).sum(axis=0) / np.where(free, squares, 1.0)
        best = int(np.where(free, gains, -1.0).argmax())
        direction = left[:, best] - directions @ (directions.T @ left[:, best])
        direction -= directions @ (directions.T @ direction)  # once more: the first has the rounding of a great part
        direction /= np.linalg.norm(direction)
        along = direction @ left
        squares -= np.square(along)
        products -= np.outer(direction @ targets, along)
        directions = np.column_stack([directions, direction])
        chosen.append(best)
        ratios.append(float(gains[best]))
    return _best_part(np.array(chosen, dtype=np.intp), np.array(ratios), n)


def _best_part(chosen: NDArray[np.intp], ratios: Floats, n: int) -> Path:
    """The beginning of a path that has the least GCV error."""
    if not len(chosen):  # candidates that all answer the same: one is as good as any
        return Path(np.zeros(1, dtype=np.intp), np.zeros(1), np.inf)
    freedom = 1 - (1 + COST * np.arange(1, len(chosen) + 1)) / n
    errors = np.full(len(chosen), np.inf)
    residual = np.maximum(1 - np.cumsum(ratios), 0.0)
    np.divide(residual, np.square(freedom), out=errors, where=freedom > 0)
    kept = int(errors.argmin()) + 1
    return Path(chosen[:kept], ratios[:kept], float(errors[kept - 1]))
