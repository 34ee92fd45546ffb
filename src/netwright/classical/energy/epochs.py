"""The epochs of a restricted Boltzmann machine: where they begin, what each is told, how it is judged, when to give up.

After an epoch some rows, always the same, are asked how well the machine knows them: the mean square of a row less its
reconstruction, and for Bernoulli units the pseudo-likelihood estimated from some bits of each row,
n_features times the mean of log p(bit | the other bits).
"""

from __future__ import annotations

import numbers
import warnings
from typing import Any

import numpy as np

from netwright.classical.chunks import one_thread
from netwright.classical.energy.boltzmann import Array, Machine, log_pseudo_likelihood, reconstruction
from netwright.classical.energy.contrastive_divergence import Gradient, Noise, State, Step, learn
from netwright.classical.energy.pieces import WATCHED, Pieces
from netwright.classical.rates import over_steps
from netwright.core.errors import DivergenceWarning, InvalidParameter, problem, shown
from netwright.core.seeds import derive

SPREAD = 0.01  # standard deviation of the first weights
RATES = {"bernoulli": 0.1, "gaussian": 0.001}  # where none is given
BITS = 4  # of each watched row, whose probability is asked
MOST = 1e9  # size of a weight: no rate leads there but one at which the decay overshoots
BLOWN_UP = 1000.0  # times the mean square of the rows: a reconstruction that is further off is no learning

Record = dict[str, Any]


def run(rbm: Any, pieces: Pieces, epochs: int) -> tuple[State, list[Record]]:
    """So many epochs from where an `RBM` is, in arrays of their own; and the record of each.

    Where numbers blow up, a `DivergenceWarning` says so and the state before that epoch is given.

    Parameters
    ----------
    rbm : its options and its seed hold, and ``n_iter_`` epochs of it are done.
    """
    state = state_of(rbm)
    columns = np.random.default_rng(derive(rbm.seed_, "watched")).integers(pieces.width, size=(WATCHED, BITS))
    records: list[Record] = []
    with one_thread(), np.errstate(over="ignore", invalid="ignore"):
        for epoch in range(rbm.n_iter_, rbm.n_iter_ + epochs):
            before, step = _kept(state), step_at(rbm, epoch)
            rng = np.random.default_rng(derive(rbm.seed_, "epoch", epoch)) if rbm.shuffle else None
            noise = Noise(rbm.seed_, epoch, rbm.steps)
            state = learn(state, pieces.epoch(rng), rbm.batch_size, noise, step)
            rows = pieces.watched()
            record = judged(state.machine, rows, columns[: len(rows)])
            if is_lost(state.machine, rows, record):
                _warn(epoch + 1, step, state.machine.gaussian)
                return before, records
            records.append({"epoch": epoch + 1, **record})
    return state, records


def first_weights(init: Any, shape: tuple[int, int], seed: int, dtype: Any) -> Array:
    """The weights that an option stands for, (n_components, n_features), in a type.

    Raises
    ------
    InvalidParameter : an array of another shape, or with numbers that are not finite or beyond `MOST`.
    """
    if isinstance(init, str):
        return (SPREAD * np.random.default_rng(derive(seed, "weights")).standard_normal(shape)).astype(dtype)
    expected = f"finite numbers (n_components, n_features) = {shape}, up to {MOST:g} in size"
    try:
        given = np.asarray(init)
    except ValueError as error:  # rows of different lengths
        raise InvalidParameter(problem("RBM(init)", expected, shown(init))) from error
    if given.shape != shape or given.dtype.kind not in "biuf" or not np.abs(given).max() <= MOST:  # NaN neither
        got = f"an array of shape {given.shape} and type {given.dtype}"
        if given.shape == shape and given.dtype.kind in "biuf":
            got = f"{float(np.abs(given).max()):g}"
        raise InvalidParameter(problem("RBM(init)", expected, got, "Give one row for each hidden unit."))
    return given.astype(dtype)


def machine_of(rbm: Any) -> Machine:
    """What an `RBM` has learned."""
    return Machine(rbm.weights_.T, rbm.hidden_bias_, rbm.visible_bias_, rbm.visible == "gaussian")


def state_of(rbm: Any) -> State:
    """What an epoch changes, in arrays that it may write over."""
    machine, velocity, chains = copied(machine_of(rbm)), None, None
    if not (isinstance(rbm.momentum, numbers.Real) and rbm.momentum == 0):
        velocity = Gradient(*(np.array(part) for part in rbm._velocity or map(np.zeros_like, machine[:3])))
    if rbm.persistent:
        chains = getattr(rbm, "chains_", None)
        if chains is None:
            chains = np.zeros((rbm.batch_size, len(rbm.weights_)), machine.weights.dtype)
    return State(machine, velocity, chains)


def copied(machine: Machine) -> Machine:
    """The same machine in arrays of its own."""
    weights, hidden_bias, visible_bias = (np.array(array, order="C") for array in machine[:3])
    return Machine(weights, hidden_bias, visible_bias, machine.gaussian)


def step_at(rbm: Any, epoch: int) -> Step:
    """The rate, the momentum and the decay of an epoch, counted from 0.

    Raises
    ------
    InvalidParameter : a schedule with a negative value, or with a momentum beyond 1.
    """
    rate = RATES[rbm.visible] if rbm.learning_rate is None else rbm.learning_rate
    rates = over_steps(rate, epoch, rbm.epochs, 1, where="RBM(learning_rate)")
    momenta = over_steps(rbm.momentum, epoch, rbm.epochs, 1, where="RBM(momentum)", most=1.0)
    return Step(float(rates[0]), float(momenta[0]), float(rbm.weight_decay))


def judged(machine: Machine, rows: Array, columns: Array) -> dict[str, float]:
    """How well a machine knows rows, by name.

    Parameters
    ----------
    columns : the bits of each row that are asked, (n, m).
    """
    error = np.square(rows - reconstruction(machine, rows)).mean(dtype=np.float64)
    if machine.gaussian:
        return {"reconstruction_error": float(error)}
    likelihood = log_pseudo_likelihood(machine, rows, columns).mean(dtype=np.float64) * rows.shape[1] / columns.shape[1]
    return {"reconstruction_error": float(error), "pseudo_likelihood": float(likelihood)}


def is_lost(machine: Machine, rows: Array, record: dict[str, float]) -> bool:
    """Whether numbers are not finite or beyond `MOST`, or reconstructions of Gaussian units far beyond the rows."""
    if not max(float(np.abs(array).max()) for array in machine[:3]) <= max(MOST, 100.0 * float(np.abs(rows).max())):
        return True
    sums = [*record.values(), *(float(array.sum(dtype=np.float64)) for array in machine[:3])]
    far = machine.gaussian and record["reconstruction_error"] > BLOWN_UP * (1.0 + float(np.square(rows).mean()))
    return bool(far or not np.isfinite(sums).all())


def _kept(state: State) -> State:
    """A copy to come back to; chains are replaced by an epoch, and not written over."""
    velocity = None if state.velocity is None else Gradient(*map(np.copy, state.velocity))
    return State(copied(state.machine), velocity, state.chains)


def _warn(epoch: int, step: Step, gaussian: bool) -> None:
    rate = step.rate if step.rate * step.decay <= 1 else min(step.rate, 1 / step.decay)  # a decay must not overshoot
    remedy = f"The weights of the epoch before are kept. Try learning_rate={rate / 10:.3g}"
    remedy += ", and standardise the columns (sklearn.preprocessing.StandardScaler)." if gaussian else "."
    text = problem("RBM", "finite weights", f"numbers that blow up in epoch {epoch} at the rate {step.rate:g}", remedy)
    warnings.warn(text, DivergenceWarning, stacklevel=7)
