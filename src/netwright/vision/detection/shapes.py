"""Shapes of anchors: those that the user gave, or means of clusters of the boxes that are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import integer, satisfies
from netwright.vision.boxes.anchors import cluster_anchors
from netwright.vision.detection.pictures import Frame
from netwright.vision.detection.targets import Objects

OCTAVES = 4  # of area, by which shapes are made larger and smaller where there are too few
SHAPES = integer(1) | satisfies(
    "a list of (width, height) above 0",
    lambda item: np.ndim(item) == 2 and np.shape(item)[1] == 2 and bool((np.asarray(item) > 0).all()),
)


def anchor_shapes(
    owner: str, given: Any, groups: int, objects: Sequence[Objects], frames: Sequence[Frame], seed: int
) -> NDArray[np.float64]:
    """(width, height) of the anchors in pixels of the canvas, by rising area: (groups, anchors of each, 2).

    Where the boxes have fewer different shapes than anchors are wanted, these shapes are anchors, and so are the same
    ones half and twice as large in area, a quarter and four times, until there are enough.

    Parameters
    ----------
    owner : how an error names the option. given : shapes, or how many each group is to have.
    groups : among which they are shared, as equals. objects, frames : of the images that are trained on.
    seed : of the clustering.

    Raises
    ------
    InvalidParameter : shapes that cannot be shared, or more than nine anchors for each different shape.

    Examples
    --------
    >>> one = Objects(np.array([[0.0, 0, 16, 8]]), ["a"], np.array([False]))
    >>> anchor_shapes("YOLO(anchors)", 3, 1, [one], [Frame(32, 32, 1.0)], seed=0).round(1).tolist()
    [[[11.3, 5.7], [16.0, 8.0], [22.6, 11.3]]]
    """
    if np.ndim(given):
        found = np.asarray(given, dtype=np.float64)
        if len(found) % groups:
            raise InvalidParameter(
                problem(owner, f"a multiple of {groups} shapes, as there are scales", str(len(found)))
            )
        return found.reshape(groups, -1, 2)
    pairs = zip(objects, frames, strict=True)
    sides = np.concatenate([(each.boxes[:, 2:] - each.boxes[:, :2]) * frame.scale for each, frame in pairs])
    wanted, different = groups * int(given), np.unique(sides.round(3), axis=0)
    if len(different) >= wanted:
        return np.asarray(cluster_anchors(sides, wanted, random_state=seed).anchors).reshape(groups, -1, 2)
    steps = sorted(range(-OCTAVES, OCTAVES + 1), key=abs)  # 0, -1, 1, -2, 2...: halves and doubles of the area
    if len(steps) * len(different) < wanted:
        most = len(steps) * len(different) // groups
        expected = f"at most {most}, as the boxes have {len(different)} different shapes"
        raise InvalidParameter(problem(owner, expected, str(given), "Ask for fewer, or give their shapes."))
    spread = np.concatenate([different * 2.0 ** (step / 2) for step in steps])[:wanted]
    return spread[np.argsort(spread.prod(1), kind="stable")].reshape(groups, -1, 2)
