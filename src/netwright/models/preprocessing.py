"""How images are prepared for a network whose weights are published: resized, cropped, normalised.

    resize    the short side to `resize`, the long one in proportion, bilinear with antialiasing
    crop      the middle, `size` x `size`
    normalise (x - mean_c) / std_c in each channel, x in [0, 1]

Where this differs from others: weights of GoogLeNet and Inception-v3 were trained on inputs in [-1, 1]. torchvision
hands them images normalised by the statistics of ImageNet and has the network undo that (``transform_input``); here
the preprocessing has mean and std 0.5, and the network is its layers alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.core.validation import Constraint, integer, nothing, number, tuple_of
from netwright.core.value import value


@value("preprocessing")
class Preprocessing:
    """Resize, crop the middle, normalise: y_c = (x_c - mean_c) / std_c, x in [0, 1].

    Parameters
    ----------
    mean : of each channel, for values in [0, 1].
    std : of each channel, > 0.
    size : height and width of the crop, in pixels.
    resize : the short side before the crop, in pixels, at least `size`; None leaves images as they are.

    Raises
    ------
    InvalidParameter : a resize below the size, mean and std of unequal length.

    Examples
    --------
    >>> import torch
    >>> Preprocessing().prepare(torch.zeros(1, 3, 480, 640, dtype=torch.uint8)).shape
    torch.Size([1, 3, 224, 224])
    """

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    size: int = 224
    resize: int | None = 256

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "mean": tuple_of(number(), least=1),
        "std": tuple_of(number(0, closed="neither"), least=1),
        "size": integer(1),
        "resize": integer(1) | nothing,
    }

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std):
            got = f"{len(self.mean)} and {len(self.std)} of them"
            raise InvalidParameter(problem("Preprocessing(mean, std)", "one of each for every channel", got))
        if self.resize is not None and self.resize < self.size:
            expected = f"at least the size of the crop, {self.size}"
            raise InvalidParameter(problem("Preprocessing(resize)", expected, str(self.resize)))

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Images as the network takes them, in float32 where they came as uint8.

        Parameters
        ----------
        images : a tensor (n, channels, height, width), uint8 in 0 ... 255 or floating-point in [0, 1]; it is not
            written. Colours are in the order red, green, blue.

        Raises
        ------
        InvalidData : another shape or number format, values outside of [0, 1], images smaller than the crop.
        """
        x = self._in_unit_interval(images)
        height, width = x.shape[2:]
        if self.resize is not None:
            short = min(height, width)
            height, width = self.resize * height // short, self.resize * width // short
            if (height, width) != tuple(x.shape[2:]):
                x = torch.nn.functional.interpolate(x, (height, width), mode="bilinear", antialias=True)
        if min(height, width) < self.size:
            remedy = "Give Preprocessing a resize, or larger images."
            expected = f"images of at least {self.size} x {self.size}"
            raise InvalidData(problem("prepare(images)", expected, f"{height} x {width}", remedy))
        top, left = round((height - self.size) / 2), round((width - self.size) / 2)
        x = x[:, :, top : top + self.size, left : left + self.size]
        mean, std = (x.new_tensor(each).view(-1, 1, 1) for each in (self.mean, self.std))
        return (x - mean) / std

    def _in_unit_interval(self, images: torch.Tensor) -> torch.Tensor:
        """The images as floating-point numbers in [0, 1]."""
        channels = len(self.mean)
        shaped = isinstance(images, torch.Tensor) and images.ndim == 4 and images.shape[1] == channels
        if not (shaped and images.numel()):
            got = f"shape {tuple(images.shape)}" if isinstance(images, torch.Tensor) else type(images).__name__
            remedy = "One image is images[None]; NumPy's (n, height, width, channels) is moved by permute(0, 3, 1, 2)."
            raise InvalidData(problem("prepare(images)", f"a tensor (n, {channels}, height, width)", got, remedy))
        if images.dtype == torch.uint8:
            return images.to(torch.float32) / 255
        if not images.is_floating_point():
            got = f"{images.dtype}"
            raise InvalidData(problem("prepare(images)", "uint8 or floating-point numbers", got, "Use images.byte()."))
        low, high = float(images.min()), float(images.max())
        if not (low >= 0 and high <= 1):
            remedy = "Divide 0 ... 255 by 255, or give uint8."
            raise InvalidData(problem("prepare(images)", "values in [0, 1]", f"{low:g} to {high:g}", remedy))
        return images


IMAGENET = Preprocessing()
CENTRED = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CENTRED_299 = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 299, 342)
