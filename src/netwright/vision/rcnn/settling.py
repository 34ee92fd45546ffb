"""What is fitted on the descriptions of regions when the network of R-CNN stands: machines, and corrections of boxes.

Descriptions x are scaled so that the mean of |x| is 20, which C and lambda refer to. A class's machine is a linear
support vector machine,

    min over w, b of   (|w|^2 + (b / 10)^2) / 2 + C sum_i max(0, 1 - y_i (w.x_i + b))^2

    y = 1     the true boxes of the class
    y = -1    regions whose IoU with every box of the class is below 0.3;  other regions are left out

The negatives are many, and most of them easy: those with a margin y (w.x + b) >= 1 add nothing. So the machine is
fitted to some that are drawn, those of all with a smaller margin are added, and again, until there is none: this is
the machine of all of them. Corrections are a ridge regression for each class,

    min over W, b of   sum_i |t_i - W x_i - b|^2 + lambda |W|^2

    t = (dx, dy, dw, dh)     from a region to the true box of its largest IoU, where that is above 0.6; weights
                             (10, 10, 5, 5)

Girshick, Donahue, Darrell, Malik, *Rich feature hierarchies for accurate object detection*, 2014, sections 2.3, C.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.svm import LinearSVC
from torch import Tensor

from netwright.vision.boxes.coding import encode_boxes
from netwright.vision.boxes.overlap import box_iou
from netwright.vision.detection.batches import IGNORED, DetectionBatches
from netwright.vision.rcnn.crops import CropNetwork
from netwright.vision.rcnn.head import WEIGHTS
from netwright.vision.rcnn.outside import lists_of

NORM = 20.0  # mean length of the descriptions
FAR, NEAR = 0.3, 0.6  # overlaps: of the negatives, and of regions that learn corrections
DRAWN = 1000  # negatives of the first round, or five for each positive
ROUNDS = 20  # two or three are usual
BIAS = 10.0  # the offset's unit, so that it is hardly held back
FEWEST = 2  # regions from which corrections are learned


class Described(NamedTuple):
    """Regions of all images, with what is known of them.

    Attributes
    ----------
    regions : descriptions of those proposed, (r, units). overlaps : of each with the boxes of each class, (r, k).
    objects : descriptions of the true boxes, (m, units). classes : of these, (m,).
    near : which regions learn corrections, (s,). kinds : the classes of these, (s,). moves : their corrections, (s, 4).
    """

    regions: NDArray[np.float32]
    overlaps: NDArray[np.float32]
    objects: NDArray[np.float32]
    classes: NDArray[np.int64]
    near: NDArray[np.int64]
    kinds: NDArray[np.int64]
    moves: NDArray[np.float32]


def settle(network: CropNetwork, batches: DetectionBatches, cost: float | None, ridge: float | None, seed: int) -> None:
    """Fit the machines and the corrections, and write them into the network.

    Parameters
    ----------
    network : that describes. batches : the images that it was trained on. cost : C; None: no machines.
    ridge : lambda; None: no corrections. seed : of what is drawn.
    """
    found = describe(network, batches)
    scale = NORM / max(float(np.linalg.norm(found.objects, axis=1).mean()), 1e-12) if len(found.objects) else 1.0
    regions, objects = found.regions * scale, found.objects * scale
    rng = np.random.default_rng(seed)
    for k in range(network.classes):
        if cost is not None:
            own = objects[found.classes == k]
            plane, offset = machine(own, regions[found.overlaps[:, k] < FAR], cost, rng)
            network.planes[k] = torch.from_numpy(plane * scale)
            network.offsets[k] = offset
        rows = found.kinds == k
        if ridge is not None and rows.sum() >= FEWEST:
            fitted = Ridge(alpha=ridge).fit(regions[found.near[rows]].astype(np.float64), found.moves[rows])
            network.moves[4 * k : 4 * k + 4] = torch.from_numpy(fitted.coef_ * scale)
            network.shifts[4 * k : 4 * k + 4] = torch.from_numpy(fitted.intercept_)
    network.settled.fill_(True)


def machine(
    positives: NDArray[np.float32], negatives: NDArray[np.float32], cost: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], float]:
    """The plane and the offset that tell a class from all else; zeros where either has no example.

    Parameters
    ----------
    positives, negatives : descriptions, (p, units) and (n, units). cost : C. rng : draws the first negatives.

    Examples
    --------
    >>> one, other = np.array([[3.0, 0.0], [4.0, 1.0]]), np.array([[-3.0, 0.0], [-5.0, 1.0]])
    >>> plane, offset = machine(one, other, 1.0, np.random.default_rng(0))
    >>> bool((one @ plane + offset > 0.9).all() and (other @ plane + offset < -0.9).all())
    True
    """
    if not len(positives) or not len(negatives):
        return np.zeros(positives.shape[1]), 0.0
    first = max(DRAWN, 5 * len(positives))
    taken = np.zeros(len(negatives), bool)
    taken[rng.permutation(len(negatives))[:first]] = True
    for _ in range(ROUNDS):
        x = np.concatenate([positives, negatives[taken]]).astype(np.float64)
        y = np.arange(len(x)) < len(positives)
        plain = LinearSVC(C=cost, dual=False, tol=1e-6, intercept_scaling=BIAS, max_iter=10000, random_state=0)
        fitted = plain.fit(x, y)
        plane, offset = fitted.coef_[0], float(fitted.intercept_[0])
        hard = ~taken & (negatives @ plane + offset > -1)
        if not hard.any():
            break
        taken |= hard
    return plane, offset


@torch.no_grad()
def describe(network: CropNetwork, batches: DetectionBatches) -> Described:
    """The descriptions of all regions and true boxes, with what is known of them.

    Parameters
    ----------
    network : that describes. batches : the images.
    """
    network.eval()
    columns: list[list[Tensor]] = []
    count = 0
    for some in batches.pieces():
        inputs, target, _ = batches.batch(some)
        images, table = network(*inputs)
        for image, regions, boxes, classes in zip(images, lists_of(table), *target, strict=True):
            asked = classes >= 0
            told = network.in_parts(image[None].expand(2, -1, -1, -1), [regions, boxes[asked]])
            own, objects = told.split([len(regions), int(asked.sum())])
            near, kinds, moves = corrections(regions, boxes[asked], classes[asked])
            known = (own, overlaps(regions, boxes, classes, network.classes), objects, classes[asked])
            columns.append([*known, near + count, kinds, moves])
            count += len(regions)
    return Described(*(torch.cat(column).cpu().numpy() for column in zip(*columns, strict=True)))


def overlaps(regions: Tensor, boxes: Tensor, classes: Tensor, k: int) -> Tensor:
    """The largest IoU of regions with boxes of each class, those that are not asked for too: (r, k).

    Parameters
    ----------
    regions : (r, 4). boxes, classes : the image's table. k : how many classes there are.

    Examples
    --------
    >>> table = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 8], [0, 0, 0, 0]]), torch.tensor([1, -2, -1])
    >>> overlaps(torch.tensor([[0.0, 0, 4, 4]]), *table, 3).tolist()
    [[0.5, 1.0, 0.0]]
    """
    codes = torch.where(classes <= IGNORED, IGNORED - classes, classes)
    shared = box_iou(regions, boxes)  # (r, m)
    return torch.stack([(shared * (codes == kind)).amax(1) for kind in range(k)], 1)


def corrections(regions: Tensor, boxes: Tensor, classes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which regions are near a true box, its classes, and the corrections that lead to it.

    Parameters
    ----------
    regions : (r, 4). boxes, classes : of the objects that are asked for, (m, 4) and (m,).
    """
    if not len(regions) or not len(boxes):
        none = classes.new_zeros(0)
        return none, none, boxes.new_zeros(0, 4)
    most, which = box_iou(regions, boxes).max(1)
    near = torch.nonzero(most > NEAR)[:, 0]
    own = which[near]
    return near, classes[own], encode_boxes(boxes[own], regions[near], WEIGHTS)
