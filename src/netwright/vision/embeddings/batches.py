"""The batches of a run that learns embeddings; the counterpart of `netwright.train.Batches`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Any, Protocol

import torch
from torch import Tensor

from netwright.core.seeds import derive
from netwright.train import Batches
from netwright.train.batches import Batch
from netwright.vision.embeddings.sampling import Drawn

MOST = 512  # rows that the loss of the beginning and the checks look at: some losses look at all pairs of them
FIXED = -1  # the "epoch" of batches that are always the same


class Sampler(Protocol):
    """What says which rows a batch holds."""

    def draw(self, seed: int, epoch: int) -> list[Drawn]:
        """The batches of an epoch."""


class EmbeddingBatches:
    """Rows in memory, drawn as a sampler says.

    Parameters
    ----------
    x : (n, features) floating, or images (n, channels, height, width), floating or bytes.
    sampler : says which rows a batch holds, and their target.
    seed : of what is drawn.
    device : where batches are.
    augment : ``(images, generator) -> images``, None for none.

    Attributes
    ----------
    n : rows in an epoch. bounds : (start, stop) of the batches of the epoch that was asked for last.
    whole : False, outputs are not joined.
    """

    whole = False
    weight = None

    def __init__(
        self, x: Tensor, sampler: Sampler, seed: int = 0, device: torch.device | None = None, augment: Any = None
    ) -> None:
        self.x, self.sampler, self.seed, self.augment = x, sampler, seed, augment
        self.device = device or torch.device("cpu")
        self.fixed = sampler.draw(seed, FIXED)
        self.bounds: list[tuple[int, int]] = []
        self._count(self.fixed)
        self.n = self.bounds[-1][1]

    def __len__(self) -> int:
        return len(self.bounds)

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        drawn = self.sampler.draw(self.seed, epoch)
        self._count(drawn)
        return self._yielded(drawn, epoch)

    def batch(self, which: Drawn) -> Batch:
        """The inputs and the target of rows that were drawn."""
        rows, target = which
        inputs = tuple(self._shown(rows[:, place]) for place in range(rows.shape[1]))
        return inputs, target.to(self.device), None

    def pieces(self) -> list[Drawn]:
        """The batches that are always the same; for evaluation."""
        return self.fixed

    def in_order(self, rows: int) -> Iterator[tuple[Tensor, ...]]:
        """The inputs of the fixed batches."""
        for which in self.fixed:
            yield self.batch(which)[0]

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Those of the first row."""
        return self.head(1)

    @property
    def target(self) -> Tensor:
        """Those of the fixed batches."""
        return torch.cat([target for _, target in self.fixed])

    def head(self, rows: int) -> tuple[Tensor, ...]:
        """The inputs of the first rows of the fixed batches."""
        drawn = torch.cat([where for where, _ in self.fixed])[:rows]
        return self.batch((drawn, torch.zeros(len(drawn))))[0]

    def some(self, rows: int) -> Batches:
        """As many of the fixed batches as fit into a number of rows, at least a part of one; as rows in memory."""
        where, target = (torch.cat(parts)[: min(rows, MOST)] for parts in zip(*self.fixed, strict=True))
        inputs, target, _ = self.batch((where, target))
        return Batches(inputs, target, None, len(target), self.seed, channels_last=True)

    def contents(self) -> Iterator[Tensor]:
        """All rows, and which of them belong together."""
        yield self.x
        for where, target in self.fixed:
            yield from (where, target)

    @staticmethod
    def counted(target: Any) -> int:
        """How many rows there are in a batch."""
        return len(target)

    def _count(self, drawn: list[Drawn]) -> None:
        ends = list(accumulate((len(target) for _, target in drawn), initial=0))
        self.bounds = list(pairwise(ends))

    def _yielded(self, drawn: list[Drawn], epoch: int) -> Iterator[Batch]:
        generator = torch.Generator(self.device)
        for number, which in enumerate(drawn):
            inputs, target, weight = self.batch(which)
            if self.augment is not None:
                generator.manual_seed(derive(self.seed, "augment", epoch, number))
                inputs = tuple(_laid_out(self.augment(x, generator)) for x in inputs)
            yield inputs, target, weight

    def _shown(self, rows: Tensor) -> Tensor:
        """Rows as the network takes them."""
        return _laid_out(as_floats(self.x[rows].to(self.device)))


def as_floats(x: Tensor) -> Tensor:
    """Bytes as numbers in [0, 1]; numbers as they are.

    Parameters
    ----------
    x : of any shape.

    Examples
    --------
    >>> as_floats(torch.tensor([0, 255], dtype=torch.uint8)).tolist()
    [0.0, 1.0]
    """
    return x.float() / 255 if x.dtype == torch.uint8 else x


def _laid_out(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x
