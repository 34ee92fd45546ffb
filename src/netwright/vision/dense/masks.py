"""True classes of pixels, read, brought on canvases, and batched and augmented together with their images.

A mask is an array (height, width) of labels, one for each pixel of its image, or the path of an image file whose pixels
are such numbers (of one with a palette the places in it, as the files of Pascal VOC have them). On a canvas a label is
its place among the sorted classes, and -1 where nothing is to be learned: labels to be ignored, and what lies beside
the image. Masks are enlarged and shrunk to the nearest pixel, never mixed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from netwright.core.errors import InvalidData, problem
from netwright.core.seeds import derive
from netwright.data.augment import Augmentation, Color, Erase
from netwright.train.batches import Batch, Batches, bounds, order
from netwright.vision.detection.pictures import Canvases, Frame

NOTHING = -1
PIECE = 16  # images of one batch of an evaluation
OF_COLOURS = (Color, Erase)  # augmentations that move nothing


def read_masks(masks: Any, sizes: Sequence[tuple[int, int]], where: str) -> list[NDArray[np.int64]]:
    """The labels of the pixels of each image.

    Parameters
    ----------
    masks : arrays (height, width) of integers or booleans, or paths of image files. sizes : (height, width) of the
        images. where : how an error names them.

    Raises
    ------
    InvalidData : another number of masks than images, another size, or other numbers; with the image.

    Examples
    --------
    >>> read_masks([[[0, 1], [1, 2]]], [(2, 2)], "masks")[0].tolist()
    [[0, 1], [1, 2]]
    """
    if isinstance(masks, (str, bytes)) or not hasattr(masks, "__len__") or len(masks) != len(sizes):
        got = f"{len(masks)}" if hasattr(masks, "__len__") else type(masks).__name__
        raise InvalidData(problem(where, f"{len(sizes)} masks, one an image", got))
    return [
        _checked(mask, size, f"{where}, image {i}") for i, (mask, size) in enumerate(zip(masks, sizes, strict=True))
    ]


def on_canvas(
    masks: Sequence[NDArray[np.int64]], frames: Sequence[Frame], canvas: tuple[int, int], classes: NDArray[np.int64]
) -> Tensor:
    """Masks as the places of their labels among the classes, -1 for all others, (n, height, width) int16.

    Parameters
    ----------
    masks : labels. frames : how each image was brought on its canvas. canvas : (height, width). classes : sorted.
    """
    found = torch.full((len(masks), *canvas), NOTHING, dtype=torch.int16)
    for row, (mask, frame) in enumerate(zip(masks, frames, strict=True)):
        height, width = frame.shape
        down = ((np.arange(height) + 0.5) * mask.shape[0] / height).astype(int)
        across = ((np.arange(width) + 0.5) * mask.shape[1] / width).astype(int)
        small = mask[down][:, across]
        places = np.searchsorted(classes, small).clip(max=len(classes) - 1)
        known = np.where(classes[places] == small, places, NOTHING)
        found[row, :height, :width] = torch.from_numpy(known.astype(np.int16))
    return found


class MaskBatches:
    """The images of a run with a class for each pixel; the counterpart of `netwright.train.Batches`.

    Parameters
    ----------
    canvases : the images. masks : (n, height, width) of int16, see this module. size : images in a batch. seed : of the
        order and of what is drawn. device : where batches are. change : augmentations of images and masks.

    Attributes
    ----------
    n : how many images there are. bounds : (start, stop) of the batches. whole : False, outputs are not joined.
    """

    whole = False
    weight = None

    def __init__(
        self,
        canvases: Canvases,
        masks: Tensor,
        size: int = 16,
        seed: int = 0,
        device: torch.device | None = None,
        change: Sequence[Augmentation] = (),
    ) -> None:
        self.canvases, self.masks, self.change = canvases, masks, tuple(change)
        self.size, self.seed, self.device = size, seed, device or torch.device("cpu")
        self.n, self.bounds = canvases.n, bounds(canvases.n, size)

    def __len__(self) -> int:
        return len(self.bounds)

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        drawn = order(self.seed, epoch, self.n)
        generator = torch.Generator(self.device)
        for number, rows in enumerate(drawn.split([stop - start for start, stop in self.bounds])):
            (images,), masks, _ = self.batch(rows)
            if self.change:
                generator.manual_seed(derive(self.seed, "augment", epoch, number))
                images, masks = moved(images, masks, self.change, generator)
            yield (images.contiguous(memory_format=torch.channels_last),), masks, None

    def batch(self, rows: Tensor) -> Batch:
        """Some images, in [0, 1], with their masks."""
        return (self._shown(rows),), self.masks[rows].to(self.device, torch.int64), None

    def pieces(self) -> Iterator[Tensor]:
        """The numbers of all images, some at a time; for evaluation."""
        yield from torch.arange(self.n).split(PIECE)

    def in_order(self, rows: int) -> Iterator[tuple[Tensor, ...]]:
        """The images in their own order, at most `rows` at a time."""
        for some in torch.arange(self.n).split(min(rows, PIECE)):
            yield (self._shown(some),)

    @property
    def canvas(self) -> tuple[int, int]:
        """(height, width) of all images."""
        return self.canvases.canvas

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The first image."""
        return self.head(1)

    @property
    def target(self) -> Tensor:
        """The masks of all images."""
        return self.masks

    def head(self, rows: int) -> tuple[Tensor, ...]:
        """The first images."""
        return (self._shown(torch.arange(min(rows, self.n))),)

    def some(self, rows: int) -> Batches:
        """Images spread evenly over all, as batches in memory."""
        inputs, target, _ = self.batch(torch.arange(0, self.n, max(self.n // rows, 1)))
        return Batches(inputs, target, None, min(self.size, len(target)), self.seed, channels_last=True)

    def contents(self) -> Iterator[Tensor]:
        """Every image and all masks."""
        for some in self.pieces():
            yield self.canvases.take(some)
        yield self.masks

    @staticmethod
    def counted(target: Any) -> int:
        """How many images there are in a batch."""
        return len(target)

    def _shown(self, rows: Tensor) -> Tensor:
        images = self.canvases.take(rows).to(self.device, torch.float32).div_(255)
        return images.contiguous(memory_format=torch.channels_last)


def moved(
    images: Tensor, masks: Tensor, steps: Sequence[Augmentation], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Images and masks after the same moves; what came in from outside, or is of no class mostly, is -1.

    Each class of a mask is moved as an image of its own with the numbers that the image was moved with, and a pixel is
    then of the class that there is most of.

    Parameters
    ----------
    images : (n, 3, h, w). masks : (n, h, w). steps : augmentations, one after the other. generator : of their draws.
    """
    count = int(masks.max()) + 1
    layers = one_hot(masks.clamp_min(NOTHING) + 1, count + 1)[..., 1:].movedim(-1, 1).to(images.dtype)
    for step in steps:
        state = generator.get_state()
        images = step(images, generator)
        if count and not isinstance(step, OF_COLOURS):
            after = generator.get_state()
            generator.set_state(state)
            layers = step(layers.contiguous(), generator)
            generator.set_state(after)
    if not count:
        return images, masks
    most, best = layers.max(1)
    return images, torch.where(most > 0.5, best, NOTHING)


def _checked(mask: Any, size: tuple[int, int], where: str) -> NDArray[np.int64]:
    """One mask as an array of labels."""
    array = _read(mask, where) if isinstance(mask, (str, os.PathLike)) else np.asarray(mask)
    array = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if tuple(array.shape) != tuple(size):
        expected = f"a mask of the image's size {size[0]} x {size[1]}, (height, width)"
        raise InvalidData(problem(where, expected, f"shape {array.shape}", "A mask has one label for each pixel."))
    if array.dtype.kind not in "bui":
        remedy = "Number the labels: np.searchsorted(names, mask), where names are sorted."
        if array.dtype.kind == "f":
            gaps = "" if np.isfinite(array).all() else "Give gaps (NaN) the label to be ignored, then use"
            remedy = f"{gaps or 'Use'} mask.astype(int)."
        raise InvalidData(problem(where, "labels that are integers", f"{array.dtype}", remedy))
    return array.astype(np.int64)


def _read(file: str | os.PathLike[str], where: str) -> NDArray[Any]:
    """The numbers of an image file as they stand there."""
    try:
        from PIL import Image

        with Image.open(file) as opened:
            if opened.mode not in ("1", "L", "P", "I", "I;16"):
                expected = "an image file with one number a pixel"
                got = f"mode {opened.mode} in {os.fspath(file)}"
                raise InvalidData(problem(where, expected, got, "Colours are no labels: give their places."))
            return np.array(opened)
    except OSError as error:
        got = " ".join(str(error).split())
        raise InvalidData(problem(where, "an image file", f"{os.fspath(file)}: {got}")) from error
