"""Instar: the weights of a unit move towards the rows at which it is active, until it recognises them.

For a row x and the activity y_j of unit j::

    w_j <- w_j + eta y_j (x - w_j)                      only units that are active move

The activities are given with the row, or they are the units' own output, y_j = 1 where w_j . x + b > 0 and else 0. At a
constant rate w_j becomes a mean of the rows at which unit j was active that forgets, the last ones weighing most. Rows
and weights of length 1 give w . x = cos of the angle between them, and with b = -cos a the unit responds to rows within
the angle a of what it has learned.

======== ===================== =============================================== ==============
symbol   option                meaning                                         unit
======== ===================== =============================================== ==============
eta      ``learning_rate``     share of the way at activity 1                  0 to 1
b        ``bias``              minus the threshold                             net input
         ``n_unconditioned``   first columns of X, whose weights are fixed     columns
======== ===================== =============================================== ==============

References: Grossberg: Some networks that can learn, remember, and reproduce any number of complicated space-time
patterns, 1969; Hagan, Demuth, Beale, De Jesus: Neural network design, 2014 (chapter on associative learning).

It differs from NeuPy's Instar, which adds up the changes of all active units and gives the sum to every unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

import numba
import numpy as np
from numpy.typing import NDArray

from netwright.classical.associative.associator import CONDITIONING, OPTIONS, Array, Associator, net_input, steps
from netwright.classical.associative.presentation import require_stable
from netwright.classical.rates import varying
from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, checks_options


class Instar(Associator):
    """Instar rule, w <- w + eta y (x - w): active units move towards the row, the others stay.

    A row costs n_units n_features operations.

    Parameters
    ----------
    n_units : units; None for as many as y has columns, or one.
    learning_rate : eta, in (0, 1]: a number, a pair (first, last) or a schedule.
    bias : b, minus the net input above which a unit responds.
    n_unconditioned : number of the first columns of X whose weights are fixed, below n_features.
    init : the weights to begin with, (n_units, n_features); None for 1 at unconditioned inputs and 0 elsewhere;
        "normal" for random rows of length 1.
    epochs : times that fit shows all rows, >= 1; also the length of a falling learning rate.
    shuffle : show the rows of each epoch in a random order; False: as they come.
    random_state : seed of weights and orders; None, an integer >= 0, a RandomState or a Generator.
    checkpoint, resume : a folder, or `netwright.train.Checkpoints`, in which `fit` is written down after epochs, and
        whether a fit that was killed goes on from what is there, to the same bits.

    Attributes
    ----------
    weights_ : (n_units, n_features).
    n_iter_ : epochs done.
    seed_ : the seed that random_state gave.
    n_features_in_ : width of X.

    Notes
    -----
    X (n, n_features), y (n,) or (n, n_units) -> outputs 0 or 1, (n,) or (n, n_units)

    Raises
    ------
    InvalidData : a negative activity, named with its place; no y, and units that respond to nothing.
    InvalidParameter : a rate that times an activity is above 2, at which weights leave the rows for ever.

    Examples
    --------
    Two units are told when to learn; then each responds to what it has seen.

    >>> from netwright.classical import Instar
    >>> X = [[1.0, 0.0, 0.0], [0.9, 0.1, 0.0], [0.0, 0.0, 1.0]]
    >>> unit = Instar(learning_rate=0.5, epochs=20).fit(X, [[1, 0], [1, 0], [0, 1]])
    >>> unit.weights_.round(2).tolist()
    [[0.93, 0.07, 0.0], [0.0, 0.0, 1.0]]
    >>> unit.predict([[1.0, 0.2, 0.1], [0.2, 0.9, 0.3]]).tolist()
    [[1.0, 0.0], [0.0, 0.0]]

    References
    ----------
    Grossberg: Some networks that can learn, remember, and reproduce any number of complicated space-time patterns,
    1969.
    Hagan, Demuth, Beale, De Jesus: Neural network design, 2014.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {**OPTIONS, **CONDITIONING, "learning_rate": varying(0, 1)}

    @checks_options
    def __init__(
        self,
        n_units: int | None = None,
        *,
        learning_rate: Any = 0.1,
        bias: float = -0.5,
        n_unconditioned: int = 0,
        init: Any = None,
        epochs: int = 1,
        shuffle: bool = False,
        random_state: Any = None,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.n_units = n_units
        self.learning_rate = learning_rate
        self.bias = bias
        self.n_unconditioned = n_unconditioned
        self.init = init
        self.epochs = epochs
        self.shuffle = shuffle
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.resume = resume

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = True
        return tags

    def _needs_targets(self) -> bool:
        return False

    def _is_silent(self) -> bool:
        return self.bias <= 0

    def _fixed(self) -> int:
        return self.n_unconditioned

    def _greatest_rate(self) -> float:
        return 1.0

    def _learn(
        self, weights: Array, rows: Array, activity: Array | None, order: NDArray[np.intp], rates: Array
    ) -> None:
        if activity is not None:
            require_stable("Instar", "y", activity, float(rates.max()))
            _associate(weights, rows, activity, order, rates, self.n_unconditioned)
        else:
            _listen(weights, rows, order, rates, self.n_unconditioned, float(self.bias))

    def _examine(self, before: Array, after: Array, rows: Array, activity: Array | None) -> None:
        """Nothing to warn of: a stable rate was asked for before."""

    def _output(self, rows: Array) -> Array:
        return steps(self.weights_, rows, self.bias)

    def _refuse(self, rows: Array, rate: float, listening: bool) -> NoReturn:
        got = f"numbers up to {np.abs(rows).max():g}"
        raise InvalidParameter(problem("Instar.fit(X)", "rows whose weights stay finite", got, "Scale X."))


@numba.njit(cache=True, nogil=True)
def _move(weights: Any, row: Any, step: Any) -> None:
    """w <- w + step (x - w), of one unit."""
    if step != 0.0:
        for f in range(len(weights)):
            weights[f] += step * (row[f] - weights[f])


@numba.njit(cache=True, nogil=True)
def _associate(weights: Any, rows: Any, activity: Any, order: Any, rates: Any, fixed: Any) -> None:
    """One epoch with given activities."""
    for place in range(len(order)):
        i = order[place]
        for unit in range(len(weights)):
            _move(weights[unit, fixed:], rows[i, fixed:], rates[place] * activity[i, unit])


@numba.njit(cache=True, nogil=True)
def _listen(weights: Any, rows: Any, order: Any, rates: Any, fixed: Any, bias: Any) -> None:
    """One epoch with the units' own output."""
    for place in range(len(order)):
        row = rows[order[place]]
        for unit in range(len(weights)):
            if net_input(weights[unit], row) + bias > 0.0:
                _move(weights[unit, fixed:], row[fixed:], rates[place])
