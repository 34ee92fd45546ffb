"""Oja's rule: Hebb's rule with a decay that keeps weights bounded, so that units find the principal subspace.

For a centred row x and the weights W, a row for each unit::

    y = W x
    W <- W + eta y (x - W^T y)^T                        all units take the same residual

With one unit this is Oja's rule of 1982, w <- w + eta y (x - y w): w becomes the first principal axis of length 1. With
k units the rows of W become an orthonormal basis of the space of the first k principal axes, turned in it: which basis
depends on where it started (see `Sanger` for the axes themselves, in order).

========= =================== ================================== ==================
symbol    option              meaning                            unit
========= =================== ================================== ==================
k         ``n_components``    units
eta       ``learning_rate``   stable below about 2 / max |x|^2   1 / (unit of X)^2
W         ``init``            orthonormal to begin with
========= =================== ================================== ==================

References: Oja: A simplified neuron model as a principal component analyzer, 1982; Oja: Neural networks, principal
components, and subspaces, 1989.

It differs from NeuPy's Oja, which adds up the changes of all rows and does not centre them: here every row changes the
weights that the next one meets, as in the papers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from netwright.classical.associative.components import OPTIONS, Array, Components
from netwright.core.validation import Constraint, checks_options


class Oja(Components):
    """Oja's rule: the first principal axis by w <- w + eta y (x - y w), or the principal subspace with several units.

    An epoch costs 6 n n_components n_features operations and no more memory than the rows; `partial_fit` takes streams.

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
    weights_ : (n_components, n_features).
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
    >>> from netwright.classical import Oja
    >>> X = np.random.default_rng(0).normal(size=(500, 2)) @ [[3.0, 1.0], [0.0, 0.5]]
    >>> oja = Oja(center=True, random_state=0).fit(X)
    >>> axis = np.linalg.svd(X - X.mean(axis=0))[2][0]
    >>> bool(abs(oja.weights_[0] @ axis) > 0.999)
    True
    >>> oja.transform(X).shape, float(oja.explained_variance_ratio_.round(2)[0])
    ((500, 1), 0.98)

    References
    ----------
    Oja: A simplified neuron model as a principal component analyzer, 1982.
    Oja: Neural networks, principal components, and subspaces, 1989.
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
        _learn_epoch(weights, weights.T.copy(), rows, order, rates)


@numba.njit(cache=True, nogil=True)
def _outputs(columns: Any, row: Any, y: Any) -> None:
    """y = W x, each sum in the order of the features; four of them at once, all units in step."""
    features, units = columns.shape
    whole = features - features % 4
    for j in range(units):
        y[j] = 0.0
    for f in range(0, whole, 4):
        x0, x1, x2, x3 = row[f], row[f + 1], row[f + 2], row[f + 3]
        for j in range(units):
            first = (y[j] + columns[f, j] * x0) + columns[f + 1, j] * x1
            y[j] = (first + columns[f + 2, j] * x2) + columns[f + 3, j] * x3
    for f in range(whole, features):
        for j in range(units):
            y[j] += columns[f, j] * row[f]


@numba.njit(cache=True, nogil=True)
def _residual(weights: Any, row: Any, y: Any, left: Any) -> None:
    """x - W^T y, each difference in the order of the units; four of them at once."""
    units, features = weights.shape
    whole = units - units % 4
    for f in range(features):
        left[f] = row[f]
    for j in range(0, whole, 4):
        y0, y1, y2, y3 = y[j], y[j + 1], y[j + 2], y[j + 3]
        for f in range(features):
            first = (left[f] - y0 * weights[j, f]) - y1 * weights[j + 1, f]
            left[f] = (first - y2 * weights[j + 2, f]) - y3 * weights[j + 3, f]
    for j in range(whole, units):
        for f in range(features):
            left[f] -= y[j] * weights[j, f]


@numba.njit(cache=True, nogil=True)
def _learn_epoch(weights: Any, columns: Any, rows: Any, order: Any, rates: Any) -> None:
    """One epoch on the weights and on a second copy of them, transposed: each of the products above reads one."""
    units, features = weights.shape
    y, left = np.empty(units), np.empty(features)
    for place in range(len(order)):
        row = rows[order[place]]
        _outputs(columns, row, y)
        _residual(weights, row, y, left)
        for j in range(units):
            y[j] *= rates[place]
        for j in range(units):
            step = y[j]
            for f in range(features):
                weights[j, f] += step * left[f]
        for f in range(features):
            step = left[f]
            for j in range(units):
                columns[f, j] += step * y[j]
