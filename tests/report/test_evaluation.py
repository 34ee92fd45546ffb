"""Evaluations: scores against scikit-learn, what is worth showing, files; and the tables made of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

import netwright as nw
from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidData
from netwright.report import Evaluation, evaluate
from netwright.report.evaluation import scores_of
from netwright.report.tables import class_table
from netwright.report.words import figures, percent


def test_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    true, value = rng.normal(size=50), rng.normal(size=50)
    scores = scores_of("regress", true, value)
    assert scores["rmse"] == pytest.approx(metrics.root_mean_squared_error(true, value))
    assert scores["mae"] == pytest.approx(metrics.mean_absolute_error(true, value))
    assert scores["r2"] == pytest.approx(metrics.r2_score(true, value))
    codes, matrix = rng.integers(0, 3, 50), rng.dirichlet(np.ones(3), 50)
    predicted = matrix.argmax(1)
    pair = np.stack([matrix.max(1), matrix[np.arange(50), codes]], axis=1)
    scores = scores_of("classify", codes, predicted, pair)
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(codes, predicted))
    assert scores["error"] == pytest.approx(1 - scores["accuracy"])
    assert scores["log_loss"] == pytest.approx(metrics.log_loss(codes, matrix, labels=[0, 1, 2]))
    assert np.isnan(scores_of("regress", np.ones(3), np.ones(3))["r2"])


def test_an_evaluation_says_what_the_estimator_says(classifier: Any, digits: Any, evaluation: Evaluation) -> None:
    X, y = digits[0][350:], digits[1][350:]
    assert evaluation.scores["accuracy"] == pytest.approx(classifier.score(X, y))
    assert [int(evaluation.classes[code]) for code in evaluation.predicted] == classifier.predict(X).tolist()
    assert [int(evaluation.classes[code]) for code in evaluation.true] == y.tolist()
    probabilities = classifier.predict_proba(X)
    assert evaluation.probability is not None
    np.testing.assert_allclose(evaluation.probability[:, 0], probabilities.max(1), rtol=1e-6)
    np.testing.assert_allclose(evaluation.probability[:, 1], probabilities[np.arange(len(y)), y], rtol=1e-6)
    assert evaluation.images is not None
    np.testing.assert_array_equal(evaluation.images[0], np.round(X[evaluation.shown[0]] * 255))


def test_the_worst_mistakes_come_first(evaluation: Evaluation) -> None:
    badness = evaluation.badness
    assert (badness[evaluation.true == evaluation.predicted] == 0).all()
    assert (badness[evaluation.true != evaluation.predicted] >= 1).all()
    count = min(16, int((badness > 0).sum()))
    assert count > 0
    worst = badness[evaluation.shown][:count]
    assert (badness[evaluation.shown][count:] == 0).all()
    np.testing.assert_array_equal(worst, np.sort(badness)[::-1][:count])
    assert len(set(evaluation.shown.tolist())) == len(evaluation.shown)


def test_residuals_and_cells_of_a_table() -> None:
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    long = "a very long name of a town " * 4
    X = pandas.DataFrame({"size": rng.normal(size=60), "town": ["Ulm", None, long] * 20})
    y = X["size"].to_numpy() * 2
    model = nw.Regressor(epochs=1, random_state=0).fit(X, y)
    made = evaluate(model, X, y)
    np.testing.assert_allclose(made.badness, np.abs(model.predict(X) - y))
    assert made.scores["rmse"] == pytest.approx(float(np.sqrt(np.mean((model.predict(X) - y) ** 2))))
    assert len(made.shown) == len(set(made.shown.tolist())) == 24
    for place, row in enumerate(made.shown):
        assert float(made.cells["size"][place]) == pytest.approx(X["size"][row], rel=1e-5)
        assert made.cells["town"][place] == ("Ulm", "", f"{long[:57]}...")[row % 3]
    columns = {"size": X["size"].to_numpy(), "town": X["town"].to_numpy(dtype=object)}
    assert evaluate(model, columns, y).cells == made.cells


def test_an_evaluation_goes_to_a_file_and_back(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path / "evaluation.nw")
    read = Evaluation.load(tmp_path / "evaluation.nw")
    for name in ("true", "predicted", "probability", "rows", "shown", "images"):
        np.testing.assert_array_equal(getattr(read, name), getattr(evaluation, name))
    assert (read.task, read.target, read.classes) == (evaluation.task, evaluation.target, evaluation.classes)
    cells = {"z": ["1", "2"], "a": ["x", ""]}
    ordered = Evaluation("regress", "y", (), np.zeros(2), np.ones(2), None, np.arange(2), np.arange(2), None, cells)
    ordered.save(tmp_path / "cells.nw")
    assert list(Evaluation.load(tmp_path / "cells.nw").cells.items()) == list(cells.items())


@pytest.mark.parametrize(
    "change",
    [
        lambda content, arrays: content.pop("classes"),
        lambda content, arrays: content.update(task="guess"),
        lambda content, arrays: content.update(cells=[["a", ["1"]]]),
        lambda content, arrays: content.update(cells=3),
        lambda content, arrays: content.update(classes=["0"]),
        lambda content, arrays: arrays.pop("true"),
        lambda content, arrays: arrays.update(rows=np.arange(3)),
        lambda content, arrays: arrays.update(shown=np.full(24, 10**6)),
        lambda content, arrays: arrays.update(true=arrays["true"].astype(float)),
    ],
)
def test_a_file_that_is_no_evaluation(
    change: Callable[[dict[str, Any], dict[str, Any]], object], evaluation: Evaluation, tmp_path: Path
) -> None:
    path = tmp_path / "evaluation.nw"
    evaluation.save(path)
    kind, content, arrays = storage.read(path)
    change(content, arrays)
    storage.write(path, kind, content, arrays)
    with pytest.raises(CorruptFile, match="expected the fields of an evaluation, got"):
        Evaluation.load(path)


def test_labels_that_the_model_does_not_know(classifier: Any, digits: Any) -> None:
    with pytest.raises(InvalidData, match="labels that the model was trained on, got 77 in row 2"):
        evaluate(classifier, digits[0][:3], np.array([1, 2, 77]))


def test_the_table_of_classes_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 4, 80), rng.integers(0, 4, 80)
    made = Evaluation("classify", "y", tuple("abcd"), true, predicted, None, np.arange(80), np.arange(0))
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", class_table(made))
    expected = metrics.precision_recall_fscore_support(true, predicted)
    for place, label in enumerate("abcd"):
        name, *shares, rows = cells[5 * place : 5 * place + 5]
        assert (name, int(rows)) == (label, expected[3][place])
        got = [float(share.removesuffix(" %")) / 100 for share in shares]
        np.testing.assert_allclose(got, [part[place] for part in expected[:3]], atol=6e-4)


def test_of_many_classes_the_worst_are_listed() -> None:
    true = np.repeat(np.arange(40), 2)
    predicted = true.copy()
    predicted[60] = 0
    made = Evaluation("classify", "y", tuple(map(str, range(41))), true, predicted, None, np.arange(80), np.arange(0))
    text = class_table(made)
    assert "the 30 of 41 with the lowest recall" in text
    assert ">30</td>" in text
    assert ">40</td>" not in text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.000"),
        (1e-9, "1.000e-09"),
        (123456.7, "123,457"),
        (1e13, "1.000e+13"),
        (float("inf"), "inf"),
        (-2.5, "-2.500"),
    ],
)
def test_numbers_are_written_to_be_read(number: float, text: str) -> None:
    assert figures(number) == text


def test_shares_are_whole_only_when_they_are() -> None:
    assert [percent(share) for share in (0.0, 1e-9, 0.5, 1 - 1e-9, 1.0)] == [
        "0 %",
        "<0.01 %",
        "50.00 %",
        ">99.99 %",
        "100 %",
    ]
