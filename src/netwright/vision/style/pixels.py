"""Images as style transfer takes and gives them: read from whatever they are, resized, masked, and back to bytes.

=========================================== ==================================================================
what comes                                  what becomes of it
=========================================== ==================================================================
path of a file                              read as it is to be seen (orientation, first frame, white below)
array (h, w, 3) uint8                       x / 255
array (h, w) or (h, w, 1), gray             the same value in red, green and blue
array (h, w, 4), transparent                laid on white
array of floating-point numbers in [0, 1]   as it is
image of Pillow, also one with a palette    converted to RGB; a transparent one is laid on white
tensor of torch                             as an array of its shape
=========================================== ==================================================================
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from netwright.core.errors import InvalidData, problem
from netwright.data.images import read_image

FORM = "an image: an array (height, width, 3) of uint8, or of numbers in [0, 1], or the path of a file"


def read_picture(image: Any, where: str) -> Tensor:
    """An image as a tensor (1, 3, height, width) in [0, 1].

    Parameters
    ----------
    image : see the table above. where : how an error calls it.

    Raises
    ------
    InvalidData : something else, numbers that are not finite or outside of [0, 1], an image without pixels.

    Examples
    --------
    >>> read_picture(np.full((2, 3), 255, np.uint8), "image").shape
    torch.Size([1, 3, 2, 3])
    """
    array = _array_of(image, where)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or not array.size:
        remedy = "Channels come last: move those of (3, height, width) by np.moveaxis(image, 0, 2)."
        raise InvalidData(problem(where, FORM, f"{array.dtype} of shape {array.shape}", remedy))
    values = _in_unit_interval(array, where)
    if values.shape[2] == 4:
        alpha = values[:, :, 3:]
        values = values[:, :, :3] * alpha + (1 - alpha)
    if values.shape[2] == 1:
        values = np.repeat(values, 3, axis=2)
    return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))[None].float()


def resized(picture: Tensor, long_side: int | None) -> Tensor:
    """A picture whose long side has so many pixels; None leaves it as it is.

    Parameters
    ----------
    picture : (1, channels, height, width). long_side : in pixels.

    Examples
    --------
    >>> resized(torch.zeros(1, 3, 40, 60), 30).shape
    torch.Size([1, 3, 20, 30])
    """
    height, width = picture.shape[2:]
    if long_side is None or long_side == max(height, width):
        return picture
    scale = long_side / max(height, width)
    return fitted(picture, (max(1, round(height * scale)), max(1, round(width * scale))))


def fitted(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """A picture, stretched to a size (height, width); bilinear, with antialiasing.

    Parameters
    ----------
    picture : (1, channels, height, width). size : wanted.
    """
    if tuple(picture.shape[2:]) == size:
        return picture
    return interpolate(picture, size, mode="bilinear", antialias=True).clamp(0, 1)


def in_words(size: tuple[int, int], came: tuple[int, int] | None = None) -> str:
    """The size of an image, and what it was scaled from, for messages.

    Parameters
    ----------
    size : (height, width). came : that before it was scaled; None for the same.

    Examples
    --------
    >>> in_words((20, 30), (40, 60)), in_words((20, 30))
    ('20 x 30 pixels, of 40 x 60 before it was scaled', '20 x 30 pixels')
    """
    pixels = f"{size[0]} x {size[1]} pixels"
    return pixels if came is None or came == size else f"{pixels}, of {came[0]} x {came[1]} before it was scaled"


def as_bytes(picture: Tensor) -> NDArray[np.uint8]:
    """A picture (1, 3, height, width) as an array (height, width, 3) of uint8; values outside of [0, 1] are cut.

    Parameters
    ----------
    picture : of floating-point numbers.

    Examples
    --------
    >>> as_bytes(torch.tensor([-1.0, 0.5, 2.0]).view(1, 3, 1, 1)).tolist()
    [[[0, 128, 255]]]
    """
    pixels = picture.detach()[0].clamp(0, 1).mul(255).round().to("cpu", torch.uint8)
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())


def read_mask(mask: Any, size: tuple[int, int], where: str) -> Tensor:
    """A mask as a tensor (1, 1, height, width) in [0, 1].

    Parameters
    ----------
    mask : an array (height, width) of booleans, of integers 0 to 255 (255 is 1; where none is above 1, 1 is) or of
        numbers in [0, 1], or the path of an image, whose brightness it is. size : (height, width) of the image that it
        belongs to. where : how an error calls it.

    Raises
    ------
    InvalidData : a mask of another size, with other numbers, or that is 0 everywhere.
    """
    array = _array_of(mask, where)
    if array.ndim == 3 and array.shape[2] in (1, 3):
        array = array.mean(2).astype(array.dtype) if array.shape[2] == 3 else array[..., 0]
    if array.shape != size:
        expected = f"a mask of the image's size {size[0]} x {size[1]}, (height, width)"
        got = f"shape {array.shape}"
        raise InvalidData(problem(where, expected, got, "Resize it; the image's own size counts, before any scaling."))
    values = _in_unit_interval(_shares_of(array, where), where)
    if not values.any():
        raise InvalidData(problem(where, "a mask that is above 0 somewhere", "0 everywhere", "Leave it out."))
    return torch.from_numpy(np.ascontiguousarray(values))[None, None].float()


def _array_of(image: Any, where: str) -> NDArray[Any]:
    """The array of an image, whatever holds it."""
    if isinstance(image, (str, os.PathLike)):
        return read_image(image)
    if hasattr(image, "getbands"):  # Pillow's
        transparent = "A" in image.getbands() or "transparency" in getattr(image, "info", {})
        return np.asarray(image.convert("RGBA" if transparent else "RGB"))
    try:
        array = image.detach().cpu().numpy() if isinstance(image, Tensor) else np.asarray(image)
    except (ValueError, TypeError) as error:
        raise InvalidData(problem(where, FORM, f"a {type(image).__name__}")) from error
    if array.dtype.kind not in "buif":
        raise InvalidData(problem(where, FORM, f"a {type(image).__name__} of {array.dtype}"))
    return array


def _shares_of(mask: NDArray[Any], where: str) -> NDArray[Any]:
    """A mask of booleans or integers as shares, where 255, True or, if nothing is larger, 1 is all."""
    if mask.dtype.kind == "f" or not mask.size:
        return mask
    least, most = int(mask.min()), int(mask.max())
    if least < 0 or most > 255:
        raise InvalidData(problem(where, "integers 0 to 255, or 0 and 1", f"{least} to {most}", "Use mask > 0."))
    return mask.astype(np.float32) / np.float32(1 if most <= 1 else 255)


def _in_unit_interval(array: NDArray[Any], where: str) -> NDArray[np.float32]:
    """Bytes divided by 255, other numbers as they are."""
    if array.dtype == np.uint8:
        return array.astype(np.float32) / np.float32(255)
    if array.dtype.kind != "f":
        remedy = "Use image.astype(np.uint8) where values are 0 to 255."
        raise InvalidData(problem(where, FORM, f"an array of {array.dtype}", remedy))
    values = array.astype(np.float32)
    bad = ~np.isfinite(values)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InvalidData(problem(where, "finite numbers", f"{values[place]} at {place}", "Fill the gaps first."))
    if values.min() < 0 or values.max() > 1:
        got = f"{values.min():g} to {values.max():g}"
        raise InvalidData(problem(where, "numbers in [0, 1]", got, "Divide 0 to 255 by 255, or give uint8."))
    return values
