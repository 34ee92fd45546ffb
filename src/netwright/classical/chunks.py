"""Rows that need not be in memory, chunk by chunk, and sums over chunks that do not depend on who computes them.

The grid of chunks is an option of the algorithm (`chunk_size` rows each, whatever the source and the number of
workers), each chunk is computed on one thread of linear algebra, and results are taken in the order of the chunks. So
the bits of a result are the same serially, with joblib's processes or threads, and with any back end that is named by
``joblib.parallel_config(backend=...)``.

=============================== ============================================================
source                           how it is read
=============================== ============================================================
array, list, frame, tensor       checked as a whole, cut into chunks
``numpy.memmap``                 chunk by chunk from the file, never as a whole
anything else that is iterable   an object whose ``iter()`` begins anew (a ``DataLoader``, a class with
                                 ``__iter__``), or a function that gives a new iterator: its arrays (rows, n_features)
                                 are joined and cut to the grid; a generator serves for one pass only
=============================== ============================================================
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from netwright.classical.rows import FLOATS, read_rows
from netwright.core.errors import InvalidData, problem

R = TypeVar("R")
WINDOW = 4  # chunks for each worker that are held at a time where a back end gives lists
_INSIDE = threading.local()  # whether this thread is inside `one_thread` already


class Chunks:
    """The rows of a source on a fixed grid; going through it gives arrays (<= chunk_size, n_features), checked.

    Attributes
    ----------
    whole : the rows as one array where they are in memory, else None.
    n : number of rows; None for an iterable that has not been gone through.
    """

    def __init__(self, network: Any, X: Any, *, reset: bool, chunk_size: int, dtype: Any = FLOATS) -> None:
        self.network, self.chunk_size, self.dtype = network, chunk_size, dtype
        self.whole: NDArray[Any] | None = None
        self.n: int | None = None
        self._source = X
        self._used = False
        if _is_on_disk(X):
            self.n = len(X)
            first = read_rows(network, np.asarray(X[: min(self.n, 1)]), reset=reset, dtype=dtype)
            self.row_dtype = first.dtype
        elif is_stream(X):
            self._peek(reset)
        else:
            self.whole = read_rows(network, X, reset=reset, dtype=dtype)
            self.n, self.row_dtype = len(self.whole), self.whole.dtype

    @property
    def rows_can_be_chosen(self) -> bool:
        """Whether `take` works: not for an iterable."""
        return self.whole is not None or _is_on_disk(self._source)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        if self.whole is not None:
            yield from (self.whole[start : start + self.chunk_size] for start in range(0, self.n or 0, self.chunk_size))
        elif _is_on_disk(self._source):
            for start in range(0, len(self._source), self.chunk_size):
                yield self._checked(self._source[start : start + self.chunk_size])
        else:
            yield from self._stream()

    def take(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Chosen rows, in that order."""
        if self.whole is not None:
            return self.whole[rows]
        return self._checked(self._source[rows])

    def _checked(self, piece: Any) -> NDArray[Any]:
        return read_rows(self.network, only_rows(piece), reset=False, dtype=self.row_dtype)

    def _peek(self, reset: bool) -> None:
        """The width and the type of a stream, from its first piece (which a generator gives only once)."""
        pieces = self._open()
        first = next((piece for piece in pieces if _has_rows(piece)), None)
        if first is None:
            raise InvalidData(problem("X", "an iterable of arrays with rows", "0 sample(s)", "Give at least one."))
        self.row_dtype = read_rows(self.network, only_rows(first), reset=reset, dtype=self.dtype).dtype
        self._first = (first, pieces) if iter(pieces) is self._source else None

    def _open(self) -> Iterator[Any]:
        return iter(self._source() if callable(self._source) else self._source)

    def _stream(self) -> Iterator[NDArray[Any]]:
        """The arrays of a stream, joined and cut to the grid."""
        once = getattr(self, "_first", None)
        if once is not None and self._used:
            remedy = "Give an object whose iter() begins anew, or a function that gives a new iterator."
            raise InvalidData(
                problem("X", "rows that can be gone through again", "a generator that is used up", remedy)
            )
        self._used = True
        pieces = self._open() if once is None else _after(*once)
        left: list[NDArray[Any]] = []
        waiting, total = 0, 0
        for piece in filter(_has_rows, pieces):
            rows = self._checked(piece)
            left.append(rows)
            waiting, total = waiting + len(rows), total + len(rows)
            if waiting >= self.chunk_size:
                joined = np.concatenate(left)
                stop = waiting - waiting % self.chunk_size
                yield from (joined[start : start + self.chunk_size] for start in range(0, stop, self.chunk_size))
                left, waiting = [joined[stop:]], waiting - stop
        if waiting:
            yield np.concatenate(left)
        self.n = total


def only_rows(piece: Any) -> Any:
    """The rows of a piece that has them alone in a list, as a `DataLoader` of a `TensorDataset` gives them.

    Raises
    ------
    InvalidData : something beside the rows.
    """
    if not isinstance(piece, (list, tuple)) or not any(getattr(part, "ndim", 0) > 1 for part in piece):
        return piece
    if len(piece) > 1:
        remedy = "Give the rows alone, such as (rows for rows, _ in loader) from a function."
        raise InvalidData(problem("X", "an iterable of arrays with rows", f"{len(piece)} things a piece", remedy))
    return piece[0]


def is_stream(X: Any) -> bool:
    """Whether a source is gone through piece by piece: an iterable or a function, and no array, list or frame."""
    known = isinstance(X, (Sequence, np.ndarray, dict)) or hasattr(X, "__array__") or hasattr(X, "columns")
    return not known and not hasattr(X, "shape") and (callable(X) or isinstance(X, Iterable)) and not isinstance(X, str)


def in_order(function: Callable[..., R], chunks: Iterable[Any], n_jobs: int | None = None) -> Iterator[R]:
    """``function(chunk)`` of every chunk, computed on one thread each, by whoever joblib names, in the chunks' order.

    Parameters
    ----------
    function : picklable: a function of a module, or a `functools.partial` of one.
    n_jobs : workers; None is one, or what ``joblib.parallel_config`` says; -1 is one a core.
    """
    with one_thread():  # round all of it: threads that share the libraries must not find them let loose by another
        if effective_n_jobs(n_jobs) == 1:
            yield from map(function, chunks)
        else:
            yield from _shared(function, iter(chunks), n_jobs)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of linear algebra inside: how a product is split among threads can change its last bits."""
    if getattr(_INSIDE, "depth", 0):
        yield
        return
    _INSIDE.depth = 1
    try:
        with _libraries().limit(limits=1):
            yield
    finally:
        _INSIDE.depth = 0


def _shared(function: Callable[..., R], chunks: Iterator[Any], n_jobs: int | None) -> Iterator[R]:
    """Results in order, as they come; of back ends that give only lists, such as ray's, some chunks at a time."""
    try:
        workers = Parallel(n_jobs=n_jobs, return_as="generator")
    except ValueError:
        size = WINDOW * effective_n_jobs(n_jobs)
        while window := list(islice(chunks, size)):
            yield from Parallel(n_jobs=n_jobs)(delayed(_alone)(function, chunk) for chunk in window)
        return
    yield from workers(delayed(_alone)(function, chunk) for chunk in chunks)


def _alone(function: Callable[..., R], chunk: Any) -> R:
    with one_thread():
        return function(chunk)


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def _is_on_disk(X: Any) -> bool:
    return isinstance(X, np.memmap) and X.ndim == 2 and X.dtype.kind in "biuf"


def _after(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _has_rows(piece: Any) -> bool:
    """Whether a piece of a stream holds any rows; what has no length is looked at later."""
    return not hasattr(piece, "__len__") or len(piece) > 0
