"""Receptive fields, effective strides and paddings of published architectures, from the windows of the rows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import netwright as nw
from netwright.graph import Expression
from netwright.layers import Conv, Input, MaxPool, ReLU

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
by_hand = pytest.importorskip("by_hand", reason="the folder benchmarks is not here")

# name, its last map, receptive field, effective stride, effective padding
TABLE = [
    ("alexnet", "features", 195, 32, 66),
    ("vgg11", "features", 150, 32, 59),
    ("vgg16", "features", 212, 32, 90),
    ("vgg19", "features", 268, 32, 118),
    ("resnet18", "layer4", 435, 32, 217),
    ("resnet34", "layer4", 899, 32, 449),
    ("resnet50", "layer4", 427, 32, 213),
    ("resnet101", "layer4", 971, 32, 485),
    ("resnet152", "layer4", 1451, 32, 725),
    ("squeezenet1_0", "features", 155, 16, 60),
    ("squeezenet1_1", "features", 207, 16, 88),
    ("googlenet", "inception5b", 379, 32, 167),
    ("inception_v3", "Mixed_7c", 1311, 32, 618),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "last", "size", "stride", "padding"), TABLE, ids=[row[0] for row in TABLE])
def test_published_figures(name: str, last: str, size: int, stride: int, padding: int) -> None:
    with torch.device("meta"):
        module = getattr(by_hand, name)()
    setattr(module, last, nn.Sequential(getattr(module, last), nn.Identity()))  # a row for what comes out of it
    rows = {row.path: row for row in nw.analyze(module, by_hand.SHAPES[name]).rows}
    row = rows[f"{last}.1"]
    assert row.window is not None
    assert (row.window.size, row.window.stride) == ((size, size), (stride, stride))
    assert row.window.start == (-padding, -padding)
    assert (row.receptive_field, row.stride, row.padding) == ((size,) * 2, (stride,) * 2, (padding,) * 2)


# network, receptive field, effective stride, centre of the first window (the first pixel's is at 0.5)
SMALL = [
    (Input(1, 32, 32) >> Conv(6, 5) >> MaxPool(2) >> Conv(16, 5) >> MaxPool(2), 16, 4, 8.0),
    (Input(1, 32, 32) >> Conv(6, 5) >> ReLU() >> Conv(6, 3), 7, 1, 3.5),
    (
        Input(1, 32, 32)
        >> Conv(4, 3, padding="same")
        >> Conv(4, 3, padding="same", dilation=2)
        >> Conv(4, 3, padding="same", dilation=4),
        15,
        1,
        0.5,
    ),
]


@pytest.mark.parametrize(("network", "size", "stride", "centre"), SMALL, ids=["lenet5", "two", "dilated"])
def test_small_networks(network: Expression, size: int, stride: int, centre: float) -> None:
    for summary in (network.summary(), nw.analyze(network.build(), (1, 32, 32))):
        row = summary.rows[-1]
        assert row.window is not None
        assert (row.window.size, row.window.stride) == ((size, size), (stride, stride))
        assert [start + size / 2 for start in row.window.start] == [centre, centre]
        assert summary.receptive_field == (size, size)


@pytest.mark.parametrize(
    ("kernels", "strides"), [((5, 2, 5, 2), (1, 2, 1, 2)), ((11, 3, 5, 3), (4, 2, 1, 2)), ((7, 3, 3), (2, 2, 1))]
)
def test_the_equation_for_chains(kernels: tuple[int, ...], strides: tuple[int, ...]) -> None:
    network: Expression = Input(2, 200)
    expected, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        network = network >> Conv(2, kernel, stride)
        expected, step = expected + (kernel - 1) * step, step * stride
        row = network.summary().rows[-1]
        assert (row.receptive_field, row.stride, row.padding) == ((expected,), (step,), (0,))


def test_the_head_sees_the_whole_image() -> None:
    with torch.device("meta"):
        rows = nw.analyze(by_hand.resnet18(), (3, 224, 224)).rows
    assert [row.receptive_field for row in rows[-2:]] == [(224, 224), (224, 224)]
    assert rows[-1].window is not None
    assert rows[-1].window.whole
