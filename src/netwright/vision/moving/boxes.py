"""Boxes that go with their images: points round each box are moved, and their hull is the new box.

    q_1, ..., q_32   points of the outline, moved with the image to p_1, ..., p_32
    hull             min p_x, min p_y, max p_x, max p_y
    clipped          what of the hull lies in the image
    visible          area(clipped) / area(hull)

The outline is the box itself or the ellipse within it. Objects seldom fill the corners of their boxes, and so the hull
of a box that is turned is too wide: by 45 degrees a square gets twice its area. The ellipse keeps the area of a square
at any angle. Both give the box itself when nothing is turned or bent.

Of several augmentations those that are one resampling are one move; after each move boxes are clipped, as images are.

Tables are padded: boxes (n, m, 4) as x1, y1, x2, y2 in pixels, classes (n, m).

========= ===================================================
class     meaning
========= ===================================================
0, 1...   the place of the label among the classes
-1        no object: the tables of a batch have equal lengths
-2, -3... an object of class 0, 1... that is not asked for
========= ===================================================

An object of which too little is left becomes -1. One that is not asked for stays as long as a pixel of it is there:
what is found on it should still not count as wrong.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, problem, shown
from netwright.core.validation import Constraint, check, number, one_of
from netwright.data.augment import Augmentation
from netwright.data.augment.compose import stages

NOTHING = -1  # the class of a row without an object; objects that are not asked for lie below
SIDE = 1.0  # pixels, of the smallest box that is kept
SHARE: Constraint = number(0, 1)
OUTLINE: Constraint = one_of("box", "ellipse")
ROUNDING = 1e-4  # share of an area that is forgiven
_POINTS = 32  # of an outline


def move_boxes(
    augmentation: Augmentation,
    images: Tensor,
    boxes: Tensor,
    classes: Tensor,
    generator: torch.Generator,
    *,
    min_visibility: float = 0.2,
    outline: str = "box",
) -> tuple[Tensor, Tensor, Tensor]:
    """New images, with the boxes of their objects where these are now.

    Rows keep their places; those without an object, before or after, are zeros with the class -1.

    Parameters
    ----------
    augmentation : what changes the images.
    images : (n, channels, height, width), floating.
    boxes : (n, m, 4), floating, x1, y1, x2, y2 in pixels of the images.
    classes : (n, m), integers: 0 and above; -1 where there is no object; -2 and below for one that is not asked for.
    generator : the source of all random numbers.
    min_visibility : the share of its area, in [0, 1], that an object must have within the image to be kept.
    outline : "box", or "ellipse" for boxes that are tighter where images are turned.

    Shapes
    ------
    (n, channels, height, width), (n, m, 4), (n, m) -> the same

    Raises
    ------
    InvalidData : tables that do not fit the images.
    InvalidParameter : a share outside [0, 1], another outline, an augmentation that does not say where points go.

    Examples
    --------
    >>> from netwright.data.augment import Flip
    >>> images, boxes = torch.zeros(1, 3, 80, 100), torch.tensor([[[10.0, 20.0, 40.0, 60.0]]])
    >>> move_boxes(Flip(1.0), images, boxes, torch.zeros(1, 1, dtype=torch.long), torch.Generator())[1:]
    (tensor([[[60., 20., 90., 60.]]]), tensor([[0]]))

    References
    ----------
    Kalra, Stoppi, Brown, Agarwal, Kadambi, *Towards rotation invariance in object detection*, 2021 (the ellipse).
    """
    check("move_boxes(min_visibility)", min_visibility, SHARE)
    check("move_boxes(outline)", outline, OUTLINE)
    require_tables("move_boxes", images, boxes, classes)
    edges = boxes.new_tensor([0, 0, images.shape[3], images.shape[2]])
    for stage in stages(augmentation):  # what leaves the image in one of them does not come back in the next
        images, points = stage.together(images, outlined(boxes, outline).flatten(1, 2), generator)
        points = points.view(*classes.shape, _POINTS, 2)
        boxes, classes = seen(torch.cat([points.amin(2), points.amax(2)], 2), classes, edges, min_visibility)
    return images, boxes, classes


def require_tables(owner: str, images: Tensor, boxes: Tensor, classes: Tensor) -> None:
    """Refuse tables that do not fit their images.

    Parameters
    ----------
    owner : who asks. images, boxes, classes : a batch, see `move_boxes`.

    Raises
    ------
    InvalidData : with the shapes.
    """
    given = (images, boxes, classes)
    if not all(isinstance(part, Tensor) for part in given):
        got = ", ".join(type(part).__name__ for part in given)
        raise InvalidData(problem(owner, "tensors: images, boxes and classes", got))
    fits = images.ndim == 4 and classes.ndim == 2 and boxes.shape == (*classes.shape, 4) and len(boxes) == len(images)
    if not fits or not boxes.is_floating_point() or classes.is_floating_point():
        expected = "images (n, channels, height, width), floating boxes (n, m, 4), integer classes (n, m)"
        got = ", ".join(f"{tuple(part.shape)} of {part.dtype}" for part in given)
        raise InvalidData(problem(owner, expected, shown(got), "Pad the tables with rows of the class -1."))


def outlined(boxes: Tensor, outline: str = "box") -> Tensor:
    """Points round boxes: their corners and points on their sides, or points of the ellipse within.

    Parameters
    ----------
    boxes : x1, y1, x2, y2. outline : "box" or "ellipse".

    Shapes
    ------
    (..., 4) -> (..., 32, 2)

    Examples
    --------
    >>> points = outlined(torch.tensor([10.0, 20.0, 40.0, 60.0]), "ellipse")
    >>> points.amin(0).tolist(), points.amax(0).tolist()
    ([10.0, 20.0], [40.0, 60.0])
    """
    unit = torch.tensor(_unit_outline(outline), dtype=boxes.dtype, device=boxes.device)  # (32, 2)
    low, high = boxes[..., None, :2], boxes[..., None, 2:]
    return low * (1 - unit) + high * unit


def seen(boxes: Tensor, classes: Tensor, edges: Tensor, min_visibility: float) -> tuple[Tensor, Tensor]:
    """What of objects is seen through windows: boxes that are clipped, and -1 as the class of those that are gone.

    Parameters
    ----------
    boxes : (..., 4). classes : (...).
    edges : of the windows, x1, y1, x2, y2, (4,) or of a shape that goes with the boxes.
    min_visibility : the share of its area that must be seen.

    Examples
    --------
    >>> boxes = torch.tensor([[-5.0, 0.0, 5.0, 10.0], [-9.0, 0.0, 1.0, 10.0]])
    >>> seen(boxes, torch.tensor([3, 3]), torch.tensor([0.0, 0.0, 80.0, 80.0]), 0.2)
    (tensor([[ 0.,  0.,  5., 10.],
            [ 0.,  0.,  0.,  0.]]), tensor([ 3, -1]))
    """
    low = torch.maximum(boxes[..., :2], edges[..., :2])
    sides = torch.minimum(boxes[..., 2:], edges[..., 2:]) - low
    whole = (boxes[..., 2:] - boxes[..., :2]).prod(-1)
    there = (classes != NOTHING) & (sides >= SIDE).all(-1)
    there &= (classes < NOTHING) | (sides.prod(-1) >= min_visibility * (1 - ROUNDING) * whole)
    clipped = torch.cat([low, low + sides], -1)
    return clipped.where(there[..., None], 0), classes.where(there, NOTHING)


@functools.lru_cache(maxsize=2)
def _unit_outline(outline: str) -> list[tuple[float, float]]:
    """The outline of the unit square or of the circle within it."""
    if outline == "ellipse":
        angles = [2 * math.pi * step / _POINTS for step in range(_POINTS)]
        return [(0.5 + 0.5 * math.cos(angle), 0.5 + 0.5 * math.sin(angle)) for angle in angles]
    steps = [4 * step / _POINTS for step in range(_POINTS // 4)]  # of the upper side, without its end
    sides = [[(s, 0.0), (1.0, s), (1 - s, 1.0), (0.0, 1 - s)] for s in steps]
    return [point for side in sides for point in side]
