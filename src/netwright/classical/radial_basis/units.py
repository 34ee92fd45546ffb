"""Gaussian units: what they answer, and the rules that place them and set their widths.

For a unit with centre c_j and width s_j::

    h_j(x) = exp(-norm(x - c_j)^2 / (2 s_j^2))                   one unit for itself
    h_j(x) = h_j(x) / sum_l h_l(x)                               normalised: units share out each row

=========== ================================================================================================
centres     rule
=========== ================================================================================================
"kmeans"    the means of k-means (Lloyd, started by k-means++)
"sample"    rows drawn without replacement
"rows"      every distinct row
=========== ================================================================================================

=========== ================================================================================================
width       rule
=========== ================================================================================================
"nearest"   s_j = root mean square of the distances from c_j to its 2 nearest other centres
"spread"    s_j = (greatest distance of two centres) / sqrt(2 M) for all M units
=========== ================================================================================================

Normalised answers are taken relative to the greatest exponent, so that they are finite at any distance.

References: Moody, Darken: Fast learning in networks of locally-tuned processing units, 1989 (k-means, nearest
neighbours, normalisation); Haykin: Neural networks, 1994 (the rule of the spread).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

from netwright.classical.chunks import one_thread
from netwright.classical.radial_basis.kernel_sums import in_bandwidths
from netwright.core.seeds import derive

NEIGHBOURS = 2  # of the rule "nearest"
WIDTHS = 1e-150, 1e150  # beyond which squares are no numbers; such units hear their centre alone, or all alike
LOWEST = -1e300  # of an exponent, so that differences of two are numbers
BLOCK = 1 << 20  # distances that are held together by the rule "spread"

Floats = NDArray[np.float64]


def activations(rows: NDArray[Any], centers: Floats, widths: Floats, normalized: bool) -> Floats:
    """What each unit answers to each row, (n, M); centres (M, d), widths (M,)."""
    with np.errstate(over="ignore"):  # an infinite square is that of a unit that says nothing
        return _activations(rows, centers, np.square(np.clip(widths, *WIDTHS)), normalized)


def _activations(rows: NDArray[Any], centers: Floats, squares: Floats, normalized: bool) -> Floats:
    """The same, with squares of the widths, (M,)."""
    if not normalized:
        return np.exp(-0.5 * cdist(rows.astype(np.float64), centers, "sqeuclidean") / squares)
    middle = centers.mean(axis=0)
    moved = in_bandwidths(rows, middle, np.ones(len(middle)))
    if np.ptp(squares) == 0:  # the square of the row is the same for all, and is left out before it drowns the rest
        nearer = centers - middle
        exponents = moved @ nearer.T - 0.5 * np.square(nearer).sum(axis=1)
        exponents -= exponents.max(axis=1, keepdims=True)
        exponents /= squares
    else:
        exponents = np.maximum(-0.5 * cdist(moved, centers - middle, "sqeuclidean") / squares, LOWEST)
    exponents -= exponents.max(axis=1, keepdims=True)
    np.exp(exponents, out=exponents)
    exponents /= exponents.sum(axis=1, keepdims=True)
    return exponents


def place(rule: str, distinct: NDArray[Any], n_units: int, seed: int) -> Floats:
    """Centres by a rule, (M, d), from the distinct rows; at most as many as there are rows."""
    n_units = min(n_units, len(distinct))
    if rule == "rows" or (n_units == len(distinct) and rule == "sample"):
        return distinct.astype(np.float64)
    if rule == "sample":
        return drawn(distinct, n_units, seed).astype(np.float64)
    means = KMeans(n_units, n_init=1, random_state=derive(seed, "k-means") % 2**32)
    with one_thread():
        return means.fit(distinct.astype(np.float64)).cluster_centers_


def drawn(distinct: NDArray[Any], n: int, seed: int) -> NDArray[Any]:
    """At most n of the rows, drawn without replacement and left in their order."""
    if n >= len(distinct):
        return distinct
    return distinct[np.sort(np.random.default_rng(derive(seed, "centers")).permutation(len(distinct))[:n])]


def nearest(centers: Floats, alone: float) -> Floats:
    """Widths by the rule "nearest", (M,); `alone` is that of a unit without others."""
    if len(centers) == 1:
        return np.array([alone])
    neighbours = min(NEIGHBOURS, len(centers) - 1)
    distances = NearestNeighbors(n_neighbors=neighbours + 1).fit(centers).kneighbors(centers)[0][:, 1:]
    widths = np.sqrt(np.square(distances).mean(axis=1))
    return np.where(widths > 0, widths, alone)


def spread(centers: Floats, n_units: int, alone: float) -> float:
    """The width by the rule "spread" for `n_units` units among these centres."""
    if len(centers) == 1:
        return alone
    step = max(1, BLOCK // len(centers))
    starts = range(0, len(centers), step)
    greatest = max(float(cdist(centers[at : at + step], centers).max()) for at in starts)
    return greatest / np.sqrt(2 * n_units) or alone


def typical(distinct: NDArray[Any]) -> float:
    """The root mean square distance of rows from their mean; 1 where they are all the same."""
    wide = distinct.astype(np.float64)
    return float(np.sqrt(np.square(wide - wide.mean(axis=0)).sum(axis=1).mean())) or 1.0
