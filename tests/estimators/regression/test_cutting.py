"""Where targets are cut: against NumPy's quantiles and histograms, with ties, weights and few values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidData
from netwright.estimators.regression.cutting import covering, cut, numbers_of, places_of, ranges_of, values_at

RNG = np.random.default_rng(0)


def test_quantile_bins_hold_as_many_rows_each() -> None:
    y = RNG.gamma(1.0, 2.0, 1000)
    edges = cut(y, None, 20, "quantile")
    assert edges[0] == y.min()
    assert edges[-1] == y.max()
    np.testing.assert_array_equal(np.bincount(numbers_of(y, edges)), 50)
    np.testing.assert_allclose(edges[1:-1], np.quantile(y, np.arange(1, 20) / 20), rtol=0.02)


def test_weights_count_as_rows() -> None:
    y, weight = RNG.normal(size=200), RNG.integers(1, 6, 200)
    ours = cut(y, weight.astype(float), 8, "quantile")
    np.testing.assert_allclose(ours, cut(np.repeat(y, weight), None, 8, "quantile"))
    ours, theirs = ranges_of(y, weight.astype(float), ours), ranges_of(np.repeat(y, weight), None, ours)
    np.testing.assert_allclose(ours, theirs)


def test_uniform_bins() -> None:
    y = RNG.normal(size=300)
    np.testing.assert_allclose(cut(y, None, 10, "uniform"), np.histogram_bin_edges(y, 10))
    np.testing.assert_array_equal(
        np.bincount(numbers_of(y, cut(y, None, 10, "uniform")), minlength=10), np.histogram(y, 10)[0]
    )


@given(
    st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.5, -3.0, 7.0, 8.0, 1e6]) | st.floats(-10, 10), min_size=1),
    st.integers(2, 12),
    st.sampled_from(["quantile", "uniform"]),
)
def test_edges_rise_and_hold_everything(values: list[float], bins: int, how: str) -> None:
    y = np.array(values).round(6)
    edges = cut(y, None, bins, how)
    assert (np.diff(edges) > 0).all()
    assert len(edges) - 1 <= bins
    assert edges[0] <= y.min()
    assert edges[-1] >= y.max()
    sums, centres, low, high, deviations = ranges_of(y, None, edges)
    k = numbers_of(y, edges)
    for bin_, found in enumerate(deviations):
        own = (y[k == bin_] - centres[bin_]) / (edges[bin_ + 1] - edges[bin_])
        expected = np.sqrt((own**2).mean()) if len(own) else 12**-0.5
        np.testing.assert_allclose(found / (edges[bin_ + 1] - edges[bin_]), expected, rtol=1e-9, atol=1e-12)
    assert sums.sum() == len(y)
    assert (low <= centres).all()
    assert (centres <= high).all()
    assert ((edges[:-1] <= low) & (high <= edges[1:])).all()
    if how == "quantile":
        assert (sums > 0).all()
    places = places_of(y, edges)
    np.testing.assert_array_equal(
        places.astype(np.float32).clip(0, len(sums)).astype(int).clip(max=len(sums) - 1), numbers_of(y, edges)
    )


def test_few_values_have_a_bin_each() -> None:
    edges = cut(np.array([1.0, 1.0, 4.0, 2.0, 4.0]), None, 20, "quantile")
    np.testing.assert_array_equal(edges, [0.5, 1.5, 3.0, 5.0])
    sums, centres, low, high, deviations = ranges_of(np.array([1.0, 1.0, 4.0, 2.0, 4.0]), None, edges)
    np.testing.assert_array_equal(sums, [2, 1, 2])
    np.testing.assert_array_equal(deviations, 0)
    for each in (centres, low, high):
        np.testing.assert_array_equal(each, [1, 2, 4])


@pytest.mark.parametrize("constant", [0.0, -3.0, 1e200])
def test_a_constant_has_one_bin(constant: float) -> None:
    edges = cut(np.full(5, constant), None, 20, "quantile")
    assert edges[0] < constant < edges[1]
    np.testing.assert_array_equal(ranges_of(np.full(5, constant), None, edges)[1:, 0], [constant] * 3 + [0])


def test_a_value_that_fills_many_quantiles_has_one_bin() -> None:
    y = np.concatenate([np.zeros(900), RNG.uniform(1, 2, 100)])
    edges = cut(y, None, 10, "quantile")
    assert len(edges) == 3
    assert 0 < edges[1] < 1
    assert len(cut(y, None, 40, "quantile")) - 1 == 5


def test_places_and_values_are_inverse_to_each_other() -> None:
    edges = np.array([0.0, 1.0, 10.0, 11.0])
    y = np.array([-5.0, 0.0, 0.3, 1.0, 7.0, 10.0, 11.0, 20.0])
    np.testing.assert_allclose(values_at(places_of(y, edges), edges), y)
    np.testing.assert_allclose(places_of(y, edges), [-5, 0, 0.3, 1, 1 + 6 / 9, 2, 3, 12])
    just_below = np.nextafter(10.0, 0)
    assert np.float32(places_of(np.array([just_below]), edges)[0]) < 2


def test_given_edges_must_hold_the_training_targets() -> None:
    edges = np.array([0.0, 1.0, 2.0])
    assert covering(edges, np.array([0.0, 2.0])) is edges
    with pytest.raises(InvalidData, match=r"y: expected training targets from 0 to 2, as edges says, got -1 to 1\."):
        covering(edges, np.array([-1.0, 1.0]))
