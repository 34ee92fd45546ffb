"""The instar rule against a transcription of its equation, and what it converges to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.classical.associative.instar import Instar
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.schedules import step_decay

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 6))
ACTIVE = (RNG.random((30, 4)) < 0.4).astype(float)


def by_loops(
    W: np.ndarray, X: np.ndarray, Y: np.ndarray | None, rate: float, fixed: int = 0, bias: float = -0.5
) -> np.ndarray:
    """w_jf <- w_jf + rate y_j (x_f - w_jf), a row at a time, of the active units alone."""
    W = W.copy()
    for i, x in enumerate(X):
        for j in range(len(W)):
            net = sum(W[j, f] * x[f] for f in range(len(x)))
            y = Y[i, j] if Y is not None else float(net + bias > 0)
            for f in range(fixed, len(x)):
                W[j, f] += rate * y * (x[f] - W[j, f])
    return W


@pytest.mark.parametrize("fixed", [0, 2])
@pytest.mark.parametrize("activity", [ACTIVE, RNG.random((30, 4)) * 2])
def test_given_activities(fixed: int, activity: np.ndarray) -> None:
    start = RNG.normal(size=(4, 6))
    instar = Instar(learning_rate=0.3, n_unconditioned=fixed, init=start, epochs=2).fit(X, activity)
    expected = by_loops(start, np.vstack([X, X]), np.vstack([activity, activity]), 0.3, fixed)
    np.testing.assert_allclose(instar.weights_, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("fixed", [0, 2])
@pytest.mark.parametrize("bias", [-0.5, 0.2])
def test_their_own_output(fixed: int, bias: float) -> None:
    start = RNG.normal(size=(4, 6))
    instar = Instar(4, learning_rate=0.3, bias=bias, n_unconditioned=fixed, init=start).fit(X)
    expected = by_loops(start, X, None, 0.3, fixed, bias)
    np.testing.assert_allclose(instar.weights_, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(instar.predict(X), X @ expected.T + bias > 0)
    assert not np.array_equal(instar.weights_, start)


def test_units_that_are_not_active_stay() -> None:
    """Two active units do not add their changes up, and the third does not move."""
    start = RNG.normal(size=(3, 6))
    instar = Instar(learning_rate=0.5, init=start).fit(X[:1], [[1.0, 1.0, 0.0]])
    np.testing.assert_array_equal(instar.weights_[2], start[2])
    np.testing.assert_allclose(instar.weights_[:2], (start[:2] + X[0]) / 2, rtol=1e-12)


@given(st.integers(0, 1000), st.floats(0.01, 1.0))
@settings(max_examples=30)
def test_weights_stay_within_the_rows_that_they_have_seen(seed: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    rows, activity = rng.normal(size=(20, 3)), rng.random((20, 2))
    weights = Instar(learning_rate=rate, epochs=5).fit(rows, activity).weights_
    assert (weights <= np.maximum(rows.max(axis=0), 0) + 1e-12).all()  # they begin at 0
    assert (weights >= np.minimum(rows.min(axis=0), 0) - 1e-12).all()


def test_a_unit_learns_the_pattern_that_it_hears_with_its_signal() -> None:
    """Grossberg's instar: the unconditioned input makes it respond, then the pattern alone does."""
    pattern = np.array([1.0, -1.0, -1.0]) / np.sqrt(3)
    instar = Instar(n_unconditioned=1, bias=-0.95, learning_rate=0.5)
    assert instar.partial_fit([[0.0, *pattern]]).predict([[0.0, *pattern]]).item() == 0.0
    instar.fit([[1.0, *pattern]] * 8)
    assert instar.predict([[0.0, *pattern]]).item() == 1.0
    assert instar.predict([[0.0, *-pattern]]).item() == 0.0
    np.testing.assert_allclose(instar.weights_[0], [1.0, *pattern], atol=0.005)


@pytest.mark.parametrize("target", [None, ACTIVE])
def test_fit_is_so_many_calls_of_partial_fit(target: Any) -> None:
    options: dict[str, Any] = {"learning_rate": (0.5, 0.1), "init": "normal", "shuffle": True, "random_state": 1}
    whole = Instar(4, epochs=4, **options).fit(X, target)
    parts = Instar(4, epochs=4, **options)
    for _ in range(4):
        parts.partial_fit(X, target)
    for name, item in vars(whole).items():
        np.testing.assert_array_equal(item, getattr(parts, name), err_msg=name)
    assert Instar().fit(X, ACTIVE[:, 0]).predict(X).shape == (30,)


def test_data_and_options_that_cannot_be() -> None:
    with pytest.raises(
        InvalidData, match=r"Negative values in data passed to Instar\. y\. Row 1, column 0: expected a nu"
    ):
        Instar().fit(X[:2], [[1.0], [-0.5]])
    with pytest.raises(
        InvalidParameter,
        match=r"Instar\(learning_rate\): expected a rate that times y is 2 at most, got 0\.5 with 8 in y\. Try 0\.125",
    ):
        Instar(learning_rate=0.5).fit(X[:2], [[1.0], [8.0]])
    with pytest.raises(InvalidParameter, match=r"Instar\(learning_rate\): expected a number in \(0, 1\], a pair"):
        Instar(learning_rate=1.5).fit(X, ACTIVE)
    with pytest.raises(InvalidData, match=r"requires y to be passed, but the target y is None"):
        Instar().fit(X)
    with pytest.raises(InvalidData, match=r"Instar\.partial_fit\(y\): expected 4 columns, one a unit, got 1"):
        Instar().fit(X, ACTIVE).partial_fit(X, ACTIVE[:, 0])
    huge = np.array([[1.7e308], [-1.7e308]])
    with pytest.raises(
        InvalidParameter, match=r"Instar\.fit\(X\): expected rows whose weights stay finite, got numbers up to"
    ):
        Instar(learning_rate=1.0).fit(huge, [1.0, 1.0])


def test_a_schedule_beyond_one_is_refused() -> None:
    text = r"Instar\(learning_rate\): expected a schedule in \[0, 1\], got 3 in epoch 0"
    with pytest.raises(InvalidParameter, match=text):
        Instar(learning_rate=step_decay(3.0, every=5), init="normal", bias=0.5).fit([[1.0, 2.0]])
