"""Sanger's rule, the generalised Hebbian algorithm: principal components one by one and in order.

For a centred row x and the weights W, a row for each unit::

    y = W x
    w_j <- w_j + eta y_j (x - sum_{i <= j} y_i w_i)     unit j takes what the units before it and itself leave

or W <- W + eta (y x^T - LT[y y^T] W), where LT sets what is above the diagonal to zero. So unit 1 learns by Oja's rule,
unit 2 by Oja's rule on what unit 1 leaves, and so on: w_j becomes the j-th principal axis (up to its sign), of length
1, where the variances of the axes differ.

========= =================== ================================== ==================
symbol    option              meaning                            unit
========= =================== ================================== ==================
          ``n_components``    units
eta       ``learning_rate``   stable below about 2 / max |x|^2   1 / (unit of X)^2
W         ``init``            orthonormal to begin with
========= =================== ================================== ==================

Reference: Sanger: Optimal unsupervised learning in a single-layer linear feedforward neural network, 1989.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from netwright.classical.associative.components import OPTIONS, Array, Components
from netwright.core.validation import Constraint, checks_options


class Sanger(Components):
    """Sanger's rule: principal axes in order, by w_j <- w_j + eta y_j (x - sum_{i <= j} y_i w_i).

    An epoch costs 6 n n_components n_features operations and no more memory than the rows; `partial_fit` takes streams.
    Later components wait for the earlier ones: give more epochs than to `Oja`.

    Parameters
    ----------
    n_components : units, in [1, n_features].
    learning_rate : eta, > 0: a number, a pair (first, last) or a schedule. None: from 1/R to 0.01/R, with R the
        greatest squared length of a centred row at the first call.
    center : subtract the mean of the rows seen so far. False, as in the paper: X is centred already, or the axes of its
        second moment are meant; with a warning where the mean outweighs the variance.
    init : the weights to begin with, (n_components, n_features), or "orthonormal": random and orthonormal.
    epochs : times that fit shows all rows, >= 1; also the length of a falling learning rate.
    shuffle : show the rows of each epoch in a random order; False: as they come.
    random_state : seed of weights and orders; None, an integer >= 0, a RandomState or a Generator.
    checkpoint, resume : a folder, or `netwright.train.Checkpoints`, in which `fit` is written down after epochs, and
        whether a fit that was killed goes on from what is there, to the same bits.

    Attributes
    ----------
    weights_ : the axes in order, (n_components, n_features).
    mean_ : what is subtracted from rows, (n_features,); zeros where `center` is False.
    explained_variance_ : variance of the rows of the last call that each component, after those before it, adds to
        what `inverse_transform` gives back, (n_components,); that of the outputs, where the weights are orthonormal.
    explained_variance_ratio_ : the same as a share of the variance of those rows.
    largest_square_ : R.
    n_samples_seen_ : rows shown, of all epochs and calls.
    n_iter_ : epochs done.
    seed_ : the seed that random_state gave.
    n_features_in_ : width of X.

    Notes
    -----
    X (n, n_features) -> outputs (n, n_components)

    Raises
    ------
    InvalidParameter : more components than features; a learning rate at which the weights grow, with a rate to try.

    Examples
    --------
    >>> import numpy as np
    >>> from netwright.classical import Sanger
    >>> X = np.random.default_rng(0).normal(size=(500, 3)) * [1.0, 3.0, 2.0]
    >>> sanger = Sanger(3, center=True, epochs=30, random_state=0).fit(X)
    >>> np.abs(sanger.weights_).round().astype(int).tolist()
    [[0, 1, 0], [0, 0, 1], [1, 0, 0]]

    References
    ----------
    Sanger: Optimal unsupervised learning in a single-layer linear feedforward neural network, 1989.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = OPTIONS

    @checks_options
    def __init__(
        self,
        n_components: int = 1,
        *,
        learning_rate: Any = None,
        center: bool = False,
        init: Any = "orthonormal",
        epochs: int = 10,
        shuffle: bool = True,
        random_state: Any = None,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.center = center
        self.init = init
        self.epochs = epochs
        self.shuffle = shuffle
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.resume = resume

    @staticmethod
    def _learn(weights: Array, rows: Array, order: NDArray[np.intp], rates: Array) -> None:
        _learn_epoch(weights, rows, order, rates)


@numba.njit(cache=True, nogil=True)
def _learn_epoch(weights: Any, rows: Any, order: Any, rates: Any) -> None:
    """One epoch; what is left of a row is carried from unit to unit, so that each is gone through once."""
    units, features = weights.shape
    y, left = np.empty(units), np.empty(features)
    for place in range(len(order)):
        row, rate = rows[order[place]], rates[place]
        for j in range(units):
            total = 0.0
            for f in range(features):
                total += weights[j, f] * row[f]
            y[j] = total
        for f in range(features):
            left[f] = row[f]
        for j in range(units):
            output, step = y[j], rate * y[j]
            for f in range(features):
                left[f] -= output * weights[j, f]
                weights[j, f] += step * left[f]
