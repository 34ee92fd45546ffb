"""What the answers of the cells mean: boxes, and detections after suppression.

Scores are objectness times the probability of the class, p = sigmoid(o) sigmoid(c_k), of the most probable class.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from netwright.vision.boxes.yolo import decoded
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
    return decoded(answers, cells, scale.stride, scale.anchors[:, None, None].to(answers), form)


def candidates(outputs: tuple[Tensor, ...], scales: list[Scale], form: str) -> tuple[Tensor, Tensor, Tensor]:
    """What all cells say: a box within the canvas, its score, and the place of its most probable class.

    Parameters
    ----------
    outputs : of the network, for each scale (n, A, rows, columns, 5 + k). scales : of the network.
    form : of the boxes.

    Shapes
    ------
    -> (n, places, 4), (n, places), (n, places)
    """
    columns = []
    for output, scale in zip(outputs, scales, strict=True):
        best, which = output[..., 5:].sigmoid().max(-1)
        score = output[..., 4].sigmoid() * best
        # the sides are counted, as torch's exporter would take numbers of Python for settled
        edges = torch.stack(
            [torch.ones_like(output[0, 0, 0, :, 0]).sum(), torch.ones_like(output[0, 0, :, 0, 0]).sum()]
        )
        boxes = torch.minimum(boxes_of(output[..., :4], scale, form).clamp_min(0), edges.repeat(2) * scale.stride)
        columns.append((boxes.flatten(1, 3), score.flatten(1), which.flatten(1)))
    found, scores, classes = (torch.cat(parts, 1) for parts in zip(*columns, strict=True))
    return found, scores, classes


def detections(outputs: tuple[Tensor, ...], scales: list[Scale], form: str, limits: Limits) -> list[Found]:
    """What is found in each image, within its canvas.

    Parameters
    ----------
    outputs : of the network, for each scale (n, A, rows, columns, 5 + k). scales : of the network.
    form : of the boxes. limits : which are given.
    """
    return [chosen(*image, limits) for image in zip(*candidates(outputs, scales, form), strict=True)]
