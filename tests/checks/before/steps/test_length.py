"""A question to the length of the run: whether it is over before the network has learned what it can."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netwright.checks.before.steps import length
from netwright.checks.before.steps.length import enough

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


@pytest.fixture(autouse=True)
def _time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(length, "SECONDS", 60.0)


@pytest.fixture
def data(draw: Any, classes: Any) -> Any:
    X = draw(220, 4)
    y = classes(X)
    return (X[:160], y[:160]), (X[160:], y[160:])


def test_one_epoch_of_fifty(one: Any, net: Any, data: Any) -> None:
    module = net(4, 24, 3)
    rule = torch.optim.SGD(module.parameters(), lr=0.3)
    found = one(enough, module, CROSS, data[0], rule, validation=data[1], epochs=2)
    assert (found.code, found.level) == ("too-few-epochs", "fault")
    assert found.evidence["steps"] == 10
    assert found.evidence["left_longer"] < 0.5 * found.evidence["left"]
    assert (found.remedy.object, found.remedy.argument) == ("loop", "epochs")
    assert found.remedy.value > 2


def test_all_rows_in_one_batch(one: Any, net: Any, data: Any) -> None:
    module = net(4, 24, 3)
    rule = torch.optim.SGD(module.parameters(), lr=0.3)
    found = one(enough, module, CROSS, data[0], rule, validation=data[1], epochs=12, batch_size=160)
    assert (found.code, found.remedy.object, found.remedy.argument) == ("batch-size", "loader", "batch_size")


def test_runs_that_are_long_enough(ask: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 24, 3)
    assert not ask(enough, module, CROSS, data[0], adam(module), validation=data[1], epochs=40)
    assert not ask(enough, module, CROSS, data[0], adam(module), validation=data[1])  # whose length is not known
    assert not ask(enough, module, CROSS, data[0], adam(module), epochs=1)  # with nothing to judge by


def test_what_learns_no_more_is_long_enough(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    """Labels that are right in two of three rows: more epochs learn them by heart."""
    X = draw(220, 4)
    noise = torch.rand(220, generator=torch.Generator().manual_seed(1)) < 1 / 3
    y = ((X[:, 0] > 0) ^ noise).long()
    module = net(4, 24, 2)
    assert not ask(enough, module, CROSS, (X[:160], y[:160]), adam(module), validation=(X[160:], y[160:]), epochs=4)


def test_a_loss_that_falls_while_answers_stay_is_long_enough(ask: Any, draw: Any) -> None:
    """Far blobs: all answers are right at once, and only their certainty grows."""
    y = torch.arange(220) % 2
    X = draw(220, 4) + 6.0 * y[:, None]
    module = nn.Linear(4, 2)
    rule = torch.optim.SGD(module.parameters(), lr=0.01)
    assert not ask(enough, module, CROSS, (X[:160], y[:160]), rule, validation=(X[160:], y[160:]), epochs=6)


def test_numbers_are_judged_by_their_loss(one: Any, net: Any, draw: Any) -> None:
    X = draw(220, 4)
    y = (X[:, :1] + 0.5 * X[:, 1:2]) / 1.1
    module = net(4, 24, 1)
    rule = torch.optim.SGD(module.parameters(), lr=0.02)
    found = one(enough, module, SQUARES, (X[:160], y[:160]), rule, validation=(X[160:], y[160:]), epochs=1)
    assert found.code == "too-few-epochs"


def test_runs_that_take_long_are_not_made(ask: Any, net: Any, data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(length, "SECONDS", 0.0)
    module = net(4, 24, 3)
    rule = torch.optim.SGD(module.parameters(), lr=0.3)
    assert not ask(enough, module, CROSS, data[0], rule, validation=data[1], epochs=2)


def test_nearly_all_right_is_a_note(one: Any, draw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(length, "LEFT", 0.02)
    X = draw(260, 4)
    y = (X[:, 0] > 0).long()
    module = nn.Linear(4, 2)
    rule = torch.optim.SGD(module.parameters(), lr=2.0)
    monkeypatch.setattr(length, "GAINS", -1.0)
    monkeypatch.setattr(length, "FALLS", 0.9)
    found = one(enough, module, CROSS, (X[:200], y[:200]), rule, validation=(X[200:], y[200:]), epochs=4)
    assert found.level == "note"
