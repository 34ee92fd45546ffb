"""The network of YOLO: a backbone, a way back up from coarse maps to fine ones, and a head for each scale.

    p_L = F_L(c_L)                                c_l the backbone's map at stride s_l, the coarsest is L
    p_l = F_l([c_l, up(G_l(p_{l+1}))])            G a 1x1 convolution, up: each place twice
    answers at scale l = W_l p_l + b_l            A (5 + k) channels: t_x, t_y, t_w, t_h, objectness, classes

The bias of objectness starts at -log((1 - p) / p) with p = 0.01: nearly all cells are empty, and no steps are to be
spent on learning that (Lin, Goyal, Girshick, He, Dollar, *Focal loss for dense object detection*, 2017).

Redmon, Farhadi, *YOLOv3: an incremental improvement*, 2018.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from netwright.graph import Expression
from netwright.vision.detection.features import Features

PRIOR = 0.01
MEAN, SPREAD = 0.45, 0.25  # of the values of photographs, about


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
        self.features = Features(backbone, scales, seed)
        self.anchors, self.classes = anchors, classes
        widths = self.features.widths
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.down = torch.nn.ModuleList([_unit(wide, fine, 1) for fine, wide in itertools.pairwise(widths)])
            entering = [2 * width for width in widths[:-1]] + widths[-1:]
            self.mixed = torch.nn.ModuleList(
                [
                    torch.nn.Sequential(_unit(wide, width, 1), _unit(width, width, 3))
                    for wide, width in zip(entering, widths, strict=True)
                ]
            )
            self.heads = torch.nn.ModuleList([torch.nn.Conv2d(width, anchors * (5 + classes), 1) for width in widths])
        for head in self.heads:
            assert isinstance(head, torch.nn.Conv2d)
            with torch.no_grad():
                head.weight.mul_(0.1)
                assert head.bias is not None
                head.bias.zero_()
                head.bias.view(anchors, -1)[:, 4] = -math.log((1 - PRIOR) / PRIOR)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(n, 3, h, w) in [0, 1] -> for each scale (n, anchors, h / s, w / s, 5 + classes), the finest first."""
        maps = self.features((images - MEAN) / SPREAD)
        above, found = None, []
        for level in reversed(range(len(maps))):
            x = maps[level]
            if above is not None:
                back = interpolate(self.down[level](above), x.shape[2:], mode="nearest")
                x = torch.cat([x, back], 1)
            above = self.mixed[level](x)
            answers = self.heads[level](above)
            n, _, height, width = answers.shape
            found.append(answers.view(n, self.anchors, -1, height, width).permute(0, 1, 3, 4, 2))
        return tuple(found[::-1])


def _unit(entering: int, leaving: int, kernel: int) -> torch.nn.Sequential:
    """Convolution, batch normalisation, leaky rectifier."""
    convolution = torch.nn.Conv2d(entering, leaving, kernel, padding=kernel // 2, bias=False)
    return torch.nn.Sequential(convolution, torch.nn.BatchNorm2d(leaving), torch.nn.LeakyReLU(0.1))
