"""The penalised spline: explicit hat matrices give its values, degrees of freedom and cross-validation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.optimize import minimize_scalar

from netwright.classical.ridge_functions.smoothing import Smoothness, cross_validation, smooth
from netwright.classical.ridge_functions.splines import spline_equations, spline_values

RNG = np.random.default_rng(2)
N = 120
V = np.sort(RNG.normal(size=N))
TARGET = np.sin(2 * V) + 0.2 * RNG.normal(size=N)
TARGET -= TARGET.mean()
WEIGHTS = RNG.integers(1, 4, size=N).astype(float)
OTHERS = 4.0


def how(freedom: float = 0.0, cost: float = 1.0, total: float = N) -> Smoothness:
    return Smoothness(splines=12, freedom=freedom, cost=cost, N=total, most=total)


def hat_matrix(knots: np.ndarray, weights: np.ndarray, penalty: float) -> np.ndarray:
    """S = B (B^T W B + lambda Omega)^-1 B^T W, with Omega scaled to the trace of B^T W B."""
    basis = BSpline.design_matrix(V, knots, 3).toarray()
    rough = spline_equations(V, TARGET, weights, knots)[2]
    normal = basis.T @ (weights[:, None] * basis)
    rough = rough * np.trace(normal) / np.trace(rough)
    return basis @ np.linalg.solve(normal + penalty * rough, basis.T * weights)


def scores(knots: np.ndarray, weights: np.ndarray, penalty: float, cost: float) -> tuple[float, float, float]:
    """tr S, RSS and GCV by their definitions."""
    hat = hat_matrix(knots, weights, penalty)
    rss = float(weights @ (TARGET - hat @ TARGET) ** 2)
    total, freedom = weights.sum(), float(np.trace(hat))
    return freedom, rss, total * rss / (total - cost * (OTHERS + freedom)) ** 2


@pytest.mark.parametrize("weights", [np.ones(N), WEIGHTS], ids=["even", "uneven"])
@pytest.mark.parametrize("cost", [1.0, 1.75])
def test_lambda_has_the_least_gcv_of_all(weights: np.ndarray, cost: float) -> None:
    energy = float(weights @ TARGET**2)
    found = smooth(V, TARGET, weights, energy, OTHERS, how(cost=cost, total=weights.sum()), bool((weights != 1).any()))
    best = minimize_scalar(
        lambda size: scores(found.knots, weights, np.exp(size), cost)[2], bounds=(-18, 12), method="bounded"
    )
    assert found.gcv == pytest.approx(best.fun, rel=1e-4)
    assert found.gcv >= best.fun * (1 - 1e-9)
    freedom, rss, _ = scores(found.knots, weights, float(np.exp(best.x)), cost)
    assert found.freedom == pytest.approx(freedom, rel=0.03)
    assert found.rss == pytest.approx(rss, rel=0.03)


@pytest.mark.parametrize("freedom", [2.5, 4.0, 8.0, 11.5])
def test_degrees_of_freedom_are_the_trace_that_was_asked_for(freedom: float) -> None:
    weights = np.ones(N)
    found = smooth(V, TARGET, weights, float(TARGET @ TARGET), OTHERS, how(freedom), False)
    assert found.freedom == pytest.approx(freedom, abs=1e-9)
    low, high = -25.0, 25.0
    for _ in range(100):  # the lambda of that trace, by the hat matrix
        middle = (low + high) / 2
        low, high = (
            (middle, high) if np.trace(hat_matrix(found.knots, weights, np.exp(middle))) > freedom else (low, middle)
        )
    _, rss, gcv = scores(found.knots, weights, float(np.exp(low)), 1.0)
    values = spline_values(V, found.knots, found.coefficients)[0]
    np.testing.assert_allclose(values, hat_matrix(found.knots, weights, np.exp(low)) @ TARGET, atol=1e-7)
    assert found.rss == pytest.approx(rss, rel=1e-6)
    assert found.rss == pytest.approx(((TARGET - values) ** 2).sum(), rel=1e-8)
    assert found.gcv == pytest.approx(gcv, rel=1e-6)


def test_two_degrees_of_freedom_are_a_straight_line() -> None:
    found = smooth(V, TARGET, WEIGHTS, float(WEIGHTS @ TARGET**2), OTHERS, how(2.0, total=WEIGHTS.sum()), True)
    line = np.polyval(np.polyfit(V, TARGET, 1, w=np.sqrt(WEIGHTS)), V)
    np.testing.assert_allclose(spline_values(V, found.knots, found.coefficients)[0], line, atol=1e-3)
    assert found.freedom == pytest.approx(2.0, abs=1e-2)


def test_the_mean_of_the_target_is_kept() -> None:
    found = smooth(V, TARGET + 5, WEIGHTS, float(WEIGHTS @ (TARGET + 5) ** 2), 0.0, how(total=WEIGHTS.sum()), True)
    values = spline_values(V, found.knots, found.coefficients)[0]
    assert WEIGHTS @ values == pytest.approx(WEIGHTS @ (TARGET + 5), rel=1e-10)


def test_energy_beyond_the_target_stays_in_the_rss() -> None:
    energy = float(TARGET @ TARGET)
    plain = smooth(V, TARGET, np.ones(N), energy, OTHERS, how(5.0), False)
    more = smooth(V, TARGET, np.ones(N), energy + 7.0, OTHERS, how(5.0), False)
    assert more.rss - plain.rss == pytest.approx(7.0)


@pytest.mark.parametrize("values", [[0.0, 1.0], [0.0, 1.0, 5.0], [-1.0, 0.0, 0.0, 1e-4, 2e-4, 3.0]])
def test_few_different_projections_are_fitted(values: list[float]) -> None:
    v = np.repeat(values, 30)
    target = np.repeat(np.arange(len(values)) ** 2.0, 30)
    target -= target.mean()
    found = smooth(v, target, np.ones(len(v)), float(target @ target), 1.0, how(total=len(v)), False)
    assert np.isfinite(found.coefficients).all()
    assert 2 <= found.freedom <= len(set(values)) + 1e-6
    if len(values) < 4:
        np.testing.assert_allclose(spline_values(v, found.knots, found.coefficients)[0], target, atol=1e-3)


def test_no_room_is_an_infinite_gcv() -> None:
    few_rows = Smoothness(splines=12, freedom=0.0, cost=2.0, N=30.0, most=99.0)
    few_different = Smoothness(splines=12, freedom=0.0, cost=2.0, N=120.0, most=15.0)
    for how_small, total in ((few_rows, 30.0), (few_different, 120.0)):
        assert cross_validation(5.0, 14.9, how_small) == total * 5.0 / (total - 29.8) ** 2
        assert cross_validation(5.0, 15.0, how_small) == np.inf
        found = smooth(V, TARGET, np.ones(N), float(TARGET @ TARGET), 14.0, how_small, False)
        assert found.gcv == np.inf
        assert found.freedom == pytest.approx(2.0, abs=1e-2)
        assert smooth(V, TARGET, np.ones(N), float(TARGET @ TARGET), 5.0, how_small, False).freedom < 10
