"""CMAC, cerebellar model articulation controller: a regression that looks its answer up in a few overlapping tables.

A row x lies in one cell of each of A tilings (`netwright.classical.memory.tilings`), its receptive fields a_t(x)::

    yhat = sum_t w[a_t(x)]
    w[a_t(x)] <- w[a_t(x)] + rate (y - yhat) / A          for each t, row by row

so one row moves the answer at x by rate (y - yhat), and near x by the share of the cells that are the same.

======= ================== ====================================================================================
symbol  option             meaning and unit
======= ================== ====================================================================================
A       ``n_tilings``      tilings (associative units a row); the width of a cell in levels
R       ``resolution``     levels between the bounds of an input
        ``bounds``         of the inputs, in their units
rate    ``learning_rate``  share of the error that a row takes away
        ``table_size``     cells of all tilings together; where there are more, cells share weights by hash
======= ================== ====================================================================================

References: Albus: A new approach to manipulator control: the cerebellar model articulation controller (CMAC), 1975;
Miller, Glanz, Kraft: CMAC: an associative neural network alternative to backpropagation, 1990; Sutton, Barto:
Reinforcement learning: an introduction, 2nd edition, 2018, section 9.5.4 (the offsets "odd").

It differs from NeuPy in that the answer is the sum, and a step is divided by A (there: the mean, and a step that is not
divided, which gives the same answers with weights A times as great), in levels between bounds (there: a number of
levels a unit, cut towards 0, so that the cell around 0 is twice as wide), and in that predictions add no cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from netwright.classical.base import ClassicalNetwork, learns
from netwright.classical.checkpoints import in_epochs
from netwright.classical.memory.tilings import Grid, cells_of, make_grid
from netwright.classical.rates import over_steps, varying
from netwright.classical.rows import read_rows, read_targets
from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.core.seeds import RANDOM_STATE, derive, to_seed
from netwright.core.validation import Constraint, boolean, checks_options, integer, one_of, satisfies, tuple_of

MOST = 2**31 - 1  # cells, which are numbered in 32 bits
GREATEST = 1e150  # target that is learned; the squares of errors stay finite


def _are_bounds(value: Any) -> bool:
    try:
        pairs = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    shaped = pairs.shape == (2,) or (pairs.ndim == 2 and pairs.shape[1] == 2)
    return shaped and bool(np.isfinite(pairs).all() and (pairs[..., 0] < pairs[..., 1]).all())


BOUNDS = satisfies(
    "None, a pair (low, high) with low < high, or such a pair for each input",
    lambda value: value is None or _are_bounds(value),
)
START = one_of("zeros", "mean") | satisfies(
    "an array of weights", lambda value: isinstance(value, np.ndarray) and value.dtype.kind in "fiu"
)


class CMAC(MultiOutputMixin, RegressorMixin, ClassicalNetwork):
    """CMAC of Albus: yhat = sum of the weights of the cells that a row lies in, one of each tiling, learned by LMS.

    For functions of a few inputs: a row costs `n_tilings` look-ups, whatever the number of cells, and changes only what
    lies near it. Over many inputs no two rows share a cell, and it tells nothing about what it has not seen.

    Parameters
    ----------
    n_tilings : tilings A, and the width of a cell in levels, >= 1; the more, the wider a row's reach and the smoother
        the answer.
    resolution : levels between the bounds, >= 1, or one number for each input; the answer is constant within a level.
    learning_rate : share of a row's error that is taken away, in (0, 2); a number, a pair (first, last) over the run,
        or a schedule.
    epochs : passes over the rows, >= 1.
    bounds : of the inputs: (low, high) for all or a pair for each; None: the least and the greatest of the first rows
        that are learned.
    outside : what is done with inputs beyond the bounds, at `fit` and at `predict`: "clip" takes the outermost level;
        "refuse" raises an error that names the row.
    offsets : how tilings are shifted: "diagonal" (Albus), or "odd" (1, 3, 5... levels in the inputs, which avoids
        artifacts along the diagonal).
    table_size : cells that are held, >= 1. Where the tilings have more, a cell's weight is found by a hash (SplitMix64,
        the same everywhere): cells of one tiling may share a weight, those of two tilings never do.
    init : weights to begin from: "zeros"; "mean": cells that are not visited answer the mean of the targets; or an
        array as ``weights_``.
    shuffle : whether each epoch visits the rows in a new random order; False visits them as they are.
    random_state : of the orders.
    checkpoint, resume : a folder, or `netwright.train.Checkpoints`, in which `fit` is written down after epochs, and
        whether a fit that was killed goes on from what is there, to the same bits.

    Attributes
    ----------
    weights_ : (n_tilings, n_cells, n_outputs).
    bounds_ : (n_features, 2).
    hashed_ : whether cells share weights by hash.
    errors_ : root of the mean square of y - yhat of each epoch, before each row is learned.
    n_outputs_, n_iter_ : columns of y; epochs done.
    seed_ : from which the orders are drawn.

    Notes
    -----
    (n, n_features) -> (n,) or (n, n_outputs), as y at the fit

    Raises
    ------
    InvalidParameter : bounds or resolutions of another number than the inputs; a schedule that leaves [0, 2]; weights
        of another shape. InvalidData : rows beyond the bounds with "refuse"; targets beyond 1e150; NaN.

    Examples
    --------
    >>> from netwright.classical import CMAC
    >>> X = np.linspace(0, 6, 200)[:, None]
    >>> network = CMAC(n_tilings=8, resolution=60, random_state=0).fit(X, np.sin(X[:, 0]))
    >>> network.predict([[1.5], [4.5]]).round(2), bool(network.score(X, np.sin(X[:, 0])) > 0.99)
    (array([ 1.  , -0.99]), True)
    >>> network.weights_.shape
    (8, 9, 1)

    References
    ----------
    Albus: A new approach to manipulator control: the cerebellar model articulation controller (CMAC), 1975.
    Miller, Glanz, Kraft: CMAC: an associative neural network alternative to backpropagation, 1990.
    """

    weights_: NDArray[np.float64]
    errors_: list[float]
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "n_tilings": integer(1, MOST),
        "resolution": integer(1, MOST) | tuple_of(integer(1, MOST), least=1),
        "learning_rate": varying(0, 2, "neither"),
        "epochs": integer(1),
        "bounds": BOUNDS,
        "outside": one_of("clip", "refuse"),
        "offsets": one_of("diagonal", "odd"),
        "table_size": integer(1, MOST),
        "init": START,
        "shuffle": boolean,
        "random_state": RANDOM_STATE,
    }

    @checks_options
    def __init__(
        self,
        n_tilings: int = 8,
        resolution: Any = 64,
        *,
        learning_rate: Any = 0.1,
        epochs: int = 10,
        bounds: Any = None,
        outside: str = "clip",
        offsets: str = "diagonal",
        table_size: int = 2**20,
        init: Any = "zeros",
        shuffle: bool = True,
        random_state: Any = None,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.n_tilings = n_tilings
        self.resolution = resolution
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.bounds = bounds
        self.outside = outside
        self.offsets = offsets
        self.table_size = table_size
        self.init = init
        self.shuffle = shuffle
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.resume = resume

    @learns
    def fit(self, X: Any, y: Any) -> CMAC:
        """Learn anew, `epochs` passes over the rows.

        Parameters
        ----------
        X : rows, (n, n_features).
        y : targets, (n,) or (n, n_outputs).

        Returns
        -------
        the network.
        """
        rows, targets = self._read(X, y, anew=True)
        in_epochs(self, [rows, targets], partial(self._learn, rows, targets))
        return self

    @learns
    def partial_fit(self, X: Any, y: Any) -> CMAC:
        """Learn one epoch more over these rows; the first call sets bounds and tables.

        Parameters
        ----------
        X : rows, (n, n_features).
        y : targets, (n,) or (n, n_outputs), as many columns as at first.

        Returns
        -------
        the network.
        """
        rows, targets = self._read(X, y, anew=not hasattr(self, "weights_"))
        return self._learn(rows, targets, 1)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The sum of the weights of each row's cells; cells that were never visited have the weights of `init`.

        Parameters
        ----------
        X : rows, (n, n_features).

        Returns
        -------
        answers, (n,) or (n, n_outputs).
        """
        check_is_fitted(self)
        cells = cells_of(self._inside(read_rows(self, X, reset=False, dtype=np.float64)), self._grid())
        answers = summed(self.weights_.reshape(-1, self.n_outputs_), cells)
        return answers[:, 0] if self._one_column else answers

    def active_cells(self, X: Any) -> NDArray[np.int64]:
        """The receptive fields of rows: the number of the cell in each tiling, as in the second axis of ``weights_``.

        Parameters
        ----------
        X : rows, (n, n_features).

        Returns
        -------
        cells, (n, n_tilings).
        """
        check_is_fitted(self)
        grid = self._grid()
        cells = cells_of(self._inside(read_rows(self, X, reset=False, dtype=np.float64)), grid)
        return cells - grid.cells * np.arange(len(grid.shifts))

    def _grid(self) -> Grid:
        levels, shifts = self._levels, self._shifts
        return Grid(self.bounds_[:, 0], self._half, levels, shifts, self._strides, self.weights_.shape[1])

    def _read(self, X: Any, y: Any, anew: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Checked rows and targets (n, n_outputs); at first also bounds, tables and weights."""
        rows = read_rows(self, X, reset=anew, dtype=np.float64)
        given = read_targets(self, y, len(rows))
        targets = given.reshape(len(rows), -1)
        far = np.abs(targets) > GREATEST
        if far.any():
            row, column = (int(place) for place in np.argwhere(far)[0])
            where, got = f"CMAC, y, row {row}", f"{targets[row, column]:g}"
            raise InvalidData(problem(where, f"a target between -{GREATEST:g} and {GREATEST:g}", got, "Scale y."))
        if anew:
            self._begin(rows, targets, given.ndim == 1)
        elif targets.shape[1] != self.n_outputs_:
            got = f"{targets.shape[1]}"
            raise InvalidData(problem("CMAC, y", f"{self.n_outputs_} columns, as at first", got, "Give as many."))
        return self._inside(rows), targets

    def _begin(self, rows: NDArray[np.float64], targets: NDArray[np.float64], one_column: bool) -> None:
        n = rows.shape[1]
        self.n_outputs_, self._one_column = targets.shape[1], one_column
        self.bounds_ = self._as_many("bounds", self.bounds, n, (2,), np.float64)
        if self.bounds is None:
            self.bounds_ = np.stack([rows.min(axis=0), rows.max(axis=0)], axis=1)
        levels = self._as_many("resolution", self.resolution, n, (), np.int64)
        grid = make_grid(self.bounds_, levels, self.n_tilings, self.offsets, self.table_size)
        self._half, self._levels, self._shifts, self._strides = grid.half, levels, grid.shifts, grid.strides
        self.hashed_ = not grid.strides[0]
        shape = (self.n_tilings, grid.cells, self.n_outputs_)
        if isinstance(self.init, np.ndarray):
            if self.init.shape != shape:
                raise InvalidParameter(problem("CMAC(init)", f"weights {shape}", f"{self.init.shape}"))
            if not (np.abs(self.init) <= GREATEST).all():
                got = f"{self.init[~(np.abs(self.init) <= GREATEST)][0]:g} among them"
                raise InvalidParameter(problem("CMAC(init)", f"weights between -{GREATEST:g} and {GREATEST:g}", got))
            self.weights_ = np.array(self.init, dtype=np.float64, order="C")
        else:
            self.weights_ = np.zeros(shape)
            if self.init == "mean":
                self.weights_ += targets.mean(axis=0) / self.n_tilings
        self.seed_, self.n_iter_, self.errors_ = to_seed(self.random_state), 0, []

    def _as_many(self, option: str, given: Any, n: int, shape: tuple[int, ...], dtype: Any) -> Any:
        """An option that is one for all inputs or one for each, as an array (n_features, *shape); None as it is."""
        if given is None:
            return None
        array = np.asarray(given, dtype=dtype)
        if array.ndim == len(shape):
            return np.broadcast_to(array, (n, *shape)).copy()
        if len(array) != n:
            raise InvalidParameter(problem(f"CMAC({option})", f"one for each of {n} inputs", f"{len(array)}"))
        return array

    def _inside(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rows, after those beyond the bounds were refused where they are to be."""
        if self.outside == "refuse":
            beyond = (rows < self.bounds_[:, 0]) | (rows > self.bounds_[:, 1])
            if beyond.any():
                row, column = (int(place) for place in np.argwhere(beyond)[0])
                low, high = self.bounds_[column]
                where = f"CMAC, X. Row {row}, column {column}"
                remedy = 'Give wider bounds, or outside="clip".'
                got = f"{rows[row, column]:g}"
                raise InvalidData(problem(where, f"a number within [{low:g}, {high:g}]", got, remedy))
        return rows

    def _learn(self, rows: NDArray[np.float64], targets: NDArray[np.float64], epochs: int) -> CMAC:
        cells = cells_of(rows, self._grid())
        table = self.weights_.reshape(-1, self.n_outputs_)
        n = len(rows)
        plans = []
        for epoch in range(self.n_iter_, self.n_iter_ + epochs):
            where = "CMAC(learning_rate)"  # beyond 2 the errors grow
            plans.append(over_steps(self.learning_rate, epoch, self.epochs, n, where=where, most=2))
        for rates in plans:
            order = np.arange(n)
            if self.shuffle:
                order = np.random.default_rng(derive(self.seed_, "epoch", self.n_iter_)).permutation(n)
            total = learn(table, cells, targets, order, rates)
            self.errors_.append(float(np.sqrt(total / targets.size)))
            self.n_iter_ += 1
        return self


@numba.njit(cache=True, nogil=True)
def learn(table: Any, cells: Any, targets: Any, order: Any, rates: Any) -> float:
    """One epoch of LMS, the rows in that order, in place; gives the sum of the squared errors."""
    tilings, outputs = cells.shape[1], targets.shape[1]
    total = 0.0
    for place in range(len(order)):
        row = order[place]
        for k in range(outputs):
            answer = 0.0
            for t in range(tilings):
                answer += table[cells[row, t], k]
            error = targets[row, k] - answer
            total += error * error
            step = rates[place] * error / tilings
            for t in range(tilings):
                table[cells[row, t], k] += step
    return total


@numba.njit(cache=True, nogil=True)
def summed(table: Any, cells: Any) -> Any:
    """The sums of the rows' cells, (n, n_outputs)."""
    n, tilings = cells.shape
    outputs = table.shape[1]
    answers = np.zeros((n, outputs))
    for row in range(n):
        for t in range(tilings):
            for k in range(outputs):
                answers[row, k] += table[cells[row, t], k]
    return answers
