"""Mean average precision of held-out images while a detector trains.

The score of an epoch cannot be put together from scores of batches, so the detections of all batches are gathered
first (`netwright.train.evaluation` asks a score that has `seen` and `over` for that).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netwright.vision.detection.batches import IGNORED, NOTHING
from netwright.vision.detection.found import Limits
from netwright.vision.metrics.average_precision import mean_average_precision

SCORE = 0.01
COUNT = 100


class PieceScore:
    """Mean average precision at an IoU of 1/2, gathered over batches.

    Parameters
    ----------
    detector : that trains.
    """

    def __init__(self, detector: Any) -> None:
        self._detector = detector

    def seen(self, outputs: Any, target: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Detections and objects of the images of a batch."""
        limits = Limits(SCORE, float(self._detector.iou_threshold), COUNT)
        found = self._detector._found(outputs, limits)
        return [(_detected(one), _true(*row)) for one, row in zip(found, zip(*target, strict=True), strict=True)]

    def over(self, pieces: list[Any]) -> float:
        """The score of all images."""
        found, true = zip(*(pair for piece in pieces for pair in piece), strict=True)
        return float(mean_average_precision(list(found), list(true), iou_thresholds=[0.5]).map)


def _detected(found: Any) -> dict[str, Any]:
    return {"boxes": found.boxes.cpu().numpy(), "scores": found.scores.cpu().numpy(), "labels": found.classes.tolist()}


def _true(boxes: Any, classes: Any) -> dict[str, Any]:
    there = (classes != NOTHING).cpu().numpy()
    codes = classes.cpu().numpy()[there]
    return {
        "boxes": boxes.cpu().numpy()[there].astype(np.float64),
        "labels": np.where(codes <= IGNORED, IGNORED - codes, codes).tolist(),
        "ignore": codes <= IGNORED,
    }
