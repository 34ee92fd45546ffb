"""Classifiers with a temperature as ONNX files: as exact as in Python, whatever the temperature is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.core.errors import InvalidParameter

DRAW = np.random.default_rng(0)
X = DRAW.normal(5000.0, 3.0, (60, 3))
LABELS = np.array(["low", "middle", "high"])[np.digitize(X[:, 0], [4998.0, 5002.0])]
Exported = Callable[..., Any]


def compared(file: Any, model: Any, rows: Any) -> None:
    """Probabilities and labels of batches of 1, 2 and 9."""
    for n in (1, 2, 9):
        found = file(X=rows[:n])
        np.testing.assert_allclose(found["probabilities"], model.predict_proba(rows[:n]), rtol=0, atol=1e-5)
        assert (np.array(file.known["classes"])[found["index"]] == model.predict(rows[:n])).all()


@pytest.mark.parametrize("temperature", [None, 0.01])
def test_temperatures(temperature: float | None, exported: Exported) -> None:
    clf = nw.Classifier("Tanh(16) >> Softmax(3)", epochs=40, random_state=0).fit(X, LABELS)
    model = nw.calibrate(clf, X, LABELS)
    model.temperature_ = temperature or model.temperature_
    file = exported(model)
    compared(file, model, X)
    known = {name: file.known[name] for name in ("kind", "calibrated", "temperature")}
    assert known == {"kind": "Calibrated", "calibrated": "Classifier", "temperature": model.temperature_}


def test_probabilities_that_float32_has_not(exported: Exported) -> None:
    rows = ((X - 5000) / 3).astype(np.float32)
    clf = nw.Classifier("Linear(3)", epochs=1, random_state=0).fit(rows, LABELS)
    with torch.no_grad():
        for weights in clf.module_.parameters():
            weights.mul_(150)
    model = nw.calibrate(clf, rows, LABELS)
    model.temperature_ = 100.0
    assert (model.predict_proba(rows)[clf.predict_proba(rows) == 0] > 0.01).any()
    file = exported(model)
    compared(file, model, rows)
    np.testing.assert_allclose(file(X=rows)["probabilities"], model.predict_proba(rows), rtol=0, atol=1e-5)


def test_one_sigmoid(exported: Exported) -> None:
    rows = (X - 5000).astype(np.float32)
    clf = nw.Classifier("Tanh(4) >> Sigmoid(1)", epochs=2, random_state=0).fit(rows, LABELS == "low")
    model = nw.calibrate(clf, rows, LABELS == "low")
    compared(exported(model), model, rows)


def test_ensembles(exported: Exported) -> None:
    """With a temperature of their own, with one put on them, and with both."""
    clf = nw.Classifier(epochs=2)
    own = nw.Ensemble(clf, n_estimators=2, random_state=0, calibrated=(X, LABELS)).fit(X, LABELS)
    compared(exported(own), own, X)
    for inner in (own, nw.Ensemble(clf, n_estimators=2, random_state=0).fit(X, LABELS)):
        model = nw.calibrate(inner, X, LABELS)
        model.temperature_ = 3.0
        file = exported(model)
        compared(file, model, X)
        assert (file.known["calibrated"], file.known["member"], file.known["members"]) == ("Ensemble", "Classifier", 2)


def test_of_others_are_refused(exported: Exported) -> None:
    from sklearn.linear_model import LogisticRegression

    model = nw.calibrate(LogisticRegression().fit(X - 5000, LABELS), X - 5000, LABELS)
    with pytest.raises(
        InvalidParameter, match=r"Calibrated\.export: expected a Classifier or .*got LogisticRegression"
    ):
        exported(model)
