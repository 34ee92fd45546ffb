"""Tables of all kinds as columns."""

from __future__ import annotations

import datetime
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from netwright.core.errors import InvalidData
from netwright.data import is_table, split_target, to_columns
from netwright.data.columns import as_text, missing_rows, settle

NAN, NAT = float("nan"), np.datetime64("NaT")


def same(column: np.ndarray, dtype: str, values: list) -> None:
    assert column.dtype == np.dtype(dtype)
    if dtype == "object":
        assert column.tolist() == values
        assert all(type(a) is type(b) for a, b in zip(column, values, strict=True))
    else:
        np.testing.assert_array_equal(column, np.array(values, dtype=dtype))


SETTLED = {
    "integers": ([1, 2], "int64", [1, 2]),
    "integers and none": ([1, None], "float64", [1, NAN]),
    "mixed numbers": ([1, 2.5, Decimal("0.5"), Fraction(1, 4), Decimal("NaN")], "float64", [1, 2.5, 0.5, 0.25, NAN]),
    "large integers": ([2**70, 1], "float64", [2.0**70, 1]),
    "booleans": ([True, np.bool_(False)], "bool", [True, False]),
    "booleans and none": ([True, None, NAN], "object", [True, None, None]),
    "booleans and numbers": ([True, 2], "int64", [1, 2]),
    "texts": (["a", None, NAN], "object", ["a", None, None]),
    "texts of numpy": (np.array(["a", "b"]), "object", ["a", "b"]),
    "texts and numbers": (["a", 1, None], "object", ["a", "1", None]),
    "nothing": ([None, None], "float64", [NAN, NAN]),
    "no rows": ([], "float64", []),
    "dates": ([datetime.date(2024, 2, 29), None], "datetime64[us]", ["2024-02-29", NAT]),
    "times in a zone": (
        [datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=2))), np.datetime64("2024")],
        "datetime64[us]",
        ["2023-12-31T22", "2024-01-01"],
    ),
    "durations": (np.array([1_500_000, "NaT"], dtype="timedelta64[us]"), "float64", [1.5, NAN]),
    "half precision": (np.array([0.5, NAN], np.float16), "float64", [0.5, NAN]),
    "long doubles": (np.array([0.5], np.longdouble), "float64", [0.5]),
    "big-endian": (np.array([1, 2], ">i4"), "int32", [1, 2]),
    "masked": (np.ma.array([1, 2], mask=[0, 1]), "float64", [1, NAN]),
}


@pytest.mark.parametrize("name", SETTLED)
def test_settle(name):
    values, dtype, expected = SETTLED[name]
    same(settle("c", values), dtype, expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, [2]], "column 'c': expected numbers, booleans, texts or dates, got a list at row 1"),
        (["a", b"b"], "got a bytes at row 1"),
        ([datetime.date(2024, 1, 1), 1.5], "got a date at row 0"),
        (np.array([1j]), "got complex128 values"),
        (np.zeros((2, 2)), r"one dimension, got shape \(2, 2\)"),
        ("abc", r"one dimension, got shape \(\)"),
        ([10**400, 0.5], "numbers up to 1.8e308"),
        ([datetime.datetime.min.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=5)))], "years 1 to 9999"),
    ],
)
def test_columns_that_cannot_be(values, message):
    with pytest.raises(InvalidData, match=message):
        settle("c", values)


def test_inputs_are_not_written():
    values = np.array(["a", 1, None], dtype=object)
    settle("c", values)
    assert values.tolist() == ["a", 1, None]


def test_pandas():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "i": pd.array([1, None], "Int64"),
            "b": pd.array([True, None], "boolean"),
            "s": ["a", None],
            "s2": pd.array(["a", None], "string"),
            "c": pd.Categorical([3, None]),
            "d": pd.to_datetime(["2020-01-01 12:00", None]),
            "z": pd.to_datetime(["2020-01-01", None]).tz_localize("Europe/Paris"),
            "sparse": pd.arrays.SparseArray([0, 1]),
            5: [1.5, 2.5],
            ("a", "b"): [1, 2],
        }
    )
    before = frame.copy(deep=True)
    columns = to_columns(frame)
    same(columns["i"], "float64", [1, NAN])
    same(columns["b"], "object", [True, None])
    same(columns["s"], "object", ["a", None])
    same(columns["s2"], "object", ["a", None])
    same(columns["c"], "object", ["3", None])
    same(columns["d"].astype("datetime64[us]"), "datetime64[us]", ["2020-01-01T12", NAT])
    same(columns["z"], "datetime64[us]", ["2019-12-31T23", NAT])
    same(columns["sparse"], "int64", [0, 1])
    same(columns["5"], "float64", [1.5, 2.5])
    same(columns["('a', 'b')"], "int64", [1, 2])
    pd.testing.assert_frame_equal(frame, before)
    same(to_columns({"c": frame["c"]})["c"], "object", ["3", None])
    assert is_table(frame)


def test_polars_and_arrow():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(
        {
            "i": [1, None],
            "b": [True, None],
            "s": ["a", None],
            "d": [datetime.date(2020, 1, 1), None],
            "n": [None, None],
            "x": [Decimal("1.5"), None],
            "t": [datetime.timedelta(seconds=2), None],
        }
    ).with_columns(
        c=pl.Series(["a", None], dtype=pl.Categorical),
        z=pl.Series([datetime.datetime(2020, 1, 1), None]).dt.replace_time_zone("Europe/Paris"),
    )
    tables = [frame]
    if pytest.importorskip("pyarrow"):
        tables.append(frame.to_arrow())
    for table in tables:
        columns = to_columns(table)
        same(columns["i"], "float64", [1, NAN])
        same(columns["b"], "object", [True, None])
        same(columns["s"], "object", ["a", None])
        same(columns["d"], "datetime64[D]", ["2020-01-01", NAT])
        same(columns["n"].astype(float), "float64", [NAN, NAN])
        same(columns["x"], "float64", [1.5, NAN])
        same(columns["t"], "float64", [2, NAN])
        same(columns["c"], "object", ["a", None])
        same(columns["z"], "datetime64[us]", ["2019-12-31T23", NAT])
        assert is_table(table)


def test_columns_of_lists_and_times_are_refused_by_name():
    pl = pytest.importorskip("polars")
    with pytest.raises(InvalidData, match=r"column 'l'.*a ndarray at row 0"):
        to_columns(pl.DataFrame({"l": [[1], [2, 3]]}))
    with pytest.raises(InvalidData, match=r"column 't'.*a time at row 0"):
        to_columns(pl.DataFrame({"t": [datetime.time(1)]}))


def test_lazy_frames_are_asked_to_collect():
    pl = pytest.importorskip("polars")
    lazy = pl.LazyFrame({"a": [1]})
    with pytest.raises(InvalidData, match=r"got a LazyFrame. Call .collect\(\) first"):
        to_columns(lazy)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        is_table(lazy)


def test_names_that_come_twice():
    pd = pytest.importorskip("pandas")
    with pytest.raises(InvalidData, match="each column name once, got 'a' for columns 0 and 2"):
        to_columns(pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"]))
    with pytest.raises(InvalidData, match="each column name once, got '1' for columns 0 and 1"):
        to_columns({1: [1], "1": [2]})


def test_lengths_and_things_that_are_no_tables():
    with pytest.raises(InvalidData, match="as many rows in each column, got 1 in 'b' and 2 in 'a'"):
        to_columns({"a": [1, 2], "b": [1]})
    for thing in (3, [1, 2], np.zeros(3)):
        with pytest.raises(InvalidData, match="a data frame, a dict of columns or an array"):
            to_columns(thing)
    assert list(to_columns(np.zeros((2, 3)))) == ["x0", "x1", "x2"]


def test_tensors_in_a_dict():
    torch = pytest.importorskip("torch")
    same(to_columns({"a": torch.tensor([1.5, 2.5], requires_grad=True)})["a"], "float64", [1.5, 2.5])


def test_split_target():
    columns, y = split_target({"a": [1, 2], "b": ["x", "y"]}, "b")
    assert list(columns) == ["a"]
    assert (y.dtype.kind, y.tolist()) == ("U", ["x", "y"])
    with pytest.raises(InvalidData, match=r"target: expected a column of the table, got 'B'. Did you mean 'b'\?"):
        split_target({"a": [1], "b": [2]}, "B")
    with pytest.raises(InvalidData, match="columns beside the target 'b', got none"):
        split_target({"b": [2]}, "b")
    with pytest.raises(InvalidData, match=r"target 'b'.*got 1 row\(s\) without one, the first at row 1"):
        split_target({"a": [1, 2], "b": [2, None]}, "b")


def test_missing_rows_and_text():
    column = np.array(["2024-01-01", "NaT"], dtype="datetime64[D]")
    assert missing_rows(column).tolist() == [False, True]
    assert as_text(column).tolist() == ["2024-01-01", None]
    assert as_text(np.array([True, None], dtype=object)).tolist() == ["True", None]
    assert as_text(np.array([1e300, 0.5, -2.0])).tolist() == ["1e+300", "0.5", "-2"]
    assert missing_rows(np.array([1, 2])).tolist() == [False, False]
