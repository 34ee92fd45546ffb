"""Clipping against torch's own, and what becomes of NaN and infinity."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.optim import SGD, Adam, Clip, IRpropPlus, LevenbergMarquardt
from netwright.optim.wrappers.clip import clip_norm_, clip_value_

RULES = [SGD(0.3, momentum=0.9), Adam(0.05)]


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("norm", [0.05, 1.0, 1e6])
def test_the_bits_of_clip_grad_norm(problem: Any, rule: Any, dtype: torch.dtype, norm: float) -> None:
    ours, torchs = problem(dtype), problem(dtype)
    optimizer, plain = Clip(rule, norm=norm).build(ours.parameters), rule.build(torchs.parameters)
    ours.train(optimizer)
    for batch in torchs.batches:
        torchs.backward(batch)
        torch.nn.utils.clip_grad_norm_(torchs.parameters, norm, error_if_nonfinite=True)
        plain.step()
    assert torch.equal(ours.vector(), torchs.vector())


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("limit", [0.01, 0.1, 1e6])
def test_the_bits_of_clip_grad_value(problem: Any, rule: Any, limit: float) -> None:
    ours, torchs = problem(), problem()
    optimizer, plain = Clip(rule, value=limit).build(ours.parameters), rule.build(torchs.parameters)
    ours.train(optimizer)
    for batch in torchs.batches:
        torchs.backward(batch)
        torch.nn.utils.clip_grad_value_(torchs.parameters, limit)
        plain.step()
    assert torch.equal(ours.vector(), torchs.vector())


def test_one_tensor_is_as_several() -> None:
    whole = torch.arange(-3.0, 9.0)
    parts = [whole[:5].clone(), whole[5:].clone()]
    assert clip_norm_(parts, 2.0) == pytest.approx(clip_norm_([whole], 2.0))
    torch.testing.assert_close(torch.cat(parts), whole)
    assert float(whole.norm()) == pytest.approx(2.0, rel=1e-5)


def test_parameters_without_gradients_are_left_out(problem: Any) -> None:
    one = problem()
    optimizer = Clip(SGD(0.1), norm=0.1).build(one.parameters)
    before = one.vector()
    optimizer.step()
    assert torch.equal(one.vector(), before)
    one.backward(one.batches[0])
    one.module.first.weight.grad = None
    optimizer.step()
    assert torch.equal(one.vector()[:15], before[:15])
    assert not torch.equal(one.vector()[15:], before[15:])


@pytest.mark.parametrize("options", [{"norm": 1.0}, {"value": 1.0}], ids=str)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_is_an_error(problem: Any, options: dict, bad: float) -> None:
    one = problem()
    optimizer = Clip(Adam(0.1), **options).build(one.parameters)
    one.train(optimizer, one.batches[:2])
    before, state = one.vector(), str(optimizer.state_dict())
    one.backward(one.batches[2])
    one.module.second.bias.grad[1] = bad
    message = r"Clip.step: expected gradients without NaN and infinity, got a norm of (nan|inf)\. The weights are as "
    with pytest.raises(InvalidData, match=message):
        optimizer.step()
    assert torch.equal(one.vector(), before)
    assert str(optimizer.state_dict()) == state


@pytest.mark.parametrize("options", [{"norm": 1.0}, {"value": 1.0}], ids=str)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_or_the_batch_is_skipped(problem: Any, options: dict, bad: float) -> None:
    skipping, without = problem(), problem()
    optimizer = Clip(Adam(0.1), nonfinite="skip", **options).build(skipping.parameters)
    plain = Clip(Adam(0.1), **options).build(without.parameters)
    for number, batch in enumerate(skipping.batches):
        skipping.backward(batch)
        if number in (3, 4):
            skipping.module.last.weight.grad[0, 0] = bad
        else:
            without.train(plain, [batch])
        optimizer.step()
    assert torch.equal(skipping.vector(), without.vector())
    assert optimizer.state_dict()["wrappers"] == [{"wrapper": "Clip", "skipped": 2}]


def test_squares_that_overflow_are_no_infinity() -> None:
    gradients = [torch.full((4,), 1e30), torch.full((4,), -1e30)]
    assert clip_norm_(gradients, 1.0) == pytest.approx(1e30 * math.sqrt(8))
    for gradient, sign in zip(gradients, (1, -1), strict=True):
        torch.testing.assert_close(gradient, torch.full((4,), sign / math.sqrt(8)))
    assert clip_value_([torch.tensor([1e38, -1.0])], 2.0) == pytest.approx(1e38)


def test_a_loss_that_the_rule_wants_goes_through(problem: Any) -> None:
    ours, plain = problem(), problem()
    optimizer, other = Clip(IRpropPlus(), norm=1e9).build(ours.parameters), IRpropPlus().build(plain.parameters)
    for one, built in ((ours, optimizer), (plain, other)):
        losses = [built.step(one.closure(built, one.batches[0])).item() for _ in range(20)]
        assert losses[-1] < losses[0]
    assert torch.equal(ours.vector(), plain.vector())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Clip(Adam()), r"Clip: expected one limit, norm or value, got norm=None, value=None\. Clip\(rule, nor"),
        (lambda: Clip(Adam(), 1.0, value=1.0), r"Clip: expected one limit, norm or value, got norm=1.0, value=1.0"),
        (lambda: Clip(Adam(), 0), r"Clip\(norm\): expected None or a number in \(0, inf\), got 0"),
        (lambda: Clip(Adam(), value=math.nan), r"Clip\(value\): expected None or a number in \(0, inf\), got nan"),
        (lambda: Clip(Adam(), 1.0, nonfinite="ignore"), r"Clip\(nonfinite\): expected 'error' or 'skip', got 'ignore'"),
        (
            lambda: Clip(LevenbergMarquardt(), 1.0),
            r"Clip\(rule\): expected a rule that is handed gradients, such as Adam\(0.001\), got LevenbergMarquardt\(\)"
            r", which evaluates the loss itself\. Leave Clip out: its steps are as long as the loss allows",
        ),
    ],
)
def test_options_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        make()
