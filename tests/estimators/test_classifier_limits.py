"""The classifier at its limits: divergence, going on, options in options, odd targets, bad input."""

import copy
import pickle
import re

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

import netwright as nw
from netwright.core.errors import DivergenceWarning, InvalidData, InvalidParameter
from netwright.layers import (
    BatchNorm,
    Concat,
    Dropout,
    Flatten,
    Input,
    Linear,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)


def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


def test_unknown_options_and_samples_of_another_shape():
    with pytest.raises(
        InvalidParameter, match=r"Classifier: expected one of its options, got 'epoch'\. Did you mean 'epochs'\?"
    ):
        nw.Classifier(epoch=3)
    X, y = nw.data.load_digits()
    clf = nw.Classifier(epochs=1).fit(X[:100], y[:100])
    with pytest.raises(InvalidData, match=r"X: expected samples of shape \(1, 8, 8\), as in fit, got \(1, 7, 8\)"):
        clf.predict(X[:, :, 1:])
    with pytest.raises(ValueError, match="X has 3 features, but Classifier is expecting 4 features"):
        nw.Classifier(epochs=1).fit(*IRIS).predict(IRIS[0][:, :3])


@pytest.mark.parametrize("rate", [3.0, 1e3, 1e6])
@pytest.mark.parametrize("validation", [None, 0.2])
def test_divergence_never_gives_nan_or_nonsense(rate, validation):
    X, y = IRIS
    options = {"optimizer": nw.optim.SGD(rate), "epochs": 40, "random_state": 0, "validation": validation}
    reg = nw.Regressor(ReLU(32) >> Linear(1), **options)
    with pytest.warns(
        DivergenceWarning, match=r"epoch \d+ at learning rate .*Try learning_rate=" + re.escape(f"{rate / 10:g}")
    ):
        reg.fit(X * 100, y)
    assert np.isfinite(reg.predict(X * 100)).all()
    assert reg.score(X * 100, y) > -1e5


def test_resumed_copies_go_on_exactly():
    X, y = IRIS
    options = {"batch_size": 32, "random_state": 0, "average": 0.9, "warm_start": True}
    whole = nw.Classifier(Tanh(8) >> Dropout(0.3) >> Softmax(3), epochs=6, **options).fit(X, y)
    part = nw.Classifier(Tanh(8) >> Dropout(0.3) >> Softmax(3), epochs=3, **options).fit(X, y)
    for copied in (copy.deepcopy(part), pickle.loads(pickle.dumps(part))):
        np.testing.assert_array_equal(copied.fit(X, y).predict_proba(X), whole.predict_proba(X))


def test_a_fit_that_goes_on_takes_up_changes_or_refuses_them():
    X, y = IRIS
    clf = nw.Classifier(Tanh(8) >> Softmax(3), epochs=2, random_state=0, warm_start=True).fit(X, y)
    before = clf.predict_proba(X)
    clf.set_params(optimizer=nw.optim.SGD(1e-12)).fit(X, y)
    assert clf.history_[-1]["learning_rate"] == 1e-12
    np.testing.assert_allclose(clf.predict_proba(X), before, atol=1e-8)
    with pytest.raises(
        InvalidParameter, match=r"network: expected Tanh\(8\) >> Softmax\(3\), as when the fit began, got Tanh\(9\)"
    ):
        clf.set_params(network=Tanh(9) >> Softmax(3)).fit(X, y)


def test_options_of_values_in_searches():
    X, y = IRIS
    clf = nw.Classifier("ReLU(8) >> Softmax(3)", optimizer=nw.optim.Adam(), epochs=15, random_state=0)
    assert clf.get_params()["optimizer__learning_rate"] == 0.001
    search = GridSearchCV(clf, {"optimizer__learning_rate": [1e-6, 0.03]}, cv=2).fit(X, y)
    assert search.best_params_ == {"optimizer__learning_rate": 0.03}
    assert clf.optimizer == nw.optim.Adam()
    with pytest.raises(InvalidParameter, match=r"optimizer__rate: expected an option of Adam, got 'rate'"):
        clf.set_params(optimizer__rate=1)
    with pytest.raises(InvalidParameter, match=r"loss__delta: expected loss to be a value with options, got None"):
        clf.set_params(loss__delta=1)


@pytest.mark.parametrize(
    ("network", "loss"),
    [
        (Softmax(3), "MSE()"),
        (Softmax(3), "KLDivergence()"),
        (Sigmoid(3), "BinaryCrossEntropy()"),
        (Linear(3), "Huber()"),
        (Softmax(3) | Softmax(3), "MSE()"),
    ],
)
def test_losses_of_probabilities_get_one_hot_targets(network, loss, tmp_path):
    X, y = StandardScaler().fit_transform(IRIS[0]), IRIS[1]
    target = np.stack([y, (y + 1) % 3], axis=1) if "|" in repr(network) else y
    clf = nw.Classifier(ReLU(16) >> network, loss=loss, epochs=60, optimizer="Adam(0.01)", random_state=0).fit(
        X, target
    )
    assert clf.score(X, target) > 0.9
    assert clf.history_[-1]["train_score"] > 0.85
    clf.save(tmp_path / "m.nw")
    assert nw.load(tmp_path / "m.nw").partial_fit(X, target).score(X, target) > 0.9


@pytest.mark.parametrize(
    "labels", [pd.array([True, False] * 75, dtype="boolean"), pd.array([5, 7] * 75, dtype="Int64")]
)
def test_nullable_labels_keep_their_type(labels):
    clf = nw.Classifier(epochs=1).fit(IRIS[0], pd.Series(labels))
    assert clf.classes_.dtype.kind == {"boolean": "b", "Int64": "i"}[str(labels.dtype)]
    assert set(clf.predict(IRIS[0]).tolist()) <= set(labels.tolist())


def test_scores_of_datasets_and_of_several_questions():
    X, y = digits()
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
    clf = nw.Classifier(ReLU(16) >> Softmax(10), epochs=3, random_state=0, validation=dataset).fit(dataset)
    assert clf.score(dataset) == clf.score(X, y) == pytest.approx(clf.history_[-1]["validation_score"])
    both = np.stack([y, y % 2], axis=1)
    two = nw.Classifier(epochs=3, random_state=0).fit(X, both)
    assert two.score(X, both) == (two.predict(X) == both).all(1).mean()
    with pytest.raises(InvalidData, match=r"a DataLoader\. Pass its \.dataset"):
        clf.fit(torch.utils.data.DataLoader(dataset))


SEVERAL = (Input(4) >> ReLU(4) | Input(1, 4, 4) >> Flatten()) >> Concat() >> Softmax(3)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X, images: (X, images[:5]), r"the same number of rows, at least 1, got rows \[150, 5\]"),
        (lambda X, images: (X[:0], images[:0]), r"got rows \[0, 0\]"),
        (lambda X, images: (), r"a tuple of 2 arrays, as in fit, got a tuple of 0"),
        (lambda X, images: X, r"a tuple of 2 arrays, as in fit, got ndarray"),
        (lambda X, images: (X, np.full_like(images, np.nan)), r"X\[1\] contains NaN"),
        (lambda X, images: (X, images[:, :, 1:]), r"samples of shape \(\(4,\), \(1, 4, 4\)\), as in fit"),
    ],
)
def test_several_inputs_are_checked(spoil, message):
    images = np.random.default_rng(0).random((150, 1, 4, 4))
    clf = nw.Classifier(SEVERAL, epochs=1).fit((IRIS[0], images), IRIS[1])
    with pytest.raises(InvalidData, match=message):
        clf.predict(spoil(IRIS[0], images))


def test_class_weights_and_frames_that_cannot_be():
    X, y = IRIS
    for weight in (-1.0, float("nan"), 0, None):
        with pytest.raises(InvalidParameter, match=r"class_weight\[0\]: expected a number in \(0, inf\)"):
            nw.Classifier(class_weight={0: weight}).fit(X, y)
    with pytest.warns(DataConversionWarning):
        nw.Classifier(class_weight="balanced", epochs=1).fit(X, y[:, None])
    with pytest.raises(InvalidData, match=r"a frame with columns, got 0 feature"):
        nw.Classifier().fit(pd.DataFrame(index=range(150)), y)
    with pytest.raises(InvalidData, match=r"in a batch for a network with BatchNorm, got 150 rows in batches of 1"):
        nw.Classifier(BatchNorm() >> Softmax(3), batch_size=1).fit(X, y)
    with pytest.raises(ValueError, match=r"Input y contains NaN\. Row 2"):
        nw.Regressor().fit(X, np.where(np.arange(150) == 2, np.nan, 1.0))


def test_interruption_keeps_the_partial_model():
    def stop(run):
        if run.epoch == 3:
            raise KeyboardInterrupt

    X, y = IRIS
    clf = nw.Classifier(epochs=50, random_state=0, callbacks=[stop])
    with pytest.warns(
        UserWarning, match=r"Classifier\.fit: stopped by the user in epoch 4 of 50; the partial model is kept"
    ):
        clf.fit(X, y)
    assert clf.predict(X).shape == (150,)
    assert clf.n_iter_ == 3
    other = nw.Classifier(epochs=3, random_state=0).fit(X, y)
    clf.set_params(callbacks=None).partial_fit(X[:40], y[:40])  # of another size than the epoch that was cut
    assert clf.history_[-1]["train_loss"] == other.partial_fit(X[:40], y[:40]).history_[-1]["train_loss"]


def test_partial_fit_takes_the_list_of_classes():
    X, y = IRIS
    clf = nw.Classifier(random_state=0).partial_fit(X[:60], y[:60], classes=[0, 1, 2])
    clf.partial_fit(X, y)
    assert list(clf.classes_) == [0, 1, 2]
    with pytest.raises(InvalidData, match=r"y: expected labels among the classes \[0, 1\], got 2 in row 100"):
        nw.Classifier().partial_fit(X[:100], y[:100]).partial_fit(X, y)


def test_columns_of_unequal_scale_are_noted():
    X, y = IRIS
    assert nw.Classifier(Softmax(3), epochs=1).fit(X, y).notes_ == []
    wide = nw.Classifier(Softmax(3), epochs=1).fit(X * [1, 1, 1, 1e4], y)
    assert re.match(r"The columns of X differ in scale by a factor of [\d.e+]+, .*StandardScaler", wide.notes_[0])
    assert nw.Classifier(epochs=1).fit(X * [1, 1, 1, 1e4], y).notes_ == []
    widest = nw.Classifier(Softmax(3), epochs=1).fit(X * [1, 1, 1e-300, 1e18], y)  # no overflow, which is an error here
    assert "factor of 1.8e+308" in widest.notes_[0]


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["2026-01-01", "2026-01-02"] * 12, "M8[D]"),
        np.array([1, 2] * 12, dtype="m8[h]"),
        pd.Series(pd.to_datetime(["2026-01-01", "2026-01-02"] * 12)).astype(object),
        np.array([["2026-01-01", "2026-01-02"], ["2026-01-03", "2026-01-01"]] * 12, "M8[s]"),
    ],
    ids=["dates", "durations", "timestamps", "two questions"],
)
def test_dates_are_no_labels(labels):
    X = np.random.default_rng(0).normal(size=(24, 2))
    with pytest.raises(InvalidData, match=r"labels that are numbers, texts or booleans, got dates or times \("):
        nw.Classifier(epochs=1).fit(X, labels)
    texts = np.asarray(labels).astype(str)
    assert set(np.ravel(nw.Classifier(epochs=1).fit(X, texts).predict(X))) <= set(np.ravel(texts))


def test_texts_among_numbers_are_no_labels():
    X = np.random.default_rng(0).normal(size=(24, 2))
    for labels in (["a", 1] * 12, [["a", "x"], [1, "y"]] * 12):
        with pytest.raises(InvalidData, match=r"fit\(y\): expected labels that are all texts, or all numbers, got '"):
            nw.Classifier(epochs=1).fit(X, np.array(labels, dtype=object))
    with pytest.raises(InvalidData, match=r"partial_fit\(classes\): expected labels that are all texts"):
        nw.Classifier(epochs=1).partial_fit(X, ["a", "b"] * 12, classes=np.array(["a", 1], dtype=object))


@pytest.mark.parametrize(
    ("make", "y"),
    [
        (lambda: nw.Classifier(epochs=1), np.array([0] * 149 + [np.inf], dtype=np.float16)),
        (lambda: nw.Ensemble(nw.Classifier(epochs=1), 2), np.where(np.arange(300) == 7, np.nan, 0.0).reshape(150, 2)),
    ],
    ids=["infinite", "several with a gap"],
)
def test_labels_that_are_no_numbers_are_refused_without_a_warning(make, y):
    with pytest.raises(ValueError, match=r"infinity|NaN"):
        make().fit(IRIS[0], y)
