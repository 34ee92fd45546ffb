"""Corrections of proposals: by hand, there and back, gradients, and answers that are far too large."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import decode_boxes, encode_boxes

EDGE, SIDE = st.floats(-500, 500), st.floats(1, 400)
PAIRS = st.lists(st.tuples(EDGE, EDGE, SIDE, SIDE, EDGE, EDGE, SIDE, SIDE), min_size=1, max_size=5)
WEIGHTS = st.sampled_from([(1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0), (1.0, 2.0, 3.0, 4.0)])


def boxes_of(rows: Any) -> np.ndarray:
    rows = np.array(rows, np.float64)
    return np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:]], 1)


def test_by_hand() -> None:
    proposal, target = [[10, 10, 30, 50]], [[15, 20, 45, 50]]
    plain = [[0.5, 0.125, math.log(1.5), math.log(0.75)]]
    np.testing.assert_allclose(encode_boxes(target, proposal), plain)
    weighted = encode_boxes(target, proposal, (10, 10, 5, 5))
    np.testing.assert_allclose(weighted, [[5, 1.25, 2.02732554, -1.43841036]], atol=5e-9)
    np.testing.assert_allclose(decode_boxes(plain, proposal), target)
    np.testing.assert_allclose(decode_boxes(weighted, proposal, (10, 10, 5, 5)), target)


@given(PAIRS, WEIGHTS)
def test_there_and_back(rows: Any, weights: Any) -> None:
    target, proposal = boxes_of([row[:4] for row in rows]), boxes_of([row[4:] for row in rows])
    there = encode_boxes(target, proposal, weights)
    np.testing.assert_allclose(decode_boxes(there, proposal, weights, clip=10), target, atol=1e-9)


@given(st.lists(st.tuples(*[st.floats(-3, 3)] * 4), min_size=1, max_size=5), WEIGHTS)
def test_back_and_there(deltas: Any, weights: Any) -> None:
    proposal = np.array([[10.0, 20.0, 50.0, 40.0]])
    again = encode_boxes(decode_boxes(deltas, proposal, weights), proposal, weights)
    np.testing.assert_allclose(again, deltas, atol=1e-9)


def test_sides_do_not_grow_beyond_the_clip() -> None:
    found = decode_boxes(torch.full((1, 4), 100.0) * torch.tensor([0.0, 0.0, 1.0, 1.0]), [[0, 0, 16, 16]])
    torch.testing.assert_close(found, torch.tensor([[-492.0, -492.0, 508.0, 508.0]]))
    assert math.log(1000 / 16) == pytest.approx(4.135166556742356)


def test_corrections_of_each_class() -> None:
    deltas = np.random.default_rng(0).normal(size=(3, 2, 4))
    proposals = boxes_of(np.random.default_rng(1).random((3, 4)) * 10 + 1)
    found = decode_boxes(deltas, proposals[:, None])
    np.testing.assert_allclose(found[:, 1], decode_boxes(deltas[:, 1], proposals))


def test_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    corner, side, other, wide = torch.rand(4, 3, 2, generator=generator, dtype=torch.float64) + 0.2
    target = torch.cat([corner, corner + side], 1).requires_grad_()
    proposal = torch.cat([other, other + wide], 1).requires_grad_()
    assert torch.autograd.gradcheck(encode_boxes, (target, proposal))
    assert torch.autograd.gradcheck(decode_boxes, (target, proposal))


def test_what_cannot_be_is_named() -> None:
    box, thin = [[0, 0, 2, 2]], [[0, 0, 2, 2], [0, 0, 0, 2]]
    with pytest.raises(InvalidData, match=r"encode_boxes\(proposals\), row 1: expected x1 < x2 .* got \[0.0, 0.0, 0.0"):
        encode_boxes(box, thin)
    with pytest.raises(InvalidData, match=r"encode_boxes\(reference\), row 1"):
        encode_boxes(thin, box)
    with pytest.raises(InvalidData, match=r"expected as many rows of each, got \(2,\) and \(3,\)"):
        decode_boxes(np.zeros((2, 4)), np.ones((3, 4)))
    with pytest.raises(InvalidParameter, match=r"encode_boxes\(weights\): expected four numbers > 0, got \(1, 1\)"):
        encode_boxes(box, box, (1, 1))
    with pytest.raises(InvalidParameter, match=r"decode_boxes\(clip\)"):
        decode_boxes(np.zeros((1, 4)), box, clip=0)
    assert encode_boxes([], []).shape == (0, 4)
