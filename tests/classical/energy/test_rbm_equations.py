"""Energies, distributions and gradients of a machine of 4 visible and 3 hidden units, against all of its states."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest

from netwright.classical.energy.boltzmann import (
    Machine,
    free_energy,
    gibbs,
    hidden_probabilities,
    log_pseudo_likelihood,
    visible_means,
    visible_units,
)
from netwright.classical.energy.contrastive_divergence import Noise, gradient

VISIBLE, HIDDEN = (np.array(list(itertools.product((0.0, 1.0), repeat=width))) for width in (4, 3))
CHAINS = 40_000  # of a statistical test; 1 / sqrt of it is the scale of its errors


def small(gaussian: bool = False, scale: float = 1.0) -> Machine:
    """A machine with weights and biases that matter."""
    rng = np.random.default_rng(5)
    return Machine(scale * rng.normal(size=(4, 3)), 0.5 * rng.normal(size=3), 0.5 * rng.normal(size=4), gaussian)


def energy(machine: Machine, v: np.ndarray, h: np.ndarray) -> float:
    """E(v, h), unit by unit."""
    total = 0.0
    for i in range(4):
        total += 0.5 * (v[i] - machine.visible_bias[i]) ** 2 if machine.gaussian else -machine.visible_bias[i] * v[i]
        for j in range(3):
            total -= v[i] * machine.weights[i, j] * h[j]
    return total - sum(machine.hidden_bias[j] * h[j] for j in range(3))


def table(machine: Machine) -> np.ndarray:
    """p(v, h) of Bernoulli units: a row for each v of VISIBLE, a column for each h of HIDDEN."""
    weights = np.array([[math.exp(-energy(machine, v, h)) for h in HIDDEN] for v in VISIBLE])
    return weights / weights.sum()


def sweep(machine: Machine) -> np.ndarray:
    """p(v' | v), what a sweep makes of each v: (16, 16)."""
    joint = table(machine)
    return (joint / joint.sum(axis=1, keepdims=True)) @ (joint / joint.sum(axis=0)).T


def means(machine: Machine, weights: np.ndarray) -> list[np.ndarray]:
    """<v h>, <h> and <v> where the v of VISIBLE have these weights, and h is given v."""
    joint = table(machine)
    joint = joint / joint.sum(axis=1, keepdims=True) * weights[:, None]
    return [
        np.einsum("vh,vi,hj->ij", joint, VISIBLE, HIDDEN),
        np.einsum("vh,hj->j", joint, HIDDEN),
        np.einsum("vh,vi->i", joint, VISIBLE),
    ]


@pytest.mark.parametrize("gaussian", [False, True])
def test_the_free_energy_sums_over_all_hidden_states(gaussian: bool) -> None:
    machine = small(gaussian)
    rows = np.random.default_rng(0).normal(size=(9, 4)) if gaussian else VISIBLE
    wanted = [-math.log(sum(math.exp(-energy(machine, v, h)) for h in HIDDEN)) for v in rows]
    np.testing.assert_allclose(free_energy(machine, rows), wanted, rtol=1e-12)


def test_the_conditionals_are_those_of_the_joint_distribution() -> None:
    machine, joint = small(), table(small())
    of_hidden = joint @ HIDDEN / joint.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(hidden_probabilities(machine, VISIBLE), of_hidden, rtol=1e-12)
    of_visible = joint.T @ VISIBLE / joint.sum(axis=0)[:, None]
    np.testing.assert_allclose(visible_means(machine, HIDDEN), of_visible, rtol=1e-12)


def test_gaussian_units_have_the_mean_where_the_energy_is_least_and_unit_variance() -> None:
    machine = small(gaussian=True)
    for h in HIDDEN:
        mean = visible_means(machine, h[None])[0]
        for i, shift in itertools.product(range(4), (-1.0, 0.5)):
            moved = mean + shift * np.eye(4)[i]
            assert energy(machine, moved, h) - energy(machine, mean, h) == pytest.approx(0.5 * shift**2)
    drawn = visible_units(machine, np.repeat(HIDDEN[[5]], CHAINS, axis=0), seed=1)
    np.testing.assert_allclose(drawn.mean(0), visible_means(machine, HIDDEN[[5]])[0], atol=5 / math.sqrt(CHAINS))
    np.testing.assert_allclose(np.cov(drawn.T), np.eye(4), atol=7 / math.sqrt(CHAINS))


def test_the_pseudo_likelihood_is_that_of_each_bit_given_the_others() -> None:
    machine, marginal = small(), table(small()).sum(axis=1)
    for row, v in enumerate(VISIBLE):
        wanted = []
        for i in range(4):
            other = next(k for k, w in enumerate(VISIBLE) if np.array_equal(w != v, np.arange(4) == i))
            wanted.append(math.log(marginal[row] / (marginal[row] + marginal[other])))
        assert log_pseudo_likelihood(machine, v[None])[0] == pytest.approx(sum(wanted), rel=1e-12)
        columns = np.array([[2, 0, 2]])
        some = log_pseudo_likelihood(machine, v[None], columns)[0]
        assert some == pytest.approx(2 * wanted[2] + wanted[0], rel=1e-12)


def test_the_pseudo_likelihood_of_strong_weights_is_finite() -> None:
    machine = small(scale=1e4)
    found = log_pseudo_likelihood(machine, VISIBLE)
    assert np.isfinite(found).all()
    assert found.min() < -1e4  # a bit that cannot be
    assert (found <= 0).all()


def log_likelihood(machine: Machine, rows: np.ndarray) -> float:
    """The mean of log p(v) over rows, with Z over all 16 states."""
    return float(-free_energy(machine, rows).mean() - np.log(np.exp(-free_energy(machine, VISIBLE)).sum()))


def test_the_statistics_are_the_derivatives_of_the_log_likelihood() -> None:
    machine, rows = small(), VISIBLE[[1, 3, 3, 7, 14]]
    model = table(machine).sum(axis=1)
    wanted = []
    data = np.array([(rows == v).all(axis=1).mean() for v in VISIBLE])
    for up, down in zip(means(machine, data), means(machine, model), strict=True):
        wanted.append(up - down)
    for place in range(3):
        for index in np.ndindex(*wanted[place].shape):
            ends = []
            for step in (1e-5, -1e-5):
                parts = [part.copy() for part in machine[:3]]
                parts[place][index] += step
                ends.append(log_likelihood(Machine(*parts), rows))
            assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(wanted[place][index], abs=1e-9)


def estimated(machine: Machine, rows: np.ndarray, steps: int, chains: np.ndarray | None = None) -> list[np.ndarray]:
    """The gradient estimated from very many chains."""
    count = len(rows) if chains is None else len(chains)
    noise = Noise(3, 0, steps).draw(machine, count)
    return list(gradient(machine, rows, *noise, chains)[0])


def assert_near(found: list[np.ndarray], wanted: list[np.ndarray]) -> None:
    for part, exact in zip(found, wanted, strict=True):
        np.testing.assert_allclose(part, exact, atol=4.5 / math.sqrt(CHAINS))  # a share has at most half that error


@pytest.mark.parametrize("steps", [1, 3])
def test_the_mean_of_cd_k_is_that_of_k_sweeps(steps: int) -> None:
    machine = small()
    data = np.array([(VISIBLE[[1, 3, 3, 7, 14]] == v).all(axis=1).mean() for v in VISIBLE])
    after = data @ np.linalg.matrix_power(sweep(machine), steps)
    wanted = [up - down for up, down in zip(means(machine, data), means(machine, after), strict=True)]
    assert_near(estimated(machine, np.repeat(VISIBLE[[1, 3, 3, 7, 14]], CHAINS // 5, axis=0), steps), wanted)


def test_cd_k_goes_to_the_gradient_and_cd_1_is_elsewhere() -> None:
    machine = small(scale=2.0)
    data = np.array([(VISIBLE[[1, 3, 3, 7, 14]] == v).all(axis=1).mean() for v in VISIBLE])
    model = table(machine).sum(axis=1)
    np.testing.assert_allclose(model @ sweep(machine), model, rtol=1e-10)  # what sweeps leave as it is
    exact = [up - down for up, down in zip(means(machine, data), means(machine, model), strict=True)]
    rows = np.repeat(VISIBLE[[1, 3, 3, 7, 14]], CHAINS // 5, axis=0)
    assert_near(estimated(machine, rows, 60), exact)
    first = estimated(machine, rows, 1)
    assert max(np.abs(part - goal).max() for part, goal in zip(first, exact, strict=True)) > 0.05


def test_persistent_chains_go_to_the_gradient_one_sweep_at_a_time() -> None:
    machine, rows = small(scale=2.0), VISIBLE[[1, 3, 3, 7, 14]]
    data = np.array([(rows == v).all(axis=1).mean() for v in VISIBLE])
    model = table(machine).sum(axis=1)
    exact = [up - down for up, down in zip(means(machine, data), means(machine, model), strict=True)]
    chains = np.zeros((CHAINS, 3))
    noise = Noise(4, 0, 1)
    for _ in range(60):
        found, chains = gradient(machine, rows, *noise.draw(machine, CHAINS), chains)  # type: ignore[assignment]
    assert set(np.unique(chains)) == {0.0, 1.0}
    assert_near(list(found), exact)


def test_cd_k_of_gaussian_units_goes_to_the_gradient() -> None:
    machine = small(gaussian=True, scale=0.7)
    centres = np.array(
        [machine.visible_bias + machine.weights @ h for h in HIDDEN]
    )  # the integral over v in closed form
    shares = np.exp(HIDDEN @ machine.hidden_bias + 0.5 * np.square(centres).sum(axis=1))
    shares /= shares.sum()
    model = [np.einsum("h,hi,hj->ij", shares, centres, HIDDEN), shares @ HIDDEN, shares @ centres]
    rows = np.random.default_rng(6).normal(size=(10, 4))
    ups = hidden_probabilities(machine, rows)
    data = [rows.T @ ups / 10, ups.mean(axis=0), rows.mean(axis=0)]
    exact = [up - down for up, down in zip(data, model, strict=True)]
    for found, wanted in zip(estimated(machine, np.repeat(rows, CHAINS // 10, axis=0), 60), exact, strict=True):
        np.testing.assert_allclose(found, wanted, atol=12 / math.sqrt(CHAINS))  # v is not bounded


@pytest.mark.parametrize("steps", [1, 4])
def test_gibbs_draws_what_sweeps_make_of_a_row(steps: int) -> None:
    machine = small()
    found = gibbs(machine, np.repeat(VISIBLE[[6]], CHAINS, axis=0), steps, seed=2)
    shares = [(found == v).all(axis=1).mean() for v in VISIBLE]
    wanted = np.linalg.matrix_power(sweep(machine), steps)[6]
    np.testing.assert_allclose(shares, wanted, atol=2.5 / math.sqrt(CHAINS))


def test_rows_of_gibbs_are_independent_of_each_other() -> None:
    machine = small()
    drawn = gibbs(machine, np.repeat(VISIBLE[[6, 9]], CHAINS // 2, axis=0), 2, seed=2)
    halves = np.corrcoef(drawn[: CHAINS // 2].T, drawn[CHAINS // 2 :].T)[:4, 4:]
    assert np.abs(halves).max() < 5 / math.sqrt(CHAINS / 2)
    within = [np.corrcoef(half[:-1].T, half[1:].T)[:4, 4:] for half in (drawn[: CHAINS // 2], drawn[CHAINS // 2 :])]
    assert np.abs(within).max() < 5 / math.sqrt(CHAINS / 2)
    np.testing.assert_array_equal(gibbs(machine, VISIBLE[:3], 2, seed=2), gibbs(machine, VISIBLE, 2, seed=2)[:3])


def test_the_means_of_gibbs_are_those_of_its_last_draw() -> None:
    machine = small()
    rows = np.repeat(VISIBLE[[6]], CHAINS, axis=0)
    expected, drawn = gibbs(machine, rows, 2, seed=2, means=True), gibbs(machine, rows, 2, seed=2)
    assert ((expected > 0) & (expected < 1)).all()
    np.testing.assert_allclose(expected.mean(0), drawn.mean(0), atol=2.5 / math.sqrt(CHAINS))


@pytest.mark.parametrize("function", [free_energy, hidden_probabilities, log_pseudo_likelihood])
def test_single_precision_stays_and_agrees(function: Callable[..., np.ndarray]) -> None:
    machine = small()
    narrow = Machine(*(part.astype(np.float32) for part in machine[:3]))
    found = function(narrow, VISIBLE.astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, function(machine, VISIBLE), rtol=2e-5)
