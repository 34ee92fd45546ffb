"""Accumulation against the loop that adds gradients up in ``.grad``, and against one large batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.optim import SGD, Accumulate, Adam, Clip, GaussNewton, IRpropPlus, Rprop

RULES = [SGD(0.1, momentum=0.9), Adam(0.05)]


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_the_usual_loop(problem: Any, rule: Any, steps: int) -> None:
    ours, usual = problem(torch.float64), problem(torch.float64)
    ours.train(Accumulate(rule, steps).build(ours.parameters))
    plain = rule.build(usual.parameters)
    for number, batch in enumerate(usual.batches, start=1):
        (usual.loss(batch) / steps).backward()
        if number % steps == 0:
            plain.step()
            plain.zero_grad()
    torch.testing.assert_close(ours.vector(), usual.vector(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_one_large_batch(problem: Any, rule: Any) -> None:
    ours, large = problem(torch.float64), problem(torch.float64)
    ours.train(Accumulate(rule, 4).build(ours.parameters))
    groups = [large.batches[start : start + 4] for start in range(0, 12, 4)]
    joined = [tuple(torch.cat(parts) for parts in zip(*group, strict=True)) for group in groups]
    large.train(rule.build(large.parameters), joined)
    torch.testing.assert_close(ours.vector(), large.vector(), rtol=1e-10, atol=1e-12)


def test_the_weights_move_at_every_fourth_batch_only(problem: Any) -> None:
    one = problem()
    before = one.vector()
    seen = one.train(Accumulate(SGD(0.1)).build(one.parameters))
    moved = [not torch.equal(a, b) for a, b in zip([before, *seen], seen, strict=False)]
    assert moved == [False, False, False, True] * 3


def test_a_group_goes_on_over_the_end_of_an_epoch(problem: Any) -> None:
    one, other = problem(), problem()
    optimizer = Accumulate(Adam(0.1), 5).build(one.parameters)
    one.train(optimizer, one.batches[:7])
    assert optimizer.state_dict()["wrappers"][0]["batches"] == 2
    one.train(optimizer, one.batches[7:10])
    other.train(Accumulate(Adam(0.1), 5).build(other.parameters), other.batches[:10])
    assert torch.equal(one.vector(), other.vector())


def test_gradients_that_are_missing_now_and_then(problem: Any) -> None:
    one = problem()
    optimizer = Accumulate(SGD(1.0), 2).build(one.parameters)
    before = one.vector()
    for number in range(2):
        one.backward(one.batches[number])
        one.module.last.bias.grad = None
        if number == 0:
            expected = one.module.last.weight.grad / 2
        else:
            one.module.last.weight.grad = None  # of the first batch alone, in the last
        optimizer.step()
    assert torch.equal(one.vector()[-2:], before[-2:])
    assert one.module.last.bias.grad is None
    torch.testing.assert_close(one.module.last.weight.detach().reshape(-1), before[-10:-2] - expected.reshape(-1))


def test_half_precision_is_added_up_in_single() -> None:
    weight = torch.zeros(1, dtype=torch.bfloat16, requires_grad=True)
    optimizer = Accumulate(SGD(1.0), 512).build([weight])
    for _ in range(512):  # 256 + 1 is 256 in bfloat16
        weight.grad = torch.ones(1, dtype=torch.bfloat16)
        optimizer.step()
    assert weight.item() == -1.0
    assert weight.grad.dtype is torch.bfloat16


def test_the_sum_is_no_view_of_the_gradient() -> None:
    weight = torch.zeros(2, requires_grad=True)
    weight.grad = torch.ones(2)
    optimizer = Accumulate(SGD(1.0), 2).build([weight])
    optimizer.step()
    weight.grad.zero_()  # as a loop does that keeps its tensors
    optimizer.step()
    assert weight.tolist() == [-0.5, -0.5]


def test_a_mean_that_is_refused_is_forgotten(problem: Any) -> None:
    one, other = problem(), problem()
    optimizer = Accumulate(Clip(SGD(0.1), norm=1.0), 2).build(one.parameters)
    one.backward(one.batches[0])
    one.module.first.bias.grad[0] = float("nan")
    optimizer.step()
    one.backward(one.batches[1])
    with pytest.raises(InvalidData, match="a norm of nan"):
        optimizer.step()
    one.train(optimizer, one.batches[2:4])
    other.train(Accumulate(Clip(SGD(0.1), norm=1.0), 2).build(other.parameters), other.batches[2:4])
    assert torch.equal(one.vector(), other.vector())


def test_parts_of_the_rows_for_a_rule_of_all_rows(problem: Any) -> None:
    rule = Accumulate(Rprop(), steps=12)
    assert Rprop.full_batch
    assert not rule.full_batch
    ours, whole = problem(torch.float64), problem(torch.float64)
    optimizer, plain = rule.build(ours.parameters), Rprop().build(whole.parameters)
    everything = tuple(torch.cat(parts) for parts in zip(*whole.batches, strict=True))
    for _ in range(5):
        ours.train(optimizer)
        whole.train(plain, [everything])
    torch.testing.assert_close(ours.vector(), whole.vector(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", [GaussNewton(), IRpropPlus()], ids=repr)
def test_rules_that_it_cannot_serve(rule: Any) -> None:
    message = r"Accumulate\(rule\): expected a rule that is handed gradients, such as Adam\(0.001\), got "
    with pytest.raises(InvalidParameter, match=message):
        Accumulate(rule)


def test_a_number_of_steps_that_cannot_be() -> None:
    with pytest.raises(InvalidParameter, match=r"Accumulate\(steps\): expected an integer >= 1, got 0"):
        Accumulate(Adam(), 0)
