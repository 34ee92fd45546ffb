"""Formulas say what was observed: each is evaluated and compared with its figure."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from netwright.graph import analyze
from netwright.graph.explain import sliding_of
from netwright.layers import (
    AvgPool,
    BatchNorm,
    Conv,
    ConvTranspose,
    Flatten,
    Input,
    Linear,
    LocallyConnected,
    MaxPool,
    Module,
    ReLU,
    Softmax,
)

NETWORKS: list[Any] = [
    Input(1, 28, 28) >> Conv(6, 5, padding=2) >> MaxPool(2) >> Conv(16, 5, bias=False) >> Flatten() >> ReLU(84),
    Input(3, 224, 224) >> Conv(64, 7, 2, 3) >> MaxPool(3, 2, 1) >> Conv(8, 3, dilation=2, groups=4) >> BatchNorm(),
    Input(2, 30) >> Conv(4, 4, padding="same") >> AvgPool(3, 2, ceil=True) >> Conv(4, 3, 3, padding=((0, 2),)),
    Input(1, 9, 8, 7) >> Conv(4, (3, 2, 1), (1, 2, 3), "full") >> Flatten() >> Softmax(3),
    Input(5, 4) >> Linear(3) >> Linear(2, bias=False),
    Input(4, 5, 6) >> Module(lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1)),
    Input(4, 5, 6) >> ConvTranspose(6, 3, 2) >> ConvTranspose(2, (2, 3), groups=2, bias=False),
    Input(2, 9, 7) >> LocallyConnected(3, (3, 2), (2, 1)) >> LocallyConnected(2, 2, bias=False),
]


def value_of(text: str) -> int:
    formula, _, said = text.rpartition(" = ")
    for part in formula.split(", "):
        got = eval(part.partition(" = ")[0], {"floor": math.floor, "__builtins__": {}})
    assert int(got) == int(said.replace(",", ""))
    return int(got)


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_formulas_are_true(network: Any) -> None:
    for row in network.summary().rows:
        formulas = row.formulas
        if row.parameters:
            assert value_of(formulas["parameters"]) == row.parameters
        if row.macs:
            assert value_of(formulas["MACs"]) == row.macs
        if "field" in formulas:
            assert value_of(formulas["field"]) == row.receptive_field[0]
        if "size" in formulas:
            assert value_of(formulas["size"]) == row.output_shape[-1]
        if row.kernel and "ceil" not in row.layer:
            assert "size" in formulas


def test_texts_of_a_convolution() -> None:
    row = (Input(3, 32, 32) >> Conv(64, 3, padding="same")).summary().rows[-1]
    assert row.kernel == "3x3 p1"
    assert row.formulas == {
        "size": "(32 - 3 + 2*1)/1 + 1 = 32",
        "parameters": "(3*3*3 + 1)*64 = 1,792",
        "MACs": "32*32*64*3*3*3 = 1,769,472",
        "field": "1 + (3 - 1)*1 = 3",
    }


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.Conv2d(1, 1, 7, 2, 3), "7x7/2 p3"),
        (nn.Conv2d(1, 1, (3, 1), dilation=2, padding="same"), "3x1 p2x0 d2"),
        (nn.Conv2d(1, 1, 3, padding="valid"), "3x3"),
        (nn.ConvTranspose1d(1, 1, 4, 2, 1), "4*2 p1"),
        (nn.MaxPool2d(3, 2, 1), "3x3/2 p1"),
        (nn.AvgPool1d(2), "2/2"),
        (nn.Sequential(nn.ConstantPad1d((0, 1), 0.0), nn.Conv1d(1, 1, 2)), "2 p(0,1)"),
        (nn.LPPool2d(2, 3), "3x3/3"),
    ],
)
def test_windows_of_torch_modules(module: nn.Module, text: str) -> None:
    assert str(sliding_of(module)) == text


@pytest.mark.touches_rng
def test_other_modules_have_no_window() -> None:
    assert sliding_of(nn.Linear(2, 2)) is None
    assert sliding_of(nn.Sequential(nn.Conv1d(1, 1, 1), nn.Conv1d(1, 1, 1))) is None


@pytest.mark.touches_rng
def test_recurrent_parameters_are_said_by_shape() -> None:
    row = analyze(nn.LSTM(6, 5, batch_first=True), (7, 6)).rows[0]
    assert value_of(row.formulas["parameters"]) == row.parameters == 4 * (6 * 5 + 5 * 5 + 2 * 5)


@pytest.mark.touches_rng
def test_a_call_has_no_wrong_formulas() -> None:
    for row in analyze(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(6, 2)), torch.zeros(5, 3, 8, 8)).rows:
        for name in {"parameters", "field"} & set(row.formulas):
            value_of(row.formulas[name])
        if "MACs" in row.formulas:
            assert value_of(row.formulas["MACs"]) == row.macs


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nn.LSTM(6, 5, 2, bidirectional=True, batch_first=True), "2*7*20*11 + 2*7*20*15 = 7,280"),
        (lambda: nn.GRU(6, 5, batch_first=True), "7*15*11 = 1,155"),
        (lambda: nn.RNN(6, 5, batch_first=True), "7*5*11 = 385"),
        (lambda: nn.ConvTranspose1d(7, 6, 3, 2, groups=1), "6*7*3*6 = 756"),
    ],
)
@pytest.mark.touches_rng
def test_formulas_of_recurrent_and_transposed_layers(make: Any, text: str) -> None:
    [row] = analyze(make(), (7, 6), explain=True).rows
    assert row.formulas["MACs"] == text
    assert value_of(row.formulas["parameters"]) == row.parameters


@pytest.mark.touches_rng
def test_formulas_of_attention() -> None:
    [row] = analyze(nn.MultiheadAttention(8, 2, batch_first=True), [(5, 8)] * 3).rows
    assert row.formulas["MACs"] == "4*5*8*8 + 2*5*5*8 = 1,680"
