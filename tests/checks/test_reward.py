"""A reward that is made larger is examined as a loss that is made smaller."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from netwright.checks import check
from netwright.checks.reward import Turned, climbing, descend, falling


def climber(*modules: Any, maximize: bool = True) -> Any:
    """SGD with a group for each module."""
    return torch.optim.SGD([{"params": list(each.parameters())} for each in modules], 0.1, maximize=maximize)


def test_groups_that_climb() -> None:
    first, second = nn.Linear(2, 1), nn.Linear(2, 1)
    assert climbing([climber(first, second)]) == [True, True]
    assert climbing([climber(first), climber(second, maximize=False)]) == [True, False]
    assert climbing([torch.optim.LBFGS(first.parameters())]) == [False]
    assert climbing([]) == []


def test_what_falls() -> None:
    net, loss = nn.Linear(2, 1), nn.MSELoss()
    turned = falling(loss, [climber(net)])
    z, t = torch.zeros(3, 1), torch.ones(3, 1)
    assert float(turned(z, t)) == -1
    assert falling(turned, [climber(net)]) is turned
    for optimizers in ([], [climber(net, maximize=False)], [climber(net), climber(net, maximize=False)]):
        assert falling(loss, optimizers) is loss


def test_a_turned_loss_is_a_module_with_the_same_parts() -> None:
    loss = nn.CrossEntropyLoss(weight=torch.ones(3), ignore_index=7)
    assert Turned(loss).ignore_index == 7
    assert [each.shape for each in Turned(loss).double().buffers()] == [(3,)]
    assert not list(Turned(functional.mse_loss).parameters())


def test_copies_go_down() -> None:
    both = [climber(nn.Linear(2, 1)), climber(nn.Linear(2, 1))]
    descend(both)
    assert climbing(both) == [False, False]
    game = [climber(nn.Linear(2, 1)), climber(nn.Linear(2, 1), maximize=False)]
    descend(game)
    assert climbing(game) == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize("rule", [torch.optim.SGD, torch.optim.Adam])
def test_a_reward_and_its_loss_have_the_same_findings(rule: Any, draw: Any) -> None:
    X = draw(200, 4)
    y = (X[:, :1] * X[:, 1:2]).tanh() + X[:, 2:3]
    net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
    for rate in (0.03, 30.0):
        plain = check(net, nn.MSELoss(), rule(net.parameters(), rate), (X, y))
        climbs = rule(net.parameters(), rate, maximize=True)
        reward = check(net, lambda z, t: -functional.mse_loss(z, t), climbs, (X, y))
        assert reward.codes == plain.codes
        assert climbing([climbs]) == [True]  # the user's stays as it is
    assert reward.codes
