"""Classifiers with a temperature as ONNX files: as exact as in Python, whatever the temperature is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.sequence import SequenceClassifier, TextClassifier

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


def test_sequences(exported: Exported) -> None:
    numbers = [DRAW.normal(size=(length, 2)) for length in DRAW.integers(3, 8, 40)]
    rises = np.array(["up" if each[:, 0].sum() > 0 else "down" for each in numbers])
    clf = SequenceClassifier("GRU(6, output='last')", epochs=2, random_state=0).fit(numbers, rises)
    model = nw.calibrate(clf, numbers, rises)
    model.temperature_ = 2.5
    file = exported(model, steps=8)
    padded = np.stack([np.pad(each, ((0, 8 - len(each)), (0, 0))) for each in numbers])
    for n in (1, 2, 9):
        found = file(sequences=padded[:n], lengths=np.array([len(each) for each in numbers[:n]]))
        np.testing.assert_allclose(found["probabilities"], model.predict_proba(numbers[:n]), rtol=0, atol=1e-5)
        assert (np.array(file.known["classes"])[found["index"]] == model.predict(numbers[:n])).all()
    assert (file.known["steps"], file.known["calibrated"]) == (8, "SequenceClassifier")


def test_texts(exported: Exported) -> None:
    texts, fine = ["a fine film", "a dull film", "fine and good", "dull and bad"] * 8, [True, False] * 16
    clf = TextClassifier(epochs=2, random_state=0).fit(texts, fine)
    model = nw.calibrate(clf, texts, fine)
    file = exported(model)
    assert file.known["calibrated"] == "TextClassifier"
    words = [text.split() for text in texts]
    padded = np.array([row + [""] * (6 - len(row)) for row in words], dtype=object)
    found = file(tokens=padded, lengths=np.array(list(map(len, words))))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(texts), rtol=0, atol=1e-5)
    assert (np.array(file.known["classes"])[found["index"]] == model.predict(texts)).all()


def test_steps_are_of_sequences(tmp_path: Any) -> None:
    clf = nw.Classifier("Softmax(3)", epochs=1, random_state=0).fit(X, LABELS)
    with pytest.raises(InvalidParameter, match=r"Calibrated.export\(steps\): expected None.*got 4"):
        nw.calibrate(clf, X, LABELS).export(tmp_path / "model.onnx", steps=4)
