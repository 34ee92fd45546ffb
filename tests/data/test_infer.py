"""Kinds of columns of text cells, against pandas where it reads the same."""

from __future__ import annotations

import io

import numpy as np
import pytest

from netwright.data.infer import MISSING, infer, is_number


@pytest.mark.parametrize(
    ("cells", "dtype", "values"),
    [
        (["1", "-2", "+3", "007"], "int64", [1, -2, 3, 7]),
        (["1", "2.5", "1e3", ".5"], "float64", [1, 2.5, 1000, 0.5]),
        (["9223372036854775808"], "float64", [2.0**63]),
        (["inf", "-Infinity", "1"], "float64", [np.inf, -np.inf, 1]),
        (["True", "false", "TRUE"], "bool", [True, False, True]),
        (["1949-01", "1949-12"], "datetime64[D]", ["1949-01-01", "1949-12-01"]),
        (["2024-02-29"], "datetime64[D]", ["2024-02-29"]),
        (["2024-02-29 12:30", "2024-02-28"], "datetime64[us]", ["2024-02-29T12:30", "2024-02-28"]),
        (["2024-02-29T12:30:01.123456789"], "datetime64[us]", ["2024-02-29T12:30:01.123456"]),
        (["2024-01-01T00:30+01:00", "2024-01-01 12:00Z"], "datetime64[us]", ["2023-12-31T23:30", "2024-01-01T12:00"]),
        (["1_000", "2"], "object", ["1_000", "2"]),
        (["٣", "2"], "object", ["٣", "2"]),
        (["2023-02-29"], "object", ["2023-02-29"]),
        (["2024-01-01T25:00"], "object", ["2024-01-01T25:00"]),
        (["2024-13-01T00:00Z"], "object", ["2024-13-01T00:00Z"]),
        (["20240101"], "int64", [20240101]),
        (["yes", "no"], "object", ["yes", "no"]),
        ([" a ", "b"], "object", ["a", "b"]),
        (["1,5"], "object", ["1,5"]),
    ],
)
def test_kinds(cells, dtype, values):
    column = infer(cells)
    assert column.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(column, np.array(values, dtype=dtype))


@pytest.mark.parametrize("marker", sorted(MISSING))
def test_each_marker_in_each_kind(marker):
    assert np.array_equal(infer(["1", marker]), [1, np.nan], equal_nan=True)
    assert infer(["true", f" {marker} "]).tolist() == [True, None]
    assert infer(["text", marker]).tolist() == ["text", None]
    assert np.isnat(infer(["2024-01-01", marker])).tolist() == [False, True]


def test_nothing_but_missing_is_a_column_of_nan():
    column = infer(["", "NA"])
    assert column.dtype == np.float64
    assert np.isnan(column).all()


def test_own_markers():
    assert infer(["NA", "-"], frozenset({"-"})).tolist() == ["NA", None]


@pytest.mark.parametrize("cell", ["1", " 2.5", "-1e-3", "inf"])
def test_numbers(cell):
    assert is_number(cell)


@pytest.mark.parametrize("cell", ["", "x", "1 2", "1_0", "٣"])
def test_no_numbers(cell):
    assert not is_number(cell)


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "2", "3"],
        ["1", "", "3"],
        ["1.5", "NA", "-2e-3"],
        ["0.1", "123456789.123456789", "1e-300"],
        ["True", "False", "true"],
        ["a", "b", "nan"],
    ],
)
def test_like_pandas(cells):
    pandas = pytest.importorskip("pandas")
    theirs = pandas.read_csv(io.StringIO("x,y\n" + "".join(f"{c},0\n" for c in cells)))["x"]
    ours = infer(cells)
    if theirs.dtype.kind in "iufb":
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs.to_numpy(), rtol=4e-16)  # older pandas rounds in the last digit
    else:
        assert ours.tolist() == [None if cell != cell else cell for cell in theirs.tolist()]
