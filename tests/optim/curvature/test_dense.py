"""Chains of dense layers: loss and gradient against autograd, and which modules are chains."""

from __future__ import annotations

import pytest
import torch
from torch.nn import utils

from netwright.core.errors import InvalidData
from netwright.optim import least_squares
from netwright.optim.curvature.dense import DenseChain, HalfSquares, parts_of_chain, rows_of_chain, slope_of
from netwright.optim.curvature.jacobian import per_sample_jacobian
from netwright.optim.curvature.layout import Layout
from netwright.optim.objective import Objective

GENERATOR = torch.Generator().manual_seed(0)


def linear(features: int, units: int, bias: bool = True, dtype: torch.dtype = torch.float64) -> torch.nn.Linear:
    module = utils.skip_init(torch.nn.Linear, features, units, bias=bias, dtype=dtype)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=GENERATOR))
    return module


def draw(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64).to(dtype)


UNITS = [torch.nn.Tanh, torch.nn.Sigmoid, torch.nn.ReLU]
CHAINS = {
    "one layer": lambda unit: torch.nn.Sequential(linear(5, 3)),
    "two layers": lambda unit: torch.nn.Sequential(linear(5, 7), unit(), linear(7, 3)),
    "nested, no bias": lambda unit: torch.nn.Sequential(
        torch.nn.Sequential(linear(5, 6, bias=False), unit()), torch.nn.Identity(), linear(6, 4), linear(4, 3)
    ),
    "ends in a unit": lambda unit: torch.nn.Sequential(linear(5, 8), unit(), linear(8, 3), unit()),
}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", CHAINS)
def test_loss_and_gradient_are_those_of_autograd(unit: type, name: str) -> None:
    module = CHAINS[name](unit)
    inputs, targets, weight = draw(40, 5), draw(40, 3), draw(40).abs()
    parts, layout = parts_of_chain(module), Layout(module.parameters())
    assert parts is not None
    cases = [
        (HalfSquares(targets), lambda z: 0.5 * (z - targets).square().sum()),
        (HalfSquares(targets, 0.3, weight), lambda z: 0.15 * (weight[:, None] * (z - targets).square()).sum()),
        (slope_of(lambda z: (z - targets).abs().mean()), lambda z: (z - targets).abs().mean()),
    ]
    for slope, loss in cases:
        chain = DenseChain(parts, inputs, slope, layout)
        expected = loss(module(inputs))
        reference = layout.join(torch.autograd.grad(expected, list(module.parameters())))
        for _ in range(2):  # the arrays of the first evaluation are written over
            found, gradient = chain.gradient()
            assert found == pytest.approx(expected.item(), rel=1e-12)
            torch.testing.assert_close(gradient, reference, rtol=1e-12, atol=1e-12)
        assert chain.loss() == pytest.approx(expected.item(), rel=1e-12)


def test_frozen_parameters_have_no_place() -> None:
    module = torch.nn.Sequential(linear(4, 6), torch.nn.Tanh(), linear(6, 1))
    module[0].weight.requires_grad_(False)
    inputs, targets = draw(30, 4), draw(30, 1)
    objective = least_squares(module, inputs, targets)
    assert objective.size == 6 + 6 + 1
    slow = Objective([p for p in module.parameters() if p.requires_grad], lambda: module(inputs) - targets)
    theta = objective.theta()
    torch.testing.assert_close(objective.point(theta).gradient, slow.point(theta).gradient, rtol=1e-12, atol=1e-12)


def test_pieces_of_the_rows_add_up() -> None:
    module = torch.nn.Sequential(linear(4, 300), torch.nn.Tanh(), linear(300, 2))
    inputs, targets = draw(2000, 4), draw(2000, 2)
    parts = parts_of_chain(module)
    assert parts is not None
    pieces = rows_of_chain(parts, 2000)
    assert len(pieces) == 4
    assert [row for piece in pieces for row in range(2000)[piece]] == list(range(2000))
    objective = least_squares(module, inputs, targets)
    assert len(objective.quick) == 4
    slow = Objective(module.parameters(), lambda: module(inputs) - targets)
    theta = objective.theta()
    quick, reference = objective.point(theta), slow.point(theta)
    assert quick.loss == pytest.approx(reference.loss, rel=1e-12)
    torch.testing.assert_close(quick.gradient, reference.gradient, rtol=1e-10, atol=1e-10)
    assert objective.loss(theta) == pytest.approx(reference.loss, rel=1e-12)
    torch.testing.assert_close(objective.quadratic(theta).gradient, reference.gradient, rtol=1e-10, atol=1e-10)


def test_single_precision_is_close() -> None:
    module = torch.nn.Sequential(linear(4, 6, dtype=torch.float32), torch.nn.Tanh(), linear(6, 1, dtype=torch.float32))
    inputs, targets = draw(50, 4, dtype=torch.float32), draw(50, 1, dtype=torch.float32)
    objective = least_squares(module, inputs, targets)
    point = objective.point(objective.theta())
    loss = 0.5 * (module(inputs) - targets).square().sum()
    reference = Layout(module.parameters()).join(torch.autograd.grad(loss, list(module.parameters())))
    torch.testing.assert_close(point.gradient, reference, rtol=1e-4, atol=1e-4)
    assert point.gradient.dtype is torch.float64


def test_what_is_no_chain() -> None:
    shared = linear(4, 4)
    hooked = torch.nn.Sequential(linear(4, 4))
    hooked[0].register_forward_hook(lambda *_: None)
    normed = torch.nn.utils.parametrizations.weight_norm(linear(4, 4))
    for module in (
        torch.nn.Sequential(linear(4, 4), torch.nn.Dropout(0.5)),
        torch.nn.Sequential(torch.nn.Tanh(), linear(4, 4)),
        torch.nn.Sequential(linear(4, 4), torch.nn.Tanh(), torch.nn.Tanh()),
        torch.nn.Sequential(shared, torch.nn.Tanh(), shared),
        torch.nn.Sequential(linear(4, 4), torch.nn.GELU()),
        torch.nn.Sequential(normed),
        torch.nn.Tanh(),
        hooked,
    ):
        assert parts_of_chain(module) is None
    assert least_squares(hooked, draw(3, 4), draw(3, 4)).quick == []


def test_targets_of_another_shape_are_refused() -> None:
    module = torch.nn.Sequential(linear(4, 1))
    with pytest.raises(
        InvalidData, match=r"least_squares\(targets\): expected the shape \(30, 1\) of the outputs, got"
    ):
        least_squares(module, draw(30, 4), draw(30))


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_quadratic_model_is_that_of_the_residuals(name: str, weighted: bool) -> None:
    module = CHAINS[name](torch.nn.Tanh)
    inputs, targets = draw(700, 5), draw(700, 3)
    weight = draw(700).abs() if weighted else None
    root = torch.ones(700, 1, dtype=torch.float64) if weight is None else (0.7 * weight).sqrt().unsqueeze(1)
    slope = HalfSquares(targets) if weight is None else HalfSquares(targets, 0.7, weight)
    chains = [DenseChain(parts_of_chain(module) or [], inputs, slope, Layout(module.parameters()))]
    quick = Objective(module.parameters(), lambda: root * (module(inputs) - targets), quick=chains)
    slow = Objective(module.parameters(), lambda: root * (module(inputs) - targets))
    theta = quick.theta()
    found, expected = quick.quadratic(theta), slow.quadratic(theta)
    assert found.loss == pytest.approx(expected.loss, rel=1e-12)
    torch.testing.assert_close(found.gradient, expected.gradient, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(found.matrix, expected.matrix, rtol=1e-10, atol=1e-10)
    rows = per_sample_jacobian(module, inputs).reshape(2100, -1) * root.repeat_interleave(3, dim=0)
    torch.testing.assert_close(found.matrix, rows.T @ rows, rtol=1e-10, atol=1e-10)


def test_the_model_without_frozen_parameters() -> None:
    module = torch.nn.Sequential(linear(4, 6), torch.nn.Tanh(), linear(6, 1))
    module[2].bias.requires_grad_(False)
    inputs, targets = draw(30, 4), draw(30, 1)
    moving = [p for p in module.parameters() if p.requires_grad]
    quick, slow = least_squares(module, inputs, targets), Objective(moving, lambda: module(inputs) - targets)
    theta = quick.theta()
    torch.testing.assert_close(quick.quadratic(theta).matrix, slow.quadratic(theta).matrix, rtol=1e-10, atol=1e-10)
