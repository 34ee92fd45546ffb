"""Which candidates learn, and from which object.

    foreground    IoU with some object >= f, or the best one of an object (where `best` is asked for)
    background    IoU with every object < b
    left alone    all between, and what overlaps an object that is not asked for by more than 1/2

Of each image `drawn` candidates are drawn at random, at most a share p of them from the foreground, where each object
has the same chance, however many candidates it has: a large one has a hundred, a small one two.

Ren, He, Girshick, Sun, *Faster R-CNN*, 2015, sections 3.1.2 and 3.1.3. Pang, Chen, Shi, Feng, Ouyang, Lin, *Libra
R-CNN: towards balanced learning for object detection*, 2019, section 3.1 (objects that have the same chance).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from netwright.vision.boxes.overlap import box_iou
from netwright.vision.detection.batches import IGNORED

OVERLAP = 0.5  # with an object that is not asked for


class Rules(NamedTuple):
    """How candidates are chosen.

    Attributes
    ----------
    foreground, background : overlaps f >= b. drawn : of an image. share : p. best : whether each object's best
    candidate is in the foreground too.
    """

    foreground: float
    background: float
    drawn: int
    share: float
    best: bool


class Drawn(NamedTuple):
    """The candidates of an image that learn.

    Attributes
    ----------
    rows : their numbers, those of the foreground first. positives : how many of them are in the foreground.
    objects : of these, the number of the object in the image's table.
    """

    rows: Tensor
    positives: int
    objects: Tensor


def draw(candidates: Tensor, boxes: Tensor, classes: Tensor, rules: Rules) -> Drawn:
    """The candidates of one image that learn, by the state of torch's generator.

    Parameters
    ----------
    candidates : (k, 4). boxes, classes : the image's table, (m, 4) and (m,), see `netwright.vision.detection.batches`.
    rules : how they are chosen.

    Examples
    --------
    >>> candidates = torch.tensor([[0.0, 0, 10, 10], [0, 0, 9, 9], [50, 50, 60, 60], [4, 4, 14, 14]])
    >>> object = torch.tensor([[0.0, 0, 10, 10]])
    >>> rules = Rules(foreground=0.7, background=0.2, drawn=3, share=0.5, best=True)
    >>> drawn = draw(candidates, object, torch.tensor([0]), rules)
    >>> drawn.positives, drawn.objects.tolist(), len(drawn.rows)
    (1, [0], 2)
    """
    asked = torch.nonzero(classes >= 0)[:, 0]
    overlap = box_iou(candidates, boxes[asked])
    most, which = overlap.max(1) if len(asked) else (candidates.new_zeros(len(candidates)), None)
    front = most >= rules.foreground
    if rules.best and len(asked):
        top = overlap.amax(0)
        front |= ((overlap == top) & (top > 0)).any(1)
    back = (most < rules.background) & ~front
    ignored = boxes[classes <= IGNORED]
    if len(ignored):
        back &= box_iou(candidates, ignored).amax(1) <= OVERLAP
    first, second = torch.nonzero(front)[:, 0], torch.nonzero(back)[:, 0]
    if which is not None:
        per_object = torch.bincount(which[first], minlength=len(asked))
        first = _some(first, int(rules.drawn * rules.share), 1 / per_object[which[first]])
    second = _some(second, rules.drawn - len(first), torch.ones(len(second), device=second.device))
    objects = asked[which[first]] if which is not None else first
    return Drawn(torch.cat([first, second]), len(first), objects)


def _some(rows: Tensor, count: int, weights: Tensor) -> Tensor:
    """At most so many of them, drawn by their weights."""
    if len(rows) <= count:
        return rows
    return rows[torch.multinomial(weights, count)]
