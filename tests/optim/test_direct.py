"""`direct_step` leaves the same bits as ``optimizer.step()``, whatever the optimizer and whatever happens between."""

from __future__ import annotations

import copy
import itertools
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from netwright.optim import SGD, Adam, RMSprop, direct_step
from netwright.optim import direct as direct_file

STEPS = 20
SGD_OPTIONS = [
    {"momentum": momentum, "dampening": dampening, "nesterov": nesterov, "weight_decay": decay, "maximize": maximize}
    for momentum, dampening, nesterov, decay, maximize in itertools.product(
        (0, 0.9), (0, 0.3), (False, True), (0, 0.1), (False, True)
    )
    if not nesterov or (momentum and not dampening)
]
ADAM_OPTIONS = [
    {"betas": betas, "eps": eps, "weight_decay": decay, "amsgrad": amsgrad, "maximize": maximize}
    for betas, eps, decay, amsgrad, maximize in itertools.product(
        ((0.9, 0.999), (0.5, 0.8)), (1e-8, 0.1), (0, 0.1), (False, True), (False, True)
    )
]
ADAGRAD_OPTIONS = [
    {"lr_decay": fall, "initial_accumulator_value": first, "weight_decay": decay, "maximize": maximize}
    for fall, first, decay, maximize in itertools.product((0, 0.1), (0, 0.5), (0, 0.1), (False, True))
]
COMBINATIONS = [
    *((torch.optim.SGD, options) for options in SGD_OPTIONS),
    *((torch.optim.Adam, options) for options in ADAM_OPTIONS),
    *((torch.optim.AdamW, options) for options in ADAM_OPTIONS),
    *((torch.optim.Adagrad, options) for options in ADAGRAD_OPTIONS),
]
FOUR = [
    (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    (torch.optim.Adam, {}),
    (torch.optim.AdamW, {}),
    (torch.optim.Adagrad, {}),
]
Tensors = list[torch.Tensor]


def weights(dtype: torch.dtype = torch.float32, shapes: tuple = ((37,), (5, 3))) -> Tensors:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes]


def gradients(step: int, params: Tensors) -> None:
    """New gradients; every third time new tensors, as after zero_grad()."""
    generator = torch.Generator().manual_seed(100 + step)
    for param in params:
        grad = torch.randn(param.shape, generator=generator, dtype=param.dtype)
        if param.grad is None or step % 3 == 0:
            param.grad = grad
        else:
            param.grad.copy_(grad)


def assert_same(one: torch.optim.Optimizer, other: torch.optim.Optimizer) -> None:
    pairs = itertools.chain.from_iterable(
        zip(a["params"], b["params"], strict=True) for a, b in zip(one.param_groups, other.param_groups, strict=True)
    )
    for first, second in pairs:
        assert torch.equal(first, second)
        left, right = one.state.get(first, {}), other.state.get(second, {})
        assert left.keys() == right.keys()
        for name, item in left.items():
            assert (
                (torch.equal(item, right[name]) and item.dtype == right[name].dtype)
                if item is not None
                else not right[name]
            )


class Pair:
    """Two equal optimizers, of which one steps by itself and the other by `direct_step`."""

    def __init__(self, make: Callable[[], torch.optim.Optimizer]) -> None:
        self.one, self.other = make(), make()
        self.step = direct_step(self.other)
        self.own_steps = 0
        # torch calls this method at the end of every step() of the optimizer's own
        self.other._optimizer_step_code = self._count

    def _count(self) -> None:
        self.own_steps += 1

    def run(self, steps: range) -> int:
        """Steps of both, equal after each; returns how many of them went round the second optimizer's step()."""
        before = self.own_steps
        for number in steps:
            for optimizer in (self.one, self.other):
                for group in optimizer.param_groups:
                    gradients(number, group["params"])
            self.one.step()
            self.step()
            assert_same(self.one, self.other)
        return len(steps) - (self.own_steps - before)


def pair_of(cls: Any, options: dict, dtype: torch.dtype = torch.float32, **others: Any) -> Pair:
    return Pair(lambda: cls(weights(dtype, **others), **{"lr": 0.05, "fused": True, **options}))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("cls", "options"), COMBINATIONS, ids=lambda case: str(getattr(case, "__name__", "")))
def test_the_bits_of_step(cls: Any, options: dict, dtype: torch.dtype) -> None:
    one, other = (cls(weights(dtype), lr=0.05, fused=True, **options) for _ in range(2))
    step = direct_step(other)
    for number in range(STEPS):
        for optimizer in (one, other):
            gradients(number, optimizer.param_groups[0]["params"])
            optimizer.param_groups[0]["lr"] = 0.05 / (1 + number)
        one.step()
        assert step() is None
        assert_same(one, other)


@pytest.mark.parametrize(("cls", "options"), FOUR)
def test_after_the_first_step_only_the_kernel_runs(cls: Any, options: dict) -> None:
    assert pair_of(cls, options).run(range(4)) == 3
    assert pair_of(cls, options, torch.float64, shapes=((50,),)).run(range(4)) == 3


@pytest.mark.parametrize("rule", [SGD(0.1), SGD(0.1, 0.9), Adam(0.1)])
def test_a_rule_that_is_built_steps_directly(rule: Any) -> None:
    assert Pair(lambda: rule.build(weights())).run(range(4)) == 3


@pytest.mark.parametrize(("cls", "options"), FOUR)
def test_a_state_that_is_saved_and_loaded_between_steps(cls: Any, options: dict) -> None:
    pair = pair_of(cls, options)
    pair.run(range(5))
    saved = copy.deepcopy(pair.one.state_dict())
    assert str(saved) == str(pair.other.state_dict())
    pair.run(range(5, 8))
    for optimizer in (pair.one, pair.other):
        optimizer.load_state_dict(copy.deepcopy(saved))
    assert pair.run(range(8, 12)) == 3


@pytest.mark.parametrize(("cls", "options"), FOUR[:3])
def test_a_state_that_is_cleared_between_steps(cls: Any, options: dict) -> None:
    pair = pair_of(cls, options)
    pair.run(range(3))
    for optimizer in (pair.one, pair.other):
        optimizer.state.clear()
    assert pair.run(range(3, 6)) == 2


@pytest.mark.parametrize(("cls", "options"), FOUR)
def test_a_state_that_is_replaced_between_steps(cls: Any, options: dict) -> None:
    pair = pair_of(cls, options)
    pair.run(range(3))
    for optimizer in (pair.one, pair.other):
        copies = {
            param: {name: item.clone() for name, item in entry.items()} for param, entry in optimizer.state.items()
        }
        optimizer.state = defaultdict(dict, copies)
    assert pair.run(range(3, 6)) == 2


@pytest.mark.parametrize(("cls", "options"), FOUR)
def test_a_group_that_is_added_between_steps(cls: Any, options: dict) -> None:
    pair = pair_of(cls, options)
    assert pair.run(range(3)) == 2
    for optimizer in (pair.one, pair.other):
        optimizer.add_param_group({"params": weights(shapes=((4,),))})
    assert pair.run(range(3, 6)) == 0


def test_momentum_that_is_switched_off_and_on() -> None:
    pair = pair_of(torch.optim.SGD, {"momentum": 0.0})
    for number, momentum in enumerate([0.0, 0.9, 0.9, 0.0, 0.5, 0.9]):
        for optimizer in (pair.one, pair.other):
            optimizer.param_groups[0]["momentum"] = momentum
        assert pair.run(range(number, number + 1)) == (number not in (0, 1))


@pytest.mark.parametrize(("cls", "options"), FOUR)
def test_a_gradient_that_is_missing_once(cls: Any, options: dict) -> None:
    pair = pair_of(cls, options)
    pair.run(range(3))
    for _ in range(2):
        for optimizer in (pair.one, pair.other):
            gradients(3, optimizer.param_groups[0]["params"])
            optimizer.param_groups[0]["params"][1].grad = None
        pair.one.step()
        pair.step()
        assert_same(pair.one, pair.other)
    assert pair.run(range(6, 9)) == 3


@pytest.mark.parametrize(("cls", "options"), FOUR)
def test_a_gradient_that_is_missing_at_first(cls: Any, options: dict) -> None:
    pair = pair_of(cls, options)
    for optimizer in (pair.one, pair.other):
        optimizer.param_groups[0]["params"][0].grad = torch.ones(37)
    pair.one.step()
    pair.step()
    assert_same(pair.one, pair.other)


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (torch.optim.Adam, {"amsgrad": True}),
        (torch.optim.Adam, {"fused": False}),
        (torch.optim.Adam, {"lr": torch.tensor(0.05)}),
        (torch.optim.SGD, {"fused": None, "foreach": True}),
        (type("Own", (torch.optim.SGD,), {}), {}),
    ],
    ids=["amsgrad", "not fused", "rate in a tensor", "foreach", "subclass"],
)
def test_other_optimizers_take_their_own_step(cls: Any, options: dict) -> None:
    assert pair_of(cls, options).run(range(3)) == 0


def test_rules_without_a_kernel_take_their_own_step() -> None:
    assert Pair(lambda: RMSprop().build(weights())).run(range(3)) == 0


def test_without_the_kernel_in_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = direct_file._RULES[torch.optim.Adam]
    monkeypatch.setitem(direct_file._RULES, torch.optim.Adam, rule._replace(kernel="_fused_no_such_rule_"))
    assert pair_of(torch.optim.Adam, {}).run(range(3)) == 0


def test_mixed_dtypes_take_the_optimizers_own_step() -> None:
    params = lambda: [*weights(torch.float32), *weights(torch.float64)]  # noqa: E731
    assert Pair(lambda: torch.optim.SGD(params(), lr=0.05, momentum=0.9, fused=True)).run(range(3)) == 0


def test_hooks_are_called() -> None:
    pair = pair_of(torch.optim.SGD, {"momentum": 0.9})
    pair.run(range(3))
    calls: list[str] = []
    before = pair.other.register_step_pre_hook(lambda *_: calls.append("before"))
    after = pair.other.register_step_post_hook(lambda *_: calls.append("after"))
    pair.run(range(3, 5))
    assert calls == ["before", "after"] * 2
    before.remove()
    after.remove()
    everywhere = register_optimizer_step_post_hook(lambda *_: calls.append("everywhere"))
    try:
        pair.step()
    finally:
        everywhere.remove()
    assert calls[4:] == ["everywhere"]
    pair.one.step()
    assert pair.run(range(5, 8)) == 3


def test_a_torch_scheduler_sees_its_steps() -> None:
    pair = pair_of(torch.optim.SGD, {"momentum": 0.9})
    pair.run(range(2))
    schedulers = [torch.optim.lr_scheduler.StepLR(optimizer, 2) for optimizer in (pair.one, pair.other)]
    for number in range(2, 8):
        pair.run(range(number, number + 1))
        for scheduler in schedulers:
            scheduler.step()  # would warn, an error here, had it not seen the step
    assert pair.other.param_groups[0]["lr"] == pytest.approx(5e-5)


def test_the_gradient_mode_is_left_as_it_was() -> None:
    pair = pair_of(torch.optim.Adam, {})
    pair.run(range(2))
    assert torch.is_grad_enabled()
    with torch.no_grad():
        pair.run(range(2, 4))
        assert not torch.is_grad_enabled()
    params = pair.other.param_groups[0]["params"]
    assert all(param.is_leaf and param.requires_grad and param.grad_fn is None for param in params)
    pair.other.param_groups[0]["betas"] = None  # an error inside the step
    with pytest.raises(TypeError):
        pair.step()
    assert torch.is_grad_enabled()


def test_the_version_of_a_parameter_counts_as_after_step() -> None:
    pair = pair_of(torch.optim.SGD, {"momentum": 0.9})
    pair.run(range(4))
    versions = [[param._version for param in made.param_groups[0]["params"]] for made in (pair.one, pair.other)]
    assert versions[0] == versions[1]
