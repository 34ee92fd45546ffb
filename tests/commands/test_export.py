"""``netwright export``: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.cli import main
from netwright.layers import Input, ReLU, Softmax

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Fails = Callable[..., str]


@pytest.fixture
def run() -> Path:
    """The folder of a run with a classifier."""
    folder = Path("run")
    folder.mkdir()
    labels = np.where(X[:, 0] > 0, "up", "down")
    nw.Classifier(ReLU(4) >> Softmax(2), epochs=1, random_state=0).fit(X, labels).save(folder / "model.nw")
    return folder


@pytest.fixture
def runtime() -> Any:
    """ONNX Runtime, where it and what writes ONNX are installed."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    return pytest.importorskip("onnxruntime")


def test_a_run_becomes_one_file(run: Path, runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "run"]) == 0
    path = run / "model.onnx"
    session = runtime.InferenceSession(path)
    probabilities, _ = session.run(None, {"X": X})
    np.testing.assert_allclose(probabilities, nw.load(run / "model.nw").predict_proba(X), rtol=0, atol=1e-5)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"file        {path}: Classifier, {path.stat().st_size:,} bytes, opset 20"
    assert lines[1].startswith("inputs      X (batch, 3) float: raw rows")
    assert lines[2].startswith("outputs     probabilities (batch, 2) float: ")
    assert lines[3].startswith("            index (batch,) int64: ")
    assert lines[4:] == ["labels      'down', 'up'"]


def test_a_file_of_ones_own_is_replaced(run: Path, runtime: Any) -> None:
    Path("a.onnx").write_text("old", encoding="utf-8")
    assert main(["export", "run/model.nw", "-o", "a.onnx"]) == 0
    assert runtime.InferenceSession("a.onnx").get_inputs()[0].name == "X"
    assert not (run / "model.onnx").exists()


def test_many_columns_are_counted(runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    frame = {f"column\x1b{place}": X[:, 0] + place * X[:, 1] for place in range(23)}
    nw.Regressor(epochs=1, random_state=0).fit(frame, X[:, 2]).save("a.nw")
    assert main(["export", "a.nw"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.count("missing value") == 20
    assert "            ... 23 in all\n" in out


def test_steps_of_sequences(runtime: Any, capsys: pytest.CaptureFixture[str], fails: Fails) -> None:
    rows = [X[:4], X[4:9], X[9:15], X[15:18]]
    clf = nw.sequence.SequenceClassifier("GRU(3, output='last')", epochs=1, random_state=0).fit(rows, [0, 1, 0, 1])
    clf.save("a.nw")
    assert "a network for any number of steps" in fails("export", "a.nw")
    assert main(["export", "a.nw", "--steps", "6"]) == 0
    assert "sequences (batch, 6, 3) double" in capsys.readouterr().out


def test_a_module_is_exported_with_its_network(runtime: Any, capsys: pytest.CaptureFixture[str], fails: Fails) -> None:
    net = Input(3) >> ReLU(4) >> Softmax(2)
    module = net.build(seed=0)
    net.save("a.nw", module)
    assert main(["export", "a.nw"]) == 0
    (found,) = runtime.InferenceSession("a.onnx").run(None, {"input": X})
    np.testing.assert_allclose(found, module(torch.from_numpy(X)).detach(), rtol=0, atol=1e-5)
    assert "a.onnx: module, " in capsys.readouterr().out
    assert "--steps: expected a model of sequences" in fails("export", "a.nw", "--steps", "3")


def test_source_is_printed_or_written(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "run", "--source"]) == 0
    text = capsys.readouterr().out
    assert main(["export", "run", "--source", "-o", "net.py"]) == 0
    assert Path("net.py").read_text(encoding="utf-8") == text
    assert capsys.readouterr().out == f"file        net.py: Python, {len(text)} bytes\n"
    scope: dict[str, Any] = {}
    exec(text, scope)
    model = nw.load(run / "model.nw")
    with torch.random.fork_rng(devices=[]):  # a module of torch draws its weights from torch's state
        alone = scope["Net"]()
    alone.load_state_dict(model.module_.state_dict())
    x = torch.from_numpy(X)
    assert torch.equal(alone(x), model.module_(x))


def test_source_of_a_network_without_weights(capsys: pytest.CaptureFixture[str], fails: Fails) -> None:
    (Input(3) >> ReLU(4)).save("a.nw")
    assert main(["export", "a.nw", "--source"]) == 0
    assert "class Net(" in capsys.readouterr().out
    assert "expected a model with weights, got a network without any. Write it as Python" in fails("export", "a.nw")


def test_what_cannot_be_exported_is_said(run: Path, fails: Fails) -> None:
    before = (run / "model.nw").read_bytes()
    assert "--out: expected another file than the model" in fails("export", "run", "-o", "run/model.nw")
    assert "--out: expected another file" in fails("export", "run", "--source", "--out", "./run/model.nw")
    assert (run / "model.nw").read_bytes() == before
    assert "expected a model file or the folder of a run" in fails("export", "nothing")
    assert "--steps: expected none with --source" in fails("export", "run", "--source", "--steps", "3")
    assert "--steps: expected a model of sequences, got Classifier" in fails("export", "run", "--steps", "3")
    nw.classical.SOFM((2, 2), epochs=1, random_state=0).fit(X).save("map.nw")
    said = fails("export", "map.nw")
    assert "model 'map.nw': expected a model that is one graph of networks, got SOFM" in said
    assert "expected a file with a network" in fails("export", "map.nw", "--source")
    assert not list(Path().rglob("*.onnx"))


def test_missing_packages_are_named(run: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnx" else find(name))
    assert "got an environment without onnx. Install it: pip install 'netwright[onnx]'." in fails("export", "run")


def test_a_folder_that_is_not_there(run: Path, runtime: Any, fails: Fails) -> None:
    assert "Make the folder first" in fails("export", "run", "-o", "nowhere/a.onnx")
