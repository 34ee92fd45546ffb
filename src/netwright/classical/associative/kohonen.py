"""The winner-take-all layer: of all units only the one that answers most learns a row.

For a row x::

    c    = argmin_i ||x - w_i||          or, by products, argmax_i w_i^T x
    w_c <- w_c + rate (x - w_c)

With a conscience, units that win too often hold back, so that none stays without rows. p_i is the share of rows that
unit i is nearest to, and N the number of units::

    p_i <- p_i + B (y_i - p_i)           y_i = 1 for the nearest unit, 0 for the others
    c    = argmin_i ||x - w_i||^2 - C (1/N - p_i)

=========== ======================= ==============================================================
symbol      argument                meaning
=========== ======================= ==============================================================
N           ``n_units``             number of units
rate        ``learning_rate``       share of the way to the row that the winner goes
C           ``conscience``          how much a share of wins counts, in squared units of the data
B           ``conscience_rate``     share of a row in the running shares of wins
=========== ======================= ==============================================================

References: Rumelhart, Zipser: Feature discovery by competitive learning, 1985; Kohonen: Self-organization and
associative memory, 1984; DeSieno: Adding a conscience to competitive learning, 1988.

Of equal units the first wins. NeuPy's layer of that name knows products only and answers with one-hot rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from netwright.classical.competing_units import CompetingUnits
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
    tiny_difference,
    warn_of_twins,
)
from netwright.classical.rates import over_steps, varying
from netwright.core.errors import InvalidParameter, problem
from netwright.core.seeds import RANDOM_STATE, to_seed
from netwright.core.validation import Constraint, boolean, checks_options, integer, number, one_of


class Kohonen(CompetingUnits):
    """Let units compete for rows, and move only the winner: w_c += rate (x - w_c).

    The rule finds cluster centres row by row, as k-means does with all rows at once.

    Parameters
    ----------
    n_units : number of units, >= 1.
    winner : "distance", the nearest unit, or "product", the one with the greatest w^T x. Products compare directions
        only where rows have the same length: scale them by ``sklearn.preprocessing.normalize``.
    learning_rate : share of the way to the row that the winner goes, in (0, 1]; a number, a pair (first, last) that
        falls linearly over the run, or a schedule. A rate that falls lets units settle.
    conscience : how strongly units that win often hold back (C), >= 0; 0 for not at all. In squared units of X: about
        the number of columns for standardised ones. For "distance" only.
    conscience_rate : share of a row in the running shares of wins (B), in (0, 1]; at 1e-4, as in the paper, they
        follow over ten thousand rows, so small sets of rows want more.
    epochs : times that each row is shown in `fit`, >= 1.
    init : "sample", as many rows by chance, or an array of the first units (which then says their number).
    shuffle : rows in another order in each epoch; False in their own.
    random_state : seed of rows and orders.
    checkpoint, resume : a folder, or `netwright.train.Checkpoints`, in which `fit` is written down after epochs, and
        whether a fit that was killed goes on from what is there, to the same bits.

    Attributes
    ----------
    weights_ : the units, (n_units, n_features).
    shares_ : running shares of rows that each unit is nearest to (p), (n_units,); 1/N where there is no conscience.
    labels_ : winner of each row of the last call, (n,).
    n_iter_ : epochs done.
    seed_ : seed that `random_state` gave.

    Notes
    -----
    X (n, n_features) -> predict (n,), transform (n, n_units)

    Raises
    ------
    InvalidData : NaN, infinity, fewer rows than units, numbers whose squares are too large.
    InvalidParameter : an option that cannot be, first units of another width, a conscience with products.

    Examples
    --------
    >>> from netwright.classical import Kohonen
    >>> X = np.array([[0.0, 0.1], [0.1, 0.0], [1.0, 0.9], [0.9, 1.0]])
    >>> layer = Kohonen(2, init=[[0.0, 0.0], [1.0, 1.0]], epochs=50, shuffle=False).fit(X)
    >>> layer.weights_.round(2)
    array([[0.05, 0.05],
           [0.95, 0.95]])
    >>> layer.predict([[0.2, 0.2]])
    array([0])

    References
    ----------
    Rumelhart, Zipser, *Feature discovery by competitive learning*, 1985. DeSieno, *Adding a conscience to competitive
    learning*, 1988.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "n_units": integer(1),
        "winner": one_of("distance", "product"),
        "learning_rate": varying(0, 1),
        "conscience": number(0),
        "conscience_rate": number(0, 1, closed="right"),
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
        winner: str = "distance",
        learning_rate: Any = (0.2, 0.005),
        conscience: float = 0.0,
        conscience_rate: float = 1e-4,
        epochs: int = 20,
        init: Any = "sample",
        shuffle: bool = True,
        random_state: Any = None,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.n_units = n_units
        self.winner = winner
        self.learning_rate = learning_rate
        self.conscience = conscience
        self.conscience_rate = conscience_rate
        self.epochs = epochs
        self.init = init
        self.shuffle = shuffle
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.resume = resume

    def predict(self, X: Any) -> NDArray[np.int64]:
        """The winner of each row, without conscience.

        Parameters
        ----------
        X : rows, (n, n_features).

        Returns
        -------
        places in ``weights_``, (n,)
        """
        return self._winners(self._rows(X))

    def _answers(self, rows: NDArray[Any]) -> NDArray[Any]:
        return distances(rows, self.weights_) if self.winner == "distance" else products(rows, self.weights_)

    def _winners(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        if self.winner == "distance":
            return nearest(rows, self.weights_)[0]
        found: NDArray[np.int64] = products(rows, self.weights_).argmax(axis=1)
        return found

    def _begin(self, rows: NDArray[Any]) -> None:
        if self.conscience and self.winner == "product":
            remedy = "Leave out one of them."
            expected, got = "0 with winner='product'", f"{self.conscience}"
            raise InvalidParameter(problem("Kohonen(conscience)", expected, got, remedy))
        self.seed_, self.n_iter_ = to_seed(self.random_state), 0
        self.weights_ = first_units("Kohonen", self.init, rows, self.n_units, self.seed_)
        if not len(self.weights_):
            raise InvalidParameter(problem("Kohonen(init)", "at least one unit", "none", "Give a row a unit."))
        warn_of_twins("Kohonen", self.weights_)
        self.shares_ = np.full(len(self.weights_), 1 / len(self.weights_), dtype=rows.dtype)

    def _learn(self, rows: NDArray[Any], epochs: int) -> None:
        require_squares(rows)
        units, shares = feature_major(self.weights_), self.shares_.copy()
        room = scratch(len(shares), rows.dtype)
        for _ in range(epochs):
            order = shown_rows(len(rows), self.shuffle, self.seed_, self.n_iter_)
            rates = over_steps(
                self.learning_rate, self.n_iter_, self.epochs, len(rows), where="Kohonen(learning_rate)", most=1
            ).astype(rows.dtype)
            if self.winner == "product":
                show_by_product(units, rows, order, rates, tiny_difference(rows.dtype), room[0])
            else:
                numbers = np.array([self.conscience, self.conscience_rate, tiny_difference(rows.dtype)], rows.dtype)
                show_by_distance(units, shares, rows, order, rates, numbers, *room)
            self.n_iter_ += 1
        self.weights_, self.shares_ = units.T.copy(), shares
        self.labels_ = self._winners(rows)


def products(rows: NDArray[Any], units: NDArray[Any]) -> NDArray[Any]:
    """Products of rows and units, summed from the first feature to the last as in the kernel.

    Shapes
    ------
    rows (n, n_features), units (n_units, n_features) -> (n, n_units)
    """
    found: NDArray[Any] = _all_products(rows, feature_major(units))
    return found


@numba.njit(cache=True, nogil=True)
def show_by_distance(
    units: Any, shares: Any, rows: Any, order: Any, rates: Any, numbers: Any, squares: Any, bits: Any
) -> None:
    """An epoch in which the nearest unit wins, or by conscience another; units (n_features, n_units) change."""
    n = units.shape[1]
    conscience, mixed, tiny = numbers[0], numbers[1], numbers[2]
    for place in range(order.shape[0]):
        x = rows[order[place]]
        squared_distances(units, x, n, squares)
        winner = least(bits, n)
        if conscience > 0:
            for i in range(n):
                shares[i] -= mixed * shares[i]
            shares[winner] += mixed
            winner = 0
            for i in range(n):
                squares[i] += conscience * shares[i]  # C / N is the same for all
                if squares[i] < squares[winner]:
                    winner = i
        pull(units, winner, x, rates[place], tiny)


@numba.njit(cache=True, nogil=True)
def show_by_product(units: Any, rows: Any, order: Any, rates: Any, tiny: Any, sums: Any) -> None:
    """An epoch in which the unit of the greatest product wins; units (n_features, n_units) change."""
    n = units.shape[1]
    for place in range(order.shape[0]):
        x = rows[order[place]]
        all_products(units, x, sums)
        winner = 0
        for i in range(1, n):
            if sums[i] > sums[winner]:
                winner = i
        pull(units, winner, x, rates[place], tiny)


@numba.njit(cache=True, nogil=True, inline="always")
def all_products(units: Any, x: Any, sums: Any) -> None:
    """Products of one row and all units."""
    sums[:] = 0
    for j in range(units.shape[0]):
        factor = x[j]
        for i in range(units.shape[1]):
            sums[i] += factor * units[j, i]


@numba.njit(cache=True, nogil=True)
def _all_products(rows: Any, units: Any) -> Any:
    sums = np.empty((rows.shape[0], units.shape[1]), units.dtype)
    for row in range(rows.shape[0]):
        all_products(units, rows[row], sums[row])
    return sums
