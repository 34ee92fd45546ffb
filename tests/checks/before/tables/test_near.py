"""Copies with noise on both sides of the split, and rows that are near each other for other reasons."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.before.tables.near import near_copies

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def parts(X: Tensor, y: Tensor, seed: int = 5) -> tuple[Any, Any]:
    """A quarter of the rows is held out, by chance."""
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(seed))
    own, held = order[len(X) // 4 :], order[: len(X) // 4]
    return (X[own], y[own]), (X[held], y[held])


@pytest.mark.parametrize("columns", [8, 40])
@pytest.mark.parametrize("times", [2, 4])
def test_copies_with_noise(columns: int, times: int, one: Any, net: Any) -> None:
    X = normal(200, columns)
    y = (X[:, 0] > 0).long().repeat(times)
    X = X.repeat(times, 1) + 0.01 * normal(200 * times, columns, seed=1)
    own, held = parts(X, y)
    found = one(near_copies, net(columns, 2), CROSS, own, validation=held)
    assert (found.code, found.level) == ("duplicate-rows", "fault")
    assert found.evidence["share"] > 0.5
    assert found.evidence["gap"] > 10
    distance = torch.cdist(held[0][found.where.row][None], own[0]).sort().values[0]
    assert distance[0] < 0.1 * distance[times]


def test_numbers_with_the_same_target(one: Any, ask: Any, net: Any) -> None:
    X, y = normal(200, 12), normal(200, 1, seed=2).repeat(3, 1)
    X = X.repeat(3, 1) + 0.01 * normal(600, 12, seed=1)
    own, held = parts(X, y)
    assert one(near_copies, net(12, 1), SQUARES, own, validation=held).level == "fault"
    own, held = parts(X, y + 0.1 * normal(600, 1, seed=3))  # measured twice, and not copied
    assert not ask(near_copies, net(12, 1), SQUARES, own, validation=held)


def test_copies_on_one_side_of_the_split_are_right(ask: Any, net: Any) -> None:
    X, Xv = normal(200, 12), normal(80, 12, seed=4)
    copies = X.repeat(4, 1) + 0.01 * normal(800, 12, seed=1)
    y, yv = (copies[:, 0] > 0).long(), (Xv[:, 0] > 0).long()
    assert not ask(near_copies, net(12, 2), CROSS, (copies, y), validation=(Xv, yv))
    assert not ask(near_copies, net(12, 2), CROSS, (copies, y))


def healthy() -> dict[str, Tensor]:
    """Rows that are near each other, or are not, without a copy among them."""
    generator = torch.Generator().manual_seed(8)
    place = torch.randint(0, 30, (800,), generator=generator)
    bits = torch.randint(0, 2, (800, 8), generator=generator).float()
    walk = normal(1000).cumsum(0)
    turn = torch.arange(900) / 20
    return {
        **{f"normal in {d}": normal(800, d) for d in (4, 6, 30)},
        "amounts": normal(800, 5).mul(2).exp(),
        "a plane in space": normal(800, 2) @ normal(2, 20, seed=1),
        "a curve in space": torch.rand(800, 1, generator=generator).mul(torch.arange(1, 11)).sin(),
        "heaps": 6 * normal(30, 10)[place] + 0.02 * normal(800, 10, seed=3),
        "switches with noise": bits + 0.005 * normal(800, 8, seed=2),
        "steps of five": torch.randint(0, 5, (800, 6), generator=generator) + 0.003 * normal(800, 6, seed=2),
        "windows of a walk": walk.unfold(0, 16, 1)[:800],
        "windows of a wave": torch.sin(turn).unfold(0, 16, 1)[:800],
        "a grid": torch.cartesian_prod(*[torch.linspace(0, 1, 6)] * 4)[:800],
        "rounded": normal(800, 5).round(decimals=1),
        "a mixture": torch.cat([normal(800, 3), bits], 1),
    }


@pytest.mark.parametrize("kind", healthy())
@pytest.mark.parametrize("in_order", [False, True])
def test_rows_that_are_no_copies(kind: str, in_order: bool, ask: Any, net: Any) -> None:
    X = healthy()[kind]
    y = (X[:, 0] > X[:, 0].median()).long()
    own, held = ((X[200:], y[200:]), (X[:200], y[:200])) if in_order else parts(X, y)
    assert not ask(near_copies, net(X.shape[1], 2), CROSS, own, validation=held)


def test_classes_of_a_few_rows_may_well_be_alike(ask: Any, net: Any) -> None:
    people = torch.arange(100).repeat_interleave(6)
    X = normal(100, 16)[people] + 0.01 * normal(600, 16, seed=1)
    own, held = parts(X, people)
    assert not ask(near_copies, net(16, 100), CROSS, own, validation=held)
