"""Cubic splines on one projection: where their knots are, what they are between knots, and how rough.

A spline of K cubic B-splines lives on the K + 4 knots t_0 < ... < t_{K+3}; the projections lie in [t_3, t_K]. Between
two knots, with u = (v - t_i) / (t_{i+1} - t_i) in [0, 1], each of the four B-splines that are not zero is a cubic
polynomial, so that all sums over rows are sums of powers of u::

    A = B^T W B = sum_i P_i H_i P_i^T       H_i[a, b] = sum of w u^{a+b} over the rows in interval i     (4, 4)
    b = B^T W r = sum_i P_i h_i             h_i[a]    = sum of w u^a r                                  (4,)
    c^T Omega c = sum_j (h_j^2 g''_j)^2     g''_j: coefficients of g'' in hat functions, h_j = (t_{j+2} - t_j) / 2
    g(v) = c^T B(v);  outside of [t_3, t_K] g goes on as the straight line that it has at the end

The penalty is that of P-splines: on even knots h_j^2 g''_j is the second difference c_j - 2 c_{j-1} + c_{j-2}. It is 0
for straight lines on any knots, and no less well conditioned where they are uneven.

Interior knots are where the projections are, closer towards both ends: t_{3+k} is the quantile sin^2(pi k / 2(K-3)),
which spaces them evenly for a normal distribution; a fiftieth of evenly spaced knots is mixed in, so that no two
coincide.

References: de Boor: A practical guide to splines, 1978; Eilers, Marx: Flexible smoothing with B-splines and penalties,
1996; Li, Cao: General P-splines for non-uniform B-splines, 2022 (the penalty without the h_j^2).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DEGREE = 3
MIXED = 0.02  # share of evenly spaced knots


def place_knots(v: Array, weights: Array | None, splines: int) -> Array:
    """The knots for projections.

    Parameters
    ----------
    v : projections, (n,), not all equal.
    weights : of the rows, (n,), > 0; None where all are 1.
    splines : number of B-splines, >= 4.

    Returns
    -------
    increasing, (splines + 4,).
    """
    intervals = splines - DEGREE
    shares = _shares(intervals)
    if weights is None:
        ordered = np.sort(v)
        inner = ordered[np.ceil(shares * len(v)).astype(np.intp) - 1]
    else:
        order = np.argsort(v)
        ordered = v[order]
        mass = weights[order].cumsum()
        inner = ordered[np.minimum(mass.searchsorted(shares * mass[-1]), len(v) - 1)]
    low, high = ordered[0], ordered[-1]
    step = (high - low) / intervals
    knots = np.empty(splines + DEGREE + 1)
    knots[DEGREE], knots[splines] = low, high
    knots[DEGREE + 1 : splines] = MIXED * (low + step * np.arange(1, intervals)) + (1 - MIXED) * inner
    first, last = knots[DEGREE + 1] - low, high - knots[splines - 1]
    knots[:DEGREE] = low - first * np.arange(DEGREE, 0, -1)
    knots[splines + 1 :] = high + last * np.arange(1, DEGREE + 1)
    return knots


@cache
def _shares(intervals: int) -> Array:
    """Of which quantiles the interior knots are, (intervals - 1,)."""
    shares: Array = np.sin(0.5 * np.pi * np.arange(1, intervals) / intervals) ** 2
    return shares


def spline_values(v: Array, knots: Array, coefficients: Array) -> tuple[Array, Array]:
    """The spline and its slope at projections.

    Parameters
    ----------
    v : projections, (n,).
    knots : (K + 4,).
    coefficients : (K,).

    Returns
    -------
    values and slopes, both (n,).
    """
    values, slopes = np.empty(len(v)), np.empty(len(v))
    _evaluate(v, knots, coefficients, values, slopes)
    return values, slopes


def spline_equations(v: Array, target: Array, weights: Array, knots: Array) -> tuple[Array, Array, Array]:
    """What a penalised least-squares spline needs of the rows: A = B^T W B, b = B^T W r and the penalty Omega.

    Parameters
    ----------
    v : projections in [t_3, t_K], (n,).
    target : r, (n,).
    weights : (n,).
    knots : (K + 4,).

    Returns
    -------
    A (K, K), b (K,), Omega (K, K).
    """
    normal, right = _equations(v, target, weights, knots)
    return normal, right, _roughness(knots)


@numba.njit(cache=True, nogil=True)
def _pieces(knots: Any) -> Any:
    """The B-splines as polynomials: (intervals, 4, 4), of interval i its four B-splines i..i+3, powers 0..3 of u.

    De Boor's recursion, with d the degree::

        B_j^d = (v - t_j) / (t_{j+d} - t_j) B_j^{d-1} + (t_{j+d+1} - v) / (t_{j+d+1} - t_{j+1}) B_{j+1}^{d-1}
    """
    intervals = len(knots) - 7
    found = np.zeros((intervals, 4, 4))
    for i in range(intervals):
        k = i + 3
        width = knots[k + 1] - knots[k]
        piece = found[i]
        piece[0, 0] = 1.0
        for degree in range(1, 4):
            for r in range(degree, -1, -1):  # the B-spline that begins at knot k - degree + r, from those of degree - 1
                j = k - degree + r
                for power in range(degree, -1, -1):
                    new = 0.0
                    if r > 0:  # rises with (v - t_j); piece[r - 1] is the one that begins at knot j
                        low = (knots[k] - knots[j]) / (knots[j + degree] - knots[j])
                        rise = width / (knots[j + degree] - knots[j])
                        new += low * piece[r - 1, power]
                        if power > 0:
                            new += rise * piece[r - 1, power - 1]
                    if r < degree:  # falls with (t_{j+degree+1} - v)
                        span = knots[j + degree + 1] - knots[j + 1]
                        new += (knots[j + degree + 1] - knots[k]) / span * piece[r, power]
                        if power > 0:
                            new -= width / span * piece[r, power - 1]
                    piece[r, power] = new
    return found


@numba.njit(cache=True, nogil=True)
def _interval(x: float, knots: Any, intervals: int) -> int:
    """How many of the interior knots are at or before x: counted without branches."""
    place = 0
    for k in range(1, intervals):
        place += knots[3 + k] <= x
    return place


@numba.njit(cache=True, nogil=True)
def _moments(v: Any, target: Any, weights: Any, knots: Any, intervals: int) -> Any:
    """Of each interval the sums of w u^k, k = 0..6, and of w r u^k, k = 0..3: (intervals, 11)."""
    sums = np.zeros((intervals, 11))
    scale = np.empty(intervals)
    for i in range(intervals):
        scale[i] = 1.0 / (knots[4 + i] - knots[3 + i])
    for row in range(len(v)):
        i = _interval(v[row], knots, intervals)
        u = (v[row] - knots[3 + i]) * scale[i]
        power = weights[row]
        for k in range(4):
            sums[i, k] += power
            sums[i, 7 + k] += power * target[row]
            power *= u
        for k in range(4, 7):
            sums[i, k] += power
            power *= u
    return sums


@numba.njit(cache=True, nogil=True)
def _equations(v: Any, target: Any, weights: Any, knots: Any) -> Any:
    """A and b of `spline_equations`."""
    splines = len(knots) - 4
    intervals = splines - 3
    pieces = _pieces(knots)
    sums = _moments(v, target, weights, knots, intervals)
    normal, right = np.zeros((splines, splines)), np.zeros(splines)
    for i in range(intervals):
        for j in range(4):
            for a in range(4):
                right[i + j] += pieces[i, j, a] * sums[i, 7 + a]
            for k in range(j + 1):
                product = 0.0
                for a in range(4):
                    for b in range(4):
                        product += pieces[i, j, a] * pieces[i, k, b] * sums[i, a + b]
                normal[i + j, i + k] += product
                if k < j:
                    normal[i + k, i + j] += product
    return normal, right


@numba.njit(cache=True, nogil=True)
def _roughness(knots: Any) -> Any:
    """Omega of `spline_equations`."""
    splines = len(knots) - 4
    penalty = np.zeros((splines, splines))
    row = np.zeros(3)
    for j in range(2, splines):
        h = 0.5 * (knots[j + 2] - knots[j])
        last, before = 3.0 / (knots[j + 3] - knots[j]), 3.0 / (knots[j + 2] - knots[j - 1])
        row[0], row[1], row[2] = h * before, -h * (before + last), h * last
        for a in range(3):
            for b in range(3):
                penalty[j - 2 + a, j - 2 + b] += row[a] * row[b]
    return penalty


@numba.njit(cache=True, nogil=True)
def _evaluate(v: Any, knots: Any, coefficients: Any, values: Any, slopes: Any) -> None:
    """Fill in g(v) and g'(v)."""
    splines = len(coefficients)
    intervals = splines - 3
    pieces = _pieces(knots)
    local = np.zeros((intervals, 4))
    for i in range(intervals):
        for j in range(4):
            for power in range(4):
                local[i, power] += coefficients[i + j] * pieces[i, j, power]
    low, high = knots[3], knots[splines]
    for row in range(len(v)):
        x = min(max(v[row], low), high)
        i = _interval(x, knots, intervals)
        width = knots[i + 4] - knots[i + 3]
        u = (x - knots[i + 3]) / width
        slopes[row] = (local[i, 1] + u * (2 * local[i, 2] + u * 3 * local[i, 3])) / width
        values[row] = local[i, 0] + u * (local[i, 1] + u * (local[i, 2] + u * local[i, 3]))
        if x != v[row]:
            values[row] += slopes[row] * (v[row] - x)
