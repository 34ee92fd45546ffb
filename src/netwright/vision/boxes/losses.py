"""Losses of detectors: one minus an overlap, box by box, and the focal loss of class scores.

The overlaps are those of `overlap.py`, with its guards: an empty box gives a loss of 1 or more and finite gradients.
NaN is not looked for, as that would wait for the device in every step: a NaN in a box is a NaN in the loss.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import check, number, one_of
from netwright.vision.boxes.overlap import (
    Measure,
    complete_iou_of,
    distance_iou_of,
    generalized_iou_of,
    guarded,
    iou_of,
)
from netwright.vision.boxes.reading import read_numbers, require_boxes

_REDUCTION = one_of("none", "mean", "sum")


def box_iou_loss(boxes1: Any, boxes2: Any, reduction: str = "none") -> Any:
    """One minus the IoU of each box with the one beside it, in [0, 1].

    Its gradient is 0 where the two share nothing: the other three lead them together.

    Parameters
    ----------
    boxes1, boxes2 : boxes x1, y1, x2, y2 of one shape, or shapes that are broadcast.
    reduction : "none", "mean" (of no boxes 0) or "sum".

    Shapes
    ------
    (..., 4), (..., 4) -> (...,), or () when reduced

    Raises
    ------
    InvalidData : another last axis, or shapes that do not fit. InvalidParameter : another reduction.

    Examples
    --------
    >>> box_iou_loss([[0, 0, 4, 4]], [[0, 0, 4, 2]])
    array([0.5])

    References
    ----------
    Yu, Jiang, Wang, Cao, Huang, *UnitBox: an advanced object detection network*, 2016.
    """
    return _loss("box_iou_loss", iou_of, boxes1, boxes2, reduction)


def generalized_box_iou_loss(boxes1: Any, boxes2: Any, reduction: str = "none", eps: float = 0.0) -> Any:
    """One minus the generalized IoU of each box with the one beside it, in [0, 2].

    Parameters
    ----------
    boxes1, boxes2 : boxes x1, y1, x2, y2 of one shape, or shapes that are broadcast.
    reduction : "none", "mean" (of no boxes 0) or "sum".
    eps : what is added to each denominator, >= 0. Empty boxes need none.

    Shapes
    ------
    (..., 4), (..., 4) -> (...,), or () when reduced

    Raises
    ------
    InvalidData : another last axis, or shapes that do not fit. InvalidParameter : another reduction.

    Examples
    --------
    >>> generalized_box_iou_loss([[0, 0, 2, 2]], [[3, 3, 5, 5]])
    array([1.68])

    References
    ----------
    Rezatofighi, Tsoi, Gwak, Sadeghian, Reid, Savarese, *Generalized intersection over union*, 2019.
    """
    owner = "generalized_box_iou_loss"
    return _loss(owner, guarded(owner, generalized_iou_of, eps), boxes1, boxes2, reduction)


def distance_box_iou_loss(boxes1: Any, boxes2: Any, reduction: str = "none", eps: float = 0.0) -> Any:
    """One minus the distance IoU of each box with the one beside it, in [0, 2].

    Parameters
    ----------
    boxes1, boxes2 : boxes x1, y1, x2, y2 of one shape, or shapes that are broadcast.
    reduction : "none", "mean" (of no boxes 0) or "sum".
    eps : what is added to each denominator, >= 0. Empty boxes need none.

    Shapes
    ------
    (..., 4), (..., 4) -> (...,), or () when reduced

    Raises
    ------
    InvalidData : another last axis, or shapes that do not fit. InvalidParameter : another reduction.

    Examples
    --------
    >>> distance_box_iou_loss([[0, 0, 2, 2]], [[3, 3, 5, 5]])
    array([1.36])

    References
    ----------
    Zheng, Wang, Liu, Li, Ye, Ren, *Distance-IoU loss: faster and better learning for bounding box regression*, 2020.
    """
    owner = "distance_box_iou_loss"
    return _loss(owner, guarded(owner, distance_iou_of, eps), boxes1, boxes2, reduction)


def complete_box_iou_loss(boxes1: Any, boxes2: Any, reduction: str = "none", eps: float = 0.0) -> Any:
    """One minus the complete IoU of each box with the one beside it, in [0, 2.5].

    Parameters
    ----------
    boxes1, boxes2 : boxes x1, y1, x2, y2 of one shape, or shapes that are broadcast.
    reduction : "none", "mean" (of no boxes 0) or "sum".
    eps : what is added to each denominator, >= 0. Empty boxes need none.

    Shapes
    ------
    (..., 4), (..., 4) -> (...,), or () when reduced

    Raises
    ------
    InvalidData : another last axis, or shapes that do not fit. InvalidParameter : another reduction.

    Examples
    --------
    >>> round(complete_box_iou_loss([[0, 0, 4, 2]], [[1, 0, 3, 4]], "sum"), 6)
    0.731668

    References
    ----------
    Zheng, Wang, Liu, Li, Ye, Ren, *Distance-IoU loss: faster and better learning for bounding box regression*, 2020.
    """
    owner = "complete_box_iou_loss"
    return _loss(owner, guarded(owner, complete_iou_of, eps), boxes1, boxes2, reduction)


def sigmoid_focal_loss(
    inputs: Any, targets: Any, alpha: float | None = 0.25, gamma: float = 2.0, reduction: str = "none"
) -> Any:
    """Cross-entropy of yes-or-no answers that gives little weight to what is already right.

        loss = -alpha_t (1 - p_t)^gamma log p_t

    p_t is the probability of the true answer, p = sigmoid(input) for 1 and 1 - p for 0; alpha_t is alpha for 1 and
    1 - alpha for 0. It is computed from the input itself and so is exact and finite for inputs of 1e4.

    Parameters
    ----------
    inputs : logits, of any shape.
    targets : 1 or 0 of the same shape; numbers between mix the two.
    alpha : weight of the ones, in [0, 1]; None: both count the same.
    gamma : >= 0; 0 is the weighted cross-entropy.
    reduction : "none", "mean" (of no numbers 0) or "sum".

    Shapes
    ------
    (...), (...) -> (...), or () when reduced

    Raises
    ------
    InvalidData : two shapes. InvalidParameter : an option out of its range.

    Examples
    --------
    >>> sigmoid_focal_loss([0.0, 0.0], [1.0, 0.0]).round(6)
    array([0.043322, 0.129965])

    References
    ----------
    Lin, Goyal, Girshick, He, Dollar, *Focal loss for dense object detection*, 2017.
    """
    owner = "sigmoid_focal_loss"
    check(f"{owner}(reduction)", reduction, _REDUCTION)
    check(f"{owner}(gamma)", gamma, number(0))
    (x, t), form = read_numbers(owner, inputs=inputs, targets=targets)
    if x.shape != t.shape:
        got = f"{tuple(x.shape)} and {tuple(t.shape)}"
        raise InvalidData(problem(f"{owner}(inputs, targets)", "one shape", got, "Encode classes as zeros and ones."))
    entropy = functional.binary_cross_entropy_with_logits(x, t, reduction="none")
    missed = torch.sigmoid(-x) * t + torch.sigmoid(x) * (1 - t)  # 1 - p_t
    least = torch.finfo(x.dtype).tiny  # the gradient of a power below 1 is infinite at 0
    loss = entropy * missed.clamp(min=least).pow(gamma) if gamma else entropy
    if alpha is not None:
        check(f"{owner}(alpha)", alpha, number(0, 1))
        loss = loss * (alpha * t + (1 - alpha) * (1 - t))
    return form.give(_reduced(loss, reduction))


def _loss(owner: str, measure: Measure, boxes1: Any, boxes2: Any, reduction: str) -> Any:
    check(f"{owner}(reduction)", reduction, _REDUCTION)
    (first, second), form = read_numbers(owner, boxes1=boxes1, boxes2=boxes2)
    first = require_boxes(f"{owner}(boxes1)", first, flat=False, finite=False)
    second = require_boxes(f"{owner}(boxes2)", second, flat=False, finite=False)
    try:
        torch.broadcast_shapes(first.shape, second.shape)
    except RuntimeError as error:
        got = f"{tuple(first.shape)} and {tuple(second.shape)}"
        remedy = "Give each box the one that it is compared with."
        raise InvalidData(problem(f"{owner}(boxes1, boxes2)", "one shape", got, remedy)) from error
    return form.give(_reduced(1 - measure(first.unbind(-1), second.unbind(-1)), reduction))


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return loss.mean() if loss.numel() else loss.sum()  # 0 with a gradient, where torch's mean is NaN
    return loss.sum() if reduction == "sum" else loss
