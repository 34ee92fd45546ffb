"""Orthogonal least squares chooses as the algorithm of Chen, Cowan and Grant does."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.classical.radial_basis.orthogonal_least_squares import COST, select
from netwright.classical.radial_basis.ridge import triangle_of

RNG = np.random.default_rng(7)
P = RNG.normal(size=(80, 15))
Y = np.column_stack([P[:, 3] * 3 + P[:, 7] + 0.5 * P[:, 1], P[:, 7] * 2]) + 0.1 * RNG.normal(size=(80, 2))


def by_gram_schmidt(candidates: np.ndarray, targets: np.ndarray, steps: int) -> tuple[list[int], list[float]]:
    """The classical Gram-Schmidt form of the paper, by loops; targets in units of their lengths."""
    candidates = candidates - candidates.mean(axis=0)
    targets = (targets - targets.mean(axis=0)) / targets.std(axis=0)
    chosen: list[int] = []
    ratios: list[float] = []
    directions: list[np.ndarray] = []
    for _ in range(steps):
        best, greatest, direction = -1, -1.0, None
        for j in range(candidates.shape[1]):
            if j in chosen:
                continue
            w = candidates[:, j].copy()
            for q in directions:
                w -= (q @ candidates[:, j]) / (q @ q) * q
            ratio = np.mean([(w @ y) ** 2 / (w @ w) / (y @ y) for y in targets.T])
            if ratio > greatest:
                best, greatest, direction = j, float(ratio), w
        chosen, ratios, directions = [*chosen, best], [*ratios, greatest], [*directions, direction]
    return chosen, ratios


@pytest.mark.parametrize("outputs", [1, 2])
def test_the_path_is_that_of_the_paper_and_ends_at_the_least_error(outputs: int) -> None:
    targets = Y[:, :outputs]
    found = select(triangle_of(P, targets), 80, outputs, most=12)
    chosen, ratios = by_gram_schmidt(P, targets, 12)
    errors = [(1 - sum(ratios[:k])) / (1 - (1 + COST * k) / 80) ** 2 for k in range(1, 13)]
    count = int(np.argmin(errors)) + 1
    assert 3 <= count < 12
    assert found.chosen.tolist() == chosen[:count]
    assert found.chosen[:2].tolist() in ([3, 7], [7, 3])
    np.testing.assert_allclose(found.ratios, ratios[:count], rtol=1e-9)
    assert found.error == pytest.approx(min(errors))


def test_ratios_are_shares_of_the_variance() -> None:
    found = select(triangle_of(P, Y[:, :1]), 80, 1, most=15)
    design = np.column_stack([np.ones(80), P[:, found.chosen]])
    residual = Y[:, 0] - design @ np.linalg.lstsq(design, Y[:, 0], rcond=None)[0]
    assert 1 - found.ratios.sum() == pytest.approx(residual.var() / Y[:, 0].var())


def test_candidates_that_say_the_same_are_chosen_once() -> None:
    doubled = np.hstack([P, P, np.ones((80, 2))])
    found = select(triangle_of(doubled, Y[:, :1]), 80, 1, most=30)
    assert len({index % 15 for index in found.chosen.tolist()}) == len(found.chosen) <= 15
    assert (found.chosen < 30).all()


def test_candidates_that_say_nothing() -> None:
    found = select(triangle_of(np.ones((5, 3)), Y[:5]), 5, 2, most=3)
    assert found.chosen.tolist() == [0]
    assert found.error == np.inf


def test_the_most_is_kept() -> None:
    assert len(select(triangle_of(P, Y), 80, 2, most=2).chosen) == 2
