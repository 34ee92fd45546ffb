"""What may change between the steps of rules that look at the whole loss, and what parameters and closures may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright import optim
from netwright.core.errors import InvalidParameter
from netwright.optim import Adam, IRpropMinus, LevenbergMarquardt, Rprop
from netwright.optim.full_batch import FullBatch
from netwright.optim.objective import Objective, Point


def weight(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)


def _step(rule: Any, parameter: Tensor, closure: Any) -> None:
    rule.build([parameter]).step(closure)


def net() -> tuple[nn.Sequential, Callable[[], Tensor]]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
        x = torch.randn(20, 3, dtype=torch.float64)
    return module, lambda: module(x.to(module[0].weight.dtype)) - x.sum(1, keepdim=True).sin()


CURVED = [
    optim.ConjugateGradient(),
    optim.QuasiNewton("bfgs"),
    optim.QuasiNewton("lbfgs"),
    optim.LevenbergMarquardt(scaling="diagonal"),
    optim.GaussNewton(),
    optim.Newton(),
    optim.NewtonCG(),
    optim.HessianDiagonal(),
]


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("rule", CURVED, ids=repr)
def test_parameters_that_are_frozen_freed_and_added_between_steps(rule: Any, same: bool) -> None:
    module, closure = net()
    optimizer: Any = rule.build(module[0].parameters())

    def steps() -> None:
        for _ in range(3):
            optimizer.step(closure if same else lambda: closure())

    steps()
    module[0].weight.requires_grad_(False)
    frozen = module[0].weight.clone()
    steps()
    assert torch.equal(module[0].weight, frozen)
    module[0].weight.requires_grad_(True)
    optimizer.add_param_group({"params": list(module[2].parameters())})
    added = module[2].weight.clone()
    steps()
    assert not torch.equal(module[0].weight, frozen)
    assert not torch.equal(module[2].weight, added)


def test_a_rule_begins_anew_with_other_parameters_of_the_same_number() -> None:
    one, two = weight(1.0), weight(2.0)
    seen: list[dict[str, Any]] = []

    def note(rule: Any, objective: Objective, start: Point, memory: dict[str, Any]) -> Any:
        seen.append(dict(memory))
        return start, {"here": start.theta.clone()}

    two.requires_grad_(False)
    optimizer: Any = FullBatch([one, two], object(), note)
    for _ in range(2):
        optimizer.step(lambda: torch.cat([one, two]))
    one.requires_grad_(False)
    two.requires_grad_(True)
    optimizer.step(lambda: torch.cat([one, two]))
    assert [set(memory) for memory in seen] == [set(), {"here"}, set()]


@pytest.mark.parametrize("rule", CURVED, ids=repr)
def test_a_module_that_is_moved_to_another_number_format(rule: Any) -> None:
    module, closure = net()
    module.float()
    optimizer: Any = rule.build(module.parameters())
    for _ in range(5):
        optimizer.step(closure)
    module.double()
    losses = [float(optimizer.step(closure)) for _ in range(5)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


def test_parameters_that_cannot_be_trained() -> None:
    frozen = torch.ones(2)
    with pytest.raises(InvalidParameter, match="parameters that can be trained, got none"):
        _step(optim.QuasiNewton(), frozen, lambda: frozen)
    waves = torch.ones(2, dtype=torch.complex128, requires_grad=True)
    with pytest.raises(InvalidParameter, match=r"real floating-point parameters, got torch\.complex128"):
        _step(optim.QuasiNewton(), waves, lambda: waves.abs())
    assert waves.tolist() == [1, 1]


def test_an_objective_of_other_parameters() -> None:
    module, _ = net()
    x = torch.ones(5, 3, dtype=torch.float64)
    objective = optim.least_squares(module, x, torch.zeros(5, 1))
    optimizer: Any = optim.QuasiNewton().build([module[0].weight])
    before = module[2].weight.clone()
    with pytest.raises(InvalidParameter, match=r"an objective of the 12 weights .* got one of 21"):
        optimizer.step(objective)
    assert torch.equal(module[2].weight, before)


def test_kernels_that_differ_with_and_without_a_graph_are_no_mini_batches() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        attention = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        module = nn.Sequential(nn.Linear(3, 16), attention, nn.Linear(16, 1))
        module[:2].requires_grad_(False)
        x = torch.randn(6, 4, 3)
        target = module(x).detach() + 1e-6 * torch.randn(6, 4, 1)
    optimizer: Any = optim.LevenbergMarquardt().build(module.parameters())
    for _ in range(6):
        optimizer.step(lambda: module(x) - target)
    assert float((module(x) - target).detach().square().sum()) < 1e-11


@pytest.mark.parametrize("backward", [True, False])
def test_a_loss_with_one_axis_of_one_is_a_loss_where_the_rule_takes_one(backward: bool) -> None:
    w = weight(3.0)
    optimizer: Any = optim.QuasiNewton().build([w])

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (w - 1) ** 2 - 4
        if backward:
            loss.backward()
        return loss

    assert optimizer.step(closure).item() == 0
    for _ in range(5):
        optimizer.step(closure)
    assert w.item() == pytest.approx(1, abs=1e-8)
    row = weight(3.0)
    optimizer = optim.LevenbergMarquardt(1e-9).build([row])
    optimizer.step(lambda: row - 1)
    assert row.item() == pytest.approx(1, abs=1e-6)


def test_a_list_of_closures_is_looked_into() -> None:
    w = weight(4.0, 4.0)
    closures = [lambda: w - 1]
    optimizer: Any = optim.QuasiNewton().build([w])
    optimizer.step(closures)
    closures[0] = lambda: w - 2
    w.data.fill_(5)
    assert optimizer.step(closures).item() == 9


@pytest.mark.parametrize("rule", [IRpropMinus(), Rprop(), Adam(0.1, epsilon_hat=True)], ids=repr)
def test_rules_weight_by_weight_follow_a_module_to_another_number_format(rule: Any) -> None:
    weight = torch.tensor([[1.0, -2.0]], requires_grad=True)
    optimizer = rule.build([weight])
    for step in range(4):
        if step == 2:
            weight.data = weight.data.double()
        weight.grad = 2 * weight.detach()
        optimizer.step()
    assert weight.dtype is torch.float64
    assert weight.isfinite().all()


def test_a_step_along_directions_without_curvature_stays_small() -> None:
    weight = torch.tensor([3.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = LevenbergMarquardt(1e-300, minimum=0.0).build([weight])
    for _ in range(10):
        optimizer.step(lambda: (weight.sum() - 1).reshape(1))
    assert float(weight.detach().sum()) == pytest.approx(1.0)
    assert weight.detach().abs().max() < 10
