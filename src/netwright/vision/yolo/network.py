"""The network of YOLO: feature maps at one to three strides, and a head for each.

    answers at scale l = W_l p_l + b_l        A (5 + k) channels: t_x, t_y, t_w, t_h, objectness, classes

The maps p_l are those of `netwright.vision.detection.features.Pyramid`. The bias of objectness starts at
-log((1 - p) / p) with p = 0.01: nearly all cells are empty, and no steps are to be spent on learning that (Lin, Goyal,
Girshick, He, Dollar, *Focal loss for dense object detection*, 2017).

Redmon, Farhadi, *YOLOv3: an incremental improvement*, 2018.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from netwright.core.seeds import alone
from netwright.graph import Expression
from netwright.vision.detection.features import Pyramid

PRIOR = 0.01
FIRST = 0.1  # of the heads' usual weights: boxes begin near the anchors


class YoloNetwork(torch.nn.Module):
    """Answers of all cells, for one to three scales.

    Parameters
    ----------
    backbone : layers joined by >> that take images (3, height, width).
    scales : how many strides of it are used.
    anchors : how many each cell has.
    classes : how many there are.
    seed : of the weights.
    """

    def __init__(self, backbone: Expression, scales: int, anchors: int, classes: int, seed: int) -> None:
        super().__init__()
        self.pyramid, self.anchors = Pyramid(backbone, scales, seed), anchors
        with alone(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            heads = [torch.nn.Conv2d(width, anchors * (5 + classes), 1) for width in self.pyramid.widths]
        with torch.no_grad():
            for head in heads:
                head.weight.mul_(FIRST)
                assert head.bias is not None
                head.bias.zero_().view(anchors, -1)[:, 4] = -math.log((1 - PRIOR) / PRIOR)
        self.heads = torch.nn.ModuleList(heads)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(n, 3, h, w) in [0, 1] -> for each scale (n, anchors, h / s, w / s, 5 + classes), the finest first."""
        found = []
        for head, x in zip(self.heads, self.pyramid(images), strict=True):
            n, _, height, width = x.shape
            found.append(head(x).view(n, self.anchors, -1, height, width).permute(0, 1, 3, 4, 2))
        return tuple(found)
