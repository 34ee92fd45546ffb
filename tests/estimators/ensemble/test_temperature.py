"""Temperature scaling against scipy's minimiser; calibration error against a loop over bins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.seeds import derive
from netwright.estimators import Calibrated, calibration_error
from netwright.estimators.ensemble.calibration_error import reliability
from netwright.estimators.ensemble.temperature import best_temperature, log_probabilities
from netwright.layers import ReLU, Sigmoid, Softmax

X, y = load_digits(return_X_y=True)
X = X / 16
TRAIN, HELD, TEST = slice(0, 600), slice(600, 1200), slice(1200, None)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("sharpness", [0.2, 1.0, 3.0, 20.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_temperature_is_the_minimum_of_the_likelihood(sharpness: float, weighted: bool) -> None:
    logits = RNG.normal(size=(500, 4))
    codes = np.array([RNG.choice(4, p=p) for p in softmax(logits, axis=1)])
    weight = RNG.random(500) if weighted else None
    found = best_temperature(sharpness * logits, codes, weight)

    def loss(log_t: float) -> float:
        terms = -log_softmax(sharpness * logits / np.exp(log_t), axis=1)[np.arange(500), codes]
        return float(np.average(terms, weights=weight))

    best = minimize_scalar(loss, bounds=(-4.6, 4.6), method="bounded", options={"xatol": 1e-10})
    assert found == pytest.approx(np.exp(best.x), rel=1e-5)
    assert loss(np.log(found)) <= best.fun + 1e-12
    assert found == pytest.approx(sharpness, rel=0.2)


def test_rows_that_are_all_right_or_all_wrong_have_the_bounds() -> None:
    logits = np.log(np.array([[0.6, 0.4], [0.3, 0.7]]))
    assert best_temperature(logits, np.array([0, 1])) == pytest.approx(0.01)
    assert best_temperature(logits, np.array([1, 0])) == pytest.approx(100.0)


def test_logits_near_the_limit_of_numbers_do_not_overflow() -> None:
    logits = np.array([[0.0, -0.1], [0.0, -1.7e308], [-1.7e308, 0.0]])
    assert best_temperature(logits, np.array([0, 1, 1])) == pytest.approx(100.0)  # one row is infinitely wrong
    assert best_temperature(logits, np.array([0, 0, 1])) == pytest.approx(0.01)


@pytest.mark.parametrize("bins", [1, 5, 15])
def test_calibration_error_is_the_sum_over_bins(bins: int) -> None:
    p = softmax(RNG.normal(size=(300, 3)) * 2, axis=1)
    labels = RNG.integers(0, 3, 300)
    total = 0.0
    for b in range(bins):
        inside = (p.max(1) > b / bins) & (p.max(1) <= (b + 1) / bins)
        if inside.any():
            right = (p.argmax(1) == labels)[inside].mean()
            total += inside.mean() * abs(right - p.max(1)[inside].mean())
    assert calibration_error(labels, p, bins=bins) == pytest.approx(total)
    found = reliability(labels, p, bins=bins)
    assert found.rows.sum() == 300
    assert found.largest >= found.error
    named = np.array(["c", "a", "b"])
    assert calibration_error(named[labels], p, classes=named, bins=bins) == pytest.approx(total)


def test_calibrating_keeps_the_answers_and_mends_the_probabilities() -> None:
    noisy = X + 0.5 * RNG.normal(size=X.shape)
    model = LogisticRegression(C=1e4, max_iter=2000).fit(noisy[TRAIN], y[TRAIN])  # much too sure of itself
    calibrated = nw.calibrate(model, noisy[HELD], y[HELD])
    np.testing.assert_array_equal(calibrated.predict(noisy[TEST]), model.predict(noisy[TEST]))
    before, after = (calibration_error(y[TEST], m.predict_proba(noisy[TEST]), m.classes_) for m in (model, calibrated))
    assert after < 0.2 * before
    assert calibrated.temperature_ > 5


def test_logits_are_taken_where_there_are_any(tmp_path: Any) -> None:
    clf = nw.Classifier(ReLU(16) >> Softmax(10), epochs=30, optimizer=nw.optim.Adam(0.03), random_state=0)
    clf.fit(X[TRAIN], y[TRAIN])
    far = 1000 * X[HELD]
    assert (clf.predict_proba(far) == 0).any()
    assert np.isfinite(log_probabilities(clf, far)).all()
    z = clf._outputs(X[HELD]).double().numpy()
    np.testing.assert_allclose(log_probabilities(clf, X[HELD]), log_softmax(z, axis=1), atol=1e-6)
    calibrated = nw.calibrate(clf, X[HELD], y[HELD])
    np.testing.assert_allclose(
        calibrated.predict_proba(X[TEST]),
        softmax(clf._outputs(X[TEST]).double().numpy() / calibrated.temperature_, axis=1),
        atol=1e-6,
    )
    calibrated.save(tmp_path / "calibrated.nw")
    again = nw.load(tmp_path / "calibrated.nw")
    np.testing.assert_array_equal(again.predict_proba(X[TEST]), calibrated.predict_proba(X[TEST]))
    assert again.n_features_in_ == 64


def test_an_ensemble_is_calibrated_on_rows_that_it_keeps_apart(tmp_path: Any) -> None:
    clf = nw.Classifier(ReLU(16) >> Softmax(10), epochs=15, optimizer=nw.optim.Adam(0.03))
    shared = nw.Ensemble(clf, 3, calibrated=0.3, random_state=0).fit(X[TRAIN], y[TRAIN])
    given = nw.Ensemble(clf, 3, calibrated=(X[HELD], y[HELD]), random_state=0).fit(X[TRAIN], y[TRAIN])
    for ensemble in (shared, given):
        mean = np.mean([member.predict_proba(X[TEST]) for member in ensemble.estimators_], axis=0)
        expected = softmax(np.log(mean) / ensemble.temperature_, axis=1)
        np.testing.assert_allclose(ensemble.predict_proba(X[TEST]), expected, atol=1e-5)
        np.testing.assert_array_equal(ensemble.predict(X[TEST]), mean.argmax(1))
    codes = best_temperature(np.log(np.mean([m.predict_proba(X[HELD]) for m in given.estimators_], axis=0)), y[HELD])
    assert given.temperature_ == pytest.approx(codes, rel=1e-4)
    outside = nw.calibrate(nw.Ensemble(clf, 3, random_state=0).fit(X[TRAIN], y[TRAIN]), X[HELD], y[HELD])
    assert outside.temperature_ == pytest.approx(given.temperature_)
    outside.save(tmp_path / "both.nw")
    np.testing.assert_array_equal(nw.load(tmp_path / "both.nw").predict_proba(X[TEST]), outside.predict_proba(X[TEST]))


FITTED = GaussianNB().fit(X[TRAIN], y[TRAIN])
BOTH = np.stack([y[TRAIN] > 4, y[TRAIN] % 2 == 0], 1).astype(int)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: nw.calibrate(GaussianNB(), X, y),
            r"a fitted classifier with .*, got one that is not fitted",
        ),
        (lambda: nw.calibrate(nw.Regressor(), X, y), r"a fitted classifier with predict_proba, got Regressor\(\)"),
        (lambda: nw.calibrate(FITTED, X, y + 1), r"y: expected labels among \[0, 1, .*got (np.int64\()?10\)? in row 9"),
        (lambda: nw.calibrate(FITTED, X, y[:5]), r"1797 labels of 10 classes, as the probabilities have, got \(5,\)"),
        (lambda: calibration_error(y, np.ones((1797, 10))), r"rows >= 0 that sum to 1, got .* in row 0"),
        (lambda: calibration_error([0], [[1.0]]), r"rows \(n, k\) with k >= 2, got shape \(1, 1\)"),
        (lambda: calibration_error([0], [[0.5, 0.5]], bins=0), r"\(bins\): expected an integer >= 1, got 0"),
        (
            lambda: Calibrated(GaussianNB(), share=1).fit(X, y),
            r"Calibrated\(share\): expected a number in \(0, 1\), got 1",
        ),
        (
            lambda: Calibrated(LinearSVC()).fit(X, y),
            r"Calibrated\(estimator\): .* with predict_proba, got LinearSVC\(\)",
        ),
        (lambda: Calibrated(FITTED, T=2), r"Calibrated: expected one of its options, got 'T'"),
    ],
)
def test_what_cannot_be_is_said(call: Any, message: str) -> None:
    with pytest.raises((InvalidData, InvalidParameter), match=message):
        call()


def test_several_labels_have_no_temperature() -> None:
    clf = nw.Classifier(Sigmoid(2), epochs=1, random_state=0)
    with pytest.raises(InvalidData, match="a classifier of one question, got 2 labels that hold together"):
        nw.calibrate(clf.fit(X[TRAIN], BOTH), X[TRAIN], BOTH)
    with pytest.raises(InvalidData, match="a classifier of one question"):
        nw.calibrate(nw.Ensemble(clf, 2, random_state=0).fit(X[TRAIN], BOTH), X[TRAIN], BOTH)


def test_a_classifier_that_is_not_fitted_is_trained_on_the_other_rows() -> None:
    weight = RNG.random(600)
    found = Calibrated(GaussianNB(), share=0.3, random_state=0).fit(X[TRAIN], y[TRAIN], weight)
    train, held = nw.data.holdout(600, 0.3, y[TRAIN], seed=derive(0, "calibration"), stratify=True)
    model = GaussianNB().fit(X[train], y[train], weight[train])
    np.testing.assert_array_equal(found.estimator_.theta_, model.theta_)
    assert found.temperature_ == Calibrated(model).fit(X[held], y[held], weight[held]).temperature_
    assert not hasattr(found.estimator, "theta_")
    ready = Calibrated(FITTED).fit(X[HELD], y[HELD])
    assert ready.estimator_ is FITTED
    scores = cross_val_score(ready, X[:900], y[:900], cv=3, error_score="raise")  # clones are trained
    np.testing.assert_allclose(scores.mean(), cross_val_score(GaussianNB(), X[:900], y[:900], cv=3).mean(), atol=0.1)


def test_the_best_of_a_search_is_taken() -> None:
    rows, labels = X[TRAIN], y[TRAIN]
    space = {"var_smoothing": nw.log_uniform(1e-3, 1e-1)}
    found = nw.search(GaussianNB(), space, rows, labels, trials=2, stages="one", random_state=0)
    best = nw.calibrate(found.best_estimator_, X[HELD], y[HELD])
    for given in (nw.calibrate(found, X[HELD], y[HELD]), Calibrated(found).fit(X[HELD], y[HELD])):
        np.testing.assert_array_equal(given.predict_proba(X[TEST]), best.predict_proba(X[TEST]))
    clf = nw.Classifier(ReLU(8) >> Softmax(10), epochs=1, random_state=0)
    one, same = (nw.distill(teacher, clf, rows) for teacher in (found, found.best_estimator_))
    assert one.loss_curve_ == same.loss_curve_
    found.best_estimator_ = None
    for call in (lambda: nw.calibrate(found, X[HELD], y[HELD]), lambda: nw.distill(found, clf, rows)):
        with pytest.raises(
            InvalidParameter, match=r"a search with a fitted best_estimator_, got one without\. Search with"
        ):
            call()
