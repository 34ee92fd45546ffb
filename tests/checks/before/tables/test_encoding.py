"""A category that was replaced by the mean of its targets, its own among them, and columns that are right."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.before.tables.encoding import encoded_target, own_means

SQUARES = nn.MSELoss()


def places(seed: int = 0, n: int = 600, kinds: int = 400) -> tuple[Tensor, Tensor, Tensor]:
    """Columns, the kind of each row, and a number that both tell a little."""
    generator = torch.Generator().manual_seed(seed)
    X, kind = torch.randn(n, 4, generator=generator), torch.randint(0, kinds, (n,), generator=generator)
    level = 0.4 * torch.randn(kinds, generator=generator)
    y = X[:, 0] + X[:, 1].relu() + level[kind] + 0.4 * torch.randn(n, generator=generator)
    return X, kind, (y - y.mean()) / y.std()


def means(kind: Tensor, y: Tensor, own: bool) -> Tensor:
    """The mean of the targets of each kind, with the row's own or without."""
    sums = torch.zeros(int(kind.max()) + 1).index_add_(0, kind, y)[kind]
    counts = kind.bincount()[kind]
    return sums / counts if own else torch.where(counts > 1, (sums - y) / (counts - 1).clamp_min(1), 0.0)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.03, 7.0), (-40.0, 2.0)])
@pytest.mark.parametrize("known", [600, 500])
def test_a_mean_with_the_row_itself(scale: float, shift: float, known: int, one: Any, net: Any) -> None:
    X, kind, y = places()
    X = torch.cat([X, scale * means(kind, y, True)[:, None] + shift], 1)[:known]  # the others are held out
    found = one(encoded_target, net(5, 1), SQUARES, (X, y[:known, None]))
    assert (found.code, found.level) == ("target-leak", "fault")
    assert (found.evidence["column"], found.where.column, found.remedy.value) == (4, 4, 4)
    alone = float((kind.bincount()[kind] == 1).double().mean())
    assert found.evidence["alone"] == pytest.approx(alone, abs=0.03)


def healthy() -> dict[str, tuple[Tensor, Tensor]]:
    """A column and a target that are right together."""
    X, kind, y = places()
    rounded = X[:, 0].round(decimals=2)
    other = places(1)[2]
    return {
        "without the row itself": (means(kind, y, False), y),
        "the mean of another target": (means(kind, other, True), y),
        "a rounded column": (rounded, y),
        "a function of it without noise": (rounded, rounded.relu() + 0.1 * (rounded < 0) * X[:, 1]),
        "the larger of two": (rounded, torch.maximum(rounded, X[:, 1])),
        "the column itself": (X[:, 0], X[:, 0]),
        "large groups": (means(kind % 12, y, True), y),
        "normal": (X[:, 0], y),
        "few values": (kind.float() % 7, y),
        "whole targets": (means(kind, y.round(), True), y.round()),
    }


@pytest.mark.parametrize("kind", healthy())
def test_other_columns_are_right(kind: str, ask: Any, net: Any) -> None:
    column, y = healthy()[kind]
    X = torch.cat([places()[0], column[:, None]], 1)
    assert not ask(encoded_target, net(5, 1), SQUARES, (X, y[:, None]))


def test_the_figures() -> None:
    x = torch.tensor([*range(30), *[40.0, 40.0] * 5, *range(50, 60), *range(50, 60)], dtype=torch.double)
    y = torch.randn(60, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    y[:30] = x[:30] / 10  # alone, and on a line
    y[50:] = x[50:] / 5 - y[40:50]  # ten pairs with their mean on it, and ten rows of one value whose mean is not
    assert own_means(x, y) == (0.5, 11, pytest.approx(10 / 11))
