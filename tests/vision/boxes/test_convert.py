"""Formats: by hand, there and back, and against loops over boxes and pixels."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import box_area, box_convert, clip_boxes_to_image, masks_to_boxes, remove_small_boxes

FORMATS = ("xyxy", "xywh", "cxcywh")
EDGE = st.integers(-1000, 1000)
BOXES = st.lists(st.tuples(EDGE, EDGE, EDGE, EDGE), max_size=5)


@pytest.mark.parametrize(
    ("fmt", "box"), [("xyxy", [10, 20, 30, 60]), ("xywh", [10, 20, 20, 40]), ("cxcywh", [20, 40, 20, 40])]
)
def test_by_hand(fmt: str, box: list[float]) -> None:
    assert box_convert([box], fmt, "xyxy").tolist() == [[10, 20, 30, 60]]
    assert box_convert([[10, 20, 30, 60]], "xyxy", fmt).tolist() == [box]
    shares = np.array(box) / [100, 80, 100, 80]
    np.testing.assert_allclose(
        box_convert(shares[None], fmt, "xyxy", normalized="in", size=(80, 100)), [[10, 20, 30, 60]]
    )
    np.testing.assert_allclose(box_convert([[10, 20, 30, 60]], "xyxy", fmt, normalized="out", size=(80, 100)), [shares])


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), list(itertools.product(FORMATS, FORMATS)))
@given(boxes=BOXES)
def test_there_and_back(first: str, second: str, boxes: Any) -> None:
    given_boxes = np.array(boxes, np.float64).reshape(-1, 4)
    there = box_convert(boxes, first, second)
    np.testing.assert_array_equal(box_convert(there, second, first), given_boxes)  # halves of integers are exact
    shares = box_convert(boxes, first, second, normalized="out", size=(480, 640))
    back = box_convert(shares, second, first, normalized="in", size=(480, 640))
    np.testing.assert_allclose(back, given_boxes, atol=1e-9)


def test_the_same_format_is_a_copy() -> None:
    boxes = torch.tensor([[1.0, 2, 3, 4]])
    found = box_convert(boxes, "xyxy", "xyxy")
    found += 1
    assert boxes.tolist() == [[1, 2, 3, 4]]


def test_types_axes_and_gradients() -> None:
    boxes = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    for fmt in FORMATS[1:]:
        assert torch.autograd.gradcheck(lambda b, fmt=fmt: box_convert(b, fmt, "xyxy"), (boxes,))
    assert box_convert(boxes.half(), "xywh", "xyxy").dtype == torch.float16
    assert box_convert(np.zeros((2, 4), np.float32), "xywh", "cxcywh").dtype == np.float32
    assert box_convert([0, 0, 2, 2], "xywh", "cxcywh").tolist() == [1, 1, 2, 2]


@given(BOXES)
def test_areas(boxes: Any) -> None:
    expected = [max(x2 - x1, 0) * max(y2 - y1, 0) for x1, y1, x2, y2 in boxes]
    assert box_area(boxes).tolist() == expected


def test_areas_of_integers_and_reversed_boxes() -> None:
    assert box_area(torch.tensor([[0, 0, 70000, 70000]], dtype=torch.int32)).tolist() == [4_900_000_000]
    assert box_area([[5, 5, 1, 1], [5, 1, 1, 5]]).tolist() == [0, 0]


@given(BOXES, st.integers(1, 500), st.integers(1, 500))
def test_clipped_boxes(boxes: Any, height: int, width: int) -> None:
    found = clip_boxes_to_image(boxes, (height, width))
    high = np.array([width, height, width, height])
    np.testing.assert_array_equal(found, np.clip(np.array(boxes).reshape(-1, 4), 0, high))
    tensor = clip_boxes_to_image(torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), (height, width))
    np.testing.assert_array_equal(tensor.numpy(), found)


@given(BOXES, st.integers(0, 300))
def test_small_boxes(boxes: Any, least: int) -> None:
    expected = [i for i, (x1, y1, x2, y2) in enumerate(boxes) if min(x2 - x1, y2 - y1) >= least]
    assert remove_small_boxes(boxes, least).tolist() == expected


@given(st.integers(0, 10_000))
def test_masks_by_their_pixels(seed: int) -> None:
    masks = np.random.default_rng(seed).random((3, 5, 7)) < 0.15
    masks[:, 2, 3] = True
    expected = [[x.min(), y.min(), x.max(), y.max()] for y, x in (np.nonzero(mask) for mask in masks)]
    np.testing.assert_array_equal(masks_to_boxes(masks), expected)
    np.testing.assert_array_equal(masks_to_boxes(torch.from_numpy(masks), edges=True), np.add(expected, [0, 0, 1, 1]))


def test_masks_of_any_type() -> None:
    mask = torch.zeros(1, 4, 4, dtype=torch.uint8)
    mask[0, 1:3, 2] = 255
    assert masks_to_boxes(mask).dtype == torch.float32
    assert masks_to_boxes(mask.tolist()).tolist() == [[2, 1, 2, 2]]
    assert masks_to_boxes(np.zeros((0, 4, 4))).shape == (0, 4)


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(InvalidParameter, match=r"box_convert\(in_fmt\): expected 'xyxy' or .* got 'ltwh'"):
        box_convert([[0, 0, 1, 1]], "ltwh", "xyxy")
    with pytest.raises(InvalidParameter, match="expected both or none, got normalized='in', size=None"):
        box_convert([[0, 0, 1, 1]], "xywh", "xyxy", normalized="in")
    with pytest.raises(InvalidParameter, match="expected both or none"):
        box_convert([[0, 0, 1, 1]], "xywh", "xyxy", size=(4, 4))
    with pytest.raises(InvalidParameter, match=r"clip_boxes_to_image\(size\): expected \(height, width\)"):
        clip_boxes_to_image([[0, 0, 1, 1]], 5)  # type: ignore[arg-type]
    with pytest.raises(InvalidData, match=r"mask 1: expected a pixel that is not 0, got none\. Leave the mask out"):
        masks_to_boxes(np.stack([np.ones((2, 2)), np.zeros((2, 2))]))
    with pytest.raises(InvalidData, match=r"shape \(n, height, width\)"):
        masks_to_boxes(np.ones((2, 2)))
    with pytest.raises(InvalidData, match=r"box_area\(boxes\), row \(1, 0\): expected finite"):
        box_area([[[0, 0, 1, 1]], [[0, 0, float("nan"), 1]]])
