"""Boxes as one array over a grid: the form of Stanford's courses CS230 and deeplearning.ai.

The image is cut into R x C cells; each has k slots, one for each anchor, of 5 + p numbers for p classes:

    array (R, C, k, 5 + p),   entries p_c, b_x, b_y, b_h, b_w, c_1 ... c_p

    p_c   1 where the slot holds a box, else 0, and all other entries of the slot then are 0
    b_x   from the left edge of the cell to the centre of the box, in widths of a cell: 0 <= b_x < 1
    b_y   from the top edge of the cell to the centre, in heights of a cell
    b_h   height of the box, in heights of a cell: it may be above 1     (``extent="image"``: in heights of the image)
    b_w   width of the box, in widths of a cell                          (``extent="image"``: in widths of the image)
    c_i   1 for the class of the box, else 0

The height stands before the width, as in the courses; `order` names another order of the first five. A box goes into
the cell that holds its centre (of the last cells the outer edge counts too), and there into the slot whose anchor is
most like it: over all pairs of boxes and slots of a cell, the pair with the largest IoU of shapes first, of equal ones
the earlier box, then the earlier anchor. A box whose best slot is taken gets its next best one. Boxes that could not be
placed are named in `unplaced` with the reason. ``array.reshape(R, C, -1)`` is the courses' R x C x k (5 + p).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import Constraint, check, integer, number, one_of, satisfies
from netwright.vision.boxes.anchors import shape_iou
from netwright.vision.boxes.convert import SIZE
from netwright.vision.boxes.reading import on_host, read_integers, read_numbers, require_boxes, require_finite

ORDER = "pxyhw"
_ORDER = satisfies("an order of the letters p, x, y, h, w", lambda value: sorted(value) == sorted(ORDER))
_EXTENT = one_of("cell", "image")
_COUNT = integer(1)
_GRID = _COUNT | Constraint(
    "(rows, columns)",
    lambda value: isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_COUNT.accepts, value)),
)


class GridTargets(NamedTuple):
    """Boxes on a grid.

    Attributes
    ----------
    array : (rows, columns, anchors, 5 + classes).
    places : (n, 3), row, column and anchor of each box; -1 of those that were not placed.
    unplaced : why a box was not placed, by its index.
    """

    array: Any
    places: Any
    unplaced: dict[int, str]


class GridBoxes(NamedTuple):
    """Boxes that were read from a grid, cell by cell, row by row.

    Attributes
    ----------
    boxes : (n, 4), x1, y1, x2, y2 in pixels.
    labels : (n,), classes from 0.
    scores : (n,).
    """

    boxes: Any
    labels: Any
    scores: Any


def boxes_to_grid(
    boxes: Any,
    labels: Any,
    anchors: Any,
    *,
    grid: int | tuple[int, int],
    size: tuple[float, float],
    classes: int,
    order: str = ORDER,
    extent: str = "cell",
) -> GridTargets:
    """The array of an image's boxes over a grid, as targets of a one-stage detector.

    Parameters
    ----------
    boxes : boxes x1, y1, x2, y2 in pixels.
    labels : class of each box, 0 ... classes - 1.
    anchors : (width, height) of each anchor in pixels; one for each slot of a cell.
    grid : cells in each direction, or (rows, columns).
    size : (height, width) of the image in pixels.
    classes : how many there are.
    order : of the first five entries of a slot, as letters.
    extent : what the sides of boxes are told in: "cell" or "image".

    Shapes
    ------
    (n, 4), (n,), (k, 2) -> (rows, columns, k, 5 + classes)

    Raises
    ------
    InvalidData : shapes that do not fit, NaN or infinity, a label that is no class, with the row.
    InvalidParameter : an option out of its range.

    Examples
    --------
    >>> found = boxes_to_grid([[49, 21, 59, 41]], [1], [[10, 20]], grid=19, size=(100, 100), classes=2)
    >>> found.places, found.array[5, 10, 0].round(2), found.unplaced
    (array([[ 5, 10,  0]]), array([1.  , 0.26, 0.89, 3.8 , 1.9 , 0.  , 1.  ]), {})

    References
    ----------
    Redmon, Divvala, Girshick, Farhadi, *You only look once: unified, real-time object detection*, 2016.
    """
    owner = "boxes_to_grid"
    cells = _options(owner, grid, size, order, extent)
    check(f"{owner}(classes)", classes, _COUNT)
    (given,), form = read_numbers(owner, boxes=boxes)
    b = on_host(require_boxes(f"{owner}(boxes)", given))
    kinds = _labels(f"{owner}(labels)", labels, len(b), classes)
    shapes = _anchors(f"{owner}(anchors)", anchors)
    unit = np.array([size[1], size[0]], np.float64)  # width, height
    centre = (b[:, :2] + b[:, 2:]) / 2 / unit * cells[::-1]  # in cells: column, row
    sides = (b[:, 2:] - b[:, :2]) / unit * (cells[::-1] if extent == "cell" else 1)
    cell = np.clip(np.floor(centre), 0, cells[::-1] - 1).astype(np.int64)
    unplaced = _outside(b, centre, cells)
    best = shape_iou(np.maximum(b[:, 2:] - b[:, :2], 0), shapes)
    slot = _slots(best, cell, unplaced)
    array = np.zeros((*cells, len(shapes), 5 + classes))
    there = np.flatnonzero(slot >= 0)
    column, row = cell[there].T
    entries = {"p": 1.0, "x": (centre - cell)[there, 0], "y": (centre - cell)[there, 1]}
    entries |= {"h": sides[there, 1], "w": sides[there, 0]}
    for place, letter in enumerate(order):
        array[row, column, slot[there], place] = entries[letter]
    array[row, column, slot[there], 5 + kinds[there]] = 1
    places = np.where(slot[:, None] >= 0, np.stack([cell[:, 1], cell[:, 0], slot], 1), -1)
    return GridTargets(form.give_array(array), form.give_array(places), dict(sorted(unplaced.items())))


def grid_to_boxes(
    array: Any, *, size: tuple[float, float], threshold: float = 0.5, order: str = ORDER, extent: str = "cell"
) -> GridBoxes:
    """The boxes of a grid; the inverse of `boxes_to_grid`, for targets and for what a network answers.

    Parameters
    ----------
    array : (rows, columns, k, 5 + classes) of one image.
    size : (height, width) of the image in pixels.
    threshold : slots go whose score is below it; the score is p_c times the largest c_i.
    order : of the first five entries of a slot, as letters.
    extent : what the sides of boxes are told in: "cell" or "image".

    Shapes
    ------
    (rows, columns, k, 5 + classes) -> (n, 4), (n,), (n,)

    Raises
    ------
    InvalidData : another shape, NaN or infinity. InvalidParameter : an option out of its range.

    Examples
    --------
    >>> found = boxes_to_grid([[49, 21, 59, 41]], [1], [[10, 20]], grid=19, size=(100, 100), classes=2)
    >>> grid_to_boxes(found.array, size=(100, 100))
    GridBoxes(boxes=array([[49., 21., 59., 41.]]), labels=array([1]), scores=array([1.]))
    """
    owner = "grid_to_boxes"
    check(f"{owner}(threshold)", threshold, number())
    (slots,), form = read_numbers(owner, array=array)
    if slots.ndim != 4 or slots.shape[-1] < 6:
        got = f"shape {tuple(slots.shape)}"
        remedy = "Of a flat last axis make two: array.reshape(rows, columns, k, -1)."
        raise InvalidData(problem(f"{owner}(array)", "shape (rows, columns, k, 5 + classes)", got, remedy))
    cells = _options(owner, (slots.shape[0], slots.shape[1]), size, order, extent)
    require_finite(f"{owner}(array)", slots)
    highest, kind = slots[..., 5:].max(-1)
    scores = slots[..., order.index("p")] * highest
    row, column, anchor = (scores >= threshold).nonzero(as_tuple=True)
    held = slots[row, column, anchor]
    unit = slots.new_tensor([size[1], size[0]])
    cell = unit / slots.new_tensor([cells[1], cells[0]])
    centre = (torch.stack([column, row], 1) + held[:, [order.index("x"), order.index("y")]]) * cell
    half = held[:, [order.index("w"), order.index("h")]] * (cell if extent == "cell" else unit) / 2
    found = torch.cat([centre - half, centre + half], 1)
    return GridBoxes(form.give(found), form.give(kind[row, column, anchor]), form.give(scores[row, column, anchor]))


def _options(owner: str, grid: Any, size: Any, order: str, extent: str) -> NDArray[np.int64]:
    """The checked (rows, columns)."""
    check(f"{owner}(grid)", grid, _GRID)
    check(f"{owner}(size)", size, SIZE)
    check(f"{owner}(order)", order, _ORDER)
    check(f"{owner}(extent)", extent, _EXTENT)
    return np.array(grid if np.ndim(grid) else [grid, grid], np.int64)


def _labels(where: str, labels: Any, count: int, classes: int) -> NDArray[np.int64]:
    kinds = read_integers(where, labels, count)
    wrong = np.flatnonzero((kinds < 0) | (kinds >= classes))
    if wrong.size:
        row = int(wrong[0])
        remedy = "Classes count from 0; there is none for the background."
        raise InvalidData(problem(f"{where}, row {row}", f"0 ... {classes - 1}", str(int(kinds[row])), remedy))
    return kinds


def _anchors(where: str, anchors: Any) -> NDArray[np.float64]:
    (given,), _ = read_numbers(where, anchors=anchors)
    shapes = on_host(given)
    if shapes.ndim != 2 or shapes.shape[1] != 2 or not len(shapes) or not (shapes > 0).all():
        got = f"shape {shapes.shape}" if shapes.ndim != 2 or shapes.shape[1] != 2 else f"{shapes.tolist()}"
        raise InvalidData(problem(where, "(width, height) > 0 of each anchor, shape (k, 2)", got))
    return shapes


def _outside(b: NDArray[Any], centre: NDArray[Any], cells: NDArray[np.int64]) -> dict[int, str]:
    """The boxes that belong to no cell."""
    empty = (b[:, 2:] <= b[:, :2]).any(1)
    beyond = ((centre < 0) | (centre > cells[::-1])).any(1)
    found = dict.fromkeys(map(int, np.flatnonzero(beyond)), "its centre lies outside of the image")
    return found | dict.fromkeys(map(int, np.flatnonzero(empty)), "it is empty")


def _slots(best: NDArray[np.float64], cell: NDArray[np.int64], unplaced: dict[int, str]) -> NDArray[np.int64]:
    """The anchor of each box, -1 of those without; boxes for which none is left are added to `unplaced`."""
    n, k = best.shape
    slot, taken = np.full(n, -1), set()
    for pair in np.argsort(-best, axis=None, kind="stable"):
        box, anchor = divmod(int(pair), k)
        key = (*cell[box], anchor)
        if slot[box] < 0 and box not in unplaced and key not in taken:
            slot[box] = anchor
            taken.add(key)
    for box in np.flatnonzero(slot < 0):
        column, row = cell[box]
        unplaced.setdefault(int(box), f"all {k} slots of the cell in row {row}, column {column} are taken")
    return slot
