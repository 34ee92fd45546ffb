"""The region proposal network: for each place of a map and each anchor, whether there is an object and where.

    h = relu(W * p + b)         3x3 on the map p
    o = W_o * h                 objectness, a logit an anchor
    d = W_d * h                 (dx, dy, dw, dh) from the anchor, see `netwright.vision.boxes.coding`

    L = 1/n (sum H(o, [foreground]) + sum over the foreground of smooth_L1(d - d*))     n candidates drawn

Proposals are the best by objectness, brought to the boxes that d says, cut at the image, after suppression.

Ren, He, Girshick, Sun, *Faster R-CNN: towards real-time object detection with region proposal networks*, 2015.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from netwright.vision.boxes.coding import decode_boxes, encode_boxes
from netwright.vision.boxes.nms import nms
from netwright.vision.rcnn.sampling import Rules, draw

BETA = 1 / 9  # where the smooth L1 loss turns from a parabola to a line
RULES = Rules(foreground=0.7, background=0.3, drawn=256, share=0.5, best=True)
OVERLAP = 0.7  # of proposals, above which the worse goes
LEAST = 1.0  # pixels of a proposal's sides


class Counts(NamedTuple):
    """How many proposals of an image there are.

    Attributes
    ----------
    before, after : suppression.
    """

    before: int
    after: int


class ProposalNetwork(torch.nn.Module):
    """Objectness and corrections for all anchors.

    Parameters
    ----------
    width : channels of the map. anchors : how many each place has.
    """

    def __init__(self, width: int, anchors: int) -> None:
        super().__init__()
        self.anchors = anchors
        self.mixed = torch.nn.Conv2d(width, width, 3, padding=1)
        self.objectness = torch.nn.Conv2d(width, anchors, 1)
        self.corrections = torch.nn.Conv2d(width, 4 * anchors, 1)
        for layer in (self.objectness, self.corrections):
            torch.nn.init.normal_(layer.weight, std=0.01)
            assert layer.bias is not None
            torch.nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, width, rows, columns) -> (n, rows columns anchors), (n, rows columns anchors, 4)"""
        h = self.mixed(x).relu()
        objectness = self.objectness(h).permute(0, 2, 3, 1).flatten(1)
        corrections = self.corrections(h).permute(0, 2, 3, 1)
        return objectness, corrections.reshape(len(x), -1, 4)


def anchors_of(rows: int, columns: int, stride: int, shapes: Tensor) -> Tensor:
    """The anchors of all places, about the middles of the cells.

    Parameters
    ----------
    rows, columns : of the map. stride : pixels of a cell. shapes : (A, 2), widths and heights in pixels.

    Shapes
    ------
    -> (rows columns A, 4)

    Examples
    --------
    >>> anchors_of(1, 2, 8, torch.tensor([[4.0, 8.0]]))
    tensor([[ 2.,  0.,  6.,  8.],
            [10.,  0., 14.,  8.]])
    """
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    centres = (torch.stack([x, y], -1).to(shapes) + 0.5) * stride
    half = shapes / 2
    return torch.cat([centres[:, :, None] - half, centres[:, :, None] + half], -1).view(-1, 4)


def proposals(
    objectness: Tensor, corrections: Tensor, anchors: Tensor, canvas: tuple[int, int], counts: Counts
) -> list[Tensor]:
    """The proposals of each image, the best first; no gradient passes.

    Parameters
    ----------
    objectness, corrections : of all anchors, (n, k) and (n, k, 4). anchors : (k, 4). canvas : (height, width).
    counts : how many.
    """
    found = []
    edges = anchors.new_tensor([canvas[1], canvas[0]] * 2)
    with torch.no_grad():
        for logits, deltas in zip(objectness.float(), corrections.float(), strict=True):
            best = logits.topk(min(counts.before, len(logits))).indices
            boxes = torch.minimum(decode_boxes(deltas[best], anchors[best]).clamp_min(0), edges)
            large = ((boxes[:, 2:] - boxes[:, :2]) >= LEAST).all(1)
            boxes, scores = boxes[large], logits[best][large]
            found.append(boxes[nms(boxes, scores, OVERLAP)[: counts.after]])
    return found


def proposal_loss(objectness: Tensor, corrections: Tensor, anchors: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
    """The loss of a batch: (n, k), (n, k, 4) and the tables of objects -> a scalar.

    Parameters
    ----------
    objectness, corrections : of all anchors. anchors : (k, 4). target : boxes and classes as padded tables.
    """
    losses, count = [], 0
    for logits, deltas, boxes, classes in zip(objectness.float(), corrections.float(), *target, strict=True):
        drawn = draw(anchors, boxes, classes, RULES)
        front = drawn.rows[: drawn.positives]
        wanted = torch.zeros(len(drawn.rows), device=logits.device)
        wanted[: drawn.positives] = 1
        losses.append(binary_cross_entropy_with_logits(logits[drawn.rows], wanted, reduction="sum"))
        true = encode_boxes(boxes[drawn.objects], anchors[front])
        losses.append(smooth_l1_loss(deltas[front], true, beta=BETA, reduction="sum"))
        count += len(drawn.rows)
    return torch.stack(losses).sum() / max(count, 1)
