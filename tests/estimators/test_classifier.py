"""The classifier's own facts: kinds of targets, heads, weights, learning."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter, JoinError
from netwright.layers import (
    BatchNorm,
    Concat,
    Conv,
    Dropout,
    Flatten,
    Input,
    Linear,
    MaxPool,
    Module,
    ReLU,
    Reshape,
    Sigmoid,
    Softmax,
    Tanh,
)

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)


def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


@pytest.mark.slow
def test_softmax_regression_reaches_the_optimum_that_logistic_regression_finds():
    X = StandardScaler().fit_transform(IRIS[0])
    y = IRIS[1]
    n, strength = len(y), 0.01
    clf = nw.Classifier(
        Softmax(3),
        optimizer=nw.optim.Adam(nw.optim.cosine(0.1)),
        regularizer=nw.l2(strength),
        epochs=1500,
        batch_size=150,
        random_state=0,
    ).fit(X, y)
    oracle = LogisticRegression(C=1 / (n * strength), tol=1e-10, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(X), oracle.predict_proba(X), atol=1e-4)


def test_it_learns_digits_with_a_convolutional_network():
    X, y = nw.data.load_digits()
    net = Conv(16, 3) >> ReLU() >> MaxPool(2) >> Flatten() >> ReLU(64) >> Softmax(10)
    rows, held = nw.data.holdout(len(y), 0.2, y, seed=0, stratify=True)
    clf = nw.Classifier(net, epochs=15, batch_size=32, optimizer=nw.optim.Adam(3e-3), random_state=0)
    assert clf.fit(X[rows], y[rows]).score(X[held], y[held]) > 0.98
    assert clf.network_.input_shape == (1, 8, 8)


@pytest.mark.parametrize(
    "network", [Tanh(8) >> Sigmoid(1), Tanh(8) >> Softmax(2), Tanh(8) >> Linear(2), Tanh(8) >> Linear(1)]
)
def test_two_classes_in_every_form(network):
    X, y = CANCER
    labels = np.array(["malignant", "benign"])[y]
    clf = nw.Classifier(network, epochs=20, random_state=0, optimizer=nw.optim.Adam(0.01))
    model = make_pipeline(StandardScaler(), clf).fit(X, labels)
    assert model.score(X, labels) > 0.96
    p = model.predict_proba(X)
    assert p.shape == (569, 2)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-6)
    assert (clf.classes_[p.argmax(1)] == model.predict(X)).all()
    assert list(clf.classes_) == ["benign", "malignant"]


def test_hinge_loss_has_labels_but_no_probabilities():
    X, y = StandardScaler().fit_transform(IRIS[0]), IRIS[1]
    clf = nw.Classifier(Tanh(8) >> Linear(3), loss=nw.losses.Hinge(), epochs=60, optimizer="Adam(0.01)", random_state=0)
    assert clf.fit(X, y).score(X, y) > 0.9
    assert not hasattr(clf, "predict_proba")
    chosen = nw.Classifier(loss="Hinge()", epochs=30, random_state=0).fit(X, y)
    assert repr(chosen.network_).endswith("Linear(3)")
    assert chosen.score(X, y) > 0.9


def test_several_labels_that_hold_together():
    X, y = make_multilabel_classification(n_samples=300, n_features=10, n_classes=4, random_state=0)
    clf = nw.Classifier(epochs=60, random_state=0).fit(X, y)
    assert repr(clf.network_).endswith("Sigmoid(4)")
    p = clf.predict_proba(X)
    assert p.shape == (300, 4)
    np.testing.assert_array_equal(clf.predict(X), (p > 0.5).astype(int))
    assert clf.score(X, y) == (clf.predict(X) == y).all(1).mean() > 0.5


def test_several_questions_with_a_head_each():
    X, y = IRIS
    both = np.stack([np.array(["a", "b", "c"])[y], np.where(X[:, 0] > 5.8, "long", "short")], axis=1)
    trunk = ReLU(32) >> (Softmax(3) | Softmax(2))
    for network in (None, trunk):
        clf = nw.Classifier(network, epochs=80, optimizer=nw.optim.Adam(0.01), random_state=0).fit(X, both)
        assert clf.predict(X).shape == (150, 2)
        assert (clf.predict(X) == both).mean() > 0.9
        a, b = clf.predict_proba(X)
        assert (a.shape, b.shape) == ((150, 3), (150, 2))
        np.testing.assert_allclose(b.sum(1), 1, atol=1e-6)


def test_several_inputs():
    X, y = CANCER
    X = StandardScaler().fit_transform(X)
    net = (Input(10) >> ReLU(8) | Input(20)) >> Concat() >> Softmax(2)
    clf = nw.Classifier(net, epochs=20, optimizer=nw.optim.Adam(0.01), random_state=0, validation=0.2)
    assert clf.fit((X[:, :10], X[:, 10:]), y).score((X[:, :10], X[:, 10:]), y) > 0.95


def test_a_torch_module_of_ones_own():
    X, y = digits()
    with torch.random.fork_rng(devices=[]):
        mine = torch.nn.Sequential(
            torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10), torch.nn.Softmax(1)
        )
    kept = mine[0].weight.detach().clone()
    clf = nw.Classifier(mine, epochs=5, optimizer=nw.optim.Adam(0.01), random_state=0).fit(X, y)
    assert clf.score(X, y) > 0.9
    assert torch.equal(mine[0].weight, kept)
    with pytest.raises(InvalidParameter, match=r"a network made of layers, got a Sequential module.*nw\.register"):
        clf.save("never.nw")


def test_datasets_tensors_and_frames_go_in():
    X, y = digits()
    net = ReLU(32) >> Softmax(10)
    plain = nw.Classifier(net, epochs=2, random_state=0).fit(X, y).predict(X)
    tensors = torch.from_numpy(X), torch.from_numpy(y)
    dataset = torch.utils.data.TensorDataset(*tensors)
    from_tensors = nw.Classifier(net, epochs=2, random_state=0).fit(*tensors)
    from_dataset = nw.Classifier(net, epochs=2, random_state=0).fit(dataset)
    np.testing.assert_array_equal(from_tensors.predict(tensors[0]), plain)
    np.testing.assert_array_equal(from_dataset.predict(dataset), plain)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_with_gaps_texts_and_unseen_categories(frame, tmp_path):
    rng = np.random.default_rng(0)
    age = rng.uniform(1, 80, 200)
    columns = {
        "age": [None if i % 7 == 0 else float(a) for i, a in enumerate(age)],
        "sex": [["male", "female"][i] for i in rng.integers(0, 2, 200)],
        "alone": [bool(b) for b in rng.integers(0, 2, 200)],
    }
    y = np.array([s == "female" for s in columns["sex"]]).astype(int)
    clf = nw.Classifier(epochs=40, validation=0.2, random_state=0).fit(frame(columns), y)
    assert clf.score(frame(columns), y) > 0.95
    odd = frame({"alone": [True], "sex": ["unknown"], "age": [None], "more": [1]})
    if frame is pd.DataFrame:
        odd = odd[["age", "sex", "alone"]]
    assert clf.predict(frame({"age": [30.0], "sex": ["unheard of"], "alone": [True]})).shape == (1,)
    clf.save(tmp_path / "table.nw")
    np.testing.assert_array_equal(
        nw.load(tmp_path / "table.nw").predict_proba(frame(columns)), clf.predict_proba(frame(columns))
    )
    with pytest.raises(InvalidData, match="a table with named columns"):
        clf.predict(np.zeros((1, 3)))


@pytest.mark.parametrize("network", [None, ReLU(8) >> Softmax(2)])
def test_categories_as_embeddings(network, tmp_path):
    rng = np.random.default_rng(0)
    town = rng.choice(["Ulm", "Bonn", "Kiel", "Jena"], 300)
    frame = pd.DataFrame({"town": town, "size": rng.normal(size=300)})
    y = np.isin(town, ["Ulm", "Jena"]).astype(int)
    clf = nw.Classifier(network, categories="embedding", epochs=40, optimizer="Adam(0.01)", random_state=0).fit(
        frame, y
    )
    assert "ColumnEmbedding" in repr(clf.network_)
    assert clf.score(frame, y) > 0.98
    clf.save(tmp_path / "e.nw")
    again = nw.load(tmp_path / "e.nw")
    strange = pd.DataFrame({"town": ["Rom", None], "size": [0.0, np.nan]})
    np.testing.assert_array_equal(again.predict_proba(strange), clf.predict_proba(strange))


def test_sample_weights_count_as_rows():
    X, y = StandardScaler().fit_transform(IRIS[0]), IRIS[1]
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    options = {"epochs": 50, "batch_size": 1000, "random_state": 0}
    weighted = nw.Classifier(Tanh(5) >> Softmax(3), **options).fit(X, y, sample_weight=weight)
    repeated = nw.Classifier(Tanh(5) >> Softmax(3), **options).fit(np.repeat(X, weight, 0), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-9)


def test_class_weights():
    X, y = CANCER
    X = StandardScaler().fit_transform(X)
    options = {"epochs": 10, "batch_size": 1000, "random_state": 0}
    counts = np.bincount(y)
    balanced = nw.Classifier(Softmax(2), class_weight="balanced", **options).fit(X, y)
    by_hand = nw.Classifier(Softmax(2), **options).fit(X, y, sample_weight=(len(y) / (2 * counts))[y])
    by_dict = nw.Classifier(Softmax(2), class_weight={0: len(y) / 2 / counts[0], 1: len(y) / 2 / counts[1]}, **options)
    np.testing.assert_allclose(balanced.predict_proba(X), by_hand.predict_proba(X), rtol=1e-9)
    np.testing.assert_allclose(by_dict.fit(X, y).predict_proba(X), by_hand.predict_proba(X), rtol=1e-9)
    with pytest.raises(InvalidParameter, match=r"class_weight: expected labels among \[0, 1\].*got 7"):
        nw.Classifier(class_weight={7: 1.0}).fit(X, y)


def test_grid_search_pipeline_and_cross_validation():
    X, y = IRIS
    model = make_pipeline(StandardScaler(), nw.Classifier("ReLU(8) >> Softmax(3)", epochs=20, random_state=0))
    grid = {
        "classifier__network": ["ReLU(8) >> Softmax(3)", ReLU(16) >> Softmax(3)],
        "classifier__optimizer": ["Adam(0.01)"],
    }
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert search.best_score_ > 0.85
    assert cross_val_score(search.best_estimator_, X, y, cv=3).mean() > 0.85


def test_a_last_batch_of_one_row_is_merged_for_batch_norm():
    X, y = digits()
    net = ReLU(16) >> BatchNorm() >> Softmax(10)
    nw.Classifier(net, epochs=1, batch_size=32).fit(X[:65], y[:65])
    with pytest.raises(
        InvalidData,
        match=r"at least 2 training rows in a batch for a network with BatchNorm, got 1 row in batches of 1",
    ):
        nw.Regressor(ReLU(16) >> BatchNorm() >> Linear(1), epochs=1).fit(X[:1], [1.0])


def test_predictions_do_not_depend_on_the_company_of_rows():
    X, y = digits()
    net = ReLU(16) >> BatchNorm() >> Dropout(0.5) >> Softmax(10)
    clf = nw.Classifier(net, epochs=2, random_state=0).fit(X, y)
    whole = clf.predict_proba(X)
    np.testing.assert_allclose(
        np.concatenate([clf.predict_proba(X[i : i + 1]) for i in range(20)]), whole[:20], atol=1e-6
    )
    np.testing.assert_allclose(clf.predict_proba(X[::-1]), whole[::-1], atol=1e-6)


MISFITS = [
    (
        ReLU(8) >> Softmax(4),
        InvalidData,
        r"network: expected outputs of shape \(3,\) \(y has 3 classes: \[0, 1, 2\]\), got \(4,\)\. End",
    ),
    (Input(5) >> Softmax(3), InvalidData, r"X: expected samples of shape \(5,\), as Input\(5\) says, got \(4,\)"),
    (Input(1, 2, 2) >> Flatten() >> Softmax(3), InvalidData, r"Use X\.reshape\(-1, 1, 2, 2\)"),
    (Conv(4, 3) >> Flatten() >> Softmax(3), JoinError, r"conv1: Conv\(4, 3\): expected .*got shape \(4,\)"),
]


@pytest.mark.parametrize(("network", "error", "message"), MISFITS)
def test_networks_that_do_not_fit_the_data(network, error, message):
    with pytest.raises(error, match=message):
        nw.Classifier(network, epochs=1).fit(*IRIS)


def test_one_class_is_no_task():
    with pytest.raises(InvalidData, match=r"Classifier\.fit\(y\): expected at least 2 classes, got 1 class: \['a'\]"):
        nw.Classifier().fit(IRIS[0], ["a"] * 150)


def test_images_as_rows_are_reshaped_by_a_layer():
    X, y = digits()
    net = Input(64) >> Reshape(1, 8, 8) >> Conv(8, 3) >> ReLU() >> Flatten() >> Softmax(10)
    assert nw.Classifier(net, epochs=5, optimizer="Adam(0.01)", random_state=0).fit(X, y).score(X, y) > 0.9


def test_bf16_and_float64_learn_too():
    X, y = nw.data.load_digits()
    net = Conv(8, 3) >> ReLU() >> Flatten() >> Softmax(10)
    for precision in ("bf16", "float32", "float64"):
        clf = nw.Classifier(net, epochs=8, optimizer="Adam(0.005)", precision=precision, random_state=0).fit(X, y)
        assert clf.score(X, y) > 0.93, precision
        assert clf.predict_proba(X).dtype == (np.float64 if precision == "float64" else np.float32)


@nw.register("tests.last_state")
class LastState(torch.nn.Module):
    """An LSTM that gives its last state; stands for any third-party module."""

    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(3, 8, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[0][:, -1]


def test_a_registered_third_party_module_is_saved_and_loaded(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 5, 3)).astype(np.float32)
    y = (X.sum((1, 2)) > 0).astype(int)
    clf = nw.Classifier(Module(LastState) >> Softmax(2), epochs=20, optimizer="Adam(0.02)", random_state=0).fit(X, y)
    assert clf.score(X, y) > 0.8
    clf.save(tmp_path / "m.nw")
    assert (nw.load(tmp_path / "m.nw").predict(X) == clf.predict(X)).all()
