"""Outstar: the weights that leave an active input move towards the pattern t, until the input alone recalls it.

For a row x and the pattern t, one number a unit::

    w_ij <- w_ij + eta x_j (t_i - w_ij)                 only columns of active inputs move
    recall:  W x

Column j of W becomes a mean of the patterns at which input j was active that forgets, the last ones weighing most. It
is the instar rule with the parts of input and output exchanged: an instar recognises a pattern, an outstar recalls it.

======== ===================== =============================================== ==============
symbol   option                meaning                                         unit
======== ===================== =============================================== ==============
eta      ``learning_rate``     share of the way for an input of 1              0 to 1
t        y of ``fit``          the pattern to be recalled                      as W
======== ===================== =============================================== ==============

References: Grossberg: Some networks that can learn, remember, and reproduce any number of complicated space-time
patterns, 1969; Hagan, Demuth, Beale, De Jesus: Neural network design, 2014 (chapter on associative learning).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

import numba
import numpy as np
from numpy.typing import NDArray

from netwright.classical.associative.associator import OPTIONS, Array, Associator
from netwright.classical.associative.presentation import require_stable
from netwright.classical.rates import varying
from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, checks_options


class Outstar(Associator):
    """Outstar rule, w_.j <- w_.j + eta x_j (t - w_.j): the columns of active inputs move towards the pattern.

    A row costs n_units n_features operations.

    Parameters
    ----------
    n_units : units, the length of a pattern; None for as many as y has columns.
    learning_rate : eta, in (0, 1]: a number, a pair (first, last) or a schedule.
    init : the weights to begin with, (n_units, n_features); None for 0; "normal" for random rows of length 1.
    epochs : times that fit shows all rows, >= 1; also the length of a falling learning rate.
    shuffle : show the rows of each epoch in a random order; False: as they come.
    random_state : seed of weights and orders; None, an integer >= 0, a RandomState or a Generator.
    checkpoint, resume : a folder, or `netwright.train.Checkpoints`, in which `fit` is written down after epochs, and
        whether a fit that was killed goes on from what is there, to the same bits.

    Attributes
    ----------
    weights_ : (n_units, n_features); column j is what input j recalls.
    n_iter_ : epochs done.
    seed_ : the seed that random_state gave.
    n_features_in_ : width of X.

    Notes
    -----
    X (n, n_features), y (n,) or (n, n_units) -> recalled patterns (n,) or (n, n_units)

    Raises
    ------
    InvalidData : a negative input, named with its place; no y.
    InvalidParameter : a rate that times an input is above 2, at which weights leave the patterns for ever.

    Examples
    --------
    Two bells, each heard with a picture of four pixels; then each recalls its own.

    >>> from netwright.classical import Outstar
    >>> bells, pictures = [[1, 0], [0, 1]], [[1, 0, 0, 1], [0, 1, 1, 0]]
    >>> outstar = Outstar(learning_rate=0.5, epochs=10).fit(bells, pictures)
    >>> outstar.predict(bells).round(2).tolist()
    [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]

    References
    ----------
    Grossberg: Some networks that can learn, remember, and reproduce any number of complicated space-time patterns,
    1969.
    Hagan, Demuth, Beale, De Jesus: Neural network design, 2014.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {**OPTIONS, "learning_rate": varying(0, 1)}

    @checks_options
    def __init__(
        self,
        n_units: int | None = None,
        *,
        learning_rate: Any = 0.1,
        init: Any = None,
        epochs: int = 1,
        shuffle: bool = False,
        random_state: Any = None,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.n_units = n_units
        self.learning_rate = learning_rate
        self.init = init
        self.epochs = epochs
        self.shuffle = shuffle
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.resume = resume

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags

    def _needs_targets(self) -> bool:
        return True

    def _is_silent(self) -> bool:
        return True

    def _fixed(self) -> int:
        return 0

    def _greatest_rate(self) -> float:
        return 1.0

    def _learn(
        self, weights: Array, rows: Array, activity: Array | None, order: NDArray[np.intp], rates: Array
    ) -> None:
        assert activity is not None
        require_stable("Outstar", "X", rows, float(rates.max()))
        columns = weights.T.copy()
        _learn_epoch(columns, rows, activity, order, rates)
        weights[:] = columns.T

    def _examine(self, before: Array, after: Array, rows: Array, activity: Array | None) -> None:
        """Nothing to warn of: a stable rate was asked for before."""

    def _output(self, rows: Array) -> Array:
        return rows @ self.weights_.T

    def _refuse(self, rows: Array, rate: float, listening: bool) -> NoReturn:
        raise InvalidParameter(
            problem("Outstar.fit(y)", "patterns whose weights stay finite", "numbers near overflow", "Scale y.")
        )


@numba.njit(cache=True, nogil=True)
def _move(column: Any, pattern: Any, step: Any) -> None:
    """w <- w + step (t - w), of one input."""
    for unit in range(len(column)):
        column[unit] += step * (pattern[unit] - column[unit])


@numba.njit(cache=True, nogil=True)
def _learn_epoch(columns: Any, rows: Any, patterns: Any, order: Any, rates: Any) -> None:
    """One epoch on the transposed weights, a row an input."""
    for place in range(len(order)):
        i = order[place]
        for f in range(len(columns)):
            step = rates[place] * rows[i, f]
            if step != 0.0:
                _move(columns[f], patterns[i], step)
