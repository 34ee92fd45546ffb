"""Mean average precision of a detector, as COCO measures it, from lists in memory.

For a class, an overlap threshold t and a range of areas, detections of all images are matched with true boxes of the
class (see `netwright.vision.metrics.kernels`) and sorted by falling score::

    p(r)  =  max {precision_i : recall_i >= r}
    AP    =  mean of p(r) over r = 0, .01, ..., 1          "coco"
          =  mean of p(r) over r = 0, .1, ..., 1           "voc2007"
          =  integral of p(r) from 0 to 1                  "voc2010"
    AR    =  the last recall
    mAP   =  mean of AP over classes and thresholds        mAR the same of AR

============= ====================== =======================================================
symbol        argument               meaning
============= ====================== =======================================================
t             iou_thresholds         least overlap that finds a true box
M             max_detections         most detections of a class in an image, the best first
a             areas                  from which to which area, in squared pixels
============= ====================== =======================================================

True boxes outside of a range of areas, crowds and boxes with ``ignore`` do not count, nor do detections that find
them, nor detections outside of the range that find nothing. Every figure is that of pycocotools, and differs in form
only: what cannot be measured is NaN (there -1), any list of `max_detections` may be asked (there the last must be
100), and large boxes have no upper end of their area (there 1e10).

References
----------
Lin et al., *Microsoft COCO: common objects in context*, 2014. Everingham et al., *The Pascal visual object classes
(VOC) challenge*, 2010.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import check, one_of
from netwright.vision.compiled import kernels
from netwright.vision.metrics.matching import by_score, matched
from netwright.vision.metrics.reading import Pairs, box_areas, read
from netwright.vision.metrics.scores import RECALL_POINTS, DetectionScores

COCO_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
COCO_AREAS = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, math.inf)}
ALL = {"all": (0.0, math.inf)}


def mean_average_precision(
    predictions: Any,
    targets: Any,
    *,
    iou_thresholds: Sequence[float] | None = None,
    max_detections: Sequence[int] = (1, 10, 100),
    areas: Mapping[str, tuple[float, float]] | None = None,
    absent: str = "ignore",
    interpolation: str = "coco",
) -> DetectionScores:
    """Average precision and recall of detections, over classes, overlaps, sizes and numbers of detections.

    Parameters
    ----------
    predictions : a dict an image with ``boxes`` (n, 4) as (x1, y1, x2, y2), ``labels`` (n,) of any hashable type and
        ``scores`` (n,); arrays, tensors or lists.
    targets : a dict an image, in the same order, with ``boxes``, ``labels`` and, where there are some, ``area`` (n,)
        in squared pixels (that of the box if not given), ``iscrowd`` (n,), and ``ignore`` or ``difficult`` (n,).
    iou_thresholds : least overlaps in (0, 1]; None for .50, .55, ..., .95.
    max_detections : how many detections of a class in an image are looked at, each >= 1; the largest for AP.
    areas : least and greatest area by name; None for small (up to 32²), medium (up to 96²) and large. The range "all"
        comes first in any case.
    absent : what the AP of a class is that is predicted and has no true box anywhere: "ignore" for NaN, which means
        leave out, or "zero", for each range in which it has detections. Its recall is NaN in both cases.
    interpolation : "coco" for 101 points of recall, "voc2007" for 11, "voc2010" for the area under the curve. The
        matching is COCO's in all of them; Pascal's own counts a box once more at its end and finds differently.

    Returns
    -------
    `DetectionScores`, with ``map``, ``map_50``, ``map_small``, ``mar_100`` and tables; NaN for what cannot be
    measured, such as the AP of small boxes where there are none.

    Raises
    ------
    InvalidParameter : an option outside of its range.
    InvalidData : lists of unequal length, boxes, labels or scores that cannot be used (with image and row).

    Notes
    -----
    Detections of equal score are taken in the order in which they come, as pycocotools does.

    Examples
    --------
    >>> targets = [{"boxes": [[214, 41, 562, 285]], "labels": ["bear"]}]
    >>> found = [{"boxes": [[258, 41, 606, 285]], "labels": ["bear"], "scores": [0.536]}]
    >>> scores = mean_average_precision(found, targets)
    >>> round(scores.map, 3), scores.map_50, scores.map_small
    (0.6, 1.0, nan)
    >>> print(scores)
              AP    AP50    AP75   small  medium   large   AR100  targets
    bear  0.6000  1.0000  1.0000       -       -  0.6000  0.6000        1
    mean  0.6000  1.0000  1.0000       -       -  0.6000  0.6000        1
    AP over IoU 0.5 to 0.95, at most 100 detections; AR at 1: 0.6000, at 10: 0.6000, at 100: 0.6000.

    References
    ----------
    Lin et al., *Microsoft COCO: common objects in context*, 2014.
    """
    where = "mean_average_precision"
    check(f"{where}(absent)", absent, one_of("ignore", "zero"))
    check(f"{where}(interpolation)", interpolation, one_of(*RECALL_POINTS))
    thresholds = np.array(_thresholds(iou_thresholds))
    limits = np.array(_limits(max_detections))
    ranges = _ranges(COCO_AREAS if areas is None else areas)
    bounds = np.array(list(ranges.values()))
    pairs = read(predictions, targets)
    made = matched(pairs, thresholds, bounds, int(limits[-1]))
    found, points = made.predictions, RECALL_POINTS[interpolation]
    order, starts = by_score(found.codes, found.scores, len(pairs.classes))
    precision, at, recall, under = kernels("metrics").accumulate(
        made.state, order, starts, made.rank, found.scores, made.positives, limits, points
    )
    mean = under if interpolation == "voc2010" else precision.mean(axis=1)
    if absent == "zero":
        places = np.nonzero(_absent(pairs, bounds))
        mean[:, *places] = precision[:, :, *places] = 0.0
    counts = tuple(np.bincount(pairs.targets.codes[~pairs.targets.ignored], minlength=len(pairs.classes)).tolist())
    described = (pairs.classes, tuple(thresholds.tolist()), ranges, tuple(limits.tolist()), interpolation)
    return DetectionScores(*described, precision, recall, at, mean, counts)


def _absent(pairs: Pairs, bounds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The classes without any true box, in the ranges in which they have detections, (classes, areas)."""
    found = pairs.predictions
    area = box_areas(found.boxes)
    here = np.zeros((len(pairs.classes), len(bounds)), dtype=bool)
    for place, (least, most) in enumerate(bounds):
        here[found.codes[(area >= least) & (area <= most)], place] = True
    here[pairs.targets.codes] = False
    return here


def _thresholds(given: Any) -> list[float]:
    if given is None:
        return list(COCO_THRESHOLDS)
    where, expected = "mean_average_precision(iou_thresholds)", "one or more numbers in (0, 1]"
    try:
        numbers = np.unique(np.asarray(given, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise InvalidParameter(problem(where, expected, shown(given))) from error
    if not numbers.size or not ((numbers > 0) & (numbers <= 1)).all():
        raise InvalidParameter(problem(where, expected, shown(given), "Put a single one in a list."))
    return numbers.tolist()


def _limits(given: Any) -> list[int]:
    counts = np.asarray(given).ravel()
    if counts.dtype.kind not in "iu" or not counts.size or (counts < 1).any():
        where, expected = "mean_average_precision(max_detections)", "one or more integers >= 1"
        raise InvalidParameter(problem(where, expected, shown(given)))
    return np.unique(counts.astype(np.int64)).tolist()


def _ranges(given: Any) -> dict[str, tuple[float, float]]:
    where, expected = "mean_average_precision(areas)", "a dict of names and (least, greatest) areas >= 0"
    try:
        found = {name: (float(least), float(most)) for name, (least, most) in given.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidParameter(problem(where, expected, shown(given))) from error
    for name, (least, most) in found.items():
        if not (isinstance(name, str) and name.isidentifier() and 0 <= least <= most):
            remedy = "A name is a Python name, since it ends the names of figures such as map_small."
            raise InvalidParameter(problem(where, expected, f"{shown(name)}: {(least, most)}", remedy))
    return {**ALL, **found}
