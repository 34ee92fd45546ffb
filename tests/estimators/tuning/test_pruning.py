"""Pruning: both rules against a transcription of their equations, and what becomes of a run that is ended."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.estimators.tuning.pruning import Judge
from netwright.estimators.tuning.records import Outcome

X, Y = load_iris(return_X_y=True)


def halves(curves: list[list[float]]) -> list[list[float]]:
    """Asynchronous successive halving by hand: at epochs 1, 3, 9, ... only the best third of those so far goes on."""
    kept: list[list[float]] = []
    rungs: dict[int, list[float]] = {}
    for curve in curves:
        stop = len(curve)
        for epoch in (1, 3, 9, 27):
            if epoch <= len(curve):
                rungs.setdefault(epoch, []).append(curve[epoch - 1])
                there = sorted(rungs[epoch], reverse=True)
                if curve[epoch - 1] < there[max(len(there) // 3, 1) - 1]:
                    stop = epoch
                    break
        kept.append(curve[:stop])
    return kept


def medians(curves: list[list[float]]) -> list[list[float]]:
    """The median rule by hand: the best so far is compared with the median of completed trials at that epoch."""
    kept: list[list[float]] = []
    complete: list[list[float]] = []
    for curve in curves:
        stop = len(curve)
        for epoch in range(2, len(curve) + 1):
            there = [other[epoch - 1] for other in complete]
            if len(complete) >= 5 and max(curve[:epoch]) < np.median(there):
                stop = epoch
                break
        kept.append(curve[:stop])
        if stop == len(curve):
            complete.append(curve)
    return kept


@pytest.mark.parametrize(("pruning", "by_hand"), [("successive halving", halves), ("median", medians)])
def test_the_rules_are_those_of_the_papers(pruning: str, by_hand: Any) -> None:
    rng = np.random.default_rng(0)
    curves = [np.maximum.accumulate(rng.random(10) * rng.random()).tolist() for _ in range(25)]
    expected = by_hand(curves)
    earlier: list[Outcome] = []
    for curve, kept in zip(curves, expected, strict=True):
        judge, reports = Judge(pruning, earlier), []
        for epoch, score in enumerate(curve, start=1):
            reports.append(score)
            if not judge.goes_on(score, epoch):
                break
        ended = len(reports) < len(curve) or (len(kept) == len(curve) and not kept)
        assert reports == kept
        earlier.append(Outcome("pruned" if ended else "complete", reports[-1], reports=tuple(reports)))
    assert any(len(kept) < len(curve) for kept, curve in zip(expected, curves, strict=True))


@pytest.mark.parametrize("pruning", ["successive halving", "median"])
def test_bad_rates_end_early(pruning: str) -> None:
    clf = nw.Classifier("ReLU(6) >> Softmax(3)", epochs=9, batch_size=32)
    space = {"optimizer__lr": [1e-7, 0.05]}
    made = nw.search(clf, space, X, Y, trials=14, stages="one", pruning=pruning, random_state=0, refit=False)
    frame = made.trials_
    pruned = frame[frame.state == "pruned"]
    assert len(pruned) >= 2
    assert (pruned.epochs < 9).all()
    assert pruned.reason.str.match(r"behind others after epoch \d").all()
    assert (frame[frame.state == "complete"].epochs == 9).all()
    assert made.best_params_ == {"optimizer__lr": 0.05}


def test_following_changes_no_run() -> None:
    clf = nw.Classifier("ReLU(6) >> Dropout(0.2) >> Softmax(3)", epochs=4, average=0.9, validation=0.2, patience=2)
    options = {"trials": 3, "stages": "one", "random_state": 0, "refit": False}
    plain = nw.search(clf, {"batch_size": [16, 32]}, X, Y, **options)
    followed = nw.search(clf, {"batch_size": [16, 32]}, X, Y, pruning="median", **options)
    assert [row["score"] for row in plain.rows_] == [row["score"] for row in followed.rows_]
    assert all(r.outcome.reports for r in followed.stages[0].records if r.outcome)


def test_texts_are_followed_too() -> None:
    texts, labels = ["a fine film", "a dull film", "fine acting", "dull acting"] * 6, np.array([1, 0, 1, 0] * 6)
    clf = nw.sequence.TextClassifier("bag", width=4, epochs=3)
    options = {"trials": 3, "stages": "one", "random_state": 0, "scoring": "neg_log_loss"}
    plain = nw.search(clf, {"optimizer__lr": [0.01, 0.1]}, texts, labels, **options)
    followed = nw.search(clf, {"optimizer__lr": [0.01, 0.1]}, texts, labels, pruning="median", **options)
    assert [row["score"] for row in plain.rows_] == [row["score"] for row in followed.rows_]
    assert [len(r.outcome.reports) for r in followed.stages[0].records if r.outcome] == [3, 3, 3]
    before = followed.best_estimator_.predict_proba(texts)
    with pytest.raises(ValueError, match="y"):
        followed.best_estimator_.fit(texts, labels[:3])
    np.testing.assert_array_equal(followed.best_estimator_.predict_proba(texts), before)


def test_a_run_that_cannot_be_followed_is_refused() -> None:
    ensemble = nw.Ensemble(nw.Classifier(epochs=2), 2)
    with pytest.raises(InvalidParameter, match=r"search\(pruning\): .*, got Ensemble, which has its networks inside"):
        nw.search(ensemble, {"estimator__optimizer__lr": [0.1, 0.2]}, X, Y, pruning="median")


def test_estimators_without_epochs_are_trained_to_their_end() -> None:
    made = nw.search(SVC(), {"C": nw.log_uniform(1e-3, 10)}, X, Y, trials=12, pruning="median", random_state=0)
    assert {row["state"] for row in made.rows_} == {"complete"}
    assert {row["epochs"] for row in made.rows_} == {None}
