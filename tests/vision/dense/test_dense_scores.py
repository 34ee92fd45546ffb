"""Scores of classes for pixels, against sets of pixels and all pairs of boundary pixels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from netwright.core.errors import InvalidData
from netwright.vision import segmentation_scores
from netwright.vision.dense.scores import boundary, boundary_f

DRAW = np.random.default_rng(0)
TRUE = [DRAW.integers(0, 3, (4, 5)).repeat(3, 0).repeat(3, 1) for _ in range(3)]
TOLD = [np.roll(mask, 1, 0) for mask in TRUE]


def lines_by_hand(mask: np.ndarray) -> list[tuple[int, int]]:
    """Pixels of a mask with a neighbour that is not of it."""
    on = {place for place in np.ndindex(mask.shape) if mask[place]}
    return [(i, j) for i, j in sorted(on) if not {(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)} <= on]


def test_overlaps_are_those_of_sets() -> None:
    scores = segmentation_scores(TRUE, TOLD)
    assert scores.classes == (0, 1, 2)
    for place, label in enumerate(scores.classes):
        t, p = (
            {(n, i, j) for n, mask in enumerate(masks) for i, j in np.ndindex(mask.shape) if mask[i, j] == label}
            for masks in (TRUE, TOLD)
        )
        assert scores.iou[place] == pytest.approx(len(t & p) / len(t | p))
        assert scores.dice[place] == pytest.approx(2 * len(t & p) / (len(t) + len(p)))
    same = sum((t == p).sum() for t, p in zip(TRUE, TOLD, strict=True))
    assert scores.accuracy == pytest.approx(same / sum(t.size for t in TRUE))
    np.testing.assert_allclose(scores.dice, 2 * scores.iou / (1 + scores.iou))


@pytest.mark.parametrize("tolerance", [0, 1, 1.5, 3])
def test_boundaries_are_those_of_all_pairs(tolerance: float) -> None:
    for (t, p), label in itertools.product(zip(TRUE, TOLD, strict=True), range(3)):
        a, b = lines_by_hand(t == label), lines_by_hand(p == label)
        assert sorted(map(tuple, np.argwhere(boundary(t == label)).tolist())) == a
        far = cdist(a, b)
        recall, precision = (far.min(1) <= tolerance).mean(), (far.min(0) <= tolerance).mean()
        wanted = 2 * precision * recall / (precision + recall) if precision + recall else 0
        assert boundary_f(t == label, p == label, tolerance) == pytest.approx(wanted)


def test_right_is_one_and_missing_is_none() -> None:
    scores = segmentation_scores(TRUE, TRUE)
    assert (scores.iou == 1).all()
    assert scores.mean_dice == scores.mean_boundary_f == scores.accuracy == 1
    empty, full = np.zeros((4, 4), bool), np.ones((4, 4), bool)
    assert np.isnan(boundary_f(empty, empty, 2))
    assert boundary_f(full, empty, 2) == 0


def test_ignored_pixels_count_nowhere() -> None:
    true = [mask.copy() for mask in TRUE]
    for mask in true:
        mask[:, -5:] = 255
    told = [mask.copy() for mask in TOLD]
    some = segmentation_scores(true, told, ignore=255)
    for mask in told:
        mask[:, -5:] = 1
    other = segmentation_scores(true, told, ignore=255)
    assert (some.confusion == other.confusion).all()
    assert (some.confusion == segmentation_scores([m[:, :-5] for m in TRUE], [m[:, :-5] for m in TOLD]).confusion).all()
    np.testing.assert_allclose(some.boundary_f, other.boundary_f)
    assert "bound. F" in str(some)


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(InvalidData, match=r"image 0: expected the size of the true one, \(height, width\) \(12, 15\)"):
        segmentation_scores(TRUE, [mask[:5] for mask in TOLD])
    with pytest.raises(InvalidData, match=r"\(15,\)\. Put a single one in a list"):
        segmentation_scores(TRUE[0], TOLD[0])
    with pytest.raises(InvalidData, match="got 3 and 2"):
        segmentation_scores(TRUE, TOLD[:2])
