"""Hebb's rule against a transcription of its equation, its fixed point, conditioning, and what it warns of."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.classical.associative.hebb import Hebb
from netwright.core.errors import DivergenceWarning, InvalidData, InvalidParameter
from netwright.core.schedules import exponential_decay
from netwright.core.seeds import derive

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(25, 5)), RNG.normal(size=(25, 3))


def by_loops(
    W: np.ndarray, X: np.ndarray, Y: np.ndarray | None, rate: Any, decay: float, fixed: int = 0, bias: Any = None
) -> np.ndarray:
    """W_jf <- W_jf + rate y_j x_f - decay W_jf, a row at a time; y given, linear, or a step where there is a bias."""
    W = W.copy()
    rates = np.broadcast_to(rate, len(X))
    for i, x in enumerate(X):
        for j in range(len(W)):
            if Y is not None:
                y = Y[i, j]
            else:
                net = sum(W[j, f] * x[f] for f in range(len(x)))
                y = net if bias is None else float(net + bias > 0)
            for f in range(fixed, len(x)):
                W[j, f] = W[j, f] + rates[i] * y * x[f] - decay * W[j, f]
    return W


@pytest.mark.parametrize("decay", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("fixed", [0, 2])
@pytest.mark.parametrize("init", [None, RNG.normal(size=(3, 5))])
def test_given_activities(decay: float, fixed: int, init: Any) -> None:
    hebb = Hebb(learning_rate=0.3, decay=decay, n_unconditioned=fixed, init=init, epochs=2).fit(X, Y)
    start = np.zeros((3, 5)) if init is None else init.copy()
    if init is None:
        start[:, :fixed] = 1.0
    expected = by_loops(by_loops(start, X, Y, 0.3, decay, fixed), X, Y, 0.3, decay, fixed)
    np.testing.assert_allclose(hebb.weights_, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(hebb.predict(X), X @ expected.T, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(hebb.weights_[:, :fixed], start[:, :fixed])


@pytest.mark.parametrize("activation", ["linear", "step"])
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("fixed", [0, 1])
def test_their_own_output(activation: str, decay: float, fixed: int) -> None:
    start = np.random.default_rng(2).normal(size=(4, 5))
    options: dict[str, Any] = {"learning_rate": 0.02, "decay": decay, "n_unconditioned": fixed, "init": start}
    hebb = Hebb(4, activation=activation, bias=-0.3, **options).fit(X)
    bias = -0.3 if activation == "step" else None
    expected = by_loops(start, X, None, 0.02, decay, fixed, bias)
    np.testing.assert_allclose(hebb.weights_, expected, rtol=1e-12, atol=1e-14)
    answers = X @ expected.T if bias is None else (X @ expected.T + bias > 0).astype(float)
    np.testing.assert_allclose(hebb.predict(X), answers, rtol=1e-9, atol=1e-12)
    assert not np.array_equal(hebb.weights_, start)


@pytest.mark.parametrize("rate", [(0.5, 0.1), exponential_decay(0.5, 0.5)])
def test_rates_and_order_of_a_run(rate: Any) -> None:
    hebb = Hebb(learning_rate=rate, decay=0.1, epochs=3, shuffle=True, random_state=6).fit(X, Y)
    weights = np.zeros((3, 5))
    for epoch in range(3):
        order = np.random.default_rng(derive(6, "epoch", epoch)).permutation(25)
        times = [epoch + i / 25 for i in range(25)]
        rates = [0.5 + (0.1 - 0.5) * t / 3 for t in times]
        if not isinstance(rate, tuple):
            rates = [rate.rate(t if rate.every_step else epoch, 3) for t in times]
        weights = by_loops(weights, X[order], Y[order], rates, 0.1)
    np.testing.assert_allclose(hebb.weights_, weights, rtol=1e-12)


def test_without_decay_the_weights_are_the_correlation() -> None:
    np.testing.assert_allclose(Hebb(learning_rate=0.1).fit(X, Y).weights_, 0.1 * Y.T @ X, rtol=1e-10)
    patterns = np.linalg.qr(RNG.normal(size=(8, 8)))[0][:4]
    answers = RNG.normal(size=(4, 3))
    recalled = Hebb(learning_rate=1.0).fit(patterns, answers).predict(patterns)
    np.testing.assert_allclose(recalled, answers, atol=1e-12)  # orthonormal keys are recalled exactly


@given(st.floats(0.01, 1.0), st.floats(0.05, 1.0), st.floats(-2.0, 2.0))
@settings(max_examples=30)
def test_the_fixed_point_is_rate_over_decay(rate: float, decay: float, start: float) -> None:
    """Of weights whose input is always active together with the unit."""
    hebb = Hebb(learning_rate=rate, decay=decay, init=[[start, start]], epochs=600).fit([[1, 0]], [1.0])
    np.testing.assert_allclose(hebb.weights_, [[rate / decay, 0.0]], atol=1e-9)


def test_conditioning() -> None:
    """The bell alone makes the dog respond when its weight has passed the threshold, and no longer when it faded."""
    dog = Hebb(activation="step", n_unconditioned=1, learning_rate=0.2)
    answers = []
    for _ in range(4):
        dog.partial_fit([[1, 1]])
        answers.append(float(dog.predict([[0, 1]])[0, 0]))
    assert answers == [0.0, 0.0, 1.0, 1.0]  # 0.2, 0.4, 0.6, 0.8 against 0.5
    np.testing.assert_allclose(dog.weights_, [[1.0, 0.8]])
    alone = Hebb(activation="step", n_unconditioned=1).fit([[0, 1]] * 10)
    np.testing.assert_array_equal(alone.weights_, [[1.0, 0.0]])  # a bell without food means nothing
    forgets = Hebb(activation="step", n_unconditioned=1, learning_rate=0.2, decay=0.1).fit([[1, 1]] * 10)
    assert forgets.predict([[0, 1]])[0, 0] == 1.0
    forgets.partial_fit([[0, 0]] * 10)
    assert forgets.predict([[0, 1]])[0, 0] == 0.0


def test_the_known_figures_of_a_decay_that_is_too_strong() -> None:
    """Rate 0.1 and decay 0.8 give a weight of 0.125 at most, so that the bell alone never passes the threshold."""
    dog = Hebb(activation="step", n_unconditioned=1, learning_rate=0.1, decay=0.8, epochs=100).fit([[1, 0], [1, 1]])
    assert dog.predict([[0, 0], [0, 1], [1, 0], [1, 1]])[:, 0].tolist() == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize("target", [None, Y])
def test_fit_is_so_many_calls_of_partial_fit(target: Any) -> None:
    options: dict[str, Any] = {"activation": "step", "init": "normal", "decay": 0.1, "shuffle": True, "random_state": 1}
    whole = Hebb(3, epochs=4, **options).fit(X, target)
    parts = Hebb(3, epochs=4, **options)
    for _ in range(4):
        parts.partial_fit(X, target)
    assert vars(whole).keys() == vars(parts).keys()
    for name, item in vars(whole).items():
        np.testing.assert_array_equal(item, getattr(parts, name), err_msg=name)


def test_shapes_follow_y() -> None:
    assert Hebb().fit(X, Y[:, 0]).predict(X).shape == (25,)
    assert Hebb().fit(X, Y[:, :1]).predict(X).shape == (25, 1)
    assert Hebb(1).fit(X, Y[:, 0]).weights_.shape == (1, 5)
    random = Hebb(2, init="normal", activation="step", random_state=0).fit(X)
    assert random.predict(X).shape == (25, 2)
    assert set(np.unique(random.predict(X))) == {0.0, 1.0}


def test_linear_units_that_listen_to_themselves_grow_and_say_so() -> None:
    second = X.T @ X / len(X)
    greatest = float(np.linalg.eigvalsh(second)[-1])
    message = r"Hebb\(decay\): expected weights that stay bounded, got a norm that grew from 1 to .*"
    with pytest.warns(
        DivergenceWarning, match=rf"{message}Set decay to {1.1 * 0.1 * greatest:.2g} or more, give y, or use Oja"
    ) as w:
        hebb = Hebb(init="normal", learning_rate=0.1, epochs=10, random_state=0).fit(X)
    assert w[0].filename == __file__
    axis = np.linalg.eigh(second)[1][:, -1]
    direction = hebb.weights_[0] / np.linalg.norm(hebb.weights_[0])
    assert abs(direction @ axis) > 0.95
    quiet = Hebb(
        init="normal", learning_rate=0.1, decay=float(f"{1.1 * 0.1 * greatest:.2g}"), epochs=10, random_state=0
    ).fit(X)
    assert np.linalg.norm(quiet.weights_) < 1.0


def test_weights_that_overflow_are_refused() -> None:
    hebb = Hebb(init="normal", learning_rate=0.1, random_state=0)
    with pytest.raises(
        InvalidParameter,
        match=r"Hebb\(decay\): expected weights that stay finite, got numbers beyond floats with decay 0\. Set",
    ):
        hebb.set_params(learning_rate=1e3, epochs=200).fit(X)
    assert not hasattr(hebb, "weights_")
    wide = np.random.default_rng(0).normal(size=(30, 2001))
    with pytest.raises(InvalidParameter, match=r"Set learning_rate below .* with a decay to match, give y, or use Oja"):
        hebb.fit(wide)


def test_data_and_options_that_cannot_be() -> None:
    for network in (Hebb(), Hebb(activation="step")):
        with pytest.raises(
            InvalidData, match=r"requires y to be passed, but the target y is None.*n_unconditioned or in"
        ):
            network.fit(X)
    with pytest.raises(InvalidParameter, match=r"Hebb\(n_units\): expected 3 or None, as y has 3 columns, got 2"):
        Hebb(2).fit(X, Y)
    with pytest.raises(
        InvalidParameter, match=r"Hebb\(n_unconditioned\): expected fewer than the 5 columns of X, got 5"
    ):
        Hebb(n_unconditioned=5).fit(X, Y)
    with pytest.raises(InvalidData, match=r"Hebb\.partial_fit\(y\): expected 3 columns, one a unit, got 2"):
        Hebb().fit(X, Y).partial_fit(X, Y[:, :2])
    with pytest.raises(InvalidData, match=re.escape("Input y contains NaN. Row 1, column 0")):
        Hebb().fit([[1.0], [2.0]], [[0.0], [np.nan]])
    with pytest.raises(InvalidParameter, match=r"Hebb\(init\): expected an array of finite numbers of shape \(3, 5\)"):
        Hebb(init=np.zeros((5, 3))).fit(X, Y)
    with pytest.raises(InvalidParameter, match=r"Hebb\(decay\): expected a number in \[0, 1\], got 1\.5"):
        Hebb(decay=1.5).fit(X, Y)


def test_what_overflows_with_given_activities_is_not_the_rates_fault() -> None:
    with pytest.raises(InvalidParameter, match=r"Hebb\.fit\(X, y\): expected rows and activities whose products stay"):
        Hebb(epochs=50).fit(1.7e308 * np.eye(2), np.ones(2) * 9)
    hebb = Hebb(learning_rate=100.0).fit(X, Y)
    with pytest.raises(
        InvalidData, match=r"Hebb\.predict\(X\): expected rows whose answers stay finite, got numbers up"
    ):
        hebb.predict(np.full_like(X, 1e308))
    with pytest.raises(InvalidParameter, match=r"numbers beyond floats with decay 0\. Scale X\."):
        Hebb(init="normal", random_state=0).fit(1e160 * X)
