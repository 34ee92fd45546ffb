"""Colour spaces in which regions are found, each channel from 0 to 255.

    gray    0.299 R + 0.587 G + 0.114 B
    hsv     hue (a full turn is 255), saturation, value
    lab     CIE 1976, white D65: 255 L / 100, a + 128, b + 128, of sRGB

What shade and highlights change differs: hue is blind for both, L sees little else.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float64]
_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_WHITE = _TO_XYZ.sum(1)
_EDGE, _SLOPE = (6 / 29) ** 3, (29 / 6) ** 2 / 3


def to_gray(rgb: Pixels) -> Pixels:
    """(height, width, 3) from 0 to 255 -> (height, width, 1)

    Parameters
    ----------
    rgb : the image.
    """
    return (rgb @ np.array([0.299, 0.587, 0.114]))[..., None]


def to_hsv(rgb: Pixels) -> Pixels:
    """Hue, saturation, value: (height, width, 3) from 0 to 255 -> the same.

    Parameters
    ----------
    rgb : the image.

    Examples
    --------
    >>> to_hsv(np.array([[[255.0, 0, 0], [0, 0, 128], [0, 51, 0]]])).tolist()
    [[[0.0, 255.0, 255.0], [170.0, 255.0, 128.0], [85.0, 255.0, 51.0]]]
    """
    red, green, blue = np.moveaxis(rgb, 2, 0)
    value = rgb.max(2)
    span = value - rgb.min(2)
    gray = np.where(span > 0, span, 1)
    turn = np.where(
        value == red,
        (green - blue) / gray % 6,
        np.where(value == green, (blue - red) / gray + 2, (red - green) / gray + 4),
    )
    return np.stack([turn * (255 / 6), 255 * span / np.where(value > 0, value, 1), value], 2)


def to_lab(rgb: Pixels) -> Pixels:
    """Lightness and two axes of colour: (height, width, 3) from 0 to 255 -> the same.

    Parameters
    ----------
    rgb : the image.

    Examples
    --------
    >>> to_lab(np.array([[[255.0, 255, 255]]])).round(6).tolist()
    [[[255.0, 128.0, 128.0]]]
    """
    xyz = _LINEAR[np.clip(np.rint(rgb), 0, 255).astype(np.uint8)] @ (_TO_XYZ.T / _WHITE)
    x, y, z = np.moveaxis(np.where(xyz > _EDGE, np.cbrt(xyz), _SLOPE * xyz + 4 / 29), 2, 0)
    return np.stack([255 * (1.16 * y - 0.16), 500 * (x - y) + 128, 200 * (y - z) + 128], 2)


def _linear() -> NDArray[np.float64]:
    """Of each of 256 values of sRGB the light, 0 to 1."""
    v = np.arange(256) / 255
    return np.where(v > 0.04045, ((v + 0.055) / 1.055) ** 2.4, v / 12.92)


_LINEAR = _linear()
SPACES: dict[str, Callable[[Pixels], Pixels]] = {
    "rgb": lambda rgb: rgb,
    "gray": to_gray,
    "hsv": to_hsv,
    "lab": to_lab,
}
