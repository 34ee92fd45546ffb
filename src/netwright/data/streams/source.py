"""What every source of rows is, and `Stream`: a source with its targets, as an estimator takes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


class Source(ABC):
    """Rows that are read when they are asked for; it can be pickled, so that other processes can read.

    Attributes
    ----------
    n : number of rows. shape : of one row. dtype : of the numbers.
    edges : where parts begin that are read as one, ascending from 0, and n at the end; None where any row is as near
        as any other.
    names : of the numbers of a row, where they have names; such a source has `ordered`.
    """

    names: list[str] | None = None
    n: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    edges: Numbers | None = None

    @abstractmethod
    def read(self, rows: Numbers) -> NDArray[Any]:
        """Some rows, in the order that is asked for: (k,) -> (k, *shape)"""


@dataclass(frozen=True)
class Stream:
    """A source with its targets, for ``fit``, ``predict`` and ``score``; see `netwright.data.stream`.

    Parameters
    ----------
    source : of the rows.
    target : (n, ...), or None.
    workers : processes that read ahead; 0 reads in this one.
    which : the numbers of its rows that it has; None for all.
    """

    source: Source
    target: NDArray[Any] | None = None
    workers: int = 0
    which: Numbers | None = None

    def __len__(self) -> int:
        return self.source.n if self.which is None else len(self.which)

    @property
    def shape(self) -> tuple[int, ...]:
        """As of the array that it would be."""
        return len(self), *self.source.shape

    @property
    def ndim(self) -> int:
        """As of the array that it would be."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its numbers."""
        return self.source.dtype

    @property
    def rows(self) -> Numbers:
        """The numbers of its rows in the source."""
        return np.arange(self.source.n) if self.which is None else self.which

    @property
    def names(self) -> list[str] | None:
        """Those of its columns, where they have names."""
        return self.source.names

    def ordered(self, names: list[str]) -> Stream:
        """The same rows with these columns, in this order; of a source whose columns have names."""
        source: Any = self.source
        return self if names == self.names else replace(self, source=source.ordered(names))

    def __getitem__(self, rows: Any) -> Stream:
        """Some rows of it, still unread."""
        return Stream(self.source, None, self.workers, self.rows[rows])

    def read(self) -> NDArray[Any]:
        """All its rows as an array."""
        return self.source.read(self.rows)
