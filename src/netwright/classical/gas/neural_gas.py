"""Neural gas: units that spread over the data like a gas, each moved by how near it is among all.

For a row x the units are ranked by their distance to it, k = 0 for the nearest; then for all units i, at the time t
that runs from 0 to 1 over all epochs::

    h_k  = exp(-k / lambda(t))
    w_i <- w_i + eps(t) h_k(i) (x - w_i)                online
    w_i <- sum_x h_k(i, x) x / sum_x h_k(i, x)          batch, once an epoch
    eps(t) = eps_i (eps_f / eps_i)^t,  lambda(t) = lambda_i (lambda_f / lambda_i)^t,  T(t) = T_i (T_f / T_i)^t

Edges, by competitive Hebbian learning, online: the two nearest units, i0 and i1, are joined, or their edge gets the age
0; then all edges of i0 are one older, and those older than T(t) go. In batch: at the end the two nearest of each row.

=============== ======================= ===================================================
symbol          argument                meaning
=============== ======================= ===================================================
N               ``n_units``             number of units
eps_i, eps_f    ``learning_rate``       share of the way to the row that the nearest unit goes
lambda_i, _f    ``neighborhood_range``  ranks after which the share is 1/e of it
T_i, T_f        ``max_age``             wins of its end that an edge outlives without being used
=============== ======================= ===================================================

References: Martinetz, Schulten: A "neural-gas" network learns topologies, 1991; Martinetz, Berkovich, Schulten:
"Neural-gas" network for vector quantization and its application to time-series prediction, 1993; Cottrell, Hammer,
Hasenfuss, Villmann: Batch and median neural gas, 2006.

Where the papers are silent: of units at equal distances the earlier has the lower rank. Shares h_k below 1e-20 are not
carried out, and a pair (first, last) falls exponentially here, not linearly as in the other networks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from netwright.classical.chunks import one_thread
from netwright.classical.competing_units import CompetingUnits
from netwright.classical.gas.edges import (
    components,
    connect,
    drop_old,
    from_pairs,
    has_room,
    to_pairs,
    widened,
)
from netwright.classical.nearest import (
    FIRST_UNITS,
    distances,
    feature_major,
    first_units,
    least,
    nearest,
    pull,
    require_squares,
    scratch,
    shown_rows,
    squared_distances,
    two_least,
    two_nearest,
    warn_of_twins,
)
from netwright.classical.rates import over_steps, varying
from netwright.core.errors import InvalidParameter, problem
from netwright.core.seeds import RANDOM_STATE, to_seed
from netwright.core.validation import Constraint, boolean, checks_options, integer, nothing, one_of

REACH = -math.log(1e-20)  # ranks over lambda up to which shares are carried out
SHARP = 1e-3  # lambda from which down exp(-1 / lambda) is 0: schedules may end at 0
CHUNK = 1024  # rows whose ranks are in memory together


class NeuralGas(CompetingUnits):
    """Place units where the data lie, w_i += eps exp(-rank / lambda) (x - w_i), and join those that share rows.

    A vector quantiser that depends little on its first units, since at first each row moves all of them. It has no grid
    that data must fit; which units are neighbours is learned.

    Parameters
    ----------
    n_units : number of units, >= 1.
    algorithm : "online", row by row, or "batch", means of all rows, once an epoch, which needs fewer epochs and has no
        rate.
    learning_rate : share of the way to a row that its nearest unit goes, in (0, 1]; a pair (first, last) falls
        exponentially over the run, a number stays, a schedule does as it says. The paper of 1991 ends at 0.05, that of
        1993 at 0.005, which wants forty thousand rows and more. For "online" only.
    neighborhood_range : ranks after which the share is 1/e of that (lambda), > 0, as `learning_rate`; from the ten
        nearest to the nearest alone by default, as in the paper of 1993.
    max_age : an edge goes when its end won that many times since it was used last (wins), > 0, as `learning_rate`; the
        paper's pair by default; None for no edges. In batch edges have the age 0.
    epochs : times that each row is shown in `fit`, >= 1.
    init : "sample", as many rows by chance, or an array of the first units (which then says their number).
    shuffle : rows in another order in each epoch; False in their own.
    random_state : seed of rows and orders.
    checkpoint, resume : a folder, or `netwright.train.Checkpoints`, in which `fit` is written down after epochs, and
        whether a fit that was killed goes on from what is there, to the same bits.

    Attributes
    ----------
    weights_ : the units, (n_units, n_features).
    labels_ : nearest unit of each row of the last call, (n,).
    quantization_error_ : mean distance of the rows of the last call to their nearest units.
    edges_ : pairs of units that are joined, sorted, (n_edges, 2).
    ages_ : wins of an end of each edge since it was used, (n_edges,).
    component_ : connected component of each unit, (n_units,); 0 has the most rows of the last call.
    n_iter_ : epochs done.
    seed_ : seed that `random_state` gave.

    Notes
    -----
    X (n, n_features) -> predict (n,), transform (n, n_units)

    Raises
    ------
    InvalidData : NaN, infinity, fewer rows than units, numbers whose squares are too large.
    InvalidParameter : an option that cannot be, or first units of another width.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from netwright.classical import NeuralGas
    >>> X, y = make_moons(1000, noise=0.05, random_state=0)
    >>> gas = NeuralGas(60, random_state=0).fit(X)
    >>> gas.weights_.shape, round(gas.quantization_error_, 3)
    ((60, 2), 0.049)
    >>> len(np.unique(gas.component_))
    2

    References
    ----------
    Martinetz, Schulten, *A "neural-gas" network learns topologies*, 1991. Martinetz, Berkovich, Schulten,
    *"Neural-gas" network for vector quantization and its application to time-series prediction*, 1993. Cottrell,
    Hammer, Hasenfuss, Villmann, *Batch and median neural gas*, 2006.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "n_units": integer(1),
        "algorithm": one_of("online", "batch"),
        "learning_rate": varying(0, 1),
        "neighborhood_range": varying(0, closed="neither"),
        "max_age": varying(0, closed="neither") | nothing,
        "epochs": integer(1),
        "init": FIRST_UNITS,
        "shuffle": boolean,
        "random_state": RANDOM_STATE,
    }

    @checks_options
    def __init__(
        self,
        n_units: int = 8,
        *,
        algorithm: str = "online",
        learning_rate: Any = (0.5, 0.05),
        neighborhood_range: Any = (10, 0.01),
        max_age: Any = (20, 200),
        epochs: int = 20,
        init: Any = "sample",
        shuffle: bool = True,
        random_state: Any = None,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.n_units = n_units
        self.algorithm = algorithm
        self.learning_rate = learning_rate
        self.neighborhood_range = neighborhood_range
        self.max_age = max_age
        self.epochs = epochs
        self.init = init
        self.shuffle = shuffle
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.resume = resume

    def predict(self, X: Any) -> NDArray[np.int64]:
        """The nearest unit of each row.

        Parameters
        ----------
        X : rows, (n, n_features).

        Returns
        -------
        places in ``weights_``, (n,)
        """
        return nearest(self._rows(X), self.weights_)[0]

    def _answers(self, rows: NDArray[Any]) -> NDArray[Any]:
        return distances(rows, self.weights_)

    def _begin(self, rows: NDArray[Any]) -> None:
        self.seed_, self.n_iter_ = to_seed(self.random_state), 0
        self.weights_ = first_units("NeuralGas", self.init, rows, self.n_units, self.seed_)
        if not len(self.weights_):
            remedy = "Give a row a unit."
            raise InvalidParameter(problem("NeuralGas(init)", "at least one unit", "none", remedy))
        warn_of_twins("NeuralGas", self.weights_)
        self.edges_, self.ages_ = np.zeros((0, 2), np.int64), np.zeros(0, np.int64)

    def _learn(self, rows: NDArray[Any], epochs: int) -> None:
        require_squares(rows)
        for _ in range(epochs):
            if self.algorithm == "batch":
                self.weights_ = batch_step(self.weights_, rows, self._spreads(1)[0])
            else:
                self._show(rows)
            self.n_iter_ += 1
        self.labels_, squares = nearest(rows, self.weights_)
        self.quantization_error_ = float(np.sqrt(squares).mean(dtype=np.float64))
        if self.algorithm == "batch" and self.max_age is not None and len(self.weights_) > 1:
            self.edges_ = np.unique(np.sort(two_nearest(rows, self.weights_), axis=1), axis=0)
            self.ages_ = np.zeros(len(self.edges_), np.int64)
        self.component_ = components(self.edges_, len(self.weights_), self.labels_)

    def _show(self, rows: NDArray[Any]) -> None:
        """An epoch of single rows."""
        n = len(self.weights_)
        order = shown_rows(len(rows), self.shuffle, self.seed_, self.n_iter_)
        rates, spreads = self._course("learning_rate", len(rows), 1).astype(rows.dtype), self._spreads(len(rows))
        joins = self.max_age is not None and n > 1
        ages = self._course("max_age", len(rows)) if joins else np.zeros(0)
        units, edges, done = feature_major(self.weights_), from_pairs(self.edges_, self.ages_, n), 0
        while True:
            done = learn_rows(units, edges, rows, order, rates, spreads, ages, done, *scratch(n, rows.dtype))
            if done == len(order):
                break
            edges = widened(edges, n)
        self.weights_ = units.T.copy()
        self.edges_, self.ages_ = to_pairs(edges, n)

    def _course(self, option: str, steps: int, most: float = math.inf) -> NDArray[np.float64]:
        """An option at each step of the epoch, (steps,)."""
        setting = getattr(self, option)
        if isinstance(setting, (tuple, list)):
            first, last = map(float, setting)
            times = np.minimum((self.n_iter_ + np.arange(steps) / steps) / self.epochs, 1.0)
            course: NDArray[np.float64] = first ** (1.0 - times) * last**times
            return course
        return over_steps(setting, self.n_iter_, self.epochs, steps, where=f"NeuralGas({option})", most=most)

    def _spreads(self, steps: int) -> NDArray[np.float64]:
        return np.maximum(self._course("neighborhood_range", steps), SHARP)


def batch_step(units: NDArray[Any], rows: NDArray[Any], spread: float) -> NDArray[Any]:
    """Means of all rows, weighted by exp(-rank / spread); a unit without weight stays.

    Shapes
    ------
    units (n_units, n_features), rows (n, n_features) -> (n_units, n_features)
    """
    shares = np.exp(-np.arange(len(units)) / spread)
    sums, weight = np.zeros(units.shape), np.zeros(len(units))
    with one_thread():
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            order = np.argsort(distances(chunk, units), axis=1, kind="stable")
            share = np.empty(order.shape)
            np.put_along_axis(share, order, np.broadcast_to(shares, order.shape), axis=1)
            sums += share.T @ chunk.astype(np.float64)
            weight += share.sum(axis=0)
    moved = weight > 1e-290  # below, numbers have lost digits
    means = np.where(moved[:, np.newaxis], sums / np.where(moved, weight, 1.0)[:, np.newaxis], units)
    return means.astype(units.dtype)


@numba.njit(cache=True, nogil=True)
def learn_rows(
    units: Any,
    edges: Any,
    rows: Any,
    order: Any,
    rates: Any,
    spreads: Any,
    ages: Any,
    start: int,
    squares: Any,
    bits: Any,
) -> int:
    """Show the rows of an epoch from place `start` on; the place of the first that edges had no room for."""
    n = units.shape[1]
    ranks = np.empty(n, np.int64)
    tiny = np.sqrt(np.finfo(units.dtype).tiny)
    for place in range(start, order.shape[0]):
        x = rows[order[place]]
        squared_distances(units, x, n, squares)
        if ages.shape[0] > 0:
            first, second = two_least(bits, n)
            if not (has_room(edges, first) and has_room(edges, second)):
                return place
            connect(edges, first, second)
            edges.wins[first] += 1
            drop_old(edges, first, ages[place], 0)
        reach = min(n, 1 + int(min(REACH * spreads[place], n)))
        if 4 * reach <= n:
            move_nearest(units, x, rates[place], spreads[place], reach, bits, tiny)
        else:
            move_all(units, x, rates[place], spreads[place], bits, ranks, tiny)
    return order.shape[0]


@numba.njit(cache=True, nogil=True)
def move_nearest(units: Any, x: Any, rate: Any, spread: float, reach: int, bits: Any, tiny: Any) -> None:
    """Move the `reach` nearest units, found one after the other."""
    n = units.shape[1]
    for rank in range(reach):
        unit = least(bits, n)
        bits[unit] = np.iinfo(bits.dtype).max
        share = units.dtype.type(rate * math.exp(-rank / spread))
        pull(units, unit, x, share, tiny)


@numba.njit(cache=True, nogil=True)
def move_all(units: Any, x: Any, rate: Any, spread: float, bits: Any, ranks: Any, tiny: Any) -> None:
    """Move all units; a rank is the number of those that are nearer, counted in vectors."""
    n = units.shape[1]
    shares = np.empty(n, units.dtype)
    for unit in range(n):
        nearer, own = 0, bits[unit]
        for other in range(unit):
            nearer += bits[other] <= own
        for other in range(unit, n):
            nearer += bits[other] < own
        shares[unit] = rate * math.exp(-nearer / spread)
    for j in range(units.shape[0]):
        target = x[j]
        for unit in range(n):
            difference = target - units[j, unit]
            moved = units[j, unit] + shares[unit] * difference
            units[j, unit] = target if abs(difference) < tiny else moved
