"""The answer of a localizer, its loss, and what it means.

Of each image y = (p, b_x, b_y, b_h, b_w, c_1, ..., c_k) is asked, the form of Stanford's courses with the height before
the width: p is 1 with an object and 0 without, the middle (b_x, b_y) and the sides (b_h, b_w) of its box are shares of
the side of the canvas, and c is 1 for its class. The network gives (o, z_x, z_y, t_h, t_w) and (s_1, ..., s_k):

    told         p = sigmoid(o), (b_x, b_y) = (z_x, z_y), (b_h, b_w) = sigmoid(t_h, t_w), c = softmax(s)
    loss L       1/n sum_i w_i (H(o_i, p_i) + p_i (2 (1 - GIoU(b_i, told b_i)) - log c_i[class]))
    score        p max_j c_j

H(z, t) is the binary cross-entropy of a logit. Of an image without an object the box and the class are not asked for,
as in the courses. Their squared errors are replaced: GIoU does not depend on the size of objects, and is what detectors
are judged by. w_i = 0 for images with nothing but objects that are not asked for, else 1.

Rezatofighi, Tsoi, Gwak, Sadeghian, Reid, Savarese, *Generalized intersection over union*, 2019.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from netwright.vision.boxes.overlap import generalized_iou_of
from netwright.vision.detection.batches import IGNORED
from netwright.vision.detection.found import Found, Limits

PLACE = 2.0  # weight of the box


class LocalizerLoss:
    """The loss of a batch.

    Parameters
    ----------
    side : of the canvas in pixels.
    """

    def __init__(self, side: int) -> None:
        self.side = side

    def __call__(self, output: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor], weight: Any = None) -> Tensor:
        """The loss of ((n, 5), (n, k)); `target` is (boxes, classes) as padded tables with at most one object."""
        boxes, classes = target
        asked = classes >= 0
        there = asked.any(1)
        counted = there | ~(classes <= IGNORED).any(1)
        true = torch.gather(boxes, 1, asked.int().argmax(1)[:, None, None].expand(-1, 1, 4))[:, 0][there]
        kinds = classes[asked]
        answers, logits = output
        told = boxes_of(answers[there], self.side)
        objectness = binary_cross_entropy_with_logits(answers[:, 0], there.to(answers), reduction="none")
        place = (1 - generalized_iou_of(told.unbind(1), true.to(told).unbind(1))).sum()
        what = cross_entropy(logits[there], kinds, reduction="sum")
        return ((objectness * counted).sum() + PLACE * place + what) / len(answers)


def boxes_of(answers: Tensor, side: int) -> Tensor:
    """The boxes of answers.

    Shapes
    ------
    (n, 5) -> (n, 4), x1, y1, x2, y2 in pixels of the canvas
    """
    middle, half = answers[:, 1:3], answers[:, 3:5].flip(1).sigmoid() / 2  # the height stands before the width
    return torch.cat([middle - half, middle + half], 1) * side


def located(answers: Tensor, logits: Tensor, side: int, limits: Limits) -> list[Found]:
    """What is found in each image: one box, or none where the score is below the limit.

    Parameters
    ----------
    answers : (n, 5). logits : (n, k). side : of the canvas in pixels. limits : which are given.
    """
    best, which = logits.softmax(1).max(1)
    scores = answers[:, 0].sigmoid() * best
    boxes = boxes_of(answers, side).clamp(0, side)
    counts = (scores >= limits.score).int() * min(limits.most, 1)
    found = zip(boxes, scores, which, counts.tolist(), strict=True)
    return [Found(box[None][:count], score[None][:count], kind[None][:count]) for box, score, kind, count in found]
