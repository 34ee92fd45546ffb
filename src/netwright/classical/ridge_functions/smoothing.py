"""One ridge function: the penalised spline on given projections, as smooth as cross-validation asks for.

The spline c^T B(v) that makes sum w (r - c^T B)^2 + lambda c^T Omega c least has the coefficients
c = (A + lambda Omega)^-1 b, with A, b and Omega of `netwright.classical.ridge_functions.splines`, and Omega scaled to
the trace of A. One symmetric eigenproblem serves all lambda (Demmler and Reinsch's basis), also where no rows are::

    Omega U = (A + Omega) U diag(s),  U^T (A + Omega) U = I,  z = U^T b,  d = 1 - s + lambda s
    c = U (z / d)
    tr S = sum (1 - s) / d                             degrees of freedom of the smoother S
    RSS  = sum w r^2 - sum z^2 (2 - (1 - s) / d) / d
    GCV  = N RSS / (N - cost df)^2,   df = tr S + those of all else in the model

with N the sum of the weights (times the number of targets) and RSS over all targets. lambda is where GCV is least, or
where tr S is the number that was asked for. GCV is infinite where cost df reaches N, or df the number of different rows
(times the number of targets): so many numbers fit everything.

References: Craven, Wahba: Smoothing noisy data with spline functions, 1979; Demmler, Reinsch: Oscillation matrices with
spline smoothing, 1975.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dsygvd

from netwright.classical.ridge_functions.splines import place_knots, spline_equations

Array = NDArray[np.float64]

LEAST = 1e-9  # lambda
LINEAR = 1e-4  # share of the first curved function that is left at the greatest lambda
FLOOR = 1e-10  # share of the sum of squares below which a fit is exact: differences of sums are not known better
TINY = 1e-14  # eigenvalues below it are rounding
NULL = 2  # straight lines are not penalised


class Smoothness(NamedTuple):
    """How ridge functions are smoothed.

    Attributes
    ----------
    splines : number of B-splines.
    freedom : degrees of freedom of each function, or 0 where cross-validation chooses.
    cost : of one degree of freedom in cross-validation.
    N : sum of the weights times the number of targets.
    most : degrees of freedom stay below it.
    """

    splines: int
    freedom: float
    cost: float
    N: float
    most: float


class Smooth(NamedTuple):
    """A fitted spline: its knots (K + 4,), coefficients (K,), tr S, and the RSS and GCV of the model with it."""

    knots: Array
    coefficients: Array
    freedom: float
    rss: float
    gcv: float


def smooth(
    v: Array, target: Array, weights: Array, energy: float, others: float, how: Smoothness, uneven: bool
) -> Smooth:
    """The penalised spline of a target over projections.

    Parameters
    ----------
    v : projections, (n,), not all equal.
    target : r, (n,).
    weights : (n,), > 0.
    energy : weighted sum of squares of all that is left to explain, at least that of the target.
    others : degrees of freedom of the model without tr S.
    how : what is the same for all ridge functions.
    uneven : whether any weight is not 1.
    """
    knots = place_knots(v, weights if uneven else None, how.splines)
    normal, right, penalty = spline_equations(v, target, weights, knots)
    penalty *= np.trace(normal) / np.trace(penalty)
    s, basis, failed = dsygvd(penalty, normal + penalty)
    if failed:
        raise FloatingPointError(f"LAPACK dsygvd gave {failed} for the knots {knots}")
    s[:NULL] = 0.0
    z = right @ basis
    size, freedom, explained = _choose(s, z, energy, others, how.freedom, how.cost, how.N, how.most)
    rss = max(energy - explained, FLOOR * energy)
    coefficients = basis @ (z / (1.0 - s + size * s))
    return Smooth(knots, coefficients, freedom, rss, cross_validation(rss, others + freedom, how))


def cross_validation(rss: float, freedom: float, how: Smoothness) -> float:
    """GCV = N RSS / (N - cost df)^2, infinite where the rows do not bear df."""
    room = how.N - how.cost * freedom
    return how.N * rss / room**2 if room > 0 and freedom < how.most else np.inf


@numba.njit(cache=True, nogil=True)
def _summary(size: float, s: Any, z: Any) -> Any:
    """tr S and the sum of squares that the spline explains, at one lambda."""
    freedom, explained = 0.0, 0.0
    for k in range(len(s)):
        divisor = 1.0 - s[k] + size * s[k]
        share = (1.0 - s[k]) / divisor
        freedom += share
        explained += z[k] * z[k] * (2.0 - share) / divisor
    return freedom, explained


@numba.njit(cache=True, nogil=True)
def _choose(s: Any, z: Any, energy: float, others: float, wanted: float, cost: float, N: float, most: float) -> Any:
    """lambda, tr S and the explained sum of squares: by GCV on a grid that is refined twice, or by bisection for tr S.

    The grid of log lambda ends where only a straight line is left.
    """
    curved = max(s[2], TINY)
    low, high = np.log(LEAST), max(np.log(max(1.0 - curved, LINEAR) / (LINEAR * curved)), 0.0)
    if wanted > 0:
        for _ in range(60):
            middle = 0.5 * (low + high)
            if _summary(np.exp(middle), s, z)[0] > wanted:
                low = middle
            else:
                high = middle
        freedom, explained = _summary(np.exp(high), s, z)
        return np.exp(high), freedom, explained
    best, place = np.inf, high
    centre, radius = 0.5 * (low + high), 0.5 * (high - low)
    for _ in range(3):
        for k in range(17):
            at = centre + radius * (k / 8.0 - 1.0)
            freedom, explained = _summary(np.exp(at), s, z)
            room = N - cost * (others + freedom)
            if room > 0 and others + freedom < most:
                gcv = max(energy - explained, FLOOR * energy) / room**2
                if gcv < best:
                    best, place = gcv, at
        centre, radius = place, radius / 8.0
    freedom, explained = _summary(np.exp(place), s, z)
    return np.exp(place), freedom, explained
