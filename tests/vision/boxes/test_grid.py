"""Boxes over a grid: by hand, there and back, and who gets which slot of a cell."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import boxes_to_grid, grid_to_boxes

ANCHORS = [[20, 20], [60, 20], [20, 60]]
EDGE, SIDE = st.floats(-30, 260, width=32), st.floats(-2, 150, width=32)
ROWS = st.lists(st.tuples(EDGE, EDGE, SIDE, SIDE, st.integers(0, 3)), max_size=12)


def test_by_hand() -> None:
    found = boxes_to_grid([[0.44, 0.21, 0.64, 0.41]], [2], [[1, 1]] * 5, grid=19, size=(1, 1), classes=80)
    assert found.array.shape == (19, 19, 5, 85)
    assert found.array.reshape(19, 19, -1).shape == (19, 19, 425)
    assert found.places.tolist() == [[5, 10, 0]]  # row, column: the centre (.54, .31) lies in cell (10, 5)
    p, x, y, h, w, *kinds = found.array[5, 10, 0]
    np.testing.assert_allclose([p, x, y, h, w], [1, 0.26, 0.89, 0.2 * 19, 0.2 * 19])
    assert np.flatnonzero(kinds).tolist() == [2]
    assert found.array.sum() == pytest.approx(1 + 0.26 + 0.89 + 7.6 + 1)


def test_the_height_comes_first_unless_another_order_is_named() -> None:
    options: dict[str, Any] = {"grid": (2, 4), "size": (100, 400), "classes": 1}
    box, label, anchor = [[10, 20, 90, 40]], [0], [[50, 50]]
    np.testing.assert_allclose(boxes_to_grid(box, label, anchor, **options).array[0, 0, 0], [1, 0.5, 0.6, 0.4, 0.8, 1])
    swapped = boxes_to_grid(box, label, anchor, order="xywhp", **options).array[0, 0, 0]
    np.testing.assert_allclose(swapped, [0.5, 0.6, 0.8, 0.4, 1, 1])
    whole = boxes_to_grid(box, label, anchor, extent="image", **options).array[0, 0, 0]
    np.testing.assert_allclose(whole, [1, 0.5, 0.6, 0.2, 0.2, 1])


@given(ROWS, st.sampled_from(["pxyhw", "whyxp"]), st.sampled_from(["cell", "image"]))
def test_there_and_back_and_nothing_is_lost(rows: Any, order: str, extent: str) -> None:
    boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in rows], np.float64).reshape(-1, 4)
    labels = [row[4] for row in rows]
    form: dict[str, Any] = {"size": (200, 240), "order": order, "extent": extent}
    found = boxes_to_grid(boxes, labels, ANCHORS, grid=(5, 6), classes=4, **form)
    placed = [i for i in range(len(rows)) if i not in found.unplaced]
    assert [i for i in range(len(rows)) if found.places[i, 0] >= 0] == placed
    assert len({tuple(place) for place in found.places[placed]}) == len(placed)
    back = grid_to_boxes(found.array, **form)
    order_there = sorted(placed, key=lambda i: tuple(found.places[i]))
    np.testing.assert_allclose(back.boxes, boxes[order_there], atol=1e-9)
    assert back.labels.tolist() == [labels[i] for i in order_there]
    assert (back.scores == 1).all()
    for i in placed:
        row, column, _ = found.places[i]
        centre = (boxes[i, :2] + boxes[i, 2:]) / 2
        assert (centre >= np.array([column, row]) * 40).all()
        assert (centre <= np.array([column + 1, row + 1]) * 40).all()


def test_slots_go_to_the_most_similar_boxes() -> None:
    shapes = [[20, 20], [22, 20], [62, 20], [20, 58]]  # two are most like the first anchor
    boxes = [[30 - w / 2, 30 - h / 2, 30 + w / 2, 30 + h / 2] for w, h in shapes]
    options: dict[str, Any] = {"grid": 2, "size": (100, 100), "classes": 1}
    three = boxes_to_grid(boxes[:3], [0] * 3, ANCHORS, **options)
    assert three.places[:, 2].tolist() == [0, 2, 1]  # the second box goes to its next best slot that is free
    four = boxes_to_grid(boxes, [0] * 4, ANCHORS, **options)
    assert four.places[:, 2].tolist() == [0, -1, 1, 2]
    assert four.unplaced == {1: "all 3 slots of the cell in row 0, column 0 are taken"}
    for order in itertools.permutations(range(4)):
        mixed = boxes_to_grid([boxes[i] for i in order], [0] * 4, ANCHORS, **options)
        np.testing.assert_array_equal(mixed.array, four.array)
    twins = boxes_to_grid([boxes[0]] * 2, [0, 0], ANCHORS[:1], **options)
    assert twins.places.tolist() == [[0, 0, 0], [-1, -1, -1]]


def test_boxes_that_belong_to_no_cell_are_named() -> None:
    boxes = [[90, 90, 110, 110], [95, 95, 115, 115], [5, 5, 5, 9], [9, 9, 5, 5], [-9, 0, 5, 9]]
    found = boxes_to_grid(boxes, [0] * 5, ANCHORS, grid=3, size=(100, 100), classes=1)
    assert found.unplaced == {
        1: "its centre lies outside of the image",
        2: "it is empty",
        3: "it is empty",
        4: "its centre lies outside of the image",
    }
    assert found.places[0].tolist() == [2, 2, 0]  # the outer edge belongs to the last cells
    assert found.array[2, 2, 0, :3].tolist() == [1, 1, 1]


def test_answers_of_a_network() -> None:
    array = torch.zeros(2, 2, 1, 7, requires_grad=True)
    slot = torch.tensor([0.9, 0.5, 0.5, 1.0, 2.0, 0.3, 0.8])
    filled = array + torch.zeros(2, 2, 1, 7).index_put((torch.tensor([1]), torch.tensor([0]), torch.tensor([0])), slot)
    found = grid_to_boxes(filled, size=(100, 100))
    assert found.boxes.tolist() == [[-25, 50, 75, 100]]
    assert (found.labels.tolist(), round(found.scores.item(), 4)) == ([1], 0.72)
    found.boxes.sum().backward()
    assert array.grad is not None
    assert array.grad[1, 0, 0].abs().sum() > 0
    assert grid_to_boxes(filled.detach(), size=(100, 100), threshold=0.73).boxes.shape == (0, 4)
    targets = boxes_to_grid(
        torch.tensor([[0.0, 0, 9, 9]]), torch.tensor([0]), ANCHORS, grid=2, size=(50, 50), classes=1
    )
    assert targets.array.dtype == torch.float32
    assert targets.places.tolist() == [[0, 0, 0]]


def test_what_cannot_be_is_named() -> None:
    options: dict[str, Any] = {"grid": 2, "size": (50, 50), "classes": 2}
    with pytest.raises(
        InvalidData, match=r"boxes_to_grid\(labels\), row 1: expected 0 ... 1, got 2\. Classes count from"
    ):
        boxes_to_grid([[0, 0, 9, 9]] * 2, [0, 2], ANCHORS, **options)
    with pytest.raises(InvalidData, match=r"boxes_to_grid\(anchors\): expected \(width, height\) > 0"):
        boxes_to_grid([[0, 0, 9, 9]], [0], [[0, 1]], **options)
    with pytest.raises(InvalidParameter, match=r"boxes_to_grid\(order\): expected an order of the letters"):
        boxes_to_grid([[0, 0, 9, 9]], [0], ANCHORS, order="xywh", **options)
    with pytest.raises(InvalidParameter, match=r"boxes_to_grid\(grid\)"):
        boxes_to_grid([[0, 0, 9, 9]], [0], ANCHORS, grid=0, size=(50, 50), classes=2)
    with pytest.raises(InvalidData, match=r"make two: array.reshape\(rows, columns, k, -1\)"):
        grid_to_boxes(np.zeros((2, 2, 7)), size=(50, 50))
