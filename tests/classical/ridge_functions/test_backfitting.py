"""Terms together: degrees of freedom, cross-validation, and a path on which it falls."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.classical.ridge_functions.backfitting import add, backfit, drop, empty, freedom, search
from netwright.classical.ridge_functions.directions import Problem
from netwright.classical.ridge_functions.smoothing import Smoothness
from netwright.classical.ridge_functions.whitening import whiten

RNG = np.random.default_rng(5)
N, P = 400, 5
X = RNG.normal(size=(N, P))
CLEAN = np.sin(X[:, 0] + X[:, 1]) + X[:, 2] ** 2 + 0.5 * X[:, 3]
LEFT = (CLEAN + 0.2 * RNG.normal(size=N))[:, None]
LEFT = (LEFT - LEFT.mean()) / LEFT.std()
WHITE = whiten(X, np.ones(N), True)


def problem_of(targets: int = 1, most: float = np.inf, cost: float = 1.5) -> Problem:
    total = float(N * targets)
    how = Smoothness(10, 0.0, cost, total, most)
    return Problem(WHITE.rows, np.ones(N), False, WHITE.axes, how, 1e-4)


def no_more(term: int) -> np.ndarray:
    return np.zeros((0, P))


def gcv_of(problem: Problem, left: np.ndarray, spent: float) -> float:
    return problem.how.N * float((left**2).sum()) / (problem.how.N - problem.how.cost * spent) ** 2


def test_the_means_alone() -> None:
    model = empty(problem_of(), LEFT)
    assert model.gcv == pytest.approx(gcv_of(problem_of(), LEFT, 1.0))
    both = np.column_stack([LEFT, LEFT])
    assert empty(problem_of(2), both).gcv == pytest.approx(gcv_of(problem_of(2), both, 2.0))


@pytest.mark.parametrize("targets", [1, 2])
def test_terms_leave_what_they_do_not_explain(targets: int) -> None:
    problem = problem_of(targets)
    y = np.column_stack([LEFT, np.roll(LEFT, 7) + LEFT])[:, :targets]
    y = y - y.mean(axis=0)
    model = empty(problem, y)
    for number in range(1, 4):
        grown = add(problem, model, no_more(0))
        assert grown is not None
        model = backfit(problem, grown, 3, 1e-4, [])
        explained = sum(np.outer(term.values, term.output) for term in model.terms)
        np.testing.assert_allclose(model.left, y - explained, atol=1e-10)
        np.testing.assert_allclose(model.left.sum(axis=0), 0, atol=1e-8)
        spent = targets + sum(term.spline.freedom - 1 + (P - 1) + (targets - 1) for term in model.terms)
        assert freedom(problem, model.terms, targets) == pytest.approx(spent)
        assert model.gcv == pytest.approx(gcv_of(problem, model.left, spent), rel=1e-6)
        assert len(model.terms) == number


def test_the_path_never_rises_while_the_number_of_terms_stays() -> None:
    found = search(problem_of(), LEFT, range(1, 7), 6, 30, no_more)
    for (number, gcv), (after, lower) in zip(found.path, found.path[1:], strict=False):
        assert lower <= gcv or after != number
    assert found.path[0][0] == 2
    assert {number for number, _ in found.path} == {1, 2, 3, 4, 5, 6}


def test_the_number_of_terms_with_the_least_gcv_is_taken() -> None:
    found = search(problem_of(cost=1.75), LEFT, range(1, 7), 6, 30, no_more)
    assert len(found.model.terms) == min(found.gcv, key=found.gcv.__getitem__) == 3
    assert set(found.gcv) == {0, 1, 2, 3, 4, 5, 6}
    assert found.gcv[3] == found.model.gcv
    assert found.gcv[0] == pytest.approx(1.0, abs=0.01)
    for number in (2, 4):
        one = search(problem_of(cost=1.75), LEFT, range(number, number + 1), 6, 30, no_more)
        assert len(one.model.terms) == number
        assert set(one.gcv) == {0, 1, 2, 3, 4, 5, 6}


def test_the_least_important_term_is_dropped() -> None:
    problem = problem_of()
    model = empty(problem, LEFT)
    for _ in range(3):
        grown = add(problem, model, no_more(0))
        assert grown is not None
        model = grown
    varied = [term.values.var() for term in model.terms]
    fewer = drop(problem, model)
    assert len(fewer.terms) == 2
    kept = [term.values.var() for term in fewer.terms]
    assert sorted(kept) == pytest.approx(sorted(varied)[1:])
    gone = model.terms[int(np.argmin(varied))]
    np.testing.assert_allclose(fewer.left, model.left + np.outer(gone.values, gone.output))
    assert fewer.gcv == pytest.approx(gcv_of(problem, fewer.left, freedom(problem, fewer.terms, 1)))


def test_no_term_is_added_where_nothing_is_left_or_rows_do_not_suffice() -> None:
    assert add(problem_of(), empty(problem_of(), np.zeros((N, 1))), no_more(0)) is None
    narrow = problem_of(most=1 + (2 - 1) + (P - 1) - 0.01)  # not even a straight line
    assert add(narrow, empty(narrow, LEFT), no_more(0)) is None
    assert search(narrow, LEFT, range(2, 3), 4, 5, no_more).model.terms == ()
    wider = problem_of(most=1 + 2 * (2 - 1 + P - 1) - 0.01)  # one line, not two
    assert len(search(wider, LEFT, range(2, 3), 4, 5, no_more).model.terms) == 1


def test_random_starts_are_asked_for_by_the_number_of_terms() -> None:
    asked = []

    def random(term: int) -> np.ndarray:
        asked.append(term)
        return np.eye(P)[:1]

    search(problem_of(), LEFT, range(1, 4), 3, 2, random)
    assert asked == [0, 1, 2]
