"""What all wrappers promise: values, rules, torch optimizers; round any rule and round each other; exact resume."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import io
import json
import pickle
from typing import Any

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

import netwright.optim as nw_optim
from netwright.core.errors import InvalidParameter
from netwright.core.value import from_json, to_json
from netwright.optim import (
    SGD,
    Accumulate,
    Adam,
    AdamW,
    Averaged,
    Clip,
    Freeze,
    IRpropPlus,
    LayerRates,
    LevenbergMarquardt,
    Lookahead,
    Newton,
    Optimizer,
    RMSprop,
    Rprop,
    cosine,
    direct_step,
    halving,
)
from netwright.optim.wrappers.wrapped import Wrapped, chain_of

CLASSES = [Clip, Accumulate, Averaged, Lookahead, Freeze, LayerRates]
MORE: list[tuple[Any, ...]] = [(1.0,), (), (), (), ("a",), ({"a": 2.0},)]  # what they need beside a rule
ONE = [
    Clip(Adam(0.05), 0.5),
    Clip(SGD(0.05, momentum=0.9), value=0.1),
    Accumulate(Adam(0.05), 3),
    Averaged(RMSprop(), 0.9),
    Averaged(SGD(0.05), kind="swa", begin=3, every=2),
    Lookahead(SGD(0.05, momentum=0.9), 4, 0.7),
    Freeze(Adam(0.05), "first"),
    LayerRates(AdamW(0.05, weight_decay=0.1), {"first": 0.1, "*.bias": 2.0}),
    Clip(IRpropPlus(), 0.5),
]
NESTED = [
    Clip(Averaged(Adam(0.05), 0.9), 0.5),
    Averaged(Clip(Adam(0.05), 0.5), 0.9),
    Accumulate(Clip(Averaged(Lookahead(SGD(0.1, momentum=0.9), 2)), 0.5), 2),
    Lookahead(LayerRates(Freeze(Clip(Adam(0.05), 1.0), "second"), {"first": 0.1}), 3),
    Freeze(Averaged(Lookahead(Rprop(), 2), kind="swa"), "*.bias"),
]
CURVED = [
    Averaged(LevenbergMarquardt(), 0.9),
    Lookahead(Newton(), 3),
    Freeze(Averaged(LevenbergMarquardt()), "first"),
    Lookahead(Freeze(Newton(), "second"), 2),
]
each_rule = pytest.mark.parametrize("rule", [*ONE, *NESTED, *CURVED], ids=repr)
each_first_order = pytest.mark.parametrize("rule", [*ONE, *NESTED], ids=repr)


def steps(one: Any, optimizer: torch.optim.Optimizer, rule: Any, batches: list[Any]) -> list[Any]:
    """A step for each batch, as the rule takes them; curvature sees the first batch only."""
    if rule.takes in ("objective", "residuals"):
        return [optimizer.step(lambda: one.loss(one.batches[0]).sqrt()[None]) for _ in batches]
    return [optimizer.step(one.closure(optimizer, batch)) for batch in batches]


@pytest.mark.slow
@each_rule
def test_a_resumed_run_makes_the_same_steps(problem: Any, rule: Any) -> None:
    one, resumed = problem(), problem()
    optimizer = rule.build(one.named)
    steps(one, optimizer, rule, one.batches[:5])
    file = io.BytesIO()
    torch.save((one.module.state_dict(), optimizer.state_dict()), file)
    steps(one, optimizer, rule, one.batches[5:])
    file.seek(0)
    weights, state = torch.load(file, weights_only=True)
    resumed.module.load_state_dict(weights)
    again = rule.build(resumed.named)
    again.load_state_dict(state)
    steps(resumed, again, rule, resumed.batches[5:])
    assert torch.equal(one.vector(), resumed.vector())
    assert str(optimizer.state_dict()) == str(again.state_dict())


@pytest.mark.slow
@each_rule
@pytest.mark.parametrize(
    "way", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))], ids=["copy", "pickle"]
)
def test_a_copy_goes_on_by_itself(problem: Any, rule: Any, way: Any) -> None:
    one = problem()
    optimizer = rule.build(one.named)
    steps(one, optimizer, rule, one.batches[:5])
    other, twin = problem(), None
    other.module, twin = way((one.module, optimizer))
    before = one.vector()
    steps(other, twin, rule, one.batches[5:])
    assert torch.equal(one.vector(), before)
    steps(one, optimizer, rule, one.batches[5:])
    assert torch.equal(one.vector(), other.vector())


@each_rule
def test_is_a_value(rule: Any) -> None:
    assert eval(repr(rule), vars(nw_optim)) == rule
    assert from_json(json.loads(json.dumps(to_json(rule)))) == rule
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert hash(rule) == hash(copy.copy(rule))
    assert dataclasses.replace(rule, rule=SGD(0.125)) != rule
    with pytest.raises(dataclasses.FrozenInstanceError):
        rule.rule = Adam()


@pytest.mark.parametrize("cls", CLASSES)
def test_is_final_documented_and_checked(cls: Any) -> None:
    assert cls.__final__
    assert issubclass(cls, Optimizer)
    fields = {field.name for field in dataclasses.fields(cls)}
    assert set(cls.constraints) == fields
    text = inspect.getdoc(cls) or ""
    assert all(f"\n{name} : " in text for name in fields)
    assert all(part in text for part in ("Parameters\n", "Raises\n", "Examples\n", "References\n", ">>>", "<-"))


@pytest.mark.parametrize(("cls", "more"), list(zip(CLASSES, MORE, strict=True)))
def test_wraps_rules_and_nothing_else(cls: Any, more: tuple) -> None:
    for thing in (None, "Adam()", torch.optim.Adam, cosine(0.1)):
        with pytest.raises(
            InvalidParameter, match=rf"{cls.__name__}\(rule\): expected an update rule such as Adam\(0.0"
        ):
            cls(thing, *more)
    assert cls(Adam(), *more).rule == Adam()


@each_rule
def test_answers_for_the_rule_inside(rule: Any) -> None:
    inside = rule
    while hasattr(inside, "rule"):
        inside = inside.rule
    assert rule.takes == inside.takes
    assert rule.full_batch == (inside.full_batch and not isinstance(rule, Accumulate))
    assert rule.rate(3.5, 10) == inside.rate(3.5, 10)
    assert rule.by_name == ("Freeze" in repr(rule) or "LayerRates" in repr(rule))
    assert not inside.by_name


@pytest.mark.parametrize("wrap", [lambda r: Clip(r, 1.0), Accumulate, Averaged, Lookahead, lambda r: Freeze(r, "a")])
def test_answers_for_its_schedule(wrap: Any) -> None:
    rule = wrap(SGD(cosine(0.25)))
    assert rule.every_step
    assert rule.rate(5, 10) == pytest.approx(0.125)
    assert rule.build([("a", torch.zeros(1)), ("b", torch.zeros(1))]).param_groups[0]["lr"] == 0.25
    assert not wrap(SGD(halving(0.1, every=2))).every_step
    assert not hasattr(wrap(Rprop()), "learning_rate")


@each_first_order
def test_a_closure_or_the_gradients_are_the_same(problem: Any, rule: Any) -> None:
    with_closure, with_gradients, direct = problem(), problem(), problem()
    built = [rule.build(one.named) for one in (with_closure, with_gradients, direct)]
    quick = direct_step(built[2])
    for batch in with_closure.batches:
        losses = [built[0].step(with_closure.closure(built[0], batch))]
        losses.append(with_gradients.backward(batch))
        if rule.takes == "gradients":
            assert built[1].step() is None
            direct.backward(batch)
            quick()
        else:
            built[1].step(lambda: losses[1])  # noqa: B023
        assert torch.equal(*losses)
    assert torch.equal(with_closure.vector(), with_gradients.vector())
    assert torch.equal(with_closure.vector(), direct.vector()) or rule.takes != "gradients"


@pytest.mark.parametrize("rule", [Clip(SGD(0.1), 1.0), Averaged(SGD(0.1)), Lookahead(Clip(SGD(0.1), 1.0))], ids=repr)
def test_shares_groups_and_state_with_the_rule(problem: Any, rule: Any) -> None:
    one = problem()
    optimizer = rule.build(one.parameters)
    assert isinstance(optimizer, torch.optim.Optimizer)
    inner = chain_of(optimizer)[-1]
    assert type(inner) is torch.optim.SGD
    for _ in range(2):
        assert optimizer.param_groups is inner.param_groups
        assert optimizer.state is inner.state
        optimizer.load_state_dict(optimizer.state_dict())
    before = one.vector()
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    one.train(optimizer, one.batches[:3])
    assert torch.equal(one.vector(), before)
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in one.parameters)
    assert "lr: 0.0" in repr(optimizer)


def test_a_scheduler_of_torch_and_hooks(problem: Any) -> None:
    one, plain = problem(), problem()
    optimizer, reference = Clip(SGD(0.1), 1e9).build(one.parameters), SGD(0.1).build(plain.parameters)
    calls: list[str] = []
    optimizer.register_step_pre_hook(lambda *_: calls.append("before"))
    optimizer.register_step_post_hook(lambda *_: calls.append("after"))
    quick = direct_step(optimizer)
    for each, built, step in ((one, optimizer, quick), (plain, reference, lambda: reference.step())):
        scheduler = torch.optim.lr_scheduler.StepLR(built, 2, 0.5)
        for batch in each.batches:
            each.backward(batch)
            step()
            scheduler.step()  # would warn, an error here, had it not seen the step
    assert calls == ["before", "after"] * 12
    assert torch.equal(one.vector(), plain.vector())
    everywhere = register_optimizer_step_post_hook(lambda *_: calls.append("everywhere"))
    try:
        quick()
    finally:
        everywhere.remove()
    assert calls.count("everywhere") == 2  # of the shell and of the rule's own optimizer


def test_hooks_of_the_state() -> None:
    weight = torch.zeros(2, requires_grad=True)
    optimizer = Averaged(SGD(0.1)).build([weight])
    calls: list[str] = []
    optimizer.register_state_dict_pre_hook(lambda _: calls.append("before saving"))
    optimizer.register_state_dict_post_hook(lambda _, found: {**found, "more": 1})
    optimizer.register_load_state_dict_pre_hook(lambda _, found: {k: v for k, v in found.items() if k != "more"})
    optimizer.register_load_state_dict_post_hook(lambda _: calls.append("after loading"))
    state = optimizer.state_dict()
    assert state["more"] == 1
    optimizer.load_state_dict(state)
    assert calls == ["before saving", "after loading"]


def test_with_the_gradient_scaler_of_mixed_precision(problem: Any) -> None:
    one, plain = problem(), problem()
    optimizer, reference = (Clip(Adam(0.05), 0.5).build(each.parameters) for each in (one, plain))
    plain.train(reference)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for batch in one.batches:
        optimizer.zero_grad()
        scaler.scale(one.loss(batch)).backward()
        scaler.step(optimizer)
        scaler.update()
    torch.testing.assert_close(one.vector(), plain.vector(), rtol=1e-4, atol=1e-5)


def test_the_state_of_the_bare_rule_begins_the_wrappers_anew(problem: Any) -> None:
    one, other = problem(), problem()
    plain = Adam(0.05).build(one.parameters)
    one.train(plain, one.batches[:5])
    other.module.load_state_dict(one.module.state_dict())
    optimizer = Clip(Averaged(Adam(0.05), 0.9), 1e9).build(other.parameters)
    optimizer.load_state_dict(copy.deepcopy(plain.state_dict()))
    one.train(plain, one.batches[5:])
    other.train(optimizer, other.batches[5:])
    assert torch.equal(one.vector(), other.vector())
    assert optimizer.state_dict()["wrappers"][1]["taken"] == 7


def test_states_that_do_not_fit(problem: Any) -> None:
    one = problem()
    state = Clip(Averaged(Adam()), 1.0).build(one.parameters).state_dict()
    message = (
        r"Averaged.load_state_dict: expected the state of Averaged round Clip, got that of Clip round Averaged\. Bu"
    )
    with pytest.raises(InvalidParameter, match=message):
        Averaged(Clip(Adam(), 1.0)).build(one.parameters).load_state_dict(state)
    with pytest.raises(InvalidParameter, match=r"expected the state of Clip, got that of Clip round Averaged"):
        Clip(Adam(), 1.0).build(one.parameters).load_state_dict(state)
    with pytest.raises(InvalidParameter, match=r"expected the state of Clip, got that of no wrapper"):
        Clip(Adam(), 1.0).build(one.parameters).load_state_dict({**state, "wrappers": []})
    small, large = torch.zeros(2, requires_grad=True), torch.zeros(3, requires_grad=True)
    optimizer = Lookahead(SGD()).build([small])
    small.grad = torch.ones(2)
    optimizer.step()
    message = (
        r"Lookahead.load_state_dict: expected slow of the shapes \[\(3,\)\], got \[\(2,\)\]\. Build the optimizer on"
    )
    with pytest.raises(InvalidParameter, match=message):
        Lookahead(SGD()).build([large]).load_state_dict(optimizer.state_dict())


@pytest.mark.slow
@each_first_order
def test_weights_stay_finite_and_losses_fall(problem: Any, rule: Any) -> None:
    one = problem()
    optimizer = rule.build(one.named)
    batch = one.batches[0]
    first = one.loss(batch).item()
    steps(one, optimizer, rule, [batch] * 150)
    assert one.vector().isfinite().all()
    assert one.loss(batch).item() < 0.75 * first


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@each_first_order
def test_on_a_gpu(problem: Any, rule: Any) -> None:
    one, reference = problem(), problem()
    one.module.cuda()
    one.batches = [(x.cuda(), y.cuda()) for x, y in one.batches]
    for each in (one, reference):
        optimizer = rule.build(each.named)
        steps(each, optimizer, rule, each.batches[:4])
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        steps(each, optimizer, rule, each.batches[4:7])
    torch.testing.assert_close(one.vector().cpu(), reference.vector(), rtol=1e-3, atol=1e-4)


def test_a_shell_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Wrapped(Clip(Adam(), 1.0), Adam().build([torch.zeros(1)]))
