"""Summaries of third-party modules: work that does not grow with the batch, channels-last blocks, sequences, dtypes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from netwright.core.errors import InvalidParameter
from netwright.graph import analyze

pytestmark = pytest.mark.touches_rng
functional = nn.functional


class Calls(nn.Module):
    """A module that is one function of its parts and its inputs."""

    def __init__(self, function: Callable[..., Any], *parts: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(*self.parts, *inputs)


class Merged(nn.Module):
    """A dense layer whose weight is merged with a low-rank one at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(20, 30)
        self.a, self.b = nn.Parameter(torch.zeros(4, 20)), nn.Parameter(torch.zeros(30, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.base.weight + self.b @ self.a, self.base.bias)


class Recursive(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(5, 5))

    def forward(self, x: torch.Tensor, depth: int = 3) -> torch.Tensor:
        return self(x @ self.weight, depth - 1) if depth > 1 else x @ self.weight


def similarity(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    y = layer(x)
    similar: torch.Tensor = y @ y.T
    return similar


# MACs of one sample: those of a batch of one
@pytest.mark.parametrize(
    ("make", "shape", "macs"),
    [
        (Merged, (20,), 30 * 4 * 20 + 600),
        (lambda: Calls(similarity, nn.Linear(6, 4)), (6,), 24 + 4),
        (lambda: Calls(lambda f, x: torch.einsum("bd,cd->bc", f(x), f(x)), nn.Linear(6, 4)), (6,), 48 + 4),
        (lambda: Calls(lambda f, x: f(x.mean(0)), nn.Linear(6, 4)), (6,), 24),
        (lambda: nn.TransformerEncoderLayer(8, 2, 16), (8,), 8 * 32 + 2 * 8 + 2 * 128),  # over the batch
        (Recursive, (5,), 75),
        (lambda: nn.Sequential(Recursive(), Recursive()), (5,), 150),
        (lambda: nn.LSTM(6, 5, batch_first=True), (7, 6), 7 * 20 * 11),
    ],
)
def test_work_of_one_sample(make: Any, shape: tuple[int, ...], macs: int) -> None:
    module = make()
    summary = analyze(module, shape)
    assert summary.macs == macs == sum(row.macs for row in summary.rows) + outside(module, summary)
    assert analyze(module, torch.zeros(1, *shape)).macs == macs
    assert sum(row.parameters for row in summary.rows) == summary.parameters


def outside(module: nn.Module, summary: Any) -> int:
    """Work of functions, outside of all layers with a row."""
    return summary.macs - sum(row.macs for row in summary.rows) if isinstance(module, Calls) else 0


def test_a_batch_of_even_size_and_work_done_once() -> None:
    def pairs(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return layer(x.view(-1, 2, 4)).flatten(0, 1) @ layer.weight @ (layer.weight @ layer.weight)

    assert analyze(Calls(pairs, nn.Linear(4, 4)), (4,)).macs == 16 + 16 + 16 + 64


def test_modules_that_take_one_sample_or_odd_batches_only() -> None:
    def single(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        if len(x) % 2 == 0:
            raise ValueError("an odd number, please")
        return layer(x)

    summary = analyze(Calls(single, nn.Linear(6, 4)), (6,))
    assert (summary.macs, summary.parameters) == (24, 28)
    assert summary.notes == ("observed on a batch of one sample: it does not run on two",)

    class Trained(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert self.training, "for training only"
            return x

    with pytest.raises(InvalidParameter, match=r"AssertionError: for training only.*run to predict, as after \.eval"):
        analyze(Trained(), (6,))
    with pytest.raises(InvalidParameter, match=r"It was run to predict, as after \.eval\(\)"):
        analyze(Trained(), torch.zeros(3, 6))


@dataclass
class Output:
    logits: torch.Tensor
    hidden: list[torch.Tensor]


def test_modules_that_return_records() -> None:
    for record in (lambda y: Output(y, [y]), lambda y: {"logits": y, "aux": {"deep": y}}, lambda y: (None, [y])):
        module = Calls(lambda f, g, x, record=record: record(g(f(x))), nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3, 2))
        summary = analyze(module, (3, 12, 12))
        assert (summary.receptive_field, summary.rows[1].output_shape) == ((5, 5), (2, 4, 4))


def test_element_types() -> None:
    assert analyze(nn.Linear(4, 3).half(), (4,)).saved_bytes(1) == 8
    assert analyze(nn.Linear(4, 3).double(), (4,), dtype=torch.float64).macs == 12
    text = r"RuntimeError: .*dtype.* Its parameters are of torch\.float32, the input of torch\.float16: give dtype="
    for module, shape in ((nn.Linear(4, 3), (4,)), (nn.Conv2d(1, 2, 3), (1, 5, 5))):
        with pytest.raises(
            InvalidParameter, match=r"Its parameters are of torch\.float32, the input of torch\.float16"
        ):
            analyze(module, shape, dtype=torch.float16)
    with pytest.raises(InvalidParameter, match=text):
        analyze(nn.Linear(4, 3), torch.zeros(2, 4, dtype=torch.float16))


class ConvNeXt(nn.Module):
    """A block that works with channels last."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm, self.wide = nn.LayerNorm(channels), nn.Linear(channels, 4 * channels)
        self.narrow = nn.Linear(4 * channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.depthwise(x).permute(0, 2, 3, 1)
        return x + self.narrow(functional.gelu(self.wide(self.norm(y)))).permute(0, 3, 1, 2)


class WindowAttention(nn.Module):
    def __init__(self, channels: int, size: int, shift: int = 0) -> None:
        super().__init__()
        self.size, self.shift, self.norm = size, shift, nn.LayerNorm(channels)
        self.attention = nn.MultiheadAttention(channels, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, c, h, w = x.shape
        n = self.size
        y = self.norm(x.permute(0, 2, 3, 1))
        y = y.roll((-self.shift, -self.shift), (1, 2)) if self.shift else y
        y = y.view(b, h // n, n, w // n, n, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, n * n, c)
        y = self.attention(y, y, y, need_weights=False)[0]
        y = y.view(b, h // n, w // n, n, n, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        return x + y.permute(0, 3, 1, 2)


class Transformer(nn.Module):
    """Patches, a token for the class, two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.token = nn.Conv2d(3, 8, 4, 4), nn.Parameter(torch.zeros(1, 1, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.layers, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.patch(x).flatten(2).transpose(1, 2)
        y = self.layers(torch.cat([self.token.expand(len(x), -1, -1), y], 1))
        return self.head(y[:, 0])


def conv(into: int, out: int, size: int = 3, stride: int = 1) -> nn.Module:
    return nn.Conv2d(into, out, size, stride, size // 2)


def mixed(layer: nn.Module, other: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    return torch.einsum("bchw,oc->bohw", layer(x), other.weight)


MODULES: list[tuple[str, Any, tuple[int, ...], bool]] = [
    ("ConvNeXt", lambda: nn.Sequential(conv(3, 4), ConvNeXt(4), ConvNeXt(4)), (3, 32, 32), True),
    ("shuffle", lambda: nn.Sequential(conv(3, 8), nn.PixelShuffle(2), conv(2, 2)), (3, 16, 16), True),
    ("unshuffle", lambda: nn.Sequential(nn.PixelUnshuffle(2), conv(12, 4)), (3, 16, 16), True),
    ("windows", lambda: nn.Sequential(conv(3, 4), WindowAttention(4, 4)), (3, 16, 16), True),
    ("shifted windows", lambda: nn.Sequential(conv(3, 4), WindowAttention(4, 4, 2)), (3, 16, 16), False),
    ("transformer", Transformer, (3, 16, 16), True),
    ("channel shuffle", lambda: nn.Sequential(conv(3, 4), nn.ChannelShuffle(2), conv(4, 4)), (3, 16, 16), True),
    ("every other", lambda: Calls(lambda f, g, x: g(f(x)[:, :, ::2, 1::3]), conv(3, 4), conv(4, 2)), (3, 24, 24), True),
    ("transposed", lambda: Calls(lambda f, x: f(x) + f(x).transpose(2, 3), conv(3, 3)), (3, 9, 9), False),
    ("mean of rows", lambda: Calls(lambda f, g, x: g(f(x).mean(2)), conv(3, 4), nn.Conv1d(4, 2, 3)), (3, 9, 12), True),
    ("circular", lambda: nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), (3, 9, 9), False),
    ("einsum", lambda: Calls(mixed, conv(3, 4), nn.Linear(4, 2)), (3, 9, 9), True),
]


@pytest.mark.parametrize(("make", "shape", "exact"), [item[1:] for item in MODULES], ids=[item[0] for item in MODULES])
def test_fields_beside_gradients_and_work_beside_torch(make: Any, shape: tuple[int, ...], exact: bool) -> None:
    module = make().double().eval()
    for parameter in module.parameters():
        parameter.data = torch.rand(parameter.shape, dtype=torch.float64) + 0.1  # so that no two paths cancel
    summary = analyze(module, shape)
    x = (torch.rand(1, *shape, dtype=torch.float64) + 0.5).requires_grad_()
    y = module(x)
    [gradient] = torch.autograd.grad(y[(0, slice(None), *(size // 2 for size in y.shape[2:]))].sum(), x)
    reached = gradient[0].abs().sum(0).nonzero()
    field = tuple((reached.amax(0) - reached.amin(0) + 1).tolist())
    assert summary.receptive_field is not None
    if exact:
        assert summary.receptive_field == field
    else:
        assert all(seen <= most for seen, most in zip(field, summary.receptive_field, strict=True))
    assert summary.bound == (not exact)
    with FlopCounterMode(display=False) as counter:
        module.to("meta")(x.to("meta"))
    assert summary.macs == counter.get_total_flops() // 2


@pytest.mark.parametrize(
    ("make", "shape", "field", "dtype"),
    [
        (lambda: nn.Linear(6, 4), (7, 6), 1, None),
        (lambda: nn.LSTM(6, 4, batch_first=True), (7, 6), 7, None),
        (lambda: nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), (7, 6), 7, None),
        (lambda: nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 4)), (7, 6), 1, None),
        (
            lambda: Calls(lambda f, g, x: g(f(x).transpose(1, 2)), nn.Linear(6, 4), nn.Conv1d(4, 4, 3, padding=1)),
            (7, 6),
            3,
            None,
        ),
        (lambda: nn.Conv1d(7, 4, 3), (7, 6), 3, None),
        (lambda: Calls(lambda f, g, x: g(f(x).mT), nn.Embedding(9, 4), nn.Conv1d(4, 2, 3)), (7,), 3, torch.long),
        (lambda: nn.Linear(6, 4), (6,), 6, None),
    ],
)
def test_fields_of_sequences_are_in_steps(make: Any, shape: tuple[int, ...], field: int, dtype: Any) -> None:
    """The axis that is summed over first holds the features."""
    assert analyze(make(), shape, dtype=dtype).receptive_field == (field,)


def test_a_bound_is_marked() -> None:
    summary = analyze(nn.Sequential(conv(3, 4), WindowAttention(4, 4, 2), nn.ReLU()), (3, 16, 16))
    line = next(line for line in str(summary).splitlines() if line.startswith("2 "))
    assert line.split()[-3:] == ["<=16", "-", "-"]
    assert "&lt;=16" in summary._repr_html_()


def test_layers_that_do_not_run_have_rows_of_their_own() -> None:
    class Parts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(4))
            self.used, self.spare = nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 1))
            self.read = nn.Linear(4, 4, bias=False)
            self.spare[0].weight.requires_grad_(False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return functional.linear(self.used(x), self.read.weight) * self.scale

    summary = analyze(Parts(), (4,))
    rows = [(row.path, row.parameters, row.trainable, row.ran) for row in summary.rows]
    assert rows == [("", 20, 20, True), ("used", 20, 20, True), ("spare.0", 10, 2, False), ("spare.2", 3, 3, False)]
    assert sum(row.parameters for row in summary.rows) == summary.parameters == 53
