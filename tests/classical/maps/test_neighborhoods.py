"""Neighbourhoods against their formulas, one distance at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from netwright.classical.maps.neighborhoods import NEIGHBORHOODS

SQUARES = np.array([0.0, 0.25, 0.75, 1.0, 2.0, 3.0, 4.0, 50.0])


def formula(name: str, d: float, s: float) -> float:
    if name == "bubble":
        return 1.0 if d <= s else 0.0
    fall = math.exp(-(d**2) / (2 * s**2))
    return fall if name == "gaussian" else (1 - d**2 / s**2) * fall


@pytest.mark.parametrize("name", NEIGHBORHOODS)
@pytest.mark.parametrize("radius", [0.3, 0.7, 1.0, math.sqrt(2), math.sqrt(3), 2.0, 5.5])
def test_formulas(name: str, radius: float) -> None:
    expected = [formula(name, math.sqrt(square), radius) for square in SQUARES]
    np.testing.assert_allclose(NEIGHBORHOODS[name](SQUARES, radius), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", NEIGHBORHOODS)
@pytest.mark.parametrize("radius", [0.0, 1e-200])
def test_at_radius_0_only_the_winner_learns(name: str, radius: float) -> None:
    np.testing.assert_array_equal(NEIGHBORHOODS[name](SQUARES, radius), SQUARES == 0)


def test_the_mexican_hat_is_0_at_its_radius_and_least_at_sqrt_3_of_it() -> None:
    hat = NEIGHBORHOODS["mexican_hat"]
    d = np.linspace(0, 10, 2001)
    h = hat(d**2, 2.0)
    assert hat(np.array([4.0]), 2.0)[0] == 0
    assert d[h.argmin()] == pytest.approx(2 * math.sqrt(3), abs=0.01)
    assert h.min() == pytest.approx(-2 * math.exp(-1.5), abs=1e-5)
