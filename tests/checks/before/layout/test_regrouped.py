"""Inputs that forward regroups by a view where their axes were to change places."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.before.layout.regrouped import regrouped

CROSS = nn.CrossEntropyLoss()


class Reader(nn.Module):
    """A GRU over the steps of series that lie as (sensors, steps)."""

    def __init__(self, turn: str, sensors: int = 5) -> None:
        super().__init__()
        self.turn = turn
        self.gru, self.last = nn.GRU(sensors, 16, batch_first=True), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        turned = x.transpose(1, 2) if self.turn == "transpose" else x.reshape(len(x), x.shape[2], x.shape[1])
        return self.last(self.gru(turned)[0].mean(1))


@pytest.fixture
def series(draw: Any) -> tuple[Tensor, Tensor]:
    """Series of five sensors over 18 steps; which of them swings with the first tells the class."""
    y = torch.arange(360) % 3
    X = draw(360, 5, 18)
    swing = torch.sin(torch.arange(18) * 0.9 + 6 * torch.rand(360, 1, generator=torch.Generator().manual_seed(0)))
    X[:, 0] = swing
    X[torch.arange(360), 1 + y] = swing + 0.3 * draw(360, 18)
    return X, y


@pytest.mark.slow
@pytest.mark.parametrize("turn", ["view", "transpose"])
def test_series(turn: str, ask: Any, adam: Any, series: Any) -> None:
    module = Reader(turn)
    found = ask(regrouped, module, CROSS, series, adam(module))
    assert [(each.code, each.level) for each in found] == ([("wrong-axes", "fault")] if turn == "view" else [])
    if found:
        assert (found[0].where.layer, found[0].evidence["shape"], found[0].evidence["given"]) == (
            "gru",
            [5, 18],
            [18, 5],
        )
        assert found[0].remedy.value == [1, 0]


class Looker(nn.Module):
    """Convolutions over pictures whose channels lie last."""

    def __init__(self, view: bool) -> None:
        super().__init__()
        self.view, self.conv, self.last = view, nn.Conv2d(3, 12, 3), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(len(x), 3, 9, 9) if self.view else x.permute(0, 3, 1, 2)
        return self.last(self.conv(x).relu().amax((2, 3)))


@pytest.mark.slow
@pytest.mark.parametrize("view", [True, False])
def test_pictures_with_channels_last(view: bool, ask: Any, adam: Any, draw: Any) -> None:
    y = torch.arange(360) % 3
    X = draw(360, 9, 9, 3)
    X[:, 3:6, 3:6] += 2 * nn.functional.one_hot(y, 3)[:, None, None]
    module = Looker(view)
    found = ask(regrouped, module, CROSS, (X, y), adam(module))
    assert [(each.code, each.remedy.value) for each in found] == ([("wrong-axes", [2, 0, 1])] if view else [])


def test_an_axis_of_one_changes_nothing(ask: Any, formula: Any, adam: Any, draw: Any) -> None:
    parts = {"conv": nn.Conv1d(1, 4, 5), "last": nn.Linear(4, 3)}
    module = formula(lambda m, x: m.last(m.conv(x.reshape(len(x), 1, 30)).amax(2)), **parts)
    assert not ask(regrouped, module, CROSS, (draw(90, 30, 1), torch.arange(90) % 3), adam(module))


@pytest.mark.slow
def test_rows_without_an_order_gain_nothing(ask: Any, adam: Any, draw: Any) -> None:
    module = Reader("view")
    assert not ask(regrouped, module, CROSS, (draw(120, 5, 18), torch.arange(120) % 3), adam(module))
