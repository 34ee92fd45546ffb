"""The search for prototypes: fast sums where they suffice, plain sums where rounding could decide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.classical.lvq.prototypes import kernels


def plain_squares(prototypes: np.ndarray, row: np.ndarray) -> np.ndarray:
    found = []
    for w in prototypes:
        total = 0.0
        for a, b in zip(row, w, strict=True):
            total += (a - b) * (a - b)
        found.append(total)
    return np.array(found)


def assert_found(prototypes: np.ndarray, row: np.ndarray, labels: np.ndarray) -> None:
    """What the kernels find is what the plain sums say, earlier ones before equals."""
    squares, rows = plain_squares(prototypes, row), row[None]
    order = np.argsort(squares, kind="stable")
    assert kernels.nearest(prototypes, rows, 0) == order[0]
    assert kernels.two_nearest(prototypes, rows, 0, np.empty(len(prototypes))) == (order[0], order[1])
    for code in np.unique(labels):
        own, other = order[labels[order] == code][0], order[labels[order] != code][0]
        assert kernels.rivals(prototypes, labels, rows, 0, code) == (own, other)


def test_where_only_rounding_tells_prototypes_apart_the_plain_sums_decide() -> None:
    random = np.random.default_rng(0)
    labels, disagree = np.arange(6) % 3, 0
    for _ in range(100):
        features = random.normal(size=37)
        prototypes = np.stack([random.permutation(features) for _ in range(6)])  # equally far from equal features
        row = np.full(37, random.normal())
        fast = [kernels.fast_squared(prototypes, p, row[None], 0) for p in range(6)]
        disagree += int(np.argmin(fast) != plain_squares(prototypes, row).argmin())
        assert_found(prototypes, row, labels)
    assert disagree > 20, "the fast sums would have been wrong in many of these cases"


@given(
    features=st.integers(1, 20),
    m=st.integers(2, 9),
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1e-120, 1e-3, 1.0, 1e60]),
    grid=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_the_nearest_of_any_rows(features: int, m: int, seed: int, scale: float, grid: bool) -> None:
    random = np.random.default_rng(seed)
    draw = random.integers(-2, 3, (m + 1, features)) if grid else random.normal(size=(m + 1, features))
    points = draw * scale
    assert_found(points[1:], points[0], np.append(np.arange(m - 1) % 2, 2))


def test_distances_of_one_and_of_infinitely_far_prototypes() -> None:
    prototypes, rows = np.array([[0.0], [3.0]]), np.array([[1.0]])
    assert kernels.differ(1.0, np.inf, 1)
    assert not kernels.differ(np.inf, np.inf, 1)
    assert kernels.in_window(prototypes, 0, 1, rows, 0, 0.49)
    assert not kernels.in_window(prototypes, 0, 1, rows, 0, 0.5)


def test_a_move_goes_a_share_of_the_way_and_tiny_differences_stay() -> None:
    prototypes, rows = np.array([[0.0, 1e-160, 1.0]]), np.array([[2.0, 0.0, 1.0]])
    kernels.move(prototypes, 0, rows, 0, 0.25)
    np.testing.assert_array_equal(prototypes, [[0.5, 1e-160, 1.0]])
    kernels.move(prototypes, 0, rows, 0, -1.0)
    np.testing.assert_array_equal(prototypes, [[-1.0, 1e-160, 1.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_class_distances_are_those_of_the_nearest_of_each_class(dtype: type) -> None:
    random = np.random.default_rng(1)
    rows, prototypes = random.normal(size=(7, 3)).astype(dtype), random.normal(size=(5, 3))
    labels = np.array([0, 2, 2, 0, 1])
    squares = np.array([plain_squares(prototypes, row.astype(float)) for row in rows])
    expected = np.stack([squares[:, labels == c].min(axis=1) for c in range(3)], axis=1)
    np.testing.assert_array_equal(kernels.class_distances(rows, prototypes.T.copy(), labels, 3), expected)
