"""Numbers and booleans, against scikit-learn's imputer and scaler and against exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from netwright.core.errors import InvalidData
from netwright.data.encode_number import (
    as_floats,
    center_and_spread,
    encode_number,
    plan_boolean,
    plan_number,
    standardise,
    weighted_median,
)

rng = np.random.default_rng(0)


def test_median_and_scaling_like_scikit_learn():
    x = rng.normal(50, 7, 200)
    x[rng.random(200) < 0.2] = np.nan
    plan, notes = plan_number("x", x, np.ones(200), True)
    theirs = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()).fit(x[:, None])
    new = np.append(rng.normal(50, 7, 20), np.nan)
    out = encode_number(plan, new)
    np.testing.assert_allclose(out[:, 0], theirs.transform(new[:, None])[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(out[:, 1], np.isnan(new))
    assert f"'x' is missing in {np.isnan(x).sum()} of 200 rows" in notes[0]
    assert out.dtype == np.float32


@pytest.mark.parametrize("factor", [1.0, 1e200, 1e-200, 1e307, 1e-310, 1e15])
def test_scaling_is_exact_from_subnormal_to_huge(factor):
    values = [Fraction(float(v) * factor) for v in (0.5, 1.0, 1.5, -3.0, 2.0)]
    x = np.array([float(v) for v in values])
    mean = sum(values) / 5
    spread = float(sum((v - mean) ** 2 / max(values) ** 2 for v in values) / 5) ** 0.5
    expected = [float((v - mean) / max(values)) / spread for v in values]
    with np.errstate(all="raise", under="ignore"):
        out = standardise(x, *center_and_spread(x, np.ones(5)))
    np.testing.assert_allclose(out, expected, rtol=1e-13)


def test_a_small_spread_on_a_large_mean():
    x = 1e9 + np.array([0.0, 1.0, 2.0, 3.0])
    out = standardise(x, *center_and_spread(x, np.ones(4)))
    np.testing.assert_allclose(out, (np.arange(4) - 1.5) / np.sqrt(1.25), rtol=1e-12)


def test_the_middle_of_three_is_exactly_zero():
    x = np.array([22.0, 30.0, 38.0])
    assert standardise(x, *center_and_spread(x, np.ones(3)))[1] == 0


def test_the_mean_of_many_rows_is_not_off_by_rounding():
    x = 1e12 + rng.normal(size=20_000)
    out = standardise(x, *center_and_spread(x, np.ones(x.size)))
    assert abs(out.mean()) < 0.51 * np.spacing(1e12)  # the centre itself is rounded to float64


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_scaled_training_rows_are_finite(values):
    x = np.array(values)
    out = standardise(x, *center_and_spread(x, np.ones(x.size)))
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= np.sqrt(x.size) * (1 + 1e-9)
    if x.min() == x.max():
        assert (out == 0).all()


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(1, 4)), min_size=1, max_size=8))
def test_a_weight_is_a_repetition(pairs):
    x, weights = np.array([v for v, _ in pairs]), np.array([float(w) for _, w in pairs])
    repeated = np.repeat(x, weights.astype(int))
    assert weighted_median(x, weights / weights.max()) == pytest.approx(np.median(repeated), abs=1e-9)
    scaled = standardise(x, *center_and_spread(x, weights))
    spread = repeated.std()
    if spread > 1e-6:
        np.testing.assert_allclose(scaled, (x - repeated.mean()) / spread, rtol=1e-6, atol=1e-6)


def test_median_of_huge_numbers():
    assert weighted_median(np.array([1.7e308, 1.5e308]), np.ones(2)) == pytest.approx(1.6e308)


def test_constant_columns_become_zero_and_say_so():
    plan, notes = plan_number("x", np.array([3, 3, 3]), np.ones(3), True)
    assert notes == ["'x' is constant in the training rows and was set to 0."]
    assert encode_number(plan, np.array([3.0, 7.0])).tolist() == [[0], [0]]


def test_without_scaling_numbers_stay():
    plan, notes = plan_number("x", np.array([3.0, 3.0, np.nan]), np.ones(3), False)
    assert len(notes) == 1
    assert encode_number(plan, np.array([5.0, np.nan])).tolist() == [[5, 0], [3, 1]]


def test_no_value_at_all():
    plan, notes = plan_number("x", np.array([np.nan, np.nan]), np.ones(2), True)
    assert plan is None
    assert notes == ["'x' is left out: no training row has a value."]
    assert plan_boolean("x", np.array([None, None], dtype=object), np.ones(2))[0] is None


def test_booleans():
    plan, notes = plan_boolean("b", np.array([True, None, True, False], dtype=object), np.ones(4))
    assert "filled with True" in notes[0]
    assert encode_number(plan, np.array([True, False, None], dtype=object)).tolist() == [[1, 0], [0, 0], [1, 1]]
    assert encode_number(plan, np.array([1.0, 0.0])).tolist() == [[1, 0], [0, 0]]
    with pytest.raises(
        InvalidData, match=r"column 'b': expected booleans \(or 0 and 1\) as in training, got 2 at row 1"
    ):
        encode_number(plan, np.array([0, 2]))
    plan, notes = plan_boolean("b", np.array([True, True]), np.ones(2))
    assert "constant" in notes[0]
    assert encode_number(plan, np.array([False, True])).tolist() == [[0], [0]]


def test_infinity_text_and_dates_name_column_and_row():
    with pytest.raises(InvalidData, match=r"Input X contains infinity. Column 'x', row 2: expected .* got -inf"):
        as_floats("x", np.array([1.0, np.nan, -np.inf]))
    with pytest.raises(InvalidData, match="column 'x': expected numbers as in training, got 'a' at row 1"):
        as_floats("x", np.array([None, "a"], dtype=object))
    assert as_floats("x", np.array(["2", " -1e3", None], dtype=object))[:2].tolist() == [2, -1000]
    with pytest.raises(InvalidData, match="column 'x': expected numbers as in training, got dates"):
        as_floats("x", np.array(["2024-01-01"], dtype="datetime64[D]"))


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("value", [1e300, -1.7e308])
def test_beyond_float32_after_scaling(scale, value):
    plan, _ = plan_number("x", np.array([1.0, 2.0]), np.ones(2), scale)
    with pytest.raises(InvalidData, match=r"column 'x' exceeds the float32 range: expected .* at row 1"):
        encode_number(plan, np.array([1.0, value]))
