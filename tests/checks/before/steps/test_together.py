"""Programs that do not learn for two reasons, each of which hides the other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netwright.checks.before.steps.together import several

CROSS = nn.CrossEntropyLoss()
SGD, Adam = torch.optim.SGD, torch.optim.Adam


@pytest.fixture
def data(draw: Any, classes: Any) -> Any:
    X = draw(160, 4)
    return X, classes(X)


def test_a_rate_and_a_penalty(ask: Any, net: Any, data: Any) -> None:
    module = net(4, 16, 3)
    found = ask(several, module, CROSS, data, Adam(module.parameters(), lr=5.0, weight_decay=20.0))
    assert [each.code for each in found] == ["over-regularised", "lr-too-high"]
    assert all(each.level == "fault" for each in found)
    assert found[0].remedy.argument == "weight_decay"
    assert 1e-5 < found[1].remedy.value < 0.5
    assert found[0].evidence["left"] < 0.6


def test_a_rate_and_a_penalty_that_are_too_small_and_too_large(ask: Any, net: Any, data: Any) -> None:
    module = net(4, 16, 3)
    found = ask(several, module, CROSS, data, SGD(module.parameters(), lr=1e-6, weight_decay=50.0))
    assert [each.code for each in found] == ["over-regularised", "lr-too-low"]


@pytest.mark.slow
def test_weights_and_a_rate(ask: Any, data: Any) -> None:
    module = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3))
    with torch.no_grad():
        for layer in (0, 2, 4):
            module[layer].weight.mul_(1e-4)
            module[layer].bias.zero_()
    found = ask(several, module, CROSS, data, SGD(module.parameters(), lr=1e-4))
    assert [each.code for each in found] == ["init-scale", "lr-too-low"]


@pytest.mark.slow
def test_one_reason_is_asked_for_elsewhere(ask: Any, net: Any, data: Any) -> None:
    for rule in (lambda p: Adam(p, lr=5.0), lambda p: SGD(p, lr=0.1, weight_decay=5.0), lambda p: SGD(p, lr=1e-6)):
        module = net(4, 16, 3)
        assert not ask(several, module, CROSS, data, rule(module.parameters()))


@pytest.mark.slow
def test_programs_that_learn_and_labels_that_cannot_be_learned(ask: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 16, 3)
    assert not ask(several, module, CROSS, data, adam(module))
    drawn = torch.randint(3, (160,), generator=torch.Generator().manual_seed(5))
    assert not ask(several, module, CROSS, (data[0], drawn), SGD(module.parameters(), lr=1e-3))


def test_the_users_loss_is_never_called(ask: Any, net: Any, data: Any) -> None:
    """A loss that keeps a running mean is the user's; what is tried is a copy."""

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, output: Any, target: Any) -> Any:
            self.calls += 1
            return CROSS(output, target)

    module, loss = net(4, 16, 3), Counting()
    found = ask(several, module, loss, data, Adam(module.parameters(), lr=5.0, weight_decay=20.0))
    assert found
    assert loss.calls == 0
