"""Mode coverage: which of the known centres samples have found, and how many samples are good.

A sample is good where its nearest centre is at most k standard deviations away; a mode is found where it is the nearest
centre of a good sample, of `least` of them at least.

Srivastava et al., *VEEGAN: reducing mode collapse in GANs using implicit variational learning*, 2017.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from netwright.core.arrays import require_finite
from netwright.core.errors import InvalidData, problem
from netwright.core.validation import check, integer, number


class ModeCoverage(NamedTuple):
    """What samples of a mixture with known centres are like.

    Attributes
    ----------
    found : centres with good samples.
    modes : all centres.
    good : share of samples that are good.
    counts : (modes,) good samples of each centre.
    """

    found: int
    modes: int
    good: float
    counts: NDArray[np.int64]

    def __str__(self) -> str:
        return f"{self.found} of {self.modes} modes, {self.good:.1%} good samples"


def mode_coverage(samples: Any, centres: Any, std: float, *, within: float = 3.0, least: int = 1) -> ModeCoverage:
    """How many modes of a mixture samples have found, and the share of good ones.

    Parameters
    ----------
    samples : (n, d).
    centres : (modes, d).
    std : of the points round a centre, along each axis, > 0.
    within : standard deviations of the nearest centre within which a sample is good, > 0.
    least : good samples with which a mode counts as found, >= 1.

    Raises
    ------
    InvalidData : other shapes, numbers that are not finite.

    Examples
    --------
    >>> print(mode_coverage([[0.1, 0.0], [5.0, 5.0]], [[0.0, 0.0], [1.0, 0.0]], std=0.05))
    1 of 2 modes, 50.0% good samples
    """
    check("mode_coverage(std)", std, number(0, closed="neither"))
    check("mode_coverage(within)", within, number(0, closed="neither"))
    check("mode_coverage(least)", least, integer(1))
    points, places = np.asarray(samples, dtype=np.float64), np.asarray(centres, dtype=np.float64)
    if (
        points.ndim != 2
        or places.ndim != 2
        or points.shape[1:] != places.shape[1:]
        or not (points.size and places.size)
    ):
        got = f"{points.shape} and {places.shape}"
        raise InvalidData(problem("mode_coverage(samples, centres)", "(n, d) and (modes, d)", got))
    require_finite(points, "mode_coverage(samples)")
    require_finite(places, "mode_coverage(centres)")
    distance, nearest = cKDTree(places).query(points)
    good = distance <= within * std
    counts = np.bincount(nearest[good], minlength=len(places))
    return ModeCoverage(int((counts >= least).sum()), len(places), float(good.mean()), counts)
