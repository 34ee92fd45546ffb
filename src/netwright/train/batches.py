"""Batches: data in memory as tensors, gathered by an order that is a function of (seed, epoch) alone.

Because the order needs no state, a run can be taken up again at any epoch and any batch; and so it is with the random
numbers of augmentation, a function of (seed, epoch, batch). A last batch of a single row is merged into the one before
it, so that batch normalisation always has two rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import torch

from netwright.core.seeds import derive

Batch = tuple[tuple[torch.Tensor, ...], Any, torch.Tensor | None]
Augment = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
ONCE = 16 * 2**20  # bytes up to which a whole epoch is gathered at once


def order(seed: int, epoch: int, n: int) -> torch.Tensor:
    """The order of the n rows in an epoch: a permutation that depends on seed and epoch only.

    Parameters
    ----------
    seed : of the run.
    epoch : its number, from 0.
    n : number of rows.

    Examples
    --------
    >>> order(0, 3, 5).equal(order(0, 3, 5)), sorted(order(0, 3, 5).tolist())
    (True, [0, 1, 2, 3, 4])
    """
    generator = torch.Generator().manual_seed(derive(seed, "order", epoch))
    return torch.randperm(n, generator=generator)


def bounds(n: int, size: int) -> list[tuple[int, int]]:
    """The batches as (start, stop) of the order; a last batch of one row is merged into the one before.

    Parameters
    ----------
    n : number of rows.
    size : rows in a batch, >= 1.

    Examples
    --------
    >>> bounds(7, 3), bounds(8, 3)
    ([(0, 3), (3, 7)], [(0, 3), (3, 6), (6, 8)])
    """
    starts = list(range(0, n, size))
    if len(starts) > 1 and n - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], n], strict=True)) if n else []


class Batches:
    """The training rows, ready to be drawn from.

    Parameters
    ----------
    inputs : tensors (n, ...), one for each input of the network.
    target : tensor (n, ...), or a tuple of them for several outputs.
    weight : tensor (n,) or None.
    size : rows in a batch; n or more means full batches in the given order.
    seed : of the order.
    channels_last : hand image batches out in that memory format.
    augment : ``(images, generator) -> images``, applied to the images of each batch of an epoch; None for none.

    Attributes
    ----------
    whole : whether the outputs of all batches can be joined to one tensor; not so those of sequences, step by step.
    """

    whole = True

    def __init__(
        self,
        inputs: tuple[torch.Tensor, ...],
        target: Any,
        weight: torch.Tensor | None = None,
        size: int = 64,
        seed: int = 0,
        channels_last: bool = False,
        augment: Augment | None = None,
    ) -> None:
        self.images = tuple(channels_last and x.ndim == 4 for x in inputs)
        self.inputs = tuple(
            x.permute(0, 2, 3, 1).contiguous() if image else x for x, image in zip(inputs, self.images, strict=True)
        )
        self.target, self.weight, self.seed, self.augment = target, weight, seed, augment
        self.n = len(inputs[0])
        self.bounds = bounds(self.n, size)

    def __len__(self) -> int:
        return len(self.bounds)

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        batches = self._drawn(epoch)
        return batches if self.augment is None else self._augmented(batches, self.augment, epoch)

    def _augmented(self, batches: Iterator[Batch], augment: Augment, epoch: int) -> Iterator[Batch]:
        """The batches with new images; what is no image stays as it is.

        The images of one sample in several inputs are changed by the same numbers, so that what stands above each other
        in them stays so.
        """
        generator = torch.Generator(self.inputs[0].device)
        for number, (inputs, target, weight) in enumerate(batches):
            seed = derive(self.seed, "augment", epoch, number)
            made = (augment(x, generator.manual_seed(seed)) if x.ndim == 4 else x for x in inputs)
            yield self._laid_out(tuple(made)), target, weight

    def _laid_out(self, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """Images in the memory format of the run."""
        return tuple(
            x.contiguous(memory_format=torch.channels_last) if image else x
            for x, image in zip(inputs, self.images, strict=True)
        )

    def _drawn(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch as the order has them."""
        if len(self.bounds) == 1:
            yield self._shaped(self.inputs), self.target, self.weight
            return
        rows = order(self.seed, epoch, self.n).to(self.inputs[0].device)
        sizes = [stop - start for start, stop in self.bounds]
        if sum(x.numel() * x.element_size() for x in self.inputs) <= ONCE:
            yield from self._cut(*self._take(rows), sizes)
            return
        for some in rows.split(sizes):
            inputs, target, weight = self._take(some)
            yield self._shaped(inputs), target, weight

    def _cut(self, inputs: tuple[torch.Tensor, ...], target: Any, weight: Any, sizes: list[int]) -> Iterator[Batch]:
        """All batches of gathered rows as views."""
        several = isinstance(target, tuple)
        columns = zip(*(self._shaped((x,), i)[0].split(sizes) for i, x in enumerate(inputs)), strict=True)
        targets = zip(*(t.split(sizes) for t in target), strict=True) if several else target.split(sizes)
        weights = repeat(None, len(sizes)) if weight is None else weight.split(sizes)
        return zip(columns, targets, weights, strict=True)

    def in_order(self, rows: int) -> Iterator[tuple[torch.Tensor, ...]]:
        """The inputs of all rows in their own order, `rows` at a time; for evaluation."""
        for start in range(0, self.n, rows):
            stop = min(start + rows, self.n)
            yield self._shaped(tuple(x[start:stop] for x in self.inputs))

    def head(self, rows: int) -> tuple[torch.Tensor, ...]:
        """The inputs of the first rows."""
        return self._shaped(tuple(x[:rows] for x in self.inputs))

    def some(self, rows: int) -> Batches:
        """Rows spread evenly over all, as batches of their own in their own order."""
        which = torch.arange(0, self.n, max(self.n // rows, 1), device=self.inputs[0].device)
        inputs, target, weight = self._take(which)
        return Batches(self._shaped(inputs), target, weight, len(which), self.seed, any(self.images))

    def contents(self) -> Iterator[torch.Tensor]:
        """All that the rows are."""
        yield from self.inputs
        yield from self.target if isinstance(self.target, tuple) else (self.target,)
        yield from () if self.weight is None else (self.weight,)

    def between(self, start: int, stop: int) -> Batches:
        """Rows from one number to another, as batches of their own, without a target; for evaluation."""
        inputs = self._shaped(tuple(x[start:stop] for x in self.inputs))
        return Batches(inputs, torch.zeros(stop - start), None, stop - start, self.seed, any(self.images))

    def _take(self, rows: torch.Tensor) -> Batch:
        target = (
            tuple(t.index_select(0, rows) for t in self.target)
            if isinstance(self.target, tuple)
            else self.target.index_select(0, rows)
        )
        weight = None if self.weight is None else self.weight.index_select(0, rows)
        return tuple(x.index_select(0, rows) for x in self.inputs), target, weight

    def _shaped(self, inputs: tuple[torch.Tensor, ...], first: int = 0) -> tuple[torch.Tensor, ...]:
        """Images as (n, channels, height, width) again; `first` is the place of the first of these inputs."""
        images = self.images[first : first + len(inputs)]
        return tuple(x.permute(0, 3, 1, 2) if image else x for x, image in zip(inputs, images, strict=True))
