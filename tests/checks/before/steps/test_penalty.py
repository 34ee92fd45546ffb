"""Questions to the penalty of large weights, in the optimizer and in the loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from netwright.checks.before.steps.penalty import in_the_loss, weight_decay

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()
SGD, Adam = torch.optim.SGD, torch.optim.Adam


@pytest.fixture
def data(draw: Any, classes: Any) -> Any:
    X = draw(160, 4)
    return X, classes(X)


# the decay of an optimizer


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "decay"), [(SGD, 5.0), (Adam, 2.0), (torch.optim.AdamW, 60.0)], ids=["sgd", "adam", "adamw"]
)
def test_a_penalty_that_outweighs_the_data(rule: Any, decay: float, one: Any, net: Any, data: Any) -> None:
    module = net(4, 16, 3)
    rate = 0.1 if rule is SGD else 1e-2
    found = one(weight_decay, module, CROSS, data, rule(module.parameters(), lr=rate, weight_decay=decay))
    assert (found.code, found.level) == ("over-regularised", "fault")
    assert found.evidence["decay"] == decay
    assert found.evidence["left_without"] < 0.75 * found.evidence["left_as_is"]
    assert found.evidence["norm_left"] < 0.9
    assert (found.remedy.object, found.remedy.argument) == ("optimizer", "weight_decay")
    assert 0 < found.remedy.value <= 1e-4


def test_the_pull_is_measured_on_the_matrices(one: Any, context: Any, net: Any, data: Any) -> None:
    module = net(4, 16, 3)
    optimizer = SGD(module.parameters(), lr=0.1, weight_decay=5.0)
    found = one(weight_decay, module, CROSS, data, optimizer)
    batch = context(module, CROSS, data, optimizer).batch
    matrices = [p for p in module.parameters() if p.ndim == 2]
    slopes = torch.autograd.grad(CROSS(module(*batch.inputs), batch.target), matrices)
    of = lambda parts: sum(float(p.double().square().sum()) for p in parts) ** 0.5  # noqa: E731
    assert found.evidence["pull"] == pytest.approx(5 * of([p.detach() for p in matrices]) / of(slopes), rel=1e-4)


@pytest.mark.parametrize("decay", [0.0, 1e-4, 1e-2])
def test_usual_penalties_are_right(decay: float, ask: Any, net: Any, data: Any) -> None:
    for rule in (SGD, Adam, torch.optim.AdamW):
        module = net(4, 16, 3)
        assert not ask(weight_decay, module, CROSS, data, rule(module.parameters(), lr=1e-2, weight_decay=decay))


@pytest.fixture
def numerals() -> Any:
    """Eight by eight pictures of digits, as rows of numbers."""
    X, y = load_digits(return_X_y=True)
    X = (X - X.mean()) / X.std()
    return torch.tensor(X[:600], dtype=torch.float32), torch.tensor(y[:600])


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "rate", "decay"), [(SGD, 0.02, 1.0), (SGD, 0.1, 0.3), (Adam, 1e-3, 0.3)])
def test_a_penalty_whose_harm_shows_late(
    rule: Any, rate: float, decay: float, one: Any, net: Any, numerals: Any
) -> None:
    module = net(64, 32, 32, 10)
    found = one(
        weight_decay, module, CROSS, numerals, rule(module.parameters(), lr=rate, weight_decay=decay), epochs=20
    )
    assert (found.code, found.level) == ("over-regularised", "fault")
    assert found.evidence["left_as_is"] > 0.9


def test_a_penalty_that_slows_is_no_fault(ask: Any, net: Any, numerals: Any, data: Any) -> None:
    for rows, widths in ((numerals, (64, 32, 10)), (data, (4, 16, 3))):
        for rule, rate, decay in ((SGD, 0.1, 0.03), (Adam, 1e-2, 0.03), (torch.optim.AdamW, 1e-2, 1.0)):
            module = net(*widths)
            rule_ = rule(module.parameters(), lr=rate, weight_decay=decay)
            found = ask(weight_decay, module, CROSS, rows, rule_, epochs=30)
            assert all(each.level == "note" for each in found), (rule, decay)


def test_the_pull_is_a_signal_even_where_it_is_small(context: Any, net: Any, data: Any) -> None:
    module = net(4, 16, 3)
    program = context(module, CROSS, data, SGD(module.parameters(), lr=0.1, weight_decay=1e-4))
    assert not list(weight_decay(program))
    assert 0 < program.signals["pull of the penalty over that of the data"].value < 0.1


# a penalty in the loss


class Penalised(nn.Module):
    """Squares and a penalty on the weights of a module."""

    def __init__(self, module: nn.Module, strength: float, power: int = 1) -> None:
        super().__init__()
        self.weights, self.strength, self.power = list(module.parameters()), strength, power

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        penalty = sum(weight.abs().pow(self.power).sum() for weight in self.weights)
        return nn.functional.mse_loss(output, target) + self.strength * penalty


@pytest.fixture
def line(draw: Any) -> Any:
    X = draw(260, 4)
    y = X[:, :1] - 0.7 * X[:, 1:2]
    return (X[:200], y[:200]), (X[200:], y[200:])


@pytest.mark.slow
@pytest.mark.parametrize(("strength", "power"), [(0.3, 1), (3.0, 2)])
def test_a_penalty_that_swamps_the_loss(strength: float, power: int, one: Any, net: Any, adam: Any, line: Any) -> None:
    module = net(4, 16, 1)
    loss = Penalised(module, strength, power)
    found = one(in_the_loss, module, loss, line[0], adam(module), validation=line[1])
    assert (found.code, found.level) == ("over-regularised", "fault")
    assert found.evidence["fall"] < 0.8 * found.evidence["fall_without"]
    assert one(in_the_loss, module, loss, line[0], adam(module)).code == "over-regularised"


@pytest.mark.slow
@pytest.mark.parametrize("by", ["module", "weights", "another function", "global name"])
@pytest.mark.parametrize("factor", [0.3, 1e-6])
def test_a_penalty_in_a_function_that_refers_to_the_module(
    by: str, factor: float, ask: Any, net: Any, adam: Any, line: Any
) -> None:
    module = net(4, 16, 1)
    weights = list(module.parameters())

    def size() -> Any:
        return sum(weight.abs().sum() for weight in module.parameters())

    space = {"module": module, "factor": factor, "SQUARES": SQUARES}
    text = "lambda o, t: SQUARES(o, t) + factor * sum(weight.abs().sum() for weight in module.parameters())"
    loss = {
        "module": lambda o, t: SQUARES(o, t) + factor * sum(weight.abs().sum() for weight in module.parameters()),
        "weights": lambda o, t: SQUARES(o, t) + factor * sum(weight.abs().sum() for weight in weights),
        "another function": lambda o, t: SQUARES(o, t) + factor * size(),
        "global name": eval(text, space),
    }[by]
    before = [weight.clone() for weight in weights]
    found = ask(in_the_loss, module, loss, line[0], adam(module), validation=line[1])
    assert [each.code for each in found] == (["over-regularised"] if factor == 0.3 else [])
    assert all(map(torch.equal, before, weights))
    assert space["module"] is module


def test_losses_with_a_little_or_without_a_penalty_are_right(ask: Any, net: Any, adam: Any, line: Any) -> None:
    module = net(4, 16, 1)
    for loss in (SQUARES, Penalised(module, 1e-4), Penalised(module, 1e-3, 2)):
        assert not ask(in_the_loss, module, loss, line[0], adam(module), validation=line[1])


def test_a_penalty_that_helps_on_held_out_rows_is_right(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    """Twenty rows of forty columns, of which one tells: without a penalty they are learned by heart."""
    X = draw(120, 40)
    y = X[:, :1] + draw(120, 1)
    module = net(40, 1)
    rows = (X[:20], y[:20]), (X[20:], y[20:])
    assert not ask(in_the_loss, module, Penalised(module, 0.05), rows[0], adam(module), validation=rows[1])


def test_weights_of_the_loss_itself_are_no_penalty(ask: Any, net: Any, adam: Any, line: Any) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.log = nn.Parameter(torch.zeros(1))

        def forward(self, output: Tensor, target: Tensor) -> Tensor:
            return (nn.functional.mse_loss(output, target) * (-self.log).exp() + self.log).sum()

    module, loss = net(4, 16, 1), Scaled()
    rule = Adam([*module.parameters(), *loss.parameters()], lr=1e-2)
    assert not ask(in_the_loss, module, loss, line[0], rule, validation=line[1])
