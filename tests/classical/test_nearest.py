"""Nearest units against brute force, ties and both types."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from netwright.classical.nearest import (
    distances,
    first_units,
    nearest,
    shown_rows,
    two_nearest,
)
from netwright.core.errors import InvalidData
from netwright.core.seeds import RANDOM_STATE


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    n_units=st.integers(2, 40),
    features=st.integers(1, 11),
    dtype=st.sampled_from([np.float64, np.float32]),
)
def test_as_brute_force(seed: int, n_units: int, features: int, dtype: Any) -> None:
    generator = np.random.default_rng(seed)
    rows = generator.integers(-2, 3, (20, features)).astype(dtype)  # whole numbers, so that ties are exact
    units = generator.integers(-2, 3, (n_units, features)).astype(dtype)
    squared = cdist(rows, units, "sqeuclidean")
    winners, squares = nearest(rows, units)
    np.testing.assert_array_equal(winners, squared.argmin(axis=1))
    np.testing.assert_array_equal(squares, squared.min(axis=1))
    np.testing.assert_array_equal(two_nearest(rows, units), np.argsort(squared, axis=1, kind="stable")[:, :2])
    np.testing.assert_allclose(distances(rows, units), np.sqrt(squared), rtol=1e-6 if dtype == np.float32 else 1e-15)
    assert squares.dtype == distances(rows, units).dtype == dtype


def test_first_units_are_different_rows() -> None:
    rows = np.repeat(np.arange(4.0), [50, 1, 1, 1])[:, np.newaxis]
    for seed in range(20):
        assert np.sort(first_units("Net", "sample", rows, 4, seed).ravel()).tolist() == [0, 1, 2, 3]
    drawn = [
        first_units("Net", "sample", np.arange(100.0)[:, np.newaxis], 3, seed).ravel().tolist() for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_order_of_rows() -> None:
    assert shown_rows(4, False, 0, 3).tolist() == [0, 1, 2, 3]
    orders = [shown_rows(50, True, 1, epoch) for epoch in range(3)]
    assert all(sorted(order.tolist()) == list(range(50)) for order in orders)
    assert not np.array_equal(orders[0], orders[1])
    np.testing.assert_array_equal(orders[2], shown_rows(50, True, 1, 2))


def test_too_few_rows() -> None:
    with pytest.raises(InvalidData, match=r"Net\.fit\(X\): expected at least 3 rows, one a unit, got n_samples = 2\."):
        first_units("Net", "sample", np.eye(2), 3, 0)


@pytest.mark.parametrize(
    ("value", "fits"), [(None, True), (3, True), (np.int64(3), True), (-1, False), (True, False), (1.5, False)]
)
def test_random_states(value: Any, fits: bool) -> None:
    assert RANDOM_STATE.accepts(value) is fits
    assert RANDOM_STATE.accepts(np.random.default_rng(0))
