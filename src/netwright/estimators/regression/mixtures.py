"""Mixtures of Gaussians as arrays: their moments, densities, distribution functions, quantiles and samples.

For row i, weights w_k, means mu_k and deviations sigma_k of the components k, and Phi the normal distribution::

    E y      = sum_k w_k mu_k
    Var y    = sum_k w_k (sigma_k^2 + (mu_k - E y)^2)
    p(y)     = sum_k w_k prod_j N(y_j; mu_kj, sigma_kj^2)
    F(y)     = sum_k w_k Phi((y - mu_k) / sigma_k)                      for each number by itself
    q        = F(y_q)

A quantile lies between the least and the largest of those of the components, and is found there by bisection.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri

HALVINGS = 200  # at most; a bracket of doubles is closed after about 60
HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


class Mixture(NamedTuple):
    """One mixture a row.

    Attributes
    ----------
    weights : (n, K), rows that sum to 1. means, deviations : (n, K) for one number a target, (n, K, m) for m.
    """

    weights: np.ndarray
    means: np.ndarray
    deviations: np.ndarray


def moments(mixture: Mixture) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations, (n,) or (n, m).

    Examples
    --------
    >>> mixture = Mixture(np.array([[0.5, 0.5]]), np.array([[-1.0, 1.0]]), np.zeros((1, 2)))
    >>> moments(mixture)
    (array([0.]), array([1.]))
    """
    weights = _weights(mixture)
    mean = (weights * mixture.means).sum(1)
    lengths = np.hypot(mixture.deviations, mixture.means - mean[:, None])
    unit = lengths.max(1)  # squares of huge and of tiny lengths stay what they are
    unit[unit == 0] = 1.0
    return mean, unit * np.sqrt((weights * (lengths / unit[:, None]) ** 2).sum(1))


def log_density(mixture: Mixture, y: np.ndarray) -> np.ndarray:
    """log p of one target a row, (n,); y is (n,) or (n, m)."""
    z = (y[:, None] - mixture.means) / mixture.deviations
    logs = -(0.5 * z * z + np.log(mixture.deviations) + HALF_LOG_2PI)
    with np.errstate(divide="ignore"):  # a weight that has come down to 0
        result: np.ndarray = logsumexp(np.log(mixture.weights) + (logs.sum(2) if logs.ndim == 3 else logs), axis=1)
    return result


def cdf(mixture: Mixture, y: np.ndarray) -> np.ndarray:
    """P(Y <= y) of each number by itself, of the shape of y: (n,) or (n, m)."""
    z = (y[:, None] - mixture.means) / mixture.deviations
    result: np.ndarray = (_weights(mixture) * ndtr(z)).sum(1)
    return result


def quantile(mixture: Mixture, q: float) -> np.ndarray:
    """The q-quantile of each number by itself, (n,) or (n, m), by bisection.

    Examples
    --------
    >>> mixture = Mixture(np.ones((1, 1)), np.zeros((1, 1)), np.ones((1, 1)))
    >>> quantile(mixture, 0.975).round(4)
    array([1.96])
    """
    ends = mixture.means + mixture.deviations * ndtri(q)
    low, high = ends.min(1), ends.max(1)
    sign = 1.0 if q <= 0.5 else -1.0  # far out on the right the other tail has the digits
    weights, share = _weights(mixture), min(q, 1 - q)
    for _ in range(HALVINGS):
        middle = low + (high - low) / 2
        if ((middle <= low) | (middle >= high)).all():
            break
        tail = (weights * ndtr(sign * (middle[:, None] - mixture.means) / mixture.deviations)).sum(1)
        below = tail < share if sign > 0 else tail > share
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return low + (high - low) / 2


def sample(mixture: Mixture, n: int, rng: np.random.Generator) -> np.ndarray:
    """n targets of each row, (rows, n) or (rows, n, m)."""
    rows = len(mixture.weights)
    bounds = mixture.weights.cumsum(1)
    drawn = rng.random((rows, n)) * bounds[:, -1:]
    which = (drawn[:, :, None] >= bounds[:, None, :-1]).sum(2)  # (rows, n)
    where = np.arange(rows)[:, None], which
    means, deviations = mixture.means[where], mixture.deviations[where]
    return means + deviations * rng.standard_normal(means.shape)


def _weights(mixture: Mixture) -> np.ndarray:
    return mixture.weights if mixture.means.ndim == 2 else mixture.weights[:, :, None]
