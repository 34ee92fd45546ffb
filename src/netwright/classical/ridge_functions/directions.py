"""The direction of one ridge function: where to begin, and Gauss-Newton steps that never raise the criterion.

Inputs are whitened rows q (n_directions,), so that every unit vector w gives projections v = w^T q of mean 0 and
variance 1, and all directions are alike. What is left for a term are the residuals R (n, n_targets) without it; with
the unit vector beta (n_targets,) its target is r = R beta, and the term is beta g(w^T q). A step::

    D = diag(weights g'(v)^2),   e = r - g(v)
    delta = argmin sum weights (e - g'(v) delta^T q)^2   over delta with w^T delta = 0
          : (Q^T D Q) delta = Q^T (weights g'(v) e)  in the plane orthogonal to w
    w <- (w + t delta) / |w + t delta|,  beta <- R^T W g / |R^T W g|,  g anew,    t = 1, 1/2, 1/4, 1/8

taken with the first t that lowers the GCV of the whole model, where g is smoothed anew for every trial. Starts are the
directions in which the residuals r have a slope (Q^T W r), the three in which they are bent most (eigenvectors of
Q^T diag(W r) Q: principal Hessian directions), each input by itself, and sums and differences of the directions of two
terms, because the function of a plane needs several ridge functions there.

References: Friedman, Stuetzle: Projection pursuit regression, 1981; Friedman: SMART user's guide, 1984; Hastie,
Tibshirani, Friedman: The elements of statistical learning, section 11.2; Li: On principal Hessian directions for data
visualization and dimension reduction, 1992.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.classical.ridge_functions.smoothing import Smooth, Smoothness, smooth
from netwright.classical.ridge_functions.splines import spline_values

Array = NDArray[np.float64]

BENT = 3  # principal Hessian directions among the starts
DAMPING = 1e-6  # share of the mean curvature that is added to all
STEPS = (1.0, 0.5, 0.25, 0.125)
APART = 0.1  # least length of a sum or difference of two directions that is a start


class Problem(NamedTuple):
    """What stays the same while terms are fitted.

    Attributes
    ----------
    rows : whitened inputs, (n, n_directions).
    weights : of the rows, (n,), > 0.
    uneven : whether any weight is not 1.
    axes : the directions of single inputs, (n_features, n_directions); 0 for one that is constant.
    how : of the smoothing.
    tol : least relative fall of GCV for which one goes on.
    """

    rows: Array
    weights: Array
    uneven: bool
    axes: Array
    how: Smoothness
    tol: float


class Term(NamedTuple):
    """One term beta g(w^T q): w (n_directions,), beta (n_targets,), its spline, and g and g' at the rows, both (n,)."""

    direction: Array
    output: Array
    spline: Smooth
    values: Array
    slopes: Array


def smooth_along(problem: Problem, direction: Array, target: Array, energy: float, others: float) -> Smooth:
    """The ridge function of a target in a direction."""
    v = problem.rows @ direction
    return smooth(v, target, problem.weights, energy, others, problem.how, problem.uneven)


def make_term(problem: Problem, direction: Array, output: Array, spline: Smooth) -> Term:
    """The term of a fitted spline."""
    return Term(direction, output, spline, *spline_values(problem.rows @ direction, spline.knots, spline.coefficients))


def pursue(problem: Problem, term: Term, left: Array, others: float, steps: int) -> Term:
    """Gauss-Newton steps from a term that was smoothed for `left`, at most `steps`, until GCV falls by less than tol.

    Parameters
    ----------
    term : where to begin.
    left : R, residuals without the term, (n, n_targets).
    others : degrees of freedom of the model without tr S of the term.
    steps : greatest number of steps.
    """
    energy = weighted_squares(left, problem.weights)
    for _ in range(steps):
        before = term.spline.gcv
        trial = _step(problem, term, left, energy, others)
        if trial is None:
            break
        term = trial
        if before - term.spline.gcv <= problem.tol * before:
            break
    return term


def _step(problem: Problem, term: Term, left: Array, energy: float, others: float) -> Term | None:
    """The first trial along the Gauss-Newton step that lowers GCV; None where none does."""
    delta = gauss_newton(problem.rows, problem.weights, term, left @ term.output)
    output = unit(left.T @ (problem.weights * term.values), term.output)
    target = left @ output
    if not delta.any() and len(output) == 1:
        return None
    for step in STEPS if delta.any() else STEPS[-1:]:
        direction = unit(term.direction + step * delta, term.direction)
        spline = smooth_along(problem, direction, target, energy, others)
        if spline.gcv < term.spline.gcv:
            return make_term(problem, direction, output, spline)
    return None


def gauss_newton(rows: Array, weights: Array, term: Term, target: Array) -> Array:
    """The step delta of a term's direction, orthogonal to it; 0 where the ridge function is flat.

    Parameters
    ----------
    rows : whitened inputs, (n, n_directions).
    weights : (n,).
    term : with the values and slopes of g at the rows.
    target : r, (n,).
    """
    w = term.direction
    moved = rows * term.slopes[:, None]
    weighted = moved * weights[:, None]
    curvature = weighted.T @ moved
    fall = weighted.T @ (target - term.values)
    mean = np.trace(curvature) / len(w)
    if len(w) == 1 or not mean > 0:
        return np.zeros_like(w)
    along = curvature @ w
    inside = curvature - np.outer(along, w) - np.outer(w, along) + (w @ along + mean) * np.outer(w, w)
    inside.flat[:: len(w) + 1] += DAMPING * mean
    delta: Array = np.linalg.solve(inside, fall - (w @ fall) * w)
    return delta - (w @ delta) * w


def starts(problem: Problem, target: Array, terms: Sequence[Term], random: Array) -> Array:
    """Unit vectors in which a new term may begin, (n_starts, n_directions).

    Parameters
    ----------
    target : residuals, (n,).
    terms : those of the model.
    random : more of them, (n_random, n_directions).
    """
    weighted = problem.rows * (problem.weights * target)[:, None]
    values, vectors = np.linalg.eigh(weighted.T @ problem.rows)
    bent = vectors.T[np.argsort(-abs(values), kind="stable")[:BENT]]
    mixed = [first.direction + sign * second.direction for first, second in combinations(terms, 2) for sign in (1, -1)]
    apart = [direction for direction in mixed if direction @ direction > APART**2]
    directions = np.vstack([weighted.sum(axis=0), bent, *apart, problem.axes, random])
    lengths = np.sqrt(np.einsum("ij,ij->i", directions, directions))
    found: Array = directions[lengths > 0] / lengths[lengths > 0, None]
    return found


def unit(vector: Array, otherwise: Array) -> Array:
    """The vector with length 1, or another one where it has none."""
    length = np.sqrt(vector @ vector)
    return vector / length if length > 0 else otherwise


def weighted_squares(left: Array, weights: Array) -> float:
    """The weighted sum of squares of residuals (n, n_targets)."""
    return float(weights @ np.einsum("ij,ij->i", left, left))
