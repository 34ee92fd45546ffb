"""Multiply-accumulates and parameters of modules that other packages count wrongly, each worked out by hand.

Example tensors are counted as one call, batch included; a shape is counted for one sample.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import netwright as nw

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
by_hand = pytest.importorskip("by_hand", reason="the folder benchmarks is not here")

Shapes = tuple[tuple[int, ...], ...]


@pytest.fixture(autouse=True)
def _forked() -> Iterator[None]:
    """Torch's modules draw their weights from the global state."""
    with torch.random.fork_rng():
        yield


class Functional(nn.Module):
    """Parameters that functions use, and no module inside."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.ones(8, 3, 3, 3))
        self.matrix = nn.Parameter(torch.ones(50, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.kernel).mean((2, 3)) @ self.matrix.T


class Thrice(nn.Module):
    """One layer called three times."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(10, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.linear(self.linear(x)))


class TiedWords(nn.Module):
    """A language model whose output layer is its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 8)
        self.output = nn.Linear(8, 50, bias=False)
        self.output.weight = self.table.weight

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        return self.output(self.table(words))


class TiedLayers(nn.Module):
    """Two layers with biases of their own and one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
        self.two.weight = self.one.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.two(self.one(x))


class Attention(nn.Module):
    """Attention as a function."""

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return F.scaled_dot_product_attention(q, k, v)


class Unused(nn.Module):
    """A layer that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(5, 5), nn.Linear(8, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.used(x)


def lstm() -> nn.LSTM:
    return nn.LSTM(6, 5, 2, bidirectional=True)


def gru() -> nn.GRU:
    return nn.GRU(6, 5, 2, bidirectional=True)


IMAGE = ((1, 3, 224, 224),)
STEPS = ((7, 3, 6),)  # (steps, batch, features)

# name, module, shapes of the call with the batch, MACs of the call, parameters
PROBES: list[tuple[str, Callable[[], nn.Module], Shapes, int, int]] = [
    ("resnet18", by_hand.resnet18, IMAGE, 1_814_073_344, 11_689_512),
    ("vgg16", by_hand.vgg16, IMAGE, 15_470_264_320, 138_357_544),
    ("vit_b_16", by_hand.vit_b_16, IMAGE, 17_563_828_224, 86_567_656),
    ("functions", Functional, ((1, 3, 10, 10),), 14_224, 8 * 27 + 400),
    ("one layer three times", Thrice, ((4, 10),), 1_200, 110),
    ("tied embedding", TiedWords, ((2, 6),), 4_800, 400),
    ("linear on steps", lambda: nn.Linear(3, 8), ((5, 10, 3),), 1_200, 32),
    ("attention", Attention, ((2, 3, 16, 8),) * 3, 24_576, 0),
    ("lstm", lstm, STEPS, 21_840, 1_200),
    ("gru cell", lambda: nn.GRUCell(6, 5), ((3, 6),), 495, 195),
    ("transposed convolution", lambda: nn.ConvTranspose2d(4, 6, 3, 2), ((1, 4, 5, 5),), 5_400, 222),
    ("grouped convolution", lambda: nn.Conv2d(8, 16, 3, groups=4), ((1, 8, 10, 10),), 18_432, 304),
    ("unused", Unused, ((1, 5),), 25, 84),
    ("tied layers", TiedLayers, ((3, 4),), 96, 24),
    ("multi-head attention", lambda: nn.MultiheadAttention(8, 2), ((4, 2, 8),) * 3, 2_560, 288),
    ("encoder layer", lambda: nn.TransformerEncoderLayer(8, 2, 16), ((4, 2, 8),), 4_608, 600),
    ("gru", gru, STEPS, 16_380, 900),
    ("rnn", lambda: nn.RNN(6, 5), STEPS, 1_155, 65),
]
BIG = ("resnet18", "vgg16", "vit_b_16")


def prepared(name: str, make: Callable[[], nn.Module], shapes: Shapes) -> tuple[nn.Module, list[torch.Tensor]]:
    """The module and example tensors; large networks without memory."""
    device = "meta" if name in BIG else "cpu"
    with torch.device(device):
        dtype = torch.long if name == "tied embedding" else torch.float32
        return make(), [torch.zeros(shape, dtype=dtype) for shape in shapes]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "make", "shapes", "macs", "parameters"), PROBES, ids=[p[0] for p in PROBES])
def test_probes(name: str, make: Callable[[], nn.Module], shapes: Shapes, macs: int, parameters: int) -> None:
    module, tensors = prepared(name, make, shapes)
    summary = nw.analyze(module, tensors if len(tensors) > 1 else tensors[0])
    assert (summary.macs, summary.flops, summary.parameters, summary.device) == (macs, 2 * macs, parameters, "meta")
    assert summary.trainable == parameters


@pytest.mark.slow
@pytest.mark.parametrize(("name", "make", "shapes", "macs", "parameters"), PROBES, ids=[p[0] for p in PROBES])
def test_a_call_twice_as_large_costs_twice_as_much(
    name: str, make: Callable[[], nn.Module], shapes: Shapes, macs: int, parameters: int
) -> None:
    module, tensors = prepared(name, make, shapes)
    axis = 1 if shapes == STEPS or isinstance(module, (nn.MultiheadAttention, nn.TransformerEncoderLayer)) else 0
    twice = [torch.cat([tensor, tensor], axis) for tensor in tensors]
    summary = nw.analyze(module, twice)
    assert (summary.macs, summary.parameters) == (2 * macs, parameters)


# name, shape of a sample, MACs of a sample
SAMPLES = [
    ("resnet18", (3, 224, 224), 1_814_073_344),
    ("functions", (3, 10, 10), 14_224),
    ("one layer three times", (10,), 300),
    ("tied embedding", (6,), 2_400),
    ("linear on steps", (10, 3), 240),
    ("gru cell", (6,), 165),
    ("transposed convolution", (4, 5, 5), 5_400),
    ("grouped convolution", (8, 10, 10), 18_432),
    ("unused", (5,), 25),
    ("tied layers", (4,), 32),
]


@pytest.mark.parametrize(("name", "shape", "macs"), SAMPLES, ids=[s[0] for s in SAMPLES])
def test_a_shape_is_counted_for_one_sample(name: str, shape: tuple[int, ...], macs: int) -> None:
    make, parameters = next((probe[1], probe[4]) for probe in PROBES if probe[0] == name)
    module, [tensor] = prepared(name, make, (shape,))
    summary = nw.analyze(module, shape, dtype=tensor.dtype)
    assert (summary.macs, summary.parameters, summary.device) == (macs, parameters, "meta")


def test_shared_parameters_are_in_the_row_where_they_come_first() -> None:
    [table, output] = nw.analyze(TiedWords(), torch.zeros(2, 6, dtype=torch.long)).rows
    assert (table.parameters, table.macs, output.parameters, output.macs) == (400, 0, 0, 4_800)
    [one, two] = nw.analyze(TiedLayers(), torch.zeros(3, 4)).rows
    assert (one.parameters, one.macs, two.parameters, two.macs) == (20, 48, 4, 48)


def test_a_layer_that_is_never_called_has_a_row_without_an_output() -> None:
    summary = nw.analyze(Unused(), torch.zeros(1, 5))
    assert [(row.path, row.parameters, row.macs, row.ran) for row in summary.rows] == [
        ("used", 30, 25, True),
        ("unused", 54, 0, False),
    ]
    assert summary.rows[1].output_shape is None
    assert summary.parameters == 84
    assert "without an output: 1 that did not run; their parameters are counted" in str(summary)
