"""Detections sorted and matched, ready to be counted: the part that average precision and the account share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.vision.compiled import kernels
from netwright.vision.metrics.reading import Pairs, Predictions, Targets, box_areas
from netwright.vision.metrics.states import IGNORED, RIGHT


class Matched(NamedTuple):
    """Detections by class, image and falling score, each with the true box that it takes.

    Attributes
    ----------
    predictions, targets : sorted by class and image; predictions by falling score then, equal scores as they came.
    rank : the place of each prediction among those of its class in its image, (d,).
    target : the place of its true box, -1 for none, (areas, thresholds, d).
    state : WRONG, RIGHT or IGNORED of `netwright.vision.metrics.states`, (areas, thresholds, d).
    positives : how many true boxes count, (classes, areas).
    """

    predictions: Predictions
    targets: Targets
    rank: NDArray[np.int64]
    target: NDArray[np.int32]
    state: NDArray[np.uint8]
    positives: NDArray[np.int64]


def matched(pairs: Pairs, thresholds: NDArray[np.float64], ranges: NDArray[np.float64], limit: int) -> Matched:
    """Match the best `limit` detections of each class in each image.

    Parameters
    ----------
    pairs : what was read.
    thresholds : least IoU, (T,).
    ranges : least and greatest area, (A, 2). True boxes outside are ignored; so are detections outside that find none.
    limit : most detections of a class in an image.
    """
    found, there = pairs.predictions, pairs.targets
    found = Predictions(*taken(found, np.lexsort((-found.scores, found.image, found.codes))))
    there = Targets(*taken(there, np.lexsort((there.image, there.codes))))
    group, others = found.codes * pairs.images + found.image, there.codes * pairs.images + there.image
    rank = np.arange(len(group)) - np.searchsorted(group, group)
    if (rank >= limit).any():
        kept = np.flatnonzero(rank < limit)
        found, rank, group = Predictions(*taken(found, kept)), rank[kept], group[kept]
    starts = np.flatnonzero(rank == 0)
    names = group[starts]
    spans = np.stack([np.searchsorted(others, names), np.searchsorted(others, names, side="right")], axis=1)
    ignored = there.ignored | ~_inside(there.area, ranges)
    target = kernels("metrics").match(
        found.boxes, np.append(starts, len(group)), there.boxes, spans, there.crowd, ignored, thresholds
    )
    state = np.zeros(target.shape, dtype=np.uint8)
    for area, outside in enumerate(~_inside(box_areas(found.boxes), ranges)):
        here = target[area]
        hidden = np.append(ignored[area], False)[here]
        state[area] = np.where(here < 0, IGNORED * outside, np.where(hidden, IGNORED, RIGHT))
    classes = len(pairs.classes)
    positives = [np.bincount(there.codes[~each], minlength=classes) for each in ignored]
    return Matched(found, there, rank, target, state, np.stack(positives, axis=1))


def by_score(codes: NDArray[np.int64], scores: NDArray[np.float64], classes: int) -> tuple[NDArray, NDArray]:
    """The order class by class by falling score, and where each class begins, (classes + 1,)."""
    order = np.lexsort((-scores, codes))
    return order, np.searchsorted(codes[order], np.arange(classes + 1))


def taken(columns: Iterable[NDArray], order: NDArray) -> tuple[NDArray, ...]:
    """The rows of columns at those places."""
    return tuple(np.ascontiguousarray(column[order]) for column in columns)


def _inside(area: NDArray[np.float64], ranges: NDArray[np.float64]) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (area >= ranges[:, :1]) & (area <= ranges[:, 1:])
    return inside
