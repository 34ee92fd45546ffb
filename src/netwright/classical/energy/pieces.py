"""The rows of an epoch, piece by piece, as visible units: checked, shuffled, lifted through the machines below.

A piece has at most `chunk_size` rows, rounded up to whole batches, so that only the last batch of an epoch is smaller.

===================== ========================================================================
source                 order of an epoch
===================== ========================================================================
array, frame, memmap   all rows in one order; the same bits whether in memory or on disk
iterable, function     the pieces as they come, and an order within each
===================== ========================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from netwright.classical.chunks import Chunks
from netwright.classical.energy.boltzmann import Array, Machine, hidden_probabilities
from netwright.core.arrays import place_of
from netwright.core.errors import InvalidData, problem

WATCHED = 64  # rows on which each epoch is judged
LEAST_MARGIN = 1e6  # by which a sum of squares must stay below what the type can hold


class Pieces:
    """The rows of a source, for any number of epochs.

    Parameters
    ----------
    network : that reads them.
    X : any source of `Chunks`.
    reset : whether the network takes its width from X.
    unit : whether numbers must lie in [0, 1]; else their squares must be numbers.
    size : rows of a piece.
    dtype : as of `Chunks`.
    """

    def __init__(self, network: Any, X: Any, *, reset: bool, unit: bool, size: int, dtype: Any) -> None:
        self._chunks = Chunks(network, X, reset=reset, chunk_size=size, dtype=dtype)
        self._size, self._checked = size, False
        self._require = require_unit_interval if unit else require_squares
        self._lifts: tuple[Machine, ...] = ()
        self._columns = list(getattr(network, "feature_names_in_", ())) or None
        self._watched: Array | None = None
        self.dtype = self._chunks.row_dtype
        self.width = int(network.n_features_in_)
        if self._chunks.whole is not None:
            self._require(self._chunks.whole, range(len(self._chunks.whole)), self._columns)
            self._checked = True

    def lifted(self, machines: Sequence[Machine]) -> Pieces:
        """The same rows as the hidden probabilities of machines on top of each other."""
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        made._lifts, made._watched = tuple(machines), None
        made.width = machines[-1].weights.shape[1] if machines else self.width
        return made

    def __iter__(self) -> Iterator[Array]:
        """The pieces in the order of the source."""
        start = 0
        for rows in self._chunks:
            yield self._ready(rows, range(start, start + len(rows)))
            start += len(rows)

    def epoch(self, rng: np.random.Generator | None) -> Iterator[Array]:
        """The pieces of one epoch, in an order that is drawn from `rng`, or as they come; arrays of our own.

        Raises
        ------
        InvalidData : a number outside of [0, 1] or too large, named with its row and column.
        """
        if not self._chunks.rows_can_be_chosen:
            yield from self._streamed(rng)
            return
        count = self._chunks.n or 0
        order = np.arange(count) if rng is None else rng.permutation(count)
        for start in range(0, count, self._size):
            numbers = order[start : start + self._size]
            yield self._ready(self._chunks.take(numbers), numbers)

    def watched(self) -> Array:
        """Up to `WATCHED` rows, the same ones after every epoch: evenly spaced, or the first of a stream."""
        if self._watched is None:
            count = self._chunks.n or 0
            numbers = np.linspace(0, count - 1, min(count, WATCHED)).astype(np.intp)
            self._watched = self._ready(self._chunks.take(numbers), numbers)
        return self._watched

    def _streamed(self, rng: np.random.Generator | None) -> Iterator[Array]:
        first = True
        for rows in self:
            if first:
                self._watched, first = rows[:WATCHED], False
            order = np.arange(len(rows)) if rng is None else rng.permutation(len(rows))
            yield rows[order]
        if first:
            remedy = "Give an object whose iter() begins anew, or a function that gives a new iterator."
            raise InvalidData(problem("X", "an iterable with rows at every pass", "one that gave none", remedy))

    def _ready(self, rows: Array, numbers: Any) -> Array:
        """Rows, whose numbers in the source are given, as visible units."""
        if not self._checked:
            self._require(rows, numbers, self._columns)
        for machine in self._lifts:
            rows = hidden_probabilities(machine, rows)
        return rows


def require_unit_interval(rows: Array, numbers: Any, columns: Sequence[str] | None = None) -> None:
    """Raise unless all numbers lie in [0, 1].

    Parameters
    ----------
    rows : (n, n_features), finite.
    numbers : of the rows in the source, (n,).
    columns : names of the columns, where they have some.

    Raises
    ------
    InvalidData : another number; the first one is named with its row and column.
    """
    if rows.min(initial=0) >= 0 and rows.max(initial=1) <= 1:
        return
    row, column = (int(i) for i in np.argwhere((rows < 0) | (rows > 1))[0])
    where = f"X. {place_of(int(numbers[row]), (column,), columns)}"
    remedy = "Scale the columns to [0, 1] (sklearn.preprocessing.MinMaxScaler), or set visible='gaussian'."
    raise InvalidData(problem(where, "a number in [0, 1]", f"{rows[row, column]:g}", remedy))


def require_squares(rows: Array, numbers: Any, columns: Sequence[str] | None = None) -> None:
    """Raise unless the squares of all numbers, and their sum over a row, are numbers.

    Parameters
    ----------
    rows : (n, n_features), finite.
    numbers : of the rows in the source, (n,).
    columns : names of the columns, where they have some.

    Raises
    ------
    InvalidData : a larger number; the largest one is named with its row and column.
    """
    limit = float(np.sqrt(np.finfo(rows.dtype).max / (LEAST_MARGIN * rows.shape[1])))
    if max(rows.max(initial=0), -rows.min(initial=0)) <= limit:
        return
    row, column = (int(i) for i in np.unravel_index(int(np.abs(rows).argmax()), rows.shape))
    where = f"X. {place_of(int(numbers[row]), (column,), columns)}"
    remedy = "Standardise the columns (sklearn.preprocessing.StandardScaler)."
    expected = f"a number up to {limit:.3g} in size, for its square in {rows.dtype}"
    raise InvalidData(problem(where, expected, f"{rows[row, column]:g}", remedy))
