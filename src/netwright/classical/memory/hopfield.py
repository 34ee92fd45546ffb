"""Hopfield network: patterns are stored as fixed points, and a state falls into the one whose basin it lies in.

Bits 0/1 are states x in {-1, +1}. With P patterns x of n units, weights W (symmetric, zero diagonal) and h = W x::

    "hebb"            W = sum_p x_p x_p^T, not divided by n: whole numbers
    "pseudo_inverse"  W = X^+ X, the projection on what the rows of X span
    "storkey"         w_ij <- w_ij + (x_i x_j - x_i h_ji - x_j h_ij) / n,  h_ij = sum_(k != i, j) w_ik x_k, row by row

    x_i <- sign(h_i), and x_i stays where h_i = 0
    E(x) = -1/2 x^T W x

"async" visits the units one after the other, in a new random order for each sweep: E falls with each unit that
changes, so it ends in a fixed point. "sync" changes all units at once: it ends in a fixed point or goes to and fro
between two states. Whether h is 0 is told up to rounding where weights are not whole numbers.

======= =================== =====================================================================
symbol  option              meaning
======= =================== =====================================================================
W       ``rule``            how patterns are stored
        ``mode``            which units change at a time
        ``max_iter``        sweeps ("async") or passes ("sync") at most; 1 is exactly one
        ``binarize``        numbers above it are 1
======= =================== =====================================================================

Capacity for random patterns: by Hebb's rule most are recalled exactly up to P = n / (2 ln n), and recall breaks down
beyond 0.138 n; by Storkey's rule exactly up to n / sqrt(2 ln n); by the pseudo-inverse up to P = n - 1 independent
ones, whatever they look like, with basins that shrink to nothing as P comes near n.

References: Hopfield: Neural networks and physical systems with emergent collective computational abilities, 1982;
McEliece, Posner, Rodemich, Venkatesh: The capacity of the Hopfield associative memory, 1987; Amit, Gutfreund,
Sompolinsky: Storing infinite numbers of patterns in a spin-glass model of neural networks, 1985; Personnaz, Guyon,
Dreyfus: Information storage and retrieval in spin-glass like neural networks, 1985; Kanter, Sompolinsky: Associative
recall of memory without errors, 1987; Storkey: Increasing the capacity of a Hopfield network without sacrificing
functionality, 1997; Bruck: On the convergence properties of the Hopfield model, 1990.

It differs from NeuPy's in going on until nothing changes, in a field of 0 (there it clears the unit), in visiting every
unit, and in warning where NeuPy refuses to store.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from netwright.classical.base import ClassicalNetwork, learns
from netwright.classical.memory.bipolar import (
    BINARIZE,
    bits_of,
    exact_load,
    exact_type,
    rows_named,
    states_of,
)
from netwright.classical.memory.storing import longest_row, with_hebb, with_projection, with_storkey
from netwright.classical.rows import read_binary
from netwright.core.errors import InvalidParameter, problem
from netwright.core.seeds import RANDOM_STATE, derive, to_seed
from netwright.core.validation import Constraint, boolean, checks_options, integer, one_of

LOST = 0.138  # random patterns a unit beyond which recall by Hebb's rule breaks down, for many units
MANY = 1 / 6  # share of units that change in a pass from which a matrix product is faster than a row for each


class Hopfield(OneToOneFeatureMixin, TransformerMixin, ClassicalNetwork):
    """Hopfield's associative memory: x <- sign(W x) until nothing changes, W from the stored patterns.

    Parameters
    ----------
    mode : "async", one unit after the other, which always settles; or "sync", all units at once.
    rule : how patterns are stored: "hebb" (W = sum of x x^T), "pseudo_inverse" (holds up to n - 1 independent patterns
        without error) or "storkey" (local and incremental as Hebb's, holds more).
    max_iter : sweeps or passes at most, >= 1; recall stops before when nothing changes. 1 is exactly one.
    binarize : numbers above it are 1, others 0; None where the data is 0/1 already.
    check_capacity : whether to warn when more patterns are stored than the rule can hold.
    random_state : of the order in which "async" visits the units; the same for all rows and all calls after a fit.

    Attributes
    ----------
    weights_ : (n_features, n_features), symmetric with zero diagonal. By Hebb's rule whole numbers, held as float32 as
        long as every sum in a recall is exact in it (n times patterns <= 2**24), else as float64, as by other rules.
    n_patterns_ : rows stored.
    n_iter_ : calls of `fit` and `partial_fit` since the memory was empty.
    seed_ : from which the orders of "async" are drawn.

    Notes
    -----
    (n, n_features) -> (n, n_features)

    Raises
    ------
    InvalidData : another number than 0 and 1 without `binarize`; NaN; by Storkey's rule so many patterns that weights
        overflow. UserWarning : more patterns than the rule holds; rows that did not settle, or go to and fro.

    Examples
    --------
    >>> from netwright.classical import Hopfield
    >>> X = np.array([[1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0], [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]])
    >>> memory = Hopfield(random_state=0).fit(X)
    >>> noisy = [[1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1], [0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0]]
    >>> bool((memory.predict(noisy) == X).all())
    True
    >>> memory.energy(noisy), memory.energy(X)
    (array([-20., -28.]), array([-60., -60.]))

    References
    ----------
    Hopfield: Neural networks and physical systems with emergent collective computational abilities, 1982.
    McEliece, Posner, Rodemich, Venkatesh: The capacity of the Hopfield associative memory, 1987.
    Personnaz, Guyon, Dreyfus: Information storage and retrieval in spin-glass like neural networks, 1985.
    Storkey: Increasing the capacity of a Hopfield network without sacrificing functionality, 1997.
    """

    weights_: NDArray[Any]
    n_patterns_: int
    _diagonal: NDArray[Any]  # of the projection; that of the weights is 0
    _rounding: float  # fields that small are 0
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "mode": one_of("async", "sync"),
        "rule": one_of("hebb", "pseudo_inverse", "storkey"),
        "max_iter": integer(1),
        "binarize": BINARIZE,
        "check_capacity": boolean,
        "random_state": RANDOM_STATE,
    }

    @checks_options
    def __init__(
        self,
        *,
        mode: str = "async",
        rule: str = "hebb",
        max_iter: int = 100,
        binarize: float | None = None,
        check_capacity: bool = True,
        random_state: Any = None,
    ) -> None:
        self.mode = mode
        self.rule = rule
        self.max_iter = max_iter
        self.binarize = binarize
        self.check_capacity = check_capacity
        self.random_state = random_state

    @learns
    def fit(self, X: Any, y: Any = None) -> Hopfield:
        """Forget everything and store patterns.

        Parameters
        ----------
        X : patterns of 0 and 1, (n_patterns, n_features).
        y : ignored.

        Returns
        -------
        the network.
        """
        return self._store(read_binary(self, X, reset=True, threshold=self.binarize), anew=True)

    @learns
    def partial_fit(self, X: Any, y: Any = None) -> Hopfield:
        """Store more patterns beside those that are there.

        Parameters
        ----------
        X : patterns of 0 and 1, (n_patterns, n_features).
        y : ignored.

        Returns
        -------
        the network.
        """
        anew = not hasattr(self, "weights_")
        return self._store(read_binary(self, X, reset=anew, threshold=self.binarize), anew)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Recall: what rows become when the units follow their fields; each row by itself.

        Parameters
        ----------
        X : states of 0 and 1 to begin from, (n, n_features).

        Returns
        -------
        bits, (n, n_features). A row that goes to and fro is given as it is after `max_iter` passes.
        """
        return self._recalled(X, "predict")

    def transform(self, X: Any) -> NDArray[np.int64]:
        """Recall, as `predict`: a memory in a pipeline mends rows for what follows.

        Parameters
        ----------
        X : states of 0 and 1 to begin from, (n, n_features).

        Returns
        -------
        bits, (n, n_features).
        """
        return self._recalled(X, "transform")

    def energy(self, X: Any) -> NDArray[np.float64]:
        """Energy -1/2 x^T W x of each row.

        Parameters
        ----------
        X : states of 0 and 1, (n, n_features).

        Returns
        -------
        energies, (n,).
        """
        check_is_fitted(self)
        bits = read_binary(self, X, reset=False, threshold=self.binarize)
        states = states_of(bits, self.weights_.dtype)
        return energies(states, self.weights_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self.binarize is not None
        tags.input_tags.categorical = self.binarize is None
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _recalled(self, X: Any, method: str) -> NDArray[np.int64]:
        check_is_fitted(self)
        bits = read_binary(self, X, reset=False, threshold=self.binarize)
        states = states_of(bits, self.weights_.dtype)
        if self.mode == "async":
            cycling = np.empty(0, dtype=np.intp)
            moving = recall_async(states, self.weights_, self._rounding, self.seed_, self.max_iter)
        else:
            moving, cycling = recall_sync(states, self.weights_, self._rounding, self.max_iter)
        self._warn_of(f"Hopfield.{method}", moving, cycling)
        return bits_of(states)

    def _store(self, bits: NDArray[np.uint8], anew: bool) -> Hopfield:
        stored = 0 if anew else self.n_patterns_
        if anew:
            self.seed_, self.n_iter_, self._filled_by = to_seed(self.random_state), 0, self.rule
            self.__dict__.pop("_diagonal", None)
        elif self.rule != self._filled_by:
            where, expected = "Hopfield(rule) at partial_fit", f"{self._filled_by!r}, by which the memory was filled"
            raise InvalidParameter(problem(where, expected, repr(self.rule), "Store all patterns by one rule: fit."))
        before = None if anew else self.weights_
        n = bits.shape[1]
        self.n_patterns_ = stored + len(bits)
        if self.rule == "hebb":
            dtype = exact_type(n * self.n_patterns_)
            self.weights_ = with_hebb(before, states_of(bits, dtype))
            self._rounding = 0.0
        else:
            states, longest = states_of(bits, np.float64), 1.0  # that of a row of a projection
            if self.rule == "storkey":
                self.weights_ = with_storkey(before, states)
                longest = longest_row(self.weights_, self.n_patterns_)
            else:
                self.weights_, self._diagonal = with_projection(before, None if anew else self._diagonal, states)
            self._rounding = float(n**1.5 * np.finfo(np.float64).eps * longest)
        self.n_iter_ += 1
        if self.check_capacity:
            self._check_capacity()
        return self

    def _check_capacity(self) -> None:
        n, count = len(self.weights_), self.n_patterns_
        remedy = 'Store fewer, or use rule="pseudo_inverse", which holds up to n - 1 independent ones.'
        if self.rule == "hebb":
            exact = exact_load(n, n)
            limit = f"at most n / (2 ln n) = {exact:.1f} patterns of {n} bits, so that most are recalled exactly"
            got = f"{count}; beyond 0.138 n = {LOST * n:.1f} recall of random ones breaks down"
        elif self.rule == "storkey":
            exact = n / math.sqrt(2 * math.log(max(n, 2)))
            limit = f"at most n / sqrt(2 ln n) = {exact:.1f} patterns of {n} bits, so that most are recalled exactly"
            got = f"{count}"
        else:
            exact, count = n - 0.5, round(float(self._diagonal.sum()))
            limit = f"at most n - 1 = {n - 1} independent patterns of {n} bits"
            got, remedy = f"{count}, with which every state is a fixed point", "Store fewer."
        if count > exact:
            warnings.warn(problem(f"Hopfield(rule={self.rule!r})", limit, got, remedy), UserWarning, stacklevel=5)

    def _warn_of(self, method: str, moving: NDArray[np.intp], cycling: NDArray[np.intp]) -> None:
        """Warn, where the user called, of rows that did not settle."""
        level = 5 if method.endswith("transform") else 4  # scikit-learn wraps it
        if len(cycling):
            remedy = 'Use mode="async", which always settles.'
            where = f"{method}, {rows_named(cycling)}"
            warnings.warn(
                problem(where, "a fixed point", "a cycle of two states", remedy), UserWarning, stacklevel=level
            )
        if len(moving) and self.max_iter > 1:
            where, got = f"{method}, {rows_named(moving)}", f"units that still change after {self.max_iter}"
            what = "sweeps" if self.mode == "async" else "passes"
            remedy = "Give a greater max_iter."
            warnings.warn(problem(where, "a fixed point", f"{got} {what}", remedy), UserWarning, stacklevel=level)


def energies(states: NDArray[Any], weights: NDArray[Any]) -> NDArray[np.float64]:
    """-1/2 x^T W x of each row of states, (n,)."""
    return -0.5 * np.multiply(states @ weights, states).sum(axis=1, dtype=np.float64)


def unsettled(states: NDArray[Any], fields: NDArray[Any], rounding: float, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Those of the rows that have a unit whose state is against its field."""
    return rows[(fields[rows] * states[rows] < -rounding).any(axis=1)]


def recall_async(
    states: NDArray[Any], weights: NDArray[Any], rounding: float, seed: int, max_iter: int
) -> NDArray[np.intp]:
    """Sweeps over the units in random orders, in place, until a sweep changes nothing; gives rows that still moved."""
    fields = states @ weights
    moving = np.arange(len(states))
    for sweep in range(max_iter):
        order = np.random.default_rng(derive(seed, "sweep", sweep)).permutation(len(weights))
        moving = visit(states, fields, weights, order, rounding, moving)
        if not len(moving):
            break
    return unsettled(states, fields, rounding, moving)


def recall_sync(
    states: NDArray[Any], weights: NDArray[Any], rounding: float, max_iter: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Passes over all units at once, in place; gives rows that still moved, and rows in a cycle of two.

    A row that changes the same units twice in a row is back where it was; it gets the state of the last pass.
    """
    fields = states @ weights
    moving = np.arange(len(states))
    cycling: list[NDArray[np.intp]] = []
    before: NDArray[np.bool_] | None = None
    for passes in range(max_iter):
        flips = fields[moving] * states[moving] < -rounding
        goes_on = flips.any(axis=1)
        if before is not None:
            returns = goes_on & (flips == before).all(axis=1)
            if (max_iter - passes) % 2:
                states[moving[returns]] *= 1 - 2 * flips[returns].astype(states.dtype)
            cycling.append(moving[returns])
            goes_on &= ~returns
        moving, flips = moving[goes_on], flips[goes_on]
        if not len(moving):
            break
        if flips.mean() > MANY:
            states[moving] *= 1 - 2 * flips.astype(states.dtype)
            fields[moving] = states[moving] @ weights
        else:
            turn(states, fields, weights, flips, moving)
        before = flips
    found = np.sort(np.concatenate(cycling)) if cycling else np.empty(0, dtype=np.intp)
    return unsettled(states, fields, rounding, moving), found


@numba.njit(cache=True, nogil=True)
def visit(states: Any, fields: Any, weights: Any, order: Any, rounding: float, rows: Any) -> Any:
    """One sweep of the rows: a unit whose state is against its field changes, and with it all fields. In place."""
    moved = np.empty(len(rows), np.intp)
    count = 0
    for row in rows:
        state, field = states[row], fields[row]
        changed = False
        for i in order:
            if field[i] * state[i] < -rounding:
                state[i] = -state[i]
                twice = state[i] + state[i]
                weight = weights[i]
                for j in range(len(field)):
                    field[j] += twice * weight[j]
                changed = True
        if changed:
            moved[count] = row
            count += 1
    return moved[:count]


@numba.njit(cache=True, nogil=True)
def turn(states: Any, fields: Any, weights: Any, flips: Any, rows: Any) -> None:
    """Turn the units of the rows that flips names, and bring the fields up to date. In place."""
    for k in range(len(rows)):
        state, field = states[rows[k]], fields[rows[k]]
        for i in range(len(state)):
            if flips[k, i]:
                state[i] = -state[i]
                twice = state[i] + state[i]
                weight = weights[i]
                for j in range(len(field)):
                    field[j] += twice * weight[j]
