"""Highway and GatedSum: the equation on each kind of input, its start and its ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.graph import Shape
from netwright.layers import Conv, Flatten, GatedSum, Highway, Input, LeakyReLU, Linear, ReLU, Sigmoid, Tanh


def sample(*shape: int) -> torch.Tensor:
    return torch.randn(3, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def dense(linear: Any, x: np.ndarray) -> np.ndarray:
    return x @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()


@pytest.mark.parametrize("shape", [(5,), (4, 5)])
@pytest.mark.parametrize("carry", [None, "free"])
def test_dense_gates(shape: Shape, carry: str | None) -> None:
    module = (Input(shape=shape) >> Highway(Tanh(5), carry)).build(seed=2).double()
    branches, x = module.highway1.parallel1, sample(*shape)
    h = np.tanh(dense(branches.branch1.linear, x.numpy()))
    t = sigmoid(dense(branches.branch3.linear, x.numpy()))
    c = 1 - t if carry is None else sigmoid(dense(branches.branch4.linear, x.numpy()))
    np.testing.assert_allclose(module(x).detach().numpy(), h * t + x.numpy() * c, rtol=1e-12)


@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("carry", [None, "free"])
def test_convolutional_gates(kernel: int, carry: str | None) -> None:
    block = Conv(2, 3, padding=1) >> LeakyReLU()
    module = (Input(2, 5, 4) >> Highway(block, carry, kernel=kernel)).build(seed=2).double()
    branches, x = module.highway1.parallel1, sample(2, 5, 4)
    h, t = branches.branch1(x), branches.branch3(x)
    c = 1 - t if carry is None else branches.branch4(x)
    torch.testing.assert_close(module(x), h * t + x * c)
    own = [p for name, p in branches.branch3.named_parameters() if name.endswith("weight")]
    assert [tuple(p.shape) for p in own] == [(2, 2, kernel, kernel)]


def test_rank_2_is_read_by_the_block() -> None:
    kinds = {
        Conv(6, 3, padding=1): "Conv(6, 3, padding='same', weight=XavierUniform(), bias=Constant(-2.0)) >> Sigmoid()",
        Tanh(8): "Sigmoid(8, bias=Constant(-2.0))",
    }
    for block, gate in kinds.items():
        assert repr((Input(6, 8) >> Highway(block))["highway1.parallel1.branch3"]) == gate


@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 5, 4), (2, 3, 3, 3)])
@pytest.mark.parametrize("carry", [None, "free"])
def test_a_gate_that_is_shut_carries_the_input_and_one_that_is_open_lets_the_block_pass(
    shape: Shape, carry: str | None
) -> None:
    block = ReLU(5) if len(shape) < 3 else Conv(2, 3, padding=1)
    x = sample(*shape)
    shut = (Input(shape=shape) >> Highway(block, carry, bias=-1e4)).build().double()
    assert torch.equal(shut(x), x)
    wide = (Input(shape=shape) >> Highway(block, carry, bias=1e4)).build().double()
    torch.testing.assert_close(wide(x), wide.highway1.parallel1.branch1(x))


def test_the_gates_start_at_their_biases() -> None:
    module = (Input(5) >> Highway(Tanh(5), "free", bias=-3.0)).build()
    branches = module.highway1.parallel1
    assert branches.branch3.linear.bias.tolist() == [-3.0] * 5
    assert branches.branch4.linear.bias.tolist() == [3.0] * 5
    both = ("branch3", "branch4")
    weights = [dict(branches.named_parameters())[f"{branch}.linear.weight"] for branch in both]
    assert not torch.equal(*weights)


def test_inside() -> None:
    rows = (Input(2, 9, 9) >> Highway(Conv(2, 3, padding=1) >> Tanh())).summary().rows
    assert [(row.path, row.parameters, row.receptive_field) for row in rows] == [
        ("input1", 0, (1, 1)),
        ("highway1.parallel1.branch1.conv1", 38, (3, 3)),
        ("highway1.parallel1.branch1.tanh1", 0, (3, 3)),
        ("highway1.parallel1.branch2", 0, (1, 1)),
        ("highway1.parallel1.branch3.conv1", 38, (3, 3)),
        ("highway1.parallel1.branch3.sigmoid1", 0, (3, 3)),
        ("highway1.gatedsum1", 0, (3, 3)),
    ]


def test_gated_sum() -> None:
    a, b, t, c = (sample(4) * k for k in (1.0, 2.0, 3.0, 4.0))
    three, four = Input(4) | Input(4) | Input(4), Input(4) | Input(4) | Input(4) | Input(4)
    torch.testing.assert_close((three >> GatedSum()).build()(a, b, t), a * t + b * (1 - t))
    torch.testing.assert_close((four >> GatedSum()).build()(a, b, t, c), a * t + b * c)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Input(8, 9, 9) >> Highway(Conv(8, 3)),
            r"highway1: Highway\(Conv\(8, 3\)\): expected a block that keeps the shape, got \(8, 7, 7\) from the block "
            r"and \(8, 9, 9\) from the input\. With padding, the block Conv\(8, 3, padding=1\) would keep it",
        ),
        (
            lambda: Input(4) >> Highway(Tanh(5)),
            r"got \(5,\) from the block and \(4,\) from the input\. Let it end in \(4,\), or use Residual\(block\), "
            r"which projects the input to \(5,\)",
        ),
        (lambda: Input(2, 3, 3) >> Highway(Flatten()), r"keeps the shape, got \(18,\) from the block"),
        (lambda: Input(4) >> Highway(ReLU() | Tanh()), r"expected one output of its block, got 2"),
        (
            lambda: Input(4) >> Highway(Tanh(4) >> Conv(4, 3)),
            r"^highway1\.parallel1\.branch1\.conv1: Conv\(4, 3\): exp",
        ),
        (lambda: (Input(4) | Input(4)) >> GatedSum(), r"two inputs and one gate or two, got .* Put it behind branches"),
        (
            lambda: (Input(4) | Input(4) | Input(1)) >> GatedSum(),
            r"inputs and gates of one shape, got shape \(\(4,\), \(4,\), \(1,\)\)\. Let the gates have a value",
        ),
    ],
)
def test_joins_that_cannot_work(make: Any, text: str) -> None:
    with pytest.raises(JoinError, match=text):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Highway(Input(3) >> Linear(3)), r"Highway\(block\): expected a layer or a network without Input"),
        (lambda: Highway(Sigmoid(), "fre"), r"Highway\(carry\): .*got 'fre'\. Did you mean 'free'"),
        (lambda: Highway(Sigmoid(), bias=float("inf")), r"Highway\(bias\): expected a number"),
        (lambda: Highway(Sigmoid(), kernel=0), r"Highway\(kernel\): expected an integer >= 1"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()


def test_mixed_formats_are_promoted() -> None:
    a, b, t = (part.float() for part in sample(3, 4))
    short = a.bfloat16(), b, t.bfloat16()
    y = GatedSum().make((4,), (4,), (4,))(short)
    assert y.dtype is torch.float32
    torch.testing.assert_close(y, short[0].float() * short[2].float() + b * (1 - short[2].float()), atol=1e-5, rtol=0)


@pytest.mark.parametrize("carry", [None, "free"])
def test_under_autocast_the_input_has_another_format_than_the_gates(carry: str | None) -> None:
    module = (Input(5) >> Highway(Tanh(5), carry)).build(seed=1)
    x = sample(5).float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = module(x)
    torch.testing.assert_close(y.float(), module(x), atol=0.05, rtol=0)
    y.float().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
