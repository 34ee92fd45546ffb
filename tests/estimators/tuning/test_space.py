"""Spaces: reading, names that are checked before any trial, choices of anything, networks of several numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.core.value import is_value
from netwright.estimators.options import EXAMPLES
from netwright.estimators.tuning.engine import draw, optuna
from netwright.estimators.tuning.space import Space
from netwright.layers import ReLU, Softmax

NETWORKS = [ReLU(8) >> Softmax(3), ReLU(8) >> ReLU(8) >> Softmax(3), "INPUT -> FC8 -> RELU -> FC", None]


def test_choices_may_be_anything() -> None:
    space = Space.read(
        {
            "network": NETWORKS,
            "regularizer": [None, nw.l2(0.1)],
            "a": [1, 1.0, True],
            "b": [(1, 2), math.nan, len],
            "batch_size": np.array([16, 32]),
            "c": range(3),
            "d": "always",
        }
    )
    assert space.axes["network"].labels == (
        "ReLU(8) >> Softmax(3)",
        "ReLU(8) >> ReLU(8) >> Softmax(3)",
        "INPUT -> FC8 -> RELU -> FC",
        "None",
    )
    assert space.axes["a"].labels == ("1", "1.0", "True")
    assert space.axes["b"].labels == ("(1, 2)", "nan", "len")
    assert space.axes["batch_size"].options == (16, 32)
    assert type(space.axes["batch_size"].options[0]) is int
    assert space.params({n: axis.labels[-1] for n, axis in space.axes.items()}) == {  # type: ignore[union-attr]
        "network": None,
        "regularizer": nw.l2(0.1),
        "a": True,
        "b": len,
        "batch_size": 32,
        "c": 2,
        "d": "always",
    }


def test_equal_texts_stay_two_choices() -> None:
    class Same:
        def __repr__(self) -> str:
            return "same"

    first, second = Same(), Same()
    axis = Space.read({"x": [first, second]}).axes["x"]
    assert axis.labels == ("same", "same #2")  # type: ignore[union-attr]
    assert [axis.value(label) for label in axis.labels] == [first, second]  # type: ignore[union-attr]


def test_a_network_of_several_numbers() -> None:
    pattern = "INPUT -> [FC{width} -> RELU -> DROP{dropout}]*{depth} -> FC"
    space = Space.read(
        {
            "network": nw.varied(pattern, width=2 ** nw.integers(3, 5), depth=[1, 2], dropout=nw.uniform(0, 0.5)),
            "optimizer__lr": nw.log_uniform(1e-4, 0.1),
        }
    )
    assert list(space.axes) == ["network.width", "network.depth", "network.dropout", "optimizer__lr"]
    assert space.names == ["network", "optimizer__lr"]
    drawn = {"network.width": 4, "network.depth": 2, "network.dropout": 0.00001234567, "optimizer__lr": 0.01}
    assert space.params(drawn) == {
        "network": "INPUT -> [FC16 -> RELU -> DROP0.00001235]*2 -> FC",
        "optimizer__lr": 0.01,
    }
    space.check_against(nw.Classifier())
    made = nw.varied(lambda width, dropout: ("made", width, dropout), width=[3, 4], dropout=nw.uniform(0, 1))
    assert Space.read({"n": made}).params({"n.width": 3, "n.dropout": 0.5}) == {"n": ("made", 3, 0.5)}


def test_every_axis_is_drawn_by_itself() -> None:
    space, study = Space.read({"a": nw.uniform(0, 1), "b": nw.uniform(0, 1)}), optuna().study.create_study()
    draws = [draw(space, study, "random", seed, 100) for seed in range(200)]
    a, b = (np.array([each[name] for each in draws]) for name in "ab")
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.15
    again = draw(space, study, "random", 7, 100)
    assert again == draws[7]


@pytest.mark.parametrize("estimator", [nw.Classifier(), nw.Classifier(optimizer="SGD(0.1)")])
def test_names_of_values_inside(estimator: Any) -> None:
    Space.read({"optimizer__lr": nw.log_uniform(1e-4, 1), "epochs": [1, 2]}).check_against(estimator)
    chain = make_pipeline(StandardScaler(), estimator)
    Space.read({"classifier__optimizer__lr": nw.log_uniform(1e-4, 1)}).check_against(chain)


@pytest.mark.parametrize(
    ("estimator", "space", "text"),
    [
        (SVC(), {"c": [1.0]}, r"space: expected a parameter of SVC, got 'c'. Did you mean 'C'\?"),
        (nw.Classifier(), {"batchsize": [1]}, r"batchsize"),
        (nw.Classifier(), {"optimizer__lrr": [1.0]}, "lrr"),
        (nw.Classifier(), {"optimizer": [nw.optim.SGD(), nw.optim.Adam()], "optimizer__momentum": [0.9]}, "momentum"),
        (nw.Classifier(), {"optimzer__lr": [1.0]}, r"got 'optimzer'. Did you mean 'optimizer'\?"),
        (nw.Classifier(), {"regularizer__strength": [1.0]}, r"got None. Give it a value first, .* regularizer=nw.l2"),
        (nw.Classifier(), {"epochs__lr": [1.0]}, r"expected epochs to be a value with options, got 100.$"),
        (nw.Classifier(), {"batch_size": [-3, 32]}, r"space\['batch_size'\]: .*\(batch_size\): .* >= 1, got -3"),
        (nw.Classifier(), {"batch_size": nw.integers(-3, 32)}, r"Classifier\(batch_size\): .*, got -3"),
        (nw.Classifier(), {"average": nw.uniform(-0.5, 0.9)}, r"Classifier\(average\): .*, got -0.4999"),
        (nw.Ensemble(nw.Classifier()), {"n_estimators": [0, 2]}, r"Ensemble\(n_estimators\): .*, got 0"),
        (make_pipeline(nw.Classifier()), {"classifier__epochs": [0]}, r"Classifier\(epochs\): .*, got 0"),
        (make_pipeline(StandardScaler(), SVC()), {"svc__c": [1.0]}, "expected a parameter of Pipeline, got 'svc__c'"),
        (make_pipeline(StandardScaler(), SVC()), {"svm__C": [1.0]}, "expected a parameter of Pipeline, got 'svm__C'"),
    ],
)
def test_unknown_names_are_refused_before_any_trial(estimator: Any, space: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        nw.search(estimator, space, np.zeros((10, 2)), np.arange(10) % 2)


def test_ends_of_a_range_that_are_never_drawn_may_be_out_of_bounds() -> None:
    Space.read({"average": nw.uniform(0, 1)}).check_against(nw.Classifier())


def test_examples_of_values_are_values() -> None:
    for name, text in EXAMPLES.items():
        assert is_value(eval(text, {"nw": nw})), name


@pytest.mark.parametrize(
    ("space", "text"),
    [
        ({}, "an empty one"),
        ([("a", [1])], r"a dict \{parameter: range or list of choices\}"),
        ({3: [1]}, "names of parameters, got 3"),
        ({"a": []}, r"space\['a'\]: .*, got an empty list"),
        ({"a": (1e-5, 0.1)}, r"Write nw.uniform\(1e-05, 0.1\) or nw.log_uniform\(1e-05, 0.1\) for a range"),
        ({"a": {"b": 1}}, "a list of one"),
        ({"a": stats.loguniform(1, 2)}, "Write it as nw.uniform"),
        ({"a": [1, 2, 1]}, "different choices, got 1 twice"),
    ],
)
def test_spaces_that_cannot_be(space: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        Space.read(space)


@pytest.mark.parametrize(
    ("make", "parts", "text"),
    [
        (3, {"a": [1]}, r"varied\(make\): expected a text with names in braces, or a function, got 3"),
        ("FC{width}", {}, "at least one name with a range"),
        ("FC{width}", {"witdh": [1]}, "a range for each name in braces, and no other"),
        ("FC{width}", {"width": [1], "depth": [2]}, "got 'depth'"),
        ("FC{width}", {"width": []}, r"varied\(width\)"),
    ],
)
def test_parts_that_cannot_be(make: Any, parts: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        nw.varied(make, **parts)
