"""Boxes as corrections of proposals: what the regressors of R-CNN and its successors learn.

    dx = u_x (x - x_p) / w_p      dw = u_w log(w / w_p)      x, y, w, h: centre and sides of the box
    dy = u_y (y - y_p) / h_p      dh = u_h log(h / h_p)      with p: of the proposal; u: the weights

`decode_boxes` inverts it; it clips dw / u_w and dh / u_h from above, as a regressor that is not trained yet may answer
with 100, and exp(100) is beyond float32. `yolo.py` holds the forms for the cells of a grid.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import Constraint, check, number
from netwright.vision.boxes.reading import read_numbers, require_boxes, require_rows

CLIP = math.log(1000 / 16)
_POSITIVE = number(0, closed="neither")
_WEIGHTS = Constraint(
    "four numbers > 0",
    lambda value: isinstance(value, (tuple, list)) and len(value) == 4 and all(map(_POSITIVE.accepts, value)),
)


def encode_boxes(reference: Any, proposals: Any, weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)) -> Any:
    """The corrections (dx, dy, dw, dh) that lead from proposals to boxes.

    Parameters
    ----------
    reference : the boxes x1, y1, x2, y2 to be reached.
    proposals : boxes x1, y1, x2, y2 to start from.
    weights : u_x, u_y, u_w, u_h > 0; Fast R-CNN's head takes (10, 10, 5, 5).

    Shapes
    ------
    (..., 4), (..., 4) -> (..., 4), shapes are broadcast

    Raises
    ------
    InvalidData : shapes that do not fit, NaN or infinity, an empty box, with the row.
    InvalidParameter : weights that are not four numbers > 0.

    Examples
    --------
    >>> encode_boxes([[15, 20, 45, 50]], [[10, 10, 30, 50]]).round(6)
    array([[ 0.5     ,  0.125   ,  0.405465, -0.287682]])

    References
    ----------
    Girshick, Donahue, Darrell, Malik, *Rich feature hierarchies for accurate object detection*, 2014.
    """
    check("encode_boxes(weights)", weights, _WEIGHTS)
    (given, start), form = read_numbers("encode_boxes", reference=reference, proposals=proposals)
    given = require_boxes("encode_boxes(reference)", given, flat=False)
    start = require_boxes("encode_boxes(proposals)", start, flat=False)
    require_fit("encode_boxes(reference, proposals)", given.shape[:-1], start.shape[:-1])
    for name, boxes in (("reference", given), ("proposals", start)):
        full = (boxes[..., 2:] > boxes[..., :2]).all(-1)
        require_rows(f"encode_boxes({name})", full, "x1 < x2 and y1 < y2", boxes, "Leave empty boxes out.")
    centre, sides = _centres_and_sides(given)
    own_centre, own_sides = _centres_and_sides(start)
    u = given.new_tensor(weights)
    moved, scaled = (centre - own_centre) / own_sides, (sides / own_sides).log()
    return form.give(u * torch.cat([moved, scaled], -1))


def decode_boxes(
    deltas: Any, proposals: Any, weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0), clip: float = CLIP
) -> Any:
    """The boxes that corrections make of proposals; the inverse of `encode_boxes`.

    Parameters
    ----------
    deltas : corrections (dx, dy, dw, dh). Of one for each class, (n, classes, 4), give ``proposals[:, None]``.
    proposals : boxes x1, y1, x2, y2 to start from.
    weights : u_x, u_y, u_w, u_h > 0, as when encoding.
    clip : largest dw / u_w and dh / u_h; log(1000 / 16) lets sides grow 62.5 times.

    Shapes
    ------
    (..., 4), (..., 4) -> (..., 4), shapes are broadcast

    Raises
    ------
    InvalidData : shapes that do not fit, proposals with NaN or infinity, with the row. Deltas are a network's answers,
        and are not looked at.
    InvalidParameter : weights that are not four numbers > 0, or a clip that is no number > 0.

    Examples
    --------
    >>> decode_boxes([[0.5, 0.125, 0.0, 0.0]], [[10, 10, 30, 50]])
    array([[20., 15., 40., 55.]])

    References
    ----------
    Girshick, Donahue, Darrell, Malik, *Rich feature hierarchies for accurate object detection*, 2014.
    """
    check("decode_boxes(weights)", weights, _WEIGHTS)
    check("decode_boxes(clip)", clip, _POSITIVE)
    (given, start), form = read_numbers("decode_boxes", deltas=deltas, proposals=proposals)
    given = require_boxes("decode_boxes(deltas)", given, flat=False, finite=False)
    start = require_boxes("decode_boxes(proposals)", start, flat=False)
    require_fit("decode_boxes(deltas, proposals)", given.shape[:-1], start.shape[:-1])
    own_centre, own_sides = _centres_and_sides(start)
    d = given / given.new_tensor(weights)
    centre = own_centre + d[..., :2] * own_sides
    half = d[..., 2:].clamp(max=clip).exp() * own_sides / 2
    return form.give(torch.cat([centre - half, centre + half], -1))


def require_fit(where: str, *shapes: tuple[int, ...]) -> None:
    """Raise unless shapes can be broadcast.

    Raises
    ------
    InvalidData : they cannot.
    """
    try:
        torch.broadcast_shapes(*shapes)
    except RuntimeError as error:
        got = " and ".join(str((*shape,)) for shape in shapes)
        raise InvalidData(problem(where, "as many rows of each", got)) from error


def _centres_and_sides(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """(..., 2), (..., 2)"""
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
