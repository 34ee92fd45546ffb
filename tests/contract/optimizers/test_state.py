"""Every rule and wrapper is taken up again bit by bit, and rules of all rows never make weights NaN."""

from __future__ import annotations

import copy
import io
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

from netwright.core.errors import InvalidData
from netwright.optim import Adam, Optimizer


def test_every_wrapper_has_an_entry(wrapper: type, wrapped: dict[str, Any], required: Callable[..., Any]) -> None:
    assert isinstance(wrapped[wrapper.__name__](Adam()), wrapper)
    assert "rule" in required(wrapper)


def test_every_rule_can_be_made_without_options(cls: type[Optimizer], required: Callable[..., Any]) -> None:
    assert not required(cls)
    assert cls().takes in ("gradients", "loss", "objective", "residuals")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_resumed_run_makes_the_same_steps(
    case: Optimizer, dtype: torch.dtype, small_net: Callable[..., Any], problem_of: Callable[..., Any]
) -> None:
    module, inputs, targets = small_net(dtype)
    optimizer = case.build(module.named_parameters())
    problem_of(module, inputs, targets).descend(case, optimizer, 5)
    weights = copy.deepcopy(module.state_dict())
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    problem_of(module, inputs, targets).descend(case, optimizer, 5)

    resumed = small_net(dtype)[0]
    resumed.load_state_dict(weights)
    again = case.build(resumed.named_parameters())
    file.seek(0)
    again.load_state_dict(torch.load(file, weights_only=True))
    problem_of(resumed, inputs, targets).descend(case, again, 5)
    for name, weight in module.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[name]), name


@pytest.mark.parametrize("how", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))], ids=["copy", "pickle"])
def test_a_copy_of_an_optimizer_goes_on_alike(
    case: Optimizer, how: Callable[[Any], Any], small_net: Callable[..., Any], problem_of: Callable[..., Any]
) -> None:
    module, inputs, targets = small_net(torch.float32)
    optimizer = case.build(module.named_parameters())
    problem_of(module, inputs, targets).descend(case, optimizer, 3)
    copied, again = how((module, optimizer))
    assert type(again) is type(optimizer)
    for each, made in ((module, optimizer), (copied, again)):
        problem_of(each, inputs, targets).descend(case, made, 4)
    for name, weight in module.state_dict().items():
        assert torch.equal(weight, copied.state_dict()[name]), name


BROKEN: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "NaN": lambda weight: weight * math.nan,
    "infinity": lambda weight: weight * 1e30 * 1e30,
    "a gradient of infinity": lambda weight: (weight - weight.detach()).sqrt(),
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("steps", [0, 3])
def test_no_weight_becomes_nan_where_all_rows_are_looked_at(
    full_batch_cls: type[Optimizer],
    what: str,
    steps: int,
    small_net: Callable[..., Any],
    problem_of: Callable[..., Any],
) -> None:
    module, inputs, targets = small_net(torch.float32)
    problem, rule = problem_of(module, inputs, targets), full_batch_cls()
    optimizer = rule.build(module.parameters())
    problem.descend(rule, optimizer, steps)
    before = copy.deepcopy(module.state_dict())
    broken = problem._replace(residuals=lambda: problem.residuals() + BROKEN[what](problem.weights[0][0, 0]))
    with pytest.raises(
        InvalidData, match=rf"{full_batch_cls.__name__}\.step\(.*finite.*; the weights are as they were"
    ):
        optimizer.step(broken.closure(rule, optimizer))
    for name, weight in module.state_dict().items():
        assert torch.equal(weight, before[name]), name
    assert all(map(math.isfinite, problem.descend(rule, optimizer, 3)))
