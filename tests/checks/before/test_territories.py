"""Where classes live, and labels that live all over the territory of another class."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from netwright.checks.before.territories import chance_of_ranks, confusions, ranked, territories
from netwright.checks.neighbours import standard


def blobs(seed: int, spread: float = 1.0, k: int = 5, n: int = 500) -> tuple[Tensor, Tensor, Any]:
    """Rows in k heaps, their classes, and a generator."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, k, (n,), generator=generator)
    X = 6 * torch.nn.functional.one_hot(y, k) + spread * torch.randn(n, k, generator=generator)
    return standard(X.double()), y, generator


def found_in(X: Tensor, y: Tensor) -> list[tuple[int, int]]:
    """Label and territory of all confusions."""
    return [(each.label, each.like) for each in confusions(X, territories(X, y))]


def test_classes_apart_live_at_home() -> None:
    X, y, _ = blobs(0)
    places = territories(X, y)
    assert torch.equal(places.of, y)
    assert places.counts.sum() == 500
    assert torch.equal(places.at_home, torch.ones(5, dtype=torch.double))
    assert found_in(X, y) == []


@pytest.mark.parametrize("seed", range(4))
def test_labels_of_one_class_given_to_another(seed: int) -> None:
    X, right, generator = blobs(seed)
    y = torch.where((right == 1) & (torch.rand(500, generator=generator) < 0.3), 3, right)
    found = confusions(X, territories(X, y))
    assert [(each.label, each.like) for each in found] == [(3, 1)]
    wrong = y != right
    assert float((found[0].rows == wrong).double().mean()) > 0.99
    assert found[0].share == pytest.approx(float(wrong.sum() / (right == 1).sum()), abs=0.02)
    assert found[0].back < 0.02


def test_classes_that_overlap_are_not_confused() -> None:
    for seed in range(6):
        for spread in (2.0, 3.0, 4.0):
            X, y, _ = blobs(seed, spread)
            assert found_in(X, y) == []


def test_classes_that_nothing_tells_apart_are_not_confused() -> None:
    for seed in range(6):
        X, y, generator = blobs(seed)
        halves = 2 * y + torch.randint(0, 2, (500,), generator=generator)
        part = torch.where((y == 0) & (torch.rand(500, generator=generator) < 0.25), 5, y)
        for labels in (halves, part):
            assert found_in(X, labels) == []


def test_labels_by_chance_are_not_confused() -> None:
    for seed in range(6):
        X, _, generator = blobs(seed)
        for k in (2, 5):
            assert found_in(X, torch.randint(0, k, (500,), generator=generator)) == []


def test_ranks() -> None:
    members = torch.tensor([False, False, True, True])
    assert ranked(torch.tensor([1.0, 2.0, 3.0, 4.0]), members) == 1
    assert ranked(torch.tensor([4.0, 3.0, 2.0, 1.0]), members) == 0
    assert ranked(torch.ones(4), members) == 0.5
    assert ranked(torch.tensor([1.0, 3.0, 2.0, 4.0]), members) == 0.75
    assert chance_of_ranks(members) == pytest.approx((5 / 48) ** 0.5)
