"""Suppression: by hand, and against ten lines of NumPy on boxes with many ties and thresholds that are hit exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import batched_nms, box_iou, distance_box_iou, nms

CORNERS = [(12, 84), (24, 84), (36, 84), (12, 96), (24, 96), (24, 108)]
BOXES = np.array([[x, y, x + 128, y + 128] for x, y in CORNERS], np.float64)
SCORES = np.array([0.1, 0.8, 0.7, 0.6, 0.5, 0.9])
EDGE = st.integers(0, 6)
TABLE = st.lists(st.tuples(EDGE, EDGE, EDGE, EDGE, st.integers(0, 3), st.integers(-1, 1)), max_size=14)
THRESHOLD = st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.5, 0.6, 0.75, 1.0])


def brute_force(boxes: Any, scores: Any, threshold: float, inclusive: bool = False) -> list[int]:
    """Greedy suppression, word for word."""
    iou = box_iou(np.reshape(boxes, (-1, 4)), np.reshape(boxes, (-1, 4)))
    left = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    kept = []
    while left:
        first, *left = left
        kept.append(first)
        left = [i for i in left if not (iou[first, i] > threshold or (inclusive and iou[first, i] == threshold))]
    return kept


@pytest.mark.parametrize(
    ("threshold", "expected"), [(0.3, [5]), (0.5, [5]), (0.7, [5, 1, 3]), (0.75, [5, 1, 3]), (0.8, [5, 1, 3])]
)
def test_by_hand(threshold: float, expected: list[int]) -> None:
    assert nms(BOXES, SCORES, threshold).tolist() == expected
    found = nms(torch.tensor(BOXES, dtype=torch.float16), torch.tensor(SCORES), threshold)
    assert found.dtype == torch.int64
    assert found.tolist() == expected


@pytest.mark.slow
def test_the_overlaps_of_the_boxes_by_hand() -> None:
    expected = [0.58268934, 0.68421053, 0.58268934, 0.69676885, 0.82857143]
    np.testing.assert_allclose(box_iou(BOXES[5:], BOXES[:5])[0], expected, atol=5e-9)


@pytest.mark.slow
@given(TABLE, THRESHOLD, st.booleans())
@example([(0, 0, 2, 2, 1, 0), (0, 0, 2, 1, 1, 0), (0, 0, 2, 2, 1, 0)], 0.5, False)
@example([(0, 0, 2, 2, 1, 0), (0, 0, 2, 1, 1, 0), (5, 5, 5, 5, 1, 0)], 0.5, True)
@example([(0, 0, 2, 2, 1, 0), (4, 4, 5, 5, 1, 0)], 0.0, True)
def test_ties_and_exact_thresholds_are_as_by_brute_force(table: Any, threshold: float, inclusive: bool) -> None:
    boxes, scores = [row[:4] for row in table], [row[4] / 4 for row in table]
    found = nms(boxes, scores, threshold, inclusive=inclusive)
    assert found.tolist() == brute_force(boxes, scores, threshold, inclusive)


@pytest.mark.slow
@given(TABLE, THRESHOLD, st.booleans())
def test_classes_are_done_each_by_itself(table: Any, threshold: float, inclusive: bool) -> None:
    boxes, scores = np.array([row[:4] for row in table]).reshape(-1, 4), np.array([row[4] / 4 for row in table])
    classes = np.array([row[5] for row in table], np.int64) * 10**12
    kept = []
    for kind in np.unique(classes):
        places = np.flatnonzero(classes == kind)
        kept += places[brute_force(boxes[places], scores[places], threshold, inclusive)].tolist()
    found = batched_nms(boxes, scores, classes, threshold, inclusive=inclusive)
    assert found.tolist() == sorted(kept, key=lambda i: (-scores[i], i))


def draw(kind: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes spread over a plane, in clusters, in a column, around one point; far from the origin; scores in steps."""
    rng = np.random.default_rng(seed)
    if kind == "clusters":
        centre = rng.random((8, 2))[rng.integers(0, 8, n)] * 1000
        corner, side = centre + rng.normal(size=(n, 2)) * 8, 60 + rng.normal(size=(n, 2)) * 8
    elif kind == "column":
        corner, side = rng.random((n, 2)) * [3, 2000], rng.random((n, 2)) * [400, 60]
    elif kind == "one point":
        side = np.exp(rng.random((n, 2)) * 4)
        corner = 100 - side / 2
    else:
        corner, side = rng.random((n, 2)) * 300, rng.random((n, 2)) * 100
    shift = 1e6 if kind == "far" else 0
    return np.concatenate([corner, corner + side], 1) + shift, np.round(rng.random(n), 2)


@pytest.mark.parametrize("kind", ["spread", "clusters", "column", "one point", "far"])
@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.3, 0.5, 0.7, 0.95, 1.0])
def test_many_boxes_are_as_by_brute_force(kind: str, threshold: float) -> None:
    boxes, scores = draw(kind, 600, 3)
    found = nms(boxes, scores, threshold)
    assert found.tolist() == brute_force(boxes, scores, threshold)
    assert nms(boxes[:, [1, 0, 3, 2]], scores, threshold).tolist() == found.tolist()
    assert nms(boxes[found], scores[found], threshold).tolist() == list(range(len(found)))  # again: nothing goes
    single = torch.tensor(boxes, dtype=torch.float32)
    assert nms(single, torch.tensor(scores), threshold).tolist() == nms(single.numpy(), scores, threshold).tolist()


def test_equal_scores_are_taken_by_index() -> None:
    boxes = np.tile([[0, 0, 10, 10]], (40, 1)) + np.arange(40)[:, None] // 20 * 100
    assert nms(boxes, np.zeros(40), 0.5).tolist() == [0, 20]
    assert nms(boxes, -np.zeros(40), 0.5).tolist() == [0, 20]


def test_low_scores_are_left_out() -> None:
    assert nms(BOXES, SCORES, 0.75, score_threshold=0.8).tolist() == [5, 1]
    assert nms(BOXES, SCORES, 0.75, score_threshold=1).tolist() == []
    assert batched_nms(BOXES, SCORES, [0, 1, 1, 1, 0, 0], 0.75, score_threshold=0.1).tolist() == [5, 1, 3, 0]


def test_empty_inputs_and_boxes() -> None:
    assert nms([], [], 0.5).tolist() == []
    assert batched_nms(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64), 0.5).tolist() == []
    assert nms([[1, 1, 1, 1], [1, 1, 1, 1], [5, 5, 1, 1]], [0.5, 0.5, 0.9], 0.5).tolist() == [2, 0, 1]


def test_boxes_with_a_graph_are_taken() -> None:
    boxes = torch.tensor(BOXES, requires_grad=True)
    assert nms(boxes, boxes.sum(1), 0.7).tolist() == brute_force(BOXES, BOXES.sum(1), 0.7)


@pytest.mark.parametrize(
    ("boxes", "scores", "message"),
    [
        ([[0, 0, 1, 1], [0, 0, 1, np.nan]], [0.5, 0.5], r"nms\(boxes\), row 1: expected finite numbers"),
        ([[0, 0, 1, 1], [0, 0, 1, 2]], [0.5, np.nan], r"nms\(scores\), row 1: expected finite numbers, got nan"),
        ([[0, 0, 1, 1]], [0.5, 0.5], r"nms\(scores\): expected shape \(1,\), one score a box, got shape \(2,\)"),
    ],
)
def test_what_is_not_finite_is_named(boxes: Any, scores: Any, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        nms(boxes, scores, 0.5)


def test_options_that_cannot_be_are_named() -> None:
    with pytest.raises(InvalidParameter, match=r"nms\(iou_threshold\): expected a number in \[0, 1\], got 50"):
        nms(BOXES, SCORES, 50)
    with pytest.raises(InvalidParameter, match=r"nms\(score_threshold\)"):
        nms(BOXES, SCORES, 0.5, score_threshold="low")  # type: ignore[arg-type]
    with pytest.raises(InvalidData, match=r"batched_nms\(idxs\), row 5: expected a label that hashes, got \[1\]"):
        batched_nms(BOXES, SCORES, [0, 0, 0, 0, 0, [1]], 0.5)
    with pytest.raises(InvalidData, match=r"batched_nms\(idxs\): expected 6 labels, one a box, got 2"):
        batched_nms(BOXES, SCORES, [1, 2], 0.5)


def test_classes_are_labels_of_any_kind() -> None:
    codes = [0, 1, 0, 2, 1, 0]
    expected = batched_nms(BOXES, SCORES, codes, 0.5)
    for names in (["a", "b", "c"], [("x", 1), None, 2.5], [-1, 70000, 3]):
        assert batched_nms(BOXES, SCORES, [names[code] for code in codes], 0.5).tolist() == expected.tolist()
    assert batched_nms(BOXES, SCORES, np.array(["a", "b", "c"])[codes], 0.5).tolist() == expected.tolist()


@settings(deadline=None)
@given(
    st.lists(st.tuples(EDGE, EDGE, EDGE, EDGE, st.integers(0, 3)), min_size=1, max_size=14),
    st.sampled_from([0.1, 0.4, 0.7]),
)
def test_distance_iou_decides_where_it_is_asked_for(table: Any, threshold: float) -> None:
    boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in table], float)
    scores = np.array([row[4] for row in table], float)
    overlap = distance_box_iou(boxes, boxes)
    expected: list[int] = []
    for i in np.argsort(-scores, kind="stable").tolist():
        if all(overlap[i, j] <= threshold for j in expected):
            expected.append(i)
    assert nms(boxes, scores, threshold, measure="diou").tolist() == expected
