"""Whether what a run learns goes against its labels."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks import watch
from netwright.checks.during.against import answers_turned

Adam = torch.optim.Adam


def pairs(n: int = 400) -> tuple[Tensor, Tensor]:
    X = torch.randn(n, 5, generator=torch.Generator().manual_seed(0))
    return X, (X[:, 0] - 2 * X[:, 1]).sign()[:, None]


def ran(module: nn.Module, sign: float, told: str = "accuracy", target: float = 1.0) -> Any:
    """A ranking loss in a loop that tells a score of the rows held out."""
    X, y = pairs()
    y = target * y

    def loss(z: Tensor, y: Tensor) -> Tensor:
        return functional.softplus(-sign * y * z).mean()

    optimizer = Adam(module.parameters(), lr=1e-2)
    with watch(module, optimizer, loss) as watching:
        for _ in range(6):
            module.train()
            for rows in torch.arange(300).split(30):
                optimizer.zero_grad()
                loss(module(X[rows]), y[rows]).backward()
                optimizer.step()
            module.eval()
            with torch.no_grad():
                z = module(X[300:])
                right = float((z.sign() == y[300:]).float().mean())
                watching.validation(loss=float(loss(z, y[300:])), score=right if told == "accuracy" else 1 - right)
    return watching


def test_a_ranking_loss_with_a_wrong_sign_inside(the: Any, found: Any, net: Any) -> None:
    told = the(answers_turned, ran(net(5, 16, 1), -1.0))
    assert (told.code, told.level) == ("loss-sign", "fault")
    assert told.evidence["right"] < 0.1
    assert told.evidence["score"] == pytest.approx(told.evidence["right"])
    assert not found(answers_turned, ran(net(5, 16, 1), 1.0))


def test_signs_that_are_meant_the_other_way_round(found: Any, net: Any) -> None:
    assert not found(answers_turned, ran(net(5, 16, 1), -1.0, told="the other sign"))  # by the user's own score


@pytest.mark.parametrize("target", [2.0, 0.5])
def test_other_numbers_are_no_signs(target: float, found: Any, net: Any) -> None:
    assert not found(answers_turned, ran(net(5, 16, 1), -1.0, target=target))
