"""Answers of a grid's cells: by hand, by the header's equations, there and back in all forms, at the edges of cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import box_convert, decode_yolo, encode_yolo

each_form = pytest.mark.parametrize("form", ["v1", "v2", "v3", "v5"])
ANSWER = st.tuples(st.floats(-6, 6), st.floats(-6, 6), st.floats(-3, 3), st.floats(-3, 3))
CELL = st.tuples(st.integers(0, 30), st.integers(0, 30))
SIDES = st.tuples(st.floats(1, 400), st.floats(1, 400))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("v3", [177.594688, 236.841995, 128.199826, 66.673640]),
        ("v5", [179.189376, 233.683990, 127.879860, 65.195702]),
    ],
)
def test_by_hand(form: str, expected: list[float]) -> None:
    answer, cell, anchor = [[0.2, -0.4, 0.1, -0.3]], [[5, 7]], [[116, 90]]
    found = decode_yolo(answer, cell, 32, anchor, form=form)
    np.testing.assert_allclose(box_convert(found, "xyxy", "cxcywh"), [expected], atol=5e-7)
    np.testing.assert_allclose(encode_yolo(found, cell, 32, anchor, form=form), answer)


def test_the_first_version_by_hand() -> None:
    # on 7 x 7 cells of 64 pixels: the middle of cell (3, 2), a quarter of the image wide, 0.36 of it high
    found = decode_yolo([[0.5, 0.5, 0.25, 0.36]], [[3, 2]], 64, [[448, 448]], form="v1")
    np.testing.assert_allclose(box_convert(found, "xyxy", "cxcywh"), [[224, 160, 112, 161.28]])


@pytest.mark.slow
@each_form
@given(answers=st.lists(st.tuples(ANSWER, CELL, SIDES), min_size=1, max_size=4), stride=st.sampled_from([8, 32, 12.5]))
def test_by_the_equations_and_back(form: str, answers: Any, stride: float) -> None:
    t, cells, anchors = (np.array([row[i] for row in answers], np.float64) for i in range(3))
    if form == "v1":
        t[:, 2:] = np.abs(t[:, 2:]) + 0.01
        centre, sides = stride * (cells + t[:, :2]), anchors * t[:, 2:]
    elif form == "v5":
        centre, sides = stride * (cells + 2 * sigmoid(t[:, :2]) - 0.5), anchors * (2 * sigmoid(t[:, 2:])) ** 2
    else:
        centre, sides = stride * (cells + sigmoid(t[:, :2])), anchors * np.exp(t[:, 2:])
        sides = sides * stride if form == "v2" else sides
    found = decode_yolo(t, cells, stride, anchors, form=form)
    np.testing.assert_allclose(box_convert(found, "xyxy", "cxcywh"), np.concatenate([centre, sides], 1), atol=1e-8)
    np.testing.assert_allclose(encode_yolo(found, cells, stride, anchors, form=form), t, atol=1e-5)
    again = decode_yolo(encode_yolo(found, cells, stride, anchors, form=form), cells, stride, anchors, form=form)
    np.testing.assert_allclose(again, found, atol=1e-8)


@pytest.mark.parametrize("form", ["v2", "v3", "v5"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_centres_on_the_edge_of_a_cell_are_finite(form: str, dtype: torch.dtype) -> None:
    boxes = torch.tensor([[140.0, 210, 180, 238], [172, 210, 212, 238]], dtype=dtype)  # centres (160, 224), (192, 224)
    anchors = [[1.0, 1.0]] if form == "v2" else [[32.0, 32.0]]
    found = encode_yolo(boxes, [[5, 7]], 32, anchors, form=form)
    assert torch.isfinite(found).all()
    back = decode_yolo(found, [[5, 7]], 32, anchors, form=form)
    torch.testing.assert_close(back, boxes, atol=32 * 4 * torch.finfo(dtype).eps, rtol=1e-6)


@each_form
def test_gradients_and_shapes(form: str) -> None:
    generator = torch.Generator().manual_seed(0)
    t = (torch.rand(2, 3, 4, generator=generator, dtype=torch.float64) + 0.1).requires_grad_()
    cells, anchors = torch.tensor([[0, 0], [1, 2], [3, 4]]), torch.tensor([[20.0, 30.0]])
    assert torch.autograd.gradcheck(lambda t: decode_yolo(t, cells, 16, anchors, form=form), (t,))
    assert decode_yolo(t.detach().float(), cells, 16, anchors, form=form).dtype == torch.float32
    whole = torch.stack(torch.meshgrid(torch.arange(4), torch.arange(3), indexing="xy"), -1)[..., None, :]
    assert decode_yolo(torch.zeros(3, 4, 1, 4), whole, 16, anchors, form=form).shape == (3, 4, 1, 4)
    assert encode_yolo([], [], 16, [[8, 8]], form=form).shape == (0, 4)


def test_what_cannot_be_reached_is_named() -> None:
    box = [[140, 210, 180, 238]]
    with pytest.raises(
        InvalidData, match=r"encode_yolo\(cells\), row 0: expected a centre within \[0, 1\] of the cell"
    ):
        encode_yolo(box, [[6, 7]], 32, [[32, 32]])
    assert np.isfinite(encode_yolo(box, [[4, 7]], 32, [[32, 32]], form="v5")).all()
    with pytest.raises(InvalidData, match=r"encode_yolo\(anchors\), row 0: expected sides up to 4 times the anchor's"):
        encode_yolo(box, [[5, 7]], 32, [[9, 32]], form="v5")
    with pytest.raises(InvalidData, match=r"encode_yolo\(boxes\), row 0: expected x1 < x2"):
        encode_yolo([[1, 1, 1, 4]], [[0, 0]], 32, [[9, 32]])
    with pytest.raises(InvalidData, match=r"decode_yolo\(anchors\), row 0: expected sides > 0"):
        decode_yolo(np.zeros((1, 4)), [[0, 0]], 32, [[0, 32]])
    with pytest.raises(InvalidData, match=r"decode_yolo\(cells\): expected shape \(..., 2\)"):
        decode_yolo(np.zeros((1, 4)), [[0, 0, 0]], 32, [[9, 32]])
    with pytest.raises(InvalidParameter, match=r"decode_yolo\(form\): expected 'v1' or .*got 'v4'"):
        decode_yolo(np.zeros((1, 4)), [[0, 0]], 32, [[9, 32]], form="v4")
    with pytest.raises(InvalidParameter, match=r"decode_yolo\(anchors\).*got None. For v1 give the image's"):
        decode_yolo(np.zeros((1, 4)), [[0, 0]], 32, None, form="v1")
