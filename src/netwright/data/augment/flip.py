"""Mirror images: exact, without resampling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, final

import torch

from netwright.core.validation import Constraint, number
from netwright.core.value import value
from netwright.data.augment.base import Augmentation, Move, pieces, uniform


@final
@value("augmentation")
class Flip(Augmentation):
    """Mirrors some images: y(i, j) = x(i, w - 1 - j) with the probability `horizontal`, and rows likewise.

    Parameters
    ----------
    horizontal : probability of left and right changing places, in [0, 1].
    vertical : probability of top and bottom changing places, in [0, 1].

    Shapes
    ------
    (n, channels, height, width), kept

    Raises
    ------
    InvalidParameter : a probability outside [0, 1].

    Examples
    --------
    >>> Flip(1.0)(torch.tensor([[[[1.0, 2.0, 3.0]]]]), torch.Generator())
    tensor([[[[3., 2., 1.]]]])

    References
    ----------
    Krizhevsky, Sutskever, Hinton, *ImageNet classification with deep convolutional neural networks*, 2012.
    """

    horizontal: float = 0.5
    vertical: float = 0.0

    constraints: ClassVar[Mapping[str, Constraint]] = {"horizontal": number(0, 1), "vertical": number(0, 1)}

    def apply(self, x: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, Move]:
        u = uniform(x, generator, 2, low=0.0)
        chosen = torch.stack([u[:, 0] < self.horizontal, u[:, 1] < self.vertical], 1)
        return flipped(x, chosen[:, 0], chosen[:, 1]), partial(mirrored, chosen=chosen, size=x.shape[2:])


def flipped(x: torch.Tensor, horizontal: torch.Tensor, vertical: torch.Tensor) -> torch.Tensor:
    """Given images mirrored: y(i, j) = x(i, w - 1 - j) where `horizontal`, x(h - 1 - i, j) where `vertical`.

    Parameters
    ----------
    x : images (n, channels, height, width).
    horizontal, vertical : which images, boolean (n,).

    Shapes
    ------
    (n, channels, height, width), kept

    Examples
    --------
    >>> x = torch.tensor([[[[1.0, 2.0]]], [[[3.0, 4.0]]]])
    >>> flipped(x, torch.tensor([True, False]), torch.tensor([False, False]))[:, 0, 0].tolist()
    [[2.0, 1.0], [3.0, 4.0]]
    """
    if x.device.type != "cpu":
        x = torch.where(horizontal[:, None, None, None], x.flip(3), x)
        return torch.where(vertical[:, None, None, None], x.flip(2), x)
    made = torch.empty_like(x)
    for some in pieces(x):
        y = made[some].copy_(x[some])
        for axis, chosen in ((3, horizontal), (2, vertical)):
            rows = chosen[some].nonzero().flatten()
            if len(rows):
                y[rows] = y[rows].flip(axis)
    return made


def mirrored(points: torch.Tensor, chosen: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Points (n, k, 2) of images of a size (height, width), x -> width - x where chosen[:, 0], y -> height - y."""
    far = torch.tensor([size[1], size[0]], dtype=points.dtype, device=points.device)
    return torch.where(chosen[:, None], far - points, points)
