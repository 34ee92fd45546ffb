"""Generalized LVQ: its rule row by row, its cost and gradient, and L-BFGS-B on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.datasets import load_iris, make_blobs

from netwright.classical import GLVQ, LVQ1
from netwright.classical.lvq.glvq import glvq_step
from netwright.classical.lvq.prototypes.labelled_rows import LabelledRows
from netwright.classical.lvq.prototypes.relative_cost import cost, pull

X, PLACES = make_blobs(80, 3, centers=6, cluster_std=3.0, random_state=1)
Y = np.array(["low", "middle", "high"])[PLACES % 3]
W = np.random.default_rng(0).normal(size=(6, 3)) * 4
LABELS = np.array(["high", "low", "middle"] * 2)


def rivals(W: np.ndarray, labels: np.ndarray, x: np.ndarray, label: Any) -> tuple[int, int, float, float]:
    d = ((x - W) ** 2).sum(axis=1)
    own = min((i for i in range(len(W)) if labels[i] == label), key=lambda i: d[i])
    other = min((i for i in range(len(W)) if labels[i] != label), key=lambda i: d[i])
    return own, other, d[own], d[other]


def value_of(W: np.ndarray, labels: np.ndarray, X: np.ndarray, y: np.ndarray, f: Any) -> float:
    """The mean of f(mu), by the definition."""
    total = 0.0
    for x, label in zip(X, y, strict=True):
        _, _, low, high = rivals(W, labels, x, label)
        total += f((low - high) / (low + high))
    return total / len(X)


def sigmoid(beta: float) -> Any:
    return lambda mu: 1 / (1 + np.exp(-beta * mu))


FUNCTIONS = {"identity": (lambda mu: mu), "sigmoid": sigmoid(3.0)}
SLOPES = {"identity": (lambda mu: 1.0), "sigmoid": (lambda mu: 3.0 * sigmoid(3.0)(mu) * (1 - sigmoid(3.0)(mu)))}
each_function = pytest.mark.parametrize("activation", FUNCTIONS)


@each_function
@pytest.mark.parametrize("rate", [2.0, (4.0, 1.0)])
def test_rows_move_prototypes_as_in_the_paper(activation: str, rate: Any) -> None:
    network = GLVQ(init=W, labels=LABELS, activation=activation, beta=3.0, learning_rate=rate, epochs=2, shuffle=False)
    network.fit(X, Y)
    expected, first, last = W.copy(), *(rate if isinstance(rate, tuple) else (rate, rate))
    for epoch in range(2):
        for i, (x, label) in enumerate(zip(X, Y, strict=True)):
            a = first + (last - first) * (epoch + i / len(X)) / 2
            own, other, low, high = rivals(expected, LABELS, x, label)
            slope = SLOPES[activation]((low - high) / (low + high))
            towards, off = 4 * high / (low + high) ** 2, 4 * low / (low + high) ** 2
            expected[own] += a * slope * towards * (x - expected[own])
            expected[other] -= a * slope * off * (x - expected[other])
    assert np.abs(expected - W).max() > 0.1
    np.testing.assert_allclose(network.prototypes_, expected, rtol=1e-11)


@each_function
def test_a_step_is_the_rate_times_the_gradient_of_the_rows_cost(activation: str) -> None:
    classes, codes = np.unique(LABELS, return_inverse=True)
    for row in range(8):

        def of_row(theta: np.ndarray, row: int = row) -> float:
            return value_of(theta.reshape(-1, 3), LABELS, X[row : row + 1], Y[row : row + 1], FUNCTIONS[activation])

        moved, code = W.copy(), int(np.searchsorted(classes, Y[row]))
        glvq_step(moved, codes, X, row, code, 1e-3, 3.0 if activation == "sigmoid" else 0.0)
        gradient = approx_fprime(W.ravel(), of_row, 1e-6).reshape(-1, 3)
        assert (np.abs(gradient).max(axis=1) > 0).sum() == 2
        np.testing.assert_allclose((W - moved) / 1e-3, gradient, atol=2e-6)


@each_function
@pytest.mark.parametrize("chunk_size", [7, 1000])
def test_the_cost_and_its_gradient_are_exact(activation: str, chunk_size: int) -> None:
    data = LabelledRows(GLVQ(), X, Y, reset=True, chunk_size=chunk_size)
    codes = np.searchsorted(data.classes, LABELS)
    beta = 3.0 if activation == "sigmoid" else 0.0
    value, spread, gradient, matrix = cost(data, W, codes, beta)
    assert value == pytest.approx(value_of(W, LABELS, X, Y, FUNCTIONS[activation]), rel=1e-12)
    sums = [sum(rivals(W, LABELS, x, label)[2:]) for x, label in zip(X, Y, strict=True)]
    assert spread == pytest.approx(np.mean(sums), rel=1e-12)
    assert matrix is None
    numeric = approx_fprime(W.ravel(), lambda theta: cost(data, theta.reshape(W.shape), codes, beta)[0], 1e-6)
    np.testing.assert_allclose(gradient.ravel(), numeric, atol=1e-6)


def test_the_pull_of_rows_on_prototypes_is_finite() -> None:
    assert pull(0.0, 0.0, 0.0) == (0.0, 0.0, 0.0)
    assert pull(0.0, 0.0, 2.0) == (0.5, 0.0, 0.0)
    assert pull(0.0, 4.0, 0.0) == (-1.0, 1.0, 0.0)
    value, towards, off = pull(1e300, 1e300, 1.0)
    assert (value, towards) == (0.5, off)
    assert 0 < towards < 1e-299
    assert pull(3.0, 1.0, 1000.0)[0] == 1.0


def test_without_a_rate_the_course_is_the_same_for_data_of_any_scale() -> None:
    first = GLVQ(2, epochs=3, random_state=0).fit(X, Y)
    scaled = GLVQ(2, epochs=3, random_state=0).fit(X * 1024.0, Y)
    np.testing.assert_array_equal(scaled.prototypes_, first.prototypes_ * 1024.0)
    assert scaled.unit_ == first.unit_ * 1024.0**2
    rate = (0.05 * first.unit_, 0.005 * first.unit_)
    given = GLVQ(2, learning_rate=rate, epochs=3, random_state=0).fit(X, Y)
    np.testing.assert_allclose(given.prototypes_, first.prototypes_, rtol=1e-9)


@each_function
def test_lbfgs_lowers_the_cost_to_where_it_falls_no_more(activation: str) -> None:
    options: dict[str, Any] = {"activation": activation, "beta": 3.0, "random_state": 0}
    start = GLVQ(2, learning_rate=0.0, epochs=1, **options).fit(X, Y)
    network = GLVQ(2, solver="lbfgs", epochs=300, **options).fit(X, Y)
    online = GLVQ(2, epochs=50, **options).fit(X, Y)

    def reached(found: GLVQ) -> float:
        return value_of(found.prototypes_, found.labels_, X, Y, FUNCTIONS[activation])

    assert reached(network) < reached(start) - 0.01
    assert reached(network) < reached(online) + 0.01
    assert 0 < network.n_iter_ < 300
    data = LabelledRows(GLVQ(), X, Y, reset=True, chunk_size=1000)
    codes = np.searchsorted(data.classes, network.labels_)
    again = GLVQ(init=network.prototypes_, labels=network.labels_, solver="lbfgs", **options).fit(X, Y)
    assert reached(again) == pytest.approx(reached(network), abs=2e-3)
    assert np.isfinite(cost(data, network.prototypes_, codes, 3.0)[2]).all()


def test_lbfgs_makes_as_many_iterations_as_it_may() -> None:
    assert GLVQ(2, solver="lbfgs", epochs=3, random_state=0).fit(X, Y).n_iter_ == 3
    network = GLVQ(2, solver="lbfgs", epochs=3, random_state=0).fit(X, Y).partial_fit(X, Y)
    assert network.n_iter_ == 4


def test_it_learns_iris_better_than_lvq1() -> None:
    rows, y = load_iris(return_X_y=True)
    assert GLVQ(2, random_state=0).fit(rows, y).score(rows, y) >= LVQ1(2, random_state=0).fit(rows, y).score(rows, y)


def test_rows_that_all_coincide_are_learned_without_a_nan() -> None:
    rows, y = np.ones((6, 2)), np.arange(6) % 2
    for solver in ("sgd", "lbfgs"):
        network = GLVQ(solver=solver, epochs=3, random_state=0).fit(rows, y)
        np.testing.assert_array_equal(network.prototypes_, np.ones((2, 2)))
        np.testing.assert_array_equal(network.predict_proba(rows), np.full((6, 2), 0.5))
    assert network.unit_ == 1.0
