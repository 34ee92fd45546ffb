"""What plots take: histories and estimators, modules and estimators, samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.layers import ReLU, Softmax
from netwright.plots import subjects
from netwright.train import History

RECORDS = [{"epoch": 3, "train_loss": 1.0}, {"epoch": 4, "train_loss": 0.5, "train_score": 0.9}]


def test_a_history_comes_from_records_histories_and_estimators() -> None:
    history = History(RECORDS)
    clf = nw.Classifier(epochs=1)
    clf.history_ = history
    assert subjects.history_of("f", history) is history
    assert subjects.history_of("f", clf) is history
    assert subjects.history_of("f", RECORDS).records == RECORDS


def test_columns_are_aligned_with_the_epochs() -> None:
    history = History(RECORDS)
    assert subjects.epochs(history).tolist() == [3, 4]
    score = subjects.column(history, "train_score")
    assert math.isnan(score[0])
    assert score[1] == 0.9
    assert subjects.epochs(History([{"train_loss": 1.0}, {"train_loss": 1.0}])).tolist() == [1, 2]


def test_columns_by_layer_fill_gaps() -> None:
    history = History([{"update_ratio": {"a": 1.0}}, {"update_ratio": {"a": 2.0, "b": 3.0}}, {}])
    table = subjects.columns_by_layer("f", history, "update_ratio")
    np.testing.assert_equal(table, {"a": [1.0, 2.0, math.nan], "b": [math.nan, 3.0, math.nan]})
    with pytest.raises(InvalidData, match=r"f\(history\): expected a network with rectifiers .* no such layer"):
        subjects.columns_by_layer("f", history, "dead_units")


@pytest.mark.parametrize("thing", [3, "history", None, [1, 2]])
def test_something_else_has_no_history(thing: object) -> None:
    with pytest.raises(InvalidParameter, match=r"f\(history\): expected a History or a fitted estimator, got"):
        subjects.history_of("f", thing)


def test_nothing_to_show_before_fit_and_without_epochs() -> None:
    with pytest.raises(NotFittedError, match=r"f: expected a fitted estimator, got Classifier without history_"):
        subjects.history_of("f", nw.Classifier())
    with pytest.raises(NotFittedError, match="without module_"):
        subjects.module_of("f", nw.Classifier())
    with pytest.raises(InvalidData, match=r"expected at least one epoch, got none"):
        subjects.history_of("f", History())


def test_modules_come_from_modules_and_estimators() -> None:
    module = torch.nn.Linear(2, 1)
    clf = nw.Classifier()
    clf.module_ = module
    assert subjects.module_of("f", module) is module
    assert subjects.module_of("f", clf) is module
    with pytest.raises(InvalidParameter, match=r"Build a network first: net\.build"):
        subjects.module_of("f", ReLU(3) >> Softmax(2))


def test_a_layer_is_named_by_its_path() -> None:
    module = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Linear(2, 1)), torch.nn.ReLU())
    assert subjects.layer_named("f", module, "0.0") is module[0][0]
    with pytest.raises(InvalidParameter, match=r"f\(layer\): expected the name of a layer of the module, got '7'"):
        subjects.layer_named("f", module, "7")


def test_samples_become_batches_of_one_in_the_module_s_format() -> None:
    module = torch.nn.Linear(3, 1).double()
    given = np.arange(3, dtype=np.uint8)
    (batch,) = subjects.tensors_for("f", module, module, given)
    assert batch.tolist() == [[0.0, 1.0, 2.0]]
    assert batch.dtype == torch.float64
    first, second = subjects.tensors_for("f", module, module, (torch.zeros(3), np.zeros(2)))
    assert (first.shape, second.shape) == ((1, 3), (1, 2))
    symbols = torch.nn.Sequential(torch.nn.Embedding(9, 2))
    assert subjects.tensors_for("f", symbols, symbols, given)[0].dtype == torch.int64


def test_a_sample_of_texts_is_refused() -> None:
    module = torch.nn.Linear(3, 1)
    with pytest.raises(InvalidData, match=r"f\(x\): expected one sample of numbers, got elements of type <U1"):
        subjects.tensors_for("f", module, module, np.array(["a", "b", "c"]))


def test_classes_of_one_question_only() -> None:
    clf = nw.Classifier()
    assert subjects.classes_of(clf) is None
    clf.classes_ = np.array(["a", "b"])
    assert subjects.classes_of(clf) == ["a", "b"]
    clf.classes_ = [np.array([0, 1]), np.array([0, 1])]
    assert subjects.classes_of(clf) is None


def test_leaves_of_a_module_that_is_one() -> None:
    assert [path for path, _ in subjects.leaves(torch.nn.Linear(2, 1))] == ["linear"]
