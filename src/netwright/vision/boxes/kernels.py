"""Compiled loops over boxes: IoU of pairs, suppression, softened suppression, fusion.

Loops that compare one box with many go along contiguous rows of coordinates, without branches, in vector registers.
The arithmetic is that of `overlap.py`, in the same order, so that both give the same bits.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

BLOCK = 256  # boxes that are marked together
SLACK = 1e-9  # relative room around bounds, which rounding may move


@numba.njit(cache=True, nogil=True)
def shared(x1: float, y1: float, x2: float, y2: float, b: NDArray[np.float64], j: int) -> float:
    """The area of the intersection of a box and box j."""
    width = max(min(x2, b[2, j]) - max(x1, b[0, j]), 0.0)
    height = max(min(y2, b[3, j]) - max(y1, b[1, j]), 0.0)
    return width * height


@numba.njit(cache=True, nogil=True)
def areas_of(b: NDArray[Any]) -> NDArray[Any]:
    """The areas of boxes (4, m), of reversed ones 0: (m,)."""
    areas = np.empty(b.shape[1], b.dtype)
    zero = b.dtype.type(0)
    for j in range(len(areas)):
        areas[j] = max(b[2, j] - b[0, j], zero) * max(b[3, j] - b[1, j], zero)
    return areas


@numba.njit(cache=True, nogil=True, error_model="numpy")
def pairwise_iou(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
    """IoU of every box of a (4, n) with every box of b (4, m), into out (n, m)."""
    zero = a.dtype.type(0)
    tiny = a.dtype.type(np.finfo(a.dtype).tiny)
    own, other = areas_of(a), areas_of(b)
    for i in range(a.shape[1]):
        x1, y1, x2, y2, area = a[0, i], a[1, i], a[2, i], a[3, i], own[i]
        for j in range(b.shape[1]):
            # written out: with `shared` in its place the loop is not vectorised, and five times slower
            width = max(min(x2, b[2, j]) - max(x1, b[0, j]), zero)
            height = max(min(y2, b[3, j]) - max(y1, b[1, j]), zero)
            inter = width * height
            union = area + other[j] - inter
            out[i, j] = inter / union if union >= tiny else zero


@numba.njit(cache=True, nogil=True, error_model="numpy")
def iou_above(inter: float, union: float, threshold: float, inclusive: bool) -> bool:
    """Whether an IoU is above a threshold, or with `inclusive` at it."""
    iou = inter / union if union >= np.finfo(np.float64).tiny else 0.0
    return iou > threshold or (inclusive and iou == threshold)


@numba.njit(cache=True, nogil=True)
def reach(low: float, high: float, widest: float, threshold: float) -> tuple[float, float]:
    """Between which left edges lie all boxes whose IoU with a box from `low` to `high` can reach a threshold.

    Along one axis the IoU is at most the shared length over the common one, w the width of this box:

        left edge x right of ours:   (high - x) / w >= threshold
        left edge x left of ours:    w / (high - x) >= threshold, and x + widest >= low
    """
    width = max(high - low, 0.0)
    room = SLACK * (abs(low) + abs(high) + widest)
    first = low - widest
    if threshold > 0.0:
        first = max(first, high - width / threshold)
    return first - room, high - threshold * width + room


@numba.njit(cache=True, nogil=True, error_model="numpy")
def apart(b: NDArray[np.float64], i: int, j: int) -> float:
    """Squared distance of the middles of two boxes over the squared diagonal of what spans both."""
    x, y = (b[0, i] + b[2, i] - b[0, j] - b[2, j]) / 2, (b[1, i] + b[3, i] - b[1, j] - b[3, j]) / 2
    width = max(b[2, i], b[2, j]) - min(b[0, i], b[0, j])
    height = max(b[3, i], b[3, j]) - min(b[1, i], b[1, j])
    diagonal = width * width + height * height
    return (x * x + y * y) / diagonal if diagonal > 0.0 else 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def suppress(
    b: NDArray[np.float64], order: NDArray[np.int64], threshold: float, inclusive: bool, distance: bool
) -> NDArray[np.int64]:
    """The places of the boxes that no better box suppresses, best first.

    Parameters
    ----------
    b : boxes (4, n) by rising left edge. order : their places, best first.
    threshold : of the IoU. inclusive : whether it suppresses too. distance : whether the DIoU has to be above it.
    """
    n = b.shape[1]
    areas, alive, near = areas_of(b), np.ones(n, np.uint8), np.empty(BLOCK, np.uint8)
    kept, count = np.empty(n, np.int64), 0
    widest = 0.0
    for j in range(n):
        widest = max(widest, b[2, j] - b[0, j])
    for place in order:
        if not alive[place]:
            continue
        alive[place] = 0
        kept[count] = place
        count += 1
        first, last = reach(b[0, place], b[2, place], widest, threshold)
        start, stop = int(np.searchsorted(b[0], first)), int(np.searchsorted(b[0], last, side="right"))
        if inclusive and threshold == 0.0:
            start, stop = 0, n
        _drop(b, areas, alive, near, place, (start, stop), threshold, inclusive, distance)
    return kept[:count]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _drop(
    b: Any, areas: Any, alive: Any, near: Any, place: int, span: Any, threshold: float, inclusive: bool, distance: bool
) -> None:
    """Let the boxes from start to stop die that a box suppresses: marked without a division, then looked at."""
    x1, y1, x2, y2, area = b[0, place], b[1, place], b[2, place], b[3, place], areas[place]
    low = threshold * (1.0 - SLACK)
    start, stop = span
    least = -1.0 if inclusive and threshold == 0.0 else 0.0  # then boxes that share nothing suppress each other too
    for begin in range(start, stop, len(near)):
        end = min(begin + len(near), stop)
        rows = (b[0, begin:end], b[1, begin:end], b[2, begin:end], b[3, begin:end], areas[begin:end])
        if _mark(rows, alive[begin:end], near, (x1, y1, x2, y2, area), low, least):
            for j in range(begin, end):
                if near[j - begin]:
                    inter = shared(x1, y1, x2, y2, b, j)
                    union = area + areas[j] - inter
                    if not iou_above(inter, union, threshold, inclusive):
                        continue  # nor is the DIoU above it, which is at most the IoU
                    if distance and not iou_above(inter - union * apart(b, place, j), union, threshold, inclusive):
                        continue
                    alive[j] = 0


@numba.njit(cache=True, nogil=True)
def _mark(rows: Any, alive: Any, near: Any, box: Any, low: float, least: float) -> int:
    """Mark the living boxes that may be suppressed; how many there are.

    Rows are contiguous pieces, whose places count from 0: of a place that might be negative, each would be looked at.
    """
    left, top, right, bottom, areas = rows
    x1, y1, x2, y2, area = box
    found = 0
    for j in range(len(areas)):
        width = max(min(x2, right[j]) - max(x1, left[j]), 0.0)
        height = max(min(y2, bottom[j]) - max(y1, top[j]), 0.0)
        inter = width * height
        may = (inter >= low * (area + areas[j] - inter)) & (inter > least) & (alive[j] != 0)
        near[j] = may
        found += may
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
def soften(
    b: NDArray[np.float64], scores: NDArray[np.float64], threshold: float, sigma: float, linear: bool, least: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Take the best box, lower the scores of those that overlap it, drop those below `least`, and again.

    b (4, n) and scores (n,) are changed.
    """
    areas, index = areas_of(b), np.arange(b.shape[1])
    kept, values, count = np.empty(len(index), np.int64), np.empty(len(index)), 0
    left, best = 0, 0
    for j in range(len(index)):
        if scores[j] >= least:
            _move(b, areas, scores, index, j, left)
            if scores[left] > scores[best]:
                best = left
            left += 1
    while left:
        x1, y1, x2, y2, area = b[0, best], b[1, best], b[2, best], b[3, best], areas[best]
        kept[count], values[count] = index[best], scores[best]
        count += 1
        stop, taken, left, best = left, best, 0, 0
        for j in range(stop):
            if j == taken:
                continue
            inter = shared(x1, y1, x2, y2, b, j)
            if inter > 0.0 or threshold == 0.0:
                union = area + areas[j] - inter
                iou = inter / union if union >= np.finfo(np.float64).tiny else 0.0
                if not linear:
                    scores[j] *= math.exp(-iou * iou / sigma)
                elif iou >= threshold:
                    scores[j] *= 1.0 - iou
            if scores[j] >= least:
                _move(b, areas, scores, index, j, left)
                if scores[left] > scores[best]:
                    best = left
                left += 1
    return kept[:count], values[:count]


@numba.njit(cache=True, nogil=True, inline="always")
def _move(b: Any, areas: Any, scores: Any, index: Any, j: int, to: int) -> None:
    """Box j to a place at or before it."""
    for k in range(4):
        b[k, to] = b[k, j]
    areas[to], scores[to], index[to] = areas[j], scores[j], index[j]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fuse(
    b: NDArray[np.float64], weights: NDArray[np.float64], labels: NDArray[np.int64], threshold: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Clusters of boxes (4, n), best first: the fused boxes (4, m), sums of their weights, sizes and labels."""
    n = b.shape[1]
    fused, sums, plain = np.empty((4, n)), np.zeros((4, n)), np.zeros((4, n))
    total, sizes, kinds, m = np.zeros(n), np.zeros(n, np.int64), np.empty(n, np.int64), 0
    for i in range(n):
        area = max(b[2, i] - b[0, i], 0.0) * max(b[3, i] - b[1, i], 0.0)
        match, highest = m, threshold
        for j in range(m):
            if kinds[j] != labels[i]:
                continue
            inter = shared(b[0, i], b[1, i], b[2, i], b[3, i], fused, j)
            other = max(fused[2, j] - fused[0, j], 0.0) * max(fused[3, j] - fused[1, j], 0.0)
            if iou_above(inter, area + other - inter, highest, False):
                match, highest = j, inter / (area + other - inter)
        if match == m:
            kinds[m] = labels[i]
            m += 1
        total[match] += weights[i]
        sizes[match] += 1
        for k in range(4):
            sums[k, match] += weights[i] * b[k, i]
            plain[k, match] += b[k, i]
            weighed = total[match] > 0.0  # of scores that are all 0, the plain mean
            fused[k, match] = sums[k, match] / total[match] if weighed else plain[k, match] / sizes[match]
    return fused[:, :m], total[:m], sizes[:m], kinds[:m]
