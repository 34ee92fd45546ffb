"""Which cells and anchors answer for which object.

============= ================================================================= ===============================
assignment    an anchor (p_w, p_h) answers for an object (w, h) if              in the cells
============= ================================================================= ===============================
"best"        of all anchors of all scales its shape has the largest IoU        that holds the object's middle
"neighbours"  w / p_w, h / p_h and their inverses are all below 4               that one, and the nearer neighbour
                                                                                on either axis
============= ================================================================= ===============================

"best" is that of YOLO version 3, with boxes in its form; "neighbours" that of version 5, whose form reaches half a cell
beyond the cell: about nine times as many cells learn from each object, which trains faster. Where no anchor is near
enough to an object, the best one answers, so that none is left out.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

RATIO = 4.0  # of sides up to which an anchor answers ("neighbours")


class Positives(NamedTuple):
    """Answers of one scale that are asked for an object.

    Attributes
    ----------
    image, anchor, row, column : where the answer stands, (p,). item : the number of its object, (p,).
    """

    image: Tensor
    anchor: Tensor
    row: Tensor
    column: Tensor
    item: Tensor


class Objects(NamedTuple):
    """The objects of a batch, one after the other.

    Attributes
    ----------
    image : the number of the image in the batch, (m,). boxes : (m, 4) in pixels. classes : (m,).
    """

    image: Tensor
    boxes: Tensor
    classes: Tensor


def listed(boxes: Tensor, classes: Tensor) -> Objects:
    """The objects of padded tables; places without one, and objects that are not asked for, are left out.

    Shapes
    ------
    boxes (n, m, 4), classes (n, m)
    """
    image, place = torch.nonzero(classes >= 0, as_tuple=True)
    return Objects(image, boxes[image, place], classes[image, place])


def assign(
    objects: Objects, anchors: list[Tensor], strides: list[int], grids: list[tuple[int, int]], how: str
) -> list[Positives]:
    """The answers that are asked for each object, for each scale.

    Parameters
    ----------
    objects : of a batch. anchors : (A, 2) of each scale, widths and heights in pixels. strides : of each scale.
    grids : (rows, columns) of each scale. how : "best" or "neighbours".

    Examples
    --------
    >>> one = Objects(torch.tensor([0]), torch.tensor([[6.0, 6.0, 14.0, 14.0]]), torch.tensor([0]))
    >>> best, = assign(one, [torch.tensor([[8.0, 8.0], [40.0, 40.0]])], [8], [(4, 4)], "best")
    >>> best.anchor.tolist(), best.row.tolist(), best.column.tolist()
    ([0], [1], [1])
    >>> near, = assign(one, [torch.tensor([[8.0, 8.0], [40.0, 40.0]])], [8], [(4, 4)], "neighbours")
    >>> near.anchor.tolist(), near.row.tolist(), near.column.tolist()
    ([0, 0, 0], [1, 1, 0], [1, 0, 1])
    """
    centres = (objects.boxes[:, :2] + objects.boxes[:, 2:]) / 2
    sides = (objects.boxes[:, 2:] - objects.boxes[:, :2]).clamp_min(1e-6)
    if how == "best":
        chosen = _best(sides, anchors)
    else:
        ratios = [sides[:, None] / each for each in anchors]
        chosen = [torch.maximum(ratio, 1 / ratio).amax(-1) < RATIO for ratio in ratios]
        without = ~torch.cat(chosen, 1).any(1, keepdim=True)
        chosen = [near | (without & best) for near, best in zip(chosen, _best(sides, anchors), strict=True)]
    found = []
    for asked, stride, grid in zip(chosen, strides, grids, strict=True):
        item, anchor = torch.nonzero(asked, as_tuple=True)
        at = centres[item] / stride
        cells = [at.floor()]
        if how == "neighbours":
            cells += _neighbours(at)
        columns, rows = (torch.cat([cell[:, axis] for cell in cells]).long() for axis in (0, 1))
        item, anchor = item.repeat(len(cells)), anchor.repeat(len(cells))
        if how == "best":  # the middle may stand on the far edge of the image
            rows, columns = rows.clamp(0, grid[0] - 1), columns.clamp(0, grid[1] - 1)
        inside = (rows >= 0) & (rows < grid[0]) & (columns >= 0) & (columns < grid[1])
        parts = objects.image[item], anchor, rows, columns, item
        found.append(Positives(*(part[inside] for part in parts)))
    return found


def _best(sides: Tensor, anchors: list[Tensor]) -> list[Tensor]:
    """For each scale which of its anchors (m, A) is the best of all scales."""
    flat = torch.cat(anchors)
    shared = torch.minimum(sides[:, None], flat).prod(-1)
    overlap = shared / (sides.prod(-1)[:, None] + flat.prod(-1) - shared)
    best = torch.zeros_like(overlap, dtype=torch.bool)
    if len(sides):
        best[torch.arange(len(sides)), overlap.argmax(1)] = True
    return list(best.split([len(each) for each in anchors], 1))


def _neighbours(at: Tensor) -> list[Tensor]:
    """The cells beside those of places (m, 2): on each axis the one that the place is nearer to."""
    cell = at.floor()
    beside = torch.where(at - cell < 0.5, -1.0, 1.0)
    return [
        torch.stack([cell[:, 0] + beside[:, 0], cell[:, 1]], 1),
        torch.stack([cell[:, 0], cell[:, 1] + beside[:, 1]], 1),
    ]
