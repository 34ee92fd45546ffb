"""Formats of boxes, and what is done to boxes one by one: areas, clipping, those that are too small, those of masks.

========= ======================================= ===========================
format    numbers of a box                        used by
========= ======================================= ===========================
xyxy      left, top, right, bottom edge           netwright, torchvision, VOC
xywh      left edge, top edge, width, height      COCO
cxcywh    centre x, centre y, width, height       YOLO, there normalised
========= ======================================= ===========================

The names are torchvision's; Ultralytics calls cxcywh "xywh" and xywh "ltwh". A normalised box is in shares of the
image: x and widths in shares of its width, y and heights in shares of its height. Sizes of images are (height, width).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.validation import Constraint, boolean, check, nothing, number, one_of
from netwright.vision.boxes.reading import Form, read_numbers, require_boxes

_FORMAT = one_of("xyxy", "xywh", "cxcywh")
_SIDE = number(0, closed="neither")
SIZE = Constraint(
    "(height, width), two numbers > 0",
    lambda value: isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_SIDE.accepts, value)),
)


def box_convert(
    boxes: Any, in_fmt: str, out_fmt: str, *, normalized: str | None = None, size: tuple[float, float] | None = None
) -> Any:
    """Boxes in another format.

    Parameters
    ----------
    boxes : boxes in the format `in_fmt`.
    in_fmt, out_fmt : "xyxy", "xywh" (left, top, width, height) or "cxcywh" (centre, width, height).
    normalized : which are shares of the image: "in", those that come, which become pixels; "out", those that go back,
        which were pixels; None: neither changes its unit.
    size : (height, width) of the image in pixels; with `normalized`, and only then.

    Shapes
    ------
    (..., 4) -> (..., 4)

    Raises
    ------
    InvalidData : another last axis, NaN or infinity, with the row.
    InvalidParameter : an unknown format, `normalized` without `size` or `size` without `normalized`.

    Examples
    --------
    >>> box_convert([[10, 20, 30, 60]], "xyxy", "xywh")
    array([[10., 20., 20., 40.]])
    >>> box_convert([[0.5, 0.5, 0.2, 0.5]], "cxcywh", "xyxy", normalized="in", size=(80, 100))
    array([[40., 20., 60., 60.]])
    """
    for name, fmt in (("in_fmt", in_fmt), ("out_fmt", out_fmt)):
        check(f"box_convert({name})", fmt, _FORMAT)
    check("box_convert(normalized)", normalized, one_of("in", "out") | nothing)
    check("box_convert(size)", size, SIZE | nothing)
    if (normalized is None) != (size is None):
        got = f"normalized={normalized!r}, size={size}"
        remedy = "Say which boxes are shares of the image, and the image's (height, width)."
        raise InvalidParameter(problem("box_convert(normalized, size)", "both or none", got, remedy))
    (given,), form = read_numbers("box_convert", boxes=boxes)
    found = require_boxes("box_convert(boxes)", given, flat=False)
    if size is not None and normalized == "in":
        found = found * _unit(found, size)
    if in_fmt != out_fmt:
        found = _FROM_EDGES[out_fmt](_TO_EDGES[in_fmt](found))
    if size is not None and normalized == "out":
        found = found / _unit(found, size)
    return form.give(found.clone() if found is given else found)


def box_area(boxes: Any) -> Any:
    """Areas of boxes: (x2 - x1) (y2 - y1), 0 of a reversed one.

    Parameters
    ----------
    boxes : boxes x1, y1, x2, y2.

    Shapes
    ------
    (..., 4) -> (...,)

    Raises
    ------
    InvalidData : another last axis, NaN or infinity, with the row.

    Examples
    --------
    >>> box_area([[0, 0, 70000, 70000], [5, 5, 1, 1]])
    array([4.9e+09, 0.0e+00])
    """
    (given,), form = read_numbers("box_area", boxes=boxes)
    b = require_boxes("box_area(boxes)", given, flat=False)
    return form.give((b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1))


def clip_boxes_to_image(boxes: Any, size: tuple[float, float]) -> Any:
    """Boxes with the parts cut off that lie outside of the image; those that lie outside wholly become empty.

    Parameters
    ----------
    boxes : boxes x1, y1, x2, y2 in pixels.
    size : (height, width) of the image.

    Shapes
    ------
    (..., 4) -> (..., 4)

    Raises
    ------
    InvalidData : another last axis, NaN or infinity, with the row. InvalidParameter : a size that is none.

    Examples
    --------
    >>> clip_boxes_to_image([[-5, 10, 120, 50]], (80, 100))
    array([[  0.,  10., 100.,  50.]])
    """
    check("clip_boxes_to_image(size)", size, SIZE)
    (given,), form = read_numbers("clip_boxes_to_image", boxes=boxes)
    b = require_boxes("clip_boxes_to_image(boxes)", given, flat=False)
    return form.give(torch.minimum(b.clamp(min=0), _unit(b, size)))


def remove_small_boxes(boxes: Any, min_size: float) -> Any:
    """Indices of the boxes whose width and height are both at least a size.

    Parameters
    ----------
    boxes : boxes x1, y1, x2, y2.
    min_size : in pixels.

    Shapes
    ------
    (n, 4) -> (m,) integers

    Raises
    ------
    InvalidData : another shape, NaN or infinity, with the row. InvalidParameter : a size that is no number.

    Examples
    --------
    >>> remove_small_boxes([[0, 0, 10, 10], [0, 0, 10, 1]], 2)
    array([0])
    """
    check("remove_small_boxes(min_size)", min_size, number())
    (given,), form = read_numbers("remove_small_boxes", boxes=boxes)
    b = require_boxes("remove_small_boxes(boxes)", given)
    return form.give(((b[:, 2:] - b[:, :2]) >= min_size).all(1).nonzero()[:, 0])


def masks_to_boxes(masks: Any, *, edges: bool = False) -> Any:
    """The smallest box around each mask.

    Parameters
    ----------
    masks : a mask of pixels an object; what is not 0 belongs to it.
    edges : False: x2 and y2 are the last column and row of the mask, as torchvision counts, so that a mask of one
        pixel has an empty box. True: they are the edges behind these, so that the box covers whole pixels.

    Shapes
    ------
    (n, height, width) -> (n, 4) in float32 of tensors, float64 of arrays

    Raises
    ------
    InvalidData : another shape, or a mask without a pixel, with its index. InvalidParameter : another `edges`.

    Examples
    --------
    >>> mask = [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0]]
    >>> masks_to_boxes([mask]), masks_to_boxes([mask], edges=True)
    (array([[1., 1., 2., 2.]]), array([[1., 1., 3., 3.]]))
    """
    check("masks_to_boxes(edges)", edges, boolean)
    there = masks != 0 if isinstance(masks, Tensor) else torch.from_numpy(_array(masks) != 0)
    if there.ndim != 3:
        raise InvalidData(problem("masks_to_boxes(masks)", "shape (n, height, width)", f"shape {tuple(there.shape)}"))
    columns, rows = there.any(1), there.any(2)  # (n, width), (n, height)
    empty = ~rows.any(1)
    if empty.any():
        where = f"masks_to_boxes(masks), mask {int(empty.nonzero()[0, 0])}"
        raise InvalidData(problem(where, "a pixel that is not 0", "none", "Leave the mask out: it has no box."))
    edge = [_first(columns), _first(rows), _last(columns) + edges, _last(rows) + edges]
    tensors = isinstance(masks, Tensor)
    return Form(there.device if tensors else None, torch.float32 if tensors else torch.float64).give(
        torch.stack(edge, 1).double()
    )


def _array(masks: Any) -> Any:
    """Masks as an array."""
    try:
        return np.asarray(masks)
    except ValueError as error:
        raise InvalidData(problem("masks_to_boxes(masks)", "masks of one shape", shown(masks))) from error


def _first(there: Tensor) -> Tensor:
    """The first true place of each row."""
    return there.int().argmax(1)


def _last(there: Tensor) -> Tensor:
    return there.shape[1] - 1 - _first(there.flip(1))


def _unit(like: Tensor, size: tuple[float, float]) -> Tensor:
    """(width, height, width, height)"""
    height, width = float(size[0]), float(size[1])
    return like.new_tensor([width, height, width, height])


def _corner_to_edges(b: Tensor) -> Tensor:
    return torch.cat([b[..., :2], b[..., :2] + b[..., 2:]], -1)


def _centre_to_edges(b: Tensor) -> Tensor:
    half = b[..., 2:] / 2
    return torch.cat([b[..., :2] - half, b[..., :2] + half], -1)


def _edges_to_corner(b: Tensor) -> Tensor:
    return torch.cat([b[..., :2], b[..., 2:] - b[..., :2]], -1)


def _edges_to_centre(b: Tensor) -> Tensor:
    return torch.cat([(b[..., :2] + b[..., 2:]) / 2, b[..., 2:] - b[..., :2]], -1)


def _same(b: Tensor) -> Tensor:
    return b


_TO_EDGES = {"xyxy": _same, "xywh": _corner_to_edges, "cxcywh": _centre_to_edges}
_FROM_EDGES = {"xyxy": _same, "xywh": _edges_to_corner, "cxcywh": _edges_to_centre}
