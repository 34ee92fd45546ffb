"""Summaries of modules that hide what they do: fused kernels, lists of weights, writes into views, hooks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from netwright.core.errors import InvalidParameter
from netwright.graph import Observer, analyze


class OwnState(nn.Module):
    """Makes a tensor of its own in forward: it does not run on the meta device."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(6, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.zeros(1, len(x), 5)
        return self.out(self.lstm(x, (h, h))[0][:, -1])


class SelfAttention(nn.Module):
    def __init__(self, item: bool) -> None:
        super().__init__()
        self.attention, self.item = nn.MultiheadAttention(8, 2, batch_first=True), item

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.item:
            x = x * float(x.sum().item() + 1)
        return self.attention(x, x, x)[0]


class Weighing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ParameterList([nn.Parameter(torch.ones(10, 4)), nn.Parameter(torch.ones(4))])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.parts[0] @ self.parts[1]


@pytest.mark.parametrize(
    ("make", "shape", "macs", "parameters"),
    [
        (OwnState, (7, 6), 7 * 4 * 5 * (6 + 5) + 5 * 2, 4 * 5 * (6 + 5 + 2) + 12),
        (lambda: SelfAttention(False), (5, 8), 5 * 8 * 32 + 2 * 5 * 5 * 8, 288),
        (lambda: SelfAttention(True), (5, 8), 5 * 8 * 32 + 2 * 5 * 5 * 8, 288),
        (Weighing, (7, 10), 7 * 40 + 7 * 4, 44),
    ],
)
@pytest.mark.touches_rng
def test_what_kernels_and_lists_hide(make: Any, shape: tuple[int, ...], macs: int, parameters: int) -> None:
    summary = analyze(make(), shape)
    assert (summary.macs, summary.parameters) == (macs, parameters)
    assert sum(row.macs for row in summary.rows) == macs
    assert sum(row.parameters for row in summary.rows) == parameters


@pytest.mark.touches_rng
def test_products_that_torch_has_no_formula_for() -> None:
    assert analyze(nn.Bilinear(5, 6, 4), [(5,), (6,)]).macs == 120
    v, m = torch.ones(10), torch.ones(7, 10)

    def count(function: Any) -> int:
        with torch.no_grad(), Observer() as seen:
            function()
        return seen.macs

    assert count(lambda: m @ v) == 70
    assert count(lambda: torch.dot(v, v)) == 10
    assert count(lambda: torch.addmv(torch.ones(7), m, v)) == 70
    assert count(lambda: torch.addr(torch.ones(7, 10), torch.ones(7), v)) == 70
    assert count(lambda: torch.addbmm(torch.ones(3, 5), torch.ones(2, 3, 4), torch.ones(2, 4, 5))) == 2 * 3 * 4 * 5


@pytest.mark.touches_rng
def test_pruned_modules_are_left_as_they_were() -> None:
    module = prune.l1_unstructured(nn.Linear(6, 4), "weight", 0.5)
    before = module.weight
    analyze(module, (6,))
    assert module.weight is before


@pytest.mark.touches_rng
def test_a_module_that_takes_even_batches_only() -> None:
    class Pairs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x).view(-1, 2, 4).flatten(0, 1).relu()

    assert analyze(Pairs(), (4,)).saved_bytes(4) == 4 * 4 * 4 * 2


class IntoView(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.five = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 5, padding=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.one(x)
        y[:, :1] += self.five(x)[:, :1]
        return y


class Shuffled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = self.conv(x).chunk(2, 1)
        gate = x.mean(1, keepdim=True)[:, :, 1:-1, 1:-1]
        return torch.cat([b, a], 1)[:, [2, 0]] * gate


@pytest.mark.parametrize(
    ("make", "channels", "field"),
    [
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4), nn.Conv2d(4, 4, 3)), 3, 12),
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)), 3, 12),
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), 3, 3),
        (lambda: nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(3, 4, 3)), 3, 3),
        (IntoView, 2, 5),
        (Shuffled, 4, 3),
    ],
)
@pytest.mark.touches_rng
def test_receptive_fields_of_what_people_write(make: Any, channels: int, field: int) -> None:
    assert analyze(make(), (channels, 12, 12)).receptive_field == (field, field)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize(("scale", "stride"), [(0.5, "2"), (0.75, "4/3"), (1.3, "10/13"), (1.5, "2/3"), (2.5, "2/5")])
def test_scales_of_interpolation(mode: str, scale: float, stride: str) -> None:
    """torch goes by the scale that it is given, not by the sizes that follow from it."""
    row = analyze(nn.Upsample(scale_factor=scale, mode=mode), (3, 9, 9)).rows[0]
    assert [str(each) for each in row.stride or ()] == [stride, stride]


@pytest.mark.parametrize(
    ("given", "dtype", "text"),
    [
        (None, torch.float32, r"analyze\(input_size\): expected axes of one sample such as \(3, 224, 224\).*got None"),
        ((3.0, 8, 8), torch.float32, r"expected axes of one sample.*got \(3\.0, 8, 8\)"),
        ((3, -1, 8), torch.float32, r"expected axes of one sample.*got \(3, -1, 8\)"),
        ((), torch.float32, r"expected axes of one sample"),
        (
            (3, 8, 8),
            "float32",
            r"analyze\(dtype\): expected a torch\.dtype, or 1 of them, one for each input, got 'float32'",
        ),
        ((3, 8, 8), [torch.float32, torch.long], r"or 1 of them, one for each input"),
        ((1, 3, 8, 8), torch.float32, r"Give the shape of one sample, without the batch axis, or example tensors\."),
    ],
)
@pytest.mark.touches_rng
def test_inputs_that_cannot_be(given: Any, dtype: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        analyze(nn.Conv2d(3, 4, 3), given, dtype=dtype)


def test_only_modules_are_analyzed() -> None:
    with pytest.raises(InvalidParameter, match=r"analyze\(module\): expected a torch.nn.Module, got .* net.summary"):
        analyze(len, (3,))  # type: ignore[arg-type]


@pytest.mark.touches_rng
def test_formulas_of_a_call() -> None:
    row = analyze(nn.Conv2d(3, 8, 3), torch.zeros(1, 3, 9, 9), explain=True).rows[0]
    assert row.output_shape == (1, 8, 7, 7)
    assert row.formulas["size"] == "(9 - 3)/1 + 1 = 7"
    assert row.formulas["MACs"] == "7*7*8*3*3*3 = 10,584"
