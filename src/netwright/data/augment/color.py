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
from netwright.data.augment.base import Augmentation, Move, each, pieces, still, uniform

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

    def apply(self, x: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, Move]:
        low, high = self.limits
        u, made = uniform(x, generator, 3), torch.empty_like(x)
        for some in pieces(x):
            y, v = made[some].copy_(x[some]), u[some]
            if self.brightness:
                _move_away(y, y.new_tensor(low), 1 + self.brightness * v[:, 0]).clamp_(low, high)
            if self.contrast:
                _move_away(y, _mean(y), 1 + self.contrast * v[:, 1]).clamp_(low, high)
            if self.saturation:
                _move_away(y, gray(y), 1 + self.saturation * v[:, 2]).clamp_(low, high)
        return made, still


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
    return _move_away(x.clone(), x.new_tensor(low), factor)


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
    return _move_away(x.clone(), _mean(x), factor)


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
    return _move_away(x.clone(), gray(x), factor)


def gray(x: torch.Tensor) -> torch.Tensor:
    """The gray images (n, 1, height, width); gray is linear, so that the gray of means is the mean of grays."""
    if x.shape[1] != 3:
        return x.mean(1, keepdim=True)
    red, green, blue = x.split(1, dim=1)
    return (LUMA[0] * red).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


def _mean(x: torch.Tensor) -> torch.Tensor:
    """The means (n, 1, 1, 1) of the gray images."""
    return gray(x.mean((2, 3), keepdim=True))


def _move_away(x: torch.Tensor, centre: torch.Tensor, factor: float | torch.Tensor) -> torch.Tensor:
    """c + f (x - c) in place, as f x + (1 - f) c; torch's lerp takes far longer with a weight for each image."""
    f = each(x, factor)[:, None, None, None]
    return x.mul_(f.to(x.dtype)).add_(((1 - f) * centre).to(x.dtype))
