"""Big images in tiles that overlap: answers are added with weights that fall off to the edges of a tile.

    p(x) = sum_t w(x - x_t) p_t(x) / sum_t w(x - x_t)            over the tiles t that hold the pixel x
    w(i, j) = v(i) v(j),  v(i) = min(i + 1, n - i, overlap)      n the side of a tile

A network sees less at the edge of a tile than it would see in the image; with an overlap of the radius of its receptive
field and more, what it says there counts little.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def tiles_of(size: tuple[int, int], side: int, overlap: int) -> list[tuple[slice, slice]]:
    """The tiles of an image, in rows; the last ones of a row or column are moved in, so that all have one size.

    Parameters
    ----------
    size : (height, width) of the image. side : of a tile, in pixels. overlap : of neighbours, < side.

    Examples
    --------
    >>> [(rows.start, columns.start) for rows, columns in tiles_of((4, 9), 4, 1)]
    [(0, 0), (0, 3), (0, 5)]
    """
    rows, columns = (_starts(length, side, overlap) for length in size)
    ends = [min(side, length) for length in size]
    return [(slice(top, top + ends[0]), slice(left, left + ends[1])) for top in rows for left in columns]


def blended(image: Tensor, network: Callable[[Tensor], Tensor], side: int, overlap: int) -> Tensor:
    """What a network gives for a big image, (1, channels, height, width), tile by tile.

    Parameters
    ----------
    image : (1, 3, height, width). network : takes a tile, gives (1, channels, height, width) of it. side, overlap : see
        `tiles_of`.
    """
    height, width = image.shape[2:]
    total, weights = None, image.new_zeros(1, 1, height, width)
    for rows, columns in tiles_of((height, width), side, overlap):
        told = network(image[:, :, rows, columns])
        weight = _ramp(told.shape[2], overlap).to(told)[:, None] * _ramp(told.shape[3], overlap).to(told)
        if total is None:
            total = told.new_zeros(1, told.shape[1], height, width)
        total[:, :, rows, columns] += weight * told
        weights[:, :, rows, columns] += weight
    assert total is not None
    return total / weights


def _starts(length: int, side: int, overlap: int) -> list[int]:
    if length <= side:
        return [0]
    found = list(range(0, length - side, side - overlap))
    return [*found, length - side]


def _ramp(side: int, overlap: int) -> Tensor:
    """v, (side,)."""
    places = torch.arange(side)
    return torch.minimum(places + 1, side - places).clamp(max=max(1, overlap)).float()
