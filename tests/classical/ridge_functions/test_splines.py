"""Splines: SciPy's B-splines are the oracle of basis, equations, values and slopes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from netwright.classical.ridge_functions.splines import place_knots, spline_equations, spline_values

RNG = np.random.default_rng(1)
V = RNG.normal(size=300)
WEIGHTS = RNG.integers(1, 4, size=300).astype(float)
SPLINES = [4, 5, 9, 15]
each = pytest.mark.parametrize("splines", SPLINES)


@each
def test_values_and_slopes_are_those_of_scipy(splines: int) -> None:
    knots = place_knots(V, None, splines)
    coefficients = RNG.normal(size=splines)
    places = np.linspace(knots[3], knots[splines], 501)
    values, slopes = spline_values(places, knots, coefficients)
    spline = BSpline(knots, coefficients, 3)
    np.testing.assert_allclose(values, spline(places), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(slopes, spline.derivative()(places), rtol=1e-11, atol=1e-11)


@each
def test_slopes_are_the_limit_of_differences(splines: int) -> None:
    knots = place_knots(V, None, splines)
    coefficients = RNG.normal(size=splines)
    places = np.linspace(knots[3] - 1.0, knots[splines] + 1.0, 97)
    step = 1e-6
    above, below = (spline_values(places + side, knots, coefficients)[0] for side in (step, -step))
    np.testing.assert_allclose(
        spline_values(places, knots, coefficients)[1], (above - below) / (2 * step), rtol=1e-4, atol=1e-4
    )


@each
def test_beyond_the_ends_it_is_a_straight_line(splines: int) -> None:
    knots = place_knots(V, None, splines)
    coefficients = RNG.normal(size=splines)
    low, high = knots[3], knots[splines]
    (ends, steepness) = spline_values(np.array([low, high]), knots, coefficients)
    values, slopes = spline_values(np.array([low - 2.0, high + 3.0]), knots, coefficients)
    np.testing.assert_allclose(slopes, steepness)
    np.testing.assert_allclose(values, ends + steepness * np.array([-2.0, 3.0]))


@each
def test_the_equations_are_those_of_the_design_matrix(splines: int) -> None:
    target = np.sin(V)
    knots = place_knots(V, WEIGHTS, splines)
    normal, right, _ = spline_equations(V, target, WEIGHTS, knots)
    basis = BSpline.design_matrix(V, knots, 3).toarray()
    np.testing.assert_allclose(normal, basis.T @ np.diag(WEIGHTS) @ basis, atol=1e-10)
    np.testing.assert_allclose(right, basis.T @ (WEIGHTS * target), atol=1e-10)


@each
def test_the_penalty_is_the_second_derivative_in_units_of_the_knots(splines: int) -> None:
    knots = place_knots(V, None, splines)
    penalty = spline_equations(V, V, np.ones(300), knots)[2]
    coefficients = RNG.normal(size=splines)
    bent = BSpline(knots, coefficients, 3).derivative(2)
    spaces = (knots[4 : splines + 2] - knots[2:splines]) / 2
    expected = sum((space**2 * _hat(bent, knots, j)) ** 2 for j, space in zip(range(2, splines), spaces, strict=True))
    assert coefficients @ penalty @ coefficients == pytest.approx(expected, rel=1e-9)


def _hat(bent: BSpline, knots: np.ndarray, j: int) -> float:
    """The coefficient of the hat function that has its top at knot j + 1: g'' there."""
    return float(bent(knots[j + 1]))


def test_on_even_knots_the_penalty_is_of_second_differences() -> None:
    knots = np.arange(-3.0, 11.0)
    penalty = spline_equations(np.linspace(0, 7, 20), np.zeros(20), np.ones(20), knots)[2]
    differences = np.diff(np.eye(10), 2, axis=0)
    np.testing.assert_allclose(penalty, differences.T @ differences, atol=1e-12)


@each
def test_straight_lines_have_no_penalty(splines: int) -> None:
    knots = place_knots(V, None, splines)
    penalty = spline_equations(V, V, np.ones(300), knots)[2]
    middles = (knots[1 : splines + 1] + knots[2 : splines + 2] + knots[3 : splines + 3]) / 3  # Greville: g(v) = v
    np.testing.assert_allclose(spline_values(V, knots, middles)[0], V, atol=1e-12)
    np.testing.assert_allclose(penalty @ middles, 0, atol=1e-12)
    np.testing.assert_allclose(penalty @ np.ones(splines), 0, atol=1e-12)
    assert np.linalg.matrix_rank(penalty) == splines - 2


def test_knots_lie_at_the_quantiles() -> None:
    splines, intervals = 15, 12
    knots = place_knots(V, None, splines)
    assert knots.shape == (splines + 4,)
    assert (knots[3], knots[splines]) == (V.min(), V.max())
    for k in range(1, intervals):
        rank = int(np.ceil(np.sin(np.pi * k / (2 * intervals)) ** 2 * 300)) - 1
        even = V.min() + (V.max() - V.min()) * k / intervals
        assert knots[3 + k] == pytest.approx(0.98 * np.sort(V)[rank] + 0.02 * even, rel=1e-12)
    np.testing.assert_allclose(np.diff(knots[:5]), knots[4] - knots[3])
    np.testing.assert_allclose(np.diff(knots[-5:]), knots[-4] - knots[-5])


def test_weights_place_knots_as_repeated_rows_do() -> None:
    repeated = np.repeat(V, WEIGHTS.astype(int))
    assert np.array_equal(place_knots(V, WEIGHTS, 15), place_knots(repeated, None, 15))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.integers(-3, 3), st.floats(-50, 50, allow_subnormal=False)), min_size=2, max_size=30).filter(
        lambda values: max(values) - min(values) > 1e-3
    ),
    st.integers(4, 20),
)
def test_knots_always_increase(values: list[float], splines: int) -> None:
    knots = place_knots(np.array(values, dtype=float), None, splines)
    assert (np.diff(knots) > 0).all()
    assert (knots[3], knots[splines]) == (min(values), max(values))
