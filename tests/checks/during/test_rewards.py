"""A reward that rises under an optimizer that climbs is seen as a loss that falls."""

from __future__ import annotations

import torch
from torch import nn

from netwright.checks import watch


def test_a_reward_that_rises_is_right() -> None:
    torch.manual_seed(0)
    X = torch.randn(200, 4)
    y = X @ torch.tensor([[1.0], [-2.0], [0.5], [0.0]])
    module = nn.Linear(4, 1)
    climbing = torch.optim.SGD(module.parameters(), lr=0.05, maximize=True)

    def reward(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return -(z - t).square().mean()

    with watch(module, climbing, reward) as watching:
        for _ in range(10):
            for k in range(0, 200, 20):
                climbing.zero_grad()
                reward(module(X[k : k + 20]), y[k : k + 20]).backward()
                climbing.step()
            with torch.no_grad():
                watching.validation(loss=float(reward(module(X), y)))
    assert not watching.diagnosis.faults


def test_a_reward_that_rises_from_about_nothing() -> None:
    torch.manual_seed(0)
    X = torch.randn(400, 6)
    rewards = torch.tanh(X @ torch.randn(6, 4))
    module = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 4))
    climbing = torch.optim.Adam(module.parameters(), lr=0.01, maximize=True)

    def gain(z: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
        return (z.softmax(1) * r).sum(1).mean()

    with watch(module, climbing, gain) as watching:
        for _ in range(12):
            for k in range(0, 400, 40):
                climbing.zero_grad()
                gain(module(X[k : k + 40]), rewards[k : k + 40]).backward()
                climbing.step()
    values = watching.tape.values()
    assert values[-1] < -0.3 < values[0]
    assert not watching.diagnosis.faults
    assert "lr-too-high" not in watching.diagnosis.codes
