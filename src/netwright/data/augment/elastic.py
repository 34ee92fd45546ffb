"""Elastic deformation: each pixel is read a little off its place, neighbours nearly alike.

    d = alpha G_sigma * u,    u_x, u_y uniform in [-1, 1] at each pixel,    y(p) = x(p + d(p))

G_sigma is a Gaussian of standard deviation sigma, cut off at 4 sigma, whose sum is 1. The displacement has the standard
deviation alpha / (sqrt(12 pi) sigma) pixels on each axis, so that (34, 4) of the paper gives 1.4 pixels.

Where this differs from the paper: the noise goes on periodically beyond the image, so that the displacement is as large
at the border as in the middle. Smoothing is then two products with a circulant matrix, K_h u K_w'.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar, final

import torch

from netwright.core.validation import Constraint, check, number
from netwright.core.value import value
from netwright.data.augment.base import uniform
from netwright.data.augment.warp import FILL, Warp

CUT = 4.0  # standard deviations after which the Gaussian ends


@final
@value("augmentation")
class Elastic(Warp):
    """Bends each image as if drawn on rubber: y(p) = x(p + d(p)), d = alpha G_sigma * u, u uniform in [-1, 1].

    Parameters
    ----------
    alpha : strength of the displacement, >= 0; its standard deviation is alpha / (sqrt(12 pi) sigma) pixels.
    sigma : how far a displacement reaches, the standard deviation of the Gaussian in pixels, > 0.
    fill : what comes in from outside: "zeros", "border" or "reflection".

    Shapes
    ------
    (n, channels, height, width), kept

    Raises
    ------
    InvalidParameter : a strength below 0, a reach that is not above it.

    Examples
    --------
    >>> x = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    >>> Elastic(34, 4)(x, torch.Generator().manual_seed(1)).shape
    torch.Size([8, 1, 28, 28])

    References
    ----------
    Simard, Steinkraus, Platt, *Best practices for convolutional neural networks applied to visual document analysis*,
    2003.
    """

    alpha: float = 34.0
    sigma: float = 4.0
    _: KW_ONLY
    fill: str = "zeros"

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "alpha": number(0),
        "sigma": number(0, closed="neither"),
        "fill": FILL,
    }

    def draw(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return smoothed(uniform(x, generator, 2, *x.shape[2:]), self.sigma, self.alpha)


def smoothed(u: torch.Tensor, sigma: float, factor: float = 1.0) -> torch.Tensor:
    """Images or fields convolved with a Gaussian, factor G_sigma * u, as if they went on periodically.

    Parameters
    ----------
    u : (..., height, width), floating.
    sigma : standard deviation of the Gaussian in pixels, > 0.
    factor : what the result is multiplied by.

    Shapes
    ------
    (..., height, width), kept

    Raises
    ------
    InvalidParameter : a standard deviation that is not above 0.

    Examples
    --------
    >>> [round(number, 2) for number in smoothed(torch.tensor([[0.0, 1.0, 0.0, 0.0]]), 0.5)[0].tolist()]
    [0.11, 0.79, 0.11, 0.0]
    """
    check("smoothed(sigma)", sigma, number(0, closed="neither"))
    height, width = (circulant(size, float(sigma), u.dtype, u.device) for size in u.shape[-2:])
    return (factor * height) @ u @ width.T


@functools.lru_cache(maxsize=16)
@torch.inference_mode(False)  # what is kept must be good for training too
def circulant(size: int, sigma: float, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """The matrix (size, size) that smooths a periodic signal; its rows have the sum 1."""
    reach = math.floor(CUT * sigma + 0.5)
    steps = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (steps.double() / sigma) ** 2)
    first = torch.zeros(size, dtype=torch.float64).index_add_(0, steps % size, weights / weights.sum())
    places = torch.arange(size)
    return first[(places - places[:, None]) % size].to(device, dtype)
