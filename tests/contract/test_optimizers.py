"""What every rule of the registry is as a value, and what `build`, `rate` and `implementation` promise.

What rules do is in `tests/contract/optimizers`.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils import skip_init

import netwright.optim as nw_optim
from netwright.core import registry
from netwright.core.errors import InvalidParameter
from netwright.core.value import from_json, to_json
from netwright.optim import SGD, Adam, Adamax, Optimizer, RMSprop, Schedule, cosine, halving, on_plateau, step_decay
from netwright.optim.base import has_kernel, implementation, listed
from netwright.optim.wrappers.wrapper import Wrapper

RULES = [
    cls
    for cls in (registry.look_up("optimizer", name) for name in registry.names("optimizer"))
    if cls.__module__.startswith("netwright.") and not issubclass(cls, Wrapper)
]
RATED = [cls for cls in RULES if "learning_rate" in cls.__dataclass_fields__]
each_rule = pytest.mark.parametrize("cls", RULES, ids=lambda cls: cls.__name__)
each_rated = pytest.mark.parametrize("cls", RATED, ids=lambda cls: cls.__name__)


def test_the_registry_holds_the_rules() -> None:
    known = {"SGD", "Momentum", "Nesterov", "Adam", "AdamW", "Adamax", "RMSprop", "Adadelta", "Adagrad"}
    known |= {"Rprop", "IRpropPlus", "IRpropMinus", "LevenbergMarquardt"}
    assert known <= {cls.__name__ for cls in RULES}


def different(cls: type[Optimizer]) -> list[Optimizer]:
    """The rule as it is made without options, and with each option changed that can easily be."""
    found = [cls()]
    if cls in RATED:
        found += [cls(learning_rate=0.25), cls(learning_rate=step_decay(0.1, every=10))]
    for field in dataclasses.fields(cls):
        if isinstance(field.default, (bool, float)):
            changed = (not field.default) if isinstance(field.default, bool) else 0.9 * field.default + 1e-3
            try:
                found.append(cls(**{field.name: changed}))
            except InvalidParameter:
                continue  # an option that needs another one beside it
    return found


@each_rule
def test_is_a_value(cls: type[Optimizer]) -> None:
    names = {**vars(nw_optim)}
    examples = different(cls)
    for rule in examples:
        assert eval(repr(rule), names) == rule
        assert from_json(json.loads(json.dumps(to_json(rule)))) == rule
        assert pickle.loads(pickle.dumps(rule)) == rule
        assert hash(rule) == hash(copy.copy(rule))
    assert len(set(examples)) == len(examples) >= 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(examples[0], dataclasses.fields(cls)[0].name, 1.0)


@each_rule
def test_is_final_documented_and_checked(cls: type[Optimizer]) -> None:
    assert cls.__final__
    assert cls.__bases__ == (Optimizer,)
    fields = {field.name for field in dataclasses.fields(cls)}
    assert set(cls.constraints) == fields
    text = inspect.getdoc(cls) or ""
    assert all(f"\n{name} : " in text for name in fields)
    assert all(part in text for part in ("Parameters\n", "Examples\n", "References\n", ">>>", "<-"))


@each_rated
@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf"), "fast", None, True, (0.1,)])
def test_a_learning_rate_that_cannot_be(cls: type[Optimizer], rate: Any) -> None:
    message = (
        r"\(learning_rate\): expected a number in \(0, inf\) or a schedule such as step_decay\(0.1, every=10\), got "
    )
    with pytest.raises(InvalidParameter, match=f"{cls.__name__}{message}"):
        cls(learning_rate=rate)


@each_rule
def test_takes_named_parameters_and_groups_and_writes_to_no_input(cls: type[Optimizer]) -> None:
    module = torch.nn.Sequential(skip_init(torch.nn.Linear, 3, 4), torch.nn.Tanh(), skip_init(torch.nn.Linear, 4, 1))
    for parameter in module.parameters():
        torch.nn.init.constant_(parameter, 0.5)
    groups = [{"params": module[0].parameters()}, {"params": module[2].weight, "lr": 0.5}, {"params": [module[2].bias]}]
    kept = [dict(group) for group in groups]
    rule = cls(learning_rate=0.125) if cls in RATED else cls()
    optimizer = rule.build(groups)
    assert [group["lr"] for group in optimizer.param_groups] == [rule.rate(0, 1), 0.5, rule.rate(0, 1)]
    assert [group.keys() for group in groups] == [group.keys() for group in kept]
    named = rule.build(module.named_parameters())
    assert named.param_groups[0]["param_names"] == ["0.weight", "0.bias", "2.weight", "2.bias"]

    def closure() -> torch.Tensor:
        residuals = module(torch.eye(3)) - 1
        if rule.takes == "residuals":
            return residuals
        module.zero_grad()
        loss = residuals.square().mean()
        loss.backward()
        return loss

    for built in (optimizer, named):
        assert isinstance(built, torch.optim.Optimizer)
        before = module(torch.eye(3)).detach()
        built.step(closure)
        assert not torch.equal(module(torch.eye(3)), before)


@each_rated
def test_begins_with_the_first_rate_of_its_schedule(cls: type[Optimizer]) -> None:
    rule = cls(learning_rate=cosine(0.25))
    assert rule.build([torch.zeros(1, requires_grad=True)]).param_groups[0]["lr"] == 0.25
    assert rule.rate(5, 10) == pytest.approx(0.125)
    assert rule.every_step
    assert not cls(learning_rate=halving(0.1, every=2)).every_step
    assert not cls(learning_rate=0.25).every_step


@each_rule
def test_a_rule_that_finds_its_own_steps_has_the_rate_one(cls: type[Optimizer]) -> None:
    if cls in RATED:
        assert cls().rate(0, 10) == cls().learning_rate
    else:
        assert (cls().rate(3, 10, [1.0]), cls().every_step) == (1.0, False)
        assert cls().full_batch
    if cls().takes in ("objective", "residuals"):
        assert cls().full_batch


def test_rate_of_a_constant_and_of_a_schedule_that_needs_the_losses() -> None:
    assert SGD(1).rate(3.5, 10, [1.0]) == 1.0
    assert isinstance(SGD(1).rate(0, 1), float)
    assert SGD(on_plateau(0.1, patience=0)).rate(3, 10, [1.0, 1.0, 1.0]) == pytest.approx(0.025)
    assert isinstance(SGD(np.float32(0.5)).learning_rate, float)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (torch.zeros(2), r"build\(params\): expected a sequence of tensors or groups, got a Tensor. Put it in a list"),
        ({"params": []}, r"build\(params\): expected a sequence of tensors or groups, got a dict. Put it in a list"),
        (3, r"build\(params\): expected a sequence of tensors or groups, got a int"),
        ([], r"build\(params\): expected at least one tensor, got none. A generator gives its tensors only once"),
        ([{"params": []}], r"build\(params\): expected at least one tensor, got none"),
        ([torch.zeros(2), 3], r"build\(params\): expected tensors, got 3. Give module.parameters\(\)"),
        ([{"weights": []}], r"build\(params\): expected groups with the key 'params', got one with \['weights'\]. Add"),
    ],
)
def test_parameters_that_cannot_be(params: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        SGD().build(params)


def test_a_generator_inside_a_group_is_read_once() -> None:
    (group,) = listed([{"params": (torch.zeros(1) for _ in range(3))}])
    assert len(group["params"]) == 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["SGD", "Momentum", "Nesterov", "Adam", "AdamW", "Adagrad"])
def test_fused_wherever_torch_has_it(name: str, dtype: torch.dtype) -> None:
    optimizer = registry.look_up("optimizer", name)().build([torch.zeros(2, dtype=dtype, requires_grad=True)])
    assert optimizer.param_groups[0]["fused"] is True
    optimizer.param_groups[0]["params"][0].grad = torch.ones(2, dtype=dtype)
    optimizer.step()


@pytest.mark.parametrize("rule", [Adamax(), RMSprop()])
def test_without_a_fused_kernel_several_tensors_are_updated_at_once(rule: Optimizer) -> None:
    one, several = [torch.zeros(2, requires_grad=True)], [torch.zeros(2, requires_grad=True) for _ in range(3)]
    assert rule.build(one).param_groups[0]["foreach"] is False
    assert rule.build(several).param_groups[0]["foreach"] is True


def test_complex_tensors_and_unknown_devices_are_not_fused() -> None:
    weight = torch.zeros(2, dtype=torch.complex64, requires_grad=True)
    assert not Adam().build([weight]).param_groups[0]["fused"]
    assert implementation([torch.zeros(2, device="meta")], "_fused_adam_") == {"foreach": False}
    assert not has_kernel("_fused_no_such_rule_", torch.device("cpu"))
    assert not has_kernel("_fused_adam_", torch.device("meta"))


def test_public_names() -> None:
    assert len(set(nw_optim.__all__)) == len(nw_optim.__all__)
    for family, base in (("optimizer", Optimizer), ("schedule", Schedule)):
        found = {name for name in nw_optim.__all__ if getattr(getattr(nw_optim, name), "family", "") == family}
        ours = {name for name in registry.names(family) if issubclass(registry.look_up(family, name), base)}
        assert found <= ours
        assert all(registry.look_up(family, name) is getattr(nw_optim, name) for name in found)
