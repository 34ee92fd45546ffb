"""The answer of a landmark detector, its loss and its score.

For each of the K points of an image the network tells a place z as shares of the side S of the canvas, and a logit v of
its being seen. With the true places b in pixels, V the points that are to be seen, m = max(|V|, 1) and n images:

    u            (S z - b) / (0.05 L)            errors in units of what is right; L the long side of the image
    loss L       1/m sum_V (h(u_x) + h(u_y)) + 1/(nK) sum H(v, [the point is to be seen])
    h(u)         u^2 / 2 where |u| < 1, else |u| - 1/2                                          (smooth L1)
    PCK          share of V with ||u|| <= 1

H(v, t) is the binary cross-entropy of a logit. All images have the long side L on their canvas.

Toshev, Szegedy, *DeepPose: human pose estimation via deep neural networks*, 2014 (places by regression, there with
squared errors); Girshick, *Fast R-CNN*, 2015 (smooth L1); Yang, Ramanan, *Articulated human detection with flexible
mixtures of parts*, 2013 (PCK).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from netwright.graph import Expression
from netwright.vision.single.looking import LookingNetwork

TOLERANCE = 0.05  # of the long side: nearer than that a point is right


class LandmarkNetwork(torch.nn.Module):
    """The places of points, and whether each is to be seen.

    Parameters
    ----------
    backbone : layers joined by >> that take images (3, height, width). scales : strides that the finest map knows of.
    points : how many there are. seed : of the weights.
    """

    def __init__(self, backbone: Expression, scales: int, points: int, seed: int) -> None:
        super().__init__()
        self.looking = LookingNetwork(backbone, scales, points, 3, seed)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 3, h, w) in [0, 1] -> places (n, K, 2) as shares of the canvas, logits (n, K)."""
        answers = self.looking(images)
        return answers[..., :2], answers[..., 2]


class LandmarkLoss:
    """The loss of a batch.

    Parameters
    ----------
    side : of the canvas. long_side : of the images on it; both in pixels.
    """

    def __init__(self, side: int, long_side: int) -> None:
        self.side, self.long_side = side, long_side

    def __call__(self, output: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor], weight: Any = None) -> Tensor:
        """The loss of (places (n, K, 2), logits (n, K)); `target` is (places in pixels, whether they are seen)."""
        (told, logits), (true, seen) = output, target
        error = errors(told[seen], true[seen].to(told), self.side, self.long_side)
        place = smooth_l1_loss(error, torch.zeros_like(error), reduction="sum") / max(len(error), 1)
        return place + binary_cross_entropy_with_logits(logits, seen.to(logits))


class CorrectPoints:
    """The share of points that are right, gathered over batches of held-out images.

    Parameters
    ----------
    side : of the canvas. long_side : of the images on it; both in pixels.
    """

    def __init__(self, side: int, long_side: int) -> None:
        self.side, self.long_side = side, long_side

    def seen(self, output: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> tuple[int, int]:
        """How many points of a batch are right, and how many there are."""
        true, seen = target
        error = errors(output[0][seen], true[seen].to(output[0]), self.side, self.long_side)
        return int((error.norm(dim=-1) <= 1).sum()), int(seen.sum())

    def over(self, pieces: list[tuple[int, int]]) -> float:
        """The share of all points; NaN where none is to be seen."""
        right, count = (sum(column) for column in zip(*pieces, strict=True))
        return right / count if count else float("nan")


def errors(told: Tensor, true: Tensor, side: float, long_side: float) -> Tensor:
    """The errors of places in units of the tolerance.

    Parameters
    ----------
    told : as shares of the canvas. true : in pixels. side : of the canvas. long_side : of the images on it.

    Examples
    --------
    >>> errors(torch.tensor([[0.5, 0.5]]), torch.tensor([[50.0, 40.0]]), 100, 100).tolist()
    [[0.0, 2.0]]
    """
    return (told * side - true) / (TOLERANCE * long_side)
