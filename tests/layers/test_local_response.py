"""Local response normalisation against loops over channels, and against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import Conv, Input, LocalResponseNorm


def by_loops(x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    y, channels = np.empty_like(x), x.shape[1]
    for c in range(channels):
        first, last = max(c - size // 2, 0), min(c + (size - 1) // 2, channels - 1)
        y[:, c] = x[:, c] / (k + alpha * (x[:, first : last + 1] ** 2).sum(1)) ** beta
    return y


def run(layer: LocalResponseNorm, x: np.ndarray) -> np.ndarray:
    return (Input(x.shape[1:]) >> layer).build().double()(torch.from_numpy(x)).numpy()


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(1, 9),
    channels=st.integers(1, 7),
    space=st.sampled_from([(3,), (2, 3), (2, 1, 2)]),
    seed=st.integers(0, 1000),
)
def test_against_loops_and_torch(size: int, channels: int, space: tuple[int, ...], seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(2, channels, *space), scale=3)
    paper, divided = LocalResponseNorm(size, 0.3, 0.6, 1.5), LocalResponseNorm(size, 0.3, 0.6, 1.5, True)
    np.testing.assert_allclose(run(paper, x), by_loops(x, size, 0.3, 0.6, 1.5), rtol=1e-12)
    np.testing.assert_allclose(run(divided, x), by_loops(x, size, 0.3 / size, 0.6, 1.5), rtol=1e-12)
    wanted = torch.nn.LocalResponseNorm(size, 0.3, 0.6, 1.5)(torch.from_numpy(x))
    np.testing.assert_allclose(run(divided, x), wanted.numpy(), rtol=1e-12)


def test_the_odd_channel_of_an_even_size_is_below() -> None:
    x = np.array([[1.0, 10.0, 100.0]])[:, :, None]
    y = run(LocalResponseNorm(2, 1.0, 1.0, 1.0), x)
    np.testing.assert_allclose(y.ravel(), [1 / 2, 10 / (1 + 101), 100 / (1 + 10100)])


@pytest.mark.parametrize("size", [1, 2, 5, 9])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_first_and_second_derivatives(size: int, layout: torch.memory_format) -> None:
    module = (Input(4, 2, 2) >> LocalResponseNorm(size, 0.4, 0.75, 1.0)).build().double()
    x = torch.randn(2, 4, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = x.contiguous(memory_format=layout).requires_grad_()
    assert torch.autograd.gradcheck(module, (x,))
    with torch.random.fork_rng():  # it draws what the derivatives are multiplied by
        assert torch.autograd.gradgradcheck(module, (x,))


def test_gradients_are_torchs_in_single_precision() -> None:
    x = torch.randn(2, 16, 5, 5, generator=torch.Generator().manual_seed(0)) * 30
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    (Input(16, 5, 5) >> LocalResponseNorm(alpha=1e-2)).build()(ours).square().sum().backward()
    torch.nn.LocalResponseNorm(5, 5e-2, 0.75, 2.0)(theirs).square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_gradients_of_each_sample() -> None:
    module = (Input(6, 2) >> LocalResponseNorm(3, 0.5)).build().double()
    x = torch.randn(4, 6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def loss(one: torch.Tensor) -> torch.Tensor:
        return module(one[None]).square().sum()

    each = torch.func.vmap(torch.func.grad(loss))(x)
    torch.testing.assert_close(each, torch.stack([torch.func.grad(loss)(one) for one in x]))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch itself, at its first dual number
@pytest.mark.parametrize("size", [1, 4, 9])
def test_forward_mode(size: int) -> None:
    """Along a direction, and every way of taking derivatives of derivatives, against torch's module."""
    module = (Input(5, 2) >> LocalResponseNorm(size, 0.4, 0.75, 1.0, divide_by_size=True)).build().double()
    theirs = torch.nn.LocalResponseNorm(size, 0.4, 0.75, 1.0)
    x, t = torch.randn(2, 3, 5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    func = torch.func
    ways: list[Any] = [
        lambda f: func.jvp(f, (x,), (t,)),
        lambda f: func.jacfwd(f)(x[:1]),
        lambda f: func.vmap(lambda one, along: func.jvp(lambda z: f(z[None])[0], (one,), (along,)))(x, t),
        lambda f: func.hessian(lambda z: f(z).sin().sum())(x[:1]),
        *(lambda f, a=a, b=b: a(b(f))(x[:1]) for a in (func.jacfwd, func.jacrev) for b in (func.jacfwd, func.jacrev)),
    ]
    for way in ways:
        torch.testing.assert_close(way(module), way(theirs))


def test_the_layout_is_kept() -> None:
    x = torch.ones(2, 6, 5, 4).contiguous(memory_format=torch.channels_last)
    assert (Input(6, 5, 4) >> LocalResponseNorm()).build()(x).is_contiguous(memory_format=torch.channels_last)


def test_a_place_sees_itself_and_costs_no_multiplications_of_matrices() -> None:
    summary = (Input(3, 9, 9) >> Conv(8, 3) >> LocalResponseNorm()).summary()
    assert summary.receptive_field == (3, 3)
    assert summary.macs == (Input(3, 9, 9) >> Conv(8, 3)).summary().macs


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: LocalResponseNorm(0), r"LocalResponseNorm\(size\): expected an integer >= 1, got 0"),
        (lambda: LocalResponseNorm(alpha=-1), r"LocalResponseNorm\(alpha\): expected a number in \[0, inf\), got -1"),
        (lambda: LocalResponseNorm(beta="x"), r"LocalResponseNorm\(beta\): expected a number in \[0, inf\), got 'x'"),
        (lambda: LocalResponseNorm(k=0), r"LocalResponseNorm\(k\): expected a number in \(0, inf\), got 0"),
        (lambda: LocalResponseNorm(divide_by_size=1), r"LocalResponseNorm\(divide_by_size\): expected True or False"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()


def test_channels_are_needed() -> None:
    text = r"LocalResponseNorm\(\): expected an input \(channels, \*space\) of rank 2 to 4, got shape \(4,\)"
    with pytest.raises(JoinError, match=text):
        Input(4) >> LocalResponseNorm()
