"""Batches of rows that do not fit into memory: read in pools, some ahead by other processes, mixed within a pool.

The order of an epoch is a function of (seed, epoch) alone. The source says which rows are read as one (its `edges`):
these parts are drawn in a random order, some are joined to a pool, and the rows of a pool are mixed; where any row is
as near as any other, all rows are mixed and a pool is some batches. Batches are cut out of the pools as they come, so
that each has its full size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from netwright.core.arrays import first_nonfinite
from netwright.core.errors import InvalidData, problem
from netwright.core.seeds import derive
from netwright.train.batches import Batch, Batches, bounds
from netwright.train.precision import Precision

POOL = 2**25  # bytes of a pool, about
BATCHES = 4  # that a pool has at least
AHEAD = 2  # pools that a process reads ahead

Numbers = NDArray[np.int64]
Transform = Callable[[NDArray[Any]], tuple[NDArray[Any], ...]]


class StreamBatches:
    """The rows of a run that are read while it goes; the counterpart of `netwright.train.Batches`.

    Parameters
    ----------
    source : of the rows: ``n, shape, dtype, edges, read(rows)``.
    transform : of what is read, to the arrays that the network takes.
    rows : the numbers of the rows of this part in the source, ascending.
    target, weight : tensors (n, ...) of these rows; no weight is None.
    size : rows in a batch. seed : of the order. precision : number format and device.
    workers : processes that read ahead.
    augment : as of `Batches`.
    """

    whole = True

    def __init__(
        self,
        source: Any,
        transform: Transform,
        rows: Numbers,
        target: Any,
        weight: torch.Tensor | None = None,
        size: int = 64,
        seed: int = 0,
        precision: Precision | None = None,
        workers: int = 0,
        augment: Any = None,
    ) -> None:
        self.source, self.transform, self.rows = source, transform, rows
        self.target, self.weight, self.size, self.seed, self.augment = target, weight, size, seed, augment
        self.precision = precision or Precision()
        self.n, self.bounds = len(rows), bounds(len(rows), size)
        self.workers = workers
        self._plan = _Plan()
        self._loader: Any = None

    def __len__(self) -> int:
        return len(self.bounds)

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        draw = np.random.default_rng(derive(self.seed, "pools", epoch))
        pools = self._pools(draw) if len(self.bounds) > 1 else [np.arange(self.n)]
        sizes = iter(stop - start for start, stop in self.bounds)
        generator = torch.Generator(self.precision.device)
        wanted, number = next(sizes), 0
        left: tuple[torch.Tensor, ...] | None = None
        for place, inputs in zip(pools, self._read(pools), strict=True):
            here = (*inputs, torch.from_numpy(place))
            left = here if left is None else tuple(map(torch.cat, zip(left, here, strict=True)))
            while len(left[-1]) >= wanted:
                rows, left = tuple(x[:wanted] for x in left), tuple(x[wanted:] for x in left)
                yield self._batch(rows, generator, derive(self.seed, "augment", epoch, number))
                wanted, number = next(sizes, self.n + 1), number + 1

    def in_order(self, rows: int) -> Iterator[tuple[torch.Tensor, ...]]:
        """The inputs of all rows in their own order, `rows` at a time; for evaluation."""
        for inputs in self._read(np.split(np.arange(self.n), range(rows, self.n, rows))):
            yield self._placed(inputs)

    @property
    def inputs(self) -> tuple[torch.Tensor, ...]:
        """The inputs of the first row."""
        return self.head(1)

    def head(self, rows: int) -> tuple[torch.Tensor, ...]:
        """The inputs of the first rows."""
        return self._placed(self._now(np.arange(min(rows, self.n))))

    def some(self, rows: int) -> Batches:
        """Rows spread evenly over all, as batches of their own in memory."""
        which = np.arange(0, self.n, max(self.n // rows, 1))
        inputs, target, weight = self._batch((*self._now(which), torch.from_numpy(which)), None, 0)
        return Batches(inputs, target, weight, len(which), self.seed, self.precision.channels_last)

    def contents(self) -> Iterator[torch.Tensor]:
        """The first rows, the numbers of all, and their targets."""
        yield from self.head(100)
        yield torch.from_numpy(self.rows)
        yield from self.target if isinstance(self.target, tuple) else (self.target,)
        yield from () if self.weight is None else (self.weight,)

    def between(self, start: int, stop: int) -> StreamBatches:
        """Rows from one number to another, as batches of their own, without a target; for evaluation."""
        shared = self.source, self.transform, self.rows[start:stop], torch.zeros(stop - start)
        return StreamBatches(*shared, None, self.size, self.seed, self.precision, self.workers)

    def _pools(self, draw: np.random.Generator) -> list[Numbers]:
        """The numbers of the rows, as they are read: each pool at once, its rows mixed."""
        each = max(1, int(np.prod(self.source.shape)) * self.source.dtype.itemsize)
        most = max(BATCHES * self.size, POOL // each)
        if self.source.edges is None:
            order = draw.permutation(self.n)
            return np.split(order, range(most, self.n, most))
        parts = np.split(np.arange(self.n), np.searchsorted(self.rows, self.source.edges[1:-1]))
        parts = [part for part in parts if len(part)]
        parts = [parts[number] for number in draw.permutation(len(parts))]
        before = np.cumsum([0, *map(len, parts)])[:-1]
        groups = np.unique(before // most, return_index=True)[1]
        joined = [np.concatenate(parts[a:b]) for a, b in zip(groups, [*groups[1:], len(parts)], strict=True)]
        return [draw.permutation(pool) for pool in joined]

    def _read(self, pools: list[Numbers]) -> Iterator[tuple[torch.Tensor, ...]]:
        """What is read of pools, in their order."""
        if not self.workers:
            yield from map(self._now, pools)
            return
        if self._loader is None:
            self._loader = DataLoader(
                _Reader(self.source, self.transform, self.rows),
                batch_size=None,
                sampler=self._plan,
                num_workers=self.workers,
                prefetch_factor=AHEAD,
                persistent_workers=True,
                pin_memory=self.precision.device.type == "cuda",
                generator=torch.Generator().manual_seed(self.seed % 2**63),
            )
        self._plan.pools = pools
        for found in self._loader:
            if isinstance(found, InvalidData):
                raise found
            yield tuple(found)

    def _now(self, rows: Numbers) -> tuple[torch.Tensor, ...]:
        found = _Reader(self.source, self.transform, self.rows)[rows]
        if isinstance(found, InvalidData):
            raise found
        return tuple(map(torch.from_numpy, found))

    def _batch(self, rows: tuple[torch.Tensor, ...], generator: Any, seed: int) -> Batch:
        """Inputs and the numbers of their rows as a batch on the device."""
        *inputs, which = rows
        which = which.to(self.precision.device)
        placed = self._placed(tuple(inputs))
        if self.augment is not None and generator is not None:
            placed = tuple(self.augment(x, generator.manual_seed(seed)) if x.ndim == 4 else x for x in placed)
        several = isinstance(self.target, tuple)
        target = tuple(t[which] for t in self.target) if several else self.target[which]
        return placed, target, None if self.weight is None else self.weight[which]

    def _placed(self, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """Inputs on the device, in the run's number format and layout."""
        kind = self.precision
        moved = (x.to(kind.device, kind.dtype if x.is_floating_point() else None, non_blocking=True) for x in inputs)
        if not kind.channels_last:
            return tuple(moved)
        return tuple(x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x for x in moved)


class _Plan(Sampler[Numbers]):
    """The pools that are to be read next."""

    def __init__(self) -> None:
        self.pools: list[Numbers] = []

    def __iter__(self) -> Iterator[Numbers]:
        return iter(self.pools)

    def __len__(self) -> int:
        return len(self.pools)


class _Reader(Dataset[Any]):
    """Reads a pool; in whichever process. What is wrong with the data is given back, to be raised where it is heard."""

    def __init__(self, source: Any, transform: Transform, rows: Numbers) -> None:
        self.source, self.transform, self.rows = source, transform, rows

    def __getitem__(self, which: Numbers) -> Any:
        rows = self.rows[which]
        try:
            found = self.source.read(rows)
            place = first_nonfinite(found) if found.dtype.kind == "f" else None
            if place is not None:
                got = f"{place[2]} in row {rows[place[0]]}"
                return InvalidData(problem("stream", "finite numbers", got, "Leave such rows out, or fill them in."))
            return [np.ascontiguousarray(part) for part in self.transform(found)]
        except InvalidData as error:
            return error
