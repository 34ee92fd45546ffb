"""What the answers of the cells mean: boxes, and detections after suppression.

Scores are objectness times the probability of the class, p = sigmoid(o) sigmoid(c_k), of the most probable class.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from netwright.vision.boxes.yolo import decode_yolo
from netwright.vision.detection.found import Found, Limits, chosen


class Scale(NamedTuple):
    """One scale of a detector.

    Attributes
    ----------
    stride : pixels of the canvas for a cell. anchors : (A, 2) widths and heights in pixels.
    """

    stride: int
    anchors: Tensor


def boxes_of(answers: Tensor, scale: Scale, form: str) -> Tensor:
    """The boxes of all cells.

    Shapes
    ------
    (n, A, rows, columns, 4) -> the same, x1, y1, x2, y2 in pixels
    """
    rows, columns = answers.shape[2:4]
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    cells = torch.stack([x, y], -1).to(answers)
    found: Tensor = decode_yolo(answers, cells, scale.stride, scale.anchors[:, None, None].to(answers), form=form)
    return found


def detections(outputs: tuple[Tensor, ...], scales: list[Scale], form: str, limits: Limits) -> list[Found]:
    """What is found in each image, within its canvas.

    Parameters
    ----------
    outputs : of the network, for each scale (n, A, rows, columns, 5 + k). scales : of the network.
    form : of the boxes. limits : which are given.
    """
    columns = []
    for output, scale in zip(outputs, scales, strict=True):
        best, which = output[..., 5:].sigmoid().max(-1)
        score = output[..., 4].sigmoid() * best
        edges = output.new_tensor([output.shape[3], output.shape[2]] * 2) * scale.stride
        boxes = torch.minimum(boxes_of(output[..., :4], scale, form).clamp_min(0), edges)
        columns.append((boxes.flatten(1, 3), score.flatten(1), which.flatten(1)))
    boxes, scores, classes = (torch.cat(parts, 1) for parts in zip(*columns, strict=True))
    return [chosen(*image, limits) for image in zip(boxes, scores, classes, strict=True)]
