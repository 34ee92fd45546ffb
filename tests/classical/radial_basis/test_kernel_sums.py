"""Weighted means are those of the definition, at any distance and for any bandwidth."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.classical.radial_basis import kernel_sums
from netwright.classical.radial_basis.kernel_sums import kernel_of, weighted_means

RNG = np.random.default_rng(0)


def by_definition(queries, rows, bandwidth, weights, columns):
    """Row by row in 80 bits, with the greatest exponent taken out."""
    wide = [np.asarray(array, dtype=np.longdouble) for array in (queries, rows, weights, columns)]
    queries, rows, weights, columns = wide
    sigma = np.broadcast_to(np.asarray(bandwidth, dtype=np.longdouble), rows.shape[1])
    means = []
    for query in queries:
        exponents = []
        for row, weight in zip(rows, weights, strict=True):
            exponents.append(np.log(weight) - sum(((query - row) / sigma) ** 2) / 2)
        terms = np.exp(np.array(exponents) - max(exponents))
        means.append((terms[:, None] * columns).sum(axis=0) / terms.sum())
    return np.array(means, dtype=np.float64)


def data(n=70, m=90, d=3, k=2):
    rows, queries = RNG.normal(size=(m, d)), RNG.normal(size=(n, d)) * 1.5
    return queries, rows, RNG.uniform(0.5, 2, m), RNG.normal(size=(m, k))


@pytest.mark.parametrize("bandwidth", [0.5, [0.3, 1.0, 4.0], 0.05, 1e-3])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 3e-5)])
def test_means_are_those_of_the_definition(bandwidth, dtype, tolerance, monkeypatch) -> None:
    queries, rows, weights, columns = data()
    expected = by_definition(queries, rows, bandwidth, weights, columns)
    whole = weighted_means(queries, kernel_of(rows, bandwidth, np.log(weights), columns), dtype)
    np.testing.assert_allclose(whole, expected, rtol=tolerance, atol=tolerance)
    monkeypatch.setattr(kernel_sums, "QUERIES", 16)
    monkeypatch.setattr(kernel_sums, "ROWS", 25)
    blocks = weighted_means(queries, kernel_of(rows, bandwidth, np.log(weights), columns), dtype)
    np.testing.assert_allclose(blocks, expected, rtol=tolerance, atol=tolerance)


def test_all_three_ways_are_used_and_agree(monkeypatch) -> None:
    queries, rows, weights, columns = data()
    kernel = kernel_of(rows, 0.4, np.log(weights), columns)
    answers = []
    for single, double in ((np.inf, np.inf), (0.0, np.inf), (0.0, 0.0)):
        monkeypatch.setattr(kernel_sums, "SINGLE", single)
        monkeypatch.setattr(kernel_sums, "DOUBLE", double)
        answers.append(weighted_means(queries, kernel, np.float32))
    assert not np.array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[1], answers[2])
    np.testing.assert_allclose(answers[0], answers[2], atol=1e-5)
    np.testing.assert_allclose(answers[1], answers[2], atol=1e-13)


@pytest.mark.parametrize("apart", [1e3, 1e6, 1e9])
def test_no_digits_are_lost_between_clusters_that_are_far_apart(apart) -> None:
    rows = np.concatenate([RNG.normal(size=(20, 2)), RNG.normal(size=(20, 2)) + apart])
    queries = np.concatenate([RNG.normal(size=(5, 2)), RNG.normal(size=(5, 2)) + apart])
    columns, weights = RNG.normal(size=(40, 1)), np.ones(40)
    found = weighted_means(queries, kernel_of(rows, 0.7, np.log(weights), columns), np.float64)
    # each coordinate near the far cluster was itself rounded to eps * apart: compare with what was stored
    np.testing.assert_allclose(found, by_definition(queries, rows, 0.7, weights, columns), atol=1e-15 * apart + 1e-9)


def nearest_exactly(query, rows, sigma) -> int:
    """The nearest row in rational numbers; no rounding at any distance."""
    sigma = [Fraction(float(value)) for value in sigma]
    distances = []
    for row in rows:
        parts = zip(query, row, sigma, strict=True)
        distances.append(sum(((Fraction(float(q)) - Fraction(float(r))) / s) ** 2 for q, r, s in parts))
    return distances.index(min(distances))


@pytest.mark.parametrize("length", [1e3, 1e8, 1e20, 1e99, 1e150, 1.7e308])
@pytest.mark.parametrize("sigma", [(0.5, 0.5, 0.5), (0.01, 1.0, 50.0)])
def test_far_queries_get_what_their_nearest_row_says(length, sigma) -> None:
    rows = RNG.normal(size=(60, 3))
    directions = RNG.normal(size=(20, 3))
    queries = directions / np.abs(directions).max(axis=1, keepdims=True) * length
    kernel = kernel_of(rows, np.array(sigma), np.zeros(60), np.arange(60.0)[:, None])
    found = weighted_means(queries, kernel, np.float64)[:, 0]
    if length > 1e6:
        assert found.tolist() == [nearest_exactly(query, rows, sigma) for query in queries]
    assert np.isfinite(found).all()


@pytest.mark.parametrize("bandwidth", [1e-10, 1e-160, 1e-300, 5e-324])
def test_with_next_to_no_bandwidth_the_nearest_row_answers(bandwidth) -> None:
    rows, queries = RNG.normal(size=(50, 4)), RNG.normal(size=(30, 4))
    kernel = kernel_of(rows, bandwidth, np.zeros(50), np.arange(50.0)[:, None])
    nearest = np.square(queries[:, None] - rows).sum(axis=2).argmin(axis=1)
    assert weighted_means(queries, kernel, np.float32)[:, 0].tolist() == nearest.tolist()
    assert weighted_means(rows, kernel, np.float64)[:, 0].tolist() == list(range(50))


def test_equally_near_rows_share_and_weights_count() -> None:
    kernel = kernel_of(np.array([[0.0], [0.0], [5.0]]), 0.1, np.log([1.0, 3.0, 1.0]), np.array([[4.0], [8.0], [0.0]]))
    np.testing.assert_allclose(weighted_means(np.array([[0.0], [-1e200]]), kernel, np.float64)[:, 0], [7.0, 7.0])


def test_with_an_infinite_bandwidth_all_rows_count_the_same() -> None:
    queries, rows, _, columns = data()
    kernel = kernel_of(rows, 1e300, np.zeros(len(rows)), columns)
    np.testing.assert_allclose(weighted_means(queries, kernel, np.float64), columns.mean(axis=0)[None].repeat(70, 0))


@given(st.integers(0, 2**32 - 1), st.floats(-3, 3), st.sampled_from([np.float32, np.float64]))
@settings(max_examples=25)
def test_a_mean_lies_between_the_least_and_the_greatest(seed: int, exponent: float, dtype: type) -> None:
    rng = np.random.default_rng(seed)
    rows, queries, columns = rng.normal(size=(30, 2)), rng.normal(size=(10, 2)) * 10, rng.uniform(1, 2, (30, 1))
    means = weighted_means(queries, kernel_of(rows, 10.0**exponent, np.zeros(30), columns), dtype)
    assert (means >= columns.min() - 1e-5).all()
    assert (means <= columns.max() + 1e-5).all()


def test_no_matrix_of_all_queries_and_all_rows_is_made() -> None:
    queries, rows = RNG.normal(size=(3000, 2)), RNG.normal(size=(12000, 2))  # 288 MB
    kernel = kernel_of(rows, 0.5, np.zeros(12000), np.ones((12000, 1)))
    tracemalloc.start()
    try:
        weighted_means(queries, kernel, np.float64)
        assert tracemalloc.get_traced_memory()[1] < 8e6
    finally:
        tracemalloc.stop()
