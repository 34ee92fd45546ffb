"""`YOLO` as one graph: canvases of pixels go in; what each cell says of boxes, scores and classes comes out.

Scaling an image and laying it on its canvas stay outside, and so does suppression: of boxes of one class, from the best
score down, those go that overlap a better one by more than ``iou_threshold``. The file's metadata have the figures.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netwright.estimators.exporting.estimator import plain_copy
from netwright.estimators.exporting.graph import Graph
from netwright.vision.single.exporting import PLACE, Pixels, canvases, content_of
from netwright.vision.yolo.answers import Scale, candidates
from netwright.vision.yolo.loss import FORMS


class Candidates(torch.nn.Module):
    """What all cells say.

    Parameters
    ----------
    scales : of the network. form : of the boxes.
    """

    def __init__(self, scales: list[Scale], form: str) -> None:
        super().__init__()
        self.scales, self.form = scales, form

    def forward(self, outputs: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """For each scale (batch, A, rows, columns, 5 + k) -> (batch, places, 4), (batch, places), (batch, places)"""
        return candidates(outputs, self.scales, self.form)


def graph_of_cells(self: Any, steps: None = None) -> Graph:
    """The graph of a fitted detector, which has no steps."""
    stride = self._stride
    axes = {0: "batch", 2: f"{stride}*height", 3: f"{stride}*width"}
    answers = {
        "boxes": "x1, y1, x2, y2 in pixels of the canvas, of each cell and anchor",
        "scores": "of each box, the probability of an object times that of its class",
        "index": f"of each box {PLACE}",
    }
    content = {
        **content_of(self, multiple=stride),
        "classes": self.classes_.tolist(),
        "score_threshold": self.score_threshold,
        "iou_threshold": self.iou_threshold,
        "max_detections": self.max_detections,
    }
    module = Pixels(plain_copy(self.module_), Candidates(self._scales, FORMS[self.assignment]))
    return Graph(module, [canvases(2 * stride, 3 * stride, axes)], answers, content)
