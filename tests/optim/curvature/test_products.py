"""Products with Jacobians and Hessians against dense matrices of `torch.func`."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netwright.core.errors import InvalidParameter
from netwright.optim.curvature import (
    Layout,
    gauss_newton_product,
    hessian_product,
    jacobian_product,
    transposed_jacobian_product,
)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10 * max(1.0, float(expected.abs().max())))


def test_jacobian_products(network: Any) -> None:
    dense, outputs = network.jacobian().flatten(0, 1), network.outputs()  # (n K, P)
    push, pull = jacobian_product(outputs, network.parameters), transposed_jacobian_product(outputs, network.parameters)
    forth, back = draw(3, dense.shape[1]), draw(3, *outputs.shape)
    close(push(forth[0]), (dense @ forth[0]).view_as(outputs))
    close(push(forth), (forth @ dense.T).view_as(back))
    close(pull(back[0]), back[0].flatten() @ dense)
    close(pull(back), back.flatten(1) @ dense)


def test_products_with_the_hessian(network: Any) -> None:
    for loss in (network.squares_of, network.entropy_of):
        _, dense = network.derivatives(loss)
        product = hessian_product(loss(network.outputs()), network.parameters)
        vectors = draw(3, len(dense))
        close(product(vectors[0]), dense @ vectors[0])
        close(product(vectors), vectors @ dense)


def test_products_with_the_gauss_newton_matrix(network: Any) -> None:
    jacobian = network.jacobian().flatten(0, 1)
    outputs, loss = network.entropy()
    curve = torch.func.jacrev(torch.func.grad(network.entropy_of))(outputs.detach()).reshape(outputs.numel(), -1)
    dense = jacobian.T @ curve @ jacobian
    product = gauss_newton_product(loss, outputs, network.parameters)
    vectors = draw(3, len(dense))
    close(product(vectors[0]), dense @ vectors[0])
    close(product(vectors), vectors @ dense)


def test_of_a_linear_loss_all_second_derivatives_are_zero() -> None:
    weight = torch.ones(2, dtype=torch.float64, requires_grad=True)
    outputs = 3 * weight
    assert not hessian_product(outputs.sum(), [weight])(draw(2)).any()
    assert not hessian_product(outputs.sum(), [weight])(draw(4, 2)).any()
    assert not gauss_newton_product(outputs.sum(), outputs, [weight])(draw(2)).any()
    close(jacobian_product(outputs, [weight])(torch.ones(2, dtype=torch.float64)), torch.full_like(weight, 3.0))


def test_of_outputs_that_no_parameter_reaches() -> None:
    weight, other = (torch.ones(2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    outputs = other**2
    assert not jacobian_product(outputs, [weight])(draw(2)).any()
    assert jacobian_product(outputs, [weight])(draw(4, 2)).shape == (4, 2)
    assert not transposed_jacobian_product(outputs, [weight])(draw(2)).any()
    assert not hessian_product(outputs.sum(), [weight])(draw(2)).any()


def test_a_loss_that_does_not_depend_on_the_outputs() -> None:
    weight = torch.ones(2, dtype=torch.float64, requires_grad=True)
    with pytest.raises(
        InvalidParameter, match=r"\(outputs, loss\): expected a loss that is computed from these outputs, got one that"
    ):
        gauss_newton_product((weight**2).sum(), weight**2, [weight])


class Slow(torch.autograd.Function):
    """The square, by a function of the user's own, which torch cannot batch."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        if float(slope.detach().abs().sum()) < 0:  # looks at a number: no batching
            raise AssertionError
        return 2 * x * slope


def test_an_operation_that_cannot_be_batched_is_gone_through_row_by_row() -> None:
    weight = draw(3).requires_grad_()
    product = hessian_product((Slow.apply(weight) * weight).sum(), [weight])  # w^3
    vectors = draw(4, 3)
    close(product(vectors), vectors * 6 * weight.detach())


def test_single_precision_gives_double_vectors(make_network: Any) -> None:
    exact, rough = make_network("dense"), make_network("dense", torch.float32)
    vector = draw(Layout(exact.parameters).size)
    found = hessian_product(rough.squares_of(rough.outputs()), rough.parameters)(vector)
    expected = hessian_product(exact.squares_of(exact.outputs()), exact.parameters)(vector)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 70])
def test_one_row_and_many_rows_of_vectors(rows: int) -> None:
    with torch.random.fork_rng(devices=[]):
        module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    outputs = module(draw(6, 3))
    product = hessian_product(outputs.square().mean(), module.parameters())
    vectors = draw(rows, 21)
    close(product(vectors), torch.stack([product(vector) for vector in vectors]))
