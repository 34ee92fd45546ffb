"""Random windows: a part of an image, or an image with space around it, that becomes the whole image.

    log s uniform in [log low, log high],    log r uniform in [-log aspect, log aspect]
    s_x = s sqrt(r), s_y = s / sqrt(r),      t uniform in [-|1 - 1/s|, |1 - 1/s|] (w, h) / 2 on each axis
    the image's point q moves to s (q - t), from the centre

Where s > 1 the window lies within the image, at any place alike; where s < 1 the image lies within the window. This is
what `Scale` followed by `Shift` is not: there the place does not depend on the size, and parts are lost for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar, final

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, number
from netwright.core.value import value
from netwright.data.augment.affine import scale_matrix
from netwright.data.augment.base import uniform
from netwright.data.augment.warp import FILL, Warp


@final
@value("augmentation")
class Zoom(Warp):
    """Shows a random window of each image, or the image somewhere in a window larger than it, at the image's size.

    Parameters
    ----------
    low : the least enlargement, > 0; 0.5 shows images at half their size, with space around them.
    high : the largest enlargement, >= low; 2 shows a quarter of an image at double size.
    aspect : the largest change of width by height, >= 1; 1 keeps proportions.
    fill : what comes in from outside: "zeros", "border" or "reflection".

    Shapes
    ------
    (n, channels, height, width), kept

    Raises
    ------
    InvalidParameter : enlargements that are not 0 < low <= high, an aspect below 1.

    Examples
    --------
    >>> x = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> Zoom(0.5, 2)(x, torch.Generator().manual_seed(1)).shape
    torch.Size([8, 3, 32, 32])

    References
    ----------
    Liu, Anguelov, Erhan, Szegedy, Reed, Fu, Berg, *SSD: single shot multibox detector*, 2016, sections 2.2 and 3.6.
    """

    low: float = 0.5
    high: float = 1.5
    _: KW_ONLY
    aspect: float = 1.2
    fill: str = "zeros"

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "low": number(0, closed="neither"),
        "high": number(0, closed="neither"),
        "aspect": number(1),
        "fill": FILL,
    }

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise InvalidParameter(problem("Zoom(low, high)", "low <= high", f"{self.low} and {self.high}"))

    def draw(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        u = uniform(x, generator, 4)
        middle, reach = math.log(self.low * self.high) / 2, math.log(self.high / self.low) / 2
        stretched = math.log(self.aspect) / 2 * u[:, 1]
        right = (middle + reach * u[:, 0] + stretched).exp()
        down = (middle + reach * u[:, 0] - stretched).exp()
        made = scale_matrix(x, down, right)
        made[:, 0, 2] = (1 - 1 / right).abs() * x.shape[3] / 2 * u[:, 2]
        made[:, 1, 2] = (1 - 1 / down).abs() * x.shape[2] / 2 * u[:, 3]
        return made
