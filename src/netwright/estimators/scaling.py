"""Scaling of columns to mean 0 and standard deviation 1, with sample weights, in double precision.

    mu_j = sum_i w_i x_ij / sum_i w_i,    sigma_j^2 = sum_i w_i (x_ij - mu_j)^2 / sum_i w_i

A constant column is moved to 0 and not divided. Columns of up to 1e300 do not overflow: they are first divided by a
power of two, which is exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from netwright.core.errors import InvalidData, problem

LEAST = 5e-324  # what a deviation below all numbers is taken for
LARGEST = 1e305  # of a target: the sum of the answers of a thousand networks is then a number, too


@dataclass(frozen=True)
class Scaler:
    """The means and standard deviations of columns; both have the shape of one sample."""

    mean: np.ndarray
    scale: np.ndarray

    def transform(self, values: np.ndarray) -> np.ndarray:
        """(x - mean) / scale; infinite where that is beyond all numbers."""
        unit = _power_of_two(self.scale)
        with np.errstate(over="ignore"):
            return (values / unit - self.mean / unit) / (self.scale / unit)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """x * scale + mean.

        Raises
        ------
        InvalidData : a finite number that becomes infinite; with its row.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # inf - inf too
            found: np.ndarray = values * self.scale + self.mean
        lost = np.isfinite(values) & ~np.isfinite(found)
        if lost.any():
            row = int(lost.reshape(len(lost), -1).any(axis=1).argmax())
            expected, got = (
                "an answer within 1.8e308",
                f"one beyond it in the unit of y: y has the scale {self.scale.max():.3g}",
            )
            remedy = (
                "Divide y by a power of ten before fit, or look at the size of the row's numbers beside those of fit."
            )
            raise InvalidData(problem(f"predict. Row {row}", expected, got, remedy))
        return found


def fit_scaler(values: np.ndarray, weight: np.ndarray | None = None) -> Scaler:
    """The scaler of the columns of ``values`` (n, ...), weighted by ``weight`` (n,).

    Examples
    --------
    >>> import numpy as np
    >>> fit_scaler(np.array([[1.0, 5.0], [3.0, 5.0]]))
    Scaler(mean=array([2., 5.]), scale=array([1., 1.]))
    """
    return _scaler(*_moments(np.asarray(values, dtype=np.float64), weight))


def target_scaler(values: np.ndarray, weight: np.ndarray | None = None) -> Scaler:
    """The scaler of a target (n, ...), as `fit_scaler` gives it, if it leaves room for answers and for sums of them.

    Raises
    ------
    InvalidData : a number beyond 1e305.

    Examples
    --------
    >>> target_scaler(np.array([-1e308, 1e308]))
    Traceback (most recent call last):
        ...
    netwright.core.errors.InvalidData: y: expected numbers within 1e305, got 1e+308. Divide y by a power of ten ...
    """
    largest = float(np.abs(np.asarray(values, dtype=np.float64)).max())
    if largest > LARGEST:
        remedy = "Divide y by a power of ten first: answers and sums of them have to be finite."
        raise InvalidData(problem("y", "numbers within 1e305", f"{largest:.3g}", remedy))
    return fit_scaler(values, weight)


def scaler_of_parts(parts: Iterable[np.ndarray], weight: np.ndarray | None = None) -> Scaler:
    """The scaler of columns that come in parts: (k_1, ...), (k_2, ...), as `fit_scaler` gives it for all at once.

    Means and deviations of parts are joined pairwise (Chan, Golub, LeVeque 1983), without cancellation or overflow.

    Examples
    --------
    >>> import numpy as np
    >>> scaler_of_parts([np.array([[1.0]]), np.array([[3.0], [5.0]])]).mean
    array([3.])
    """
    total, mean, deviation, start = 0.0, np.zeros(()), np.zeros(()), 0
    for part in parts:
        own = None if weight is None else weight[start : start + len(part)]
        start += len(part)
        its_mean, its_deviation = _moments(np.asarray(part, dtype=np.float64), own)
        mass = float(len(part) if own is None else own.sum())
        half, joined = its_mean / 2 - mean / 2, total + mass  # halves, as a difference may be beyond all numbers
        within = np.hypot(deviation * np.sqrt(total / joined), its_deviation * np.sqrt(mass / joined))
        deviation = np.hypot(within, half * (2 * np.sqrt(total * mass) / joined))
        mean, total = mean + 2 * (half * (mass / joined)), joined
    return _scaler(mean, deviation)


def _moments(values: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of columns."""
    unit = _power_of_two(np.abs(values).max(axis=0))
    small = values / unit
    mean = np.average(small, axis=0, weights=weight)
    deviation = np.sqrt(np.average((small - mean) ** 2, axis=0, weights=weight))
    rounding = deviation <= 10 * np.finfo(np.float64).eps * np.abs(mean)
    with np.errstate(over="ignore"):
        return mean * unit, np.where(rounding, 0.0, np.maximum(deviation * unit, LEAST))


def _scaler(mean: np.ndarray, deviation: np.ndarray) -> Scaler:
    """A column that is constant but for rounding is not divided."""
    constant = deviation <= 10 * np.finfo(np.float64).eps * np.abs(mean)
    return Scaler(mean, np.where(constant, 1.0, deviation))


def _power_of_two(size: np.ndarray) -> np.ndarray:
    """1 for ordinary sizes; for huge or tiny ones the power of two next to them, so that squares stay finite."""
    extreme = (size > 1e100) | ((size < 1e-100) & (size > 0))
    return np.where(extreme, np.ldexp(1.0, np.minimum(np.frexp(size)[1], 1023)), 1.0)  # 2^1024 is infinite
