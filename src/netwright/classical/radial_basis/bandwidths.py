"""Bandwidths: what may be given, the rules that choose them, and what a rule found.

==================== =============================================================================================
rule                 sigma of feature k
==================== =============================================================================================
"auto"               what "loo" or "loo-scaled" gives, whichever has the lower error
"loo"                one number for all features, of least leave-one-out error
"loo-scaled"         f s_k: one factor f of least leave-one-out error, s_k the standard deviation of the feature
"loo-per-feature"    one number each, of least leave-one-out error and sum of s_k / sigma_k, which costs a nat each
"scott"              s_k n^(-1 / (d + 4))
"silverman"          s_k (n (d + 2) / 4)^(-1 / (d + 4))
==================== =============================================================================================

n is the number of distinct rows ((sum w)^2 / sum w^2 where they have weights), d the number of features. Where leaving
one out says nothing (all rows equal, all targets equal), a rule gives what Scott's gives.

References: Scott: Multivariate density estimation, 1992; Silverman: Density estimation for statistics and data
analysis, 1986.
"""

from __future__ import annotations

import math
import numbers
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.classical.radial_basis.leave_one_out import (
    Classes,
    Found,
    Loss,
    Regression,
    best_factor,
    best_per_feature,
    loss_over,
    typical_neighbour,
)
from netwright.classical.radial_basis.sites import Sites, spreads
from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import number, one_of, satisfies

SEARCHED = ("auto", "loo", "loo-scaled", "loo-per-feature")
CLOSED = ("scott", "silverman")
NEAR = 0.2  # of the distance to the nearest neighbour: the least bandwidth that is tried, hardly more than 1-NN
WIDE = 1.5  # of the typical distance of two rows: the greatest

Floats = NDArray[np.float64]


def _is_array_of_bandwidths(value: Any) -> bool:
    if not isinstance(value, (np.ndarray, list, tuple)) or len(np.shape(value)) != 1:
        return False
    return len(value) > 0 and all(isinstance(item, numbers.Real) and 0 < float(item) < math.inf for item in value)


BANDWIDTH = (
    number(0, closed="neither")
    | satisfies("an array of such, one a feature,", _is_array_of_bandwidths)
    | one_of(*SEARCHED, *CLOSED)
)


class Chosen(NamedTuple):
    """A bandwidth (a number, or one a feature), its leave-one-out error, and the curve (2, points) over factors."""

    bandwidth: Any
    error: float | None = None
    curve: Floats | None = None


def given(owner: str, bandwidth: Any, n_features: int) -> Any:
    """A bandwidth that the user gave: a float, or an array (d,).

    Raises
    ------
    InvalidParameter : an array of another length.
    """
    if isinstance(bandwidth, numbers.Real):
        return float(bandwidth)
    array = np.array(bandwidth, dtype=np.float64)
    if len(array) != n_features:
        where, expected = f"{owner}(bandwidth)", f"{n_features} numbers, one a feature"
        raise InvalidParameter(problem(where, expected, f"{len(array)}", "Give one number for all, or one each."))
    return array


def closed_form(rule: str, n: float, n_features: int) -> float:
    """The factor of Scott's or Silverman's rule for n rows."""
    rows = n if rule == "scott" else n * (n_features + 2) / 4
    return float(rows ** (-1 / (n_features + 4)))


def chosen(rule: str, sites: Sites, data: Regression | Classes | None, n_jobs: int | None = None) -> Chosen:
    """What a rule chooses for some sites; `data` holds what leaving one out predicts, for the rules that search."""
    deviations = spreads(sites)
    if rule in CLOSED:
        return Chosen(deviations * closed_form(rule, sites.effective(), len(deviations)))
    assert data is not None
    loss, left_out = loss_over(data, n_jobs), np.flatnonzero(data.shares)
    varied = deviations[np.ptp(sites.rows, axis=0) > 0] if sites.rows.any() else deviations
    even = np.full(len(deviations), varied.max() * np.sqrt(np.mean(np.square(varied / varied.max()))))
    scale = even if rule == "loo" else deviations
    best = _of_factor(loss, sites, scale, left_out)
    if best is None:
        bandwidths = scale * closed_form("scott", sites.effective(), len(scale))
        return Chosen(float(bandwidths[0]) if rule == "loo" else bandwidths)
    other = _of_factor(loss, sites, even, left_out) if rule == "auto" else None
    if rule == "loo" or (other is not None and other.error < best.error):
        best = other or best
        return Chosen(float(best.bandwidths[0]), best.error, best.curve * [[even[0]], [1.0]])
    if rule == "loo-per-feature" and len(scale) > 1:
        squared = isinstance(data, Regression)
        best = best_per_feature(loss, scale, best, widest(len(scale)), len(left_out), squared)
    return Chosen(best.bandwidths, best.error, best.curve)


def widest(n_features: int) -> float:
    """The greatest factor that is tried."""
    return WIDE * math.sqrt(2 * n_features)


def _of_factor(loss: Loss, sites: Sites, scale: Floats, left_out: NDArray[np.intp]) -> Found | None:
    """The bandwidths of one factor times a scale of least error; None where leaving one out says nothing."""
    if not len(left_out):
        return None
    high = widest(len(scale))
    low = min(NEAR * typical_neighbour(sites, scale, left_out), high / 2)
    return best_factor(loss, scale, low, high)
