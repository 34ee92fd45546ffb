"""Directions: Gauss-Newton steps by their definition, starts that see what is there, a criterion that never rises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.classical.ridge_functions.directions import (
    Problem,
    Term,
    gauss_newton,
    make_term,
    pursue,
    smooth_along,
    starts,
    unit,
)
from netwright.classical.ridge_functions.smoothing import Smoothness
from netwright.classical.ridge_functions.whitening import whiten

N, P = 250, 4
RNG = np.random.default_rng(4)
X = RNG.normal(size=(N, P))
NONE = np.zeros((0, P))


def problem_of(x: np.ndarray, weights: np.ndarray | None = None, targets: int = 1, cost: float = 1.5) -> Problem:
    weights = np.ones(len(x)) if weights is None else weights
    white = whiten(x, weights, True)
    total = float(weights.sum()) * targets
    return Problem(
        white.rows, weights, bool((weights != 1).any()), white.axes, Smoothness(10, 0.0, cost, total, total), 1e-6
    )


def begun(problem: Problem, direction: np.ndarray, left: np.ndarray, others: float = 4.0) -> Term:
    """The term of a direction, smoothed."""
    output = np.eye(1, left.shape[1])[0]
    energy = float(problem.weights @ (left**2).sum(axis=1))
    return make_term(problem, direction, output, smooth_along(problem, direction, left @ output, energy, others))


def direction_of(problem: Problem, vector: list[float]) -> np.ndarray:
    """The whitened direction in which the projections are those of a vector of X."""
    v = (X - X.mean(axis=0)) @ np.array(vector)
    found = np.linalg.lstsq(problem.rows, v, rcond=None)[0]
    return found / np.linalg.norm(found)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_step_is_the_least_squares_solution_in_the_plane(weighted: bool) -> None:
    weights = RNG.integers(1, 4, size=N).astype(float) if weighted else np.ones(N)
    problem = problem_of(X, weights)
    left = np.tanh(X @ [1.0, -1.0, 0.5, 0.0])[:, None]
    term = begun(problem, unit(np.array([1.0, 0.3, -0.2, 0.1]), np.ones(P)), left)
    delta = gauss_newton(problem.rows, weights, term, left[:, 0])
    plane = np.linalg.svd(term.direction[None])[2][1:].T  # (P, P - 1), orthogonal to w
    design = np.sqrt(weights)[:, None] * (problem.rows * term.slopes[:, None]) @ plane
    inside = np.linalg.lstsq(design, np.sqrt(weights) * (left[:, 0] - term.values), rcond=None)[0]
    np.testing.assert_allclose(delta, plane @ inside, rtol=1e-4, atol=1e-6)
    assert abs(delta @ term.direction) < 1e-12


def test_a_flat_function_and_a_single_direction_have_no_step() -> None:
    problem = problem_of(X)
    term = begun(problem, np.eye(P)[0], X[:, :1] ** 2)._replace(slopes=np.zeros(N))
    assert not gauss_newton(problem.rows, problem.weights, term, X[:, 0]).any()
    alone = problem_of(X[:, :1])
    term = begun(alone, np.ones(1), X[:, :1] ** 2)
    assert not gauss_newton(alone.rows, alone.weights, term, X[:, 0]).any()
    assert pursue(alone, term, X[:, :1] ** 2, 4.0, steps=3) is term


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_no_step_raises_the_criterion(seed: int) -> None:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(80, 3))
    left = np.column_stack([np.sin(2 * x @ draw.normal(size=3)), x[:, 0] * x[:, 1]]) + 0.3 * draw.normal(size=(80, 2))
    left -= left.mean(axis=0)
    problem = problem_of(x, targets=2)
    term = begun(problem, unit(draw.normal(size=3), np.ones(3)), left)
    for _ in range(6):
        after = pursue(problem, term, left, 4.0, steps=1)
        assert after.spline.gcv <= term.spline.gcv
        assert np.linalg.norm(after.direction) == pytest.approx(1.0)
        assert np.linalg.norm(after.output) == pytest.approx(1.0)
        assert after is term or after.spline.gcv < term.spline.gcv
        term = after


def test_the_reported_criterion_is_that_of_the_values() -> None:
    left = np.column_stack([np.tanh(X[:, 0] + X[:, 1]), -2 * np.tanh(X[:, 0] + X[:, 1]) + 0.1 * RNG.normal(size=N)])
    left -= left.mean(axis=0)
    problem = problem_of(X, targets=2)
    term = pursue(problem, begun(problem, np.eye(P)[0], left), left, 4.0, steps=20)
    rss = ((left - np.outer(term.values, term.output)) ** 2).sum()
    spent = 1.5 * (4.0 + term.spline.freedom)
    assert term.spline.rss == pytest.approx(rss, rel=1e-6)
    assert term.spline.gcv == pytest.approx(2 * N * rss / (2 * N - spent) ** 2, rel=1e-6)
    assert abs(term.output @ np.array([1.0, -2.0])) / np.sqrt(5) == pytest.approx(1.0, abs=1e-3)


def test_steps_find_the_direction() -> None:
    problem = problem_of(X)
    truth = direction_of(problem, [2.0, -1.0, 0.5, 0.0])
    left = np.tanh(2 * problem.rows @ truth)[:, None]
    start = unit(truth + unit(np.array([1.0, 0.0, -1.0, -1.0]), truth), truth)
    found = pursue(problem, begun(problem, start, left), left, 4.0, steps=30)
    assert abs(start @ truth) < 0.9
    assert abs(found.direction @ truth) > 1 - 1e-6


@pytest.mark.parametrize(
    ("target", "vectors"),
    [
        (lambda x: x @ [1.0, 2.0, 0.0, 0.0], [[1.0, 2.0, 0.0, 0.0]]),
        (lambda x: x[:, 0] * x[:, 1], [[1.0, 1.0, 0.0, 0.0], [1.0, -1.0, 0.0, 0.0]]),
        (lambda x: np.sin(4 * x[:, 2]), [[0.0, 0.0, 1.0, 0.0]]),
    ],
    ids=["slope", "saddle", "one input"],
)
def test_starts_are_near_what_is_there(target: object, vectors: list[list[float]]) -> None:
    many = np.random.default_rng(0).normal(size=(4000, P))
    problem = problem_of(many)
    found = starts(problem, target(many), [], NONE)  # type: ignore[operator]
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    for vector in vectors:
        v = problem.rows @ found.T
        wanted = many @ np.array(vector)
        assert abs(np.corrcoef(wanted, v.T)[0, 1:]).max() > 0.98


def test_starts_hold_sums_and_differences_of_terms_and_random_ones() -> None:
    problem = problem_of(X)
    left = (X[:, :1] - X[:, :1].mean()) ** 3
    terms = [begun(problem, np.eye(P)[k], left) for k in (0, 1, 1)]
    found = starts(problem, left[:, 0], terms, np.array([[3.0, 0.0, 0.0, 4.0]]))
    assert len(found) == 1 + 3 + 5 + P + 1  # the difference of two equal directions is none
    for wanted in ([1, 1, 0, 0], [1, -1, 0, 0], [0, 2, 0, 0], [3, 0, 0, 4]):
        assert any(np.allclose(direction, np.array(wanted) / np.linalg.norm(wanted)) for direction in found)


def test_a_target_without_slope_still_has_starts() -> None:
    found = starts(problem_of(X), np.zeros(N), [], NONE)
    assert np.isfinite(found).all()
    assert len(found) >= P
