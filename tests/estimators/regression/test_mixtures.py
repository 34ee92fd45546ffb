"""Mixtures as arrays against SciPy, numerical integration and samples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import kstest, multivariate_normal, norm

from netwright.estimators.regression.mixtures import Mixture, cdf, log_density, moments, quantile, sample


def drawn(rows: int = 4, k: int = 3, m: int | None = None, seed: int = 0) -> Mixture:
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(k), rows)
    shape = (rows, k) if m is None else (rows, k, m)
    return Mixture(weights, 3 * rng.normal(size=shape), rng.uniform(0.2, 2, shape))


def density(mixture: Mixture, row: int, y: float) -> float:
    z = (y - mixture.means[row]) / mixture.deviations[row]
    return float((mixture.weights[row] * np.exp(-0.5 * z * z) / (np.sqrt(2 * np.pi) * mixture.deviations[row])).sum())


def test_moments_are_integrals() -> None:
    mixture = drawn()
    mean, deviation = moments(mixture)
    for i in range(4):
        one = quad(lambda y, i=i: y * density(mixture, i, y), -40, 40, limit=400)[0]
        two = quad(lambda y, i=i: y * y * density(mixture, i, y), -40, 40, limit=400)[0]
        assert mean[i] == pytest.approx(one)
        assert deviation[i] == pytest.approx(np.sqrt(two - one**2))


def test_the_density_is_the_sum_and_the_distribution_function_its_integral() -> None:
    mixture, y = drawn(), np.array([-1.0, 0.0, 2.0, 5.0])
    for i in range(4):
        assert log_density(mixture, y)[i] == pytest.approx(np.log(density(mixture, i, y[i])))
        assert cdf(mixture, y)[i] == pytest.approx(
            quad(lambda t, i=i: density(mixture, i, t), -40, y[i], limit=400)[0], abs=1e-7
        )


def test_several_numbers() -> None:
    mixture = drawn(m=2)
    y = np.random.default_rng(1).normal(size=(4, 2))
    for i in range(4):
        parts = zip(mixture.weights[i], mixture.means[i], mixture.deviations[i], strict=True)
        expected = sum(w * multivariate_normal(mu, np.diag(s**2)).pdf(y[i]) for w, mu, s in parts)
        assert log_density(mixture, y)[i] == pytest.approx(np.log(expected))
    for j in range(2):  # each number by itself is a mixture of one number
        alone = Mixture(mixture.weights, mixture.means[:, :, j], mixture.deviations[:, :, j])
        np.testing.assert_allclose(cdf(mixture, y)[:, j], cdf(alone, y[:, j]))
        np.testing.assert_allclose(quantile(mixture, 0.3)[:, j], quantile(alone, 0.3))
        np.testing.assert_allclose(np.stack(moments(mixture))[:, :, j], np.stack(moments(alone)))


@pytest.mark.parametrize("q", [1e-12, 0.01, 0.5, 0.9, 1 - 1e-12])
def test_a_quantile_is_the_root_of_the_distribution_function(q: float) -> None:
    mixture = drawn(seed=3)
    found = quantile(mixture, q)
    for i in range(4):
        one = Mixture(*(part[i : i + 1] for part in mixture))
        root = brentq(lambda y, one=one: cdf(one, np.array([y]))[0] - q, -40, 40, xtol=1e-13)
        assert found[i] == pytest.approx(root, rel=1e-3 if q > 0.99 else 1e-8)
    np.testing.assert_allclose(cdf(mixture, found), q, rtol=1e-9)


def test_the_two_tails_mirror_each_other() -> None:
    mixture = drawn()
    turned = Mixture(mixture.weights, -mixture.means, mixture.deviations)
    np.testing.assert_allclose(quantile(mixture, 1e-9), -quantile(turned, 1 - 1e-9), rtol=1e-6)


def test_far_out_nothing_underflows() -> None:
    mixture = Mixture(np.array([[0.5, 0.5]]), np.array([[0.0, 1.0]]), np.array([[1.0, 1e-3]]))
    assert log_density(mixture, np.array([1e4]))[0] == pytest.approx(np.log(0.5) + norm(0, 1).logpdf(1e4))
    gone = Mixture(np.array([[1.0, 0.0]]), mixture.means, mixture.deviations)
    assert np.isfinite(log_density(gone, np.array([0.3]))).all()


def test_samples_follow_the_distribution() -> None:
    mixture = drawn(rows=3)
    values = sample(mixture, 4000, np.random.default_rng(0))
    assert values.shape == (3, 4000)
    for i in range(3):
        one = Mixture(*(np.repeat(part[i : i + 1], 4000, axis=0) for part in mixture))
        assert kstest(cdf(one, values[i]), "uniform").pvalue > 0.01
    several = sample(drawn(m=2), 5000, np.random.default_rng(0))
    assert several.shape == (4, 5000, 2)
    mean, deviation = moments(drawn(m=2))
    np.testing.assert_allclose(several.mean(1), mean, atol=0.2)
    np.testing.assert_allclose(several.std(1), deviation, rtol=0.05)
