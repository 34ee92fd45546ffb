"""Contrastive divergence: an estimate of the gradient of the log-likelihood of a restricted Boltzmann machine.

The gradient is what the rows say less what the machine says; of a batch of m rows v and M chains, with P the
probabilities s(c + v W)::

    d log p / dW = <v h>_data - <v h>_model     is estimated by     V^T P / m - V'^T P' / M
    d log p / dc = <h>_data - <h>_model                             mean of P - mean of P'
    d log p / db = <v>_data - <v>_model                             mean of V - mean of V'

    contrastive divergence (CD-k)   V' is what k sweeps h -> v -> h make of h drawn from P; M = m
    persistent chains (PCD-k)       V' is what k more sweeps make of chains that are never reset; M = batch_size

Hidden units are drawn, but where they are counted their probabilities are (less noise, the same mean); visible units
are drawn, so that with k the estimate goes to the gradient. The step at the learning rate e::

    velocity <- mu velocity + e (gradient - lambda W)               lambda for W only, not for biases
    W <- W + velocity

======== ===================== ================================== =========
symbol   option                meaning                            unit
======== ===================== ================================== =========
e        ``learning_rate``     length of the step                 1
mu       ``momentum``          share of the last step that stays  0 to 1
lambda   ``weight_decay``      pull of weights to zero            1
k        ``steps``             sweeps of a chain in an update     sweeps
======== ===================== ================================== =========

References: Hinton: Training products of experts by minimizing contrastive divergence, 2002; Tieleman: Training
restricted Boltzmann machines using approximations to the likelihood gradient, 2008; Hinton: A practical guide to
training restricted Boltzmann machines, 2010.

Both are means over their own rows, so a last batch that is smaller makes a step like the others (NeuPy's rule scales it
up by batch_size / m).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numba
import numpy as np

from netwright.classical.energy.boltzmann import Array, Machine
from netwright.classical.energy.logistic import logistic_32, logistic_64
from netwright.core.seeds import derive

SMALLEST = np.float32(1e-30)  # what shrinks below it is 0: processors are slow with subnormal numbers


class Gradient(NamedTuple):
    """A direction for the parameters of a machine, in their order and shapes."""

    weights: Array
    hidden_bias: Array
    visible_bias: Array


class Step(NamedTuple):
    """How far and with what an update goes along a gradient."""

    rate: float
    momentum: float = 0.0
    decay: float = 0.0


class State(NamedTuple):
    """What an update changes: the machine, the velocity where there is momentum, the chains where they persist."""

    machine: Machine
    velocity: Gradient | None = None
    chains: Array | None = None


class Noise:
    """The random numbers of one epoch: uniform for hidden units, uniform or normal for visible ones.

    Each sweep has two generators of its own, whose numbers are used up row by row, so that they depend on the seed and
    on the place of a row in the epoch only.
    """

    def __init__(self, seed: int, epoch: int, steps: int) -> None:
        self._hidden = [np.random.default_rng(derive(seed, "epoch", epoch, "hidden", k)) for k in range(steps)]
        self._visible = [np.random.default_rng(derive(seed, "epoch", epoch, "visible", k)) for k in range(steps)]

    def draw(self, machine: Machine, rows: int) -> tuple[list[Array], list[Array]]:
        """For each sweep the numbers (rows, n_hidden), and the numbers (rows, n_features)."""
        features, units = machine.weights.shape
        dtype = machine.weights.dtype.type
        hidden = [rng.random((rows, units), dtype) for rng in self._hidden]
        if machine.gaussian:
            return hidden, [rng.standard_normal((rows, features), dtype) for rng in self._visible]
        return hidden, [rng.random((rows, features), dtype) for rng in self._visible]


def learn(state: State, pieces: Iterable[Array], batch_size: int, noise: Noise, step: Step) -> State:
    """One epoch over pieces of rows, batch by batch; machine and velocity are changed in place.

    Parameters
    ----------
    pieces : arrays (rows, n_features); a batch does not reach from one into the next.
    """
    machine, velocity, chains = state
    for batch in batches(pieces, batch_size):
        drawn = noise.draw(machine, len(batch if chains is None else chains))
        direction, chains = gradient(machine, batch, *drawn, chains)
        advance(machine, velocity, direction, step)
    return State(machine, velocity, chains)


def batches(pieces: Iterable[Array], batch_size: int) -> Iterator[Array]:
    """Each piece cut into batches; the last one of a piece may be smaller."""
    for rows in pieces:
        yield from (rows[start : start + batch_size] for start in range(0, len(rows), batch_size))


def gradient(
    machine: Machine,
    rows: Array,
    hidden_noise: Sequence[Array],
    visible_noise: Sequence[Array],
    chains: Array | None = None,
) -> tuple[Gradient, Array | None]:
    """The estimate from one batch, and the chains after it.

    Parameters
    ----------
    machine : its weights are C-contiguous.
    rows : the batch, (m, n_features).
    hidden_noise : for each of k sweeps uniform numbers, (M, n_hidden): a unit is 1 where its number is below p.
    visible_noise : for each of k sweeps uniform numbers, or standard normal ones for Gaussian units, (M, n_features).
    chains : states of the hidden units of persistent chains, (M, n_hidden); None begins at the rows, and M = m.
    """
    positive = rows @ machine.weights
    if chains is None:
        hidden, ahead = np.empty_like(positive), hidden_noise[1:]
        _activate_and_draw(positive, machine.hidden_bias, hidden_noise[0], hidden)
    else:
        hidden, ahead = chains, hidden_noise
        _activate(positive, machine.hidden_bias)
    for sweep, numbers in enumerate(visible_noise):
        visible = _visible(machine, hidden, numbers)
        negative = visible @ machine.weights
        if sweep < len(ahead):
            hidden = np.empty_like(negative)
            _activate_and_draw(negative, machine.hidden_bias, ahead[sweep], hidden)
        else:
            _activate(negative, machine.hidden_bias)
    ups, downs = rows.T @ positive, visible.T @ negative
    hidden_bias, visible_bias = (np.zeros(width, ups.dtype) for width in ups.shape[::-1])
    _contrast(ups, downs, rows, positive, visible, negative, hidden_bias, visible_bias)
    return Gradient(ups, hidden_bias, visible_bias), None if chains is None else hidden


def _visible(machine: Machine, hidden: Array, numbers: Array) -> Array:
    """Visible units drawn from p(v | h) with these random numbers."""
    inputs = hidden @ machine.weights.T
    if machine.gaussian:
        inputs += machine.visible_bias
        inputs += numbers
        return inputs
    visible = np.empty_like(inputs)
    _activate_and_draw(inputs, machine.visible_bias, numbers, visible)
    return visible


def advance(machine: Machine, velocity: Gradient | None, direction: Gradient, step: Step) -> None:
    """One update, in place; `direction` is used up."""
    rate, momentum, decay = map(machine.weights.dtype.type, step)
    if velocity is None:
        _descend(*machine[:3], *direction, rate, decay)
    else:
        _descend_with_momentum(*machine[:3], *direction, *velocity, rate, momentum, decay)


@numba.njit(cache=True, error_model="numpy")
def _activate(inputs: Any, bias: Any) -> None:
    """Probabilities s(inputs + bias) over the inputs, (n, units)."""
    for i in range(inputs.shape[0]):
        for j in range(inputs.shape[1]):
            if inputs.itemsize == 4:
                inputs[i, j] = logistic_32(inputs[i, j] + bias[j])
            else:
                inputs[i, j] = logistic_64(inputs[i, j] + bias[j])


@numba.njit(cache=True, error_model="numpy")
def _activate_and_draw(inputs: Any, bias: Any, uniforms: Any, states: Any) -> None:
    """Probabilities over the inputs, and states that are 1 where the uniform number is below; all (n, units)."""
    for i in range(inputs.shape[0]):
        for j in range(inputs.shape[1]):
            if inputs.itemsize == 4:
                inputs[i, j] = logistic_32(inputs[i, j] + bias[j])
            else:
                inputs[i, j] = logistic_64(inputs[i, j] + bias[j])
            states[i, j] = uniforms[i, j] < inputs[i, j]


@numba.njit(cache=True, error_model="numpy")
def _contrast(
    ups: Any, downs: Any, rows: Any, positive: Any, visible: Any, negative: Any, hidden_bias: Any, visible_bias: Any
) -> None:
    """Means over rows less means over chains: of the sums `ups` (overwritten) and `downs`, and of the units."""
    per_row, per_chain = ups.dtype.type(1 / len(rows)), ups.dtype.type(1 / len(visible))
    for i in range(ups.shape[0]):
        for j in range(ups.shape[1]):
            ups[i, j] = per_row * ups[i, j] - per_chain * downs[i, j]
    for i in range(len(rows)):
        for j in range(positive.shape[1]):
            hidden_bias[j] += per_row * positive[i, j]
        for j in range(rows.shape[1]):
            visible_bias[j] += per_row * rows[i, j]
    for i in range(len(visible)):
        for j in range(negative.shape[1]):
            hidden_bias[j] -= per_chain * negative[i, j]
        for j in range(visible.shape[1]):
            visible_bias[j] -= per_chain * visible[i, j]


@numba.njit(cache=True, error_model="numpy")
def _normal(x: Any) -> Any:
    return x if abs(x) > SMALLEST else x * 0  # NaN stays


@numba.njit(cache=True, error_model="numpy")
def _descend(w: Any, c: Any, b: Any, for_w: Any, for_c: Any, for_b: Any, rate: Any, decay: Any) -> None:
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            w[i, j] = _normal(w[i, j] + rate * (for_w[i, j] - decay * w[i, j]))
        b[i] += rate * for_b[i]
    for j in range(w.shape[1]):
        c[j] += rate * for_c[j]


@numba.njit(cache=True, error_model="numpy")
def _descend_with_momentum(
    w: Any, c: Any, b: Any, for_w: Any, for_c: Any, for_b: Any, of_w: Any, of_c: Any, of_b: Any, *how: Any
) -> None:
    rate, momentum, decay = how
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            of_w[i, j] = _normal(momentum * of_w[i, j] + rate * (for_w[i, j] - decay * w[i, j]))
            w[i, j] = _normal(w[i, j] + of_w[i, j])
        of_b[i] = _normal(momentum * of_b[i] + rate * for_b[i])
        b[i] += of_b[i]
    for j in range(w.shape[1]):
        of_c[j] = _normal(momentum * of_c[j] + rate * for_c[j])
        c[j] += of_c[j]
