"""The triangle holds what the rows hold; the ridge of least GCV error is found."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from netwright.classical.radial_basis import ridge as ridges

RNG = np.random.default_rng(6)
H = RNG.normal(size=(50, 6))
Y = np.column_stack([H @ RNG.normal(size=6) + RNG.normal(size=50) + 7, 10 * RNG.normal(size=50)])


@pytest.mark.parametrize("penalty", [1e-3, 1.0, 100.0])
def test_the_readout_is_that_of_scikit_learns_ridge(penalty: float) -> None:
    found = ridges.readout(ridges.triangle_of(H, Y), 50, 2, penalty)
    expected = Ridge(alpha=penalty).fit(H, Y)
    np.testing.assert_allclose(found.weights, expected.coef_.T, rtol=1e-10)
    np.testing.assert_allclose(found.biases, expected.intercept_, rtol=1e-10)
    assert found.ridge == penalty


def test_without_a_ridge_it_is_least_squares_also_of_units_that_say_the_same() -> None:
    expected = LinearRegression().fit(H, Y)
    found = ridges.readout(ridges.triangle_of(H, Y), 50, 2, 0.0)
    np.testing.assert_allclose(found.weights, expected.coef_.T, rtol=1e-9)
    twice = ridges.readout(ridges.triangle_of(np.hstack([H, H[:, :1]]), Y), 50, 2, 0.0)
    np.testing.assert_allclose(twice.weights[0] + twice.weights[6], expected.coef_[:, 0], rtol=1e-9)
    np.testing.assert_allclose(twice.weights[0], twice.weights[6])


@pytest.mark.parametrize("cuts", [(1,), (3, 20, 49), tuple(range(1, 50))])
def test_triangles_are_joined(cuts) -> None:
    whole, joined = ridges.triangle_of(H, Y), None
    for part in np.split(np.arange(50), cuts):
        more = ridges.triangle_of(H[part], Y[part])
        assert more.shape == (9, 9)
        joined = more if joined is None else ridges.joined(joined, more)
    np.testing.assert_allclose(joined.T @ joined, whole.T @ whole, rtol=1e-10, atol=1e-10)
    for penalty in ("gcv", 0.1):
        one, other = (ridges.readout(triangle, 50, 2, penalty) for triangle in (whole, joined))
        np.testing.assert_allclose(one.weights, other.weights, rtol=1e-6, atol=1e-9)


def error_by_definition(penalty: float) -> float:
    """From the hat matrix of the centred activations; targets in units of their spread."""
    hidden, scaled = H - H.mean(axis=0), (Y - Y.mean(axis=0)) / Y.std(axis=0)
    hat = hidden @ np.linalg.solve(hidden.T @ hidden + penalty * np.eye(6), hidden.T)
    residual = np.square(scaled - hat @ scaled).mean(axis=0).mean()
    return residual / (1 - 1.4 * (1 + np.trace(hat)) / 50) ** 2


@pytest.mark.parametrize("penalty", [1e-6, 1.0, 50.0, 1e4])
def test_the_error_is_that_of_the_definition(penalty: float) -> None:
    assert ridges.readout(ridges.triangle_of(H, Y), 50, 2, penalty).error == pytest.approx(error_by_definition(penalty))


def test_the_ridge_of_least_error_is_found() -> None:
    found = ridges.readout(ridges.triangle_of(H, Y), 50, 2, "gcv")
    grid = np.geomspace(1e-6, 1e4, 2000)
    assert found.error <= min(map(error_by_definition, grid)) * (1 + 1e-6)
    assert found.error == pytest.approx(error_by_definition(found.ridge))


def test_too_few_rows_for_the_units_have_an_infinite_error() -> None:
    triangle = ridges.triangle_of(H[:5], Y[:5])
    assert ridges.readout(triangle, 5, 2, 0.0).error == np.inf
    assert np.isfinite(ridges.readout(triangle, 5, 2, "gcv").error)
    one = ridges.readout(ridges.triangle_of(H[:1], Y[:1]), 1, 2, "gcv")
    assert one.error == np.inf
    np.testing.assert_allclose(one.biases, Y[0])
    assert not one.weights.any()


def test_targets_that_are_constant_or_great() -> None:
    flat = ridges.readout(ridges.triangle_of(H, np.full((50, 1), 3.0)), 50, 1, "gcv")
    np.testing.assert_allclose(flat.weights, 0, atol=1e-12)
    np.testing.assert_allclose(flat.biases, 3)
    plain = ridges.readout(ridges.triangle_of(H, Y), 50, 2, "gcv")
    great = ridges.readout(ridges.triangle_of(H, Y * 1e180), 50, 2, "gcv")
    np.testing.assert_allclose(great.weights / 1e180, plain.weights, rtol=1e-6)
    assert great.error == pytest.approx(plain.error)


def test_the_lowest_point_of_a_function() -> None:
    assert ridges.lowest(lambda x: (x - 0.3) ** 2, -10, 10) == pytest.approx(0.3, abs=1e-3)
    assert ridges.lowest(lambda x: x, -10, 10) == pytest.approx(-10, abs=1e-2)
    assert ridges.lowest(lambda x: np.inf, -10, 10) == 10.0
    assert ridges.lowest(lambda x: np.inf if x < 1 else x, -10, 10, points=9) == pytest.approx(1, abs=0.05)
