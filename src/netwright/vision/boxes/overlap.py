r"""How much boxes overlap: IoU, and three measures that also tell boxes apart which share nothing.

    IoU  = I / U                  I area of the intersection, U of the union
    GIoU = IoU - (C - U) / C      C area of the hull: the smallest box around both
    DIoU = IoU - rho^2 / c^2      rho distance of the centres, c diagonal of the hull
    CIoU = DIoU - alpha v         v = 4 / pi^2 (atan(w_1 / h_1) - atan(w_2 / h_2))^2, alpha = v / (1 - IoU + v)

A quotient whose denominator is 0 counts as 0, so that all is finite: an empty box has the IoU 0 with every box, with
itself too. No small number is added to a denominator: the values are those of the equations. Gradients are finite
everywhere; alpha is a weight, through which none passes, as in the paper. An area below the smallest normal number of
its type counts as 0.

The hull is drawn around all corners. With it, reversed boxes stay in the ranges below and their gradients lead back.

`losses.py` computes the same functions box by box.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright.core.validation import check, number
from netwright.vision.boxes.reading import read_numbers, require_boxes
from netwright.vision.compiled import kernels

BLOCK = 1 << 17  # pairs that are computed together where no gradient is wanted: they stay in the cache
Corners = tuple[Tensor, ...]  # x1, y1, x2, y2
Measure = Callable[..., Tensor]  # (corners, corners) -> numbers; eps= is added to denominators


def box_iou(boxes1: Any, boxes2: Any) -> Any:
    """Intersection over union of every box of one set with every box of another: I / U, in [0, 1].

    Parameters
    ----------
    boxes1, boxes2 : boxes x1, y1, x2, y2: tensors, arrays or lists; see `netwright.vision.boxes.reading`.

    Shapes
    ------
    (n, 4), (m, 4) -> (n, m)

    Raises
    ------
    InvalidData : another shape, NaN or infinity, with the row.

    Examples
    --------
    >>> box_iou([[0, 0, 4, 4]], [[2, 2, 6, 6], [0, 0, 4, 2]])
    array([[0.14285714, 0.5       ]])

    References
    ----------
    Jaccard, *The distribution of the flora in the alpine zone*, 1912.
    """
    return _pairwise("box_iou", iou_of, boxes1, boxes2)


def generalized_box_iou(boxes1: Any, boxes2: Any, eps: float = 0.0) -> Any:
    """Generalized IoU of every pair: IoU - (C - U) / C, in [-1, 1], at most the IoU.

    Parameters
    ----------
    boxes1, boxes2 : boxes x1, y1, x2, y2, as in `box_iou`.
    eps : what is added to each denominator, >= 0. Empty boxes need none: their overlap is 0.

    Shapes
    ------
    (n, 4), (m, 4) -> (n, m)

    Raises
    ------
    InvalidData : another shape, NaN or infinity, with the row.

    Examples
    --------
    >>> generalized_box_iou([[0, 0, 2, 2]], [[3, 3, 5, 5]])
    array([[-0.68]])

    References
    ----------
    Rezatofighi, Tsoi, Gwak, Sadeghian, Reid, Savarese, *Generalized intersection over union*, 2019.
    """
    return _pairwise("generalized_box_iou", guarded("generalized_box_iou", generalized_iou_of, eps), boxes1, boxes2)


def distance_box_iou(boxes1: Any, boxes2: Any, eps: float = 0.0) -> Any:
    """Distance IoU of every pair: IoU - rho^2 / c^2, in [-1, 1], at most the IoU.

    Parameters
    ----------
    boxes1, boxes2 : boxes x1, y1, x2, y2, as in `box_iou`.
    eps : what is added to each denominator, >= 0. Empty boxes need none: their overlap is 0.

    Shapes
    ------
    (n, 4), (m, 4) -> (n, m)

    Raises
    ------
    InvalidData : another shape, NaN or infinity, with the row.

    Examples
    --------
    >>> distance_box_iou([[0, 0, 2, 2]], [[3, 3, 5, 5]])
    array([[-0.36]])

    References
    ----------
    Zheng, Wang, Liu, Li, Ye, Ren, *Distance-IoU loss: faster and better learning for bounding box regression*, 2020.
    """
    return _pairwise("distance_box_iou", guarded("distance_box_iou", distance_iou_of, eps), boxes1, boxes2)


def complete_box_iou(boxes1: Any, boxes2: Any, eps: float = 0.0) -> Any:
    """Complete IoU of every pair: DIoU - alpha v, in [-1.5, 1], at most the DIoU.

    It is least for boxes that share nothing: there alpha v = v^2 / (1 + v) with v <= 1.

    Parameters
    ----------
    boxes1, boxes2 : boxes x1, y1, x2, y2, as in `box_iou`.
    eps : what is added to each denominator, >= 0. Empty boxes need none: their overlap is 0.

    Shapes
    ------
    (n, 4), (m, 4) -> (n, m)

    Raises
    ------
    InvalidData : another shape, NaN or infinity, with the row.

    Examples
    --------
    >>> complete_box_iou([[0, 0, 4, 2]], [[1, 0, 3, 4]]).round(6)
    array([[0.268332]])

    References
    ----------
    Zheng, Wang, Liu, Li, Ye, Ren, *Distance-IoU loss: faster and better learning for bounding box regression*, 2020.
    """
    return _pairwise("complete_box_iou", guarded("complete_box_iou", complete_iou_of, eps), boxes1, boxes2)


def iou_of(a: Corners, b: Corners, eps: float = 0.0) -> Tensor:
    """I / U of boxes beside each other; shapes are broadcast."""
    shared = _intersection(a, b)
    return _ratio(shared, _area(a) + _area(b) - shared, eps)


def generalized_iou_of(a: Corners, b: Corners, eps: float = 0.0) -> Tensor:
    """IoU - (C - U) / C of boxes beside each other; shapes are broadcast."""
    shared = _intersection(a, b)
    union = _area(a) + _area(b) - shared
    width, height = _hull(a, b)
    hull = width * height
    return _ratio(shared, union, eps) - _ratio((hull - union).clamp(min=0), hull, eps)


def distance_iou_of(a: Corners, b: Corners, eps: float = 0.0) -> Tensor:
    """IoU - rho^2 / c^2 of boxes beside each other; shapes are broadcast."""
    return iou_of(a, b, eps) - _distance(a, b, eps)


def complete_iou_of(a: Corners, b: Corners, eps: float = 0.0) -> Tensor:
    """DIoU - alpha v of boxes beside each other; shapes are broadcast."""
    iou = iou_of(a, b, eps)
    v = (4 / math.pi**2) * (_angle(a) - _angle(b)).square()
    with torch.no_grad():
        alpha = _ratio(v, 1 - iou + v, eps)
    return iou - _distance(a, b, eps) - alpha * v


def guarded(owner: str, measure: Measure, eps: float) -> Measure:
    """A measure with something added to its denominators."""
    check(f"{owner}(eps)", eps, number(0))
    return partial(measure, eps=float(eps)) if eps else measure


def _intersection(a: Corners, b: Corners) -> Tensor:
    width = torch.minimum(a[2], b[2]) - torch.maximum(a[0], b[0])
    height = torch.minimum(a[3], b[3]) - torch.maximum(a[1], b[1])
    return width.clamp(min=0) * height.clamp(min=0)


def _area(a: Corners) -> Tensor:
    return (a[2] - a[0]).clamp(min=0) * (a[3] - a[1]).clamp(min=0)


def _hull(a: Corners, b: Corners) -> tuple[Tensor, Tensor]:
    """Width and height of the smallest box around all corners."""
    sides = []
    for low, high in ((0, 2), (1, 3)):
        first = torch.minimum(torch.minimum(a[low], a[high]), torch.minimum(b[low], b[high]))
        last = torch.maximum(torch.maximum(a[low], a[high]), torch.maximum(b[low], b[high]))
        sides.append(last - first)
    return sides[0], sides[1]


def _distance(a: Corners, b: Corners, eps: float) -> Tensor:
    """rho^2 / c^2"""
    width, height = _hull(a, b)
    across = (a[0] + a[2]) - (b[0] + b[2])  # twice the distance of the centres
    down = (a[1] + a[3]) - (b[1] + b[3])
    return _ratio((across.square() + down.square()) / 4, width.square() + height.square(), eps)


def _angle(a: Corners) -> Tensor:
    """atan(w / h), of an empty point 0."""
    width, height = (a[2] - a[0]).clamp(min=0), (a[3] - a[1]).clamp(min=0)
    point = width.square() + height.square() < torch.finfo(width.dtype).tiny
    return torch.atan2(torch.where(point, 0, width), torch.where(point, 1, height))


def _ratio(top: Tensor, bottom: Tensor, eps: float) -> Tensor:
    """top / (bottom + eps), 0 where that is; the inner `where` keeps the gradient of the other branch finite."""
    bottom = bottom + eps if eps else bottom
    zero = bottom < torch.finfo(bottom.dtype).tiny
    return torch.where(zero, 0, top / torch.where(zero, 1, bottom))


def _pairwise(owner: str, measure: Measure, boxes1: Any, boxes2: Any) -> Any:
    (first, second), form = read_numbers(owner, boxes1=boxes1, boxes2=boxes2)
    first = require_boxes(f"{owner}(boxes1)", first)
    second = require_boxes(f"{owner}(boxes2)", second)
    graph = torch.is_grad_enabled() and (first.requires_grad or second.requires_grad)
    a, b = first.T.contiguous(), second.T.contiguous()  # (4, n), (4, m)
    if graph or a.device.type != "cpu":
        return form.give(measure(a[:, :, None].unbind(), b[:, None, :].unbind()))
    a, b = a.detach(), b.detach()
    found = np.empty(
        (a.shape[1], b.shape[1]), a.numpy().dtype
    )  # NumPy asks for large pages: three times faster to fill
    if measure is iou_of:
        kernels("boxes").pairwise_iou(a.numpy(), b.numpy(), found)
        return form.give(torch.from_numpy(found))
    rows = max(1, BLOCK // max(1, b.shape[1]))
    for start in range(0, a.shape[1], rows):
        block = measure(a[:, start : start + rows, None].unbind(), b[:, None, :].unbind())
        found[start : start + rows] = block.numpy()
    return form.give(torch.from_numpy(found))
