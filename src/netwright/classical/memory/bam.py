"""BAM, bidirectional associative memory: pairs of patterns, each recalled from the other.

Bits 0/1 are states x in {-1, +1}^n and y in {-1, +1}^m. With P pairs::

    W = sum_p x_p^T y_p                       (n, m), not divided: whole numbers

    y_j <- sign((x W)_j)                      from one layer to the other...
    x_i <- sign((y W^T)_i)                    ...and back, until nothing changes
    a field of 0 leaves a unit as it is; a unit that has no state yet becomes 0
    E(x, y) = -x W y^T

"sync" changes a whole layer at a time: as there are no weights within a layer, E falls with each change and every W
leads to a fixed point. "async" visits the units of both layers one after the other, in a new random order for each
sweep.

======= ============= ======================================================================
symbol  option        meaning
======= ============= ======================================================================
        ``mode``      which units change at a time
        ``max_iter``  times there and back ("sync") or sweeps ("async") at most
        ``binarize``  numbers above it are 1, of X and of Y
======= ============= ======================================================================

Capacity for random pairs: Kosko's estimate is P < min(n, m). Most are recalled exactly while P is below n / (2 ln m),
so that all of y comes out right, and below m / (2 ln n), so that all of x does: the argument of McEliece and others
for Hopfield's network, in both directions.

References: Kosko: Bidirectional associative memories, 1988; McEliece, Posner, Rodemich, Venkatesh: The capacity of the
Hopfield associative memory, 1987.

It differs from NeuPy in going there and back until nothing changes (there: one pass, or single units drawn with
replacement), in an energy without 1/2, in leaving a unit with field 0 as it is, and in that each direction gives one
array.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, check_is_fitted

from netwright.classical.base import ClassicalNetwork, learns
from netwright.classical.memory.bipolar import (
    BINARIZE,
    bits_of,
    exact_load,
    exact_type,
    rows_named,
    states_of,
)
from netwright.classical.rows import as_binary, read_binary
from netwright.core.arrays import require_finite
from netwright.core.errors import InvalidData, problem, shown
from netwright.core.readable import from_tensor, values_named
from netwright.core.seeds import RANDOM_STATE, derive, to_seed
from netwright.core.validation import Constraint, boolean, checks_options, integer, one_of


class BAM(ClassicalNetwork):
    """Bidirectional associative memory: y <- sign(x W), x <- sign(y W^T) until nothing changes, W = sum of x^T y.

    Parameters
    ----------
    mode : "sync", a layer at a time; or "async", one unit of either layer after the other. Both always settle.
    max_iter : times there and back, or sweeps, at most, >= 1; recall stops before when nothing changes.
    binarize : numbers above it are 1, others 0, in X and in Y; None where both are 0/1 already.
    check_capacity : whether to warn when there are more pairs than the memory can hold and some of them are lost.
    random_state : of the order in which "async" visits the units; the same for all rows and all calls after a fit.

    Attributes
    ----------
    weights_ : (n_features, n_outputs), whole numbers; float32 as long as every sum in a recall is exact in it (the
        wider layer times pairs <= 2**24), else float64.
    n_patterns_ : pairs stored.
    n_outputs_ : columns of Y.
    seed_ : from which the orders of "async" are drawn.

    Notes
    -----
    X (n, n_features), Y (n, n_outputs) -> Y (n, n_outputs), X (n, n_features)

    Raises
    ------
    InvalidData : another number than 0 and 1 without `binarize`; NaN; Y that is not (n, n_outputs). UserWarning : more
        pairs than the memory holds; rows that did not settle.

    Examples
    --------
    >>> from netwright.classical import BAM
    >>> X = np.array([[1, 1, 1, 0, 0, 0], [1, 0, 1, 0, 1, 0]])
    >>> Y = np.array([[1, 1, 0, 0], [1, 0, 1, 0]])
    >>> memory = BAM().fit(X, Y)
    >>> memory.predict([[1, 1, 1, 0, 0, 1]]), memory.predict_input([[1, 0, 1, 0]])
    (array([[1, 1, 0, 0]]), array([[1, 0, 1, 0, 1, 0]]))
    >>> memory.energy(X, Y)
    array([-24., -24.])

    References
    ----------
    Kosko: Bidirectional associative memories, 1988.
    """

    weights_: NDArray[Any]
    n_patterns_: int
    n_outputs_: int
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "mode": one_of("sync", "async"),
        "max_iter": integer(1),
        "binarize": BINARIZE,
        "check_capacity": boolean,
        "random_state": RANDOM_STATE,
    }

    @checks_options
    def __init__(
        self,
        *,
        mode: str = "sync",
        max_iter: int = 100,
        binarize: float | None = None,
        check_capacity: bool = True,
        random_state: Any = None,
    ) -> None:
        self.mode = mode
        self.max_iter = max_iter
        self.binarize = binarize
        self.check_capacity = check_capacity
        self.random_state = random_state

    @learns
    def fit(self, X: Any, Y: Any) -> BAM:
        """Forget everything and store pairs.

        Parameters
        ----------
        X : one side, (n_pairs, n_features) of 0 and 1.
        Y : the other side, (n_pairs, n_outputs) of 0 and 1.

        Returns
        -------
        the network.
        """
        return self._store(X, Y, anew=True)

    @learns
    def partial_fit(self, X: Any, Y: Any) -> BAM:
        """Store more pairs beside those that are there.

        Parameters
        ----------
        X : one side, (n_pairs, n_features) of 0 and 1.
        Y : the other side, (n_pairs, n_outputs) of 0 and 1.

        Returns
        -------
        the network.
        """
        return self._store(X, Y, anew=not hasattr(self, "weights_"))

    def predict(self, X: Any) -> NDArray[np.int64]:
        """The other side Y of rows of X, after going there and back until nothing changes.

        Parameters
        ----------
        X : rows to begin from, (n, n_features) of 0 and 1.

        Returns
        -------
        bits, (n, n_outputs).
        """
        check_is_fitted(self)
        bits = read_binary(self, X, reset=False, threshold=self.binarize)
        return self._recalled(bits, self.weights_, "predict")

    def predict_input(self, Y: Any) -> NDArray[np.int64]:
        """The side X of rows of Y, after going there and back until nothing changes.

        Parameters
        ----------
        Y : rows to begin from, (n, n_outputs) of 0 and 1.

        Returns
        -------
        bits, (n, n_features).
        """
        check_is_fitted(self)
        return self._recalled(self._read_outputs(Y), np.ascontiguousarray(self.weights_.T), "predict_input")

    def energy(self, X: Any, Y: Any) -> NDArray[np.float64]:
        """Energy -x W y^T of each pair.

        Parameters
        ----------
        X : one side, (n, n_features) of 0 and 1.
        Y : the other side, (n, n_outputs) of 0 and 1.

        Returns
        -------
        energies, (n,).
        """
        check_is_fitted(self)
        bits = read_binary(self, X, reset=False, threshold=self.binarize)
        outputs = self._read_outputs(Y, len(bits))
        dtype = self.weights_.dtype
        fields = states_of(bits, dtype) @ self.weights_
        return -np.multiply(fields, states_of(outputs, dtype)).sum(axis=1, dtype=np.float64)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self.binarize is not None
        tags.input_tags.categorical = self.binarize is None
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.target_tags.two_d_labels = True
        tags.target_tags.single_output = False
        return tags

    def _store(self, X: Any, Y: Any, anew: bool) -> BAM:
        if Y is None:
            where = "This BAM estimator requires y to be passed, but the target y is None. BAM.fit(X, Y)"
            raise InvalidData(problem(where, "the other side of each pair", "None", "Give both sides."))
        bits = read_binary(self, X, reset=anew, threshold=self.binarize)
        if anew:
            self.__dict__.pop("n_outputs_", None)
        outputs = self._read_outputs(Y, len(bits))
        if anew:
            self.seed_, self.n_iter_ = to_seed(self.random_state), 0
        self.n_patterns_ = len(bits) + (0 if anew else self.n_patterns_)
        self.n_outputs_ = outputs.shape[1]
        dtype = exact_type(self.n_patterns_ * max(bits.shape[1], self.n_outputs_))
        first, second = states_of(bits, dtype), states_of(outputs, dtype)
        added = first.T @ second
        self.weights_ = added if anew else added + self.weights_
        self.n_iter_ += 1
        if self.check_capacity:
            self._check_capacity(first, second)
        return self

    def _read_outputs(self, Y: Any, n: int | None = None) -> NDArray[np.uint8]:
        """The other side as bits, (n, n_outputs); as many rows and columns as there must be."""
        Y = from_tensor(Y)
        if np.ndim(Y) != 2:
            remedy = "Give a column for each unit: Y.reshape(-1, 1) for one." if np.ndim(Y) == 1 else ""
            raise InvalidData(problem("BAM, Y", "shape (n, n_outputs)", f"shape {np.shape(Y)}", remedy))
        with values_named(Y, "Y"):
            rows = check_array(Y, dtype=np.float64, ensure_all_finite=False, input_name="Y", estimator=self)
        require_finite(rows, "y")
        known = getattr(self, "n_outputs_", None)
        if known is not None and rows.shape[1] != known:
            remedy = "Give the units that the memory has."
            raise InvalidData(problem("BAM, Y", f"{known} columns, as at the fit", f"{rows.shape[1]}", remedy))
        if n is not None and len(rows) != n:
            where = f"Found input variables with inconsistent numbers of samples: {[n, len(rows)]}. BAM, Y"
            raise InvalidData(problem(where, f"{n} rows, one for each of X", shown(len(rows)), "Give pairs."))
        if self.binarize is not None:
            return (rows > self.binarize).astype(np.uint8)
        return as_binary(rows, "Y")

    def _recalled(self, bits: NDArray[np.uint8], weights: NDArray[Any], method: str) -> NDArray[np.int64]:
        """What the other layer becomes; weights lead from the layer of the bits to it."""
        first = states_of(bits, weights.dtype)
        if self.mode == "sync":
            second, moving = resonate(first, weights, self.max_iter)
        else:
            second, moving = wander(first, weights, self.seed_, self.max_iter)
        if len(moving) and self.max_iter > 1:
            where, got = f"BAM.{method}, {rows_named(moving)}", f"units that still change after {self.max_iter}"
            what = "times there and back" if self.mode == "sync" else "sweeps"
            remedy = "Give a greater max_iter."
            warnings.warn(problem(where, "a fixed point", f"{got} {what}", remedy), UserWarning, stacklevel=3)
        return bits_of(second)

    def _check_capacity(self, first: NDArray[Any], second: NDArray[Any]) -> None:
        """Warn of more pairs than of random ones are held, where some are lost or Kosko's estimate is reached."""
        n, m = self.weights_.shape
        exact = min(exact_load(n, m), exact_load(m, n))
        if self.n_patterns_ <= exact:
            return
        held = (second * (first @ self.weights_) >= 0).all(axis=1) & (first * (second @ self.weights_.T) >= 0).all(
            axis=1
        )
        lost = int(len(held) - held.sum())
        if lost or self.n_patterns_ >= min(n, m):
            limit = (
                f"at most {exact:.1f} pairs of {n} and {m} bits (n / (2 ln m), m / (2 ln n)), so that most are exact"
            )
            got = f"{self.n_patterns_}, and {lost} of the {len(held)} just stored are no fixed points"
            remedy = (
                f"Store fewer (Kosko's estimate is below min(n, m) = {min(n, m)}), or code the sides with more bits."
            )
            warnings.warn(problem("BAM", limit, got, remedy), UserWarning, stacklevel=5)


def followed(fields: NDArray[Any], states: NDArray[Any]) -> NDArray[Any]:
    """Units after their fields: the sign of the field, and the state as it is where the field is 0."""
    return np.where(fields == 0, states, np.copysign(1, fields))


def resonate(first: NDArray[Any], weights: NDArray[Any], max_iter: int) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """There and back, a layer at a time; `first` in place. Gives the other layer, and the rows that still moved."""
    back = weights.T
    second = np.where(first @ weights > 0, 1, -1).astype(weights.dtype)
    moving = np.arange(len(first))
    for passes in range(max_iter):
        before, other = first[moving], second[moving]
        if passes:
            other = followed(before @ weights, other)
            second[moving] = other
        after = followed(other @ back, before)
        first[moving] = after
        moving = moving[(after != before).any(axis=1)]
        if not len(moving):
            break
    ends = followed(first[moving] @ weights, second[moving])
    return second, moving[(ends != second[moving]).any(axis=1)]


def wander(
    first: NDArray[Any], weights: NDArray[Any], seed: int, max_iter: int
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """One unit after the other, of both layers; `first` in place. Gives the other layer, and the rows that still moved.

    In the orders, units 0 to n - 1 are those of the layer that the recall begins from.
    """
    turned = np.ascontiguousarray(weights.T)
    there = first @ weights
    second = np.where(there > 0, 1, -1).astype(weights.dtype)
    back = second @ turned
    moving = np.arange(len(first))
    for sweep in range(max_iter):
        order = np.random.default_rng(derive(seed, "sweep", sweep)).permutation(sum(weights.shape))
        moving = visit_both(first, second, back, there, weights, turned, order, moving)
        if not len(moving):
            break
    against = (back[moving] * first[moving] < 0).any(axis=1) | (there[moving] * second[moving] < 0).any(axis=1)
    return second, moving[against]


@numba.njit(cache=True, nogil=True)
def visit_both(first: Any, second: Any, back: Any, there: Any, weights: Any, turned: Any, order: Any, rows: Any) -> Any:
    """One sweep of the rows: units 0 to n - 1 are those of the first layer. A unit against its field changes. In place.

    `back` are the fields of the first layer, `there` those of the second.
    """
    n = first.shape[1]
    moved = np.empty(len(rows), np.intp)
    count = 0
    for row in rows:
        changed = False
        for unit in order:
            if unit < n:
                if back[row, unit] * first[row, unit] < 0:
                    first[row, unit] = -first[row, unit]
                    add_twice(there[row], weights[unit], first[row, unit])
                    changed = True
            elif there[row, unit - n] * second[row, unit - n] < 0:
                second[row, unit - n] = -second[row, unit - n]
                add_twice(back[row], turned[unit - n], second[row, unit - n])
                changed = True
        if changed:
            moved[count] = row
            count += 1
    return moved[:count]


@numba.njit(cache=True, nogil=True)
def add_twice(field: Any, weight: Any, state: Any) -> None:
    """field + 2 state weight, in place."""
    twice = state + state
    for j in range(len(field)):
        field[j] += twice * weight[j]
