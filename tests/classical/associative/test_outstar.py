"""The outstar rule against a transcription of its equation, and what it recalls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.classical.associative.instar import Instar
from netwright.classical.associative.outstar import Outstar
from netwright.core.errors import InvalidData, InvalidParameter

RNG = np.random.default_rng(0)
X, PATTERNS = RNG.random((30, 4)), RNG.normal(size=(30, 6))


@pytest.mark.parametrize("inputs", [X, (X < 0.4).astype(float)])
def test_each_row_changes_the_weights_as_the_equation_says(inputs: np.ndarray) -> None:
    W = RNG.normal(size=(6, 4))
    outstar = Outstar(learning_rate=0.3, init=W, epochs=2).fit(inputs, PATTERNS)
    W = W.copy()
    for x, t in zip(np.vstack([inputs, inputs]), np.vstack([PATTERNS, PATTERNS]), strict=True):
        for i in range(6):
            for j in range(4):
                W[i, j] += 0.3 * x[j] * (t[i] - W[i, j])
    np.testing.assert_allclose(outstar.weights_, W, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(outstar.predict(inputs), inputs @ W.T, rtol=1e-9, atol=1e-12)


def test_it_is_the_instar_rule_transposed() -> None:
    """Inputs as the activities, patterns as the rows."""
    instar = Instar(learning_rate=0.3).fit(PATTERNS, X)
    np.testing.assert_array_equal(Outstar(learning_rate=0.3).fit(X, PATTERNS).weights_, instar.weights_.T)


def test_only_columns_of_active_inputs_move() -> None:
    start = RNG.normal(size=(6, 3))
    outstar = Outstar(learning_rate=0.5, init=start).fit([[0.0, 1.0, 0.0]], PATTERNS[:1])
    np.testing.assert_array_equal(outstar.weights_[:, [0, 2]], start[:, [0, 2]])
    np.testing.assert_allclose(outstar.weights_[:, 1], (start[:, 1] + PATTERNS[0]) / 2, rtol=1e-12)


@given(st.integers(0, 1000), st.integers(1, 6))
@settings(max_examples=20)
def test_an_input_recalls_its_own_pattern(seed: int, inputs: int) -> None:
    patterns = np.random.default_rng(seed).normal(size=(inputs, 5))
    outstar = Outstar(learning_rate=0.5, epochs=60, shuffle=True, random_state=seed).fit(np.eye(inputs), patterns)
    np.testing.assert_allclose(outstar.predict(np.eye(inputs)), patterns, atol=1e-9)


def test_fit_is_so_many_calls_of_partial_fit() -> None:
    whole = Outstar(learning_rate=(0.5, 0.1), epochs=4, shuffle=True, random_state=1).fit(X, PATTERNS)
    parts = Outstar(learning_rate=(0.5, 0.1), epochs=4, shuffle=True, random_state=1)
    for _ in range(4):
        parts.partial_fit(X, PATTERNS)
    for name, item in vars(whole).items():
        np.testing.assert_array_equal(item, getattr(parts, name), err_msg=name)
    assert Outstar().fit(X, PATTERNS[:, 0]).predict(X).shape == (30,)


def test_data_and_options_that_cannot_be() -> None:
    with pytest.raises(
        InvalidData, match=r"Negative values in data passed to Outstar\. X\. Row 0, column 1: expected a nu"
    ):
        Outstar().fit([[1.0, -1.0]], [[1.0]])
    with pytest.raises(InvalidData, match=r"requires y to be passed, but the target y is None"):
        Outstar().fit(X)
    with pytest.raises(
        InvalidParameter, match=r"Outstar\(learning_rate\): expected a rate that times X is 2 at most, got 0\.1 with 30"
    ):
        Outstar().fit([[30.0]], [1.0])
    with pytest.raises(InvalidParameter, match=r"Outstar\(n_units\): expected 6 or None, as y has 6 columns, got 2"):
        Outstar(2).fit(X, PATTERNS)
    with pytest.raises(InvalidParameter, match=r"Outstar\.fit\(y\): expected patterns whose weights stay finite"):
        Outstar(learning_rate=1.0).fit([[1.0], [1.0]], [1.7e308, -1.7e308])
