"""Distances against worked numbers, another form of the root, brute force, and what they keep."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision.generative.distances import (
    frechet_distance,
    frechet_of_moments,
    kernel_distance,
    precision_recall_of_samples,
)
from netwright.vision.generative.gaussians import grid_of_gaussians, ring_of_gaussians
from netwright.vision.generative.modes import mode_coverage


def draw(n: int, d: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(n, d)) @ np.random.default_rng(seed + 9).normal(size=(d, d))


def test_frechet_of_worked_numbers() -> None:
    assert frechet_of_moments([0], [[1]], [3], [[4]]) == pytest.approx(2 + 8, abs=1e-12)  # 9 + 1 + 4 - 4
    found = frechet_of_moments([0, 0], [[2, 0.5], [0.5, 1]], [1, 2], [[1, -0.3], [-0.3, 3]])
    assert found == pytest.approx(5.9293118550, abs=1e-9)


def test_frechet_is_that_of_the_root_of_a_product_symmetric_and_zero_for_equals() -> None:
    x, y = draw(300, 6), draw(400, 6, 1) + 1
    sx, sy = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    other = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(sx + sy - 2 * scipy.linalg.sqrtm(sx @ sy).real)
    assert frechet_distance(x, y) == pytest.approx(other, rel=1e-9)
    assert frechet_distance(y, x) == pytest.approx(frechet_distance(x, y), rel=1e-9)
    assert frechet_distance(x, x) < 1e-6
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(6, 6)))[0]
    assert frechet_distance(x @ turn + 3, y @ turn + 3) == pytest.approx(other, rel=1e-9)


def test_few_samples_are_told() -> None:
    x, y = draw(20, 4), draw(4, 4, 1)
    with pytest.warns(UserWarning, match=r"frechet_distance\(Y\): expected more than 4 samples.*kernel_distance"):
        frechet_distance(x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frechet_distance(x, x[:6])


def test_kernel_distance_is_the_sum_over_pairs_and_has_no_bias() -> None:
    x, y = draw(7, 3), draw(5, 3, 1)

    def k(a: Any, b: Any) -> float:
        return float((a @ b / 3 + 1) ** 3)

    own = np.mean([k(x[i], x[j]) for i in range(7) for j in range(7) if i != j])
    own += np.mean([k(y[i], y[j]) for i in range(5) for j in range(5) if i != j])
    assert kernel_distance(x, y) == pytest.approx(own - 2 * np.mean([k(a, b) for a in x for b in y]), rel=1e-10)
    rng = np.random.default_rng(0)
    found = [kernel_distance(rng.normal(size=(20, 2)), rng.normal(size=(20, 2))) for _ in range(400)]
    assert abs(np.mean(found)) < 4 * np.std(found) / 20


@pytest.mark.parametrize("d", [2, 30])
def test_precision_and_recall_by_brute_force(d: int) -> None:
    x, y = draw(40, d), draw(30, d, 1) * 0.8

    def inside(points: Any, balls: Any, k: int) -> float:
        radius = [np.sort(np.linalg.norm(balls - ball, axis=1))[k] for ball in balls]
        near = [[np.linalg.norm(p - b) <= r for b, r in zip(balls, radius, strict=True)] for p in points]
        return float(np.mean([any(row) for row in near]))

    assert precision_recall_of_samples(x, y) == (inside(y, x, 3), inside(x, y, 3))
    assert precision_recall_of_samples(x, x) == (1.0, 1.0)


def test_features_of_any_kind() -> None:
    x, y = draw(60, 4), draw(50, 4, 1)
    module = torch.nn.Sequential(torch.nn.Linear(4, 2, bias=False, device="meta")).to_empty(device="cpu")
    with torch.no_grad():
        module[0].weight.copy_(1 + torch.arange(8.0).view(2, 4))
    matrix = module[0].weight.detach().numpy().T

    class Fitted:
        def transform(self, samples: Any) -> Any:
            return np.asarray(samples) @ matrix

    expected = frechet_distance(x @ matrix, y @ matrix)
    for features in (module, Fitted(), Fitted().transform):
        assert frechet_distance(x, y, features) == pytest.approx(expected, rel=1e-4)
    assert module.training
    with pytest.raises(InvalidParameter, match="a function, something fitted"):
        kernel_distance(x, y, features=3)


def test_bad_samples_are_refused() -> None:
    x = draw(10, 2)
    with pytest.raises(InvalidData, match="same features"):
        kernel_distance(x, x[:, :1])
    with pytest.raises(InvalidData, match="two samples"):
        kernel_distance(x, x[:1])
    with pytest.raises(InvalidData, match="NaN"):
        kernel_distance(x, np.where(x == x[3, 1], np.nan, x))
    with pytest.raises(InvalidData, match="more than 3 of each"):
        precision_recall_of_samples(x, x[:3])


def test_mode_coverage_counts_good_samples() -> None:
    points, centres = ring_of_gaussians(4000, random_state=0)
    found = mode_coverage(points, centres, 0.02)
    assert (found.found, found.modes) == (8, 8)
    assert found.good == pytest.approx(1 - np.exp(-4.5), abs=0.005)  # a Rayleigh number below 3
    assert found.counts.sum() == round(found.good * 4000)
    half = mode_coverage(points[points[:, 0] > 0.1], centres, 0.02)
    assert half.found == 3
    assert mode_coverage(points, centres, 0.02, least=1000).found == 0
    with pytest.raises(InvalidData, match=r"\(n, d\) and \(modes, d\)"):
        mode_coverage(points, centres[:, :1], 0.02)


def test_the_grid_has_its_moments_and_leaves_global_states_alone() -> None:
    points, centres = grid_of_gaussians(50000, random_state=np.random.default_rng(3))
    assert centres.shape == (25, 2)
    assert np.abs(points.mean(0)).max() < 0.05
    assert points.var(0) == pytest.approx(8 + 0.05**2, rel=0.02)  # places at -4, -2, 0, 2, 4
