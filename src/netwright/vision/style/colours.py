"""Colours of one image given to another, by a linear map of red, green and blue.

    x <- A (x - m_x) + m_y,   A = S_y^(1/2) S_x^(-1/2)         m the mean colour, S the covariance of colours

Afterwards x has the mean colour and the covariance of y. Two ways to keep the colours of a photograph, both of 2016:

    "histogram"   the style image is given the colours of the content by the map above, and then transferred
    "luminance"   only brightness is transferred, Y = 0.299 R + 0.587 G + 0.114 B; I and Q are the content's

Hertzmann, Jacobs, Oliver, Curless, Salesin, *Image analogies*, 2001 (the map); Gatys, Bethge, Hertzmann, Shechtman,
*Preserving color in neural artistic style transfer*, 2016.
"""

from __future__ import annotations

import torch
from torch import Tensor

KEPT = ("histogram", "luminance")
LUMINANCE = (0.299, 0.587, 0.114)
LEAST = 1e-5  # variance that is added in all directions, so that images of one colour have an inverse


def match_colors(image: Tensor, reference: Tensor) -> Tensor:
    """An image with the mean colour and the covariance of colours of another one; values outside of [0, 1] are cut.

    Parameters
    ----------
    image, reference : (1, 3, height, width) in [0, 1], of any sizes.

    Shapes
    ------
    (1, 3, h, w), (1, 3, any, any) -> (1, 3, h, w)

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> image, reference = torch.rand(2, 1, 3, 40, 40, generator=generator).mul(0.2).add(0.3)
    >>> bool(torch.allclose(match_colors(image, reference).mean((2, 3)), reference.mean((2, 3)), atol=1e-4))
    True
    """
    mean, spread = _moments(image)
    wanted, wide = _moments(reference)
    turned = _power(wide, 0.5) @ _power(spread, -0.5)
    colours = image[0].flatten(1).double()
    return (turned @ (colours - mean) + wanted).clamp(0, 1).to(image.dtype).reshape(image.shape)


def luminance(image: Tensor) -> Tensor:
    """The brightness of an image in all three channels.

    Parameters
    ----------
    image : (n, 3, height, width).

    Shapes
    ------
    (n, 3, h, w) -> (n, 3, h, w)
    """
    weights = image.new_tensor(LUMINANCE).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True).expand(-1, 3, -1, -1)


def match_luminance(image: Tensor, reference: Tensor) -> Tensor:
    """The brightness of an image, with the mean and the standard deviation of that of another one.

    Parameters
    ----------
    image, reference : (1, 3, height, width) in [0, 1].
    """
    gray, other = luminance(image), luminance(reference)
    ratio = other.std() / gray.std().clamp_min(LEAST)
    return ((gray - gray.mean()) * ratio + other.mean()).clamp(0, 1)


def with_luminance(image: Tensor, gray: Tensor) -> Tensor:
    """The colours of an image with another brightness: I and Q stay, Y is replaced.

    Parameters
    ----------
    image : (n, 3, height, width). gray : of the same shape, the wanted brightness.
    """
    return (image + (luminance(gray) - luminance(image))).clamp(0, 1)


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (3, 1) and covariance (3, 3) of the colours."""
    colours = image[0].flatten(1).double()
    mean = colours.mean(1, keepdim=True)
    centred = colours - mean
    return mean, centred @ centred.T / colours.shape[1] + LEAST * torch.eye(3, dtype=torch.float64, device=image.device)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric positive definite matrix."""
    scales, axes = torch.linalg.eigh(matrix)
    return (axes * scales**exponent) @ axes.T
