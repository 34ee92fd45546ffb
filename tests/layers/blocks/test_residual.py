"""Residual and PadChannels: the sum, the automatic shortcuts, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidParameter, JoinError
from netwright.graph import Expression, Shape, parse
from netwright.layers import (
    Add,
    AvgPool,
    BatchNorm,
    Conv,
    Flatten,
    GlobalPool,
    Identity,
    Input,
    Linear,
    MaxPool,
    PadChannels,
    ReLU,
    Reshape,
    Residual,
    Softmax,
    Tanh,
    Upsample,
)
from netwright.layers.blocks.residual import stride_between
from netwright.plots import network_svg


def sample(*shape: int) -> torch.Tensor:
    return torch.randn(2, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def built(block: Expression, shape: Shape) -> tuple[torch.nn.Module, Any, Any]:
    """The module of a residual block, that of F and that of s."""
    module = (Input(shape=shape) >> block).build(seed=1).double().eval()
    branches = module.residual1.parallel1
    return module, branches.branch1, branches.branch2


@pytest.mark.parametrize(
    ("block", "shape"),
    [
        (Residual(Tanh(4)), (4,)),
        (Residual(Linear(4), normalize=True), (4,)),
        (Residual(ReLU(6) >> Linear(5)), (4,)),
        (Residual(Conv(8, 3, 2, 1), normalize=True), (3, 9, 9)),
        (Residual(Conv(8, 3, 2, 1), "pad"), (3, 7)),
        (Residual(Conv(3, 3), AvgPool(3, 1)), (3, 7)),
    ],
)
def test_the_sum(block: Residual, shape: Shape) -> None:
    module, f, s = built(block, shape)
    x = sample(*shape)
    torch.testing.assert_close(module(x), f(x) + s(x), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("block", "shape", "shortcut"),
    [
        (Residual(Conv(4, 3, padding=1)), (4, 8, 8), "Identity()"),
        (Residual(Conv(4, 3, padding=1), normalize=True), (4, 8, 8), "Identity()"),
        (Residual(Conv(4, 3, padding=1), "pad"), (4, 8, 8), "Identity()"),
        (Residual(Conv(6, 3, padding=1)), (4, 8, 8), "Conv(6, 1)"),
        (Residual(Conv(6, 3, (1, 2), 1)), (4, 8, 8), "Conv(6, 1, (1, 2))"),
        (Residual(Conv(6, 3, 2, 1)), (4, 5, 6, 7), "Conv(6, 1, 2)"),
        (Residual(Conv(6, 3, 2, 1)), (4, 9), "Conv(6, 1, 2)"),
        (Residual(Conv(4, 3, 2, 1)), (4, 9), "Conv(4, 1, 2)"),
        (Residual(Conv(6, 3, 2, 1), normalize=True), (4, 8, 8), "Conv(6, 1, 2, bias=False) >> BatchNorm()"),
        (Residual(Conv(6, 3, 2, 1), "pad"), (4, 8, 8), "PadChannels(6, 2)"),
        (Residual(Conv(6, 3, padding=1), "pad"), (4, 8), "PadChannels(6)"),
        (Residual(Conv(4, 3, 3, 1), "pad"), (4, 9), "PadChannels(4, 3)"),
        (Residual(Conv(6, 3, 2, 1) >> BatchNorm() >> ReLU() >> MaxPool(2)), (4, 8, 8), "Conv(6, 1, 4)"),
        (Residual(Conv(6, 3, 2, 1)), (4, 1, 1), "Conv(6, 1, 2)"),
        (Residual(MaxPool((1, 2)) >> AvgPool(3, (3, 1), 1)), (4, 6, 6), "Conv(4, 1, (3, 2))"),
        (Residual((Conv(4, 3) | Conv(4, 3)) >> Add()), (4, 5, 5), "Conv(4, 1, 2)"),
        (Residual(Upsample(2) >> Conv(6, 3, 4, 1)), (4, 8, 8), "Conv(6, 1, 2)"),
        (Residual(GlobalPool() >> Reshape(4, 1, 1)), (4, 8, 6), "Conv(4, 1, (8, 6))"),
        (Residual(Tanh(6)), (4,), "Linear(6)"),
        (Residual(Tanh(6), normalize=True), (4,), "Linear(6, bias=False) >> BatchNorm()"),
        (Residual(Tanh(6), "pad"), (4,), "PadChannels(6)"),
        (Residual(Tanh(6)), (10, 4), "Linear(6)"),
        (Residual(Tanh(2)), (10, 4), "Linear(2)"),
        (Residual(Tanh(2), Linear(2, bias=False)), (10, 4), "Linear(2, bias=False)"),
    ],
)
def test_the_shortcut(block: Residual, shape: Shape, shortcut: str) -> None:
    network = Input(shape=shape) >> block
    assert network["residual1.parallel1.branch2"] == parse(shortcut)
    assert network["residual1.parallel1.branch1"] == block.block


def test_zero_padding_is_every_other_place_and_zero_channels() -> None:
    for shape, places in [((3, 7), (slice(0, 7, 2),)), ((3, 6, 5), (slice(0, 6, 2), slice(0, 5, 2)))]:
        module, _, shortcut = built(Residual(Conv(5, 3, 2, 1), "pad"), shape)
        x = sample(*shape)
        y = shortcut(x)
        assert torch.equal(y[:, :3], x[(slice(None), slice(None), *places)])
        assert torch.count_nonzero(y[:, 3:]) == 0
        assert not list(shortcut.parameters())
        assert module(x).shape == y.shape


class BasicBlock(torch.nn.Module):
    """The block of ResNet-18 by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(4, 8, 3, 2, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(8)
        self.conv2 = torch.nn.Conv2d(8, 8, 3, 1, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(8)
        self.downsample = torch.nn.Sequential(torch.nn.Conv2d(4, 8, 1, 2, bias=False), torch.nn.BatchNorm2d(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(out)) + self.downsample(x))


def test_option_b_is_the_basic_block_in_the_order_of_its_weights() -> None:
    f = Conv(8, 3, 2, 1, bias=False) >> BatchNorm() >> ReLU() >> Conv(8, 3, padding=1, bias=False) >> BatchNorm()
    module = (Input(4, 9, 9) >> Residual(f, normalize=True) >> ReLU()).build().double().train()
    with torch.random.fork_rng():
        hand = BasicBlock().double().train()
    hand.load_state_dict(dict(zip(hand.state_dict(), module.state_dict().values(), strict=True)))
    x = sample(4, 9, 9)
    torch.testing.assert_close(module(x), hand(x), rtol=0, atol=0)


@given(size=st.integers(1, 300), places=st.integers(1, 300))
def test_the_stride_is_the_smallest_that_fits(size: int, places: int) -> None:
    fitting = [stride for stride in range(1, size + 1) if -(-size // stride) == places]
    assert stride_between(size, places) == (fitting[0] if fitting else None)


@settings(max_examples=15)
@given(
    size=st.integers(1, 20),
    kernel=st.integers(1, 6),
    stride=st.integers(1, 4),
    padding=st.sampled_from(["same", "pad"]),
)
def test_a_shortcut_reaches_every_strided_same_convolution(size: int, kernel: int, stride: int, padding: str) -> None:
    block = Residual(Conv(5, kernel, stride, "same"), padding if padding == "pad" else None)
    assert (Input(3, size) >> block).output_shape == (5, -(-size // stride))


def test_inside() -> None:
    block = Conv(8, 3, 2, 1) >> ReLU() >> Conv(8, 3, padding=1)
    rows = (Input(4, 16, 16) >> Residual(block) >> ReLU()).summary().rows
    assert [(row.path, row.parameters, row.receptive_field) for row in rows] == [
        ("input1", 0, (1, 1)),
        ("residual1.parallel1.branch1.conv1", 8 * (36 + 1), (3, 3)),
        ("residual1.parallel1.branch1.relu1", 0, (3, 3)),
        ("residual1.parallel1.branch1.conv2", 8 * (72 + 1), (7, 7)),
        ("residual1.parallel1.branch2", 8 * (4 + 1), (1, 1)),
        ("residual1.add1", 0, (7, 7)),
        ("relu1", 0, (7, 7)),
    ]


def test_the_shortcut_of_zero_padding_sees_one_place() -> None:
    network = Input(4, 16, 16) >> Residual(Conv(8, 3, 2, 1), "pad")
    row = {row.path: row for row in network.summary().rows}["residual1.parallel1.branch2"]
    assert (row.receptive_field, row.window.stride, row.parameters) == ((1, 1), (2, 2), 0)


def test_blocks_in_blocks() -> None:
    network = Input(4) >> Residual(Residual(Tanh(4)) >> Residual(ReLU(6)))
    x = sample(4)
    module = network.build().double()
    outer = module.residual1.parallel1
    inner, last = outer.branch1.residual1, outer.branch1.residual2
    z = x + inner.parallel1.branch1(x)
    expected = last.parallel1.branch1(z) + last.parallel1.branch2(z) + outer.branch2(x)
    torch.testing.assert_close(module(x), expected)
    assert network.plan().nodes[-1].path == "residual1.add1"


def test_diagram() -> None:
    network = Input(3, 8, 8) >> Residual(Conv(3, 3, padding=1) >> ReLU()) >> Residual(Conv(8, 3, 2, 1)) >> Flatten()
    picture = str(network_svg(network >> Softmax(4)))
    assert picture.count("Conv(") == 2 * 3  # in the box and for the pointer
    assert "Residual" not in picture
    assert "Identity" not in picture  # it is a line


IMAGE = Input(8, 32, 32)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: IMAGE >> Residual(Conv(8, 3)),
            r"residual1: Residual\(Conv\(8, 3\)\): expected a block whose shape a projection of the input reaches, "
            r"got \(8, 30, 30\) from the block and \(8, 32, 32\) from the input\. With padding, the block "
            r"Conv\(8, 3, padding=1\) would give \(8, 32, 32\)\. The stride of the block, 1, takes 32 to 32 and not to "
            r"30\. Or write a shortcut that gives \(8, 30, 30\)\. It stands behind Input\(8, 32, 32\) at input1",
        ),
        (
            lambda: Input(4, 5, 5) >> Residual(Conv(4, 3)),
            r"got \(4, 3, 3\) from the block and \(4, 5, 5\) from the input\. With padding, the block "
            r"Conv\(4, 3, padding=1\) would give \(4, 5, 5\)\. The stride of the block, 1, takes 5 to 5 and not to 3",
        ),
        (
            lambda: Input(4, 8, 8) >> Residual(Conv(8, 3, 2)),
            r"got \(8, 3, 3\) from the block and \(4, 8, 8\) from the input\. With padding, the block "
            r"Conv\(8, 3, 2, 1\) would give \(8, 4, 4\)\. The stride of the block, 2, takes 8 to 4 and not to 3",
        ),
        (
            lambda: Input(4, 8, 8) >> Residual(Conv(4, 8)),
            r"got \(4, 1, 1\) from .*would give \(4, 8, 8\)\. The stride of the block, 1, takes 8 to 8 and not to 1\.",
        ),
        (
            lambda: Input(4, 9, 8) >> Residual(Conv(4, 3, 2) >> ReLU() >> MaxPool(2), "pad"),
            r"The stride of the block, 4, takes 9 to 3 and not to 2\. "
            r"The stride of the block, 4, takes 8 to 2 and not to 1",
        ),
        (
            lambda: IMAGE >> Residual((Conv(8, 3) | Conv(8, 3)) >> Add()),
            r"Strides of 1 and 2 take 32 to 32 and 16, none to 30\. Or write",
        ),
        (
            lambda: IMAGE >> Residual(Conv(8, 4, 2) >> (ReLU() | MaxPool(3, 1)) >> Add(), Conv(8, 1, 2)),
            r"residual1\.parallel1\.branch1\.add1: Add\(\): expected inputs of one shape",
        ),
        (
            lambda: IMAGE >> Residual((Conv(8, 4) | Conv(8, 4)) >> Add() >> AvgPool(3, 1)),
            r"the block \(Conv\(8, 4, padding='same'\) \| Conv\(8, 4, padding='same'\)\) >> Add\(\) >> "
            r"AvgPool\(3, 1, 1\) would give \(8, 32, 32\)",
        ),
        (
            lambda: IMAGE >> Residual(Conv(16, 3, 2), "pad"),
            r"a zero padding of the input reaches, got \(16, 15, 15\).*With padding, the block Conv\(16, 3, 2, 1\)",
        ),
        (
            lambda: IMAGE >> Residual(Conv(4, 3, 2, 1), "pad"),
            r"Zeros take 8 channels to no less than 8: leave the shortcut out",
        ),
        (lambda: IMAGE >> Residual(Upsample(2)), r"No stride takes 32 to 64, which is more\. Or write a shortcut"),
        (lambda: Input(4, 9) >> Residual(Upsample(2)), r"No stride takes 9 to 18, which is more"),
        (lambda: IMAGE >> Residual(Flatten()), r"The number of axes changes from 3 to 1\. Or write a shortcut"),
        (
            lambda: Input(10, 4) >> Residual(Linear(2), normalize=True),
            r"BatchNorm would normalize each step of \(steps, features\): leave normalize out",
        ),
        (
            lambda: IMAGE >> Residual(Conv(8, 3), Identity()),
            r"a block and a shortcut that give one shape, got \(8, 30, 30\) from the block and \(8, 32, 32\) from the "
            r"shortcut\. With padding, the block Conv\(8, 3, padding=1\) would give \(8, 32, 32\)",
        ),
        (
            lambda: IMAGE >> Residual(Conv(16, 3, padding=1), Conv(16, 1, 2)),
            r"\(16, 32, 32\) from the block and \(16, 16, 16\) from the shortcut\. Let the shortcut give \(16, 32",
        ),
        (
            lambda: IMAGE >> Residual(ReLU() | Tanh()),
            r"expected one output of its block, got 2 of shapes .* End the block in Concat\(\) or Add\(\)",
        ),
        (
            lambda: IMAGE >> Residual(ReLU(), ReLU() | Tanh()),
            r"expected one output of its shortcut, got 2 of shapes .* End the shortcut in",
        ),
        (
            lambda: IMAGE >> ReLU() >> Residual(Tanh() >> Conv(16, 33)),
            r"^residual1\.parallel1\.branch1\.conv1: Conv\(16, 33\): expected space axes of at least \(33, 33\)",
        ),
        (
            lambda: IMAGE >> Residual(ReLU(), Linear(3)),
            r"^residual1\.parallel1\.branch2: Linear\(3\): expected an input \(features,\)",
        ),
        (lambda: (Input(4) | Input(4)) >> Residual(ReLU(4)), r"Residual\(ReLU\(4\)\): expected one input"),
        (
            lambda: Input(6, 2) >> PadChannels(4),
            r"expected at most 4 channels, got shape \(6, 2\)\. It takes none away",
        ),
    ],
)
def test_joins_that_cannot_work(make: Any, text: str) -> None:
    with pytest.raises(JoinError, match=text):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Residual(Input(3) >> ReLU(3)), r"Residual\(block\): expected a layer or a network without Input, got"),
        (lambda: Residual(ReLU), r"Residual\(block\): expected a layer or a network without Input, got <class"),
        (lambda: Residual(ReLU(), "pat"), r"Residual\(shortcut\): .*'pad'.*got 'pat'\. Did you mean 'pad'"),
        (
            lambda: Residual(ReLU(3), "pad", True),
            r"Residual\(normalize\): expected the automatic shortcut, None, got shortcut='pad'\. Leave normalize out",
        ),
        (lambda: PadChannels(0), r"PadChannels\(channels\): expected an integer >= 1, got 0"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()
