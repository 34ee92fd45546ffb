"""Gaussian units answer as defined, at any distance, and stand where the rules put them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from netwright.classical.radial_basis.units import activations, drawn, nearest, place, spread, typical
from netwright.core.seeds import derive

RNG = np.random.default_rng(5)
ROWS, CENTERS = RNG.normal(size=(30, 3)), RNG.normal(size=(7, 3))


@pytest.mark.parametrize("widths", [np.full(7, 0.8), RNG.uniform(0.3, 2, 7)], ids=["one", "own"])
@pytest.mark.parametrize("normalized", [False, True])
def test_activations_are_those_of_the_equation(widths, normalized: bool) -> None:
    expected = np.zeros((30, 7))
    for i, row in enumerate(ROWS):
        for j, center in enumerate(CENTERS):
            expected[i, j] = np.exp(-np.sum((row - center) ** 2) / (2 * widths[j] ** 2))
        if normalized:
            expected[i] /= expected[i].sum()
    np.testing.assert_allclose(activations(ROWS, CENTERS, widths, normalized), expected, rtol=1e-10)


@pytest.mark.parametrize("length", [1e3, 1e8, 1e150, 1e308])
def test_far_rows_are_answered_by_no_unit_or_by_the_nearest(length: float) -> None:
    far = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0]]) * length
    assert not activations(far, CENTERS, np.full(7, 0.5), False).any()
    answer = activations(far, CENTERS, np.full(7, 0.5), True)
    np.testing.assert_allclose(answer, np.eye(7)[[CENTERS[:, 0].argmax(), CENTERS[:, 2].argmin()]], atol=1e-12)
    widest = np.r_[np.full(6, 0.5), 0.6]
    np.testing.assert_allclose(activations(far, CENTERS, widest, True), np.eye(7)[[6, 6]], atol=1e-12)


def test_rules_for_centres() -> None:
    distinct = np.unique(ROWS, axis=0)
    means = KMeans(5, n_init=1, random_state=derive(3, "k-means") % 2**32).fit(distinct).cluster_centers_
    np.testing.assert_allclose(place("kmeans", distinct, 5, seed=3), means, rtol=1e-12)
    sample = place("sample", distinct, 5, seed=3)
    assert len({tuple(row) for row in sample} & {tuple(row) for row in ROWS}) == 5
    assert not np.array_equal(sample, place("sample", distinct, 5, seed=4))
    for rule, count in (("rows", 5), ("sample", 30), ("sample", 99)):
        assert np.array_equal(place(rule, distinct, count, seed=3), distinct)
    assert len(place("kmeans", distinct, 99, seed=3)) == 30
    assert np.array_equal(drawn(distinct, 5, 3), sample)
    assert drawn(distinct, 30, 3) is distinct


def test_rules_for_widths() -> None:
    distances = np.sqrt(np.square(CENTERS[:, None] - CENTERS).sum(axis=2))
    two = np.sort(distances, axis=1)[:, 1:3]
    np.testing.assert_allclose(nearest(CENTERS, 1.0), np.sqrt(np.square(two).mean(axis=1)))
    assert spread(CENTERS, 7, 1.0) == pytest.approx(distances.max() / np.sqrt(14))
    np.testing.assert_allclose(nearest(CENTERS[:2], 1.0), np.full(2, distances[0, 1]))
    assert nearest(CENTERS[:1], 0.7).tolist() == [0.7]
    assert spread(CENTERS[:1], 1, 0.7) == 0.7
    assert nearest(np.ones((3, 2)), 0.7).tolist() == [0.7] * 3
    assert spread(np.ones((3, 2)), 3, 0.7) == 0.7


def test_the_typical_distance() -> None:
    assert typical(ROWS) == pytest.approx(np.sqrt(ROWS.var(axis=0).sum()))
    assert typical(np.ones((3, 2))) == 1.0


@pytest.mark.parametrize("width", [1e-300, 1e300])
def test_widths_without_squares_are_those_of_a_unit_that_hears_itself_or_everything(width: float) -> None:
    rows = np.vstack([CENTERS[0], CENTERS[1] + 0.1])
    alone = np.array([[1.0] + [0.0] * 6, [0.0] * 7]) if width < 1 else np.ones((2, 7))
    np.testing.assert_array_equal(activations(rows, CENTERS, np.full(7, width), False), alone)
    for widths in (np.full(7, width), np.r_[np.full(6, width), 2 * width]):
        shared = activations(rows, CENTERS, widths, True)
        np.testing.assert_allclose(shared.sum(axis=1), 1.0)
        assert shared[0].argmax() == 0
