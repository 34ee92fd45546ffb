r"""Boxes as the answers of a grid's cells: the forms of YOLO versions 1, 2, 3 and 5.

A cell is (column, row) = (c_x, c_y), counted from 0; a stride s is the side of a cell in pixels. With the answers
t_x, t_y, t_w, t_h and the sides p_w, p_h of the anchor, a box has the centre b_x, b_y and the sides b_w, b_h in pixels:

==== ================================== ==================== ============= ==================================
form b_x                                b_w                  p             takes centres
==== ================================== ==================== ============= ==================================
v1   s (c_x + t_x)                      p_w t_w              of the image  anywhere
v2   s (c_x + sigmoid(t_x))             s p_w exp(t_w)       in cells      within the cell
v3   s (c_x + sigmoid(t_x))             p_w exp(t_w)         in pixels     within the cell
v5   s (c_x + 2 sigmoid(t_x) - 1/2)     p_w (2 sigmoid)^2    in pixels     up to half a cell around the cell
==== ================================== ==================== ============= ==================================

and b_y, b_h likewise. Form v5 reaches sides below four times the anchor's. `encode_yolo` inverts `decode_yolo`; where
an answer would be infinite (a centre on the edge of the cell), it is the largest that the type of the numbers can tell
from the edge, so that what is decoded is off by a rounding of the cell and no more.

Redmon, Divvala, Girshick, Farhadi, *You only look once*, 2016; Redmon, Farhadi, *YOLO9000*, 2017, and *YOLOv3*, 2018;
version 5 by its published equations (Jocher, 2020).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.core.validation import check, number, one_of
from netwright.vision.boxes.coding import require_fit
from netwright.vision.boxes.reading import Form, read_numbers, require_boxes, require_rows

_FORM = one_of("v1", "v2", "v3", "v5")


class _Place(NamedTuple):
    """Where answers belong: cells (..., 2), side of a cell, sides (..., 2) in pixels that lengths are told in."""

    cells: Tensor
    stride: float
    sides: Tensor


def encode_yolo(boxes: Any, cells: Any, stride: float, anchors: Any, *, form: str = "v3") -> Any:
    """The answers (t_x, t_y, t_w, t_h) of cells that mean boxes.

    Parameters
    ----------
    boxes : boxes x1, y1, x2, y2 in pixels.
    cells : (column, row) of the cell of each box, from 0.
    stride : side of a cell in pixels.
    anchors : (width, height) of the anchor of each box: in pixels for v3 and v5, in cells for v2; for v1, which has
        none, the width and height of the image in pixels.
    form : "v1", "v2", "v3" or "v5".

    Shapes
    ------
    (..., 4), (..., 2), (..., 2) -> (..., 4), shapes are broadcast

    Raises
    ------
    InvalidData : shapes that do not fit, NaN or infinity, an empty box, a box that the cell or the anchor cannot
        reach, with the row.
    InvalidParameter : an unknown form, a stride that is no number > 0.

    Examples
    --------
    >>> encode_yolo([[112, 195, 240, 285]], [[5, 7]], 32, [[128, 90]], form="v3").round(6)
    array([[0., 0., 0., 0.]])
    """
    (given, *rest), back = _read("encode_yolo", "boxes", boxes, cells, stride, anchors, form)
    place = _Place(rest[0], float(stride), rest[1] * stride if form == "v2" else rest[1])
    full = (given[..., 2:] > given[..., :2]).all(-1)
    require_rows("encode_yolo(boxes)", full, "x1 < x2 and y1 < y2", given, "Leave empty boxes out.")
    centre, sides = (given[..., :2] + given[..., 2:]) / 2, given[..., 2:] - given[..., :2]
    offset, scale = centre / place.stride - place.cells, sides / place.sides
    if form == "v1":
        return back.give(torch.cat(torch.broadcast_tensors(offset, scale), -1))
    low, high = (-0.5, 1.5) if form == "v5" else (0.0, 1.0)
    eps = torch.finfo(given.dtype).eps
    room = 4 * eps * (place.cells.abs() + 1)  # what rounding of the centre may have moved it by
    within = ((offset >= low - room) & (offset <= high + room)).all(-1)
    expected = f"a centre within [{low:g}, {high:g}] of the cell, from its left and top edge in cells"
    require_rows("encode_yolo(cells)", within, expected, offset, "Give the cell that holds the centre.")
    first = torch.logit((offset - low) / (high - low), eps)
    if form != "v5":
        return back.give(torch.cat(torch.broadcast_tensors(first, scale.log()), -1))
    reached = (scale <= 4 * (1 + 4 * eps)).all(-1)
    require_rows("encode_yolo(anchors)", reached, "sides up to 4 times the anchor's", scale, "Give a larger anchor.")
    return back.give(torch.cat(torch.broadcast_tensors(first, torch.logit(scale.sqrt() / 2, eps)), -1))


def decode_yolo(answers: Any, cells: Any, stride: float, anchors: Any, *, form: str = "v3") -> Any:
    """The boxes x1, y1, x2, y2 in pixels that answers of cells mean; the inverse of `encode_yolo`.

    Parameters
    ----------
    answers : t_x, t_y, t_w, t_h of a network; they are not looked at.
    cells : (column, row) of the cell of each answer, from 0.
    stride : side of a cell in pixels.
    anchors : (width, height) of the anchor of each answer: in pixels for v3 and v5, in cells for v2; for v1, which has
        none, the width and height of the image in pixels.
    form : "v1", "v2", "v3" or "v5".

    Shapes
    ------
    (..., 4), (..., 2), (..., 2) -> (..., 4), shapes are broadcast

    Raises
    ------
    InvalidData : shapes that do not fit, anchors that are not above 0.
    InvalidParameter : an unknown form, a stride that is no number > 0.

    Examples
    --------
    >>> decode_yolo([[0, 0, 0, 0]], [[5, 7]], 32, [[116, 90]], form="v5")
    array([[118., 195., 234., 285.]])
    """
    (t, *rest), back = _read("decode_yolo", "answers", answers, cells, stride, anchors, form)
    place = _Place(rest[0], float(stride), rest[1] * stride if form == "v2" else rest[1])
    return back.give(decoded(t, *place, form))


def decoded(t: Tensor, cells: Tensor, stride: float, sides: Tensor, form: str) -> Tensor:
    """As `decode_yolo`, of tensors that fit, with no question asked: what a network computes with.

    Parameters
    ----------
    t : (..., 4) answers. cells : (..., 2). stride : side of a cell in pixels.
    sides : (..., 2) of anchors in pixels; for v1 those of the image. form : "v1", "v2", "v3" or "v5".
    """
    first, last = t[..., :2], t[..., 2:]
    if form == "v1":
        offset, scale = first, last
    elif form == "v5":
        offset, scale = 2 * first.sigmoid() - 0.5, (2 * last.sigmoid()).square()
    else:
        offset, scale = first.sigmoid(), last.exp()
    centre, half = stride * (cells + offset), sides * scale / 2
    return torch.cat(torch.broadcast_tensors(centre - half, centre + half), -1)


def _read(
    owner: str, name: str, rows: Any, cells: Any, stride: float, anchors: Any, form: str
) -> tuple[list[Tensor], Form]:
    """Rows, cells and anchors as tensors of the rows' type."""
    if form not in _FORM.choices:
        check(f"{owner}(form)", form, _FORM)
    check(f"{owner}(stride)", stride, number(0, closed="neither"))
    if anchors is None:
        remedy = "For v1 give the image's (width, height)." if form == "v1" else "Give (width, height) of each anchor."
        raise InvalidParameter(problem(f"{owner}(anchors)", "two numbers for each row", "None", remedy))
    (given,), back = read_numbers(owner, **{name: rows})
    given = require_boxes(f"{owner}({name})", given, flat=False, finite=name == "boxes")
    pairs = []
    for what, values in (("cells", cells), ("anchors", anchors)):
        (pair,), _ = read_numbers(owner, **{what: values})
        pair = pair.reshape(0, 2) if pair.shape == (0,) else pair
        if pair.ndim == 0 or pair.shape[-1] != 2:
            raise InvalidData(problem(f"{owner}({what})", "shape (..., 2)", f"shape {tuple(pair.shape)}"))
        pairs.append(pair.to(given))
    require_fit(f"{owner}({name}, cells, anchors)", given.shape[:-1], *(pair.shape[:-1] for pair in pairs))
    require_rows(f"{owner}(anchors)", (pairs[1] > 0).all(-1), "sides > 0", pairs[1], "Give (width, height).")
    return [given, *pairs], back
