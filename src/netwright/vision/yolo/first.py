"""The loss of the first YOLO: squares of everything, for a grid whose cells know B boxes and one class.

    L = c sum over j of  (x - x*)^2 + (y - y*)^2 + (sqrt w - sqrt w*)^2 + (sqrt h - sqrt h*)^2  +  (p - IoU)^2
      + q sum over all other boxes of  p^2
      + sum over cells with an object of  sum_k (c_k - c_k*)^2

j is, in each cell with an object, the box that overlaps it most: it is responsible, and its confidence p is to be that
overlap. Squares of one image are added, and images averaged. The root of a side below 1e-6 is that of 1e-6.

Redmon, Divvala, Girshick, Farhadi, *You only look once: unified, real-time object detection*, 2016, equation 3.
"""

from __future__ import annotations

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import check, number
from netwright.vision.boxes.overlap import iou_of

LEAST = 1e-6  # side of a box under the root


def yolo_v1_loss(boxes: Tensor, classes: Tensor, target: Tensor, coord: float = 5.0, noobj: float = 0.5) -> Tensor:
    """The loss of the first YOLO, a scalar.

    Parameters
    ----------
    boxes : (x, y, w, h, p) of B boxes in each cell: the middle in the cell, in [0, 1], sides as shares of the image,
        confidence.
    classes : probabilities in each cell.
    target : (there, x, y, w, h, classes...) of each cell; there is 1 where an object's middle lies in it, else 0.
    coord, noobj : c and q, >= 0.

    Shapes
    ------
    (n, S, S, B, 5), (n, S, S, C), (n, S, S, 5 + C) -> ()

    Raises
    ------
    InvalidData : shapes that do not fit. InvalidParameter : a weight below 0.

    Examples
    --------
    >>> box = torch.tensor([0.6, 0.4, 0.16, 0.49, 1.0]).view(1, 1, 1, 1, 5)
    >>> target = torch.tensor([0.0, 0.5, 0.5, 0.25, 0.36, 1.0, 0.0]).view(1, 1, 1, 7)
    >>> round(float(yolo_v1_loss(box, torch.zeros(1, 1, 1, 2), target)), 6)  # there is nothing: q p^2
    0.5

    References
    ----------
    Redmon, Divvala, Girshick, Farhadi, *You only look once: unified, real-time object detection*, 2016.
    """
    check("yolo_v1_loss(coord)", coord, number(0))
    check("yolo_v1_loss(noobj)", noobj, number(0))
    _require_shapes(boxes, classes, target)
    there, wanted = target[..., 0] > 0, target[..., None, 1:5]
    overlap = _overlap(boxes.detach()[..., :4], wanted, boxes.shape[1])
    best = torch.zeros_like(overlap, dtype=torch.bool).scatter_(-1, overlap.argmax(-1, keepdim=True), True)
    best &= there[..., None]
    middles = (boxes[..., :2] - wanted[..., :2]).square().sum(-1)
    sides = (boxes[..., 2:4].clamp_min(LEAST).sqrt() - wanted[..., 2:].clamp_min(LEAST).sqrt()).square().sum(-1)
    told = boxes[..., 4]
    each = torch.where(best, coord * (middles + sides) + (told - overlap).square(), noobj * told.square())
    kinds = (classes - target[..., 5:]).square().sum(-1) * there
    return (each.sum() + kinds.sum()) / len(boxes)


def _overlap(boxes: Tensor, wanted: Tensor, cells: int) -> Tensor:
    """IoU of boxes with the object of their cell: the place of the cell is the same for both."""

    def corners(box: Tensor) -> tuple[Tensor, ...]:
        x, y, width, height = box.unbind(-1)
        half = width.clamp_min(0) / 2, height.clamp_min(0) / 2
        return x / cells - half[0], y / cells - half[1], x / cells + half[0], y / cells + half[1]

    return iou_of(corners(boxes), corners(wanted.expand_as(boxes)))


def _require_shapes(boxes: Tensor, classes: Tensor, target: Tensor) -> None:
    wanted = (*boxes.shape[:3], 5 + classes.shape[-1])
    fits = boxes.ndim == 5 and boxes.shape[-1] == 5 and classes.ndim == 4 and classes.shape[:3] == boxes.shape[:3]
    if not fits or tuple(target.shape) != wanted:
        got = f"{tuple(boxes.shape)}, {tuple(classes.shape)}, {tuple(target.shape)}"
        raise InvalidData(problem("yolo_v1_loss", "shapes (n, S, S, B, 5), (n, S, S, C), (n, S, S, 5 + C)", got))
