"""What Newton, HessianDiagonal, GaussNewton and NewtonCG have in common: descent, closures, networks, bad input."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.optim import GaussNewton, HessianDiagonal, Newton, NewtonCG, Optimizer

RULES: list[Optimizer] = [
    Newton(),
    Newton(0.1, search="line_search"),
    HessianDiagonal(),
    HessianDiagonal(0.5, estimate="hutchinson", samples=3, seed=4),
    GaussNewton(),
    GaussNewton(0.01),
    NewtonCG(),
    NewtonCG("gauss_newton", 0.1),
]
OF_ANY_LOSS = [rule for rule in RULES if rule.takes == "objective"]
OF_OUTPUTS = [rule for rule in RULES if rule.takes == "residuals"]
each_rule = pytest.mark.parametrize("rule", RULES, ids=repr)
any_loss = pytest.mark.parametrize("rule", OF_ANY_LOSS, ids=repr)


def path(rule: Optimizer, weights: Any, closure: Any, steps: int) -> list[float]:
    """The losses before each step and after the last."""
    optimizer = rule.build(weights)
    losses = [float(optimizer.step(closure)) for _ in range(steps)]
    return [*losses, float(optimizer.state_dict()["state"][0]["loss"])]


def parameters(*numbers: float, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(numbers, dtype=dtype, requires_grad=True)


def rosenbrock(w: Tensor) -> Tensor:
    """Residuals of half the function."""
    return torch.stack([1 - w[0], 10 * (w[1] - w[0] ** 2)])


@pytest.mark.slow
@each_rule
def test_every_step_lowers_the_loss_down_the_valley_of_rosenbrock(rule: Optimizer) -> None:
    w = parameters(-1.2, 1.0)
    losses = path(rule, [w], lambda: rosenbrock(w), 120)
    assert all(after <= before for before, after in pairwise(losses))
    assert losses[-1] < (0.2 * losses[0] if isinstance(rule, HessianDiagonal) else 1e-16)


@each_rule
def test_a_quadratic_of_condition_one_hundred_million(rule: Optimizer) -> None:
    scale = torch.logspace(0, -4, 6, dtype=torch.float64)
    w = parameters(1, 2, 3, 4, 5, 6)
    steps, floor = (120, 1e-8) if isinstance(rule, NewtonCG) else (60, 1e-8)
    if isinstance(rule, HessianDiagonal) or rule in (RULES[1], RULES[5]):
        floor = 1e-1  # a floor, a ridge or a constant damping above the least curvature: slow along it
    losses = path(rule, [w], lambda: scale * w, steps)
    assert all(after <= before for before, after in pairwise(losses))
    assert losses[-1] < floor * losses[0]


@any_loss
def test_a_step_off_a_saddle_stays_finite_and_goes_down(rule: Optimizer) -> None:
    w = parameters(0.5, 1e-3)  # the saddle is at 0
    losses = path(rule, [w], lambda: w[0] ** 2 - w[1] ** 2 + w[1] ** 4, 60)
    assert losses[-1] == pytest.approx(-0.25, abs=1e-6)
    assert abs(w[1].item()) == pytest.approx(0.5**0.5, abs=1e-3)


@each_rule
def test_the_three_forms_of_a_closure_are_one_loss(rule: Optimizer, make_network: Any) -> None:
    ends = []
    for form in ("residuals", "pair", "scalar", "backward"):
        network = make_network("dense")
        if form in ("scalar", "backward") and rule in OF_OUTPUTS:
            continue

        def closure(network: Any = network, form: str = form) -> Any:
            outputs = network.outputs()
            loss = network.squares_of(outputs)
            if form == "backward":
                for parameter in network.parameters:
                    parameter.grad = None
                loss.backward()
            return {"residuals": outputs - network.targets, "pair": (outputs, loss)}.get(form, loss)

        ends.append((path(rule, network.parameters, closure, 4), rule.build(network.parameters)))
        ends[-1] = (*ends[-1], torch.cat([parameter.detach().flatten() for parameter in network.parameters]))
    for losses, _, weights in ends[1:]:
        np.testing.assert_allclose(losses, ends[0][0], rtol=1e-8)
        torch.testing.assert_close(weights, ends[0][2], rtol=1e-6, atol=1e-8)


@pytest.mark.slow
@each_rule
@pytest.mark.parametrize(
    "name", ["conv", "channels last", "shared layer", "tied weight", "batch norm", "attention", "lstm", "embedding"]
)
def test_networks_of_every_kind(rule: Optimizer, name: str, make_network: Any) -> None:
    network = make_network(name)
    losses = path(rule, network.parameters, network.residuals, 5)
    assert all(after <= before for before, after in pairwise(losses))
    assert losses[-1] < 0.8 * losses[0]
    assert all(parameter.isfinite().all() for parameter in network.parameters)


@each_rule
def test_cross_entropy(rule: Optimizer, make_network: Any) -> None:
    network = make_network("dense", torch.float32)
    losses = path(rule, network.parameters, network.entropy, 8)
    assert losses[-1] < 0.7 * losses[0]
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters)


@each_rule
def test_two_closures_are_one(rule: Optimizer, make_network: Any) -> None:
    ends = []
    for cuts in ([slice(None)], [slice(0, 2), slice(2, None)]):
        network = make_network("dense")
        pieces = [network._replace(inputs=network.inputs[cut], targets=network.targets[cut]) for cut in cuts]
        closures = [piece.residuals for piece in pieces]
        ends.append(path(rule, network.parameters, closures if len(cuts) > 1 else closures[0], 4))
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-7)


@each_rule
def test_single_precision_follows_double_precision(rule: Optimizer, make_network: Any) -> None:
    ends = []
    for dtype in (torch.float64, torch.float32):
        network = make_network("dense", dtype)
        ends.append(path(rule, network.parameters, network.residuals, 2))
    np.testing.assert_allclose(ends[1], ends[0], rtol=2e-2)


@pytest.mark.slow
@each_rule
@pytest.mark.parametrize("way", ["state_dict", "pickle", "deepcopy"])
def test_a_run_that_is_taken_up_again_is_the_same_bit_by_bit(rule: Optimizer, way: str, make_network: Any) -> None:
    network = make_network("dense", torch.float32)
    optimizer = rule.build(network.parameters)
    for _ in range(3):
        optimizer.step(network.residuals)
    again: Any = make_network("dense", torch.float32)
    if way == "state_dict":
        file = io.BytesIO()
        torch.save(optimizer.state_dict(), file)
        file.seek(0)
        other = rule.build(again.parameters)
        other.load_state_dict(torch.load(file, weights_only=True))
        again.module.load_state_dict(network.module.state_dict())
    else:
        both = (network.module, optimizer)
        module, other = pickle.loads(pickle.dumps(both)) if way == "pickle" else copy.deepcopy(both)
        again = network._replace(module=module)
    for _ in range(3):
        optimizer.step(network.residuals)
        other.step(again.residuals)
    for one, two in zip(network.parameters, again.parameters, strict=True):
        assert torch.equal(one, two)
    states = [each.state_dict()["state"][0] for each in (optimizer, other)]
    assert states[0].keys() == states[1].keys()
    assert all(bool(torch.as_tensor(states[0][key] == states[1][key]).all()) for key in states[0])


@each_rule
def test_losses_that_are_not_numbers_leave_the_weights(rule: Optimizer) -> None:
    w = parameters(1.0, 2.0)
    optimizer = rule.build([w])
    with pytest.raises(
        InvalidData, match=rf"{type(rule).__name__}.step\(closure\): expected a finite loss and gradient"
    ):
        optimizer.step(lambda: w * float("nan"))
    assert w.tolist() == [1, 2]


@pytest.mark.slow
@each_rule
def test_a_domain_that_ends_near_by(rule: Optimizer) -> None:
    """NaN beyond 0: steps turn back from there."""
    w = parameters(0.05, 2.0)
    losses = path(rule, [w], lambda: torch.stack([torch.log(w[0]) + 4, w[1] - 1 + w[0]]), 60)
    assert all(after <= before for before, after in pairwise(losses))
    assert w[0].item() == pytest.approx(np.exp(-4), rel=1e-3)


@each_rule
def test_second_derivatives_that_are_not_finite(rule: Optimizer) -> None:
    w = parameters(0.0, 1.0)
    expected = (
        rf"{type(rule).__name__}.step\(closure\): expected finite second derivatives at the weights as they stand"
    )

    def closure() -> tuple[Tensor, Tensor]:
        outputs = 1 * w
        return outputs, outputs.abs().pow(1.5).sum()

    with pytest.raises(InvalidData, match=expected):
        rule.build([w]).step(closure)
    assert w.tolist() == [0, 1]


@each_rule
def test_mini_batches_and_dropout_are_refused(rule: Optimizer) -> None:
    w, rows = parameters(1.0), torch.arange(1.0, 9.0, dtype=torch.float64)
    optimizer, batches = rule.build([w]), iter(rows.split(2))

    def train() -> None:
        for _ in range(4):
            batch = next(batches)
            optimizer.step(lambda: w * batch - 1)  # noqa: B023

    with pytest.raises(InvalidData, match=r"expected the same loss at the same weights, of all rows and without noise"):
        train()


@any_loss
def test_at_a_minimum_the_weights_stay(rule: Optimizer) -> None:
    w = parameters(1.0, -2.0)
    target = torch.tensor([1.0, -2.0], dtype=torch.float64)
    optimizer = rule.build([w])
    for _ in range(3):
        assert float(optimizer.step(lambda: (w - target).square().sum())) == 0
        assert optimizer.stuck
    assert w.tolist() == [1, -2]


@pytest.mark.parametrize("rule", OF_OUTPUTS, ids=repr)
def test_a_scalar_loss_is_refused_by_rules_of_outputs(rule: Optimizer) -> None:
    w = parameters(1.0)
    with pytest.raises(InvalidParameter, match=r"step\(closure\): expected a closure that returns residuals"):
        rule.build([w]).step(lambda: w.square().sum())
    assert w.item() == 1


@each_rule
def test_parameters_that_are_frozen_or_unused_stay(rule: Optimizer) -> None:
    with torch.random.fork_rng(devices=[]):
        module, idle = nn.Linear(2, 1).double(), nn.Linear(2, 1).double()
    module.bias.requires_grad_(False)
    before = [parameter.detach().clone() for parameter in (module.bias, idle.weight)]
    inputs = torch.tensor([[1.0, 2.0], [3.0, 5.0], [1.0, 0.0]], dtype=torch.float64)
    losses = path(rule, [*module.parameters(), *idle.parameters()], lambda: module(inputs) - 1, 5)
    assert losses[-1] < losses[0]
    assert torch.equal(module.bias, before[0])
    assert torch.equal(idle.weight, before[1])


@each_rule
def test_groups_and_named_parameters_are_one_vector(rule: Optimizer, make_network: Any) -> None:
    ends = []
    build: list[Callable[[nn.Module], Any]] = [
        lambda module: module.parameters(),
        lambda module: module.named_parameters(),
        lambda module: [{"params": module[0].parameters()}, {"params": module[2].parameters()}],
    ]
    for make in build:
        network = make_network("dense")
        ends.append(path(rule, make(network.module), network.residuals, 3))
    assert ends[0] == ends[1] == ends[2]
