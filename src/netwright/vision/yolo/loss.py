"""The loss of YOLO: where the boxes are, whether there is something, and what it is.

With the answers P that are asked for objects (see `assignment`), n = max(|P|, 1), and all other answers N but those
that are left alone:

    L = 5/n sum_P (1 - CIoU) + 1/n (sum_P H(o, q) + sum_N H(o, 0)) + 1/n sum_P sum_k H(c_k, [k is the class])

H(z, t) is the binary cross-entropy of a logit, q = 1 for "best" and for "neighbours" the IoU of what is answered, which
no gradient passes. Left alone are answers whose box overlaps an object that is not asked for by more than 1/2, and for
"best" those whose box so overlaps any object of the image.

Zheng, Wang, Liu, Li, Ye, Ren, *Distance-IoU loss*, 2020 (CIoU); Redmon, Farhadi, *YOLOv3*, 2018.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from netwright.vision.boxes.overlap import complete_iou_of, iou_of
from netwright.vision.boxes.yolo import decoded
from netwright.vision.detection.batches import IGNORED, NOTHING
from netwright.vision.yolo.answers import Scale, boxes_of
from netwright.vision.yolo.assignment import Objects, Positives, assign, listed

FORMS = {"best": "v3", "neighbours": "v5"}  # of the boxes, by the assignment
PLACE = 5.0  # weight of the boxes
OVERLAP = 0.5


class YoloLoss:
    """The loss of a batch.

    Parameters
    ----------
    scales : of the network. assignment : "best" or "neighbours".
    """

    def __init__(self, scales: list[Scale], assignment: str) -> None:
        self.scales, self.assignment, self.form = scales, assignment, FORMS[assignment]

    def __call__(self, outputs: tuple[Tensor, ...], target: tuple[Tensor, Tensor], weight: Any = None) -> Tensor:
        """The loss of the answers of all scales; `target` is (boxes, classes) as padded tables."""
        objects = listed(*target)
        anchors = [scale.anchors.to(objects.boxes) for scale in self.scales]
        grids = [(output.shape[2], output.shape[3]) for output in outputs]
        strides = [scale.stride for scale in self.scales]
        asked = assign(objects, anchors, strides, grids, self.assignment)
        alone = self._left_alone(*target)
        parts = [
            self._of_scale(output.float(), scale, positives, objects, alone)
            for output, scale, positives in zip(outputs, self.scales, asked, strict=True)
        ]
        count = max(sum(len(positives.item) for positives in asked), 1)
        return torch.stack(parts).sum() / count

    def _of_scale(
        self, output: Tensor, scale: Scale, asked: Positives, objects: Objects, alone: tuple[Tensor, Tensor]
    ) -> Tensor:
        """The sum of all terms of one scale."""
        image, anchor, row, column, item = asked
        answers = output[image, anchor, row, column]
        cells = torch.stack([column, row], 1)
        boxes = decoded(answers[:, :4], cells, scale.stride, scale.anchors.to(answers)[anchor], self.form)
        told, true = boxes.unbind(1), objects.boxes[item].unbind(1)
        place = (1 - complete_iou_of(told, true)).sum()
        quality = torch.ones_like(answers[:, 4])
        if self.assignment == "neighbours":
            quality = iou_of(told, true).detach()
        wanted = torch.zeros_like(output[..., 4])
        wanted.index_put_((image, anchor, row, column), quality.to(wanted))
        counted = ~self._covered(output, scale, *alone)
        counted[image, anchor, row, column] = True
        there = binary_cross_entropy_with_logits(output[..., 4], wanted, reduction="none")[counted].sum()
        classes = torch.nn.functional.one_hot(objects.classes[item], output.shape[-1] - 5).to(answers)
        what = binary_cross_entropy_with_logits(answers[:, 5:], classes, reduction="sum")
        return PLACE * place + there + what

    def _left_alone(self, boxes: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """(boxes, whether each counts) of the objects near which an answer may find what it likes."""
        return boxes, classes <= IGNORED if self.assignment == "neighbours" else classes != NOTHING

    def _covered(self, output: Tensor, scale: Scale, boxes: Tensor, which: Tensor) -> Tensor:
        """Answers whose box overlaps one of these objects of its image: (n, A, rows, columns)."""
        shape = output.shape[:4]
        if not which.any():
            return torch.zeros(shape, dtype=torch.bool, device=output.device)
        with torch.no_grad():
            told = boxes_of(output[..., :4], scale, self.form).flatten(1, 3)
            corners = tuple(told[:, :, None, axis] for axis in range(4))
            others = tuple(boxes[:, None, :, axis] for axis in range(4))
            overlap = iou_of(corners, others).masked_fill(~which[:, None], 0).amax(-1)
        return (overlap > OVERLAP).view(shape)
