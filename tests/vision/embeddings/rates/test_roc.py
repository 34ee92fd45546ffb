"""Rates of verification: worked numbers, scikit-learn, counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision.embeddings.rates.folds import best_threshold, fold_accuracy
from netwright.vision.embeddings.rates.roc import equal_error_rate, roc, tar_at_far

SCORES = [0.9, 0.8, 0.7, 0.6, 0.55, 0.5, 0.4, 0.3, 0.2, 0.1]
SAME = [1, 1, 0, 1, 1, 0, 0, 1, 0, 0]


def drawn(seed: int, n: int = 200, grid: int = 25) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties."""
    draw = np.random.default_rng(seed)
    same = draw.random(n) < 0.3
    return np.round(draw.normal(size=n) + 1.5 * same, 1 if grid else 6), same


def test_worked_numbers() -> None:
    curve = roc(SCORES, SAME)
    assert curve.auc == pytest.approx(0.80)
    assert curve.best_accuracy == (0.8, 0.55)
    assert equal_error_rate(SCORES, SAME) == pytest.approx(0.2)
    assert tar_at_far(SCORES, SAME, 0.2) == 0.8
    assert curve.threshold_at(0.2) == 0.55


@pytest.mark.parametrize("seed", range(4))
def test_scikit_learn_says_the_same(seed: int) -> None:
    scores, same = drawn(seed)
    curve = roc(scores, same)
    assert curve.auc == pytest.approx(roc_auc_score(same, scores))
    far, tar, thresholds = roc_curve(same, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.far, far)
    np.testing.assert_allclose(curve.tar, tar)
    np.testing.assert_array_equal(curve.thresholds, thresholds)


@pytest.mark.parametrize("seed", range(4))
def test_rates_are_counts(seed: int) -> None:
    scores, same = drawn(seed)
    curve = roc(scores, same)
    for far in (0.0, 0.01, 0.1, 0.5, 1.0):
        threshold = curve.threshold_at(far)
        assert (scores[~same] >= threshold).mean() <= far
        assert curve.tar_at(far) == pytest.approx((scores[same] >= threshold).mean())
        milder = scores[scores < threshold]
        if len(milder):
            assert (scores[~same] >= milder.max()).mean() > far
    accuracies = [np.mean((scores >= t) == same) for t in np.append(np.unique(scores), np.inf)]
    assert curve.best_accuracy[0] == pytest.approx(max(accuracies))
    assert np.mean((scores >= best_threshold(scores, same)) == same) == pytest.approx(max(accuracies))


def test_the_equal_error_rate_lies_where_the_curve_meets_the_diagonal() -> None:
    scores, same = drawn(5)
    curve = roc(scores, same)
    assert np.interp(curve.eer, curve.far, curve.tar) == pytest.approx(1 - curve.eer)
    assert equal_error_rate([0.0, 1.0], [1, 0]) == 1.0
    assert equal_error_rate([1.0, 1.0], [1, 0]) == 0.5


def test_ten_folds_by_hand() -> None:
    scores, same = drawn(1, grid=0)
    folds = np.arange(len(same)) % 10
    found = fold_accuracy(scores, same, folds)
    assert len(found.accuracies) == 10
    for fold, (accuracy, threshold) in enumerate(zip(found.accuracies, found.thresholds, strict=True)):
        inside = folds == fold
        best = max(np.mean((scores[~inside] >= t) == same[~inside]) for t in np.append(scores, np.inf))
        assert np.mean((scores[~inside] >= threshold) == same[~inside]) == pytest.approx(best)
        assert accuracy == np.mean((scores[inside] >= threshold) == same[inside])
    assert found.mean == pytest.approx(found.accuracies.mean())
    assert found.std == pytest.approx(np.std(found.accuracies, ddof=1))
    assert str(found) == f"{found.mean:.4f} +- {found.std:.4f} over 10 folds"


def test_folds_have_both_kinds_of_pairs() -> None:
    scores, same = drawn(2)
    assert len(fold_accuracy(scores, same).accuracies) == 10
    with pytest.raises(InvalidData, match=r"fold_accuracy\(folds\): expected at most 2"):
        fold_accuracy([1, 2, 3, 4], [0, 0, 1, 1], 3)
    with pytest.raises(InvalidData, match="expected 4 folds"):
        fold_accuracy([1, 2, 3, 4], [0, 0, 1, 1], [0, 0, 0, 0])


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(InvalidData, match=r"expected two rows of one length, got \(2,\), \(3,\)"):
        roc([1, 2], [0, 1, 1])
    with pytest.raises(InvalidData, match=r"pairs of one person and pairs of two, got 2 and 0"):
        roc([1, 2], [1, 1])
    with pytest.raises(InvalidData, match="NaN"):
        roc([np.nan, 2], [1, 0])
    with pytest.raises(InvalidData, match=r"expected True or False, 1 or 0, got 2"):
        roc([1, 2], [2, 0])
    with pytest.raises(InvalidParameter, match="far: expected a number"):
        tar_at_far([1, 2], [1, 0], 1.5)
