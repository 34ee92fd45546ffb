"""Mixtures of Gaussians in the plane, on which one sees at once what a generator has missed.

References
----------
Metz, Poole, Pfau, Sohl-Dickstein, *Unrolled generative adversarial networks*, 2017 (the ring of eight).
Gulrajani et al., *Improved training of Wasserstein GANs*, 2017 (the grid of 25).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.seeds import to_seed
from netwright.core.validation import check, integer, number

Points = NDArray[np.float32]


def ring_of_gaussians(
    n: int = 5000, modes: int = 8, *, radius: float = 2.0, std: float = 0.02, random_state: Any = None
) -> tuple[Points, Points]:
    """Points round centres on a circle, about equally many round each.

    Parameters
    ----------
    n : points.
    modes : centres.
    radius : of the circle.
    std : of the points round a centre, along each axis.
    random_state : None, an integer, a RandomState or a Generator.

    Returns
    -------
    points (n, 2), centres (modes, 2)

    Examples
    --------
    >>> points, centres = ring_of_gaussians(100, random_state=0)
    >>> points.shape, centres.shape
    ((100, 2), (8, 2))
    """
    check("ring_of_gaussians(modes)", modes, integer(1))
    check("ring_of_gaussians(radius)", radius, number(0, closed="neither"))
    angles = 2 * np.pi * np.arange(modes) / modes
    return _round(radius * np.stack([np.cos(angles), np.sin(angles)], 1), n, std, random_state, "ring_of_gaussians")


def grid_of_gaussians(
    n: int = 5000, side: int = 5, *, spacing: float = 2.0, std: float = 0.05, random_state: Any = None
) -> tuple[Points, Points]:
    """Points round centres on a square grid, about equally many round each.

    Parameters
    ----------
    n : points.
    side : centres along a side.
    spacing : of centres.
    std : of the points round a centre, along each axis.
    random_state : None, an integer, a RandomState or a Generator.

    Returns
    -------
    points (n, 2), centres (side * side, 2)

    Examples
    --------
    >>> points, centres = grid_of_gaussians(100, random_state=0)
    >>> points.shape, centres.shape
    ((100, 2), (25, 2))
    """
    check("grid_of_gaussians(side)", side, integer(1))
    check("grid_of_gaussians(spacing)", spacing, number(0, closed="neither"))
    places = spacing * (np.arange(side) - (side - 1) / 2)
    centres = np.stack(np.meshgrid(places, places), -1).reshape(-1, 2)
    return _round(centres, n, std, random_state, "grid_of_gaussians")


def _round(centres: NDArray[Any], n: int, std: float, random_state: Any, where: str) -> tuple[Points, Points]:
    check(f"{where}(n)", n, integer(1))
    check(f"{where}(std)", std, number(0, closed="neither"))
    draw = np.random.default_rng(to_seed(random_state))
    which = draw.permutation(np.arange(n) % len(centres))
    points = centres[which] + std * draw.standard_normal((n, 2))
    return points.astype(np.float32), centres.astype(np.float32)
