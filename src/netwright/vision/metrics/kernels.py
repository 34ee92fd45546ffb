"""Who finds whom, and precision over recall: the loops of average precision, compiled.

Matching, of the boxes of one class in one image (COCO): detections by falling score; each takes the true box that
is still free and overlaps it most, if IoU >= t. True boxes that count come before those that are ignored; a crowd may
be taken by any number, and its IoU is the share of the detection inside it::

    IoU(d, g) = |d ∩ g| / |d ∪ g|        with a crowd g:  |d ∩ g| / |d|

Accumulation, over the detections of one class in all images by falling score, with n true boxes that count::

    recall_i = TP_i / n     precision_i = TP_i / (TP_i + FP_i)     p_i = max_{j >= i} precision_j
    p(r) = p_i at the first i with recall_i >= r, 0 where there is none

Reference: Lin et al., *Microsoft COCO: common objects in context*, 2014, and its evaluation code.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from netwright.vision.metrics.states import (
    BACKGROUND,
    BOTH,
    CLASS,
    CORRECT,
    DUPLICATE,
    IGNORED,
    LEFT_OUT,
    LOCALISATION,
    RIGHT,
    WRONG,
)

NEARLY_ONE = 1 - 1e-10  # a threshold of 1 is met by equal boxes, whatever the rounding
Array = Any  # Numba specialises on the arrays that come


@numba.njit(cache=True, nogil=True, error_model="numpy")
def overlaps(boxes: Array, others: Array, crowd: Array) -> Array:
    """IoU of all pairs, (n, 4), (m, 4), (m,) -> (n, m); 0 where a box has no area."""
    iou = np.zeros((len(boxes), len(others)))
    for i in range(len(boxes)):
        size = (boxes[i, 2] - boxes[i, 0]) * (boxes[i, 3] - boxes[i, 1])
        for j in range(len(others)):
            width = min(boxes[i, 2], others[j, 2]) - max(boxes[i, 0], others[j, 0])
            height = min(boxes[i, 3], others[j, 3]) - max(boxes[i, 1], others[j, 1])
            if width > 0 and height > 0:
                shared = width * height
                other = (others[j, 2] - others[j, 0]) * (others[j, 3] - others[j, 1])
                iou[i, j] = shared / (size if crowd[j] else size + other - shared)
    return iou


@numba.njit(cache=True, nogil=True)
def _ignored_last(ignored: Array) -> Array:
    """Places of those that count, then of the others, (g,)."""
    order, at = np.empty(len(ignored), dtype=np.int64), 0
    for part in (False, True):
        for j in range(len(ignored)):
            if ignored[j] == part:
                order[at] = j
                at += 1
    return order


@numba.njit(cache=True, nogil=True)
def _match_one(
    iou: Array, order: Array, crowd: Array, ignored: Array, threshold: float, first: int, out: Array
) -> None:
    """Greedy matching of one class in one image at one threshold; `out` gets the true box of each detection."""
    taken = np.zeros(len(order), dtype=np.bool_)
    for i in range(len(iou)):
        best, found = min(threshold, NEARLY_ONE), -1
        for j in order:
            if taken[j] and not crowd[j]:
                continue
            if found >= 0 and not ignored[found] and ignored[j]:
                break
            if iou[i, j] >= best:
                best, found = iou[i, j], j
        if found >= 0:
            taken[found] = True
            out[i] = first + found


@numba.njit(cache=True, nogil=True)
def match(
    boxes: Array, bounds: Array, others: Array, spans: Array, crowd: Array, ignored: Array, thresholds: Array
) -> Array:
    """The true box of each detection, -1 for none, for each range of areas and each threshold.

    Parameters
    ----------
    boxes : detections, those of a class and an image together and by falling score.
    bounds : where each such group begins and the last ends.
    others : true boxes, those of a class and an image together.
    spans : where those of each group begin and end.
    crowd : which of them are crowds.
    ignored : which of them do not count, for each range of areas.
    thresholds : least IoU.

    Shapes
    ------
    (d, 4), (groups + 1,), (g, 4), (groups, 2), (g,), (areas, g), (thresholds,) -> (areas, thresholds, d)
    """
    matched = np.full((len(ignored), len(thresholds), len(boxes)), -1, dtype=np.int32)
    for group in range(len(spans)):
        start, stop, first, last = bounds[group], bounds[group + 1], spans[group, 0], spans[group, 1]
        if first == last:
            continue
        iou = overlaps(boxes[start:stop], others[first:last], crowd[first:last])
        for a in range(len(ignored)):
            order = _ignored_last(ignored[a, first:last])
            for t in range(len(thresholds)):
                where, here = matched[a, t, start:stop], ignored[a, first:last]
                _match_one(iou, order, crowd[first:last], here, thresholds[t], first, where)
    return matched


@numba.njit(cache=True, nogil=True)
def accumulate(
    state: Array,
    order: Array,
    bounds: Array,
    rank: Array,
    scores: Array,
    positives: Array,
    limits: Array,
    points: Array,
) -> Any:
    """Precision and score at recall points, the last recall, and the area under the curve.

    Parameters
    ----------
    state : WRONG, RIGHT or IGNORED, of each detection for each range of areas and each threshold.
    order : detections class by class, by falling score.
    bounds : where each class begins and the last ends.
    rank : the place of each detection among those of its class in its image.
    scores : of each detection.
    positives : how many true boxes count, of each class in each range of areas.
    limits : most detections of a class in an image.
    points : recalls, ascending.

    Shapes
    ------
    (A, T, d), (d,), (K + 1,), (d,), (d,), (K, A), (M,), (R,) -> 2 x (T, R, K, A, M), 2 x (T, K, A, M)
    """
    A, T, D = state.shape
    K, M, R = len(bounds) - 1, len(limits), len(points)
    precision, at = np.full((T, R, K, A, M), np.nan), np.full((T, R, K, A, M), np.nan)
    recall, area = np.full((T, K, A, M), np.nan), np.full((T, K, A, M), np.nan)
    rc, pr, kept = np.empty(D), np.empty(D), np.empty(D, dtype=np.int64)
    for k in range(K):
        for a in range(A):
            if positives[k, a] == 0:
                continue
            for m in range(M):
                for t in range(T):
                    n = _curve(
                        state[a, t], order[bounds[k] : bounds[k + 1]], rank, limits[m], positives[k, a], rc, pr, kept
                    )
                    recall[t, k, a, m] = rc[n - 1] if n else 0.0
                    area[t, k, a, m] = pr[0] * rc[0] if n else 0.0
                    for i in range(1, n):
                        area[t, k, a, m] += pr[i] * (rc[i] - rc[i - 1])
                    i = 0
                    for r in range(R):
                        while i < n and rc[i] < points[r]:
                            i += 1
                        precision[t, r, k, a, m] = pr[i] if i < n else 0.0
                        if i < n:
                            at[t, r, k, a, m] = scores[kept[i]]
    return precision, at, recall, area


@numba.njit(cache=True, nogil=True)
def _curve(state: Array, order: Array, rank: Array, limit: int, n: int, rc: Array, pr: Array, kept: Array) -> int:
    """Recall and falling precision behind each detection of one class; how many there are."""
    count = right = wrong = 0
    for d in order:
        if rank[d] >= limit:
            continue
        right += state[d] == RIGHT
        wrong += state[d] == WRONG
        rc[count], pr[count], kept[count] = right / n, right / max(right + wrong, 1), d
        count += 1
    for i in range(count - 1, 0, -1):
        pr[i - 1] = max(pr[i - 1], pr[i])
    return count


@numba.njit(cache=True, nogil=True)
def explain(
    boxes: Array,
    codes: Array,
    state: Array,
    target: Array,
    bounds: Array,
    others: Array,
    kinds: Array,
    crowd: Array,
    counts: Array,
    ends: Array,
    t: float,
    b: float,
) -> Any:
    """The verdict on each prediction, the true box that it is about, and their IoU; all sorted by image.

    Parameters
    ----------
    boxes, codes, state, target : of predictions: corners, classes, and what matching said.
    bounds : where each image begins and the last ends.
    others, kinds, crowd, counts : of true boxes: corners, classes, whether they are crowds, whether they count.
    ends : where each image begins and the last ends.
    t, b : the two thresholds.

    Shapes
    ------
    (d, 4), (d,), (d,), (d,), (images + 1,), (g, 4), (g,), (g,), (g,), (images + 1,) -> 3 x (d,)
    """
    verdict, about, iou = np.zeros(len(boxes), np.int64), np.full(len(boxes), -1, np.int64), np.zeros(len(boxes))
    for image in range(len(bounds) - 1):
        start, stop, first, last = bounds[image], bounds[image + 1], ends[image], ends[image + 1]
        shared = overlaps(boxes[start:stop], others[first:last], crowd[first:last])
        for i in range(start, stop):
            if state[i] == RIGHT or state[i] == IGNORED:
                verdict[i], about[i] = CORRECT if state[i] == RIGHT else LEFT_OUT, target[i]
                iou[i] = shared[i - start, target[i] - first]
                continue
            near = shared[i - start]
            verdict[i], about[i], iou[i] = _fault(near, kinds[first:last] == codes[i], counts[first:last], t, b)
            about[i] += first if about[i] >= 0 else 0
    return verdict, about, iou


@numba.njit(cache=True, nogil=True)
def _fault(shared: Array, alike: Array, counts: Array, t: float, b: float) -> Any:
    """What is wrong with a prediction, the true box of its image that it is about, and their IoU, from all IoU (g,)."""
    same, other, same_at, other_at = 0.0, 0.0, -1, -1
    for j in range(len(shared)):
        if counts[j] and alike[j] and shared[j] > same:
            same, same_at = shared[j], j
        if counts[j] and not alike[j] and shared[j] > other:
            other, other_at = shared[j], j
    if b <= same < t:
        return LOCALISATION, same_at, same
    if other >= t:
        return CLASS, other_at, other
    if same >= t:
        return DUPLICATE, same_at, same
    if max(same, other) <= b:
        return BACKGROUND, -1, max(same, other)
    return BOTH, other_at, other
