"""What a deep belief network learned is where a classifier begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import netwright as nw
from netwright.classical.energy.dbn import DBN
from netwright.classical.energy.rbm import RBM
from netwright.core.errors import InvalidParameter, JoinError
from netwright.estimators.pretrained import pretrained
from netwright.layers import Conv, Dropout, Input, Linear, ReLU, Sigmoid, Softmax

X, y = load_digits(return_X_y=True)
X = X / 16


@pytest.fixture(scope="module")
def dbn() -> DBN:
    return DBN((24, 12), epochs=8, random_state=0).fit(X)


def test_the_layers_compute_what_the_stack_transforms(dbn: DBN) -> None:
    loaded = pretrained(dbn, Softmax(10))
    assert loaded.network == Input(64) >> Sigmoid(24) >> Sigmoid(12) >> Softmax(10)
    with torch.no_grad():
        hidden = loaded.module[:-1](torch.tensor(X[:50], dtype=torch.float32))
    np.testing.assert_allclose(hidden.numpy(), dbn.transform(X[:50]), atol=1e-6)


def test_the_report_says_where_everything_stood(dbn: DBN) -> None:
    loaded = pretrained(dbn, "ReLU(7) >> Softmax(10)")
    assert [(row.file, row.ours, row.shape, row.done) for row in loaded.rows] == [
        ("rbms_[0].weights_", "sigmoid1.linear.weight", (24, 64), "as it is"),
        ("rbms_[0].hidden_bias_", "sigmoid1.linear.bias", (24,), "as it is"),
        ("rbms_[1].weights_", "sigmoid2.linear.weight", (12, 24), "as it is"),
        ("rbms_[1].hidden_bias_", "sigmoid2.linear.bias", (12,), "as it is"),
        ("", "relu1.linear.weight", (7, 12), "kept fresh: the head"),
        ("", "relu1.linear.bias", (7,), "kept fresh: the head"),
        ("", "softmax1.linear.weight", (10, 7), "kept fresh: the head"),
        ("", "softmax1.linear.bias", (10,), "kept fresh: the head"),
    ]
    assert str(loaded).endswith(
        "DBN, names of netwright: 4 as it is, 4 kept fresh\nthe biases of visible units have no place in this network"
    )
    assert repr(loaded) == "<weights of DBN in a Sequential: 8 rows, print it>"


def test_the_head_follows_from_its_seed(dbn: DBN) -> None:
    first, again, other = (pretrained(dbn, Softmax(10), seed).module.state_dict() for seed in (1, 1, 2))
    assert torch.equal(first["softmax1.linear.weight"], again["softmax1.linear.weight"])
    assert not torch.equal(first["softmax1.linear.weight"], other["softmax1.linear.weight"])
    assert torch.equal(first["sigmoid1.linear.weight"], other["sigmoid1.linear.weight"])
    assert dbn.rbms_[0].weights_.dtype == np.float64


def test_a_classifier_begins_there_and_goes_on(dbn: DBN) -> None:
    loaded = pretrained(dbn, Softmax(10))
    before = loaded.module.state_dict()["sigmoid1.linear.weight"].clone()
    options: dict[str, Any] = {"optimizer": nw.optim.Adam(0.01), "random_state": 0}
    barely = nw.Classifier(loaded, epochs=1, optimizer=nw.optim.SGD(1e-9), random_state=0).fit(X, y)
    np.testing.assert_allclose(barely.module_.state_dict()["sigmoid1.linear.weight"], before, atol=1e-6)
    tuned = nw.Classifier(loaded, epochs=12, **options).fit(X, y)
    assert torch.equal(loaded.module.state_dict()["sigmoid1.linear.weight"], before)  # the given network stays
    assert not np.allclose(tuned.module_.state_dict()["sigmoid1.linear.weight"], before, atol=1e-2)
    from_nothing = nw.Classifier(Sigmoid(24) >> Sigmoid(12) >> Softmax(10), epochs=12, **options).fit(X, y)
    assert tuned.loss_curve_[0] < from_nothing.loss_curve_[0]
    assert tuned.score(X, y) > 0.9


def test_the_estimator_is_saved_and_cloned(dbn: DBN, tmp_path: Path) -> None:
    model = nw.Classifier(pretrained(dbn, Softmax(10)), epochs=2, random_state=0).fit(X, y)
    model.save(tmp_path / "model.nw")
    again = nw.load(tmp_path / "model.nw")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(clone(model).fit(X, y).predict_proba(X), model.predict_proba(X))


def test_a_pipeline_scales_before_both() -> None:
    scaled = MinMaxScaler().fit_transform(X)
    dbn = DBN((16,), epochs=2, random_state=0).fit(scaled)
    model = make_pipeline(MinMaxScaler(), nw.Classifier(pretrained(dbn, Softmax(10)), epochs=2, random_state=0))
    assert model.fit(X, y).predict(X).shape == y.shape


def test_one_machine_is_a_layer_and_a_regressor_has_a_linear_head() -> None:
    rbm = RBM(9, epochs=2, random_state=0).fit(X.astype(np.float32))
    loaded = pretrained(rbm, Dropout(0.1) >> Linear(1))
    assert loaded.rows[0].file == "weights_"
    assert loaded.architecture == "RBM"
    model = nw.Regressor(loaded, epochs=2, random_state=0).fit(X, y * 1.0)
    assert model.network_ == Input(64) >> Sigmoid(9) >> Dropout(0.1) >> Linear(1)
    gaussian = RBM(9, visible="gaussian", epochs=1, random_state=0).fit(X)
    assert pretrained(gaussian, Linear(1)).network == Input(64) >> Sigmoid(9) >> Linear(1)


def test_what_has_no_machines_is_refused(dbn: DBN) -> None:
    with pytest.raises(NotFittedError, match="DBN"):
        pretrained(DBN(), Softmax(10))
    with pytest.raises(
        InvalidParameter, match=r"pretrained\(network\): expected a fitted DBN or RBM, got 5 of type int"
    ):
        pretrained(5, Softmax(10))
    scaler = MinMaxScaler().fit(X)
    with pytest.raises(InvalidParameter, match=r"expected a fitted DBN or RBM, got MinMaxScaler\(\) of type Min"):
        pretrained(scaler, Softmax(10))
    expected = r"pretrained\(head\): expected layers without an Input, such as Softmax\(10\), or their text, got "
    for head, got in ((Input(12) >> Softmax(10), r"Input\(12\) >> Softmax\(10\)"), (10, "10"), (None, "None")):
        with pytest.raises(InvalidParameter, match=expected + got):
            pretrained(dbn, head)
    with pytest.raises(InvalidParameter, match=r"pretrained\(seed\): expected an integer >= 0, got -1"):
        pretrained(dbn, Softmax(10), -1)
    with pytest.raises(JoinError, match="Conv"):
        pretrained(dbn, Conv(3, 3) >> ReLU())
