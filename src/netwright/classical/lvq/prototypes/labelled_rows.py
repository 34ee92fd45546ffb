"""Rows with their labels on a fixed grid of chunks, wherever they are, checked as a whole before anything is learned.

=============================================== =======================================================
X, y                                             how they are read
=============================================== =======================================================
array, list, frame, tensor; labels (n,)          at once
``numpy.memmap``; labels (n,)                    chunk by chunk from the file, never as a whole
iterable of arrays of rows; labels (n,)          joined and cut to the grid, once an epoch
iterable of pairs (rows, labels); y=None         the same; the labels may come in another order in each epoch
=============================================== =======================================================

An iterable must begin anew with each ``iter()``: a ``DataLoader``, a class with ``__iter__``, a function that gives a
new iterator. It is gone through before the first epoch, too: all rows and labels are looked at then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.classical.chunks import Chunks, is_stream
from netwright.classical.nearest import require_squares
from netwright.classical.rows import read_labels
from netwright.core.errors import InvalidData, problem, shown

REMEDY = "Give an object whose iter() begins anew and gives the same rows."


@dataclass(frozen=True)
class Part:
    """Rows (k, n_features), the places (k,) of their labels among the classes, and how they are to be shown.

    Attributes
    ----------
    order : numbers of the rows, in the order in which they are shown, (k,).
    start : how many rows of the epoch came before.
    """

    rows: NDArray[Any]
    codes: NDArray[np.intp]
    order: NDArray[np.intp]
    start: int


class LabelledRows:
    """Rows and the places of their labels among the classes.

    Attributes
    ----------
    n : number of rows.
    classes : the labels, sorted.
    codes : the place of each row's label among the classes, (n,), in the order of the first pass.
    dtype : of the rows.
    """

    def __init__(
        self, network: Any, X: Any, y: Any, *, reset: bool, chunk_size: int, classes: NDArray[Any] | None = None
    ) -> None:
        self._network = network
        self._pairs = Pairs(X) if y is None and is_stream(X) else None
        self._chunks = Chunks(network, X if self._pairs is None else self._pairs, reset=reset, chunk_size=chunk_size)
        self.n = 0
        for rows in self._chunks if self._chunks.whole is None else (self._chunks.whole,):
            require_squares(rows)
            self.n += len(rows)
        labels = y if self._pairs is None else self._pairs.take(self.n)
        self.classes, self.codes = read_labels(network, labels, self.n, classes)
        self.dtype = self._chunks.row_dtype

    def parts(self) -> Iterator[Part]:
        """The chunks of the grid, each with its rows in their own order."""
        start = 0
        for rows in self._chunks:
            if start + len(rows) > self.n:
                raise InvalidData(_changed(self.n, "more"))
            codes = self.codes[start : start + len(rows)] if self._pairs is None else self._read(len(rows))
            yield Part(rows, codes, np.arange(len(rows)), start)
            start += len(rows)
        if start < self.n:
            raise InvalidData(_changed(self.n, str(start)))

    def shown(self, random: np.random.Generator | None) -> Iterator[Part]:
        """The parts of an epoch, shuffled as a whole (an iterable: chunk by chunk), or as they are without `random`."""
        if self._chunks.whole is not None:
            order = np.arange(self.n) if random is None else random.permutation(self.n)
            yield Part(self._chunks.whole, self.codes, order, 0)
        elif random is None or not self._chunks.rows_can_be_chosen:
            for part in self.parts():
                order = part.order if random is None else random.permutation(len(part.rows))
                yield Part(part.rows, part.codes, order, part.start)
        else:
            order, size = random.permutation(self.n), self._chunks.chunk_size
            for start in range(0, self.n, size):
                chosen = order[start : start + size]
                yield Part(self._chunks.take(chosen), self.codes[chosen], np.arange(len(chosen)), start)

    def _read(self, count: int) -> NDArray[np.intp]:
        """The labels that came with the last rows of pairs."""
        assert self._pairs is not None
        return read_labels(self._network, self._pairs.take(count), count, self.classes)[1]


class Pairs:
    """An iterable of pairs (rows, labels): calling it begins a pass over the rows, and `take` gives their labels.

    Raises
    ------
    InvalidData : a generator, which serves for one pass only; something else than pairs; unequal lengths.
    """

    def __init__(self, source: Any) -> None:
        self._source = source
        self._labels: list[NDArray[Any]] = []
        if not callable(source) and iter(source) is source:
            raise InvalidData(problem("X", "pairs (rows, labels) that can be read again", "a generator", REMEDY))

    def __call__(self) -> Iterator[Any]:
        self._labels = []
        for place, pair in enumerate(self._open()):
            yield self._rows_of(pair, place)

    def take(self, count: int) -> NDArray[Any]:
        """The labels of the next `count` rows of those that were read."""
        labels = self._labels[0] if len(self._labels) == 1 else np.concatenate(self._labels)
        self._labels = [labels[count:]]
        return labels[:count]

    def _open(self) -> Any:
        return self._source() if callable(self._source) else self._source

    def _rows_of(self, pair: Any, place: int) -> Any:
        """The rows of a pair, whose labels are kept."""
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            remedy = "Or give the labels as y."
            raise InvalidData(problem(f"X, piece {place}", "a pair (rows, labels)", shown(pair), remedy))
        rows, labels = (part.detach().cpu().numpy() if hasattr(part, "detach") else part for part in pair)
        labels = np.asarray(labels).reshape(-1)
        if len(labels) != len(rows):
            raise InvalidData(problem(f"X, piece {place}", f"{len(rows)} labels, one a row", f"{len(labels)}"))
        self._labels.append(labels)
        return rows


def _changed(n: int, got: str) -> str:
    """The text for an iterable that gives another number of rows than before."""
    return problem("X", f"{n} rows, as in the first pass", f"{got} later on", REMEDY)
