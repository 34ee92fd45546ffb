"""Winners and distances against SciPy and plain sorting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import euclidean_distances

from netwright.classical.maps import winners
from netwright.classical.maps.winners import distances, gaps, nearest, without_dust
from netwright.core.errors import InvalidParameter

RNG = np.random.default_rng(0)
ROWS, WEIGHTS = RNG.normal(size=(300, 7)), RNG.normal(size=(40, 7))
NAMES = {"euclidean": "euclidean", "cosine": "cosine", "manhattan": "cityblock"}
METRICS: list[Any] = [*NAMES, euclidean_distances]


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def case(metric: Any, dtype: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, weights, and SciPy's distances."""
    rows, weights = (unit(array) if metric == "cosine" else array for array in (ROWS, WEIGHTS))
    rows, weights = rows.astype(dtype), weights.astype(dtype)
    return rows, weights, cdist(rows, weights, NAMES[metric] if isinstance(metric, str) else "euclidean")


def str_of(metric: object) -> str:
    """A name that is the same in every process."""
    return metric if isinstance(metric, str) else "callable"


@pytest.mark.parametrize("metric", METRICS, ids=str_of)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_distances_and_winners(metric: Any, dtype: Any) -> None:
    rows, weights, expected = case(metric, dtype)
    found = distances(rows, weights, metric)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == np.float32 else 1e-9, atol=1e-6)
    order = expected.argsort(axis=1, kind="stable")
    np.testing.assert_array_equal(nearest(rows, weights, metric), order[:, :1])
    np.testing.assert_array_equal(nearest(rows, weights, metric, 2), order[:, :2])
    own = expected[np.arange(len(rows)), order[:, 0]]
    np.testing.assert_allclose(gaps(rows, weights, order[:, 0], metric), own, rtol=1e-4, atol=1e-6)


def test_pieces_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = nearest(ROWS, WEIGHTS, "euclidean", 2)
    monkeypatch.setattr(winners, "ROWS", (1, 7))
    np.testing.assert_array_equal(nearest(ROWS, WEIGHTS, "euclidean", 2), whole)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=9), st.integers(0, 3))
def test_of_equal_distances_the_lower_number_is_first(places: list[int], at: int) -> None:
    weights, row = np.array(places, dtype=float)[:, None], np.array([[float(at)]])
    expected = np.abs(weights[:, 0] - at).argsort(kind="stable")[:2]
    for metric in ("euclidean", "manhattan"):
        np.testing.assert_array_equal(nearest(row, weights, metric, 2)[0], expected)


def test_a_row_on_a_unit_is_at_distance_0() -> None:
    rows = WEIGHTS + 1e6
    np.testing.assert_array_equal(nearest(rows, rows, "euclidean")[:, 0], np.arange(40))
    assert not distances(rows, rows, "euclidean").diagonal().any()
    assert not gaps(rows, rows, np.arange(40), "euclidean").any()


def test_what_rounding_does_not_see_is_dust() -> None:
    numbers = np.array([1.0, -2.0, 1e-40, -1e-13, 0.0])
    assert without_dust(numbers).tolist() == [1.0, -2.0, 0.0, -1e-13, 0.0]
    assert without_dust(numbers.astype(np.float32)).tolist() == pytest.approx([1.0, -2.0, 0.0, -1e-13, 0.0])
    assert without_dust(np.zeros(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        (
            lambda rows, weights: np.zeros((2, 2)),
            r"expected distances of shape \(300, 40\), got shape \(2, 2\) of float64",
        ),
        (lambda rows, weights: np.full((300, 40), "a"), r"got shape \(300, 40\) of <U1. It gets rows"),
        (lambda rows, weights: np.full((300, 40), np.nan), r"expected finite distances, got NaN or infinity. It gets"),
    ],
)
def test_a_function_that_gives_no_distances_is_refused(metric: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        nearest(ROWS, WEIGHTS, metric)


def test_a_function_may_give_negative_numbers() -> None:
    found = nearest(ROWS, WEIGHTS, lambda rows, weights: -(rows @ weights.T))
    np.testing.assert_array_equal(found[:, 0], (ROWS @ WEIGHTS.T).argmax(axis=1))
