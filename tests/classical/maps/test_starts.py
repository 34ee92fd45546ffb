"""Starts of a map: planes of principal components, rows, boxes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from netwright.classical.chunks import Chunks
from netwright.classical.maps.grid import Grid
from netwright.classical.maps.starts import drawn_rows, pca_start, random_start, sample_start

DIGITS = load_digits().data / 16
MEAN = DIGITS.mean(axis=0)


@pytest.fixture(scope="module")
def pca() -> PCA:
    return PCA(4).fit(DIGITS)


def scores(units: np.ndarray, pca: PCA, components: int) -> np.ndarray:
    """Coordinates on the components in standard deviations, signs left out."""
    found = (units - MEAN) @ pca.components_.T / np.sqrt(pca.explained_variance_ * (len(DIGITS) - 1) / len(DIGITS))
    np.testing.assert_allclose(found[:, components:], 0, atol=1e-9)
    return found[:, :components]


def test_units_stand_evenly_on_the_plane_of_two_components(pca: PCA) -> None:
    found = scores(pca_start(DIGITS, Grid((3, 5))), pca, 2).reshape(3, 5, 2)
    along, across = np.linspace(-1, 1, 5), np.linspace(-1, 1, 3)
    for row in range(3):  # the longer axis has the first component
        np.testing.assert_allclose(np.abs(found[row, :, 0]), np.abs(along), atol=1e-9)
        np.testing.assert_allclose(np.abs(found[row, :, 1]), abs(across[row]), atol=1e-9)
    assert len(np.unique(found.reshape(-1, 2).round(9), axis=0)) == 15


@pytest.mark.parametrize(("shape", "components"), [((6,), 1), ((1, 6), 1), ((6, 1), 1), ((2, 3, 4), 3), ((1, 1), 0)])
def test_axes_of_one_unit_take_no_component(shape: tuple[int, ...], components: int, pca: PCA) -> None:
    units = pca_start(DIGITS, Grid(shape))
    assert np.isfinite(units).all()
    found = scores(units, pca, components)
    assert len(np.unique(found.round(9), axis=0)) == max(1, np.prod(shape))
    if components == 0:
        np.testing.assert_allclose(units, [MEAN])


def test_hexagons_are_shifted_on_the_plane(pca: PCA) -> None:
    found = np.abs(scores(pca_start(DIGITS, Grid((4, 4), "hexagon")), pca, 2)).reshape(4, 4, 2)
    np.testing.assert_allclose(found[0, :, 1], np.abs(np.array([0, 2, 4, 6]) - 3.5) / 3.5, atol=1e-9)
    np.testing.assert_allclose(found[1, :, 1], np.abs(np.array([1, 3, 5, 7]) - 3.5) / 3.5, atol=1e-9)


def test_a_torus_is_a_circle_along_each_axis(pca: PCA) -> None:
    found = scores(pca_start(DIGITS, Grid((6, 5), toroidal=True)), pca, 4)
    np.testing.assert_allclose((found**2).sum(axis=1), 2)
    np.testing.assert_allclose(found[:, 0] ** 2 + found[:, 2] ** 2, 1)
    around = found[::5, [0, 2]]
    steps = np.linalg.norm(around - np.roll(around, 1, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0])


@pytest.mark.parametrize("rows", [DIGITS[:20], DIGITS[:5]], ids=["tall", "wide"])
def test_few_rows_are_enough(rows: np.ndarray) -> None:
    expected = PCA(1).fit(rows)
    spread = np.sqrt(expected.explained_variance_[0] * (len(rows) - 1) / len(rows))
    ends = pca_start(rows, Grid((2,)))
    np.testing.assert_allclose(np.abs((ends[1] - ends[0]) @ expected.components_[0]), 2 * spread, rtol=1e-9)


@pytest.mark.parametrize("rows", [np.ones((5, 3)), np.zeros((1, 3)), np.arange(5.0)[:, None]])
def test_data_without_a_plane_give_fewer_places(rows: np.ndarray) -> None:
    units = pca_start(rows, Grid((3, 3)))
    assert np.isfinite(units).all()
    assert len(np.unique(units, axis=0)) == (3 if len(np.unique(rows)) > 1 else 1)


def test_the_sign_of_a_component_is_fixed() -> None:
    np.testing.assert_array_equal(pca_start(DIGITS, Grid((3, 3))), pca_start(DIGITS.copy(order="F"), Grid((3, 3))))
    first = pca_start(DIGITS, Grid((3, 3)))
    np.testing.assert_allclose(pca_start(DIGITS[::-1], Grid((3, 3))), first, rtol=1e-6, atol=1e-9)


def test_samples_are_rows_without_repetition_where_possible() -> None:
    rng = np.random.default_rng(0)
    units = sample_start(DIGITS[:30], 30, rng)
    assert len(np.unique(units, axis=0)) == len(np.unique(DIGITS[:30], axis=0))
    many = sample_start(np.arange(3.0)[:, None], 8, rng)
    assert sorted(np.bincount(many[:, 0].astype(int)).tolist()) == [2, 3, 3]


def test_random_units_fill_the_box() -> None:
    rows = np.array([[0.0, 5.0, 1.0], [2.0, 5.0, -1.0]])
    units = random_start(rows, 200, np.random.default_rng(0))
    assert (units >= rows.min(axis=0)).all()
    assert (units <= rows.max(axis=0)).all()
    assert np.ptp(units, axis=0) == pytest.approx([2, 0, 2], abs=0.1)


class Numbers:
    """0, 1, 2... in pieces, as often as wanted."""

    def __iter__(self) -> Iterator[np.ndarray]:
        yield from np.array_split(np.arange(50.0)[:, None], 7)


@pytest.mark.parametrize("source", [np.arange(50.0)[:, None], Numbers()], ids=["array", "iterable"])
def test_each_row_is_drawn_with_the_same_chance(source: object) -> None:
    chunks = Chunks(BaseEstimator(), source, reset=True, chunk_size=8)
    counts = np.zeros(50)
    for seed in range(600):
        drawn = drawn_rows(chunks, 10, np.random.default_rng(seed))[:, 0].astype(int)
        assert len(set(drawn.tolist())) == 10
        assert drawn.tolist() == sorted(drawn.tolist())
        counts[drawn] += 1
    assert abs(counts - 120).max() < 5 * np.sqrt(120 * 0.8)
    assert drawn_rows(chunks, 99, np.random.default_rng(0))[:, 0].tolist() == list(range(50))
