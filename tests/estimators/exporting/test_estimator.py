"""Fitted estimators as ONNX files: raw rows go in, what `predict` gives comes out of ONNX Runtime alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.estimators.exporting.entrances import _divided, _month
from netwright.layers import Conv, Flatten, Input, Linear, ReLU, Softmax, Tanh

BATCHES = (1, 2, 9)
DRAW = np.random.default_rng(0)
X = DRAW.normal(5000.0, 3.0, (60, 3))
Y = X @ [1.0, -2.0, 3.0] * 100 + 7e4 + DRAW.normal(size=60)
MIDDLE = np.median(Y)
LABELS = np.array(["low", "middle", "high"])[np.digitize(X[:, 0], [4998.0, 5002.0])]
FAST = {"epochs": 2, "random_state": 0}
Exported = Callable[..., Any]


def close(found: Any, wanted: Any, scale: float = 1.0) -> None:
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * scale)


def test_classifier(exported: Exported) -> None:
    clf = nw.Classifier(**FAST).fit(X, LABELS)
    file = exported(clf)
    for n in BATCHES:
        found = file(X=X[:n])
        close(found["probabilities"], clf.predict_proba(X[:n]))
        assert (np.array(file.known["classes"])[found["index"]] == clf.predict(X[:n])).all()
    assert file.known["kind"] == "Classifier"
    assert [each["name"] for each in file.known["outputs"]] == ["probabilities", "index"]


@pytest.mark.parametrize(
    ("network", "y"),
    [
        ("Tanh(4) >> Sigmoid(1)", LABELS == "low"),
        ("Tanh(4) >> Linear(3)", LABELS),
        (
            Input(3) >> Tanh(4) >> (Softmax(3) | Softmax(2)),
            np.stack([LABELS, np.where(np.median(Y) < Y, "b", "a")], axis=1),
        ),
        ("Tanh(4) >> Sigmoid(2)", np.stack([Y > MIDDLE, LABELS == "low"], axis=1).astype(int)),
    ],
    ids=["two classes", "logits", "two questions", "two labels"],
)
def test_targets_of_classifiers(network: Any, y: Any, exported: Exported) -> None:
    rows = (X - 5000).astype(np.float32)
    clf = nw.Classifier(network, **FAST).fit(rows, y)
    file = exported(clf)
    found, wanted = file(X=rows[:9]), clf.predict_proba(rows[:9])
    if isinstance(wanted, list):
        for place, each in enumerate(wanted, start=1):
            close(found[f"probabilities{place}"], each)
        labels = [np.array(c)[found["index"][:, i]] for i, c in enumerate(file.known["classes"])]
        assert (np.stack(labels, axis=1) == clf.predict(rows[:9])).all()
        return
    close(found["probabilities"], wanted)
    chosen = found["index"] if y.ndim == 2 else np.array(file.known["classes"])[found["index"]]
    assert (chosen == clf.predict(rows[:9])).all()


def test_images(exported: Exported) -> None:
    images = DRAW.random((12, 1, 8, 8)).astype(np.float32)
    clf = nw.Classifier(Conv(4, 3) >> ReLU() >> Flatten() >> Softmax(2), **FAST).fit(images, [0, 1] * 6)
    file = exported(clf)
    for n in BATCHES:
        close(file(X=images[:n])["probabilities"], clf.predict_proba(images[:n]))
    assert file.known["classes"] == [0, 1]


@pytest.mark.parametrize("y", [Y, Y[:, None], np.stack([Y, -Y / 1000], axis=1)], ids=["(n,)", "(n, 1)", "(n, 2)"])
def test_regressor(y: Any, exported: Exported) -> None:
    reg = nw.Regressor(**FAST).fit(X, y)
    file = exported(reg)
    for n in BATCHES:
        close(file(X=X[:n])["prediction"] / Y.std(), reg.predict(X[:n]) / Y.std())


def test_several_inputs(exported: Exported) -> None:
    pair = (X[:, :2].astype(np.float32) / 5000, X[:, 2:].astype(np.float32) / 5000)
    network = (Input(2) >> Tanh(3) | Input(1)) >> nw.layers.Concat() >> Linear(1)
    reg = nw.Regressor(network, **FAST).fit(pair, Y)
    found = exported(reg)(X1=pair[0], X2=pair[1])
    close(found["prediction"] / Y.std(), reg.predict(pair) / Y.std())


def test_quantiles(exported: Exported) -> None:
    reg = nw.QuantileRegressor(**FAST).fit(X, Y)
    file = exported(reg)
    found = file(X=X)
    close(found["quantiles"], reg.predict_quantiles(X), Y.std())
    close(found["prediction"], reg.predict(X), Y.std())
    assert file.known["levels"] == [0.05, 0.5, 0.95]


def test_mixtures(exported: Exported) -> None:
    reg = nw.MixtureDensityRegressor(**FAST).fit(X, Y)
    found, mixture = exported(reg)(X=X), reg.predict_dist(X)
    mean, deviation = reg.predict(X, return_std=True)
    close(found["prediction"], mean, Y.std())
    close(found["deviation"], deviation, Y.std())
    close(found["weights"], mixture.weights)
    close(found["means"], mixture.means, Y.std())


@pytest.mark.parametrize(("answer", "form"), [("mean", "softmax"), ("mode", "softmax"), (0.3, "ordinal")])
def test_bins(answer: Any, form: str, exported: Exported) -> None:
    reg = nw.BinnedRegressor(answer=answer, form=form, **FAST).fit(X, Y)
    found = exported(reg)(X=X)
    close(found["prediction"], reg.predict(X), Y.std())
    close(found["probabilities"], reg.predict_bins(X))


def table() -> dict[str, Any]:
    """Numbers and texts that are missing here and there, dates over leap days and before 1970, a name as of a node."""
    rng = np.random.default_rng(1)
    moments = rng.integers(-(10**15), 2 * 10**15, 60)
    frame: dict[str, Any] = {
        "age": rng.normal(40, 10, 60),
        "add": rng.choice(["x", "y", "z"], 60).astype(object),
        "when": moments.astype("datetime64[us]"),
        "ok": rng.random(60) < 0.5,
        "probabilities": rng.normal(size=60),
    }
    frame["age"][::7] = np.nan
    frame["add"][::9] = None
    frame["when"][::11] = np.datetime64("NaT")
    return frame


@pytest.mark.parametrize("categories", ["one_hot", "embedding"])
def test_frames(categories: str, exported: Exported) -> None:
    frame = table()
    clf = nw.Classifier(categories=categories, **FAST).fit(frame, LABELS)
    frame["add"][1] = "never seen"
    file = exported(clf)
    found = file(
        age=frame["age"],
        add=np.array([text or "" for text in frame["add"]], dtype=object),
        when=frame["when"].astype(np.int64),
        ok=frame["ok"].astype(float),
        probabilities=frame["probabilities"],
    )
    close(found["probabilities_"], clf.predict_proba(frame))
    assert [column["name"] for column in file.known["columns"]] == list(frame)
    assert file.known["columns"][1]["labels"] == ["x", "y", "z"]


def test_ensembles(exported: Exported) -> None:
    clf = nw.Ensemble(nw.Classifier(epochs=2), n_estimators=2, random_state=0).fit(X, LABELS)
    found = exported(clf)(X=X)
    close(found["probabilities"], clf.predict_proba(X))
    reg = nw.Ensemble(nw.Regressor(epochs=2), n_estimators=2, random_state=0).fit(X, Y)
    close(exported(reg)(X=X)["prediction"], reg.predict(X), Y.std())


def test_ensembles_of_frames_with_a_column_called_so(exported: Exported) -> None:
    frame = {name: column for name, column in table().items() if name in ("age", "probabilities")}
    clf = nw.Ensemble(nw.Classifier(epochs=2), n_estimators=2, random_state=0).fit(frame, LABELS)
    found = exported(clf)(**frame)
    close(found["probabilities_"], clf.predict_proba(frame))
    assert (clf.classes_[found["index"]] == clf.predict(frame)).all()


def test_ensembles_of_others_are_refused(exported: Exported) -> None:
    from sklearn.linear_model import LogisticRegression

    clf = nw.Ensemble(LogisticRegression(), n_estimators=2, random_state=0).fit(X - 5000, LABELS)
    with pytest.raises(InvalidParameter, match="members that are networks, got LogisticRegression"):
        exported(clf)


def test_sequences_of_any_length(exported: Exported) -> None:
    rows = [DRAW.normal(100, 3, (n, 2)) for n in range(3, 13)]
    clf = nw.sequence.SequenceClassifier("CausalConv(4, 3) >> ReLU() >> TimePool('max')", epochs=1, random_state=0)
    clf.fit(rows, [0, 1] * 5)
    lengths = np.array(list(map(len, rows)))
    padded = np.zeros((10, 12, 2))
    for row, place in zip(rows, padded, strict=True):
        place[: len(row)] = row
    file = exported(clf)
    close(file(sequences=padded, lengths=lengths)["probabilities"], clf.predict_proba(rows))
    close(file(sequences=padded[:2, :5], lengths=lengths[:2])["probabilities"], clf.predict_proba(rows[:2]))


def test_tokens_and_recurrent_layers(exported: Exported, tmp_path: Path) -> None:
    words = [["a", "b", "c", "d"][: 2 + n % 3] for n in range(10)]
    clf = nw.sequence.SequenceClassifier("GRU(4, output='last')", epochs=1, random_state=0, least=1, width=5)
    clf.fit(words, [0, 1] * 5)
    with pytest.raises(InvalidParameter, match=r"settles the number of steps.*Give steps=n"):
        exported(clf)
    assert not list((tmp_path / "exported").iterdir())
    words[0] = ["unheard", "b"]
    padded = np.array([row + [""] * (6 - len(row)) for row in words], dtype=object)
    found = exported(clf, steps=6)(tokens=padded, lengths=np.array(list(map(len, words))))
    close(found["probabilities"], clf.predict_proba(words))


def test_classifier_of_images(exported: Exported) -> None:
    images = [np.full((48, 64, 3), shade, np.uint8) for shade in (20, 30, 220, 230)]
    clf = nw.vision.ImageClassifier(size=64, epochs=1, batch_size=2, random_state=0).fit(images, list("ddll"))
    file = exported(clf)
    assert file.known["canvas"] == {"gray": 114, "side": 64, "size": 64}
    canvases = np.full((4, 3, 64, 64), 114, np.uint8)
    canvases[:, :, :48] = np.stack(images).transpose(0, 3, 1, 2)
    close(file(images=canvases)["probabilities"], clf.predict_proba(images))


def test_estimators_whose_answers_are_no_graph(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match=r"FasterRCNN\.export: expected an estimator whose answers are one"):
        nw.vision.FasterRCNN().export(tmp_path / "a.onnx")


def test_the_calendar_is_numpys() -> None:
    days = np.arange(-800_000, 800_000, 7)
    wanted = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    assert torch.equal(_month(torch.from_numpy(days)), torch.from_numpy(wanted))
    moments = torch.tensor([-6 * 10**16, -1, 0, 10**17, 25 * 10**16])
    assert torch.equal(_divided(moments, 86_400_000_000)[0], torch.div(moments, 86_400_000_000, rounding_mode="floor"))


def test_a_column_without_a_name(exported: Exported) -> None:
    frame = pd.DataFrame({"age": X[:, 0], "": X[:, 1], "X2": X[:, 2]})
    clf = nw.Classifier(**FAST).fit(frame, LABELS)
    file = exported(clf)
    assert [(each["name"], each["input"]) for each in file.known["columns"]] == [
        ("age", "age"),
        ("", "X2_"),
        ("X2", "X2"),
    ]
    close(file(age=X[:, 0], X2_=X[:, 1], X2=X[:, 2])["probabilities"], clf.predict_proba(frame))


def test_figures_of_columns_are_of_double_precision(exported: Exported) -> None:
    frame = pd.DataFrame({"far": X[:, 0] + 1e6, "huge": (X[:, 1] - 5000) * 1e250, "gap": X[:, 2] + 1e6})
    frame.loc[::5, "gap"] = np.nan
    clf = nw.Classifier(**FAST).fit(frame, LABELS)
    inputs = {name: frame[name].to_numpy() for name in frame}
    close(exported(clf)(**inputs)["probabilities"], clf.predict_proba(frame))
