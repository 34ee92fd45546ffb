"""Minima of parabolas and cubics through losses and slopes, for searches along a line.

All take plain numbers and give a place, infinite where the polynomial has no minimum.

References: Nocedal, Wright: Numerical Optimization, 2006, equations 3.57 to 3.59.
"""

from __future__ import annotations

import math


def parabola(slope: float, a: float, rise: float) -> float:
    """The minimum of the parabola through the origin with this slope there and the value `rise` at a (3.57).

    Examples
    --------
    >>> parabola(-2.0, 4.0, 8.0)  # x^2 - 2 x
    1.0
    """
    bend = rise - slope * a
    return -slope * a * a / (2 * bend) if bend > 0 else math.inf


def cubic_of_values(slope: float, a: float, rise_a: float, b: float, rise_b: float) -> float:
    """The minimum of the cubic through the origin with this slope there and these values at a and b (3.58).

    Examples
    --------
    >>> cubic_of_values(-3.0, 2.0, 2.0, 3.0, 18.0)  # x^3 - 3 x
    1.0
    """
    over_a, over_b = (rise_a / a - slope) / a, (rise_b / b - slope) / b
    third, second = (over_b - over_a) / (b - a), (b * over_a - a * over_b) / (b - a)
    if third == 0:
        return -slope / (2 * second) if second > 0 else math.inf
    inner = second * second - 3 * third * slope
    place = (-second + math.sqrt(inner)) / (3 * third) if inner >= 0 else math.inf
    return place if math.isfinite(place) else math.inf


def cubic(a: float, value_a: float, slope_a: float, b: float, value_b: float, slope_b: float) -> float:
    """The minimum of the cubic with these values and slopes at a and b (3.59), in whatever order they stand.

    Examples
    --------
    >>> cubic(0.0, 0.0, -3.0, 2.0, 2.0, 9.0)  # x^3 - 3 x
    1.0
    """
    first = slope_a + slope_b - 3 * (value_a - value_b) / (a - b)
    scale = max(abs(first), abs(slope_a), abs(slope_b))
    inner = (first / scale) ** 2 - (slope_a / scale) * (slope_b / scale) if scale > 0 else -1.0
    if not inner >= 0:
        return math.inf
    second = math.copysign(scale * math.sqrt(inner), b - a)
    below = slope_b - slope_a + 2 * second
    place = b - (b - a) * (slope_b + second - first) / below if below != 0 else math.inf
    return place if math.isfinite(place) else math.inf
