"""What a restricted Boltzmann machine is: its energy, its conditional distributions and its free energy, on arrays.

Visible units v_i and hidden units h_j in {0, 1}; weights w_ij join units of the two kinds only. With the biases b of
the visible and c of the hidden units, p(v, h) = exp(-E(v, h)) / Z and s the logistic function::

    Bernoulli   E(v, h) = -b v - c h - v W h                      v_i in {0, 1}
    Gaussian    E(v, h) = 1/2 |v - b|^2 - c h - v W h             v_i real, of unit variance
    p(h_j = 1 | v) = s(c_j + (v W)_j)                             of both
    p(v_i = 1 | h) = s(b_i + (W h)_i)                             Bernoulli
    v_i | h ~ N(b_i + (W h)_i, 1)                                 Gaussian
    F(v) = -log sum_h exp(-E(v, h)) = E(v, 0) - sum_j log(1 + exp(c_j + (v W)_j)) + c 0
    log p(v_i | the others) = log s(F(v with 1 - v_i) - F(v))     Bernoulli

=========== =================== =========================
symbol      name                shape
=========== =================== =========================
W           ``weights``         (n_features, n_hidden)
c           ``hidden_bias``     (n_hidden,)
b           ``visible_bias``    (n_features,)
=========== =================== =========================

References: Smolensky: Information processing in dynamical systems, 1986; Welling, Rosen-Zvi, Hinton: Exponential family
harmoniums with an application to information retrieval, 2005; Besag: Statistical analysis of non-lattice data, 1975
(the pseudo-likelihood).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.core.seeds import derive

Array = NDArray[Any]


class Machine(NamedTuple):
    """The parameters of a machine, and whether its visible units are Gaussian."""

    weights: Array
    hidden_bias: Array
    visible_bias: Array
    gaussian: bool = False


def hidden_probabilities(machine: Machine, rows: Array) -> Array:
    """p(h = 1 | v) of each row: (n, n_features) -> (n, n_hidden)."""
    return logistic(rows @ machine.weights + machine.hidden_bias)


def visible_means(machine: Machine, hidden: Array) -> Array:
    """The mean of p(v | h), which are probabilities of Bernoulli units: (n, n_hidden) -> (n, n_features)."""
    inputs = hidden @ machine.weights.T + machine.visible_bias
    return inputs if machine.gaussian else logistic(inputs)


def reconstruction(machine: Machine, rows: Array) -> Array:
    """Up and down without chance, the mean of p(v | h = p(h | row)): (n, n_features) -> (n, n_features)."""
    return visible_means(machine, hidden_probabilities(machine, rows))


def free_energy(machine: Machine, rows: Array) -> Array:
    """F(v) of each row: (n, n_features) -> (n,)."""
    inputs = softplus(rows @ machine.weights + machine.hidden_bias).sum(axis=1)
    if machine.gaussian:
        return 0.5 * np.square(rows - machine.visible_bias).sum(axis=1) - inputs
    return -(rows @ machine.visible_bias) - inputs


def log_pseudo_likelihood(machine: Machine, rows: Array, columns: Array | None = None) -> Array:
    """The sum over i of log p(v_i | the others) for each row, of Bernoulli units: (n, n_features) -> (n,).

    Parameters
    ----------
    columns : the i of each row, (n, m); None for all.
    """
    inputs = rows @ machine.weights + machine.hidden_bias
    before = softplus(inputs).sum(axis=1)
    everyone, total = np.arange(len(rows)), np.zeros(len(rows), rows.dtype)
    for column in range(rows.shape[1]) if columns is None else columns.T:
        flip = 1 - 2 * rows[everyone, column]
        after = softplus(inputs + flip[:, None] * machine.weights[column]).sum(axis=1)
        total -= softplus(after - before + flip * machine.visible_bias[column])
    return total


def gibbs(machine: Machine, rows: Array, steps: int, seed: int, means: bool = False) -> Array:
    """Visible units after so many sweeps v -> h -> v from each row; the numbers that row i draws depend on i only.

    Parameters
    ----------
    steps : sweeps, >= 1.
    seed : of all draws; each sweep and each kind of unit has a generator of its own.
    means : whether to give the mean of the last p(v | h) in place of a draw from it.

    Shapes
    ------
    (n, n_features) -> (n, n_features)
    """
    for step in range(steps):
        hidden = tossed(hidden_probabilities(machine, rows), derive(seed, "hidden", step))
        last = step == steps - 1
        rows = visible_units(machine, hidden, None if means and last else derive(seed, "visible", step))
    return rows


def visible_units(machine: Machine, hidden: Array, seed: int | None) -> Array:
    """Visible units drawn from p(v | h), or without a seed the means: (n, n_hidden) -> (n, n_features)."""
    means = visible_means(machine, hidden)
    if seed is None:
        return means
    if machine.gaussian:
        return means + np.random.default_rng(seed).standard_normal(means.shape, means.dtype)
    return tossed(means, seed)


def tossed(probabilities: Array, seed: int) -> Array:
    """1 with each probability, else 0."""
    uniforms = np.random.default_rng(seed).random(probabilities.shape, probabilities.dtype)
    return (uniforms < probabilities).astype(probabilities.dtype)


def logistic(x: Array) -> Array:
    """1 / (1 + e^-x); writes over x."""
    with np.errstate(over="ignore"):  # e^-x is infinite where 1 / (1 + e^-x) is 0
        np.exp(np.negative(x, out=x), out=x)
    x += 1
    return np.reciprocal(x, out=x)


def softplus(x: Array) -> Array:
    """log(1 + e^x), also where e^x is not a finite number."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
