"""Ridge regression from a triangle that grows with the rows, and the ridge of least generalised cross-validation error.

The triangle R of the rows [1, H, Y] (a one, M activations, k targets) is all that is kept of them: R^T R = [1, H, Y]^T
[1, H, Y]. Rows are added by a QR factorisation of R on top of them, which loses no digits as sums of products would.
Below its first row R is the triangle of H and Y less their means; with A = U S V^T of its columns of H and z = U^T B of
those of Y::

    f_i = s_i^2 / (s_i^2 + lambda)                                    share of each direction that is kept
    w(lambda) = V (f / s) z,   b = mean y - mean h . w
    RSS(lambda) = sum_i (1 - f_i)^2 z_i^2 + what lies outside of U
    GCV(lambda) = (RSS / TSS) / (1 - 1.4 (1 + sum_i f_i) / n)^2       near 1 - R2 on new rows

Several targets count equally: RSS / TSS is their mean. The factor 1.4 is that of Kim and Gu: without it the error is
at times least where the units are so narrow that every row is met.

References: Golub, Heath, Wahba: Generalized cross-validation as a method for choosing a good ridge parameter, 1979;
Kim, Gu: Smoothing spline Gaussian regression: more scalable computation via efficient approximation, 2004; Orr:
Introduction to radial basis function networks, 1996.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

LEAST, MOST, POINTS = 1e-14, 10.0, 49  # ridges that are tried, in units of the greatest s^2
INFLATION = 1.4  # what a degree of freedom counts
NEVER = 1e200  # stands for an infinite error in a search

Floats = NDArray[np.float64]


class Readout(NamedTuple):
    """Weights (M, k), biases (k,), the ridge and its GCV error (of all rows' variance)."""

    weights: Floats
    biases: Floats
    ridge: float
    error: float


class Spectrum(NamedTuple):
    """n rows, singular values (r,), z (r, k) and what lies outside (k,), of targets of unit square sum."""

    n: int
    values: Floats
    inside: Floats
    outside: Floats


def triangle_of(hidden: Floats, targets: Floats) -> Floats:
    """The triangle of some rows, (p, p) with p = 1 + M + k; activations (n, M), targets (n, k)."""
    return _square(np.column_stack([np.ones(len(hidden)), hidden, targets]))


def joined(first: Floats, second: Floats) -> Floats:
    """The triangle of the rows of two triangles."""
    return _square(np.vstack([first, second]))


def _square(rows: Floats) -> Floats:
    factor = np.linalg.qr(rows, mode="r")
    square = np.zeros((rows.shape[1], rows.shape[1]))
    square[: len(factor)] = factor
    return square


def readout(triangle: Floats, n: int, n_outputs: int, ridge: float | str) -> Readout:
    """The readout of least squares with a ridge, or with the ridge of least GCV error where it is "gcv"."""
    units = triangle.shape[1] - 1 - n_outputs
    means = triangle[0, 1:] / triangle[0, 0]
    hidden, targets = triangle[1:, 1 : 1 + units], triangle[1:, 1 + units :]
    left, values, right = np.linalg.svd(hidden, full_matrices=False)
    kept = values > values[0] * max(hidden.shape) * np.finfo(float).eps
    left, values, right = left[:, kept], values[kept], right[kept]
    totals = norms(targets)
    scaled = targets / np.where(totals > 0, totals, 1.0)
    inside = left.T @ scaled
    spectrum = Spectrum(n, values, inside, np.square(scaled - left @ inside).sum(axis=0))
    best = float(_best_ridge(spectrum)) if isinstance(ridge, str) else float(ridge)
    weights = right.T @ ((values / (np.square(values) + best))[:, None] * (left.T @ targets))
    return Readout(weights, means[units:] - means[:units] @ weights, best, gcv(spectrum, best))


def gcv(spectrum: Spectrum, ridge: float) -> float:
    """The GCV error of a ridge; infinite where there are too few rows for what is kept."""
    dropped = ridge / (np.square(spectrum.values) + ridge) if ridge else np.zeros(len(spectrum.values))
    residual = float((np.square(dropped) @ np.square(spectrum.inside) + spectrum.outside).mean())
    freedom = 1 - INFLATION * (1 + len(spectrum.values) - float(dropped.sum())) / spectrum.n
    return residual / freedom**2 if freedom > 0 else np.inf


def norms(columns: Floats) -> Floats:
    """The lengths of columns, (k,), finite for all numbers."""
    greatest = np.abs(columns).max(axis=0)
    greatest[greatest == 0] = 1.0
    return np.asarray(greatest * np.sqrt(np.square(columns / greatest).sum(axis=0)))


def _best_ridge(spectrum: Spectrum) -> float:
    if not len(spectrum.values):
        return 0.0
    greatest = float(spectrum.values[0] ** 2)
    return float(np.exp(lowest(lambda log: gcv(spectrum, np.exp(log)), *np.log([LEAST * greatest, MOST * greatest]))))


def lowest(
    function: Callable[[float], float], low: float, high: float, points: int = POINTS, fine: float = 1e-3
) -> float:
    """Where a function of one number is least: the best point of a grid, made finer between its neighbours.

    Where the function is infinite everywhere, it is the end of the interval.
    """

    def bounded(point: float) -> float:
        return min(float(function(float(point))), NEVER)

    grid = np.linspace(low, high, points)
    values = [bounded(point) for point in grid]
    at = int(np.argmin(values))
    if values[at] == NEVER:
        return float(grid[-1])
    around = (float(grid[max(at - 1, 0)]), float(grid[min(at + 1, points - 1)]))
    found = minimize_scalar(bounded, bounds=around, method="bounded", options={"xatol": fine})
    return float(found.x) if found.fun < values[at] else float(grid[at])
