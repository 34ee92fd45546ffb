"""The contract of every rule in the registry, and what `build`, `rate` and `implementation` promise."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import io
import json
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import netwright.optim as nw_optim
from netwright.core import registry
from netwright.core.errors import InvalidParameter
from netwright.core.value import from_json, to_json
from netwright.optim import SGD, Adam, Adamax, Optimizer, RMSprop, Schedule, cosine, halving, on_plateau, step_decay
from netwright.optim.base import has_kernel, implementation, listed

RULES = [
    cls
    for cls in (registry.look_up("optimizer", name) for name in registry.names("optimizer"))
    if cls.__module__.startswith("netwright.")
]
# where the default rate is for long runs, one for a few hundred steps
QUICK: dict[str, dict[str, Any]] = {
    "SGD": {"learning_rate": 0.1, "momentum": 0.5},
    "Adam": {"learning_rate": 0.1},
    "AdamW": {"learning_rate": 0.1, "weight_decay": 0.0},
    "Adamax": {"learning_rate": 0.1},
    "RMSprop": {"learning_rate": 0.02},
    "Adadelta": {"epsilon": 1e-3},
    "Adagrad": {"learning_rate": 1.0},
}
ROSENBROCK: dict[str, dict[str, Any]] = {
    "SGD": {"learning_rate": 2e-4, "momentum": 0.95, "nesterov": True},
    "Adam": {"learning_rate": 0.05},
    "AdamW": {"learning_rate": 0.05, "weight_decay": 0.0},
    "Adamax": {"learning_rate": 0.1},
    "RMSprop": {"learning_rate": 0.002, "momentum": 0.9},
    "Adagrad": {"learning_rate": 1.0},
}


def each_rule(function: Any) -> Any:
    return pytest.mark.parametrize("cls", RULES, ids=lambda cls: cls.__name__)(function)


def minimise(optimizer: torch.optim.Optimizer, loss: Any, steps: int) -> float:
    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        found = loss()
        found.backward()
        return found

    for _ in range(steps):
        optimizer.step(closure)
    with torch.no_grad():
        return float(loss())


def small_problem(dtype: torch.dtype = torch.float64) -> tuple[torch.nn.Module, Any]:
    generator = torch.Generator().manual_seed(3)
    first, last = (torch.nn.utils.skip_init(torch.nn.Linear, *sizes, dtype=dtype) for sizes in ((3, 4), (4, 1)))
    module = torch.nn.Sequential(first, torch.nn.Tanh(), last)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=dtype))
    inputs = torch.randn(16, 3, generator=generator, dtype=dtype)  # (batch, features)
    return module, lambda: (module(inputs) - inputs.sum(1, keepdim=True)).square().mean()


def test_the_registry_holds_the_rules() -> None:
    assert {"SGD", "Adam", "AdamW", "Adamax", "RMSprop", "Adadelta", "Adagrad"} <= {cls.__name__ for cls in RULES}


@each_rule
def test_converges_on_a_parabola(cls: type[Optimizer]) -> None:
    scale, centre = torch.tensor([0.3, 1.0, 2.0]), torch.tensor([1.0, -2.0, 3.0])
    weight = torch.zeros(3, requires_grad=True)
    last = minimise(
        cls(**QUICK.get(cls.__name__, {})).build([weight]), lambda: (scale * (weight - centre) ** 2).sum(), 400
    )
    assert last < 1e-3, weight


@each_rule
def test_finds_the_valley_of_rosenbrock(cls: type[Optimizer]) -> None:
    weight = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)  # loss 24.2
    optimizer = cls(**ROSENBROCK.get(cls.__name__, {})).build([weight])
    last = minimise(optimizer, lambda: (1 - weight[0]) ** 2 + 100 * (weight[1] - weight[0] ** 2) ** 2, 1500)
    assert last < (0.5 if cls.__name__ == "Adadelta" else 0.1), weight  # Adadelta's steps shrink in the valley


@each_rule
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_keeps_the_dtype(cls: type[Optimizer], dtype: torch.dtype) -> None:
    module, loss = small_problem(dtype)
    before = [parameter.detach().clone() for parameter in module.parameters()]
    minimise(cls().build(module.parameters()), loss, 3)
    assert all(new.dtype is dtype and new.isfinite().all() for new in module.parameters())
    assert any(not torch.equal(old, new) for old, new in zip(before, module.parameters(), strict=True))


@each_rule
def test_a_resumed_run_makes_the_same_steps(cls: type[Optimizer]) -> None:
    module, loss = small_problem(torch.float32)
    optimizer = cls().build(module.parameters())
    minimise(optimizer, loss, 5)
    weights = copy.deepcopy(module.state_dict())
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    minimise(optimizer, loss, 5)

    resumed, loss = small_problem(torch.float32)
    resumed.load_state_dict(weights)
    again = cls().build(resumed.parameters())
    file.seek(0)
    again.load_state_dict(torch.load(file, weights_only=True))
    minimise(again, loss, 5)
    for one, other in zip(module.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


@each_rule
def test_is_a_value(cls: type[Optimizer]) -> None:
    names = {**vars(nw_optim)}
    examples = [cls(), cls(learning_rate=0.25), cls(learning_rate=step_decay(0.1, every=10))]
    for rule in [*examples, cls(**QUICK.get(cls.__name__, {}))]:
        assert eval(repr(rule), names) == rule
        assert from_json(json.loads(json.dumps(to_json(rule)))) == rule
        assert pickle.loads(pickle.dumps(rule)) == rule
        assert hash(rule) == hash(copy.copy(rule))
    assert len(set(examples)) == 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        examples[0].learning_rate = 1.0


@each_rule
def test_is_final_documented_and_checked(cls: type[Optimizer]) -> None:
    assert cls.__final__
    assert cls.__bases__ == (Optimizer,)
    fields = {field.name for field in dataclasses.fields(cls)}
    assert set(cls.constraints) == fields
    text = inspect.getdoc(cls) or ""
    assert all(f"\n{name} : " in text for name in fields)
    assert all(part in text for part in ("Parameters\n", "Examples\n", "References\n", ">>>", "<-"))


@each_rule
@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf"), "fast", None, True, (0.1,)])
def test_a_learning_rate_that_cannot_be(cls: type[Optimizer], rate: Any) -> None:
    message = (
        r"\(learning_rate\): expected a number in \(0, inf\) or a schedule such as step_decay\(0.1, every=10\), got "
    )
    with pytest.raises(InvalidParameter, match=f"{cls.__name__}{message}"):
        cls(learning_rate=rate)


@each_rule
def test_takes_named_parameters_and_groups_and_writes_to_no_input(cls: type[Optimizer]) -> None:
    module, loss = small_problem()
    groups = [{"params": module[0].parameters()}, {"params": module[2].weight, "lr": 0.5}, {"params": [module[2].bias]}]
    kept = [dict(group) for group in groups]
    optimizer = cls(learning_rate=0.125).build(groups)
    assert [group["lr"] for group in optimizer.param_groups] == [0.125, 0.5, 0.125]
    assert [group.keys() for group in groups] == [group.keys() for group in kept]
    named = cls(learning_rate=0.125).build(module.named_parameters())
    assert named.param_groups[0]["param_names"] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    for built in (optimizer, named):
        assert isinstance(built, torch.optim.Optimizer)
        minimise(built, loss, 2)


@each_rule
def test_begins_with_the_first_rate_of_its_schedule(cls: type[Optimizer]) -> None:
    rule = cls(learning_rate=cosine(0.25))
    assert rule.build([torch.zeros(1, requires_grad=True)]).param_groups[0]["lr"] == 0.25
    assert rule.rate(5, 10) == pytest.approx(0.125)
    assert rule.every_step
    assert not cls(learning_rate=halving(0.1, every=2)).every_step
    assert not cls(learning_rate=0.25).every_step


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
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "Adagrad"])
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


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@each_rule
def test_on_a_gpu(cls: type[Optimizer]) -> None:
    module, loss = small_problem(torch.float32)
    weights = [parameter.detach().cuda().requires_grad_() for parameter in module.parameters()]
    optimizer, reference = cls().build(weights), cls().build(module.parameters())
    for _ in range(3):
        minimise(reference, loss, 1)
        for weight, parameter in zip(weights, module.parameters(), strict=True):
            weight.grad = parameter.grad.cuda()
        optimizer.step()
    for weight, parameter in zip(weights, module.parameters(), strict=True):
        torch.testing.assert_close(weight.cpu(), parameter.detach(), rtol=1e-5, atol=1e-6)


def test_public_names() -> None:
    assert len(set(nw_optim.__all__)) == len(nw_optim.__all__)
    for family, base in (("optimizer", Optimizer), ("schedule", Schedule)):
        found = {name for name in nw_optim.__all__ if getattr(getattr(nw_optim, name), "family", "") == family}
        ours = {name for name in registry.names(family) if issubclass(registry.look_up(family, name), base)}
        assert found <= ours
        assert all(registry.look_up(family, name) is getattr(nw_optim, name) for name in found)
