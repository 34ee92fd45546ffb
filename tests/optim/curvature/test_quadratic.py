"""The quadratic model of Gauss and Newton against dense matrices, on every network and for any loss."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from netwright.optim.curvature import quadratic
from netwright.optim.objective import Extra, Objective


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10 * max(1.0, float(expected.abs().max())))


def by_hand(network: Any, loss: Callable[[torch.Tensor], torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradient and J^T L'' J, with the dense Hessian of the loss in all outputs."""
    outputs = network.outputs().detach()
    jacobian = network.jacobian().flatten(0, 1)
    slope = torch.func.grad(loss)(outputs).flatten()
    curve = torch.func.jacrev(torch.func.grad(loss))(outputs).reshape(len(slope), -1)
    return slope @ jacobian, jacobian.T @ curve @ jacobian


def test_least_squares(network: Any) -> None:
    objective = Objective(network.parameters, network.residuals)
    jacobian, residuals = network.jacobian().flatten(0, 1), network.residuals().detach().flatten()
    for _ in range(2):  # the second time the Jacobian by layer is trusted
        model = objective.quadratic(objective.theta())
        assert model.loss == pytest.approx(0.5 * float(residuals @ residuals), rel=1e-13)
        close(model.gradient, residuals @ jacobian)
        close(model.matrix, jacobian.T @ jacobian)
        assert torch.equal(model.matrix, model.matrix.T)


def test_cross_entropy(network: Any) -> None:
    objective = Objective(network.parameters, network.entropy)
    gradient, matrix = by_hand(network, network.entropy_of)
    for _ in range(2):
        model = objective.quadratic(objective.theta())
        assert model.loss == pytest.approx(network.entropy()[1].item(), rel=1e-13)
        close(model.gradient, gradient)
        close(model.matrix, matrix)


def test_cross_entropy_is_the_covariance_of_the_classes(make_network: Any) -> None:
    network = make_network("dense")
    model = Objective(network.parameters, network.entropy).quadratic(Objective(network.parameters, list).theta())
    jacobian, p = network.jacobian(), network.outputs().detach().softmax(1)  # (n, K, P), (n, K)
    middle = torch.diag_embed(p) - p.unsqueeze(2) * p.unsqueeze(1)
    close(model.matrix, torch.einsum("nkp,nkl,nlq->pq", jacobian, middle, jacobian) / len(p))


@pytest.mark.parametrize("squares", [True, False])
def test_rows_whose_square_is_the_matrix(network: Any, squares: bool) -> None:
    objective = Objective(network.parameters, network.residuals if squares else network.entropy)
    model, triangle = objective.quadratic(objective.theta()), objective.triangle(objective.theta())
    close(triangle.T @ triangle, model.matrix)
    assert not triangle.tril(-1).any()


def test_column_by_column_where_there_are_more_outputs_than_weights(make_network: Any) -> None:
    network = make_network("batch norm")
    inputs = torch.randn(80, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    network = network._replace(inputs=inputs, targets=inputs[:, :2], classes=(inputs[:, 0] > 0).long())
    assert network.outputs().numel() > 2 * sum(parameter.numel() for parameter in network.parameters)
    for closure, loss in ((network.residuals, network.squares_of), (network.entropy, network.entropy_of)):
        gradient, matrix = by_hand(network, loss)
        model = Objective(network.parameters, closure).quadratic(Objective(network.parameters, closure).theta())
        close(model.gradient, gradient)
        close(model.matrix, matrix)


def root_mean_square(outputs: torch.Tensor) -> torch.Tensor:
    return outputs.square().mean().sqrt()


def contrast(outputs: torch.Tensor) -> torch.Tensor:
    return torch.logsumexp(outputs.flatten(), 0) + 0.1 * (outputs[0] * outputs[1]).sum()


@pytest.mark.parametrize("loss", [root_mean_square, contrast])
@pytest.mark.parametrize("name", ["dense", "one output", "batch norm", "conv of steps"])
def test_a_loss_that_looks_at_several_rows_at_once(make_network: Any, name: str, loss: Any) -> None:
    network = make_network(name)

    def closure() -> tuple[torch.Tensor, torch.Tensor]:
        outputs = network.outputs()
        return outputs, loss(outputs)

    objective = Objective(network.parameters, closure)
    gradient, matrix = by_hand(network, loss)
    for _ in range(2):
        model = objective.quadratic(objective.theta())
        close(model.gradient, gradient)
        close(model.matrix, matrix)


def test_a_loss_that_looks_at_the_weights_too(make_network: Any) -> None:
    network = make_network("dense")

    def closure() -> tuple[torch.Tensor, torch.Tensor]:
        outputs, loss = network.entropy()
        return outputs, loss + 0.5 * sum(parameter.square().sum() for parameter in network.parameters)

    objective = Objective(network.parameters, closure)
    _, matrix = by_hand(network, network.entropy_of)
    for _ in range(2):
        point, model = objective.point(objective.theta()), objective.quadratic(objective.theta())
        assert model.loss == point.loss
        close(model.gradient, point.gradient)
        close(model.matrix, matrix)


def test_pieces_of_data_add_up(make_network: Any) -> None:
    for name in ("dense", "conv", "layer norm", "attention"):
        network = make_network(name)
        pieces = [
            network._replace(inputs=network.inputs[rows], targets=network.targets[rows])
            for rows in (slice(0, 1), slice(1, 3), slice(3, None))
        ]
        whole = Objective(network.parameters, network.residuals)
        parts = Objective(network.parameters, [piece.residuals for piece in pieces])
        for _ in range(2):
            one, other = whole.quadratic(whole.theta()), parts.quadratic(parts.theta())
            assert one.loss == pytest.approx(other.loss, rel=1e-13)
            close(other.gradient, one.gradient)
            close(other.matrix, one.matrix)
        close(*(each.triangle(each.theta()).abs() for each in (whole, parts)))


def test_what_is_added_by_formula(make_network: Any) -> None:
    network = make_network("dense")
    extra = Extra(lambda theta: 0.5 * float(theta @ theta), lambda theta: theta, lambda theta: torch.ones_like(theta))
    plain, ridge = (Objective(network.parameters, network.residuals, more) for more in (None, extra))
    theta = plain.theta()
    one, other = plain.quadratic(theta), ridge.quadratic(theta)
    assert other.loss == pytest.approx(one.loss + 0.5 * float(theta @ theta), rel=1e-13)
    close(other.gradient, one.gradient + theta)
    close(other.matrix, one.matrix + torch.eye(len(theta), dtype=torch.float64))
    close(ridge.triangle(theta).T @ ridge.triangle(theta), other.matrix)


def test_single_precision(make_network: Any) -> None:
    exact, rough = make_network("conv"), make_network("conv", torch.float32)
    for closures in ((exact.residuals, rough.residuals), (exact.entropy, rough.entropy)):
        one = Objective(exact.parameters, closures[0])
        other = Objective(rough.parameters, closures[1])
        expected, found = one.quadratic(one.theta()), other.quadratic(other.theta())
        assert found.matrix.dtype == torch.float64
        torch.testing.assert_close(found.matrix, expected.matrix, rtol=1e-3, atol=1e-4)
        assert other._trusted == [True]


def peak(rows: int) -> int:
    """Bytes that the model takes at its highest, beyond the data and one forward pass."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        module = nn.Sequential(nn.Linear(8, 40), nn.Tanh(), nn.Linear(40, 1)).double()
    inputs = torch.randn(rows, 8, generator=generator, dtype=torch.float64)
    objective = Objective(module.parameters(), lambda: module(inputs))
    theta = objective.theta()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
        objective.quadratic(theta)
    level = top = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            level += event.nbytes()
            top = max(top, level)
    return top


def test_memory_does_not_grow_with_rows_times_weights() -> None:
    weights, rows = 401, 20_000
    assert peak(rows) < 0.5 * 8 * rows * weights  # of the 64 MB that all rows of the Jacobian would take
    assert peak(2000) < peak(rows)


def test_nothing_is_kept_by_python() -> None:
    with torch.random.fork_rng(devices=[]):
        module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    inputs = torch.ones(50, 3, dtype=torch.float64)
    objective = Objective(module.parameters(), lambda: module(inputs))
    theta = objective.theta()
    objective.quadratic(theta)
    tracemalloc.start()
    for _ in range(20):
        objective.quadratic(theta)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 100_000


def test_the_upper_triangle_is_mirrored() -> None:
    matrix = torch.tensor([[1.0, 2.0], [9.0, 3.0]])
    assert quadratic.mirrored(matrix).tolist() == [[1, 2], [2, 3]]
