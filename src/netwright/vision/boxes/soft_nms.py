"""Soft suppression: boxes that overlap a better one are not dropped, their scores are lowered.

    take the best box M that is left; lower the scores of the others by their IoU o with it; go on

    linear     s <- s (1 - o)              where o >= iou_threshold
    gaussian   s <- s exp(-o^2 / sigma)    everywhere

A box whose score falls below `score_threshold` is dropped. Equal scores are taken by index. It is computed in float64
on the CPU for tensors of every device and type.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netwright.core.validation import check, number, one_of
from netwright.vision.boxes.reading import on_host, read_numbers, require_boxes, require_scores
from netwright.vision.compiled import kernels


def soft_nms(
    boxes: Any,
    scores: Any,
    iou_threshold: float = 0.3,
    *,
    method: str = "linear",
    sigma: float = 0.5,
    score_threshold: float = 0.001,
) -> tuple[Any, Any]:
    """Indices of boxes and their lowered scores, by falling new score.

    Parameters
    ----------
    boxes : boxes x1, y1, x2, y2: a tensor, an array or a list.
    scores : one number >= 0 a box.
    iou_threshold : in [0, 1]; IoU from which the linear method lowers scores. The other needs none.
    method : "linear" or "gaussian".
    sigma : > 0; of the gaussian method: the larger, the less scores are lowered.
    score_threshold : >= 0; boxes whose score is or becomes less are dropped.

    Shapes
    ------
    (n, 4), (n,) -> (m,) integers, (m,)

    Raises
    ------
    InvalidData : shapes that do not fit, NaN or infinity, with the row. InvalidParameter : an option out of its range.

    Examples
    --------
    >>> soft_nms([[0, 0, 10, 10], [0, 0, 10, 8], [20, 0, 30, 10]], [0.9, 0.8, 0.7])
    (array([0, 2, 1]), array([0.9 , 0.7 , 0.16]))

    References
    ----------
    Bodla, Singh, Chellappa, Davis, *Soft-NMS: improving object detection with one line of code*, 2017.
    """
    check("soft_nms(iou_threshold)", iou_threshold, number(0, 1))
    check("soft_nms(method)", method, one_of("linear", "gaussian"))
    check("soft_nms(sigma)", sigma, number(0, closed="neither"))
    check("soft_nms(score_threshold)", score_threshold, number(0))
    (given, marks), form = read_numbers("soft_nms", boxes=boxes, scores=scores)
    b = on_host(require_boxes("soft_nms(boxes)", given))
    s = on_host(require_scores("soft_nms(scores)", marks, len(b))).copy()
    linear = method == "linear"
    columns = np.array(b.T, order="C")  # a copy: the loop moves boxes
    kept, values = kernels("boxes").soften(
        columns, s, float(iou_threshold), float(sigma), linear, float(score_threshold)
    )
    return form.give_array(kept), form.give_array(values)
