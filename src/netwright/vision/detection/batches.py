"""Batches of images with their objects: padded tables of boxes and classes, changed together with the images.

The order is a function of (seed, epoch), and what augmentation draws one of (seed, epoch, batch), as of all batches.

========= ===================================================
class     meaning
========= ===================================================
0, 1...   the place of the label among the classes
-1        no object: the tables of a batch have equal lengths
-2, -3... an object of class 0, 1... that is not asked for
========= ===================================================

Where regions are proposed from outside of the network, they are its second input (`netwright.vision.detection.given`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from netwright.core.seeds import derive
from netwright.train.batches import Batch, Batches, bounds, order
from netwright.vision.detection.given import apart, beside
from netwright.vision.detection.pictures import Canvases, Frame
from netwright.vision.detection.targets import Objects

NOTHING, IGNORED = -1, -2  # the latter and all below
PIECE = 16  # images of one batch of an evaluation

# images (n, 3, h, w) in [0, 1], boxes (n, m, 4), classes (n, m), generator -> the same, changed
Change = Callable[[Tensor, Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor, Tensor]]


class DetectionBatches:
    """The images of a run with their objects; the counterpart of `netwright.train.Batches`.

    Parameters
    ----------
    canvases : the images. boxes : (n, m, 4) in pixels of the canvas. classes : (n, m), see this module.
    size : images in a batch. seed : of the order and of what is drawn.
    device : where batches are. change : what augments images and boxes; None for none.
    regions : what proposes regions of the images; None for none.

    Attributes
    ----------
    n : how many images there are. bounds : (start, stop) of the batches. whole : False, outputs are not joined.
    """

    whole = False
    weight = None

    def __init__(
        self,
        canvases: Canvases,
        boxes: Tensor,
        classes: Tensor,
        size: int = 16,
        seed: int = 0,
        device: torch.device | None = None,
        change: Change | None = None,
        regions: Any = None,
    ) -> None:
        self.regions = regions
        self.canvases, self.boxes, self.classes = canvases, boxes, classes
        self.size, self.seed, self.device, self.change = size, seed, device or torch.device("cpu"), change
        self.n, self.bounds = canvases.n, bounds(canvases.n, size)

    def __len__(self) -> int:
        return len(self.bounds)

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        drawn = order(self.seed, epoch, self.n)
        generator = torch.Generator(self.device)
        for number, rows in enumerate(drawn.split([stop - start for start, stop in self.bounds])):
            batch = self.batch(rows)
            if self.change is not None:
                generator.manual_seed(derive(self.seed, "augment", epoch, number))
                batch = _changed(batch, self.change, generator)
            yield batch

    def batch(self, rows: Tensor) -> Batch:
        """Some images, in [0, 1], with their objects."""
        return self._inputs(rows), (self.boxes[rows].to(self.device), self.classes[rows].to(self.device)), None

    def pieces(self) -> Iterator[Tensor]:
        """The numbers of all images, some at a time; for evaluation."""
        yield from torch.arange(self.n).split(PIECE)

    def in_order(self, rows: int) -> Iterator[tuple[Tensor, ...]]:
        """The images in their own order, at most `rows` at a time."""
        for some in torch.arange(self.n).split(min(rows, PIECE)):
            yield self._inputs(some)

    @property
    def canvas(self) -> tuple[int, int]:
        """(height, width) of all images."""
        return self.canvases.canvas

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The first image."""
        return self.head(1)

    @property
    def target(self) -> tuple[Tensor, Tensor]:
        """The tables of all images."""
        return self.boxes, self.classes

    def head(self, rows: int) -> tuple[Tensor, ...]:
        """The first images."""
        return self._inputs(torch.arange(min(rows, self.n)))

    def some(self, rows: int) -> Batches:
        """Images spread evenly over all, as batches in memory."""
        which = torch.arange(0, self.n, max(self.n // rows, 1))
        inputs, target, _ = self.batch(which)
        return Batches(inputs, target, None, min(self.size, len(which)), self.seed, channels_last=True)

    def contents(self) -> Iterator[Tensor]:
        """Every image and all objects."""
        for some in self.pieces():
            yield self.canvases.take(some)
        yield from (self.boxes, self.classes)

    @staticmethod
    def counted(target: Any) -> int:
        """How many images there are in a batch."""
        return len(target[0])

    def _inputs(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Some images, with their regions where there are any."""
        given = () if self.regions is None else (self.regions.take(rows).to(self.device),)
        return self._shown(rows), *given

    def _shown(self, rows: Tensor) -> Tensor:
        images = self.canvases.take(rows).to(self.device, torch.float32).div_(255)
        return images.contiguous(memory_format=torch.channels_last)


def _changed(batch: Batch, change: Change, generator: torch.Generator) -> Batch:
    """A batch after augmentation: objects, and regions where there are any, go with the images."""
    (images, *given), (boxes, classes), _ = batch
    if given:
        boxes, classes = beside(boxes, classes, *given)
    images, boxes, classes = change(images, boxes, classes, generator)
    if given:
        boxes, classes, *given = apart(boxes, classes)
    return (images.contiguous(memory_format=torch.channels_last), *given), (boxes, classes), None


def tables(objects: Sequence[Objects], frames: Sequence[Frame], places: dict[Any, int]) -> tuple[Tensor, Tensor]:
    """The objects of all images as padded tables.

    Parameters
    ----------
    objects, frames : of each image. places : the number of each class.

    Shapes
    ------
    -> boxes (n, m, 4) float32 on the canvas, classes (n, m) int64, m at least 1

    Examples
    --------
    >>> import numpy as np
    >>> one = Objects(np.array([[2.0, 2.0, 4.0, 8.0]]), ["cat"], np.array([False]))
    >>> boxes, classes = tables([one], [Frame(10, 10, 0.5)], {"cat": 0})
    >>> boxes.tolist(), classes.tolist()
    ([[[1.0, 1.0, 2.0, 4.0]]], [[0]])
    """
    most = max(1, *(len(each.labels) for each in objects), 1)
    boxes = torch.zeros(len(objects), most, 4)
    classes = torch.full((len(objects), most), NOTHING)
    for row, (each, frame) in enumerate(zip(objects, frames, strict=True)):
        count = len(each.labels)
        boxes[row, :count] = torch.from_numpy(each.boxes * frame.scale).float()
        codes = [
            IGNORED - places[label] if skip else places[label]
            for label, skip in zip(each.labels, each.ignored, strict=True)
        ]
        classes[row, :count] = torch.tensor(codes, dtype=torch.int64)
    return boxes, classes
