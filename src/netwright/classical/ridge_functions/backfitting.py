"""Several ridge functions together: added one by one, fitted again in turn, the least important taken out again.

The degrees of freedom of a model with n_targets targets, n_directions dimensions and the terms m = 1..M are::

    df = n_targets + sum_m (tr S_m - 1) + (n_directions - 1) + (n_targets - 1)

for the means, the ridge functions (whose mean is 0), the directions and the shares of the targets. The criterion of
every move is GCV = N RSS / (N - cost df)^2 of the whole model: it never rises while the number of terms stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.classical.ridge_functions.directions import (
    Problem,
    Term,
    make_term,
    pursue,
    smooth_along,
    starts,
    weighted_squares,
)
from netwright.classical.ridge_functions.smoothing import cross_validation

Array = NDArray[np.float64]

TRIED = 2  # starts that are followed, of those that were looked at
FIRST = 10  # Gauss-Newton steps of a new term
AGAIN = 2  # and of one that is fitted again
FALL = 0.02  # relative, of GCV, for which a pass is followed by another while the number of terms still changes
ROUGHER = 10.0  # times the tolerance of steps is theirs meanwhile
NOTHING = 1e-9  # share of the sum of squares that is not worth a term


class Model(NamedTuple):
    """Terms, what they leave (n, n_targets), and the GCV of all."""

    terms: tuple[Term, ...]
    left: Array
    gcv: float


class Search(NamedTuple):
    """The model that was found, the least GCV by number of terms, and (number, GCV) after each pass."""

    model: Model
    gcv: dict[int, float]
    path: list[tuple[int, float]]


def search(
    problem: Problem, left: Array, wanted: range, most: int, passes: int, random: Callable[[int], Array]
) -> Search:
    """Terms up to `most`, then down to the least number wanted: of the wanted numbers the model with the least GCV.

    Parameters
    ----------
    left : the targets, with mean 0 and variance 1, (n, n_targets).
    wanted : numbers of terms between which GCV chooses; fewer only where the data do not bear them.
    most : terms to which the model grows.
    passes : greatest number of backfitting passes with each number of terms, and of the model that is chosen.
    random : by number of terms, more directions in which the next may begin, (n_random, n_directions).
    """
    rough = problem._replace(tol=ROUGHER * problem.tol)
    path: list[tuple[int, float]] = []
    model = empty(problem, left)
    best = {0: model}
    while len(model.terms) < most:
        grown = add(rough, model, random(len(model.terms)))
        if grown is None:
            break
        model = backfit(rough, grown, passes, FALL, path) if len(grown.terms) > 1 else grown
        best[len(model.terms)] = model
    while len(model.terms) > wanted[0]:
        model = backfit(rough, drop(rough, model), passes, FALL, path)
        known = best[len(model.terms)]
        best[len(model.terms)] = model if model.gcv < known.gcv else known
    allowed = [number for number in best if number in wanted] or [max(best)]
    number = min(allowed, key=lambda number: best[number].gcv)
    best[number] = backfit(problem, best[number], passes, problem.tol, path)
    return Search(best[number], {number: model.gcv for number, model in sorted(best.items())}, path)


def freedom(problem: Problem, terms: Sequence[Term], targets: int) -> float:
    """Degrees of freedom of the means and the terms."""
    fixed = problem.rows.shape[1] + targets - 3.0
    return targets + sum(term.spline.freedom + fixed for term in terms)


def empty(problem: Problem, left: Array) -> Model:
    """The model of the means alone, of targets whose means are 0."""
    gcv = cross_validation(weighted_squares(left, problem.weights), left.shape[1], problem.how)
    return Model((), left, gcv)


def add(problem: Problem, model: Model, random: Array) -> Model | None:
    """One more term; None where the rows do not suffice for it, or nothing is left to explain.

    Parameters
    ----------
    random : further directions to begin with, (n_random, n_directions).
    """
    targets = model.left.shape[1]
    others = freedom(problem, model.terms, targets) + problem.rows.shape[1] + targets - 3.0
    energy = weighted_squares(model.left, problem.weights)
    if not energy > NOTHING * problem.how.N:
        return None
    output = np.linalg.eigh((model.left * problem.weights[:, None]).T @ model.left)[1][:, -1]
    output = output * np.sign(output[np.argmax(abs(output))])
    target = model.left @ output
    directions = starts(problem, target, model.terms, random)
    found = [(smooth_along(problem, direction, target, energy, others), direction) for direction in directions]
    found.sort(key=lambda item: item[0].gcv)
    best: Term | None = None
    for spline, direction in found[:TRIED]:
        if np.isfinite(spline.gcv):
            term = pursue(problem, make_term(problem, direction, output, spline), model.left, others, FIRST)
            best = term if best is None or term.spline.gcv < best.spline.gcv else best
    if best is None:
        return None
    return Model((*model.terms, best), model.left - np.outer(best.values, best.output), best.spline.gcv)


def backfit(problem: Problem, model: Model, passes: int, fall: float, path: list[tuple[int, float]]) -> Model:
    """All terms in turn against what the others leave, until a pass does not lower GCV enough.

    Parameters
    ----------
    passes : greatest number of passes.
    fall : share by which a pass must lower GCV to be followed by another.
    path : the number of terms and GCV after each pass are appended.
    """
    for _ in range(passes):
        before = model.gcv
        for number in range(len(model.terms)):
            model = _again(problem, model, number)
        path.append((len(model.terms), model.gcv))
        if before - model.gcv <= fall * before:
            break
    return model


def _again(problem: Problem, model: Model, number: int) -> Model:
    """One term fitted again; the model as it is where that does not lower GCV."""
    term = model.terms[number]
    left = model.left + np.outer(term.values, term.output)
    others = freedom(problem, model.terms, left.shape[1]) - term.spline.freedom
    energy = weighted_squares(left, problem.weights)
    spline = smooth_along(problem, term.direction, left @ term.output, energy, others)
    new = pursue(problem, make_term(problem, term.direction, term.output, spline), left, others, AGAIN)
    if not new.spline.gcv < model.gcv:
        return model
    terms = (*model.terms[:number], new, *model.terms[number + 1 :])
    return Model(terms, left - np.outer(new.values, new.output), new.spline.gcv)


def drop(problem: Problem, model: Model) -> Model:
    """The model without the term whose values vary least."""
    weak = int(np.argmin([problem.weights @ term.values**2 for term in model.terms]))
    terms = (*model.terms[:weak], *model.terms[weak + 1 :])
    left = model.left + np.outer(model.terms[weak].values, model.terms[weak].output)
    rss = weighted_squares(left, problem.weights)
    gcv = cross_validation(rss, freedom(problem, terms, left.shape[1]), problem.how)
    return Model(terms, left, gcv)
