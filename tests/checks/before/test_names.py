"""Whether the numbers of a target are sizes or names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits
from torch import Tensor

from netwright.checks.before.names import apart, names, numberings, sizes
from netwright.checks.neighbours import standard

SEEDS = range(4)


def rows(seed: int, d: int = 5) -> tuple[np.random.Generator, Any]:
    """Normal rows."""
    rng = np.random.default_rng(seed)
    return rng, rng.normal(size=(400, d))


def graded(seed: int, noise: float, shares: tuple[float, ...]) -> tuple[Any, Any]:
    """Grades of a hidden quantity, of which each is given to a share of the rows."""
    rng, X = rows(seed)
    hidden = X[:, 0] + X[:, 1] + noise * rng.normal(size=400)
    return X, np.searchsorted(np.quantile(hidden, np.cumsum(shares)), hidden)


def counted(seed: int, level: float, slope: float) -> tuple[Any, Any]:
    """Counts of Poisson."""
    rng, X = rows(seed)
    return X, np.minimum(rng.poisson(np.exp(level + slope * X[:, 0])), 9)


def heaps(seed: int, k: int, spread: float) -> tuple[Any, Any]:
    """Rows in heaps that are numbered as they were found."""
    rng, X = rows(seed)
    y = rng.integers(0, k, 400)
    return 2 * rng.normal(size=(k, 5))[y] + spread * X, y


SIZES = {
    "grades": lambda seed: graded(seed, 0.5, (0.2,) * 4),
    "three grades": lambda seed: graded(seed, 0.5, (0.33, 0.33)),
    "rare grades": lambda seed: graded(seed, 0.7, (0.73, 0.07, 0.15, 0.03)),
    "stars, most of them five": lambda seed: graded(seed, 0.7, (0.03, 0.05, 0.12, 0.2)),
    "noisy grades": lambda seed: graded(seed, 1.5, (0.2,) * 4),
    "counts": lambda seed: counted(seed, 0.5, 0.6),
    "rare counts": lambda seed: counted(seed, -1.0, 0.8),
    "a curve": lambda seed: (rows(seed)[1], np.digitize(np.abs(rows(seed)[1][:, 0]), [0.3, 0.6, 1.0, 1.5])),
    "progress of a disease": lambda seed: (
        load_diabetes().data,
        np.digitize(load_diabetes().target, [80, 120, 170, 230]),
    ),
}


def found_in(X: Any, y: Any) -> Any:
    """What is found of rows and numbers."""
    return numberings(standard(torch.tensor(X, dtype=torch.float64)), torch.tensor(y).double())


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name: str) -> None:
    found = [found_in(*SIZES[name](seed)) for seed in SEEDS]
    assert not any(map(names, found))
    assert all(map(sizes, found))


def test_names() -> None:
    for k, spread in ((5, 0.5), (6, 1.0), (10, 1.0)):
        found = [found_in(*heaps(seed, k, spread)) for seed in range(8)]
        assert sum(map(names, found)) >= 4  # by chance some numberings have the order of the heaps
        assert not any(names(each) and sizes(each) for each in found)


def test_digits_are_names() -> None:
    X, y = load_digits(return_X_y=True)
    assert names(found_in(X[:600], y[:600]))
    assert not sizes(found_in(X[:600], y[:600]))


def test_numbers_without_a_relation_are_neither() -> None:
    for seed in SEEDS:
        rng, X = rows(seed)
        found = found_in(X, rng.integers(0, 5, 400))
        assert not names(found)
        assert all(each.suits < 0.05 for each in found)


def test_the_figures_of_a_line_of_heaps() -> None:
    rng, X = rows(0)
    y = rng.integers(0, 5, 400)
    nearest, line, _ = found_in(np.c_[y + 0.05 * X[:, 0], X[:, 1:]], y)
    assert line.suits > 0.98
    assert line.suits > line.best - 1e-9
    assert line.best > line.typical + 0.5
    assert line.better == 0
    assert line.orders
    assert 0 < line.gain < nearest.gain <= 1


def test_how_far_neighbours_are_apart() -> None:
    X = torch.arange(60.0)[:, None]
    sorted_numbers: Tensor = (X[:, 0] / 10).floor()
    distance, chance = apart(X, sorted_numbers) or (0.0, 0.0)
    assert distance == 1
    pairs = (sorted_numbers[:, None] - sorted_numbers).abs()
    assert chance == pytest.approx(float(pairs[pairs > 0].double().mean()))
    assert apart(X, torch.zeros(60)) is None
