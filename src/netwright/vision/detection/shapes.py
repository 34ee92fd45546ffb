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

SHAPES = integer(1) | satisfies(
    "a list of (width, height) above 0",
    lambda item: np.ndim(item) == 2 and np.shape(item)[1] == 2 and bool((np.asarray(item) > 0).all()),
)


def anchor_shapes(
    owner: str, given: Any, groups: int, objects: Sequence[Objects], frames: Sequence[Frame], seed: int
) -> NDArray[np.float64]:
    """(width, height) of the anchors in pixels of the canvas, by rising area: (groups, anchors of each, 2).

    Parameters
    ----------
    owner : how an error names the option. given : shapes, or how many each group is to have.
    groups : among which they are shared, as equals. objects, frames : of the images that are trained on.
    seed : of the clustering.

    Raises
    ------
    InvalidParameter : shapes that cannot be shared, or fewer different boxes than anchors are wanted.
    """
    if not isinstance(given, int):
        found = np.asarray(given, dtype=np.float64)
        if len(found) % groups:
            raise InvalidParameter(
                problem(owner, f"a multiple of {groups} shapes, as there are scales", str(len(found)))
            )
        return found.reshape(groups, -1, 2)
    pairs = zip(objects, frames, strict=True)
    sides = np.concatenate([(each.boxes[:, 2:] - each.boxes[:, :2]) * frame.scale for each, frame in pairs])
    different = len(np.unique(sides.round(3), axis=0))
    if different < groups * given:
        expected = f"at most {different // groups}, as the boxes have {different} different shapes"
        raise InvalidParameter(problem(owner, expected, str(given), "Ask for fewer, or give their shapes."))
    clusters = cluster_anchors(sides, groups * given, random_state=seed)
    return np.asarray(clusters.anchors).reshape(groups, -1, 2)
