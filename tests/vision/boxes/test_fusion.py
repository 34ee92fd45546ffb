"""Weighted boxes fusion: by hand, and against the paper's steps over lists of boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import box_iou, weighted_boxes_fusion

EDGE = st.integers(0, 6)
SIDE = st.integers(1, 4)
ROW = st.tuples(EDGE, EDGE, SIDE, SIDE, st.integers(0, 8), st.integers(-1, 1))
MODELS = st.lists(st.lists(ROW, max_size=5), min_size=1, max_size=3)


def paper(models: Any, weights: list[float], threshold: float, overflow: bool) -> list[tuple]:
    """Section 3 of the paper, with the weights of the authors' program: (box, score, label) of each cluster."""
    pool = [(w * score, box, label) for rows, w in zip(models, weights, strict=True) for box, score, label in rows]
    pool.sort(key=lambda item: -item[0])
    clusters: list[list[Any]] = []
    fused: list[tuple[np.ndarray, float, int]] = []
    for item in pool:
        found = [box_iou([item[1]], [box])[0, 0] if label == item[2] else 0.0 for box, _, label in fused]
        place = int(np.argmax(found)) if found and max(found) > threshold else len(fused)
        if place == len(fused):
            clusters.append([])
            fused.append((np.zeros(4), 0.0, item[2]))
        clusters[place].append(item)
        c = np.array([member[0] for member in clusters[place]])
        x = np.array([member[1] for member in clusters[place]], np.float64)
        box = (c[:, None] * x).sum(0) / c.sum() if c.sum() else x.mean(0)
        fused[place] = (box, c.mean(), item[2])
    counts = [len(cluster) if overflow else min(len(cluster), len(weights)) for cluster in clusters]
    found = [(box, c * t / sum(weights), label) for (box, c, label), t in zip(fused, counts, strict=True)]
    return sorted(found, key=lambda item: -item[1])


def test_by_hand() -> None:
    first, second = [[0, 0, 10, 10]], [[0, 0, 10, 12], [50, 50, 60, 60]]
    boxes, scores, labels = weighted_boxes_fusion([first, second], [[0.9], [0.6, 0.8]], [[1], [1, 1]])
    np.testing.assert_allclose(boxes, [[0, 0, 10, (0.9 * 10 + 0.6 * 12) / 1.5], [50, 50, 60, 60]])
    np.testing.assert_allclose(scores, [0.75, 0.4])
    assert labels.tolist() == [1, 1]
    boxes, scores, _ = weighted_boxes_fusion([first, second], [[0.9], [0.6, 0.8]], [[1], [1, 1]], weights=[2, 1])
    np.testing.assert_allclose(boxes[0, 3], (1.8 * 10 + 0.6 * 12) / 2.4)
    np.testing.assert_allclose(scores, [1.2 * 2 / 3, 0.8 / 3])


@given(MODELS, st.sampled_from([0.0, 0.3, 0.55, 1.0]), st.booleans(), st.booleans())
def test_any_models_are_as_in_the_paper(models: Any, threshold: float, overflow: bool, weighted: bool) -> None:
    boxes = [
        np.array([[x, y, x + w, y + h] for x, y, w, h, _, _ in rows], np.float64).reshape(-1, 4) for rows in models
    ]
    scores = [[row[4] / 8 for row in rows] for rows in models]
    labels = [[row[5] for row in rows] for rows in models]
    weights = [1.0, 2.0, 0.5][: len(models)] if weighted else None
    found = weighted_boxes_fusion(boxes, scores, labels, weights=weights, iou_threshold=threshold, overflow=overflow)
    each = [list(zip(b, s, k, strict=True)) for b, s, k in zip(boxes, scores, labels, strict=True)]
    expected = paper(each, weights or [1.0] * len(models), threshold, overflow)
    assert found[2].tolist() == [label for _, _, label in expected]
    np.testing.assert_allclose(found[1], [score for _, score, _ in expected])
    np.testing.assert_allclose(found[0], np.array([box for box, _, _ in expected]).reshape(-1, 4))


def test_one_model_without_overlap_is_unchanged_and_classes_stay_apart() -> None:
    boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 4], [9, 9, 10, 10]])
    scores, labels = torch.tensor([0.5, 0.75, 0.25]), torch.tensor([3, -4, 3])
    found = weighted_boxes_fusion([boxes], [scores], [labels])
    assert torch.equal(found[0], boxes[[1, 0, 2]])
    assert torch.equal(found[1], scores[[1, 0, 2]])
    assert torch.equal(found[2], labels[[1, 0, 2]])
    found = weighted_boxes_fusion([boxes], [scores], [labels], score_threshold=0.5)
    assert found[2].tolist() == [-4, 3]


def test_more_boxes_than_models() -> None:
    box, score = [[0, 0, 2, 2]] * 3, [0.6, 0.6, 0.6]
    assert weighted_boxes_fusion([box], [score], [[0, 0, 0]])[1].tolist() == pytest.approx([0.6])
    assert weighted_boxes_fusion([box], [score], [[0, 0, 0]], overflow=True)[1].tolist() == pytest.approx([1.8])
    assert weighted_boxes_fusion([[], []], [[], []], [[], []])[0].shape == (0, 4)


def test_what_cannot_be_is_named() -> None:
    box, score, label = [[0, 0, 1, 1]], [0.5], [0]
    with pytest.raises(InvalidData, match=r"expected boxes, scores and labels of each model, got \[2, 1, 1\] of them"):
        weighted_boxes_fusion([box, box], [score], [label])
    with pytest.raises(InvalidParameter, match=r"\(weights\): expected 1 numbers > 0, one a model, got \[1, 2\]"):
        weighted_boxes_fusion([box], [score], [label], weights=[1, 2])
    with pytest.raises(InvalidData, match=r"scores_list\[0\]\), row 0: expected a score >= 0, got -1"):
        weighted_boxes_fusion([box], [[-1]], [label])
    with pytest.raises(InvalidData, match=r"labels_list\[1\]\): expected 1 labels, one a box"):
        weighted_boxes_fusion([box, box], [score, score], [label, [1, 2]])


def test_labels_of_any_kind_come_back() -> None:
    boxes = [[[0, 0, 10, 10]], [[0, 0, 10, 12], [50, 50, 60, 60]]]
    for one, other in (("cat", "dog"), (("a", 1), None)):
        found = weighted_boxes_fusion(boxes, [[0.9], [0.6, 0.8]], [[one], [one, other]])
        assert found[2].tolist() == [one, other]
        assert found[1] == pytest.approx([0.75, 0.4])
