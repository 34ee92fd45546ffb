"""Random crops of padded images: shifts by whole pixels, exact, without resampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar, final

import torch

from netwright.core.validation import Constraint, check, integer
from netwright.core.value import value
from netwright.data.augment.base import Augmentation, Move, uniform
from netwright.data.augment.warp import FILL


@final
@value("augmentation")
class Crop(Augmentation):
    """Pads each image and cuts one of its size out: y(i, j) = x(i + a, j + b), a, b uniform in -padding to padding.

    Parameters
    ----------
    padding : pixels on each side, an integer >= 0.
    fill : what the padding is: "zeros", "border" (the last pixels go on) or "reflection".

    Shapes
    ------
    (n, channels, height, width), kept

    Raises
    ------
    InvalidParameter : a padding that is no integer >= 0, another fill.

    Examples
    --------
    >>> x = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> Crop(4)(x, torch.Generator().manual_seed(1)).shape
    torch.Size([8, 3, 32, 32])

    References
    ----------
    He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2016, section 4.2 (padding of 4 on CIFAR-10).
    """

    padding: int = 4
    _: KW_ONLY
    fill: str = "zeros"

    constraints: ClassVar[Mapping[str, Constraint]] = {"padding": integer(0), "fill": FILL}

    def apply(self, x: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, Move]:
        places = 2 * self.padding + 1
        drawn = uniform(x, generator, 2, low=0.0, high=places).floor().clamp_max(places - 1).long() - self.padding
        return cropped(x, drawn[:, 0], drawn[:, 1], self.fill), lambda points: points - drawn[:, None].flip(2)


def cropped(x: torch.Tensor, top: torch.Tensor, left: torch.Tensor, fill: str = "zeros") -> torch.Tensor:
    """Windows of images that begin at given pixels: y(i, j) = x(i + top, j + left).

    Parameters
    ----------
    x : images (n, channels, height, width).
    top, left : where the window begins, integers (n,); negative ones lie outside.
    fill : what is seen outside: "zeros", "border" or "reflection".

    Shapes
    ------
    (n, channels, height, width), kept

    Raises
    ------
    InvalidParameter : another fill.

    Examples
    --------
    >>> x = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    >>> cropped(x, torch.tensor([0]), torch.tensor([1])).tolist()
    [[[[2.0, 3.0, 0.0]]]]
    """
    check("cropped(fill)", fill, FILL)
    channels, height, width = x.shape[1:]
    rows, rows_inside = _places(top, height, fill)
    columns, columns_inside = _places(left, width, fill)
    flat = rows[:, :, None] * width + columns[:, None, :]  # (n, h, w)
    made = x.flatten(2).gather(2, flat.flatten(1)[:, None].expand(-1, channels, -1)).view(x.shape)
    if fill == "zeros":
        made.mul_((rows_inside[:, :, None] & columns_inside[:, None, :])[:, None])
    return made


def _places(begin: torch.Tensor, size: int, fill: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The pixels (n, size) of one axis that are read, and which of them lie inside."""
    wanted = begin[:, None] + torch.arange(size, device=begin.device)
    if fill == "reflection":  # ... 1 0 | 0 1 2 | 2 1 ...
        wanted = wanted % (2 * size)
        wanted = torch.minimum(wanted, 2 * size - 1 - wanted)
    return wanted.clamp(0, size - 1), (wanted >= 0) & (wanted < size)
