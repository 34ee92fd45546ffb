"""Numbers of the output that meet a column of the target inside a loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from netwright.checks.before.targets.spread import spread_inside

LABELS = torch.arange(40) % 3


def chosen(z: Tensor, t: Tensor) -> Tensor:
    """Log-probabilities (n,) of the actions in column 0."""
    return z.log_softmax(1).gather(1, t[:, :1].long()).squeeze(1)


def by_advantage(z: Tensor, t: Tensor) -> Tensor:
    """A policy's loss whose sum over all pairs is 0: its value tells nothing."""
    advantage = t[:, 1:] - t[:, 1:].mean()
    return -(chosen(z, t) * advantage).mean()


def by_weight(z: Tensor, t: Any) -> Tensor:
    label, weight = t
    return (functional.cross_entropy(z, label, reduction="none") * weight).mean()


WRONG = {
    "advantages": (by_advantage, torch.stack([LABELS.float(), torch.linspace(-1, 2, 40)], 1)),
    "weights": (by_weight, (LABELS, torch.linspace(0.5, 2, 40)[:, None])),
    "sums that keep their axis": (
        lambda z, t: (z.logsumexp(1) - (z * t).sum(1, keepdim=True)).mean() * 0 + (z.sum(1) - t.sum(1, True)).mean(),
        functional.one_hot(LABELS, 3).float(),
    ),
}
RIGHT = {
    "flat": (
        lambda z, t: -(chosen(z, t) * (t[:, 1] - t[:, 1].mean())).mean(),
        torch.stack([LABELS.float(), torch.linspace(-1, 2, 40)], 1),
    ),
    "columns": (lambda z, t: ((z[:, :1] - t) ** 2).mean(), torch.linspace(-1, 2, 40)[:, None]),
    "pairs": (lambda z, t: functional.softplus((z[:, 0] - z[:, :1]) * (t - t[:, None])).mean(), LABELS.float()),
    "an axis on purpose": (
        lambda z, t: (functional.softplus(z[:, 0]) * (t[:, None] == t).float()).mean(),
        LABELS.float(),
    ),
    "distances": (lambda z, t: (torch.cdist(z, z) * (t == t.T).float()).mean(), LABELS.float()[:, None]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_column_of_the_target_is_spread(name: str, one: Any, net: Any, draw: Any) -> None:
    loss, target = WRONG[name]
    data = (draw(40, 4), *target) if isinstance(target, tuple) else (draw(40, 4), target)
    if isinstance(target, tuple):  # a loader gives the target as a pair
        parts = [slice(k, k + 10) for k in range(0, 40, 10)]
        data = DataLoader([(data[0][k], (target[0][k], target[1][k])) for k in parts], batch_size=None)
    found = one(spread_inside, net(4, 3), loss, data)
    assert (found.code, found.level) == ("broadcast", "fault")
    assert found.evidence["shapes"] == [[5], [5, 1], [5, 5]]
    assert found.where.line is not None


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_meant(name: str, ask: Any, net: Any, draw: Any) -> None:
    loss, target = RIGHT[name]
    assert not ask(spread_inside, net(4, 3), loss, (draw(40, 4), target))


def test_too_few_rows_are_asked_nothing(ask: Any, net: Any, draw: Any) -> None:
    loss, target = WRONG["advantages"]
    assert not ask(spread_inside, net(4, 3), loss, (draw(6, 4), target[:6]))


def test_a_loss_that_refuses_few_rows(ask: Any, net: Any, draw: Any) -> None:
    def loss(z: Tensor, t: Tensor) -> Tensor:
        if len(z) < 30:
            raise ValueError("expected 30 rows or more, got fewer")
        return by_advantage(z, t)

    assert not ask(spread_inside, net(4, 3), loss, (draw(40, 4), WRONG["advantages"][1]))
