"""Healthy fits have no fault, padded as they are; what is wrong is found before and after training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.sequence import SequenceClassifier, SequenceRegressor, SequenceTagger

DRAW = np.random.default_rng(0)
LABELS = ["abc"[i] for i in (0, 1, 2) * 25]
CLUSTERS = [DRAW.normal("abc".index(label), 1.0, size=(DRAW.integers(5, 10), 2)) for label in LABELS]
UNIT = [DRAW.uniform(size=DRAW.integers(2, 9)) for _ in range(100)]
NORMAL = [DRAW.normal(size=(DRAW.integers(3, 8), 3)) for _ in range(100)]
WAVES = [np.sin(np.arange(DRAW.integers(18, 28)) * 0.3 + DRAW.uniform(0, 6)) for _ in range(40)]
BITS = [DRAW.integers(0, 2, DRAW.integers(6, 10)) for _ in range(120)]
WORDS = [["ab"[bit] for bit in row] for row in BITS]
PARITY = [[("even", "odd")[k] for k in np.cumsum(row) % 2] for row in BITS]
HOLES = [[tag if DRAW.random() > 0.3 else None for tag in row] for row in PARITY]
SIGNS = [np.where(x.sum(1) > 0, 1, 0) for x in NORMAL]
FAST = {"optimizer": "Adam(0.02)", "random_state": 0}
LAST = "GRU(12, output='last')"
TAGGER = SequenceTagger("GRU(12)", characters=False, width=4, epochs=20, **FAST)

HEALTHY = {
    "classes": (SequenceClassifier("GRU(8, output='max')", epochs=10, **FAST), CLUSTERS, LABELS),
    "sum": (SequenceRegressor(LAST, epochs=25, validation=0.3, **FAST), UNIT, [x.sum() for x in UNIT]),
    "two": (SequenceRegressor(LAST, epochs=25, **FAST), UNIT, [[x.sum(), len(x)] for x in UNIT]),
    "by step": (SequenceRegressor("GRU(12)", epochs=15, validation=0.3, **FAST), UNIT, list(map(np.cumsum, UNIT))),
    "forecast": (SequenceRegressor("GRU(12)", epochs=15, batch_size=10, **FAST), WAVES, None),
    "causal": (SequenceRegressor("CausalStack(8, 2, 3)", epochs=15, batch_size=10, **FAST), WAVES, None),
    "tags": (TAGGER, WORDS, PARITY),
    "tags with holes": (TAGGER, WORDS, HOLES),
    "tags with crf": (clone(TAGGER).set_params(head="crf"), WORDS, PARITY),
    "tags of numbers": (
        SequenceTagger("Bidirectional(GRU(8))", epochs=10, validation=0.3, **FAST),
        NORMAL,
        SIGNS,
    ),
}


def faults(diagnosis):
    return [finding.code for finding in diagnosis.findings if finding.level == "fault"]


FEW = ("classes", "by step", "tags")  # of the quick tier


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name if name in FEW else pytest.param(name, marks=pytest.mark.slow) for name in HEALTHY]
)
def test_healthy_fits_have_no_fault(name):
    estimator, X, y = HEALTHY[name]
    before = torch.get_rng_state()
    assert faults(estimator.check(X, y)) == []
    assert vars(estimator).keys() == estimator.get_params(deep=False).keys()  # nothing is fitted
    assert torch.equal(torch.get_rng_state(), before)
    fitted = clone(estimator).fit(X, y)
    assert fitted.score(X, y) > 0.9
    assert faults(fitted.diagnosis_) == []
    assert "non-finite-data" not in [finding.code for finding in fitted.diagnosis_.findings]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tags", pytest.param("by step", marks=pytest.mark.slow)])
def test_a_rate_that_is_much_too_high_is_found(name):
    estimator, X, y = HEALTHY[name]
    estimator = clone(estimator).set_params(optimizer="Adam(2.0)", epochs=5, validation=None)
    assert "lr-too-high" in faults(estimator.check(X, y))
    assert "lr-too-high" in faults(estimator.fit(X, y).diagnosis_)


@pytest.mark.slow
def test_labels_that_have_nothing_to_do_with_their_sequences_are_found():
    X = [DRAW.normal(i % 2, 1.0, size=(DRAW.integers(5, 10), 2)) for i in range(200)]
    shuffled = DRAW.permutation(200) % 2
    estimator = SequenceClassifier("GRU(24, output='max')", epochs=30, validation=0.3, **FAST)
    assert "labels-unrelated" in [finding.code for finding in estimator.check(X, shuffled).findings]
    assert {"labels-unrelated", "overfitting"} & set(faults(estimator.fit(X, shuffled).diagnosis_))


@pytest.mark.slow
def test_too_much_regularisation_is_found_and_can_be_left_out():
    estimator = clone(TAGGER).set_params(regularizer=nw.l2(1.0))
    assert "over-regularised" in faults(estimator.check(WORDS[:40], PARITY[:40]))
    assert "over-regularised" not in faults(estimator.check(WORDS[:40], PARITY[:40], ignore="over-regularised"))


def test_what_cannot_be_fitted_cannot_be_checked():
    estimator, X, y = HEALTHY["classes"]
    with pytest.raises(InvalidData, match="sequence 1: expected finite numbers"):
        estimator.check([X[0], X[1] * np.nan, *X[2:]], y)
    with pytest.raises(InvalidParameter, match="epochs"):
        clone(estimator).set_params(epochs=0).check(X, y)
    with pytest.raises(InvalidParameter, match="no-such-code"):
        estimator.check(X, y, ignore=["no-such-code"])
