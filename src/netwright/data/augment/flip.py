"""Mirror images: exact, without resampling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import torch

from netwright.core.validation import Constraint, number
from netwright.core.value import value
from netwright.data.augment.base import Augmentation, uniform


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

    def apply(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        u = uniform(x, generator, 2, low=0.0)
        return flipped(x, u[:, 0] < self.horizontal, u[:, 1] < self.vertical)


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
    x = torch.where(horizontal[:, None, None, None], x.flip(3), x)
    return torch.where(vertical[:, None, None, None], x.flip(2), x)
