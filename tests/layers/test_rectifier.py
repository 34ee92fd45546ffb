"""The rectifiers against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.graph import Expression
from netwright.layers import ELU, Input, LeakyReLU, PReLU, ReLU, Softplus

X = np.random.default_rng(0).normal(size=(5, 4), scale=3)


@pytest.mark.parametrize(
    ("layer", "formula"),
    [
        (ReLU(), lambda x: np.maximum(x, 0)),
        (LeakyReLU(), lambda x: np.where(x > 0, x, 0.01 * x)),
        (LeakyReLU(slope=0.3), lambda x: np.where(x > 0, x, 0.3 * x)),
        (PReLU(), lambda x: np.where(x > 0, x, 0.25 * x)),
        (PReLU(initial=-0.5), lambda x: np.where(x > 0, x, -0.5 * x)),
        (ELU(), lambda x: np.where(x > 0, x, np.expm1(x))),
        (ELU(alpha=2.0), lambda x: np.where(x > 0, x, 2 * np.expm1(x))),
        (Softplus(), lambda x: np.log1p(np.exp(x))),
    ],
    ids=lambda item: repr(item) if isinstance(item, Expression) else "",
)
def test_formulas(layer: Any, formula: Any) -> None:
    module = (Input(4) >> layer).build().double()
    np.testing.assert_allclose(module(torch.from_numpy(X)).detach().numpy(), formula(X), rtol=1e-7)


def test_relu_with_units_is_a_linear_layer_and_an_activation() -> None:
    module = (Input(784) >> ReLU(128)).build().relu1
    assert [(name, type(part)) for name, part in module.named_children()] == [
        ("linear", torch.nn.Linear),
        ("activation", torch.nn.ReLU),
    ]
    x = np.random.default_rng(1).normal(size=(3, 784)).astype("float32")
    wanted = np.maximum(x @ module.linear.weight.detach().numpy().T, 0)
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach().numpy(), wanted, atol=1e-5)


def test_the_slope_of_prelu_is_learned() -> None:
    module = (Input(4) >> PReLU(initial=0.1)).build().double()
    [slope] = module.parameters()
    module(torch.from_numpy(X)).sum().backward()
    assert slope.tolist() == pytest.approx([0.1])
    assert slope.grad is not None
    assert slope.grad.item() == pytest.approx(np.minimum(X, 0).sum())


def by_channel(x: torch.Tensor, slopes: torch.Tensor, axis: int) -> torch.Tensor:
    a = slopes.view([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
    return torch.where(x > 0, x, a * x)


@pytest.mark.parametrize(
    ("layer", "shape", "axis"),
    [
        (PReLU(slopes="channel"), (4,), 1),
        (PReLU(slopes="channel"), (4, 3), 1),
        (PReLU(slopes="channel"), (4, 3, 2), 1),
        (PReLU(slopes="channel"), (4, 3, 2, 2), 1),
        (PReLU(4, slopes="channel"), (5,), 1),
        (PReLU(4, slopes="channel"), (3, 5), 2),  # units of (steps, features) stand last
    ],
)
def test_a_slope_for_each_channel(layer: PReLU, shape: tuple[int, ...], axis: int) -> None:
    network = Input(shape) >> layer
    module = network.build().prelu1.double()
    linear, activation = module if layer.units else (torch.nn.Identity(), module)
    slopes = torch.tensor([0.1, -0.2, 0.3, 0.4], dtype=torch.float64)
    assert activation.weight.tolist() == [0.25] * 4
    with torch.no_grad():
        activation.weight.copy_(slopes)
    x = torch.randn(6, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(module(x), by_channel(linear(x), slopes, axis))


def test_slopes_are_counted() -> None:
    """16 channels of a convolution, as in the paper; one as in torch and in this library unless asked."""
    assert (Input(16, 5, 5) >> PReLU(slopes="channel")).summary().parameters == 16
    assert (Input(16, 5, 5) >> PReLU()).summary().parameters == 1
    assert (Input(8) >> PReLU(128, slopes="channel")).summary().parameters == 9 * 128 + 128
    assert repr(PReLU(128, slopes="channel")) == "PReLU(128, slopes='channel')"
    assert isinstance((Input(8) >> PReLU(3, slopes="channel")).build().prelu1.activation, torch.nn.PReLU)


def test_softplus_is_exact_far_out() -> None:
    module = (Input(2) >> Softplus()).build().double()
    out = module(torch.tensor([[-700.0, 700.0]], dtype=torch.float64))
    np.testing.assert_allclose(out.numpy(), [[np.exp(-700.0), 700.0]], rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: LeakyReLU(slope=-0.1), r"LeakyReLU\(slope\): expected a number in \[0, inf\), got -0\.1"),
        (lambda: ELU(alpha=0), r"ELU\(alpha\): expected a number in \(0, inf\), got 0"),
        (lambda: PReLU(initial="x"), r"PReLU\(initial\): expected a number .*, got 'x'"),
        (
            lambda: PReLU(slopes="chanel"),
            r"PReLU\(slopes\): expected 'shared' or 'channel', got 'chanel'\. Did you mean",
        ),
        (lambda: LeakyReLU(slop=0.1), r"LeakyReLU: expected one of its options, got 'slop'\. Did you mean 'slope'"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()
