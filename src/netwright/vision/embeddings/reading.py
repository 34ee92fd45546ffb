"""Reading what embeddings are made of: images in arrays or files, or rows of features.

=============================================== ==================================================================
what comes                                      what the network gets
=============================================== ==================================================================
array (n, features)                             itself
array (n, height, width)                        (n, 1, height, width)
array (n, height, width, 1 or 3)                (n, 1 or 3, height, width)
array (n, 1 or 3, height, width)                itself, where the last axis is not 1 or 3
list of arrays or of files                      as above; images of several sizes need ``size``
=============================================== ==================================================================

Bytes are scaled to [0, 1], other numbers are kept: images of the one kind in a fit and of the other afterwards are
refused where their numbers cannot be meant so. With ``size`` images are stretched to it (bilinear, antialiased).
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

from netwright.core.arrays import require_finite
from netwright.core.errors import InvalidData, problem, shown
from netwright.core.readable import as_numbers, is_frame
from netwright.data import image_size, read_image, to_float32
from netwright.vision.columns import require_filled, require_names, require_width

CHANNELS = (1, 3)
PATHS = (str, os.PathLike)
BRIGHT = 2.0  # beyond which numbers are no shares of white
KINDS = "images (n, height, width), (n, height, width, 3) or rows (n, features)"


@dataclass(frozen=True)
class Form:
    """The shape of a sample: (features,) or (channels, height, width).

    Parameters
    ----------
    shape : of one sample.
    size : (height, width) to which images are brought, or None for as they are.
    top : the greatest number of the images of the fit as the network got them; None where that is not known.
    names : of the columns of a frame; () for others.
    """

    shape: tuple[int, ...]
    size: tuple[int, int] | None = None
    top: float | None = None
    names: tuple[str, ...] = ()

    def again(self, X: Any, where: str) -> Tensor:
        """Samples that come after a fit.

        Parameters
        ----------
        X : as in the fit.
        where : how an error names it.

        Raises
        ------
        InvalidData : samples of another shape.
        """
        require_names(X, self.names, where)
        x = read_samples(X, self.size, where, self.shape[0] if len(self.shape) == 3 else None)
        if len(self.shape) == 1:
            require_width(x.shape, self.shape[0], where)
        if tuple(x.shape[1:]) != self.shape:
            remedy = "Give images of that size, or fit with size=... so that all are brought to it."
            remedy = remedy if len(self.shape) == 3 else "Give the columns that fit saw."
            got = f"{_told(tuple(x.shape[1:]))}"
            raise InvalidData(problem(where, f"{_told(self.shape)}, as in fit", got, remedy))
        self._require_range(x, where)
        return x

    def _require_range(self, x: Tensor, where: str) -> None:
        """Refuse images to 255 where the fit saw such to 1, and bytes, which are brought to 1, where it saw others."""
        if len(self.shape) == 1 or self.top is None:
            return
        if self.top > BRIGHT and x.dtype == torch.uint8:
            got = "bytes, which are brought to [0, 1]"
            remedy = "Give images.astype(float) as in fit, or bytes in both."
            raise InvalidData(problem(where, f"numbers to {self.top:g}, as in fit", got, remedy))
        if self.top <= 1 and x.dtype != torch.uint8 and float(x.max()) > BRIGHT:
            remedy = "Divide by 255, or give bytes: images.astype(np.uint8)."
            raise InvalidData(problem(where, "bytes, or numbers to 1, as in fit", f"numbers to {x.max():g}", remedy))


def read_samples(X: Any, size: tuple[int, int] | None, where: str, channels: int | None = None) -> Tensor:
    """Samples as one tensor.

    Parameters
    ----------
    X : see this module.
    size : (height, width) of all images, or None.
    where : how an error names X.
    channels : 1 or 3, which images are to have; None for as they are.

    Shapes
    ------
    -> (n, features), or (n, channels, height, width) of bytes or float32

    Raises
    ------
    InvalidData : no samples, other shapes, numbers that are not finite; with the number of the sample.

    Examples
    --------
    >>> read_samples(np.zeros((2, 8, 6, 3), np.uint8), None, "X").shape, read_samples(np.ones((2, 5)), None, "X").shape
    (torch.Size([2, 3, 8, 6]), torch.Size([2, 5]))
    """
    X = X if hasattr(X, "__len__") or not hasattr(X, "__array__") else np.asarray(X)
    if is_frame(X) or hasattr(X, "toarray") or (isinstance(X, np.ndarray) and X.ndim == 2):
        return _rows(_numbers(X, where), where)
    if isinstance(X, (*PATHS, set, dict)) or not hasattr(X, "__len__") or getattr(X, "ndim", 1) == 0:
        remedy = "Put a single one in a list."
        raise InvalidData(problem(where, KINDS, type(X).__name__, remedy))
    if not len(X):
        raise InvalidData(problem(where, "at least one sample", "none"))
    if _is_list(X):
        images = [_image(item, f"{where}, image {i}") for i, item in enumerate(X)]
        return _together(images, size, where, channels)
    array = _numbers(X, where)
    require_filled(array, KINDS, where)
    return _rows(array, where) if array.ndim == 2 else _together([_layout(array, where)], size, where, channels)


def _is_list(X: Any) -> bool:
    """Whether samples come one by one: files, or images of several shapes."""
    if hasattr(X, "dtype"):
        return X.dtype == object or X.dtype.__class__.__name__.startswith("StrDType")
    return isinstance(X[0], PATHS) or np.ndim(X[0]) in (2, 3)


def _numbers(X: Any, where: str) -> NDArray[Any]:
    array = as_numbers(X, where, KINDS)
    require_finite(array, where)
    return array


def _rows(array: NDArray[Any], where: str) -> Tensor:
    """Rows of features as numbers of 32 bits."""
    require_filled(array, KINDS, where)
    return torch.from_numpy(np.ascontiguousarray(to_float32(array, where)))


def _image(item: Any, where: str) -> NDArray[Any]:
    """One image as (1, channels, height, width)."""
    if isinstance(item, PATHS):
        image_size(item)
        return _gray_where_gray(read_image(item))
    array = _numbers(item, where)
    if array.ndim not in (2, 3):
        raise InvalidData(problem(where, "an image (height, width) or (height, width, 3)", f"shape {array.shape}"))
    return _layout(array[None], where)


def _gray_where_gray(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A file's picture with one channel where all three are alike."""
    alike = bool((image[..., :1] == image).all())
    found: NDArray[np.uint8] = (image[..., :1] if alike else image)[None].transpose(0, 3, 1, 2)
    return found


def _layout(array: NDArray[Any], where: str) -> NDArray[Any]:
    """Images as (n, channels, height, width), bytes or float32."""
    array = array if array.dtype == np.uint8 else to_float32(array, where)
    if array.ndim == 3:
        return array[:, None]
    if array.ndim == 4 and array.shape[3] in CHANNELS:
        return array.transpose(0, 3, 1, 2)
    if array.ndim == 4 and array.shape[1] in CHANNELS:
        return array
    remedy = "Lay transparent images on a colour first." if array.ndim == 4 and 4 in array.shape[1:] else ""
    raise InvalidData(problem(where, KINDS, f"shape {array.shape}", remedy))


def _together(images: Sequence[NDArray[Any]], size: Any, where: str, channels: int | None) -> Tensor:
    """Images as one tensor of one size and one number of channels."""
    wanted = channels or max(image.shape[1] for image in images)
    found = []
    sizes = {image.shape[2:] for image in images}
    if size is None and len(sizes) > 1:
        remedy = "Give size=..., to which all are brought, or bring them to one size."
        raise InvalidData(problem(where, "images of one size", f"{shown(sorted(sizes)[:3])}", remedy))
    kinds = {image.dtype for image in images}
    for image in images:
        x = torch.from_numpy(np.ascontiguousarray(image if len(kinds) == 1 else _as_numbers(image)))
        found.append(resized(_with_channels(x, wanted, where), size))
    return torch.cat(found)


def _as_numbers(image: NDArray[Any]) -> NDArray[np.float32]:
    return (image / (255 if image.dtype == np.uint8 else 1)).astype(np.float32)


def _with_channels(x: Tensor, wanted: int, where: str) -> Tensor:
    """Gray images in colour where colour is asked for; the reverse is refused."""
    if x.shape[1] == wanted:
        return x
    if x.shape[1] == 1:
        return x.expand(-1, wanted, -1, -1)
    remedy = "Make them gray first, for example by images.mean(-1)."
    raise InvalidData(problem(where, f"images with {wanted} channel, as in fit", f"{x.shape[1]} channels", remedy))


def resized(x: Tensor, size: tuple[int, int] | None) -> Tensor:
    """Images of a size.

    Parameters
    ----------
    x : (n, channels, height, width), bytes or floating.
    size : (height, width), None for as they are.

    Examples
    --------
    >>> resized(torch.full((1, 1, 4, 4), 7, dtype=torch.uint8), (2, 2)).tolist()
    [[[[7, 7], [7, 7]]]]
    """
    if size is None or tuple(x.shape[2:]) == tuple(size):
        return x
    made = interpolate(x.float(), tuple(size), mode="bilinear", antialias=True)
    return made.round_().clamp_(0, 255).to(torch.uint8) if x.dtype == torch.uint8 else made


def _told(shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return f"{shape[0]} features"
    return f"images of {shape[1]} x {shape[2]} pixels with {shape[0]} channel{'s' if shape[0] > 1 else ''}"
