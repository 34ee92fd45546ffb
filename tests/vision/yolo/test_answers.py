"""Detections: which candidates are given, in which order, and how many."""

from __future__ import annotations

import torch

from netwright.vision.detection.found import Limits, chosen
from netwright.vision.yolo.answers import Scale, boxes_of, detections


def test_boxes_of_the_cells() -> None:
    scale = Scale(8, torch.tensor([[16.0, 24.0], [8.0, 8.0]]))
    boxes = boxes_of(torch.zeros(1, 2, 2, 3, 4), scale, "v5")
    assert boxes.shape == (1, 2, 2, 3, 4)
    assert boxes[0, 0, 1, 2].tolist() == [20 - 8, 12 - 12, 20 + 8, 12 + 12]  # about the middle of the cell
    assert boxes[0, 1, 0, 0].tolist() == [0, 0, 8, 8]


def test_the_score_is_that_of_the_object_times_that_of_its_class() -> None:
    outputs = torch.full((1, 1, 1, 2, 7), -20.0)
    outputs[0, 0, 0, 1, :4] = 0
    outputs[0, 0, 0, 1, 4:] = torch.tensor([0.0, -1.0, 1.0])
    (found,) = detections((outputs,), [Scale(8, torch.tensor([[8.0, 8.0]]))], "v5", Limits(0.1, 0.5, 10))
    assert found.classes.tolist() == [1]
    torch.testing.assert_close(found.scores, torch.tensor([0.5 * torch.tensor(1.0).sigmoid()]))
    assert found.boxes.tolist() == [[8, 0, 16, 8]]


def test_what_reaches_beyond_the_canvas_is_cut() -> None:
    outputs = torch.full((1, 1, 2, 2, 6), 3.0)
    (found,) = detections((outputs,), [Scale(8, torch.tensor([[90.0, 90.0]]))], "v5", Limits(0.1, 0.5, 10))
    assert found.boxes.tolist() == [[0, 0, 16, 16]]


def test_limits() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 9], [30, 30, 40, 40], [60, 60, 70, 70]])
    scores, classes = torch.tensor([0.6, 0.9, 0.7, 0.3, 0.05]), torch.tensor([0, 0, 1, 0, 0])
    assert (
        chosen(boxes, scores, classes, Limits(0.1, 0.5, 10)).scores.tolist() == torch.tensor([0.9, 0.7, 0.3]).tolist()
    )
    assert len(chosen(boxes, scores, classes, Limits(0.1, 0.5, 2)).scores) == 2
    assert len(chosen(boxes, scores, classes, Limits(0.0, 1.0, 10)).scores) == 5
    assert len(chosen(boxes, scores, classes, Limits(0.95, 0.5, 10)).scores) == 0
