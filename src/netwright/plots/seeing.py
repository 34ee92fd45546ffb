"""A map over an image, such as `netwright.vision.saliency` and `netwright.vision.grad_cam` give it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import check, number
from netwright.plots import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INCHES = 3.4  # of the longer side
SHARE = 99.5  # per cent of the values that the scale of colours ends at: single pixels would make all others dark


def heat_map(image: Any, heat: Any, *, strength: float = 0.6, title: str = "", ax: Any = None) -> Axes:
    """An image in gray with a map over it, from clear (0) over red to light yellow (its greatest values).

    Parameters
    ----------
    image : (height, width, 3) of uint8 or in [0, 1], (channels, height, width) or (height, width).
    heat : (height, width), numbers >= 0, as `netwright.vision.grad_cam` gives them.
    strength : how much the map covers at its greatest values, in [0, 1].
    title : above the picture.
    ax : Axes to draw on, or None for a new figure.

    Raises
    ------
    InvalidData : an image or a map that cannot be, or of different sizes.

    Examples
    --------
    >>> import numpy as np
    >>> from netwright.plots import heat_map
    >>> heat_map(np.zeros((4, 6, 3), np.uint8), np.arange(24.0).reshape(4, 6)).get_title(loc="left")
    ''
    """
    check("heat_map(strength)", strength, number(0, 1))
    gray = _gray(image)
    values = np.asarray(heat, dtype=np.float64)
    if values.shape != gray.shape or not np.isfinite(values).all() or values.min() < 0:
        expected = f"numbers >= 0 of the image's size {gray.shape[0]} x {gray.shape[1]}"
        raise InvalidData(problem("heat_map(heat)", expected, f"shape {values.shape}"))
    height, width = gray.shape
    inches = (INCHES * width / max(height, width), INCHES * height / max(height, width) + 0.3)
    ax = canvas.axes_or_new("heat_map", ax, inches)
    top = np.percentile(values, SHARE) or values.max()
    share = np.clip(values / top, 0, 1) if top > 0 else np.zeros_like(values)
    cover = (strength * np.sqrt(share))[:, :, None]
    ax.imshow((1 - cover) * gray[:, :, None] + cover * _colours(share), interpolation="nearest")
    ax.set_axis_off()
    if title:
        ax.set_title(title, loc="left", fontsize="medium")
    return ax


def _gray(image: Any) -> np.ndarray:
    """The brightness of an image in [0, 1], (height, width)."""
    array = np.asarray(image)
    values = array.astype(np.float64) / (255 if array.dtype == np.uint8 else 1)
    if values.ndim == 3:
        values = values.mean(2 if values.shape[2] in (1, 3) and values.shape[0] not in (1, 3) else 0)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        expected = "an image (height, width, 3), (channels, height, width) or (height, width)"
        raise InvalidData(problem("heat_map(image)", expected, f"{array.dtype} of shape {array.shape}"))
    low, high = min(values.min(), 0.0), max(values.max(), 1.0)
    return (values - low) / (high - low)


def _colours(share: np.ndarray) -> np.ndarray:
    """Dark red, red, orange, light yellow, for shares in [0, 1]."""
    steps = np.array([[0.35, 0.0, 0.15], [0.85, 0.1, 0.1], [1.0, 0.55, 0.05], [1.0, 0.97, 0.65]])
    at = np.linspace(0, 1, len(steps))
    return np.stack([np.interp(share, at, steps[:, channel]) for channel in range(3)], -1)
