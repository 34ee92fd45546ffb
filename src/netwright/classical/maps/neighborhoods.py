"""Neighbourhoods: how much of the winner's step a unit at the distance d on the grid makes, of the radius s.

================= ===================================== ==================================================
name              h(d)                                  where
================= ===================================== ==================================================
``"gaussian"``    exp(-d^2 / (2 s^2))                   s is the standard deviation
``"bubble"``      1 where d <= s, else 0                s is the last distance that learns
``"mexican_hat"`` (1 - d^2 / s^2) exp(-d^2 / (2 s^2))   s is where it is 0; units farther off are pushed away
================= ===================================== ==================================================

At radius 0 only the winner learns, whatever the name. The Mexican hat is the Ricker wavelet, least at d = sqrt(3) s
with -2 exp(-3/2) = -0.446. Over a plane its sum is negative, so a map of two axes is driven apart by a wide one.

References: Kohonen: Self-organizing maps, 3rd edition, 2001 (section 3.1).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LEAST_SQUARE = 1e-300  # of a radius: the same functions serve a radius of 0


def gaussian(squared: Array, radius: float) -> Array:
    """exp(-d^2 / (2 s^2)).

    Parameters
    ----------
    squared : squared distances on the grid, of any shape.
    radius : s, >= 0.
    """
    return np.exp(-0.5 * squared / max(radius * radius, LEAST_SQUARE))


def bubble(squared: Array, radius: float) -> Array:
    """1 where d <= s, else 0.

    Parameters
    ----------
    squared : squared distances on the grid, of any shape.
    radius : s, >= 0.
    """
    return (np.sqrt(squared) <= radius).astype(np.float64)


def mexican_hat(squared: Array, radius: float) -> Array:
    """(1 - d^2 / s^2) exp(-d^2 / (2 s^2)).

    Parameters
    ----------
    squared : squared distances on the grid, of any shape.
    radius : s, >= 0.
    """
    ratio = squared / max(radius * radius, LEAST_SQUARE)
    return (1.0 - ratio) * np.exp(-0.5 * ratio)


NEIGHBORHOODS: dict[str, Callable[[Array, float], Array]] = {
    "gaussian": gaussian,
    "bubble": bubble,
    "mexican_hat": mexican_hat,
}
