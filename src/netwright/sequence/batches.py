"""Batches of sequences of unequal lengths: those of similar length together, padded to the longest of the batch.

In each epoch the sequences are drawn in an order that depends on (seed, epoch) alone, cut into pools of many batches,
sorted by length within a pool, and cut into batches, whose order is drawn again. So nearly nothing is padded, and which
sequences meet in a batch changes from epoch to epoch.

All sequences stand in memory one after the other, without padding; a batch is one gather.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from netwright.core.seeds import derive
from netwright.train.batches import Batch, Batches, bounds, order

LEFT_OUT = -100  # the target of a step that has none
POOL = 50  # batches that are sorted together
STEPS = 2**13  # padded steps in one batch of an evaluation


class Ragged:
    """Sequences one after the other in one tensor.

    Parameters
    ----------
    rows : arrays (steps_i, ...) that differ in their first axis only; at least one.
    fill : what stands behind the end of a sequence in a padded batch.
    device : where the tensor is.

    Attributes
    ----------
    values : (all steps, ...). lengths, starts : (n,), int64.
    """

    def __init__(self, rows: Sequence[NDArray[Any]], fill: float = 0, device: torch.device | None = None) -> None:
        self.lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
        self.starts = torch.cat([self.lengths.new_zeros(1), self.lengths.cumsum(0)[:-1]])
        self.values = torch.from_numpy(np.concatenate(rows)).to(device)
        self.fill = fill

    def take(self, rows: torch.Tensor, steps: int = 1) -> torch.Tensor:
        """Some of them, padded to the longest, and to so many steps at least: (k,) -> (k, steps, ...)"""
        lengths = self.lengths[rows]
        steps = max(int(lengths.max()), steps)
        t = torch.arange(steps)
        within = t < lengths[:, None]
        if not len(self.values):
            return self.values.new_full((len(rows), steps, *self.values.shape[1:]), self.fill)
        places = torch.where(within, self.starts[rows, None] + t, 0).to(self.values.device)
        taken = self.values[places]
        behind = ~within.to(self.values.device).view(*within.shape, *[1] * (taken.ndim - 2))
        return taken.masked_fill_(behind, self.fill)


class SequenceBatches:
    """The sequences of a run, ready to be drawn from; the counterpart of `netwright.train.Batches`.

    Parameters
    ----------
    inputs : what the network reads of each sequence; the lengths, (k, 1), come last of themselves.
    target : tensor (n, ...), one for each sequence, or one for each step.
    weight : tensor (n,) or None.
    size : sequences in a batch.
    seed : of the order.
    bucketed : whether those of similar length come together.

    Attributes
    ----------
    n : how many sequences there are. bounds : (start, stop) of the batches. lengths : (n,).
    whole : whether the outputs of all batches can be joined: not those that are given step by step.
    """

    def __init__(
        self,
        inputs: Sequence[Ragged],
        target: Ragged | torch.Tensor,
        weight: torch.Tensor | None = None,
        size: int = 32,
        seed: int = 0,
        bucketed: bool = True,
    ) -> None:
        self.rows, self.target, self.weight = tuple(inputs), target, weight
        self.size, self.seed, self.bucketed = size, seed, bucketed
        self.lengths = inputs[0].lengths
        self.n = len(self.lengths)
        self.whole = isinstance(target, torch.Tensor)
        self.bounds = bounds(self.n, size)

    def __len__(self) -> int:
        return len(self.bounds)

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        drawn = order(self.seed, epoch, self.n)
        sizes = [stop - start for start, stop in self.bounds]
        if not self.bucketed or len(sizes) == 1:
            yield from map(self.batch, drawn.split(sizes))
            return
        pools = drawn.split(POOL * self.size)
        ordered = torch.cat([pool[self.lengths[pool].sort(stable=True).indices] for pool in pools])
        batches = ordered.split(sizes)  # the last one may have another size: it stays last, as `bounds` says
        generator = torch.Generator().manual_seed(derive(self.seed, "batches", epoch))
        for number in [*torch.randperm(len(sizes) - 1, generator=generator).tolist(), len(sizes) - 1]:
            yield self.batch(batches[number])

    def batch(self, rows: torch.Tensor, steps: int = 1) -> Batch:
        """Some sequences as one batch, padded to so many steps at least: their inputs, targets and weights."""
        target = self.target.take(rows, steps) if isinstance(self.target, Ragged) else self.target[rows]
        return self.shown(rows, steps), target, None if self.weight is None else self.weight[rows]

    def shown(self, rows: torch.Tensor, steps: int = 1) -> tuple[torch.Tensor, ...]:
        """The inputs of some sequences, and their lengths (k, 1)."""
        lengths = self.lengths[rows, None].to(torch.get_default_dtype())
        return *(part.take(rows, steps) for part in self.rows), lengths.to(self.rows[0].values.device)

    @staticmethod
    def counted(target: torch.Tensor) -> int:
        """How many steps of padded targets count."""
        left = ~torch.isnan(target[..., 0]) if target.is_floating_point() else target != LEFT_OUT
        return int(left.sum())

    def pieces(self) -> Iterator[torch.Tensor]:
        """The numbers of all sequences, in batches of similar length and of a bounded number of steps."""
        by_length = self.lengths.sort(stable=True).indices
        start = 0
        while start < self.n:
            stop = min(start + 4096, self.n)
            while stop - start > 1 and (stop - start) * int(self.lengths[by_length[stop - 1]]) > STEPS:
                stop = start + (stop - start) // 2
            yield by_length[start:stop]
            start = stop

    def in_order(self, rows: int) -> Iterator[tuple[torch.Tensor, ...]]:
        """The inputs of all sequences in their own order, at most `rows` at a time; for evaluation."""
        longest = max(int(self.lengths.max()), 1)
        for some in torch.arange(self.n).split(max(1, min(rows, STEPS // longest))):
            yield self.shown(some)

    @property
    def inputs(self) -> tuple[torch.Tensor, ...]:
        """The inputs of the first sequence."""
        return self.head(1)

    def head(self, rows: int) -> tuple[torch.Tensor, ...]:
        """The inputs of the first sequences, padded to the longest of them."""
        return self.shown(torch.arange(min(rows, self.n)))

    def contents(self) -> Iterator[torch.Tensor]:
        """All that the rows are."""
        for part in (*self.rows, self.target):
            yield from (part.lengths, part.values) if isinstance(part, Ragged) else (part,)
        yield from () if self.weight is None else (self.weight,)

    def some(self, rows: int, steps: int = 1) -> Batches:
        """Sequences spread evenly over all, padded to the longest of them, as batches without bucketing.

        Parameters
        ----------
        rows : how many are wanted; up to twice as many come. steps : to which they are padded at least.
        """
        which = torch.arange(0, self.n, max(self.n // rows, 1))
        inputs, target, weight = self.batch(which, steps)
        return Batches(inputs, target, weight, min(self.size, len(which)), self.seed)
