"""Non-maximum suppression: of boxes that overlap, the one with the best score.

    take the best box that is left; drop all whose IoU with it is above the threshold; go on until none is left

The result is a function of the numbers alone: equal scores are taken by index, and IoU is computed in float64 on the
CPU for tensors of every device and type, so that all give the same indices; those are handed back on the device.

Boxes are sorted by their left edges. An IoU of t needs left edges that are near each other (`kernels.reach`), so each
box that is kept is compared with a short stretch of the others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.validation import boolean, check, nothing, number, one_of
from netwright.vision.boxes.reading import on_host, read_labels, read_numbers, require_boxes, require_scores
from netwright.vision.compiled import kernels

_SHARE = number(0, 1)
_MEASURE = one_of("iou", "diou")


def nms(
    boxes: Any,
    scores: Any,
    iou_threshold: float,
    *,
    score_threshold: float | None = None,
    inclusive: bool = False,
    measure: str = "iou",
) -> Any:
    """Indices of the boxes that no better box overlaps too much, by falling score.

    Parameters
    ----------
    boxes : boxes x1, y1, x2, y2: a tensor, an array or a list.
    scores : one number a box.
    iou_threshold : in [0, 1]; a box goes whose IoU with a better one is above it.
    score_threshold : boxes with a score below it are left out; None: none are.
    inclusive : whether a box goes, too, whose IoU is the threshold.
    measure : "iou", or "diou" for the distance IoU in its place, which keeps neighbours whose middles are apart.

    Shapes
    ------
    (n, 4), (n,) -> (m,) integers

    Raises
    ------
    InvalidData : shapes that do not fit, NaN or infinity, with the row. InvalidParameter : an option out of its range.

    Notes
    -----
    Equal scores are taken by index. All devices and types give the same indices: IoU is computed in float64 on the
    CPU. An empty box overlaps nothing.

    Examples
    --------
    >>> nms([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]], [0.6, 0.9, 0.7], 0.5)
    array([1, 2])

    References
    ----------
    Felzenszwalb, Girshick, McAllester, Ramanan, *Object detection with discriminatively trained part-based models*,
    2010. Zheng, Wang, Liu, Li, Ye, Ren, *Distance-IoU loss*, 2020 (its suppression).
    """
    return _suppressed("nms", boxes, scores, None, (iou_threshold, score_threshold, inclusive, measure))


def batched_nms(
    boxes: Any,
    scores: Any,
    idxs: Any,
    iou_threshold: float,
    *,
    score_threshold: float | None = None,
    inclusive: bool = False,
    measure: str = "iou",
) -> Any:
    """Suppression within each class: indices of the boxes that are kept, of all classes together by falling score.

    Each class is done by itself. Boxes are not moved apart by their class, which rounds them.

    Parameters
    ----------
    boxes : boxes x1, y1, x2, y2: a tensor, an array or a list.
    scores : one number a box.
    idxs : class of each box: labels of any kind.
    iou_threshold : in [0, 1]; a box goes whose IoU with a better one of its class is above it.
    score_threshold : boxes with a score below it are left out; None: none are.
    inclusive : whether a box goes, too, whose IoU is the threshold.
    measure : "iou", or "diou" for the distance IoU in its place, which keeps neighbours whose middles are apart.

    Shapes
    ------
    (n, 4), (n,), (n,) -> (m,) integers

    Raises
    ------
    InvalidData : shapes that do not fit, NaN or infinity, with the row. InvalidParameter : an option out of its range.

    Examples
    --------
    >>> batched_nms([[0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 9]], [0.6, 0.9, 0.7], [-1, 5, -1], 0.5)
    array([1, 2])

    References
    ----------
    Felzenszwalb, Girshick, McAllester, Ramanan, *Object detection with discriminatively trained part-based models*,
    2010.
    """
    return _suppressed("batched_nms", boxes, scores, idxs, (iou_threshold, score_threshold, inclusive, measure))


def _suppressed(owner: str, boxes: Any, scores: Any, idxs: Any, options: tuple[float, float | None, bool, str]) -> Any:
    threshold, least, inclusive, measure = options
    check(f"{owner}(iou_threshold)", threshold, _SHARE)
    check(f"{owner}(score_threshold)", least, number() | nothing)
    check(f"{owner}(inclusive)", inclusive, boolean)
    check(f"{owner}(measure)", measure, _MEASURE)
    (given, marks), form = read_numbers(owner, boxes=boxes, scores=scores)
    b = on_host(require_boxes(f"{owner}(boxes)", given))
    s = on_host(require_scores(f"{owner}(scores)", marks, len(b)))
    groups = [np.arange(len(b))] if idxs is None else _groups(read_labels(f"{owner}(idxs)", idxs, len(b), {}))
    if least is not None:
        groups = [group[s[group] >= least] for group in groups]
    kept = [
        group[best(b[group], s[group], float(threshold), inclusive, measure == "diou")]
        for group in groups
        if len(group)
    ]
    found = np.concatenate(kept) if kept else np.empty(0, np.int64)
    if len(kept) > 1:
        found = found[np.lexsort((found, -s[found]))]
    return form.give_array(found)


def best(
    boxes: NDArray[np.float64], scores: NDArray[np.float64], threshold: float, inclusive: bool, distance: bool
) -> NDArray[np.int64]:
    """`nms` of one class on arrays: (n, 4), (n,) -> (m,)."""
    ranking = np.argsort(-scores, kind="stable")
    axis = _axis(boxes)
    sweep = np.argsort(boxes[:, axis])
    places = np.empty(len(boxes), np.int64)
    places[sweep] = np.arange(len(boxes))
    columns = [axis, 1 - axis, axis + 2, 3 - axis]  # overlaps are the same when x and y change places
    swept = np.ascontiguousarray(boxes[sweep].T[columns])
    kept: NDArray[np.int64] = sweep[kernels("boxes").suppress(swept, places[ranking], threshold, inclusive, distance)]
    return kept


def _axis(boxes: NDArray[np.float64]) -> int:
    """Along which axis the boxes lie further apart for their size."""
    width, height = np.abs(boxes[:, 2:] - boxes[:, :2]).mean(0)
    wide, high = boxes[:, :2].std(0)
    return int(high * width > wide * height)


def _groups(idxs: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The indices of each class, rising."""
    order = np.argsort(idxs, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(idxs[order])) + 1)
