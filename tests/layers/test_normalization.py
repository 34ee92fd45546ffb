"""Batch normalisation against NumPy, while training and after."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import BatchNorm, Input


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((4,), torch.nn.BatchNorm1d),
        ((4, 6), torch.nn.BatchNorm1d),
        ((4, 3, 5), torch.nn.BatchNorm2d),
        ((4, 3, 2, 2), torch.nn.BatchNorm3d),
    ],
)
def test_against_numpy(shape: tuple[int, ...], kind: type) -> None:
    module = (Input(shape) >> BatchNorm(0.25, 1e-3)).build().double()
    assert type(module.batchnorm1) is kind
    x = np.random.default_rng(0).normal(2, 3, size=(8, *shape))
    axes, across = (0, *range(2, x.ndim)), (1, 4, *[1] * (x.ndim - 2))
    mean, variance = x.mean(axes), x.var(axes)
    wanted = (x - mean.reshape(across)) / np.sqrt(variance.reshape(across) + 1e-3)
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach().numpy(), wanted, rtol=1e-10, atol=1e-12)

    count = x.size // 4  # torch keeps the unbiased variance
    running_mean, running_variance = 0.25 * mean, 0.75 + 0.25 * variance * count / (count - 1)
    np.testing.assert_allclose(module.batchnorm1.running_mean.numpy(), running_mean, rtol=1e-10)
    np.testing.assert_allclose(module.batchnorm1.running_var.numpy(), running_variance, rtol=1e-10)
    wanted = (x - running_mean.reshape(across)) / np.sqrt(running_variance.reshape(across) + 1e-3)
    np.testing.assert_allclose(module.eval()(torch.from_numpy(x)).detach().numpy(), wanted, rtol=1e-10)


def test_gradients_while_training() -> None:
    module = (Input(3, 4) >> BatchNorm()).build().double().train()
    names = [name for name, _ in module.named_parameters()]
    x = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    parameters = [p.detach().clone().requires_grad_() for p in module.parameters()]

    def run(x: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), (x,))

    assert torch.autograd.gradcheck(run, (x, *parameters))


def test_affine() -> None:
    assert (Input(4, 5, 5) >> BatchNorm()).summary().parameters == 8
    assert (Input(4, 5, 5) >> BatchNorm(affine=False)).summary().parameters == 0


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: BatchNorm(1.5), r"BatchNorm\(momentum\): expected a number in \[0, 1\], got 1\.5"),
        (lambda: BatchNorm(epsilon=0), r"BatchNorm\(epsilon\): expected a number in \(0, inf\), got 0"),
        (lambda: BatchNorm(eps=1e-3), r"BatchNorm: expected one of its options, got 'eps'\. Did you mean 'epsilon'"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()


def test_too_many_axes() -> None:
    text = r"BatchNorm\(\): expected an input of rank 1 to 4, got shape \(1, 2, 3, 4, 5\)\. Put Reshape\(channels"
    with pytest.raises(JoinError, match=text):
        Input(1, 2, 3, 4, 5) >> BatchNorm()
