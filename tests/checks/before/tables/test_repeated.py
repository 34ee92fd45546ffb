"""Rows that are copies, and rows that are equal by chance."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks.before.split import shared_rows

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


def drawn() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def levels(rows: int, columns: int, many: int) -> Tensor:
    """Whole numbers of which the small ones are frequent."""
    return (torch.rand(rows, columns, generator=drawn()) ** 2 * many).floor()


@pytest.fixture
def split(context: Any, ask: Any, net: Any) -> Any:
    """What is said of rows that are divided by chance."""

    def found(X: Tensor, y: Tensor, kept: float = 0.8) -> Any:
        order = torch.randperm(len(X), generator=drawn())
        train, held = order[: int(kept * len(X))], order[int(kept * len(X)) :]
        real = y.is_floating_point()
        if not real:
            y = y.long()
        module = net(X.shape[1], 1 if real else int(y.max()) + 1)
        return ask(shared_rows, module, SQUARES if real else CROSS, (X[train], y[train]), validation=(X[held], y[held]))

    return found


def pictures() -> tuple[Tensor, Tensor]:
    """Pictures of 36 pixels with 16 shades in three classes, of which no two are alike."""
    generator = drawn()
    y = torch.arange(300) % 3
    means = 4 + 8 * torch.rand(3, 36, generator=generator)
    return (means[y] + 2 * torch.randn(300, 36, generator=generator)).round().clamp(0, 15) / 15, y


@pytest.mark.parametrize(("times", "kept"), [(2, 0.8), (3, 0.8), (3, 0.5)])
def test_rows_that_are_repeated_before_the_split(times: int, kept: float, split: Any) -> None:
    X, y = pictures()
    (found,) = split(X.repeat(times, 1), y.repeat(times), kept)
    assert (found.code, found.level) == ("duplicate-rows", "fault")
    assert found.evidence["within"] > 0.4
    assert not split(X, y, kept)


def test_flowers_that_are_there_three_times(split: Any) -> None:
    """Four columns of a few dozen values each."""
    load_iris = pytest.importorskip("sklearn.datasets").load_iris
    X, y = map(torch.tensor, load_iris(return_X_y=True))
    assert [each.level for each in split(X.float().repeat(3, 1), y.repeat(3))] == ["fault"]
    assert not split(X.float(), y)


def test_a_table_in_which_a_tenth_of_the_rows_is_there_twice_is_at_most_a_note(split: Any) -> None:
    X = (2 * torch.randn(900, 11, generator=drawn())).round(decimals=1)
    X = torch.cat([X, X[:100]])
    assert [each.level for each in split(X, (X[:, 0] > 0).long())] == ["note"]


def test_rows_of_few_values_come_back_by_chance(split: Any) -> None:
    answers = torch.cat([1 + (levels(400, 9, 4) > 1).float(), 1 + levels(200, 9, 10)])
    assert not split(answers, torch.arange(600) >= 400)
    grid = torch.cartesian_prod(*3 * [torch.linspace(0, 1, 9)]).repeat(3, 1)
    assert not split(grid, grid.sum(1) > 1.5)
    names = torch.randint(12, (800, 2), generator=drawn())
    assert not split(functional.one_hot(names, 12).flatten(1).float(), names[:, 0] > 5)


def test_what_is_measured_again_is_no_copy(split: Any) -> None:
    grid = torch.cartesian_prod(*3 * [torch.linspace(0, 1, 9)]).repeat(3, 1)
    noise = 0.1 * torch.randn(len(grid), 1, generator=drawn())
    assert not split(grid, grid.sum(1, keepdim=True) + noise)
    people = torch.randn(80, 6, generator=drawn())[torch.randint(80, (2000,), generator=drawn())]
    for often in (0.3, 0.02):
        assert not split(people, torch.rand(2000, generator=drawn()) < often), "each of them is asked many times"


def test_targets_of_another_scale_are_the_same(one: Any, net: Any, draw: Any) -> None:
    X, y = draw(200, 5), draw(200, 1)
    found = one(shared_rows, net(5, 1), SQUARES, (X, y), validation=(X[:40], 3 * y[:40] - 1))
    assert (found.level, found.evidence["shared"]) == ("fault", 40)
