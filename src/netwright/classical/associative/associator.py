"""Associators: what Hebb, Instar and Outstar share, which is all but the rule itself.

Rows are shown one at a time, as they come unless `shuffle` is set. The activity y that a row meets is given (`y` of
fit), or it is the units' own output, from the weights that they have at that moment. The first `n_unconditioned`
columns of X belong to inputs whose weights are fixed: they make the units respond before anything is learned.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import Any, NoReturn

import numba
import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from netwright.classical.associative.presentation import ARRAY, finite, given_weights, order_of
from netwright.classical.base import ClassicalNetwork, learns
from netwright.classical.checkpoints import in_epochs
from netwright.classical.rates import over_steps, varying
from netwright.classical.rows import read_rows, read_targets
from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.core.seeds import RANDOM_STATE, derive, to_seed
from netwright.core.validation import Constraint, boolean, integer, nothing, number, one_of

Array = NDArray[np.float64]

OPTIONS: dict[str, Constraint] = {
    "n_units": integer(1) | nothing,
    "learning_rate": varying(),
    "init": nothing | one_of("normal") | ARRAY,
    "epochs": integer(1),
    "shuffle": boolean,
    "random_state": RANDOM_STATE,
}
CONDITIONING: dict[str, Constraint] = {"n_unconditioned": integer(0), "bias": number()}


class Associator(ClassicalNetwork, ABC, shared=True):
    """The base of networks that learn associations row by row: subclasses write the rule and the answer."""

    n_units: int | None
    learning_rate: Any
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
        y : the activity of the units at each row, (n,) for one unit or (n, n_units); where the rule allows it, None for
            the units' own output.

        Returns
        -------
        the network.
        """
        rows, activity = self._read(X, y, begin=True)
        self._begin(rows.shape[1], activity, one=np.ndim(y) == 1)
        parts = [rows] if activity is None else [rows, activity]
        in_epochs(self, parts, partial(self._show, rows, activity))
        return self

    @learns
    def partial_fit(self, X: Any, y: Any = None) -> Any:
        """Show the rows once, to the weights as they are.

        Parameters
        ----------
        X : rows, (n, n_features).
        y : as of `fit`.

        Returns
        -------
        the network.
        """
        begin = not hasattr(self, "weights_")
        rows, activity = self._read(X, y, begin)
        if begin:
            self._begin(rows.shape[1], activity, one=np.ndim(y) == 1)
        elif activity is not None and activity.shape[1] != len(self.weights_):
            where = f"{type(self).__name__}.partial_fit(y)"
            expected, got = f"{len(self.weights_)} columns, one a unit", f"{activity.shape[1]}"
            raise InvalidData(problem(where, expected, got, "Give the columns of the first call."))
        self._show(rows, activity, 1)
        return self

    def predict(self, X: Any) -> Array:
        """What the units answer to each row; nothing is learned.

        Parameters
        ----------
        X : rows, (n, n_features).

        Returns
        -------
        outputs, (n, n_units); (n,) where the y of the first call was.
        """
        check_is_fitted(self)
        rows = read_rows(self, X, reset=False, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            outputs = finite(f"{type(self).__name__}.predict(X)", rows, self._output(rows))
        return outputs[:, 0] if self._one else outputs

    def _read(self, X: Any, y: Any, begin: bool) -> tuple[Array, Array | None]:
        rows = read_rows(self, X, reset=begin, dtype=np.float64)
        if y is None and not self._needs_targets():
            return rows, None
        targets = read_targets(self, y, len(rows))
        return rows, np.ascontiguousarray(targets.reshape(len(rows), -1))

    def _begin(self, features: int, activity: Array | None, one: bool) -> None:
        units = self.n_units or 1 if activity is None else activity.shape[1]
        if self.n_units not in (None, units):
            where = f"{type(self).__name__}(n_units)"
            raise InvalidParameter(problem(where, f"{units} or None, as y has {units} columns", str(self.n_units)))
        fixed = self._fixed()
        if fixed >= features:
            where = f"{type(self).__name__}(n_unconditioned)"
            raise InvalidParameter(problem(where, f"fewer than the {features} columns of X", str(fixed)))
        self.seed_ = to_seed(self.random_state)
        self.n_iter_ = 0
        self._one = one
        if self.init is None:
            self.weights_ = np.zeros((units, features))
            self.weights_[:, :fixed] = 1.0
        elif isinstance(self.init, str):
            normal = np.random.default_rng(derive(self.seed_, "weights")).normal(size=(units, features))
            self.weights_ = normal / np.sqrt((normal**2).sum(axis=1, keepdims=True))
        else:
            self.weights_ = given_weights(f"{type(self).__name__}(init)", self.init, (units, features))

    def _show(self, rows: Array, activity: Array | None, epochs: int) -> None:
        if activity is None and not self.weights_.any() and self._is_silent():
            owner = type(self).__name__
            what = f"This {owner} estimator requires y to be passed, but the target y is None. {owner}.fit(y)"
            remedy = "Give y, or weights to begin with: n_unconditioned or init."
            raise InvalidData(problem(what, "activities, or units that respond to something", "None", remedy))
        weights = self.weights_.copy()
        for _ in range(epochs):
            order = order_of(self.n_iter_, len(rows), self.shuffle, self.seed_)
            where = f"{type(self).__name__}(learning_rate)"
            rates = over_steps(
                self.learning_rate, self.n_iter_, self.epochs, len(rows), where=where, most=self._greatest_rate()
            )
            self._learn(weights, rows, activity, order, rates)
            self.n_iter_ += 1
            if not np.isfinite(weights).all():
                self._refuse(rows, float(rates.max()), activity is None)
        self._examine(self.weights_, weights, rows, activity)
        self.weights_ = weights

    @abstractmethod
    def _needs_targets(self) -> bool:
        """Whether there is no learning without y."""

    @abstractmethod
    def _is_silent(self) -> bool:
        """Whether units without a weight never respond."""

    @abstractmethod
    def _fixed(self) -> int:
        """How many columns of X have weights that do not change."""

    @abstractmethod
    def _greatest_rate(self) -> float:
        """What a schedule may reach."""

    @abstractmethod
    def _learn(
        self, weights: Array, rows: Array, activity: Array | None, order: NDArray[np.intp], rates: Array
    ) -> None:
        """One epoch of the rule; the weights are written where they are."""

    @abstractmethod
    def _examine(self, before: Array, after: Array, rows: Array, activity: Array | None) -> None:
        """Warn of what became of the weights in one call."""

    @abstractmethod
    def _output(self, rows: Array) -> Array:
        """The answers, (n, n_units)."""

    @abstractmethod
    def _refuse(self, rows: Array, rate: float, listening: bool) -> NoReturn:
        """Raise `InvalidParameter`: weights are not finite after an epoch."""


def steps(weights: Array, rows: Array, bias: float) -> Array:
    """Outputs of step units, 1 where w . x + bias > 0 and else 0, by the sums that learning uses."""
    outputs = np.empty((len(rows), len(weights)))
    _step_all(weights, rows, float(bias), outputs)
    return outputs


@numba.njit(cache=True, nogil=True)
def net_input(weights: Any, row: Any) -> Any:
    """w . x of one unit, summed in the order of the features."""
    total = 0.0
    for f in range(len(weights)):
        total += weights[f] * row[f]
    return total


@numba.njit(cache=True, nogil=True)
def _step_all(weights: Any, rows: Any, bias: Any, outputs: Any) -> None:
    for i in range(len(rows)):
        for unit in range(len(weights)):
            outputs[i, unit] = 1.0 if net_input(weights[unit], rows[i]) + bias > 0.0 else 0.0
