"""The shell of rules that treat every weight by itself: groups, missing gradients, formats, state."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch

from netwright.core.errors import InvalidData
from netwright.optim import Adam, IRpropMinus, IRpropPlus, Optimizer, Rprop

RULES: list[Optimizer] = [Rprop(), IRpropPlus(), IRpropMinus(), Adam(0.01, epsilon_hat=True)]
each = pytest.mark.parametrize("rule", RULES, ids=repr)


def slopes(params: list[torch.Tensor], number: int) -> None:
    g = torch.Generator().manual_seed(number)
    for param in params:
        param.grad = torch.randn(param.shape, generator=g, dtype=param.dtype)


def fresh(dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(9)
    return [torch.randn(shape, generator=g, dtype=dtype).requires_grad_() for shape in ((3, 2), (4,))]


def run(optimizer: torch.optim.Optimizer, params: list[torch.Tensor], numbers: range) -> None:
    for number in numbers:
        slopes(params, number)
        optimizer.step(lambda number=number: float(number % 3))


@each
def test_a_tensor_without_a_gradient_stays_and_keeps_its_own_count(rule: Optimizer) -> None:
    params = fresh()
    optimizer = rule.build(params)
    alone = fresh()[:1]
    other = rule.build(alone)
    start = params[1].detach().clone()
    for number in range(3):
        slopes(params[:1], number)
        slopes(alone, number)
        optimizer.step(lambda: 1.0)
        other.step(lambda: 1.0)
    assert torch.equal(params[0], alone[0])
    assert torch.equal(params[1], start)
    assert params[1] not in optimizer.state
    slopes(params, 5)
    optimizer.step(lambda: 1.0)
    assert [optimizer.state[param]["step"] for param in params] == [4, 1]


@each
def test_no_gradient_at_all_is_no_step(rule: Optimizer) -> None:
    params = fresh()
    optimizer = rule.build(params)
    optimizer.step(lambda: 1.0)
    assert all(torch.equal(*pair) for pair in zip(params, fresh(), strict=True))


@each
def test_an_empty_tensor_and_two_formats(rule: Optimizer) -> None:
    params = [torch.zeros(0, requires_grad=True), *fresh(), *fresh(torch.float64)]
    optimizer = rule.build(params)
    run(optimizer, params, range(4))
    assert all(param.isfinite().all() for param in params)
    single = fresh()
    reference = rule.build(single)
    slopes_of = [param.grad for param in params]
    assert slopes_of[0] is not None
    assert [param.dtype for param in params[1:]] == [torch.float32] * 2 + [torch.float64] * 2
    run(reference, single, range(1))
    assert reference.state[single[0]]["step"] == 1


@each
def test_complex_numbers_are_pairs(rule: Optimizer) -> None:
    weight = torch.tensor([1 + 2j, -1j], requires_grad=True)
    pairs = torch.view_as_real(weight.detach()).clone().requires_grad_()
    one, other = rule.build([weight]), rule.build([pairs])
    for number in range(5):
        slopes([pairs], number)
        weight.grad = torch.view_as_complex(pairs.grad.clone())
        one.step(lambda: 1.0)
        other.step(lambda: 1.0)
    assert torch.equal(torch.view_as_real(weight), pairs)


@each
def test_sparse_gradients_are_refused(rule: Optimizer) -> None:
    table = torch.nn.Embedding(5, 2, sparse=True, _weight=torch.ones(5, 2))
    table(torch.tensor([1, 3])).sum().backward()
    message = rf"{type(rule).__name__}\.step\((closure)?\): expected dense gradients, got a sparse one. Build the embed"
    with pytest.raises(InvalidData, match=message):
        rule.build(table.parameters()).step(lambda: 1.0)


@each
@pytest.mark.parametrize("how", ["state_dict", "pickle", "deepcopy"])
def test_taken_up_again(rule: Optimizer, how: str) -> None:
    params = fresh()
    optimizer = rule.build(params)
    run(optimizer, params, range(5))
    if how == "state_dict":
        others = [param.detach().clone().requires_grad_() for param in params]
        file = io.BytesIO()
        torch.save(optimizer.state_dict(), file)
        file.seek(0)
        again = rule.build(others)
        again.load_state_dict(torch.load(file, weights_only=True))
    elif how == "pickle":
        others, again = pickle.loads(pickle.dumps((params, optimizer)))
    else:
        others, again = copy.deepcopy((params, optimizer))
    run(optimizer, params, range(5, 10))
    run(again, others, range(5, 10))
    assert all(torch.equal(*pair) for pair in zip(params, others, strict=True))
    assert type(again) is type(optimizer)


@each
def test_a_group_that_is_added_and_hooks_that_are_called(rule: Optimizer) -> None:
    params = fresh()
    optimizer = rule.build(params[:1])
    calls: list[str] = []
    optimizer.register_step_post_hook(lambda *_: calls.append("after"))
    run(optimizer, params, range(2))
    optimizer.add_param_group({"params": params[1:]})
    run(optimizer, params, range(2, 4))
    assert [optimizer.state[param]["step"] for param in params] == [4, 2]
    assert calls == ["after"] * 4
