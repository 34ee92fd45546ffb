"""Batches of images whose target is a class each, and no table of objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from netwright.train.batches import Batch, Batches
from netwright.vision.detection.batches import DetectionBatches


class LabelledBatches:
    """The batches of a detector with the classes alone as their target.

    Parameters
    ----------
    batches : whose ``classes`` are (n,).

    Attributes
    ----------
    n, bounds, whole : as of `DetectionBatches`.
    """

    whole = False
    weight = None

    def __init__(self, batches: DetectionBatches) -> None:
        self._batches, self.n, self.bounds = batches, batches.n, batches.bounds

    def __len__(self) -> int:
        return len(self.bounds)

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        for inputs, target, weight in self._batches(epoch):
            yield inputs, target[1], weight

    def batch(self, rows: Tensor) -> Batch:
        """Some images, in [0, 1], with their classes."""
        inputs, target, weight = self._batches.batch(rows)
        return inputs, target[1], weight

    def pieces(self) -> Iterator[Tensor]:
        """The numbers of all images, some at a time; for evaluation."""
        yield from self._batches.pieces()

    def in_order(self, rows: int) -> Iterator[tuple[Tensor, ...]]:
        """The images in their own order, at most `rows` at a time."""
        yield from self._batches.in_order(rows)

    @property
    def canvas(self) -> tuple[int, int]:
        """(height, width) of all images."""
        return self._batches.canvas

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The first image."""
        return self.head(1)

    @property
    def target(self) -> Tensor:
        """The classes of all images."""
        return self._batches.classes

    def head(self, rows: int) -> tuple[Tensor, ...]:
        """The first images."""
        return self._batches.head(rows)

    def some(self, rows: int) -> Batches:
        """Images spread evenly over all, as batches in memory."""
        inputs, target, _ = self.batch(torch.arange(0, self.n, max(self.n // rows, 1)))
        size = min(self._batches.size, len(target))
        return Batches(inputs, target, None, size, self._batches.seed, channels_last=True)

    def contents(self) -> Iterator[Tensor]:
        """Every image and all classes."""
        yield from self._batches.contents()

    @staticmethod
    def counted(target: Any) -> int:
        """How many images there are in a batch."""
        return len(target)
