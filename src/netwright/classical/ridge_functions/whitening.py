"""Inputs as rows of mean 0 and covariance I, in which all directions are alike.

With z = (x - mean) / scale and the singular value decomposition of sqrt(w) z = U S V^T, the whitened rows are
q = T^T z, T = V S^-1 sqrt(sum w). Singular values below 1e-7 of the largest (constant, repeated and dependent columns)
are left out, and of the others at most u / 3 are kept, the largest, with u the number of different rows: a linear term
then takes at most a third of the degrees of freedom, also where there are more columns than rows. A direction w of q is
the direction T w of z.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DEPENDENT = 1e-7  # singular values below this share of the largest are none
SHARE = 1 / 3  # directions, of the number of different rows
SAME = 1e-9  # of the range: rows whose mixtures of all columns are as near as this are the same
CONSTANT = 1e-13  # a standard deviation below this share of the largest value is rounding


class Whitened(NamedTuple):
    """Whitened rows and how they came about.

    Attributes
    ----------
    mean, scale : z = (x - mean) / scale, both (n_features,).
    basis : T, (n_features, n_directions).
    axes : the inputs as directions of q, (n_features, n_directions).
    rows : q, (n, n_directions).
    different : number of different rows.
    """

    mean: Array
    scale: Array
    basis: Array
    axes: Array
    rows: Array
    different: int


def whiten(x: Array, weights: Array, standardize: bool) -> Whitened:
    """Whiten rows.

    Parameters
    ----------
    x : (n, n_features).
    weights : of the rows, (n,), > 0.
    standardize : whether the scale is the standard deviation of each column, or 1.
    """
    total = float(weights.sum())
    mean, spread = moments(x, weights)
    constant = spread == 0
    scale = np.where(constant | (not standardize), 1.0, spread)
    z = (x - mean) / scale
    z[:, constant] = 0.0
    size = abs(z).max(initial=0.0) or 1.0
    _, singular, right = np.linalg.svd(z * (np.sqrt(weights)[:, None] / size), full_matrices=False)
    kept = int(np.count_nonzero(singular > DEPENDENT * singular.max(initial=0.0)))
    different = count_different(z / size)
    kept = min(kept, max(1, int(different * SHARE)))
    right = right * np.sign(right[np.arange(len(right)), abs(right).argmax(axis=1)])[:, None]  # their signs are free
    axes = right[:kept].T * singular[:kept]
    basis = right[:kept].T * (np.sqrt(total) / size / singular[:kept])
    return Whitened(mean, scale, basis, axes, z @ basis, different)


def count_different(z: Array) -> int:
    """How many of the rows differ: by one mixture of their columns, which is the same only for rows that are.

    Parameters
    ----------
    z : (n, n_columns).
    """
    mixed = np.sort(z @ np.cos(np.arange(z.shape[1])))
    gaps = np.diff(mixed)
    return 1 + int(np.count_nonzero(gaps > SAME * (mixed[-1] - mixed[0])))


def moments(x: Array, weights: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each column, both (n_columns,); the latter 0 where it is only rounding.

    Columns are divided by their largest values first, so that no square overflows.

    Parameters
    ----------
    x : (n, n_columns).
    weights : of the rows, (n,), > 0.
    """
    peak = abs(x).max(axis=0)
    peak[peak == 0] = 1.0
    shares = weights / weights.sum()
    unit = x / peak
    mean = shares @ unit
    spread = np.sqrt(shares @ (unit - mean) ** 2)
    return mean * peak, np.where(spread > CONSTANT, spread * peak, 0.0)
