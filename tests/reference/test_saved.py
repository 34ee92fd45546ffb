"""Saved activations: published figures, and the storages that a real training step on the CPU holds on to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import netwright as nw
from netwright.graph import Expression
from netwright.layers import (
    Add,
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    Dropout,
    Flatten,
    GlobalPool,
    Identity,
    Input,
    LeakyReLU,
    Linear,
    MaxPool,
    ReLU,
    Softmax,
    Tanh,
)

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
by_hand = pytest.importorskip("by_hand", reason="the folder benchmarks is not here")


@pytest.fixture(autouse=True)
def _forked() -> Iterator[None]:
    """Torch's modules draw their weights from the global state."""
    with torch.random.fork_rng():
        yield


class Again(nn.Module):
    """One layer applied a hundred times."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(1024, 1024)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(100):
            x = self.linear(x)
        return x


def held(module: nn.Module, x: torch.Tensor) -> int:
    """Bytes of the storages that a forward pass in training saves on the CPU, parameters and buffers left out."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*module.parameters(), *module.buffers())}
    found: dict[int, torch.UntypedStorage] = {}  # kept alive, so that no address is used twice

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        module.train()(x)
    return sum(storage.nbytes() for storage in found.values())


def test_resnet18() -> None:
    with torch.device("meta"):
        summary = nw.analyze(by_hand.resnet18(), (3, 224, 224))
    assert (summary.saved_bytes(1), summary.saved_bytes(2)) == (22_218_240, 44_398_080)
    assert summary.saved_bytes(64) == 22_218_240 + 63 * 22_179_840


@pytest.mark.slow
@pytest.mark.parametrize(("batch", "size"), [(1, 22_218_240), (2, 44_398_080)])
def test_resnet18_really_holds_that_much(batch: int, size: int) -> None:
    assert held(by_hand.resnet18(), torch.zeros(batch, 3, 224, 224)) == size


def test_a_layer_that_is_applied_again_and_again_saves_each_time() -> None:
    assert nw.analyze(Again(), (1024,)).saved_bytes(64) == 26_214_400
    assert held(Again(), torch.zeros(64, 1024)) == 26_214_400


class Shared(nn.Module):
    """Views of one storage, a value that three operations save, and a sum that saves nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.sigmoid(self.linear(x))
        return (h * h.detach() + h.view(-1, 3, 2).transpose(1, 2).flatten(1).tanh() + x).flip(1)


MODULES: list[tuple[str, Callable[[], nn.Module], tuple[int, ...]]] = [
    ("dense", lambda: nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 3), nn.LogSoftmax(1)), (7,)),
    ("in place", lambda: nn.Sequential(nn.Linear(7, 5), nn.ReLU(inplace=True), nn.Linear(5, 3)), (7,)),
    ("dropout", lambda: nn.Sequential(nn.Linear(7, 5), nn.Dropout(0.3), nn.GELU(), nn.Linear(5, 3)), (7,)),
    ("lenet5", by_hand.lenet5, (1, 28, 28)),
    ("resnet20", by_hand.resnet20, (3, 16, 16)),
    ("squeezenet1_1", by_hand.squeezenet1_1, (3, 35, 35)),
    ("batch norm", lambda: nn.Sequential(nn.Conv1d(2, 4, 3), nn.BatchNorm1d(4), nn.ELU(), nn.AvgPool1d(2)), (2, 11)),
    ("group norm", lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.SiLU()), (2, 6, 6)),
    ("layer norm", lambda: nn.Sequential(nn.Linear(5, 8), nn.LayerNorm(8), nn.Softplus()), (4, 5)),
    (
        "upward",
        lambda: nn.Sequential(nn.ConvTranspose2d(3, 2, 3, 2), nn.Upsample(scale_factor=2), nn.Tanh()),
        (3, 4, 5),
    ),
    ("volume", lambda: nn.Sequential(nn.Conv3d(1, 2, 2), nn.PReLU(), nn.MaxPool3d(2), nn.Flatten()), (1, 5, 5, 5)),
    ("frozen", lambda: nn.Sequential(nn.Linear(4, 6).requires_grad_(False), nn.Tanh(), nn.Linear(6, 2)), (4,)),
    ("gru", lambda: nn.GRU(6, 5, batch_first=True), (7, 6)),
    ("shared", Shared, (6,)),
]


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize(("make", "shape"), [m[1:] for m in MODULES], ids=[m[0] for m in MODULES])
def test_modules_hold_what_analyze_says(make: Callable[[], nn.Module], shape: tuple[int, ...], batch: int) -> None:
    module = make()
    assert nw.analyze(module, shape).saved_bytes(batch) == held(module, torch.zeros(batch, *shape))
    call = nw.analyze(module, torch.zeros(batch, *shape))
    assert call.saved_bytes(batch) == held(module, torch.zeros(batch, *shape))


def block(channels: int) -> Expression:
    main = Conv(channels, 3, padding="same") >> BatchNorm() >> ReLU() >> Conv(channels, 3, padding="same")
    return (main | Identity()) >> Add() >> ReLU()


NETWORKS = [
    Input(9) >> ReLU(8) >> Dropout() >> Tanh(5) >> Softmax(3),
    Input(1, 12, 12) >> Conv(4, 3) >> ReLU() >> MaxPool(2) >> Flatten() >> Linear(3),
    Input(3, 10, 10) >> Conv(4, 3, 2, "same") >> block(4) >> block(4) >> GlobalPool() >> Softmax(3),
    Input(2, 20)
    >> (Conv(3, 3, padding="same") >> LeakyReLU() | AvgPool(3, 1, 1))
    >> Concat()
    >> Conv(2, 5, 3)
    >> Tanh(),
]


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_networks_hold_what_their_summary_says(network: Expression, batch: int) -> None:
    x = torch.zeros(batch, *network.input_shape)
    assert network.summary().saved_bytes(batch) == held(network.build(), x)
