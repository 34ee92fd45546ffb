"""Whitened rows: mean 0, covariance I, whatever the columns are."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.classical.ridge_functions.whitening import count_different, moments, whiten

RNG = np.random.default_rng(3)
X = RNG.normal(size=(80, 4)) @ RNG.normal(size=(4, 4)) + 5.0
WEIGHTS = RNG.integers(1, 4, size=80).astype(float)


@pytest.mark.parametrize("standardize", [True, False])
def test_rows_are_white(standardize: bool) -> None:
    white = whiten(X, WEIGHTS, standardize)
    assert white.rows.shape == (80, 4)
    np.testing.assert_allclose(WEIGHTS @ white.rows, 0, atol=1e-10)
    np.testing.assert_allclose((white.rows.T * WEIGHTS) @ white.rows / WEIGHTS.sum(), np.eye(4), atol=1e-12)
    z = (X - white.mean) / white.scale
    np.testing.assert_allclose(white.rows, z @ white.basis, atol=1e-12)
    along = white.rows @ white.axes.T  # the projections on the inputs are the inputs, up to one factor
    ratio = z / along
    np.testing.assert_allclose(ratio, ratio[0, 0])


def test_scale_is_the_standard_deviation_or_one() -> None:
    mean, spread = moments(X, WEIGHTS)
    np.testing.assert_allclose(mean, np.average(X, axis=0, weights=WEIGHTS))
    np.testing.assert_allclose(spread, np.sqrt(np.average((X - mean) ** 2, axis=0, weights=WEIGHTS)))
    assert np.array_equal(whiten(X, WEIGHTS, True).scale, spread)
    assert np.array_equal(whiten(X, WEIGHTS, False).scale, np.ones(4))


def test_weights_are_repeated_rows() -> None:
    plain = whiten(np.repeat(X, WEIGHTS.astype(int), axis=0), np.ones(int(WEIGHTS.sum())), True)
    weighted = whiten(X, WEIGHTS, True)
    np.testing.assert_allclose(plain.mean, weighted.mean)
    np.testing.assert_allclose(plain.scale, weighted.scale)
    np.testing.assert_allclose(plain.basis, weighted.basis, rtol=1e-8)
    assert plain.different == weighted.different == 80


def test_columns_that_say_nothing_new_give_no_direction() -> None:
    constant = np.full(80, 0.1)
    wide = np.column_stack([X, constant, X[:, 0], X[:, 1] - 2 * X[:, 2]])
    white = whiten(wide, np.ones(80), True)
    assert white.rows.shape == (80, 4)
    assert not white.basis[4].any()
    assert not white.axes[4].any()
    assert white.scale[4] == 1.0
    np.testing.assert_allclose(white.rows.T @ white.rows / 80, np.eye(4), atol=1e-10)


def test_only_constant_columns_give_none() -> None:
    white = whiten(np.full((10, 3), 7.0), np.ones(10), True)
    assert white.rows.shape == (10, 0)
    assert white.different == 1


def test_few_rows_give_few_directions() -> None:
    wide = RNG.normal(size=(30, 50))
    white = whiten(wide, np.ones(30), True)
    assert white.rows.shape == (30, 10)
    singular = np.linalg.svd((wide - wide.mean(0)) / wide.std(0))[1]
    z = (wide - white.mean) / white.scale
    kept = np.linalg.svd(white.rows.T @ z, compute_uv=False)  # the largest are kept
    np.testing.assert_allclose(kept, singular[:10] * np.sqrt(30), rtol=1e-9)


def test_rows_that_differ_are_counted() -> None:
    assert count_different(X) == 80
    assert count_different(np.repeat(X, 3, axis=0)) == 80
    assert count_different(RNG.integers(0, 2, size=(500, 3)).astype(float)) == 8
    assert count_different(np.ones((5, 2))) == 1


@pytest.mark.parametrize("size", [1e300, 1e-300, 1e15])
def test_large_and_small_numbers_do_not_overflow(size: float) -> None:
    mean, spread = moments(X * size, WEIGHTS)
    plain = moments(X, WEIGHTS)
    np.testing.assert_allclose(mean / size, plain[0])
    np.testing.assert_allclose(spread / size, plain[1])
    np.testing.assert_allclose(whiten(X * size, WEIGHTS, True).rows, whiten(X, WEIGHTS, True).rows, atol=1e-9)


def test_rounding_is_no_spread() -> None:
    assert moments(np.full((1000, 1), 0.1), np.ones(1000))[1] == 0
    assert moments(np.array([[1e9], [1e9 + 1]]), np.ones(2))[1] == pytest.approx(0.5)
