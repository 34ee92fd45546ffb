"""Colour: brightness, contrast and saturation, each a blend that goes beyond its ends.

    brightness   y = low + f (x - low)
    contrast     y = m + f (x - m),    m the mean of the gray image
    saturation   y = g + f (x - g),    g the gray image, 0.299 R + 0.587 G + 0.114 B

f is drawn for each image; the values are then brought back between `limits`. Images with another number of channels
than three have the mean of their channels as g; for a single channel that is the image itself, which stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar, final

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, number, tuple_of
from netwright.core.value import value
from netwright.data.augment.base import Augmentation, each, uniform

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-R BT.601


@final
@value("augmentation")
class Color(Augmentation):
    """Changes brightness, contrast, saturation, in this order: y = c + f (x - c), f uniform in [1 - a, 1 + a].

    c is black, the mean gray and the gray image in turn; a is the option, and 0 leaves its step out.

    Parameters
    ----------
    brightness : the largest change of the factor, in [0, 1].
    contrast : the same for the distance from the mean.
    saturation : the same for the distance from gray.
    limits : the lowest and highest value that images have; (0, 255) for such as are not scaled.

    Shapes
    ------
    (n, channels, height, width), kept

    Raises
    ------
    InvalidParameter : a change outside [0, 1], limits that are not two rising numbers.

    Examples
    --------
    >>> x = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> y = Color(0.4, 0.4, 0.4)(x, torch.Generator().manual_seed(1))
    >>> y.shape, bool(((y >= 0) & (y <= 1)).all())
    (torch.Size([8, 3, 32, 32]), True)

    References
    ----------
    Howard, *Some improvements on deep convolutional neural network based image classification*, 2013.
    """

    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    _: KW_ONLY
    limits: tuple[float, float] = (0.0, 1.0)

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "brightness": number(0, 1),
        "contrast": number(0, 1),
        "saturation": number(0, 1),
        "limits": tuple_of(number()),
    }

    def __post_init__(self) -> None:
        if len(self.limits) != 2 or self.limits[0] >= self.limits[1]:
            raise InvalidParameter(problem("Color(limits)", "(lowest, highest) values of images", repr(self.limits)))

    def apply(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        low, high = self.limits
        u = uniform(x, generator, 3)
        if self.brightness:
            x = brightened(x, 1 + self.brightness * u[:, 0], low).clamp_(low, high)
        if self.contrast:
            x = contrasted(x, 1 + self.contrast * u[:, 1]).clamp_(low, high)
        if self.saturation:
            x = saturated(x, 1 + self.saturation * u[:, 2]).clamp_(low, high)
        return x


def brightened(x: torch.Tensor, factor: float | torch.Tensor, low: float = 0.0) -> torch.Tensor:
    """Images brighter by given factors: y = low + f (x - low), unlimited.

    Parameters
    ----------
    x : images (n, channels, height, width).
    factor : f, one number or (n,); 1 changes nothing.
    low : the value of black.

    Shapes
    ------
    (n, channels, height, width), kept

    Examples
    --------
    >>> brightened(torch.tensor([[[[0.2, 0.4]]]]), 2).tolist() == torch.tensor([[[[0.4, 0.8]]]]).tolist()
    True
    """
    return torch.lerp(torch.tensor(low, dtype=x.dtype, device=x.device).expand_as(x), x, _column(x, factor))


def contrasted(x: torch.Tensor, factor: float | torch.Tensor) -> torch.Tensor:
    """Images with contrast changed by given factors: y = m + f (x - m), m the mean of the gray image, unlimited.

    Parameters
    ----------
    x : images (n, channels, height, width).
    factor : f, one number or (n,); 1 changes nothing, 0 leaves the mean.

    Shapes
    ------
    (n, channels, height, width), kept

    Examples
    --------
    >>> contrasted(torch.tensor([[[[1.0, 3.0]]]]), 0.5).tolist()
    [[[[1.5, 2.5]]]]
    """
    mean = gray(x.mean((2, 3), keepdim=True))
    return torch.lerp(mean.expand_as(x), x, _column(x, factor))


def saturated(x: torch.Tensor, factor: float | torch.Tensor) -> torch.Tensor:
    """Images with saturation changed by given factors: y = g + f (x - g), g the gray image, unlimited.

    Parameters
    ----------
    x : images (n, channels, height, width).
    factor : f, one number or (n,); 1 changes nothing, 0 leaves the gray image.

    Shapes
    ------
    (n, channels, height, width), kept

    Examples
    --------
    >>> red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    >>> [round(channel, 3) for channel in saturated(red, 0).flatten().tolist()]
    [0.299, 0.299, 0.299]
    """
    return torch.lerp(gray(x).expand_as(x), x, _column(x, factor))


def gray(x: torch.Tensor) -> torch.Tensor:
    """The gray images (n, 1, height, width); gray is linear, so that the gray of means is the mean of grays."""
    if x.shape[1] != 3:
        return x.mean(1, keepdim=True)
    red, green, blue = x.split(1, dim=1)
    return (LUMA[0] * red).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


def _column(x: torch.Tensor, factor: float | torch.Tensor) -> torch.Tensor:
    return each(x, factor).to(x.dtype)[:, None, None, None]
