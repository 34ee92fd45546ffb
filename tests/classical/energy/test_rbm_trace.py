"""Every rule of a restricted Boltzmann machine, batch by batch, against its equations in loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neural_network import BernoulliRBM

from netwright.classical.energy.boltzmann import Machine
from netwright.classical.energy.contrastive_divergence import Noise, gradient
from netwright.classical.energy.rbm import RBM
from netwright.core.seeds import derive

RNG = np.random.default_rng(0)
ROWS = (RNG.random((23, 6)) < 0.4).astype(float)
REALS = RNG.normal(size=(23, 6))
FIRST = 0.5 * RNG.normal(size=(4, 6))

Arrays = list[np.ndarray]


def chance(x: float) -> float:
    """The logistic function."""
    return 1.0 / (1.0 + math.exp(-x))


def hidden_chance(machine: Machine, v: np.ndarray, j: int) -> float:
    return chance(machine.hidden_bias[j] + sum(v[i] * machine.weights[i, j] for i in range(len(v))))


def statistics(machine: Machine, rows: np.ndarray) -> Arrays:
    """The means of v h^T, h and v over rows, with h at its probabilities."""
    n, m = machine.weights.shape
    both, hidden, visible = np.zeros((n, m)), np.zeros(m), np.zeros(n)
    for v in rows:
        p = [hidden_chance(machine, v, j) for j in range(m)]
        for i in range(n):
            visible[i] += v[i] / len(rows)
            for j in range(m):
                both[i, j] += v[i] * p[j] / len(rows)
        for j in range(m):
            hidden[j] += p[j] / len(rows)
    return [both, hidden, visible]


def hidden_draw(machine: Machine, rows: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    states = np.zeros(uniforms.shape)
    for r, j in np.ndindex(*uniforms.shape):
        states[r, j] = 1.0 if uniforms[r, j] < hidden_chance(machine, rows[r], j) else 0.0
    return states


def visible_draw(machine: Machine, hidden: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    states = np.zeros(numbers.shape)
    for r, i in np.ndindex(*numbers.shape):
        x = machine.visible_bias[i] + sum(machine.weights[i, j] * hidden[r, j] for j in range(hidden.shape[1]))
        states[r, i] = x + numbers[r, i] if machine.gaussian else float(numbers[r, i] < chance(x))
    return states


def estimate(machine: Machine, rows: np.ndarray, ups: Arrays, downs: Arrays, chains: Any) -> tuple[Arrays, Any]:
    """CD-k from the rows, or k sweeps of persistent chains: the gradient and the chains after it."""
    numbers = list(ups)
    hidden = hidden_draw(machine, rows, numbers.pop(0)) if chains is None else chains
    for noise in downs:
        visible = visible_draw(machine, hidden, noise)
        if numbers:
            hidden = hidden_draw(machine, visible, numbers.pop(0))
    pairs = zip(statistics(machine, rows), statistics(machine, visible), strict=True)
    return [up - down for up, down in pairs], None if chains is None else hidden


def trace(rows: np.ndarray, rates: list[float], momenta: list[float], **options: Any) -> tuple[Arrays, Any]:
    """A whole fit in the order of the rows, an epoch for each rate: weights (n_features, n_hidden), biases; chains."""
    steps, batch_size = options.get("steps", 1), options["batch_size"]
    gaussian, decay = options.get("visible") == "gaussian", options.get("weight_decay", 0.0)
    parameters: Arrays = [FIRST.T.copy(), np.zeros(4), np.zeros(6)]
    velocity = [np.zeros_like(part) for part in parameters]
    chains = np.zeros((batch_size, 4)) if options.get("persistent") else None
    for epoch, (rate, momentum) in enumerate(zip(rates, momenta, strict=True)):
        up, down = (
            [np.random.default_rng(derive(7, "epoch", epoch, kind, k)) for k in range(steps)]
            for kind in ("hidden", "visible")
        )
        for start in range(0, len(rows), batch_size):
            batch = rows[start : start + batch_size]
            count = len(batch) if chains is None else batch_size
            ups = [rng.random((count, 4)) for rng in up]
            downs = [rng.standard_normal((count, 6)) if gaussian else rng.random((count, 6)) for rng in down]
            slopes, chains = estimate(Machine(*parameters, gaussian), batch, ups, downs, chains)
            slopes[0] = slopes[0] - decay * parameters[0]
            for k in range(3):
                velocity[k] = momentum * velocity[k] + rate * slopes[k]
                parameters[k] = parameters[k] + velocity[k]
    return parameters, chains


RULES: dict[str, dict[str, Any]] = {
    "CD-1": {"learning_rate": 0.3},
    "CD-3": {"learning_rate": 0.3, "steps": 3},
    "PCD-1": {"learning_rate": 0.3, "persistent": True},
    "PCD-2": {"learning_rate": 0.3, "persistent": True, "steps": 2},
    "momentum": {"learning_rate": 0.1, "momentum": 0.7},
    "decay": {"learning_rate": 0.3, "weight_decay": 0.2},
    "all": {"learning_rate": 0.2, "weight_decay": 0.1, "momentum": 0.5, "persistent": True, "steps": 2},
    "Gaussian": {"learning_rate": 0.02, "visible": "gaussian", "steps": 2},
    "Gaussian PCD": {"learning_rate": 0.02, "visible": "gaussian", "persistent": True},
}


@pytest.mark.parametrize("rule", RULES)
def test_a_fit_is_what_the_equations_say(rule: str) -> None:
    options = {**RULES[rule], "batch_size": 5}  # 23 rows: a last batch of 3
    rows = REALS if options.get("visible") == "gaussian" else ROWS
    rbm = RBM(4, init=FIRST, epochs=3, shuffle=False, random_state=7, **options).fit(rows)
    wanted, chains = trace(rows, [options["learning_rate"]] * 3, [options.get("momentum", 0.0)] * 3, **options)
    np.testing.assert_allclose(rbm.weights_.T, wanted[0], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(rbm.hidden_bias_, wanted[1], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(rbm.visible_bias_, wanted[2], rtol=1e-11, atol=1e-13)
    assert hasattr(rbm, "chains_") == (chains is not None)
    if chains is not None:
        np.testing.assert_array_equal(rbm.chains_, chains)
    assert not np.allclose(wanted[0], FIRST.T, atol=0.01)


def test_rates_and_momenta_change_from_epoch_to_epoch() -> None:
    rbm = RBM(4, init=FIRST, epochs=4, learning_rate=(0.4, 0.04), momentum=(0.5, 0.9), shuffle=False, random_state=7)
    rbm.fit(ROWS)
    wanted, _ = trace(ROWS, [0.4, 0.31, 0.22, 0.13], [0.5, 0.6, 0.7, 0.8], batch_size=10)
    np.testing.assert_allclose(rbm.weights_.T, wanted[0], rtol=1e-11)


def test_shuffled_rows_are_those_of_the_epochs_generator() -> None:
    options = {"init": FIRST, "learning_rate": 0.3, "batch_size": 5, "random_state": 7}
    rbm = RBM(4, epochs=1, **options).fit(ROWS)
    order = np.random.default_rng(derive(7, "epoch", 0)).permutation(23)
    assert not np.array_equal(order, np.arange(23))
    np.testing.assert_array_equal(rbm.weights_, RBM(4, epochs=1, shuffle=False, **options).fit(ROWS[order]).weights_)


def test_the_first_weights_are_small_and_the_biases_zero() -> None:
    rbm = RBM(200, learning_rate=1e-300, epochs=1, random_state=3).fit(np.zeros((5, 100)))
    wanted = 0.01 * np.random.default_rng(derive(3, "weights")).standard_normal((200, 100))
    np.testing.assert_array_equal(rbm.weights_, wanted)
    assert np.abs(rbm.hidden_bias_).max() < 1e-290
    assert np.abs(rbm.visible_bias_).max() < 1e-290


def test_single_precision_follows_double_precision() -> None:
    wide = RBM(4, init=FIRST, epochs=1, shuffle=False, random_state=7).fit(ROWS)
    narrow = RBM(4, init=FIRST, epochs=1, shuffle=False, random_state=7).fit(ROWS.astype(np.float32))
    assert {narrow.weights_.dtype, narrow.hidden_bias_.dtype, narrow.visible_bias_.dtype} == {np.dtype(np.float32)}
    machine = Machine(*(np.ascontiguousarray(part.astype(np.float32)) for part in (FIRST.T, np.zeros(4), np.zeros(6))))
    ups, downs = Noise(7, 0, 1).draw(machine, 10)
    assert ups[0].dtype == downs[0].dtype == np.float32
    found, _ = gradient(machine, ROWS[:10].astype(np.float32), ups, downs)
    as_wide = Machine(*(part.astype(float) for part in machine[:3]))
    wanted, _ = estimate(as_wide, ROWS[:10], [ups[0].astype(float)], [downs[0].astype(float)], None)
    for part, exact in zip(found, wanted, strict=True):
        np.testing.assert_allclose(part, exact, atol=3e-7)
    assert wide.weights_.dtype == np.float64


def test_persistent_chains_are_those_of_scikit_learn() -> None:
    theirs = BernoulliRBM(4, learning_rate=0.3, batch_size=8)
    theirs.components_, theirs.h_samples_ = FIRST.copy(), np.zeros((8, 4))
    theirs.intercept_hidden_, theirs.intercept_visible_ = np.zeros(4), np.zeros(6)
    ours = Machine(np.ascontiguousarray(FIRST.T), np.zeros(4), np.zeros(6))
    chains = np.zeros((8, 4))
    draws, again = (np.random.RandomState(0) for _ in range(2))
    for start in (0, 8):
        batch = ROWS[start : start + 8]
        theirs._fit(batch, draws)
        visible, hidden = again.uniform(size=(8, 6)), again.uniform(size=(8, 4))
        slopes, chains = gradient(ours, batch, [hidden], [visible], chains)  # type: ignore[assignment]
        for parameter, slope in zip(ours[:3], slopes, strict=True):
            parameter += 0.3 * slope
        np.testing.assert_allclose(ours.weights.T, theirs.components_, rtol=1e-12)
        np.testing.assert_allclose(ours.visible_bias, theirs.intercept_visible_, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(ours.hidden_bias, theirs.intercept_hidden_, rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(chains, theirs.h_samples_)


@settings(max_examples=20)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3), st.integers(1, 3), st.booleans(), st.data())
def test_the_kernel_is_the_equations_in_any_shape(
    features: int, units: int, rows: int, steps: int, persistent: bool, data: st.DataObject
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    machine = Machine(2 * rng.normal(size=(features, units)), rng.normal(size=units), rng.normal(size=features))
    count = rows + 2 if persistent else rows
    chains = (rng.random((count, units)) < 0.5).astype(float) if persistent else None
    ups, downs = ([rng.random((count, width)) for _ in range(steps)] for width in (units, features))
    batch = rng.random((rows, features))
    found, after = gradient(machine, batch, ups, downs, chains)
    wanted, wanted_after = estimate(machine, batch, ups, downs, chains)
    for part, exact in zip(found, wanted, strict=True):
        np.testing.assert_allclose(part, exact, rtol=1e-11, atol=1e-14)
    if persistent:
        np.testing.assert_array_equal(after, wanted_after)
    else:
        assert after is None


def test_a_smaller_batch_counts_by_its_rows() -> None:
    machine = Machine(np.ascontiguousarray(FIRST.T), np.zeros(4), np.zeros(6))
    same = np.repeat(ROWS[:1], 8, axis=0)
    noise = [np.full((8, 4), 0.5)], [np.full((8, 6), 0.5)]
    many, _ = gradient(machine, same, *noise)
    few, _ = gradient(machine, same[:3], [noise[0][0][:3]], [noise[1][0][:3]])
    for whole, part in zip(many, few, strict=True):
        np.testing.assert_allclose(part, whole, rtol=1e-12, atol=1e-15)
