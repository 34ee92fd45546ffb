"""A head that looks at some cells of a map: one answer for the image, that keeps its place.

With p(c) the map at cell c and m(c) the middle of the cell as shares of the width and the height of the map, the head
gives for each of its K looks

    a(c) = softmax over cells of (u . p(c))        where it looks
    v    = sum_c a(c) (V p(c) + w)                 what it sees there, s numbers
    z    = sum_c a(c) m(c) + (v_1, v_2) / G        where that is; G = (columns, rows)

and so (z_1, z_2, v_3, ..., v_s). The mean of places is exact to parts of a cell, and its gradient reaches every cell.
A layer that sees all cells at once would have to learn each place anew; this one learns once what to look for.

Nibali, He, Morgan, Prendergast, *Numerical coordinate regression with convolutional neural networks*, 2018;
Sun, Xiao, Wei, Liang, Wei, *Integral human pose regression*, 2018. Where it differs: v_1 and v_2 mend the mean.
"""

from __future__ import annotations

import torch
from torch import Tensor

from netwright.core.seeds import alone
from netwright.graph import Expression
from netwright.vision.detection.features import Pyramid


class LookingHead(torch.nn.Module):
    """Answers gathered from the cells where the head looks.

    Parameters
    ----------
    width : channels of the map. looks : how many answers there are. values : numbers of each, >= 2, places first.

    Shapes
    ------
    (n, width, rows, columns) -> (n, looks, values)
    """

    def __init__(self, width: int, looks: int, values: int) -> None:
        super().__init__()
        self.where, self.what = torch.nn.Conv2d(width, looks, 1), torch.nn.Conv2d(width, looks * values, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The answers, places as shares of the map's width and height."""
        n, _, rows, columns = x.shape
        looks = self.where(x).flatten(2).softmax(-1)  # (n, looks, cells)
        seen = self.what(x).view(n, looks.shape[1], -1, rows * columns)
        gathered = torch.einsum("nkc,nkvc->nkv", looks, seen)
        places = torch.einsum("nkc,cd->nkd", looks, middles(rows, columns, x.dtype, x.device))
        return torch.cat([places + gathered[..., :2] / places.new_tensor([columns, rows]), gathered[..., 2:]], -1)


def middles(rows: int, columns: int, dtype: torch.dtype = torch.float32, device: torch.device | None = None) -> Tensor:
    """The middles of cells as shares of width and height, row by row: (rows columns, 2).

    Examples
    --------
    >>> middles(1, 2).tolist()
    [[0.25, 0.5], [0.75, 0.5]]
    """
    down, across = (torch.arange(count, dtype=dtype, device=device) + 0.5 for count in (rows, columns))
    y, x = torch.meshgrid(down / rows, across / columns, indexing="ij")
    return torch.stack([x, y], -1).flatten(0, 1)


class LookingNetwork(torch.nn.Module):
    """A backbone, its maps, and the head on the finest of these.

    Parameters
    ----------
    backbone : layers joined by >> that take images (3, height, width). scales : strides that the finest map knows of.
    looks, values : of the head. seed : of the weights.

    Attributes
    ----------
    stride : pixels of the image for a cell, of the coarsest map.
    """

    def __init__(self, backbone: Expression, scales: int, looks: int, values: int, seed: int) -> None:
        super().__init__()
        self.pyramid = Pyramid(backbone, scales, seed)
        self.stride = self.pyramid.strides[-1]
        with alone(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            self.head = LookingHead(self.pyramid.widths[0], looks, values)

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) in [0, 1] -> (n, looks, values)."""
        answers: Tensor = self.head(self.pyramid(images)[0])
        return answers


def canvas_side(size: int, stride: int) -> int:
    """The side of the square canvas on which images of a long side lie, a multiple of the stride.

    Examples
    --------
    >>> canvas_side(100, 16)
    112
    """
    return -(-size // stride) * stride
