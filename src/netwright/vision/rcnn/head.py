"""What a region is and where its object stands: the head of Fast and Faster R-CNN.

    x = RoIAlign(p, region) or RoIPool          bins x bins values of each channel
    h = relu(W_2 relu(W_1 x))
    s = W_s h                                   logits of the background (0) and the classes (1 ... k)
    d = W_d h                                   corrections of the region for each class, weights (10, 10, 5, 5)

    L = 1/n (sum CE(s, class) + sum over the foreground of smooth_L1(d_class - d*))     n regions drawn

Girshick, *Fast R-CNN*, 2015; He, Gkioxari, Dollar, Girshick, *Mask R-CNN*, 2017 (RoIAlign).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, smooth_l1_loss

from netwright.vision.boxes.coding import decode_boxes, encode_boxes
from netwright.vision.boxes.pooling import roi_align, roi_pool
from netwright.vision.detection.found import Found, Limits, chosen
from netwright.vision.rcnn.proposals import BETA
from netwright.vision.rcnn.sampling import Rules, draw

WEIGHTS = (10.0, 10.0, 5.0, 5.0)
RULES = Rules(foreground=0.5, background=0.5, drawn=64, share=0.25, best=False)
SAMPLES = 2  # values of a bin in each direction


class RegionHead(torch.nn.Module):
    """Classes and corrections of regions.

    Parameters
    ----------
    width : channels of the map. stride : pixels of one of its cells. classes : how many there are.
    bins : of a region in each direction. units : of the hidden layers. pooling : "align" or "pool".
    """

    def __init__(
        self, width: int, stride: int, classes: int, bins: int = 7, units: int = 256, pooling: str = "align"
    ) -> None:
        super().__init__()
        self.stride, self.classes, self.bins, self.pooling = stride, classes, bins, pooling
        self.hidden = torch.nn.Sequential(
            torch.nn.Flatten(),
            torch.nn.Linear(width * bins * bins, units),
            torch.nn.ReLU(),
            torch.nn.Linear(units, units),
            torch.nn.ReLU(),
        )
        self.kinds = torch.nn.Linear(units, classes + 1)
        self.corrections = torch.nn.Linear(units, 4 * classes)
        torch.nn.init.normal_(self.corrections.weight, std=0.001)
        torch.nn.init.zeros_(self.corrections.bias)

    def forward(self, maps: Tensor, regions: list[Tensor]) -> tuple[Tensor, Tensor]:
        """(n, width, rows, columns) and the regions of each image -> (r, 1 + k), (r, k, 4), image by image."""
        scale = 1 / self.stride
        if self.pooling == "pool":
            x = roi_pool(maps, regions, self.bins, scale)
        else:
            x = roi_align(maps, regions, self.bins, scale, sampling_ratio=SAMPLES, aligned=True)
        h = self.hidden(x)
        return self.kinds(h), self.corrections(h).view(-1, self.classes, 4)


def region_loss(head: RegionHead, maps: Tensor, regions: list[Tensor], target: tuple[Tensor, Tensor]) -> Tensor:
    """The loss of a batch, of regions that are drawn of those given and the true boxes.

    Parameters
    ----------
    head : of the network. maps : of the images. regions : of each image. target : boxes and classes as padded tables.
    """
    drawn = lesson(regions, target, RULES)
    logits, corrections = head(maps, drawn.regions)
    front = drawn.kinds > 0
    told = corrections[front, drawn.kinds[front] - 1]
    what = cross_entropy(logits.float(), drawn.kinds, reduction="sum")
    where = smooth_l1_loss(told.float(), drawn.moves, beta=BETA, reduction="sum")
    return (what + where) / max(len(drawn.kinds), 1)


class Lesson(NamedTuple):
    """Regions that learn, and what they learn.

    Attributes
    ----------
    regions : of each image. kinds : 0 for the background, or 1 + the class, of all of them, image by image.
    moves : the corrections of those of the foreground, with the weights (10, 10, 5, 5).
    """

    regions: list[Tensor]
    kinds: Tensor
    moves: Tensor


def lesson(regions: list[Tensor], target: tuple[Tensor, Tensor], rules: Rules) -> Lesson:
    """Regions drawn of those given and the true boxes.

    Parameters
    ----------
    regions : of each image. target : boxes and classes as padded tables. rules : how they are drawn.
    """
    taken, kinds, moves = [], [], []
    for given, boxes, classes in zip(regions, *target, strict=True):
        candidates = torch.cat([given, boxes[classes >= 0]])
        drawn = draw(candidates, boxes, classes, rules)
        some = candidates[drawn.rows]
        kind = torch.zeros(len(some), dtype=torch.int64, device=some.device)
        kind[: drawn.positives] = classes[drawn.objects] + 1
        taken.append(some)
        kinds.append(kind)
        moves.append(encode_boxes(boxes[drawn.objects], some[: drawn.positives], WEIGHTS))
    return Lesson(taken, torch.cat(kinds), torch.cat(moves))


def region_detections(
    head: RegionHead, maps: Tensor, regions: list[Tensor], canvas: tuple[int, int], limits: Limits
) -> list[Found]:
    """What is found in each image.

    Parameters
    ----------
    head : of the network. maps : of the images. regions : of each image. canvas : (height, width) of the images.
    limits : which detections are given.
    """
    logits, corrections = head(maps, regions)
    counts = [len(some) for some in regions]
    edges = maps.new_tensor([canvas[1], canvas[0]] * 2)
    found = []
    for some, told, moves in zip(regions, logits.split(counts), corrections.split(counts), strict=True):
        share = told.float().softmax(1)[:, 1:]
        boxes = decode_boxes(moves.float(), some[:, None].expand(-1, head.classes, -1), WEIGHTS)
        boxes = torch.minimum(boxes.clamp_min(0), edges)
        classes = torch.arange(head.classes, device=some.device).expand(len(some), -1)
        found.append(chosen(boxes.reshape(-1, 4), share.reshape(-1), classes.reshape(-1), limits))
    return found
