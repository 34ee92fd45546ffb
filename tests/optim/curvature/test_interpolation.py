"""Minima of interpolating polynomials against NumPy's polynomials and random ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from netwright.optim.curvature.interpolation import cubic, cubic_of_values, parabola

NUMBER = st.floats(-5, 5)


def lowest(polynomial: np.poly1d) -> float:
    """The local minimum, by the roots of the derivative."""
    places = [root.real for root in polynomial.deriv().roots if abs(root.imag) < 1e-12]
    found = [place for place in places if polynomial.deriv(2)(place) > 0]
    return found[0] if found else math.inf


@settings(max_examples=100, deadline=None)
@given(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
def test_cubics(c3: float, c2: float, c1: float, c0: float, a: float, b: float) -> None:
    assume(abs(c3) > 0.1 and abs(a - b) > 0.1 and abs(a) > 0.1 and abs(b) > 0.1)
    assume(abs(c2 * c2 - 3 * c1 * c3) > 0.1)
    whole, through_zero = np.poly1d([c3, c2, c1, c0]), np.poly1d([c3, c2, c1, 0.0])
    slope = whole.deriv()
    expected = lowest(whole)
    assert cubic(a, whole(a), slope(a), b, whole(b), slope(b)) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    found = cubic_of_values(c1, a, through_zero(a), b, through_zero(b))
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)


@settings(max_examples=50, deadline=None)
@given(NUMBER, NUMBER, NUMBER)
def test_parabolas(bend: float, slope: float, a: float) -> None:
    assume(abs(bend) > 0.1 and abs(a) > 0.1)
    expected = -slope / (2 * bend) if bend > 0 else math.inf
    assert parabola(slope, a, bend * a * a + slope * a) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_polynomials_of_lower_degree_and_without_a_minimum() -> None:
    assert cubic(0.0, 9.0, -6.0, 1.0, 4.0, -4.0) == pytest.approx(3.0)
    assert cubic(0.0, 1.0, -1.0, 1.0, 0.0, -1.0) == math.inf
    assert cubic(0.0, 1.0, 0.0, 1.0, 1.0, 0.0) == math.inf
    assert cubic_of_values(-6.0, 1.0, -5.0, 2.0, -8.0) == pytest.approx(3.0)
    assert cubic_of_values(-1.0, 1.0, -1.0, 2.0, -2.0) == math.inf
    assert parabola(-1.0, 1.0, -1.0) == math.inf
    assert cubic(0.0, 0.0, -1e300, 1e-300, 1e308, 1e308) == math.inf
