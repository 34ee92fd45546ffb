"""Networks that are compiled, and steps that are recorded: the same run as the loop without them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.train import Batches, Devices, Precision, Run, train
from netwright.train.captured import Captured, Recorded, as_it_is


class Recorder:
    """What a graph does, on any device: at a replay the results stand where those of the recording stood."""

    def __init__(self) -> None:
        self.replayed = 0

    def __call__(self, function: Callable[[], Any]) -> Recorded:
        for _ in range(3):
            function()
        loss, output = function()
        places = (loss, output.detach())

        def again() -> None:
            self.replayed += 1
            for place, new in zip(places, function(), strict=True):
                place.copy_(new.detach())

        return again, places


def net() -> torch.nn.Module:
    body = nw.layers.Input(3) >> nw.layers.Linear(8) >> nw.layers.BatchNorm() >> nw.layers.Dropout(0.3)
    return (body >> nw.layers.ReLU(8) >> nw.layers.Linear(1)).build(seed=0).double()


def trained(recorded: Any, weighted: bool = False, rows: int = 50) -> tuple[Run, Any]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
    y = x.sum(1, keepdim=True)

    def loss(z: torch.Tensor, t: torch.Tensor, w: torch.Tensor | None) -> torch.Tensor:
        squares = (z - t).square()[:, 0]
        return squares.mean() if w is None else (squares * w).mean()

    run = Run(net(), loss, nw.optim.Adam(0.01), Precision(torch.float64), average=0.9, seed=1)
    run.recorded = recorded(run.module) if recorded else as_it_is
    run.load(Batches((x,), y, y[:, 0].abs() if weighted else None, size=16), Batches((x,), y))
    return train(run, 4), run.recorded


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rows", [48, 50])
def test_recorded_steps_are_the_steps(weighted: bool, rows: int) -> None:
    recorder = Recorder()
    expected, _ = trained(None, weighted, rows)
    got, _ = trained(lambda module: Captured(module, recorder), weighted, rows)
    assert torch.equal(got.flat.theta, expected.flat.theta)
    assert [record["train_loss"] for record in got.history] == [record["train_loss"] for record in expected.history]
    for mine, other in zip(got.module.buffers(), expected.module.buffers(), strict=True):
        assert torch.equal(mine, other)
    assert recorder.replayed == 4 * (3 if rows == 48 else 2 + 1)  # rows 50: 16, 16, 18 -> the last is not replayed


def test_what_is_kept_of_a_step_holds_no_graph() -> None:
    module = (nw.layers.Input(2) >> nw.layers.Linear(1)).build(seed=0)
    passed = Captured(module, lambda function: (lambda: None, function()))(
        lambda x, t, w: (module(*x).sum(), module(*x))
    )
    loss, output = passed((torch.ones(3, 2),), torch.ones(3), None)
    assert not loss.requires_grad
    assert not output.requires_grad


def test_a_step_that_cannot_be_recorded() -> None:
    def refused(function: Callable[[], Any]) -> Recorded:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    with pytest.raises(InvalidParameter, match=r"compile='graphs'.*values, got operation not permitted.*compile=True"):
        trained(lambda module: Captured(module, refused))


def test_a_recording_is_not_pickled() -> None:
    recorder = Recorder()
    run, recorded = trained(lambda module: Captured(module, recorder))
    again = pickle.loads(pickle.dumps(Captured(run.module)))
    assert again._recorded is None
    assert recorded._recorded is not None


@pytest.mark.slow  # the compiler alone takes 20 s
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.compile's own
def test_a_compiled_network_learns_the_same() -> None:
    X = np.random.default_rng(0).normal(size=(60, 4))
    y = (X[:, 0] > 0).astype(int)
    nets = [
        nw.Classifier("Tanh(6) >> Softmax(2)", epochs=3, precision="float64", random_state=0, devices=devices).fit(X, y)
        for devices in ("auto", Devices(compile=True))
    ]
    np.testing.assert_allclose(nets[1].predict_proba(X), nets[0].predict_proba(X), rtol=1e-9)
    assert nets[1].diagnosis_.findings == nets[0].diagnosis_.findings


def test_what_cannot_be_recorded_is_refused() -> None:
    X, y = np.eye(8), np.arange(8) % 2
    with pytest.raises(InvalidParameter, match=r"one process with a GPU.*the device 'cpu'.*compile=True"):
        nw.Classifier(devices=Devices(compile="graphs"), device="cpu").fit(X, y)
    with pytest.raises(InvalidParameter, match="a rule for mini-batches"):
        nw.Regressor(devices=Devices(compile=True), optimizer=nw.optim.LevenbergMarquardt()).fit(X, y)
    with pytest.raises(InvalidParameter, match="compile"):
        Devices(compile="fast")


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(InvalidParameter, match=r"a C\+\+ compiler"):
        nw.Classifier(devices=Devices(compile=True), device="cpu").fit(np.eye(8), np.arange(8) % 2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("compile", [True, "graphs"])
def test_on_a_gpu(compile: Any) -> None:
    X = np.random.default_rng(0).normal(size=(1000, 4)).astype(np.float32)
    y = (X[:, 0] > 0).astype(int)
    net = "ReLU(16) >> BatchNorm() >> ReLU(16) >> Softmax(2)"
    one, other = (
        nw.Classifier(net, epochs=5, random_state=0, device="cuda", devices=devices).fit(X, y)
        for devices in (Devices(), Devices(compile=compile))
    )
    np.testing.assert_allclose(other.predict_proba(X), one.predict_proba(X), atol=1e-3)
