"""Functions written by hand: whether each is the slope of its own forward, and whether it differs on purpose."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.before.backward.handwritten import Call, calls_of, functions_of, verdict


def made(forward: Any, backward: Any) -> Any:
    """A function of one tensor: ``forward(x)`` and ``backward(x, y, g)``."""

    def first(ctx: Any, x: Tensor) -> Tensor:
        y = forward(x)
        ctx.save_for_backward(x, y)
        return y  # type: ignore[no-any-return]

    def then(ctx: Any, g: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return backward(x, y, g)  # type: ignore[no-any-return]

    return type("Made", (torch.autograd.Function,), {"forward": staticmethod(first), "backward": staticmethod(then)})


def verdict_of(forward: Any, backward: Any, x: Tensor) -> str:
    return verdict(Call(made(forward, backward), (x.clone().requires_grad_(),)))


@pytest.fixture
def x(draw: Any) -> Tensor:
    return draw(8, 12)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (torch.tanh, lambda x, y, g: g * (1 - y * y)),
        (torch.relu, lambda x, y, g: g * (x > 0)),
        (lambda x: 3 * x, lambda x, y, g: 3 * g),
        (lambda x: x.softmax(1), lambda x, y, g: y * (g - (y * g).sum(1, True))),
        (lambda x: x.sum(), lambda x, y, g: g.expand_as(x)),
        (lambda x: x.clone(), lambda x, y, g: g.clone()),
    ],
)
def test_the_slope_is_right(forward: Any, backward: Any, x: Tensor) -> None:
    assert verdict_of(forward, backward, x) == "right"


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (torch.tanh, lambda x, y, g: g * (1 + y * y)),
        (torch.tanh, lambda x, y, g: -g * (1 - y * y)),
        (torch.sigmoid, lambda x, y, g: g * y),
        (torch.square, lambda x, y, g: g * x),
        (lambda x: x / 2, lambda x, y, g: g.clone()),
        (torch.relu, lambda x, y, g: g.clone()),
        (lambda x: x.softmax(1), lambda x, y, g: g * y * (1 - y)),
        (lambda x: x.square().mean(), lambda x, y, g: g * 2 * x),
    ],
    ids=["sign", "negated", "factor", "two", "half", "mask", "diagonal", "mean"],
)
def test_a_slope_that_is_wrong(forward: Any, backward: Any, x: Tensor) -> None:
    assert verdict_of(forward, backward, x) == "unlike"


@pytest.mark.parametrize(
    "backward",
    [lambda x, y, g: -0.3 * g, lambda x, y, g: 0.1 * g, lambda x, y, g: g.clamp(-1e-2, 1e-2), lambda x, y, g: 0 * g],
    ids=["reversed", "scaled", "clipped", "stopped"],
)
@pytest.mark.parametrize("forward", [Tensor.clone, lambda x: x.view_as(x)], ids=["clone", "view"])
def test_a_gradient_that_is_changed_on_purpose(forward: Any, backward: Any, x: Tensor) -> None:
    assert verdict_of(forward, backward, x) == "reverses"


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (torch.round, lambda x, y, g: g.clone()),
        (torch.sign, lambda x, y, g: g * (x.abs() <= 1)),
        (lambda x: (x > 0).to(x.dtype), lambda x, y, g: g / (1 + 10 * x.abs()) ** 2),
        (lambda x: (7 * x / x.abs().max()).round() * x.abs().max() / 7, lambda x, y, g: g.clone()),
        (lambda x: x.sign() * x.abs().mean(), lambda x, y, g: g.clone()),
        (lambda x: x.sign() * x.abs().mean(1, True), lambda x, y, g: g.clone()),
        (lambda x: x.clamp(-0.5, 0.5), lambda x, y, g: g.clone()),
        (lambda x: x * (x.abs() > x.abs().median()), lambda x, y, g: g.clone()),
    ],
    ids=["round", "sign", "spike", "levels", "mean", "means", "clamp", "pruned"],
)
def test_a_surrogate_of_a_step(forward: Any, backward: Any, x: Tensor) -> None:
    assert verdict_of(forward, backward, x) == "rounds"


class Steps(torch.autograd.Function):
    """Levels whose size is learned: Esser et al. 2020."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: Tensor) -> Tensor:
        ctx.save_for_backward(x, size)
        return (x / size).round() * size

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        x, size = ctx.saved_tensors
        return g.clone(), (g * ((x / size).round() - x / size)).sum().reshape(size.shape)


def test_a_function_of_several_inputs_that_rounds_one(x: Tensor) -> None:
    call = Call(Steps, (x.requires_grad_(), torch.tensor(0.25, requires_grad=True)))
    assert verdict(call) == "rounds"


class Line(torch.autograd.Function):
    """A linear layer whose backward lacks a transposition."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return x @ w.T

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        return g @ w.T, g.T @ x


def test_a_transposition_that_is_missing(draw: Any) -> None:
    assert verdict(Call(Line, (draw(6, 4).requires_grad_(), draw(4, 4).requires_grad_()))) == "unlike"


def test_what_cannot_be_asked_is_unknown() -> None:
    assert verdict(Call(Line, (torch.ones(2, 3, requires_grad=True), torch.ones(3)))) == "unknown"


def test_the_functions_of_a_graph(x: Tensor, formula: Any) -> None:
    own = made(torch.tanh, lambda x, y, g: g * (1 - y * y))
    value = nn.functional.relu(own.apply(x.requires_grad_())).sum()
    assert functions_of(value) == [own]
    assert functions_of(x.sum()) == []
    assert functions_of(3.0) == []


def test_calls_are_noted_and_forward_is_put_back(x: Tensor) -> None:
    own = made(torch.tanh, lambda x, y, g: g * (1 - y * y))
    before, bound = own.__dict__["forward"], own.apply
    with calls_of([own, Steps]) as calls:
        bound(x.requires_grad_())
    assert own.__dict__["forward"] is before
    bound(x)
    assert [each.function for each in calls] == [own]
    assert torch.equal(calls[0].args[0], x)
    assert calls[0].args[0].requires_grad


def test_an_inherited_forward_is_put_back_too(x: Tensor) -> None:
    class Heir(Line):
        """Nothing of its own."""

    with calls_of([Heir]) as calls:
        Heir.apply(x.requires_grad_(), torch.ones(12, 12))
    assert len(calls) == 1
    assert "forward" not in Heir.__dict__
