"""Mosaics: many small images as one large one, which draws a hundred times faster than an Axes for each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from netwright.core.errors import InvalidData, problem

GAP = 1  # pixels between two tiles


def mosaic(tiles: np.ndarray, columns: int, gap: int = GAP) -> np.ndarray:
    """Images side by side in rows of `columns`, NaN between them and after the last.

    Shapes
    ------
    (n, height, width) -> (H, W); (n, height, width, 3) -> (H, W, 3)

    Examples
    --------
    >>> mosaic(np.ones((3, 1, 1)), 2)
    array([[ 1., nan,  1.],
           [nan, nan, nan],
           [ 1., nan, nan]])
    """
    n, height, width, *rest = tiles.shape
    rows = math.ceil(n / columns)
    step_y, step_x = height + gap, width + gap
    large = np.full((rows * step_y - gap, columns * step_x - gap, *rest), np.nan)
    for i, tile in enumerate(tiles):
        y, x = i // columns * step_y, i % columns * step_x
        large[y : y + height, x : x + width] = tile
    return large


def columns_for(count: int, height: float, width: float, aspect: float) -> int:
    """The number of columns for `count` tiles: near an aspect (width : height), and with few places left empty.

    Examples
    --------
    >>> columns_for(16, 5, 5, 1.0), columns_for(32, 26, 26, 4.0), columns_for(36, 8, 8, 1.2), columns_for(3, 1, 9, 1.0)
    (4, 11, 6, 1)
    """
    ideal = max(1.0, min(float(count), math.sqrt(aspect * count * height / width)))
    near = [c for c in range(1, count + 1) if ideal / 1.4 <= c <= ideal * 1.4] or [round(ideal)]

    def cost(columns: int) -> float:
        empty = -count % columns
        return (0.15 if empty else 0.0) + empty / count + abs(math.log(columns / ideal))

    return min(near, key=cost)


def opaque(rgb: np.ndarray) -> np.ndarray:
    """Colours with an alpha channel that is 0 where they are NaN: (H, W, 3) -> (H, W, 4)."""
    alpha = np.isfinite(rgb).all(axis=-1, keepdims=True)
    return np.concatenate([np.nan_to_num(rgb), alpha], axis=-1)


def images_of(where: str, X: Any, shape: tuple[int, ...] | None = None) -> Any:
    """Images as (n, height, width) or (n, height, width, 3), from any usual layout.

    Parameters
    ----------
    where : for the error.
    X : (n, height, width), (n, 1 or 3, height, width), (n, height, width, 1 or 3), or (n, features) with `shape`.
    shape : of one image, for flat rows.

    Raises
    ------
    InvalidData : no such layout, or not numbers.
    """
    X = X.detach().cpu().numpy() if hasattr(X, "detach") else np.asarray(X)
    if shape is not None and X.ndim >= 1 and math.prod(shape) == math.prod(X.shape[1:]):
        X = X.reshape(len(X), *shape)
    if X.dtype.kind in "fiub" and X.size:
        if X.ndim == 3:
            return X
        if X.ndim == 4 and X.shape[1] in (1, 3):
            return X[:, 0] if X.shape[1] == 1 else np.moveaxis(X, 1, -1)
        if X.ndim == 4 and X.shape[3] in (1, 3):
            return X[..., 0] if X.shape[3] == 1 else X
    got = f"an array of shape {X.shape} and type {X.dtype}" + ("" if shape is None else f" with shape={shape}")
    remedy = "Give shape=(height, width) for images that are flat rows." if X.ndim == 2 else ""
    expected = "images (n, height, width), (n, 1 or 3, height, width) or (n, height, width, 1 or 3)"
    raise InvalidData(problem(f"{where}(X)", expected, got, remedy))


def in_unit_range(images: np.ndarray) -> np.ndarray:
    """Images scaled to [0, 1] together: bytes by 255, numbers outside [0, 1] by their least and greatest."""
    if images.dtype == np.uint8:
        return images / 255.0
    images = np.nan_to_num(images.astype(np.float64))
    low, high = float(images.min()), float(images.max())
    if low >= 0.0 and high <= 1.0:
        return images
    return (images - low) / (high - low) if high > low else np.zeros_like(images)
