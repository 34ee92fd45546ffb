"""The error of leaving rows out one by one, as a function of the bandwidths, with its gradient; and its minimum.

With sites z_i (rows divided by their bandwidths), weights w_i and a_ij = log w_j - norm(z_i - z_j)^2 / 2 for j != i::

    p_ij = exp(a_ij) / sum_{l != i} exp(a_il)
    squared error:  E = sum_i v_i norm(e_i)^2,               e_i = sum_j p_ij y_j - y_i
                    dE/da_ij = 2 v_i p_ij e_i . (y_j - sum_l p_il y_l)
    log loss:       E = sum_i v_i (log sum_j exp(a_ij) - log sum_{j of i's class} exp(a_ij))
                    dE/da_ij = v_i (p_ij - q_ij),            q_ij = p_ij / (their sum over the class of i) within it
    gradient:       dE/dlog sigma_k = sum_ij dE/da_ij (z_ik - z_jk)^2

In the log loss w_j is the prior of j's class times the row's share of the weight of its class, where i is left out of
that too. The rows of dE/da add up to zero, which leaves two matrix products for the gradient. All sums are taken in log
space relative to their greatest term (of the class, for the class), so that a row far from all others has an error too:
that of its nearest one.

Where every feature has a bandwidth of its own, what is made least is the loss of a row in nats (log(E) / 2 for squared
errors, E for the log loss) plus sum_k s_k / (n sigma_k), with s_k the standard deviation of the feature and n the rows
that are left out: a relevance s / sigma of 1 costs one nat in all, as a parameter does in Akaike's criterion. Without
that term features that say nothing are heard by chance, and a log loss runs towards certainty.

References: Specht: A general regression neural network, 1991 (section IV: the holdout method); Schioler, Hartmann:
Mapping neural network derived from the Parzen window estimator, 1992.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from netwright.classical.chunks import in_order
from netwright.classical.radial_basis.sites import Sites
from netwright.core.seeds import derive

FLOOR = -300.0  # exponents below are raised to it: subnormal numbers are slow, in products too
BLOCK = 1 << 16  # numbers (512 KiB) of one block of rows against all sites, but at least LEAST rows of them
LEAST = 32
TASK = 1024  # left-out rows of one task of a worker
POINTS = 16  # of the curve over one factor
STARTS = 3
LEAST_ERROR = 1e-30  # below it an error is none
SHARPEST = 5.0  # by which log sigma of one feature may fall below that of the best factor
FLAT = 1e-12  # range of a curve, relative to its greatest value, below which it says nothing

Floats = NDArray[np.float64]
Loss = Callable[[Floats, bool], tuple[float, Floats]]


class Regression(NamedTuple):
    """Sites (s, d) with log weights (s,), targets (s, k) in units of their spread, v (s,): zero where not left out."""

    rows: Floats
    log_weights: Floats
    targets: Floats
    shares: Floats


class Classes(NamedTuple):
    """Sites (s, d) sorted by class, log weights (s,), bounds of the classes (K + 1,), w / W (s,) and v (s,)."""

    rows: Floats
    log_weights: Floats
    bounds: NDArray[np.intp]
    parts: Floats
    shares: Floats


class Found(NamedTuple):
    """Bandwidths (d,), their error, and the curve (2, POINTS) over factors of the scale: factors, errors."""

    bandwidths: Floats
    error: float
    curve: Floats


def chosen_rows(n: int, most: int | None, among: NDArray[np.intp]) -> NDArray[np.intp]:
    """The sites that are left out in turn: all of those in question, or as many of them, drawn with a fixed seed."""
    if most is None or len(among) <= most:
        return among
    draws = np.random.default_rng(derive(0, "leave one out", n)).permutation(len(among))[:most]
    return np.sort(among[draws])


def loss_over(data: Regression | Classes, n_jobs: int | None = None) -> Loss:
    """The function ``loss(log_bandwidths, gradient)`` -> (error, gradient (d,)) of some data."""
    left_out = np.flatnonzero(data.shares)
    tasks = [left_out]
    if isinstance(data, Classes):  # a task is of one class, whose sites are one slice
        tasks = np.split(left_out, np.searchsorted(left_out, data.bounds[1:-1]))
    tasks = [task[start : start + TASK] for task in tasks for start in range(0, len(task), TASK)]

    def loss(log_bandwidths: Floats, gradient: bool) -> tuple[float, Floats]:
        scaled = data._replace(rows=data.rows * np.exp(-log_bandwidths))
        error, slopes = 0.0, np.zeros(data.rows.shape[1])
        for part, slope in in_order(partial(share_of_loss, scaled, gradient), tasks, n_jobs):
            error, slopes = error + part, slopes + slope
        return error, slopes

    return loss


def share_of_loss(data: Regression | Classes, gradient: bool, task: NDArray[np.intp]) -> tuple[float, Floats]:
    """The share of some left-out sites in the loss and its gradient; rows in bandwidths."""
    table = Table.of(data.rows, data.log_weights)
    error, slopes = 0.0, np.zeros(data.rows.shape[1])
    for start in range(0, len(task), len(table.terms)):
        block = task[start : start + len(table.terms)]
        of_block = squared_error if isinstance(data, Regression) else log_loss
        part, weights = of_block(data, table, block, gradient)  # type: ignore[arg-type]
        error += part
        if gradient:
            slopes += table.slopes(block, weights)
    return error, slopes


def squared_error(data: Regression, table: Table, block: NDArray[np.intp], gradient: bool) -> tuple[float, Floats]:
    """The share of one block of sites in the squared error, and dE/da (b, s) where the gradient is asked for."""
    terms = table.exponents(block)
    terms -= terms.max(axis=1, keepdims=True)
    _exp(terms, block)
    columns = np.column_stack([data.targets, np.ones(len(data.rows))])
    sums = terms @ columns
    means = sums[:, :-1] / sums[:, -1:]
    errors = means - data.targets[block]
    error = float(data.shares[block] @ np.square(errors).sum(axis=1))
    if gradient:
        outer = 2 * (data.shares[block] / sums[:, -1])[:, None] * errors
        factors = np.column_stack([outer, -(outer * means).sum(axis=1)])
        terms *= np.matmul(factors, columns.T, out=table.spare[: len(block)])
    return error, terms


def log_loss(data: Classes, table: Table, block: NDArray[np.intp], gradient: bool) -> tuple[float, Floats]:
    """The share of one block of sites, of one class, in the log loss, and dE/da (b, s) where it is asked for."""
    terms = table.exponents(block)
    kind = int(np.searchsorted(data.bounds, block[0], side="right")) - 1
    own = slice(int(data.bounds[kind]), int(data.bounds[kind + 1]))
    terms[:, own] -= np.log1p(-data.parts[block])[:, None]
    of_class = table.spare[: len(block), own]
    of_class[:] = terms[:, own]
    highest, highest_own = terms.max(axis=1, keepdims=True), of_class.max(axis=1, keepdims=True)
    terms -= highest
    of_class -= highest_own
    _exp(terms, block)
    _exp(of_class, block - own.start)
    total, total_own = terms.sum(axis=1), of_class.sum(axis=1)
    shares = data.shares[block]
    error = float(shares @ ((highest - highest_own)[:, 0] + np.log(total) - np.log(total_own)))
    if gradient:
        terms *= (shares / total)[:, None]
        of_class *= (shares / total_own)[:, None]
        terms[:, own] -= of_class
    return error, terms


class Table(NamedTuple):
    """Sites in bandwidths (s, d), the factors of the exponents (s, d + 1) and (d + 1, s), two blocks to work in."""

    rows: Floats
    left: Floats
    right: Floats
    terms: Floats
    spare: Floats

    @classmethod
    def of(cls, rows: Floats, log_weights: Floats) -> Table:
        """The table of some sites; a block has `BLOCK` numbers, and `LEAST` rows at least."""
        left = np.column_stack([rows, np.ones(len(rows))])
        right = np.vstack([rows.T, log_weights - 0.5 * np.square(rows).sum(axis=1)])
        shape = max(LEAST, BLOCK // len(rows)), len(rows)
        return cls(rows, left, right, np.empty(shape), np.empty(shape))

    def exponents(self, block: NDArray[np.intp]) -> Floats:
        """a_ij of a block of sites against all, (b, s), less what is the same for all j; -inf for j = i."""
        terms = np.matmul(self.left[block], self.right, out=self.terms[: len(block)])
        terms[np.arange(len(block)), block] = -np.inf
        return terms

    def slopes(self, block: NDArray[np.intp], weights: Floats) -> Floats:
        """sum_ij G_ij (z_ik - z_jk)^2, (d,), for a G (b, s) whose rows add up to zero."""
        ones = np.ones(len(block))
        return (ones @ weights) @ np.square(self.rows) - 2 * (self.rows[block] * (weights @ self.rows)).sum(axis=0)


def _exp(terms: Floats, selves: NDArray[np.intp]) -> None:
    """exp in place; subnormal results are raised to the floor, and what a site says of itself is 0."""
    np.maximum(terms, FLOOR, out=terms)
    np.exp(terms, out=terms)
    terms[np.arange(len(terms)), selves] = 0.0


def typical_neighbour(sites: Sites, scale: Floats, left_out: NDArray[np.intp]) -> float:
    """The median distance of a left-out site to its nearest other one, in units of the scale."""
    table = Table.of(sites.rows / scale, np.zeros(len(sites.rows)))
    squares = np.square(table.rows).sum(axis=1)
    nearest = []
    for start in range(0, len(left_out), len(table.terms)):
        block = left_out[start : start + len(table.terms)]
        nearest.append(squares[block] - 2 * table.exponents(block).max(axis=1))
    distances = np.sqrt(np.maximum(np.concatenate(nearest), 0.0))
    apart = distances[distances > 1e-6]
    return float(np.median(apart)) if len(apart) else 1e-3


def best_factor(loss: Loss, scale: Floats, low: float, high: float) -> Found | None:
    """The factor f in [low, high] of least error of bandwidths f scale; None where the error is the same for all.

    A curve over factors is computed first; L-BFGS-B in log f starts from each of its lowest local minima.
    """
    factors = np.geomspace(low, high, POINTS)
    errors = np.array([loss(np.log(factor * scale), False)[0] for factor in factors])
    if np.ptp(errors) <= FLAT * np.abs(errors).max():
        return None

    def along(log_factor: Floats) -> tuple[float, Floats]:
        error, slopes = loss(log_factor[0] + np.log(scale), True)
        return error, slopes.sum(keepdims=True)

    walls = np.concatenate([[np.inf], errors, [np.inf]])
    minima = np.flatnonzero((errors <= walls[:-2]) & (errors <= walls[2:]))
    starts = minima[np.argsort(errors[minima], kind="stable")][:STARTS]
    bounds = [(np.log(low), np.log(high))]
    best = _lowest(along, [np.log(factors[[start]]) for start in starts], bounds, tolerance=1e-13, flat=1e-9)
    return Found(np.exp(best[0]) * scale, best[1], np.stack([factors, errors]))


def best_per_feature(loss: Loss, scale: Floats, first: Found, high: float, left_out: int, squared: bool) -> Found:
    """Bandwidths of least cost, one a feature, by L-BFGS-B from the best factor and from twice that.

    Where their error itself is greater than that of the best factor, it is that factor.

    Parameters
    ----------
    left_out : number of rows of the loss. squared : whether it is a squared error, and not a log loss.
    """
    log_scale = np.log(scale)
    start = np.log(first.bandwidths) - log_scale
    starts = [np.minimum(at, np.log(50 * high)) for at in (start, start + np.log(2.0))]
    bounds = [(float(start.min()) - SHARPEST, np.log(50 * high))] * len(scale)
    cost = partial(_cost, loss, log_scale, 1 / left_out, squared)
    logs = _lowest(cost, starts, bounds, tolerance=1e-7, flat=1e-5)[0]
    error = loss(logs + log_scale, False)[0]
    return Found(np.exp(logs + log_scale), error, first.curve) if error < first.error else first


def _cost(loss: Loss, log_scale: Floats, price: float, squared: bool, logs: Floats) -> tuple[float, Floats]:
    """The loss in nats and the price of hearing features, of bandwidths exp(logs) in units of the scale."""
    error, slopes = loss(logs + log_scale, True)
    if squared:
        error, slopes = 0.5 * math.log(max(error, LEAST_ERROR)), 0.5 * slopes / max(error, LEAST_ERROR)
    prices = price * np.exp(-logs)
    return error + float(prices.sum()), slopes - prices


def _lowest(
    function: Callable[[Floats], tuple[float, Floats]],
    starts: list[Floats],
    bounds: list[tuple[float, float]],
    tolerance: float,
    flat: float,
) -> tuple[Floats, float]:
    """The best of the minima that L-BFGS-B finds from several starts, and its value."""
    options = {"maxiter": 200, "ftol": tolerance, "gtol": flat}
    ends = [minimize(function, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options) for start in starts]
    best = min(ends, key=lambda end: float(end.fun))
    return best.x, float(best.fun)
