"""An account of a detector: why each prediction is right or wrong, and how each true box was found or missed.

Detections take true boxes as in `mean_average_precision`, at one threshold t. For what is left, with s the greatest
IoU with a true box of its class that counts, o that with one of another class, and b the threshold of the background,
the first line that holds is the verdict::

    b <= s < t          localisation     the class is right, the box is not
    o >= t              class            the box is right, the class is not
    s >= t              duplicate        a true box that another detection has taken
    max(s, o) <= b      background       nothing is there
    otherwise           both             a true box of another class, and not well

A prediction that takes a true box is correct; one that takes a box which does not count is ignored. A true box that
nothing takes is missed; predictions with the verdicts localisation and class about it explain why.

============= ==================== ==================================================
symbol        argument             meaning
============= ==================== ==================================================
t             iou_threshold        least overlap that finds a true box
b             background_iou       overlap up to which there is nothing
============= ==================== ==================================================

This is TIDE, with COCO's matching instead of its own, and with one difference: an overlap of exactly t with a box that
is taken is a duplicate here and a fault of localisation there.

References
----------
Bolya, Foley, Hays, Hoffman, *TIDE: a general toolbox for identifying object detection errors*, 2020.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import check, number
from netwright.vision.compiled import kernels
from netwright.vision.metrics.matching import Matched, matched, taken
from netwright.vision.metrics.mending import mended
from netwright.vision.metrics.reading import Pairs, Predictions, read
from netwright.vision.metrics.states import CLASS, CORRECT, LOCALISATION
from netwright.vision.metrics.verdicts import VERDICTS, DetectionAccount, PredictionVerdict, TargetVerdict

ANY_AREA = np.array([[0.0, math.inf]])


def detection_account(
    predictions: Any,
    targets: Any,
    *,
    iou_threshold: float = 0.5,
    background_iou: float = 0.1,
    score_threshold: float | None = None,
) -> DetectionAccount:
    """The verdict on each prediction and each true box, counts by class, and the AP that each kind of fault costs.

    Parameters
    ----------
    predictions : a dict an image with ``boxes``, ``labels`` and ``scores``, as in `mean_average_precision`.
    targets : a dict an image with ``boxes``, ``labels`` and, where there are some, ``iscrowd``, ``ignore`` or
        ``difficult``.
    iou_threshold : least overlap that finds a true box, in (0, 1].
    background_iou : greatest overlap at which a prediction is of the background, above 0 and below `iou_threshold`.
    score_threshold : predictions with a lower score are left out; None to take all.

    Returns
    -------
    `DetectionAccount`, which prints as a table.

    Raises
    ------
    InvalidParameter : a threshold outside of its range.
    InvalidData : lists of unequal length, boxes, labels or scores that cannot be used (with image and row).

    Examples
    --------
    >>> targets = [{"boxes": [[0, 0, 10, 10], [50, 50, 60, 60]], "labels": ["cat", "dog"]}]
    >>> boxes = [[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 54]]
    >>> found = [{"boxes": boxes, "labels": ["cat", "cat", "dog"], "scores": [0.9, 0.8, 0.7]}]
    >>> account = detection_account(found, targets)
    >>> [each.verdict for each in account.predictions], [each.verdict for each in account.targets]
    (['correct', 'duplicate', 'localisation'], ['found', 'missed'])
    >>> account.targets[1].explained_by, account.ap, account.gains["localisation"]
    ((2,), 0.5, 0.5)

    References
    ----------
    Bolya et al., *TIDE: a general toolbox for identifying object detection errors*, 2020.
    """
    where = "detection_account"
    check(f"{where}(iou_threshold)", iou_threshold, number(0, 1, closed="right"))
    check(f"{where}(background_iou)", background_iou, number(0, 1, closed="neither"))
    if background_iou >= iou_threshold:
        expected, remedy = f"less than iou_threshold={iou_threshold}", "Lower it."
        raise InvalidParameter(problem(f"{where}(background_iou)", expected, str(background_iou), remedy))
    if score_threshold is not None:
        check(f"{where}(score_threshold)", score_threshold, number())
    pairs = read(predictions, targets)
    if score_threshold is not None:
        pairs = _sure(pairs, score_threshold)
    limit = len(pairs.predictions.boxes) + 1
    made = matched(pairs, np.array([iou_threshold], dtype=np.float64), ANY_AREA, limit)
    verdict, about, iou = _verdicts(pairs, made, iou_threshold, background_iou)
    ap, gains = mended(made, verdict, about)
    found = _prediction_rows(pairs, made, verdict, about, iou)
    there = _target_rows(pairs, made, verdict, about)
    return DetectionAccount(pairs.classes, found, there, ap, gains, iou_threshold, background_iou, score_threshold)


def _sure(pairs: Pairs, least: float) -> Pairs:
    kept = np.flatnonzero(pairs.predictions.scores >= least)
    return pairs._replace(predictions=Predictions(*taken(pairs.predictions, kept)))


def _verdicts(pairs: Pairs, made: Matched, t: float, b: float) -> tuple[NDArray, NDArray, NDArray]:
    """Of each prediction the verdict, the place of the true box that it is about (-1 for none), and their IoU."""
    found, there = made.predictions, made.targets
    images = np.arange(pairs.images + 1)
    first, second = np.lexsort((found.row, found.image)), np.lexsort((there.row, there.image))
    back = np.append(np.argsort(second), -1)
    verdict, about, iou = kernels("metrics").explain(
        found.boxes[first],
        found.codes[first],
        made.state[0, 0, first],
        back[made.target[0, 0, first]],
        np.searchsorted(found.image[first], images),
        there.boxes[second],
        there.codes[second],
        there.crowd[second],
        ~there.ignored[second],
        np.searchsorted(there.image[second], images),
        min(t, 1 - 1e-10),
        b,
    )
    order = np.argsort(first)
    return verdict[order], np.append(second, -1)[about[order]], iou[order]


def _prediction_rows(
    pairs: Pairs, made: Matched, verdict: NDArray, about: NDArray, iou: NDArray
) -> tuple[PredictionVerdict, ...]:
    """By image and row."""
    found = made.predictions
    order = np.lexsort((found.row, found.image))
    target = np.append(made.targets.row, -1)[about]
    columns = [column[order].tolist() for column in (*found[1:], verdict, target, iou)]
    return tuple(
        PredictionVerdict(image, row, pairs.classes[code], score, VERDICTS[cause], None if place < 0 else place, shared)
        for code, image, row, score, cause, place, shared in zip(*columns, strict=True)
    )


def _target_rows(pairs: Pairs, made: Matched, verdict: NDArray, about: NDArray) -> tuple[TargetVerdict, ...]:
    """By image and row."""
    found, there = made.predictions, made.targets
    taker = np.full(len(there.row), -1)
    right = verdict == CORRECT
    taker[about[right]] = found.row[right]
    why: dict[int, list[int]] = {}
    hints = np.flatnonzero((verdict == LOCALISATION) | (verdict == CLASS))
    for place in hints[np.lexsort((found.row[hints], -found.scores[hints]))].tolist():
        why.setdefault(int(about[place]), []).append(int(found.row[place]))
    rows = []
    for place in np.lexsort((there.row, there.image)).tolist():
        which = int(there.image[place]), int(there.row[place]), pairs.classes[there.codes[place]]
        if there.ignored[place]:
            rows.append(TargetVerdict(*which, "ignored", None, ()))
        elif taker[place] >= 0:
            rows.append(TargetVerdict(*which, "found", int(taker[place]), ()))
        else:
            rows.append(TargetVerdict(*which, "missed", None, tuple(why.get(place, ()))))
    return tuple(rows)
