"""Detections of an image, and which of all candidates they are."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from netwright.vision.boxes.nms import batched_nms

MOST = 3000  # candidates of an image that go into suppression, the best ones


class Found(NamedTuple):
    """Detections of one image, by falling score.

    Attributes
    ----------
    boxes : (n, 4). scores : (n,). classes : (n,).
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor


class Limits(NamedTuple):
    """Which detections are given.

    Attributes
    ----------
    score : the least score. overlap : IoU above which the worse of two goes. most : how many of an image.
    """

    score: float
    overlap: float
    most: int


def chosen(boxes: Tensor, scores: Tensor, classes: Tensor, limits: Limits) -> Found:
    """The detections of one image that are given, of all candidates.

    Parameters
    ----------
    boxes : (n, 4). scores, classes : (n,). limits : which are given.
    """
    some = torch.nonzero(scores >= limits.score)[:, 0]
    if len(some) > MOST:
        some = some[scores[some].topk(MOST).indices.sort().values]
    kept = some[batched_nms(boxes[some], scores[some], classes[some], limits.overlap)[: limits.most]]
    return Found(boxes[kept], scores[kept], classes[kept])
