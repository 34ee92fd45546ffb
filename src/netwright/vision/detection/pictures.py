"""Images of any size as detectors take them: read, brought to a common scale, laid on a common canvas.

An image of height h and width w is shrunk or enlarged so that its long side has S pixels, by s = S / max(h, w), and
stands in the upper left corner of its canvas; the rest is gray. Boxes are multiplied by s, and what is found is divided
by it. The canvas of a training set is the smallest that holds all its images and whose sides are multiples of the
network's coarsest stride, so images of one shape (640 x 480) waste nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from netwright.core.errors import InvalidData, problem
from netwright.data.images import image_size, read_image

GRAY = 114  # of the canvas beside an image, as in common detectors
HELD = 2**30  # bytes of scaled images that are held in memory; those of more are read anew in each epoch


@dataclass(frozen=True)
class Frame:
    """How an image was brought on its canvas.

    Parameters
    ----------
    height, width : of the image as it came, in pixels.
    scale : pixels on the canvas for one of the image.
    """

    height: int
    width: int
    scale: float

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the image on the canvas."""
        return max(1, round(self.height * self.scale)), max(1, round(self.width * self.scale))


def frame_of(size: tuple[int, int], long_side: int) -> Frame:
    """The frame of an image of a size (height, width).

    Examples
    --------
    >>> frame_of((480, 640), 320).shape
    (240, 320)
    """
    return Frame(*size, long_side / max(size))


def canvas_for(frames: Sequence[Frame], multiple: int) -> tuple[int, int]:
    """The smallest (height, width) in multiples of a number that holds all images.

    Examples
    --------
    >>> canvas_for([frame_of((480, 640), 320), frame_of((500, 500), 320)], 32)
    (320, 320)
    """
    sides = np.array([frame.shape for frame in frames]).max(0)
    height, width = (int(-(-side // multiple) * multiple) for side in sides)
    return height, width


class Pictures:
    """Images that stay where they are until they are wanted.

    Parameters
    ----------
    images : arrays (height, width, 3) or (height, width) of uint8, or paths of files.
    where : how an error names them.

    Attributes
    ----------
    sizes : (height, width) of each.

    Raises
    ------
    InvalidData : no image, an array of another shape or kind, a file that is no image; with its number or name.
    """

    def __init__(self, images: Any, where: str) -> None:
        if isinstance(images, (str, os.PathLike)) or not hasattr(images, "__len__"):
            remedy = "Put a single image in a list."
            raise InvalidData(problem(where, "a list of images or of their files", type(images).__name__, remedy))
        if not len(images):
            raise InvalidData(problem(where, "at least one image", "none"))
        if getattr(images, "ndim", 0) == 3 and images.shape[2] in (1, 3, 4):  # (height, width, 3), not n gray images
            got = f"one array of shape {tuple(images.shape)}"
            raise InvalidData(problem(where, "a list of images", got, "Put a single image in a list."))
        self._images = [_checked(image, f"{where}, image {i}") for i, image in enumerate(images)]
        self.sizes = [image_size(i) if isinstance(i, (str, os.PathLike)) else i.shape[:2] for i in self._images]

    def __len__(self) -> int:
        return len(self._images)

    def called(self, number: int) -> str:
        """How an error names an image: by its number, and by its file where it has one."""
        image = self._images[number]
        return f"image {number} ({os.fspath(image)})" if isinstance(image, (str, os.PathLike)) else f"image {number}"

    def __getitem__(self, number: int) -> NDArray[np.uint8]:
        """One image, (height, width, 3)."""
        image = self._images[number]
        return read_image(image) if isinstance(image, (str, os.PathLike)) else image

    def scaled(self, number: int, frame: Frame) -> Tensor:
        """One image at the scale of its frame: uint8 (3, height, width)."""
        image = torch.from_numpy(np.require(self[number], requirements=["C", "W"])).permute(2, 0, 1)
        if tuple(image.shape[1:]) == frame.shape:
            return image
        small = interpolate(image[None].float(), frame.shape, mode="bilinear", antialias=frame.scale < 1)
        return small[0].round_().clamp_(0, 255).to(torch.uint8)


class Canvases:
    """Images on canvases of one size.

    Parameters
    ----------
    pictures : the images, or some of them. frames : of each. canvas : (height, width).

    Attributes
    ----------
    n : how many there are.
    """

    def __init__(self, pictures: Any, frames: Sequence[Frame], canvas: tuple[int, int]) -> None:
        self._pictures, self._frames, self.canvas = pictures, frames, canvas
        self.n = len(frames)
        held = self.n * 3 * canvas[0] * canvas[1] <= HELD
        self._held = self._laid(range(self.n)) if held else None

    def take(self, rows: Tensor) -> Tensor:
        """Some of them: uint8 (k, 3, height, width)."""
        return self._laid(rows.tolist()) if self._held is None else self._held[rows]

    def _laid(self, rows: Sequence[int]) -> Tensor:
        found = torch.full((len(rows), 3, *self.canvas), GRAY, dtype=torch.uint8)
        for place, row in enumerate(rows):
            image = self._pictures.scaled(row, self._frames[row])
            found[place, :, : image.shape[1], : image.shape[2]] = image
        return found


def _checked(image: Any, where: str) -> Any:
    """An image as an array (height, width, 3), or the path of its file."""
    if isinstance(image, (str, os.PathLike)):
        return image
    array = image.detach().cpu().numpy() if isinstance(image, Tensor) else np.asarray(image)
    array = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or not array.size:
        remedy = "Give uint8 arrays (height, width, 3) with red, green, blue from 0 to 255, or the paths of files."
        if array.ndim == 3 and array.shape[2] == 4:
            remedy = "Lay transparent images on a colour first, or give the paths of files: these are laid on white."
        got = f"{array.dtype} of shape {array.shape}"
        raise InvalidData(problem(where, "uint8 of shape (height, width, 3)", got, remedy))
    return array
