"""Erased squares (cutout): a network that must not rely on any one part of an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar, final

import torch

from netwright.core.validation import Constraint, integer, number
from netwright.core.value import value
from netwright.data.augment.base import Augmentation, Move, still, uniform


@final
@value("augmentation")
class Erase(Augmentation):
    """Blots out a square: y(i, j) = level where |i - a|, |j - b| are within size / 2, (a, b) any pixel; else x(i, j).

    The square may stand over the border, as in the paper.

    Parameters
    ----------
    size : side of the square in pixels, an integer >= 1.
    level : what the square is filled with.
    probability : of an image having a square, in [0, 1].

    Shapes
    ------
    (n, channels, height, width), kept

    Raises
    ------
    InvalidParameter : a side below 1, a probability outside [0, 1].

    Examples
    --------
    >>> x = torch.ones(4, 1, 8, 8)
    >>> bool((Erase(3)(x, torch.Generator().manual_seed(0)).sum((1, 2, 3)) < 64).all())
    True

    References
    ----------
    DeVries, Taylor, *Improved regularization of convolutional neural networks with cutout*, 2017.
    """

    size: int = 8
    _: KW_ONLY
    level: float = 0.0
    probability: float = 1.0

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "size": integer(1),
        "level": number(),
        "probability": number(0, 1),
    }

    def apply(self, x: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, Move]:
        u = uniform(x, generator, 3, low=0.0)
        places = ((u[:, axis] * x.shape[axis + 2]).long().clamp_max(x.shape[axis + 2] - 1) for axis in (0, 1))
        top, left = (place - self.size // 2 for place in places)
        return erased(x, top, left, torch.where(u[:, 2] < self.probability, self.size, 0), self.level), still


def erased(
    x: torch.Tensor, top: torch.Tensor, left: torch.Tensor, size: torch.Tensor, level: float = 0.0
) -> torch.Tensor:
    """Images with given squares blotted out: y(i, j) = level for top <= i < top + size, left <= j < left + size.

    Parameters
    ----------
    x : images (n, channels, height, width).
    top, left : where the squares begin, integers (n,); what lies outside is cut off.
    size : their sides in pixels, integers (n,); 0 for none.
    level : what the squares are filled with.

    Shapes
    ------
    (n, channels, height, width), kept

    Examples
    --------
    >>> one = torch.tensor([1])
    >>> erased(torch.ones(1, 1, 2, 3), one, one, one)[0, 0].tolist()
    [[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]]
    """
    rows = _within(top, size, x.shape[2])
    columns = _within(left, size, x.shape[3])
    return x.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], level)


def _within(begin: torch.Tensor, size: torch.Tensor, length: int) -> torch.Tensor:
    """Which places (n, length) of an axis lie in the square."""
    places = torch.arange(length, device=begin.device)
    return (places >= begin[:, None]) & (places < (begin + size)[:, None])
