"""Rules for bandwidths, distinct rows, weights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import gaussian_kde

from netwright.classical.radial_basis.bandwidths import BANDWIDTH, chosen, closed_form, given
from netwright.classical.radial_basis.sites import read_weights, require_moderate, sites_of, spreads
from netwright.core.errors import InvalidData, InvalidParameter

RNG = np.random.default_rng(2)


@pytest.mark.parametrize(("n", "d"), [(10, 1), (100, 3), (12345, 20)])
def test_closed_forms_are_those_of_scipy(n: int, d: int) -> None:
    density = gaussian_kde(RNG.normal(size=(d, 50)))
    density._neff = n
    assert closed_form("scott", n, d) == pytest.approx(density.scotts_factor())
    assert closed_form("silverman", n, d) == pytest.approx(density.silverman_factor())


def test_closed_forms_count_distinct_rows_and_deviations_of_features() -> None:
    rows = RNG.normal(size=(30, 2)) * [1.0, 10.0]
    found = chosen("scott", sites_of(rows, np.ones(30)), None)
    np.testing.assert_allclose(found.bandwidth, rows.std(axis=0) * 30 ** (-1 / 6))
    assert found.error is None
    assert found.curve is None
    weights = RNG.uniform(0.1, 3, 30)
    weighted = chosen("silverman", sites_of(rows, weights), None).bandwidth
    density = gaussian_kde(rows.T, bw_method="silverman", weights=weights)
    mean = np.average(rows, axis=0, weights=weights)
    deviation = np.sqrt(np.average(np.square(rows - mean), axis=0, weights=weights))
    np.testing.assert_allclose(weighted, deviation * density.factor)


def test_equal_rows_are_one_site() -> None:
    rows = np.array([[1.0, 2.0], [0.0, 5.0], [1.0, 2.0], [-0.0, 5.0], [3.0, 3.0]])
    sites = sites_of(rows, np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert sites.weights.tolist() == [6.0, 4.0, 5.0]
    assert sites.members.tolist() == [1, 0, 1, 0, 2]
    np.testing.assert_allclose(sites.weights @ sites.rows, 0, atol=1e-14)
    np.testing.assert_allclose(np.diff(sites.rows, axis=0), [[1, -3], [2, 1]])
    means = sites.means(np.arange(5.0)[:, None], np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    np.testing.assert_allclose(means[:, 0], [(2 * 1 + 4 * 3) / 6, (3 * 2) / 4, 4.0])
    assert sites.effective() == pytest.approx(15**2 / (36 + 16 + 25))


def test_equal_rows_of_two_classes_are_two_sites_sorted_by_class() -> None:
    rows, classes = np.array([[2.0], [2.0], [1.0], [2.0]]), np.array([1, 0, 1, 1])
    sites = sites_of(rows, np.ones(4), classes)
    assert sites.members.tolist() == [2, 0, 1, 2]
    assert sites.weights.tolist() == [1.0, 1.0, 2.0]


def test_spreads_of_constant_and_of_great_features() -> None:
    rows = np.column_stack([np.full(20, 0.1), np.arange(20.0) * 1e99, np.arange(20.0)])
    found = spreads(sites_of(rows, np.ones(20)))
    np.testing.assert_allclose(found, [1.0, np.arange(20).std() * 1e99, np.arange(20).std()])


@pytest.mark.parametrize("value", [0.5, 1, np.float32(2), [0.1, 2], np.ones(3), (1, 2), "loo", "scott", "loo-scaled"])
def test_bandwidths_that_can_be(value) -> None:
    assert BANDWIDTH.accepts(value)


@pytest.mark.parametrize(
    "value", [0, -1.0, np.inf, True, None, [], [0.1, 0], [1, np.nan], np.ones((2, 2)), "lo", [[1]]]
)
def test_bandwidths_that_cannot_be(value) -> None:
    assert not BANDWIDTH.accepts(value)


def test_one_bandwidth_a_feature() -> None:
    assert given("GRNN", 2, 5) == 2.0
    own = np.ones(2)
    assert given("GRNN", own, 2) is not own
    with pytest.raises(
        InvalidParameter, match=r"GRNN\(bandwidth\): expected 3 numbers, one a feature, got 2\. Give one"
    ):
        given("GRNN", [1.0, 2.0], 3)


def test_weights_that_can_be() -> None:
    assert read_weights("GRNN", None, 3).tolist() == [1, 1, 1]
    assert read_weights("GRNN", 2, 3).tolist() == [2, 2, 2]
    assert read_weights("GRNN", [1, 0, 0.5], 3).tolist() == [1, 0, 0.5]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], r"GRNN\.fit\(sample_weight\): expected 3 weights, one a row, got shape \(2,\)\. Give one a row\."),
        ([1, -2, 1], r"GRNN\.fit\(sample_weight\), row 1: expected a finite number >= 0, got -2\. Correct it\."),
        ([1, 1, np.nan], r"row 2: expected a finite number >= 0, got nan\."),
        ([np.inf, 1, 1], r"row 0: expected a finite number >= 0, got inf\."),
        ([1, 1e308, 1], r"row 1: expected a finite number >= 0, 1e\+100 at most, got 1e\+308\."),
        (
            [0, 0, 0],
            r"GRNN\.fit\(sample_weight\): expected a weight above 0, got zeros only\. Give",
        ),
        (["a", "b", "c"], r"GRNN\.fit\(sample_weight\): expected numbers, got \['a', 'b', 'c'\]\. Give one a row\."),
    ],
)
def test_weights_that_cannot_be(weights, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        read_weights("GRNN", weights, 3)


def test_values_whose_squares_are_infinite_are_refused() -> None:
    require_moderate(np.array([[1e100, -1e100]]))
    with pytest.raises(InvalidData, match=r"X\. Row 1, column 0: expected a number in \[-1e\+100, 1e\+100\], got -2e"):
        require_moderate(np.array([[0.0, 1.0], [-2e100, 1.0]]))
