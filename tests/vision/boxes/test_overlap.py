"""Overlaps: by hand, by their equations for one pair after the other, by their properties, and their gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidData
from netwright.vision import box_iou, complete_box_iou, distance_box_iou, generalized_box_iou

ALL: list[Callable[..., Any]] = [box_iou, generalized_box_iou, distance_box_iou, complete_box_iou]
each_measure = pytest.mark.parametrize("measure", ALL, ids=lambda function: function.__name__)
BY_HAND = [
    ((0, 0, 4, 4), (2, 2, 6, 6), (1 / 7, 1 / 7 - 8 / 36, 1 / 7 - 8 / 72, 1 / 7 - 8 / 72)),
    ((0, 0, 10, 10), (5, 0, 15, 10), (1 / 3, 1 / 3, 1 / 3 - 25 / 325, 1 / 3 - 25 / 325)),
    ((0, 0, 2, 2), (3, 3, 5, 5), (0, -0.68, -0.36, -0.36)),
    # torchvision prints .2683316691 for the last: it adds 1e-7 to denominators
    ((0, 0, 4, 2), (1, 0, 3, 4), (1 / 3, 1 / 3 - 4 / 16, 1 / 3 - 1 / 32, 0.2683316649)),
    ((2, 1, 4, 3), (1, 2, 3, 4), (1 / 7, None, None, None)),
]
EDGE = st.integers(-20, 20) | st.floats(-1e3, 1e3, width=32)
BOX = st.tuples(EDGE, EDGE, EDGE, EDGE)


def proper(box: Any) -> tuple[float, ...]:
    """A box with its edges in order."""
    return (*np.minimum(box[:2], box[2:]).tolist(), *np.maximum(box[:2], box[2:]).tolist())


def equations(a: tuple[float, ...], b: tuple[float, ...]) -> list[float]:
    """The header's equations for two proper boxes, 0 / 0 = 0."""
    ratio = lambda top, bottom: top / bottom if bottom else 0.0  # noqa: E731
    inter = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter
    wide, high = max(a[2], b[2]) - min(a[0], b[0]), max(a[3], b[3]) - min(a[1], b[1])
    iou = ratio(inter, union)
    apart = math.hypot((a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2)
    diou = iou - ratio(apart**2, wide**2 + high**2)
    v = 4 / math.pi**2 * (math.atan2(a[2] - a[0], a[3] - a[1]) - math.atan2(b[2] - b[0], b[3] - b[1])) ** 2
    return [iou, iou - ratio(wide * high - union, wide * high), diou, diou - ratio(v * v, 1 - iou + v)]


@pytest.mark.parametrize(("first", "second", "expected"), BY_HAND)
def test_by_hand(first: Any, second: Any, expected: Any) -> None:
    for measure, value in zip(ALL, expected, strict=True):
        if value is not None:
            assert measure([first], [second])[0, 0] == pytest.approx(value, abs=1e-10)
            assert measure([second], [first])[0, 0] == pytest.approx(value, abs=1e-10)


def test_nothing_is_added_to_a_denominator() -> None:
    assert distance_box_iou([[0, 0, 2, 2]], [[3, 3, 5, 5]])[0, 0] == -0.36
    assert generalized_box_iou([[0, 0, 2, 2]], [[3, 3, 5, 5]])[0, 0] == -0.68


@pytest.mark.slow
@given(st.lists(BOX, min_size=1, max_size=4), st.lists(BOX, min_size=1, max_size=4))
def test_proper_boxes_are_as_by_the_equations(first: Any, second: Any) -> None:
    a, b = [proper(box) for box in first], [proper(box) for box in second]
    expected = np.array([[equations(x, y) for y in b] for x in a])
    for index, measure in enumerate(ALL):
        np.testing.assert_allclose(measure(a, b), expected[..., index], rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@given(st.lists(BOX, min_size=1, max_size=5), st.lists(BOX, min_size=1, max_size=5))
def test_ranges_and_order(first: Any, second: Any) -> None:
    iou, giou, diou, ciou = (measure(first, second) for measure in ALL)  # reversed boxes too
    assert (iou >= 0).all()
    assert (iou <= 1).all()
    for lower, least in ((giou, -1), (diou, -1), (ciou, -1.5)):
        assert (lower >= least - 1e-12).all()
        assert (lower <= iou).all()
    assert (ciou <= diou).all()


@pytest.mark.slow
@each_measure
@given(boxes=st.lists(BOX, min_size=1, max_size=5))
def test_symmetry_and_identity(measure: Callable[..., Any], boxes: Any) -> None:
    found = measure(boxes, boxes)
    np.testing.assert_array_equal(found, found.T)
    area = np.array([(x2 - x1) * (y2 - y1) if x2 > x1 and y2 > y1 else 0 for x1, y1, x2, y2 in boxes])
    if measure is box_iou:
        np.testing.assert_array_equal(np.diag(found), (area >= np.finfo(float).tiny).astype(float))


@pytest.mark.slow
@each_measure
@given(boxes=st.lists(BOX, min_size=2, max_size=5), power=st.integers(-8, 8))
def test_scale_does_not_matter(measure: Callable[..., Any], boxes: Any, power: int) -> None:
    boxes = np.round(np.array(boxes, np.float64))
    np.testing.assert_allclose(measure(boxes * 2.0**power, boxes * 2.0**power), measure(boxes, boxes), rtol=1e-12)


@each_measure
def test_integers_do_not_overflow(measure: Callable[..., Any]) -> None:
    for box in (np.array([[0, 0, 70000, 70000]], np.int32), torch.tensor([[0, 0, 70000, 70000]], dtype=torch.int32)):
        assert float(measure(box, box)[0, 0]) == 1
    half = box_iou(np.array([[0, 0, 70000, 70000]], np.int32), np.array([[0, 0, 70000, 35000]], np.int32))
    assert half[0, 0] == 0.5


@each_measure
def test_empty_and_reversed_boxes_are_finite(measure: Callable[..., Any]) -> None:
    odd = [[1, 1, 1, 1], [1, 1, 5, 1], [1, 1, 1, 5], [5, 5, 1, 1], [5, 1, 1, 5], [0, 0, 8, 8], [1e-30, 0, 2e-30, 1e-30]]
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        boxes = torch.tensor(odd, dtype=dtype, requires_grad=True)
        found = measure(boxes, boxes)
        assert found.dtype == dtype
        assert torch.isfinite(found).all()
        found.sum().backward()
        assert boxes.grad is not None
        assert torch.isfinite(boxes.grad).all()
    assert measure([[1, 1, 1, 1]], [[1, 1, 1, 1]])[0, 0] == 0
    assert box_iou([[5, 5, 1, 1]], [[0, 0, 8, 8]])[0, 0] == 0  # two negative sides make no area


@pytest.mark.parametrize("measure", ALL[:3], ids=lambda function: function.__name__)
def test_gradients(measure: Callable[..., Any]) -> None:
    generator = torch.Generator().manual_seed(1)
    corner, side = torch.rand(2, 5, 2, generator=generator, dtype=torch.float64)
    boxes = torch.cat([corner, corner + side], 1)
    first, second = boxes[:3].clone().requires_grad_(), boxes[3:].clone().requires_grad_()
    assert torch.autograd.gradcheck(measure, (first, second))


def test_no_gradient_passes_the_weight_of_complete_iou() -> None:
    first = torch.tensor([[0.0, 0.0, 4.0, 2.0]], dtype=torch.float64, requires_grad=True)
    second = torch.tensor([[1.0, 0.0, 3.0, 4.0]], dtype=torch.float64)
    [found] = torch.autograd.grad(complete_box_iou(first, second).sum(), first)
    width, height = first[:, 2] - first[:, 0], first[:, 3] - first[:, 1]
    v = 4 / math.pi**2 * (torch.atan(width / height) - math.atan(0.5)) ** 2
    alpha = (v / (1 - box_iou(first, second)[0] + v)).detach()
    [expected] = torch.autograd.grad((distance_box_iou(first, second)[0] - alpha * v).sum(), first)
    torch.testing.assert_close(found, expected)


@each_measure
def test_blocks_and_compiled_loops_give_what_autograd_gives(measure: Callable[..., Any]) -> None:
    generator = torch.Generator().manual_seed(2)
    for dtype in (torch.float32, torch.float64):
        boxes = torch.rand(700, 4, generator=generator, dtype=dtype) * 100
        with_graph = measure(boxes.clone().requires_grad_(), boxes[:400])
        found = measure(boxes, boxes[:400])
        if measure is complete_box_iou:  # torch's arc tangent differs by its place in a vector
            torch.testing.assert_close(found, with_graph.detach())
        else:
            assert torch.equal(found, with_graph.detach())


@each_measure
def test_what_goes_in_comes_out(measure: Callable[..., Any]) -> None:
    boxes = [[0.0, 0.0, 4.0, 4.0]]
    assert isinstance(measure(boxes, boxes), np.ndarray)
    assert measure(np.array(boxes, np.float32), boxes).dtype == np.float32
    assert measure(torch.tensor(boxes), boxes).dtype == torch.float32
    assert measure(torch.tensor(boxes), torch.tensor(boxes).double()).dtype == torch.float64
    assert measure([], boxes).shape == (0, 1)
    assert measure(torch.zeros(3, 4), torch.zeros(0, 4)).shape == (3, 0)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([0, 0, 1, 1], r"box_iou\(boxes1\): expected shape \(n, 4\).*got shape \(4,\)\. Give one box as"),
        ([[0, 0, 1]], r"got shape \(1, 3\)"),
        ([[0, 0, 1, 1], [0, 0, float("nan"), 1]], r"boxes1\), row 1: expected finite numbers, got \[0.0, 0.0, nan"),
        ([[0, 0, float("inf"), 1]], "row 0"),
        ([[0, 0, 1e160, 1]], r"row 0: expected numbers up to 3.4e\+153 in size"),
        ([[0, 0, 1, 1], [0, 0, 1]], "rows of one length"),
        ([["a", "b", "c", "d"]], "expected numbers"),
        (torch.zeros(1, 4, dtype=torch.bool), "real numbers"),
    ],
)
def test_what_is_no_box_is_named(boxes: Any, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        box_iou(boxes, [[0, 0, 1, 1]])
