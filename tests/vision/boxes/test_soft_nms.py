"""Soft suppression: by hand, and against the paper's loop in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import box_iou, nms, soft_nms

CORNERS = [(12, 84), (24, 84), (36, 84), (12, 96), (24, 96), (24, 108)]
BOXES = np.array([[x, y, x + 128, y + 128] for x, y in CORNERS], np.float64)
SCORES = np.array([0.1, 0.8, 0.7, 0.6, 0.5, 0.9])
EDGE = st.integers(0, 8)
TABLE = st.lists(st.tuples(EDGE, EDGE, EDGE, EDGE, st.integers(0, 8)), max_size=12)


def paper(boxes: Any, scores: Any, threshold: float, method: str, sigma: float, least: float) -> tuple[list, list]:
    """Figure 2 of the paper."""
    iou = box_iou(np.reshape(boxes, (-1, 4)), np.reshape(boxes, (-1, 4)))
    s = np.array(scores, np.float64)
    left = [i for i in range(len(s)) if s[i] >= least]
    kept: list[int] = []
    while left:
        m = max(left, key=lambda i: (s[i], -i))
        kept.append(m)
        left.remove(m)
        for i in left:
            if method == "gaussian":
                s[i] *= np.exp(-(iou[m, i] ** 2) / sigma)
            elif iou[m, i] >= threshold:
                s[i] *= 1 - iou[m, i]
        left = [i for i in left if s[i] >= least]
    return kept, s[kept].tolist()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("linear", [(5, 0.9), (2, 0.292117), (3, 0.075925), (1, 0.013132)]),
        ("gaussian", [(5, 0.9), (2, 0.354968), (3, 0.115227), (1, 0.030093), (4, 0.003079)]),
    ],
)
def test_by_hand(method: str, expected: Any) -> None:
    kept, scores = soft_nms(BOXES, SCORES, 0.3, method=method)
    assert kept.tolist() == [index for index, _ in expected]
    np.testing.assert_allclose(scores, [score for _, score in expected], atol=5e-7)
    kept, scores = soft_nms(torch.tensor(BOXES).float(), torch.tensor(SCORES).float(), 0.3, method=method)
    assert kept.tolist() == [index for index, _ in expected]
    assert scores.dtype == torch.float32


@pytest.mark.slow
@given(
    TABLE, st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from(["linear", "gaussian"]), st.sampled_from([0, 0.05])
)
def test_any_boxes_are_as_in_the_paper(table: Any, threshold: float, method: str, least: float) -> None:
    boxes, scores = [row[:4] for row in table], [row[4] / 8 for row in table]
    kept, found = soft_nms(boxes, scores, threshold, method=method, score_threshold=least)
    expected, values = paper(boxes, scores, threshold, method, 0.5, least)
    assert kept.tolist() == expected
    np.testing.assert_allclose(found, values, rtol=1e-12)
    assert (np.diff(found) <= 0).all()


def test_boxes_that_share_nothing_keep_their_scores() -> None:
    boxes, scores = np.array([[0, 0, 1, 1], [2, 2, 3, 3], [4, 4, 4, 4]]), np.array([0.2, 0.9, 0.5])
    for method in ("linear", "gaussian"):
        kept, found = soft_nms(boxes, scores, method=method)
        assert (kept.tolist(), found.tolist()) == ([1, 2, 0], [0.9, 0.5, 0.2])
    assert scores.tolist() == [0.2, 0.9, 0.5]
    assert nms(boxes, scores, 0.5).tolist() == [1, 2, 0]
    assert [part.tolist() for part in soft_nms([], [])] == [[], []]


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(InvalidParameter, match=r"soft_nms\(method\): expected 'linear' or 'gaussian', got 'gauss'"):
        soft_nms(BOXES, SCORES, method="gauss")
    with pytest.raises(InvalidParameter, match=r"soft_nms\(sigma\)"):
        soft_nms(BOXES, SCORES, sigma=0)
    with pytest.raises(InvalidData, match=r"soft_nms\(scores\), row 5"):
        soft_nms(BOXES, np.append(SCORES[:5], np.inf))
