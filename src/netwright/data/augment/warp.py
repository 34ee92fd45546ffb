"""Warps: the geometry of images moved by one resampling, however many warps stand in a row.

A warp says for each point p of the new image which point of the old one is seen there. Points are (x, y) in pixels
from the centre of the image, x to the right and y down. A map is one of

============ ================= =============================================================
a matrix     (n, 2, 3)         s(p) = A [p; 1]
a field      (n, 2, h, w)      s(p) = p + d(p), between pixels interpolated
============ ================= =============================================================

Of maps s_1, ..., s_k in the order in which they are applied, the new image is y(p) = x(s_1(s_2(...s_k(p)))). So
matrices side by side are multiplied, the points are found, and x is read once, bilinearly: k warps blur as one does,
and nothing is lost that one moves out of the image and the next one back.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Sequence
from typing import final

import torch
from torch.nn.functional import grid_sample

from netwright.core.validation import Constraint, check, one_of
from netwright.data.augment.base import Augmentation, exact_dtype

FILLS = ("zeros", "border", "reflection")
FILL: Constraint = one_of(*FILLS)


class Warp(Augmentation):
    """An augmentation that moves points, y(p) = x(s(p)); warps with one `fill` that stand in a row are one resampling.

    Attributes
    ----------
    fill : what is seen beyond the old image: "zeros", "border" (its last pixels go on) or "reflection".
    """

    fill: str

    @abstractmethod
    def draw(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """A map for each image: matrices (n, 2, 3) or fields (n, 2, height, width), see `netwright.data.augment.warp`.

        Parameters
        ----------
        x : the images.
        generator : the source of the random numbers.
        """

    @final
    def apply(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """New images by one resampling.

        Parameters
        ----------
        x : the images.
        generator : the source of the random numbers.
        """
        return warped(x, [self.draw(x, generator)], self.fill)


def warped(x: torch.Tensor, maps: Sequence[torch.Tensor], fill: str = "zeros") -> torch.Tensor:
    """Images after some maps in their order, y(p) = x(s_1(...s_k(p))), by one bilinear resampling.

    Parameters
    ----------
    x : images (n, channels, height, width), floating; shorter formats than float32 are resampled in it.
    maps : matrices (n, 2, 3) or fields (n, 2, height, width) of points in pixels from the centre.
    fill : what is seen beyond the image: "zeros", "border" or "reflection".

    Shapes
    ------
    (n, channels, height, width) -> the same

    Raises
    ------
    InvalidParameter : another fill.

    Examples
    --------
    >>> x = torch.eye(3)[None, None]
    >>> left = torch.tensor([[[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]])  # each point shows the one to its right
    >>> warped(x, [left])[0, 0].round().tolist()
    [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]

    References
    ----------
    Jaderberg, Simonyan, Zisserman, Kavukcuoglu, *Spatial transformer networks*, 2015 (the sampling grid).
    """
    check("warped(fill)", fill, FILL)
    if not len(x):
        return x.clone()
    images = x.to(exact_dtype(x))
    return sampled(images, sources(images, [each.to(images.dtype) for each in maps]), fill).to(x.dtype)


def sources(x: torch.Tensor, maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """The points s_1(...s_k(p)) of all pixels p, (n, height, width, 2)."""
    height, width = x.shape[2:]
    lattice = homogeneous(height, width, x.dtype, x.device)  # (h w, 3)
    points: torch.Tensor | None = None  # (n, h w, 2) once a map has moved them
    for each in reversed(merged(maps)):
        if each.ndim == 3:
            turned = each.transpose(1, 2)  # (n, 3, 2)
            points = lattice @ turned if points is None else points @ turned[:, :2] + turned[:, 2:]
        elif points is None:
            points = lattice[:, :2] + each.flatten(2).transpose(1, 2)
        else:
            there = sampled(each, points.view(len(x), height, width, 2), "border")
            points = points + there.flatten(2).transpose(1, 2)
    if points is None:
        points = lattice[:, :2].expand(len(x), -1, 2)
    return points.reshape(len(x), height, width, 2)


def merged(maps: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The same maps with matrices that stand side by side multiplied: s_1(s_2(p)) = A_1 [A_2 [p; 1]; 1]."""
    found: list[torch.Tensor] = []
    for each in maps:
        if found and found[-1].ndim == each.ndim == 3:
            first = found.pop()
            product = first[:, :, :2] @ each
            product[:, :, 2] += first[:, :, 2]
            each = product
        found.append(each)
    return found


@functools.lru_cache(maxsize=8)
@torch.inference_mode(False)  # what is kept must be good for training too
def homogeneous(height: int, width: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """The pixels of an image row by row as (x, y, 1), in pixels from its centre: (h w, 3)."""
    down = torch.arange(height, dtype=dtype, device=device) - (height - 1) / 2
    right = torch.arange(width, dtype=dtype, device=device) - (width - 1) / 2
    y, x = torch.meshgrid(down, right, indexing="ij")
    return torch.stack([x, y, torch.ones_like(x)], -1).view(-1, 3)


def sampled(x: torch.Tensor, points: torch.Tensor, fill: str) -> torch.Tensor:
    """x read at points (n, height, width, 2), bilinearly."""
    scale = torch.tensor([2 / x.shape[3], 2 / x.shape[2]], dtype=x.dtype, device=x.device)  # torch counts from -1 to 1
    return grid_sample(x, points * scale, mode="bilinear", padding_mode=fill, align_corners=False)
