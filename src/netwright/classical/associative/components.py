"""Principal components learned row by row: what Oja's and Sanger's networks share, which is all but the rule itself.

Rows are centred by the mean of the rows seen so far (of the same rows again it stays what it is), and shown one at a
time in the order of the epoch. Without a learning rate of the user's the rate falls linearly from 1/R to 0.01/R, with R
the greatest squared length of a centred row at the first call: both rules are stable below about 2/R.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from netwright.classical.associative.presentation import ARRAY, finite, given_weights, order_of
from netwright.classical.base import ClassicalNetwork, learns
from netwright.classical.checkpoints import in_epochs
from netwright.classical.rates import over_steps, varying
from netwright.classical.rows import read_rows
from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.core.seeds import RANDOM_STATE, derive, to_seed
from netwright.core.validation import Constraint, boolean, integer, nothing, one_of

Array = NDArray[np.float64]

GROWTH = 2.0  # of the squared norm of the weights, beyond which a run has diverged
LONGEST = 1e30  # numbers of weights to begin with
TINY = 1e-300  # so that the rate for rows that do not differ is a number

OPTIONS: dict[str, Constraint] = {
    "n_components": integer(1),
    "learning_rate": nothing | varying(),
    "center": boolean,
    "init": one_of("orthonormal") | ARRAY,
    "epochs": integer(1),
    "shuffle": boolean,
    "random_state": RANDOM_STATE,
}


class Components(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClassicalNetwork, ABC, shared=True):
    """The base of networks whose linear units learn principal components: subclasses write `_learn`."""

    n_components: int
    learning_rate: Any
    center: bool
    init: Any
    epochs: int
    shuffle: bool
    random_state: Any
    weights_: Array

    @learns
    def fit(self, X: Any, y: Any = None) -> Any:
        """Begin anew and show all rows `epochs` times.

        Parameters
        ----------
        X : rows, (n, n_features).
        y : ignored.

        Returns
        -------
        the network.
        """
        rows = self._begin(read_rows(self, X, reset=True, dtype=np.float64))
        in_epochs(self, [rows, self.mean_], partial(self._show, rows))
        return self

    @learns
    def partial_fit(self, X: Any, y: Any = None) -> Any:
        """Show the rows once, to the weights as they are.

        Parameters
        ----------
        X : rows, (n, n_features).
        y : ignored.

        Returns
        -------
        the network.
        """
        begin = not hasattr(self, "weights_")
        rows = read_rows(self, X, reset=begin, dtype=np.float64)
        self._show(self._begin(rows) if begin else self._go_on(rows), 1)
        return self

    def transform(self, X: Any) -> Array:
        """The outputs of the units, W (x - mean).

        Parameters
        ----------
        X : rows, (n, n_features).

        Returns
        -------
        outputs, (n, n_components).
        """
        check_is_fitted(self)
        rows = read_rows(self, X, reset=False, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            return finite(f"{type(self).__name__}.transform(X)", rows, (rows - self.mean_) @ self.weights_.T)

    def inverse_transform(self, X: Any) -> Array:
        """The rows that outputs stand for, W^T y + mean, which is the projection where the weights are orthonormal.

        Parameters
        ----------
        X : outputs, (n, n_components).

        Returns
        -------
        rows, (n, n_features).

        Raises
        ------
        InvalidData : another number of columns.
        """
        check_is_fitted(self)
        outputs = check_array(X, dtype=np.float64)
        if outputs.shape[1] != len(self.weights_):
            where = f"{type(self).__name__}.inverse_transform(X)"
            remedy = "Give what transform returns."
            raise InvalidData(problem(where, f"shape (n, {len(self.weights_)})", f"shape {outputs.shape}", remedy))
        with np.errstate(over="ignore", invalid="ignore"):
            rows = outputs @ self.weights_ + self.mean_
        return finite(f"{type(self).__name__}.inverse_transform(X)", outputs, rows)

    @property
    def _n_features_out(self) -> int:
        return len(self.weights_)

    def _begin(self, rows: Array) -> Array:
        """Seed, mean, scale and weights; the rows, centred."""
        name, features = type(self).__name__, rows.shape[1]
        if self.n_components > features:
            expected = f"an integer in [1, {features}], with {features} features"
            raise InvalidParameter(problem(f"{name}(n_components)", expected, str(self.n_components)))
        self.seed_ = to_seed(self.random_state)
        self.n_iter_ = 0
        self.n_samples_seen_ = 0
        with np.errstate(over="ignore", invalid="ignore"):
            self.mean_ = rows.mean(axis=0) if self.center else np.zeros(features)
        rows, self.largest_square_ = self._centered(rows)
        if not self.center:
            self._look_at_mean(rows)
        if isinstance(self.init, str):
            normal = np.random.default_rng(derive(self.seed_, "weights")).normal(size=(features, self.n_components))
            self.weights_ = np.ascontiguousarray(np.linalg.qr(normal)[0].T)
        else:
            self.weights_ = given_weights(f"{name}(init)", self.init, (self.n_components, features))
            self._require_lengths()
        return rows

    def _require_lengths(self) -> None:
        """Refuse units that would never learn, or at once be no numbers any more."""
        largest = np.abs(self.weights_).max(axis=1)
        wrong = (largest == 0) | (largest > LONGEST)
        if wrong.any():
            where, expected = f"{type(self).__name__}(init)", f"rows that are not 0, of numbers up to {LONGEST:g}"
            got = f"{largest[wrong.argmax()]:g} as the greatest of row {int(wrong.argmax())}"
            raise InvalidParameter(problem(where, expected, got, "Give rows of about length 1."))

    def _look_at_mean(self, rows: Array) -> None:
        """Warn where the direction of the mean outweighs all axes of the variance."""
        mean = rows.mean(axis=0)
        offset, variance = float(mean @ mean), float(rows.var(axis=0).sum())
        if offset > variance and len(rows) > 1:
            expected = f"rows whose squared mean is at most their variance {variance:.3g}, or center=True"
            remedy = "Set center=True, or the first axis will be the direction of the mean."
            text = problem(f"{type(self).__name__}(center=False)", expected, f"{offset:.3g}", remedy)
            warnings.warn(text, UserWarning, stacklevel=5)

    def _go_on(self, rows: Array) -> Array:
        """The mean of all rows seen so far; the rows, centred."""
        if self.center:
            share = len(rows) / (self.n_samples_seen_ + len(rows))
            with np.errstate(over="ignore", invalid="ignore"):
                self.mean_ = self.mean_ + share * (rows.mean(axis=0) - self.mean_)
        return self._centered(rows)[0]

    def _centered(self, rows: Array) -> tuple[Array, float]:
        """The rows without the mean, and the greatest of their squared lengths."""
        with np.errstate(over="ignore", invalid="ignore"):
            centered = rows - self.mean_
            square = float(np.einsum("ij,ij->i", centered, centered).max())
        if not np.isfinite(square):
            got = f"numbers up to {np.abs(rows).max():g}, whose squares are not"
            where = f"{type(self).__name__}.fit(X)"
            raise InvalidData(problem(where, "rows of a finite length", got, "Scale X."))
        return centered, square

    def _show(self, rows: Array, epochs: int) -> None:
        """So many epochs over centred rows, and what the components explain of them."""
        n, weights = len(rows), self.weights_.copy()
        bound = GROWTH * max(len(weights), float(np.vdot(weights, weights)))
        for _ in range(epochs):
            order = order_of(self.n_iter_, n, self.shuffle, self.seed_)
            where = f"{type(self).__name__}(learning_rate)"
            rates = over_steps(self._rate(), self.n_iter_, self.epochs, n, where=where)
            self._learn(weights, rows, order, rates)
            with np.errstate(over="ignore"):
                norm = float(np.vdot(weights, weights))
            if not norm <= bound:
                raise InvalidParameter(self._divergence(rows, norm, float(rates.max())))
            self.n_iter_ += 1
            self.n_samples_seen_ += n
        self.weights_ = weights
        gains = explained(weights, rows)
        self.explained_variance_ = gains / max(n - 1, 1)
        self.explained_variance_ratio_ = gains / max(float(np.vdot(rows, rows)), TINY)

    def _rate(self) -> Any:
        if self.learning_rate is not None:
            return self.learning_rate
        rate = 1.0 / max(self.largest_square_, TINY)
        return (rate, 0.01 * rate)

    def _divergence(self, rows: Array, norm: float, rate: float) -> str:
        grew = f"grew to {norm:.3g}" if math.isfinite(norm) else "grew beyond floats"
        got = f"{rate:g}, at which their squared norm {grew} in epoch {self.n_iter_ + 1}"
        advice = 1.0 / max(float(np.einsum("ij,ij->i", rows, rows).max()), TINY)
        if advice < rate:
            as_at_first = advice >= 1.0 / max(self.largest_square_, TINY)
            also = ", or None" if as_at_first and self.learning_rate is not None else ""
            remedy = f"Try {advice:.3g}, which is 1 / the greatest squared length of a row{also}."
        else:
            remedy = f"Try {0.1 * rate:.3g}, or an init of orthonormal rows."
        where = f"{type(self).__name__}(learning_rate)"
        return problem(where, "a rate at which the weights stay bounded", got, remedy)

    @staticmethod
    @abstractmethod
    def _learn(weights: Array, rows: Array, order: NDArray[np.intp], rates: Array) -> None:
        """One epoch of the rule; the weights are written where they are."""


def explained(weights: Array, rows: Array) -> Array:
    """By how much each component, after those before it, lowers the squared error of W^T W x, summed over the rows.

    Where the weights are orthonormal these are the sums of squared outputs; the sum is what all of them explain, in any
    case.

    Parameters
    ----------
    weights : (n_components, n_features).
    rows : centred, (n, n_features).
    """
    outputs = rows @ weights.T
    products = outputs.T @ outputs
    overlaps = weights @ weights.T
    before = np.tril(products * overlaps, -1).sum(axis=1)
    gains: Array = 2.0 * (np.diag(products) - before) - np.diag(products) * np.diag(overlaps)
    return gains
