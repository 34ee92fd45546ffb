"""The gradient check: backward against centred differences, with kinks found and skipped."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks.before.gradient import Difference, differences, gradients_agree

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


class Tanh(torch.autograd.Function):
    """tanh with its own backward, which is right."""

    factor = 1.0

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.tanh()
        ctx.save_for_backward(y)
        return y

    @classmethod
    def backward(cls, ctx: Any, slope: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return slope * (1 - y * y)


class WrongTanh(Tanh):
    """tanh whose backward has a sign wrong: 1 + y^2."""

    @classmethod
    def backward(cls, ctx: Any, slope: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return slope * (1 + y * y)


class Double(torch.autograd.Function):
    """Half of x, whose backward lacks the factor: the gradient is twice what it must be."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x / 2

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return slope.clone()


class Sign(torch.autograd.Function):
    """The sign, with the identity as surrogate of its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.sign()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return slope


@pytest.fixture
def between(formula: Any) -> Any:
    """Two linear layers with a function between them."""
    return lambda function: formula(
        lambda m, x: m.last(function(m.first(x))), first=nn.Linear(4, 6), last=nn.Linear(6, 3)
    )


# the error of one entry


@pytest.mark.parametrize(
    ("analytic", "numeric", "error"),
    [(1.0, 1.0, 0.0), (2.0, 1.0, 0.5), (1.0, 2.0, 0.5), (1.0, -1.0, 2.0), (0.0, 0.0, 0.0), (0.0, 1e-9, 1.0)],
)
def test_the_relative_error(analytic: float, numeric: float, error: float) -> None:
    assert Difference("w", analytic, numeric, False).error == pytest.approx(error)


def test_differences_agree_with_a_formula(context: Any, draw: Any) -> None:
    module = nn.Linear(3, 1)
    X, y = draw(20, 3), draw(20, 1)
    program = context(module, SQUARES, (X, y))
    rows = program.batch.rows(slice(0, 3))
    A, b = rows.inputs[0].double().numpy(), rows.target.double().numpy()
    residual = A @ module.weight.detach().double().numpy().T + module.bias.detach().double().numpy() - b
    slopes = 2 * (residual * A).mean(0)
    found = differences(program)
    assert {each.name for each in found} == {"weight", "bias"}
    expected = sorted(slopes, key=abs)[::-1]
    for each, slope in zip([d for d in found if d.name == "weight"], expected, strict=False):
        assert each.analytic == pytest.approx(slope, rel=1e-9)
        assert each.numeric == pytest.approx(slope, rel=1e-6)
        assert each.error < 1e-6
        assert not each.kink


def test_a_smooth_network_is_exact_to_a_millionth(context: Any, between: Any, draw: Any) -> None:
    found = differences(context(between(torch.tanh), CROSS, (draw(20, 4), torch.arange(20) % 3)))
    assert len(found) >= 6  # entries of four parameters
    assert max(each.error for each in found) < 1e-6
    assert not any(each.kink for each in found)


def test_kinks_are_found_and_skipped(ask: Any, context: Any) -> None:
    module = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), (1.0, 0.0, 1.0, 0.0), strict=True):
            parameter.fill_(value)
    X, y = torch.zeros(8, 1), torch.ones(8, 1)  # every row lies on the kink: a bias upwards changes it, downwards not
    found = differences(context(module, SQUARES, (X, y)))
    assert [each.kink for each in found if each.name == "0.bias"] == [True]
    assert not ask(gradients_agree, module, SQUARES, (X, y))


def test_random_states_are_fixed_and_dropout_is_off(context: Any, net: Any, draw: Any) -> None:
    program = context(net(4, 8, 3, last=nn.Dropout(0.9)), CROSS, (draw(20, 4), torch.arange(20) % 3))
    first, second = differences(program), differences(program)
    assert first == second
    assert all(each.error < 1e-4 for each in first if not each.kink)


# what is found


def test_a_backward_with_a_wrong_sign(one: Any, between: Any, draw: Any) -> None:
    module = between(WrongTanh.apply)
    data = draw(30, 4), torch.arange(30) % 3
    found = one(gradients_agree, module, CROSS, data)
    assert (found.code, found.level) == ("wrong-gradient", "fault")
    assert found.evidence["functions"] == ["WrongTanh"]
    assert found.where.layer in ("first.weight", "first.bias")
    a, n = found.evidence["analytic"], found.evidence["numeric"]
    assert found.evidence["error"] <= abs(a - n) / max(abs(a), abs(n)) + 1e-12
    assert found.evidence["error"] > 1e-2
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("module", "backward", ["WrongTanh"])
    assert "WrongTanh" in found.do


def test_twice_the_gradient_is_an_error_of_a_half(one: Any, between: Any, draw: Any) -> None:
    found = one(gradients_agree, between(Double.apply), CROSS, (draw(30, 4), torch.arange(30) % 3))
    assert found.evidence["error"] == pytest.approx(0.5, abs=1e-6)
    assert found.evidence["analytic"] == pytest.approx(2 * found.evidence["numeric"], rel=1e-5)


def test_a_wrong_backward_of_the_loss(one: Any, net: Any, draw: Any) -> None:
    loss = lambda z, t: functional.mse_loss(Double.apply(z), t)  # noqa: E731
    found = one(gradients_agree, net(4, 1), loss, (draw(30, 4), draw(30, 1)))
    assert (found.code, found.level) == ("wrong-gradient", "fault")


class Reverse(torch.autograd.Function):
    """x itself, with the gradient turned around: Ganin and Lempitsky 2015."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return -0.3 * slope


def test_a_gradient_that_is_turned_on_purpose_is_a_note(one: Any, between: Any, draw: Any) -> None:
    found = one(gradients_agree, between(Reverse.apply), CROSS, (draw(30, 4), torch.arange(30) % 3))
    assert (found.code, found.level) == ("wrong-gradient", "note")
    assert found.evidence["functions"] == ["Reverse"]
    assert found.evidence["analytic"] == pytest.approx(-0.3 * found.evidence["numeric"], rel=1e-5)


def test_a_wrong_function_beside_one_on_purpose_is_named(one: Any, between: Any, draw: Any) -> None:
    module = between(lambda z: Reverse.apply(z) + WrongTanh.apply(z) + Tanh.apply(z))
    found = one(gradients_agree, module, CROSS, (draw(30, 4), torch.arange(30) % 3))
    assert (found.level, found.evidence["functions"]) == ("fault", ["WrongTanh"])


def test_a_right_function_is_not_blamed_for_a_detach(one: Any, between: Any, draw: Any) -> None:
    module = between(lambda z: Tanh.apply(z) * z.detach())
    found = one(gradients_agree, module, CROSS, (draw(30, 4), torch.arange(30) % 3))
    assert found.level == "note"
    assert "detach()" in found.do


@pytest.mark.parametrize("function", [Tanh.apply, torch.tanh, torch.relu, functional.gelu])
def test_a_right_backward(function: Any, ask: Any, between: Any, draw: Any) -> None:
    assert not ask(gradients_agree, between(function), CROSS, (draw(30, 4), torch.arange(30) % 3))


def test_a_surrogate_gradient_is_at_most_a_note(ask: Any, between: Any, draw: Any) -> None:
    straight = lambda z: z.sign().detach() - z.detach() + z  # noqa: E731
    for function in (Sign.apply, straight):
        found = ask(gradients_agree, between(function), CROSS, (draw(30, 4), torch.arange(30) % 3))
        assert all((each.code, each.level) == ("wrong-gradient", "note") for each in found)


def test_layers_of_all_kinds_are_right(ask: Any, formula: Any, draw: Any) -> None:
    steps = formula(lambda m, x: m.o(m.r(x)[0][:, -1]), r=nn.GRU(3, 4, batch_first=True), o=nn.Linear(4, 3))
    words = nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(12, 3))
    pictures = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
    y = torch.arange(12) % 3
    assert not ask(gradients_agree, steps, CROSS, (draw(12, 5, 3), y))
    assert not ask(gradients_agree, words, CROSS, (torch.arange(48).reshape(12, 4) % 9, y))
    assert not ask(gradients_agree, pictures, CROSS, (draw(12, 1, 6, 6), y))


def test_nothing_to_differentiate_is_no_finding(ask: Any, net: Any, draw: Any) -> None:
    frozen = net(4, 3).requires_grad_(False)
    assert not ask(gradients_agree, frozen, CROSS, (draw(12, 4), torch.arange(12) % 3))
    assert not ask(gradients_agree, nn.Softmax(1), SQUARES, (draw(12, 4), draw(12, 4)))


def test_a_weighted_loss_is_examined(one: Any, between: Any, draw: Any) -> None:
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]))
    assert one(gradients_agree, between(Double.apply), loss, (draw(30, 4), torch.arange(30) % 3)).level == "fault"


@pytest.mark.parametrize("where", ["loss", "forward"])
def test_a_tensor_of_a_function_does_not_hinder(where: str, one: Any, formula: Any, draw: Any) -> None:
    W, weight = draw(4, 4), torch.tensor([1.0, 2.0, 3.0])
    run = (lambda m, x: m.o(Double.apply(m.i(x @ W)))) if where == "forward" else lambda m, x: m.o(Double.apply(m.i(x)))
    module = formula(run, i=nn.Linear(4, 4), o=nn.Linear(4, 3))
    loss = (lambda z, t: functional.cross_entropy(z, t, weight)) if where == "loss" else CROSS
    assert one(gradients_agree, module, loss, (draw(30, 4), torch.arange(30) % 3)).level == "fault"


def test_sparse_gradients_are_left_out(ask: Any) -> None:
    words = nn.Sequential(nn.Embedding(9, 3, sparse=True), nn.Flatten(), nn.Linear(12, 3))
    assert not ask(gradients_agree, words, CROSS, (torch.arange(48).reshape(12, 4) % 9, torch.arange(12) % 3))


@pytest.mark.parametrize("cast", [Tensor.float, lambda x: x.to(torch.float32)], ids=["float", "to"])
def test_a_cast_in_forward_does_not_hinder(cast: Any, one: Any, ask: Any, formula: Any, draw: Any) -> None:
    data = draw(30, 4), torch.arange(30) % 3
    for function, level in ((Double.apply, ["fault"]), (Tanh.apply, [])):
        run = lambda m, x, f=function: m.o(cast(f(m.i(cast(x)))))  # noqa: E731
        module = formula(run, i=nn.Linear(4, 4), o=nn.Linear(4, 3))
        assert [each.level for each in ask(gradients_agree, module, CROSS, data)] == level


class Single(torch.autograd.Function):
    """tanh by a kernel that knows single precision alone."""

    factor = 1.0

    @classmethod
    def forward(cls, ctx: Any, x: Tensor) -> Tensor:
        assert x.dtype == torch.float32
        y = x.tanh()
        ctx.save_for_backward(y)
        return y

    @classmethod
    def backward(cls, ctx: Any, slope: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return cls.factor * slope * (1 - y * y)


class WrongSingle(Single):
    """The same with a gradient of half the size."""

    factor = 0.5


def test_a_program_of_single_precision_is_asked_in_it(
    one: Any, ask: Any, context: Any, between: Any, draw: Any
) -> None:
    data = draw(30, 4), torch.arange(30) % 3
    assert not ask(gradients_agree, between(Single.apply), CROSS, data)
    found = one(gradients_agree, between(WrongSingle.apply), CROSS, data)
    assert found.evidence["error"] == pytest.approx(0.5, abs=0.05)
    limits = {each.wrong for each in differences(context(between(Single.apply), CROSS, data))}
    assert limits == {0.3}


def test_the_error_is_a_signal_even_where_it_is_small(context: Any, between: Any, draw: Any) -> None:
    program = context(between(torch.tanh), CROSS, (draw(30, 4), torch.arange(30) % 3))
    assert not list(gradients_agree(program))
    assert program.signals["relative error of the gradient"].value < 1e-6
