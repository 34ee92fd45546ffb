"""Summaries: hand figures, torch's counter, published figures, probes on which other tools fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.graph import Expression, Input, Row, analyze, join, summarize
from netwright.layers import (
    Add,
    BatchNorm,
    Concat,
    Conv,
    Dropout,
    Embedding,
    Flatten,
    GlobalPool,
    Identity,
    Linear,
    MaxPool,
    Module,
    PReLU,
    ReLU,
    Softmax,
    Tanh,
)

LENET5 = (
    Input(1, 28, 28) >> Conv(6, 5, padding=2) >> Tanh() >> MaxPool(2) >> Conv(16, 5) >> Tanh() >> MaxPool(2)
    >> Flatten() >> Tanh(120) >> Tanh(84) >> Softmax(10)
)  # fmt: skip


@pytest.fixture(autouse=True)
def _forked() -> Iterator[None]:
    """The torch modules of these tests draw their weights from the global state."""
    with torch.random.fork_rng():
        yield


def test_hand_figures() -> None:
    summary = LENET5.summary()
    rows = {row.path: row for row in summary.rows}
    assert [rows[f"conv{i}"].parameters for i in (1, 2)] == [6 * 26, 16 * (6 * 25 + 1)]
    assert [rows[f"conv{i}"].macs for i in (1, 2)] == [28 * 28 * 6 * 25, 10 * 10 * 16 * 6 * 25]
    assert [rows[path].parameters for path in ("tanh3", "tanh4", "softmax1")] == [400 * 120 + 120, 120 * 84 + 84, 850]
    assert [rows[path].macs for path in ("tanh3", "tanh4", "softmax1")] == [48000, 10080, 840]
    assert summary.parameters == summary.trainable == 61706
    assert summary.macs == 117600 + 240000 + 48000 + 10080 + 840
    assert [row.output_shape for row in summary.rows][:4] == [(1, 28, 28), (6, 28, 28), (6, 28, 28), (6, 14, 14)]
    assert [row.receptive_field for row in summary.rows][:7] == [(n, n) for n in (1, 5, 5, 6, 14, 14, 16)]
    assert [row.receptive_field for row in summary.rows][7:] == [(28, 28)] * 4
    assert summary.device == "meta"
    assert sum(row.parameters for row in summary.rows) == summary.parameters
    assert sum(row.macs for row in summary.rows) == summary.macs


def residual(channels: int) -> Expression:
    main = Conv(channels, 3, padding="same") >> BatchNorm() >> PReLU() >> Conv(channels, 3, padding="same")
    return (main | Identity()) >> Add() >> ReLU()


@pytest.mark.parametrize(
    "network",
    [
        LENET5,
        Input(20) >> ReLU(30) >> Dropout() >> Linear(3),
        Input(3, 16, 16) >> Conv(8, 3) >> residual(8) >> residual(8) >> GlobalPool() >> Softmax(4),
        Input(4, 50)
        >> Conv(8, 5, 2, "same", groups=2)
        >> (Conv(4, 3, padding=1) | Conv(4, 1))
        >> Concat()
        >> Flatten()
        >> Linear(2),
        Input(2, 6, 7, 8) >> Conv(4, (3, 1, 2), padding="full") >> BatchNorm() >> ReLU() >> Flatten() >> Linear(2),
        Input(9) >> Embedding(50, 8) >> Tanh(5) >> Flatten() >> (Softmax(3) | Linear(1)),
        (Input(5) >> ReLU(4) | Input(6) >> ReLU(4)) >> Add() >> Linear(2),
    ],
    ids=repr,
)
def test_against_torchs_counter_on_real_tensors(network: Expression) -> None:
    module = network.build().eval()
    shapes = network.plan().input_shapes
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*(torch.zeros(1, *shape) for shape in shapes))
    summary = network.summary()
    assert summary.macs == counter.get_total_flops() / 2
    assert summary.parameters == sum(p.numel() for p in module.parameters())
    again = analyze(module, shapes if len(shapes) > 1 else shapes[0])
    assert (again.macs, again.parameters) == (summary.macs, summary.parameters)
    assert again.receptive_field == summary.receptive_field


def vgg16() -> Expression:
    plan = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")
    features = join(*(MaxPool(2) if item == "M" else Conv(item, 3, padding=1) >> ReLU() for item in plan))  # type: ignore[arg-type]
    return (
        Input(3, 224, 224)
        >> features
        >> Flatten()
        >> ReLU(4096)
        >> Dropout()
        >> ReLU(4096)
        >> Dropout()
        >> Linear(1000)
    )


def alexnet() -> Expression:
    return (
        Input(3, 224, 224) >> Conv(64, 11, 4, 2) >> ReLU() >> MaxPool(3, 2) >> Conv(192, 5, padding=2) >> ReLU()
        >> MaxPool(3, 2) >> Conv(384, 3, padding=1) >> ReLU() >> Conv(256, 3, padding=1) >> ReLU()
        >> Conv(256, 3, padding=1) >> ReLU() >> MaxPool(3, 2) >> Flatten() >> Dropout() >> ReLU(4096) >> Dropout()
        >> ReLU(4096) >> Linear(1000)
    )  # fmt: skip


def resnet18() -> Expression:
    def block(channels: int, stride: int) -> Expression:
        main = Conv(channels, 3, stride, 1, bias=False) >> BatchNorm() >> ReLU()
        main = main >> Conv(channels, 3, padding=1, bias=False) >> BatchNorm()
        short = Conv(channels, 1, stride, bias=False) >> BatchNorm() if stride > 1 else Identity()
        return (main | short) >> Add() >> ReLU()

    stem = Input(3, 224, 224) >> Conv(64, 7, 2, 3, bias=False) >> BatchNorm() >> ReLU() >> MaxPool(3, 2, 1)
    blocks = [block(c, s) for c, first in ((64, 1), (128, 2), (256, 2), (512, 2)) for s in (first, 1)]
    return join(stem, *blocks, GlobalPool(), Linear(1000))


@pytest.mark.parametrize(
    ("network", "parameters", "macs"),
    [
        (vgg16, 138_357_544, 15_470_264_320),
        (alexnet, 61_100_840, 714_188_480),
        (resnet18, 11_689_512, 1_814_073_344),
    ],
)
def test_published_figures(network: Any, parameters: int, macs: int) -> None:
    summary = network().summary()
    assert (summary.parameters, summary.macs) == (parameters, macs)


class Tied(nn.Module):
    """A language model whose output layer is its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 8)
        self.output = nn.Linear(8, 50, bias=False)
        self.output.weight = self.table.weight

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        return self.output(self.table(words))


class Functional(nn.Module):
    """Parameters used by functions, no leaf module at all."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.ones(4, 3, 3, 3))
        self.matrix = nn.Parameter(torch.ones(10, 64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.conv2d(x, self.kernel).flatten(1) @ self.matrix.T


class Thrice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.linear(self.linear(x)))


class TwoTied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
        self.two.weight = self.one.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.two(self.one(x))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


class Scaled(nn.Module):
    def forward(self, q: torch.Tensor) -> torch.Tensor:
        return nn.functional.scaled_dot_product_attention(q, q, q)


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(5, 5), nn.Linear(8, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.used(x)


# module, shape of a sample, batch, MACs of the batch, parameters
PROBES = [
    (Tied, (6,), 2, 4800, 400),
    (Functional, (3, 6, 6), 1, 4 * 16 * 27 + 640, 108 + 640),
    (Thrice, (4,), 25, 1200, 20),
    (TwoTied, (4,), 3, 96, 24),
    (lambda: nn.Linear(3, 8), (10, 3), 5, 1200, 32),
    (Scaled, (3, 16, 8), 2, 24576, 0),
    (lambda: nn.LSTM(6, 5, 2, bidirectional=True, batch_first=True), (7, 6), 3, 21840, 1200),
    (lambda: nn.GRU(6, 5, 2, bidirectional=True, batch_first=True), (7, 6), 3, 16380, 900),
    (lambda: nn.RNN(6, 5, batch_first=True), (7, 6), 3, 1155, 65),
    (lambda: nn.GRUCell(6, 5), (6,), 3, 495, 195),
    (Attention, (4, 8), 2, 2560, 288),
    (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (4, 8), 2, 4608, 600),
    (lambda: nn.ConvTranspose2d(4, 6, 3, 2), (4, 5, 5), 1, 5400, 222),
    (lambda: nn.Conv2d(8, 16, 3, groups=4), (8, 10, 10), 1, 18432, 304),
    (Unused, (5,), 1, 25, 84),
]


@pytest.mark.slow
@pytest.mark.parametrize(("make", "shape", "batch", "macs", "parameters"), PROBES)
def test_probes(make: Any, shape: tuple[int, ...], batch: int, macs: int, parameters: int) -> None:
    module = make()
    dtype = torch.long if isinstance(module, Tied) else torch.float32
    for given, times in ((shape, batch), (torch.zeros(batch, *shape, dtype=dtype), 1)):  # a sample; a call as it is
        summary = analyze(module, given, dtype=dtype)
        assert (summary.macs * times, summary.parameters, summary.device) == (macs, parameters, "meta")


def test_rows_of_a_torch_module() -> None:
    rows = analyze(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 2)), (3, 8, 8)).rows
    assert [(row.path, row.output_shape, row.parameters, row.macs) for row in rows] == [
        ("0", (8, 6, 6), 224, 36 * 8 * 27),
        ("1", (8, 6, 6), 0, 0),
        ("2", (288,), 0, 0),
        ("3", (2,), 578, 576),
    ]
    assert rows[0].layer.startswith("Conv2d(3, 8, kernel_size=(3, 3)")
    [tied_table, tied_output] = analyze(Tied(), (6,), dtype=torch.long).rows
    assert (tied_table.parameters, tied_output.parameters) == (400, 0)
    [recurrent] = analyze(nn.LSTM(6, 5, batch_first=True), (7, 6)).rows
    assert recurrent.output_shape == (7, 5)


def test_frozen_parameters() -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    module[0].requires_grad_(False)
    summary = nw.analyze(module, (4,))
    assert (summary.parameters, summary.trainable) == (23, 8)
    assert [row.trainable for row in summary.rows] == [0, 8]
    assert "23 parameters (15 frozen), 18 MACs = 36 FLOPs a sample" in str(summary)


def test_several_inputs() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.linear = nn.Embedding(9, 4), nn.Linear(7, 2)

        def forward(self, words: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return self.linear(torch.cat([self.words(words).mean(1), x], 1))

    summary = analyze(Two(), [(5,), (3,)], dtype=[torch.long, torch.float32])
    assert (summary.macs, summary.parameters) == (14, 36 + 16)
    again = analyze(Two(), [torch.zeros(6, 5, dtype=torch.long), torch.zeros(6, 3)])
    assert (again.macs, again.parameters) == (6 * 14, 52)


@pytest.mark.parametrize(
    ("network", "fields"),
    [
        (
            (Input(3) >> ReLU(4) | Input(1, 8, 8) >> Flatten()) >> Concat() >> Softmax(2),
            [(1,), (3,), (1, 1), (8, 8), None, None],
        ),
        (
            (Input(1, 8, 8) >> Conv(2, 3) >> GlobalPool() | Input(3) >> ReLU(4)) >> Concat(),
            [(1, 1), (3, 3), (8, 8), (1,), (3,), None],
        ),
        (
            (Input(1, 9, 9) >> Conv(2, 3) | Input(1, 9, 9) >> Conv(2, 3, padding=1) >> MaxPool(3, 1))
            >> Add()
            >> Flatten(),
            [(1, 1), (3, 3), (1, 1), (3, 3), (5, 5), (5, 5), (9, 9)],
        ),
        (
            (Input(1, 8, 8) >> Conv(2, 3) | Input(1, 9, 7) >> Conv(2, (4, 2))) >> Add(),
            [(1, 1), (3, 3), (1, 1), (4, 2), None],
        ),
    ],
    ids=["table and image", "image and table", "two of a size", "two sizes"],
)
def test_several_inputs_are_seen_each_in_its_own_size(network: Expression, fields: list[Any]) -> None:
    assert [row.receptive_field for row in network.summary().rows] == fields
    assert analyze(network.build(), network.plan().input_shapes).receptive_field == fields[-1]
    line = next(line for line in str(network.summary()).splitlines() if line.startswith(network.plan().nodes[-1].path))
    assert line.rstrip().endswith(" -") == (network.summary().rows[-1].stride is None)


def test_a_module_is_left_as_it_was() -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.LSTM(6, 5, batch_first=True))
    module[1].eval()
    module[0].register_forward_hook(lambda *args: None)
    lstm = nn.Sequential(nn.LSTM(6, 5, batch_first=True))
    for part, shape in ((module[:3], (1, 8, 8)), (lstm, (7, 6))):
        state = {name: tensor.clone() for name, tensor in part.state_dict().items()}
        parameters, flags = list(part.parameters()), [m.training for m in part.modules()]
        hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in part.modules()]
        before = torch.get_rng_state()
        analyze(part, shape)
        with pytest.raises(InvalidParameter):
            analyze(part, (3, 3, 3, 3, 3))
        assert torch.equal(torch.get_rng_state(), before)
        assert [m.training for m in part.modules()] == flags
        assert [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in part.modules()] == hooks
        assert all(p is q for p, q in zip(part.parameters(), parameters, strict=True))
        assert all(torch.equal(tensor, state[name]) for name, tensor in part.state_dict().items())
        assert all(p.grad is None for p in part.parameters())
    assert lstm(torch.zeros(2, 7, 6))[0].device.type == "cpu"


def test_data_dependent_modules_are_run_on_the_cpu() -> None:
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            while x.abs().sum().item() > 1:
                x = x / 2
            return self.linear(x)

    summary = analyze(Loop(), (4,))
    assert (summary.macs, summary.parameters, summary.device) == (16, 20, "cpu")


def test_a_shared_torch_module_has_a_row_in_each_place() -> None:
    shared = nn.Linear(4, 4)
    network = Input(4) >> (Module(lambda: shared) | Module(lambda: shared) >> ReLU()) >> Add() >> Module(lambda: shared)
    summary = network.summary()
    rows = {row.path: row for row in summary.rows}
    assert (summary.parameters, summary.macs) == (20, 48)
    assert [rows[p].macs for p in ("parallel1.branch1", "parallel1.branch2.module1", "module1")] == [16, 16, 16]
    assert [rows[p].parameters for p in ("parallel1.branch1", "parallel1.branch2.module1", "module1")] == [20, 0, 0]
    x = torch.randn(2, 4)
    assert torch.allclose(network.build()(x), shared(shared(x) + torch.relu(shared(x))))


@pytest.mark.parametrize(
    ("module", "size", "text"),
    [
        (
            nn.Linear(3, 4),
            (5,),
            r"analyze\(input_size\): expected a size that Linear runs on \(it got \[\(2, 5\)\]\), got RuntimeError",
        ),
        (nn.Conv2d(3, 4, 3), (4, 9, 9), r"a size that Conv2d runs on \(it got \[\(2, 4, 9, 9\)\]\), got RuntimeError"),
        (nn.Embedding(9, 4), (5,), r"a size that Embedding runs on"),
    ],
)
def test_sizes_that_do_not_fit(module: nn.Module, size: tuple[int, ...], text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        analyze(module, size)


def test_summaries_are_values_of_the_network() -> None:
    assert summarize(LENET5) == LENET5.summary()
    assert isinstance(LENET5.summary().rows[0], Row)
