"""Questions to recurrent networks: whether the gradient grows on its way back through the steps, or fades."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.before.steps.recurrence import faded_through_time, through_time

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


@pytest.fixture
def data(draw: Any, classes: Any) -> Any:
    X = draw(160, 4)
    return X, classes(X)


def echo(n: int = 120, steps: int = 20) -> tuple[Tensor, Tensor]:
    """Sequences whose mark is the sign of their sum."""
    X = torch.randn(n, steps, 3, generator=torch.Generator().manual_seed(6))
    return X, (X[:, -1, 0] + X[:, -2, 1] > 0).long()


def recurrent(formula: Any, gain: float) -> Any:
    cell = nn.RNN(3, 16, batch_first=True, nonlinearity="relu")
    with torch.no_grad():
        cell.weight_hh_l0.mul_(gain)
    return formula(lambda m, x: m.o(m.cell(x)[0][:, -1]), cell=cell, o=nn.Linear(16, 2))


def test_gradients_that_grow_through_time(one: Any, formula: Any) -> None:
    module = recurrent(formula, 8.0)
    found = one(through_time, module, CROSS, echo(), torch.optim.SGD(module.parameters(), lr=0.05))
    assert (found.code, found.level) == ("exploding-gradient", "fault")
    assert found.evidence["largest"] >= found.evidence["first"] > 5
    assert found.evidence["left_clipped"] != found.evidence["left_as_is"]
    assert found.where.layer == "cell"
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("loop", "clip", 1.0)


def test_gradients_that_stay_are_right(ask: Any, net: Any, formula: Any, adam: Any, data: Any) -> None:
    module = recurrent(formula, 1.0)
    assert not ask(through_time, module, CROSS, echo(), adam(module))
    for cell in (nn.GRU(3, 16, batch_first=True), nn.LSTM(3, 16, batch_first=True)):
        gated = formula(lambda m, x: m.o(m.cell(x)[0][:, -1]), cell=cell, o=nn.Linear(16, 2))
        assert not ask(through_time, gated, CROSS, echo(), adam(gated))
    module = net(4, 16, 3)
    assert not ask(through_time, module, CROSS, data, torch.optim.SGD(module.parameters(), lr=300.0))


@pytest.mark.parametrize(("kind", "rate"), [(nn.RNN, 10.0), (nn.GRU, 100.0), (nn.LSTM, 100.0)])
def test_gradients_that_grow_from_step_to_step_of_training_are_another_matter(
    kind: Any, rate: float, ask: Any, context: Any, formula: Any
) -> None:
    X, _ = echo()
    module = formula(lambda m, x: m.o(m.cell(x)[0][:, -1]), cell=kind(3, 16, batch_first=True), o=nn.Linear(16, 1))
    data, optimizer = (X, X[:, -1, :1] + X[:, -2, 1:2]), torch.optim.SGD(module.parameters(), lr=rate)
    program = context(module, SQUARES, data, optimizer)
    assert not program.as_is.finite
    assert not list(through_time(program))
    assert program.signals["growth of the gradient back through the steps"].value < 10


# gradients that fade


def pulse(at: slice, n: int = 120, steps: int = 60) -> tuple[Tensor, Tensor]:
    """Noise with a pulse at some steps, up or down: the mark."""
    y = torch.arange(n) % 2
    X = 0.3 * torch.randn(n, steps, 1, generator=torch.Generator().manual_seed(4))
    X[:, at, 0] += 3.0 * y[:, None] - 1.5
    return X, y


def plain(formula: Any, mean: bool = False) -> Any:
    cell = nn.RNN(1, 12, batch_first=True)
    with torch.no_grad():
        cell.weight_hh_l0.mul_(0.5)
    states = (lambda h: h.mean(1)) if mean else (lambda h: h[:, -1])
    return formula(lambda m, x: m.o(states(m.cell(x)[0])), cell=cell, o=nn.Linear(12, 2))


@pytest.mark.slow
def test_first_steps_that_tell_and_are_forgotten(one: Any, formula: Any, adam: Any) -> None:
    module = plain(formula)
    found = one(faded_through_time, module, CROSS, pulse(slice(1, 5)), adam(module))
    assert (found.code, found.level, found.where.layer) == ("vanishing-gradient", "fault", "cell")
    assert found.evidence["growth"] < 1e-8
    assert found.evidence["left_first"] < 0.6 < 0.9 < found.evidence["left_last"]
    assert "first 6 of the 60 steps" in found.message


def test_steps_that_are_remembered_or_not_needed_are_right(ask: Any, formula: Any, adam: Any) -> None:
    for module, at in ((plain(formula), slice(-5, None)), (plain(formula, mean=True), slice(1, 5))):
        assert not ask(faded_through_time, module, CROSS, pulse(at), adam(module))


def test_labels_that_nothing_foretells_are_another_matter(ask: Any, formula: Any, adam: Any) -> None:
    X, y = pulse(slice(1, 5))
    module = plain(formula)
    draw = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    assert not ask(faded_through_time, module, CROSS, (X, y[draw]), adam(module))
