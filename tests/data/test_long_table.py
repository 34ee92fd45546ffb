"""Long tables as sequences, against the groups that pandas makes of them."""

from __future__ import annotations

import datetime
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.data import Sequences, sequences_of

TABLE = {
    "who": ["b", "a", "b", "a", "c"],
    "day": [2, 1, 1, 0, 7],
    "pulse": [71.0, 64.0, 68.0, 1.0, 5.0],
    "ill": [True, False, True, False, True],
    "word": ["x", "y", "z", "q", "r"],
    "state": ["up", "down", "up", "up", "down"],
}


def drawn(seed: int, n: int, sequences: int) -> pd.DataFrame:
    """A table whose sequences are interrupted, with the columns of all roles."""
    draw = np.random.default_rng(seed)
    who = draw.integers(0, sequences, n)
    return pd.DataFrame(
        {
            "who": np.array([f"s{k}" for k in range(sequences)])[who],
            "part": draw.integers(0, 2, n),
            "when": pd.Timestamp("2024-03-01") + pd.to_timedelta(draw.permutation(n), "min"),
            "x": draw.normal(size=n),
            "y": draw.integers(0, 5, n),
            "word": draw.choice(["the", "dog", "runs"], n),
            "label": np.array(["good", "bad"])[who % 2],
            "tag": draw.integers(0, 3, n),
        }
    )


def groups_of(frame: pd.DataFrame, by: list[str], order: str | None) -> list[pd.DataFrame]:
    """What pandas makes of it: the groups in the order of their first row, each sorted."""
    groups = [group for _, group in frame.reset_index(drop=True).groupby(by, sort=False)]
    return [group if order is None else group.sort_values(order, kind="stable") for group in groups]


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 6), st.sampled_from([None, "when"]), st.booleans())
def test_the_sequences_are_the_groups_of_pandas(seed, n, sequences, order, two):
    frame = drawn(seed, n, sequences)
    by = ["who", "part"] if two else ["who"]
    groups = groups_of(frame, by, order)
    found = sequences_of(frame, by if two else "who", order, ["x", "y"], "label")
    keys = [tuple(g[by].iloc[0]) for g in groups]
    assert found.keys == (keys if two else [key for (key,) in keys])
    assert len(found) == len(groups)
    for X, rows, group in zip(found.X, found.rows, groups, strict=True):
        np.testing.assert_array_equal(X, group[["x", "y"]].to_numpy(np.float64))
        np.testing.assert_array_equal(rows, group.index)
    assert found.y.tolist() == [group["label"].iloc[0] for group in groups]
    steps = sequences_of(frame, by, order, "word", "tag", by_step=True)
    assert [group["word"].tolist() for group in groups] == steps.X
    assert steps.y == [group["tag"].tolist() for group in groups]


def test_whatever_holds_the_table():
    polars = pytest.importorskip("polars")
    expected = sequences_of(TABLE, "who", "day", "pulse", "state")
    assert [x.tolist() for x in expected.X] == [[[68.0], [71.0]], [[1.0], [64.0]], [[5.0]]]
    assert expected.y == [["up", "up"], ["up", "down"], ["down"]]
    assert expected.keys == ["b", "a", "c"]
    assert repr(expected) == "Sequences(of 3, with 5 steps in all)"
    frames = [pd.DataFrame(TABLE, index=list("vwxyz")), polars.DataFrame(TABLE)]
    frames += [frames[0].astype({"who": "category", "word": "string"}), {k: np.array(v) for k, v in TABLE.items()}]
    for frame in frames:
        found = sequences_of(frame, ["who"], "day", ["pulse"], "state")
        assert isinstance(found, Sequences)
        assert [x.tolist() for x in found.X] == [x.tolist() for x in expected.X]
        assert (found.y, found.keys) == (expected.y, expected.keys)
        assert sequences_of(frame, "who", "day", "word").X == [["z", "x"], ["q", "y"], ["r"]]
    array = np.array([[1, 5.0], [0, 6.0], [1, 7.0]])
    assert [x.tolist() for x in sequences_of(array, "x0").X] == [[[5.0], [7.0]], [[6.0]]]


def test_features_are_all_other_columns_and_keep_their_order():
    few = {name: TABLE[name] for name in ("ill", "who", "pulse", "day", "state")}
    found = sequences_of(few, "who", "day", target="state")
    np.testing.assert_array_equal(found.X[0], [[1.0, 68.0], [1.0, 71.0]])
    found = sequences_of(few, "who", "day", ["day", "pulse"])  # the time may be a feature too
    np.testing.assert_array_equal(found.X[0], [[1, 68.0], [2, 71.0]])
    assert found.y is None
    found.X[0][:] = 0.0
    assert few["pulse"] == TABLE["pulse"]


@pytest.mark.parametrize(
    "order",
    [
        ["2024-01-02", "2024-01-02T05:00", "2024-01-01", "2024-01-01", "2024-01-01"],  # texts of times
        ["10", "10", "9", "9", "9"],  # texts of numbers: as texts, 10 would come first
        [datetime.date(2024, 2, 1), datetime.date(2024, 2, 1), *[datetime.date(2024, 1, 1)] * 3],
        pd.to_timedelta([3, 3, 1, 1, 1], "h"),
        np.array([2, 2, 1, 1, 1], dtype=np.uint8),
        [np.inf, 5.0, 4.0, -np.inf, 0.0],
    ],
)
def test_what_can_be_an_order(order):
    found = sequences_of({**TABLE, "order": order}, "who", "order", "word")
    assert found.X == [["z", "x"], ["q", "y"], ["r"]]


def test_keys():
    times = pd.to_datetime(["2024-01-02", "2024-01-01"])
    keys = sequences_of({"when": times, "n": [3, 4], "x": [1.0, 2.0]}, "when").keys
    assert [pd.Timestamp(key) for key in keys] == list(times)
    keys = sequences_of({"when": times, "n": [3, 4], "x": [1.0, 2.0]}, ["n", "when"]).keys
    assert [type(n) for n, _ in keys] == [int, int]
    assert sequences_of({"b": [True, False], "x": [1, 2]}, "b").keys == [True, False]


def test_targets():
    def y_of(target, **options):
        return sequences_of({**TABLE, "t": target}, "who", "day", "pulse", "t", **options).y

    assert y_of([1, 2, 1, 2, 3]).tolist() == [1, 2, 3]
    assert y_of([1.5, 2, 1.5, 2, 3]).dtype == np.float64
    assert y_of(["n", "m", "n", "m", "o"]).tolist() == ["n", "m", "o"]
    assert y_of([1, 2, 1, 2, 3], by_step=True) == [[1, 1], [2, 2], [3]]
    assert y_of([1, 2, 3, 4, 5]) == [[3, 1], [4, 2], [5]]
    assert y_of(["n", "m", None, "m", "o"]) == [[None, "n"], ["m", "m"], ["o"]]
    assert y_of([1, None, 3, 4, 5]) == [[3, 1], [4, None], [5]]  # integers, though a column with gaps has floats
    assert y_of([True, None, False, True, True]) == [[False, True], [True, None], [True]]
    assert y_of([0.5, 1.0, 1.5, 2.0, 3.0]) == [[1.5, 0.5], [2.0, 1.0], [3.0]]


WRONG = [
    ({}, {"by": "wo"}, r"sequences_of\(by\): expected a column of the table, got 'wo'\. Did you mean 'who'\?"),
    ({}, {"order": "dya"}, r"\(order\): .* got 'dya'\. Did you mean 'day'"),
    ({}, {"columns": ["pulse", "pluse"]}, r"\(columns\): .* got 'pluse'\. Did you mean 'pulse'"),
    ({}, {"target": "sate"}, r"\(target\): .* got 'sate'\. Did you mean 'state'"),
    ({"who": ["b", None, "b", "a", "c"]}, {}, r"column 'who': expected a value in each row, got none in row 1\."),
    ({"who": [1, float("nan"), 1, 2, 3]}, {}, r"column 'who': expected a value in each row, got none in row 1\."),
    ({"who": ["b", "a", 7, "a", "c"]}, {}, r"column 'who': expected only texts, .* got 7 in row 2 and 'b' in row 0"),
    ({"word": ["x", 3, "z", "q", "r"]}, {"columns": "word"}, r"'word': .* got 3 in row 1 \(sequence 'a'\) and 'x' in"),
    ({"word": ["x", "y", "z", None, "r"]}, {"columns": "word"}, r"column 'word': .* none in row 3 \(sequence 'a'\)"),
    ({"pulse": [1, 2, 3, 4, None]}, {}, r"'pulse': expected a value in each row, got none in row 4 \(sequence 'c'\)\."),
    ({"pulse": [1, np.inf, 3, 4, 5]}, {}, r"'pulse': expected finite numbers, got inf in row 1 \(sequence 'a'\)"),
    ({"day": [2, 1, 2, 0, 7]}, {}, r"\(order\), column 'day': .* got 2 in row 0 and in row 2 \(sequence 'b'\)\."),
    ({"day": [2, 1, None, 0, 7]}, {}, r"column 'day': expected a value .* none in row 2 \(sequence 'b'\)"),
    ({"day": [2, "1", 1, 0, 7]}, {}, r"column 'day': expected only texts, .* got 2 in row 0 \(sequence 'b'\) and '1'"),
    ({"day": ["mon", "tue", "wed", "thu", "fri"]}, {}, r"'day': expected numbers or times, got 'mon' in row 0\."),
    ({"day": [True, False] * 2 + [True]}, {}, r"'day': expected numbers or times, got True in row 0"),
    ({}, {"columns": None}, r"\(columns\): expected columns of numbers, or one of texts, got texts in 'word', .*'ill'"),
    (
        {},
        {"columns": ["word", "state"]},
        r"got texts in 'word', texts in 'state'\. Choose among them: columns=\['word'",
    ),
    ({"pulse": pd.to_datetime(["2024"] * 5)}, {}, r"one of texts, got times in 'pulse'\."),
    ({}, {"target": "state", "by_step": False}, r"'state': .* got 'up' in row 3 and 'down' in row 1 \(sequence 'a'\)"),
    ({"state": ["u", None, "u", None, "d"]}, {"target": "state"}, r"'state': .* none in row 1 \(sequence 'a'\)"),
    (
        {"state": [0.5, None, 1.5, 2, 3]},
        {"target": "state"},
        r"'state': expected a number in each row, got none in row",
    ),
    ({"state": [0.5, 1, np.inf, 2, 3]}, {"target": "state"}, r"'state': .* got inf in row 2 \(sequence 'b'\)"),
    ({"state": pd.to_datetime(["2024"] * 5)}, {"target": "state"}, r"'state': expected labels or numbers, got times"),
]


@pytest.mark.parametrize(("change", "options", "text"), WRONG)
def test_what_cannot_be_is_named_with_its_row_and_sequence(change, options, text):
    with pytest.raises(InvalidData, match=text):
        sequences_of({**TABLE, **change}, **{"by": "who", "order": "day", "columns": "pulse", **options})


def test_of_many_columns_the_nearest_are_named_and_no_list_that_has_none_of_them():
    many = {f"x{number}": [1.0] for number in range(60)}
    with pytest.raises(InvalidData, match=r"The nearest of 60 are 'x\d+', 'x\d+', 'x\d+'\.$"):
        sequences_of(many, "patient")


def test_tables_without_rows_or_features():
    with pytest.raises(InvalidData, match="sequences_of: expected at least one row, got none"):
        sequences_of({"who": [], "x": []}, "who")
    with pytest.raises(InvalidData, match="expected a column of features beside by, order and target, got none"):
        sequences_of({"who": [1], "x": [2]}, "who", target="x")
    with pytest.raises(InvalidData, match="table: expected a data frame"):
        sequences_of([1, 2], "who")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"by": []}, r"\(by\): expected at least one name of a column, got \[\]"),
        ({"by": ["who", "who"]}, r"\(by\): expected each column once, got 'who' twice"),
        ({"order": ["day", "pulse"]}, r"\(order\): expected the name of a column, got \['day', 'pulse'\]"),
        ({"order": "who"}, r"\(order\): expected a column of its own, got 'who'"),
        ({"target": "day"}, r"\(target\): expected a column of its own, got 'day', by or order"),
        (
            {"columns": ["pulse", "ill"], "target": "ill"},
            r"\(target\): .* got 'ill', features\. Leave it out of columns",
        ),
        ({"by_step": 3}, r"\(by_step\): expected None or True or False"),
    ],
)
def test_roles_that_cannot_be(options, text):
    with pytest.raises(InvalidParameter, match=text):
        sequences_of(TABLE, **{"by": "who", "order": "day", **options})


def test_estimators_learn_from_it_and_name_it():
    frame = drawn(0, 300, 12)
    found = sequences_of(frame, "who", "when", ["x", "y"], "label")
    clf = nw.sequence.SequenceClassifier("GRU(4, output='last')", epochs=2, random_state=0).fit(found.X, found.y)
    said = pd.Series(clf.predict(found.X), index=found.keys)
    assert set(said.index) == set(frame["who"])
    steps = sequences_of(frame, "who", "when", "word", "tag")
    tagger = nw.sequence.SequenceTagger("GRU(4)", epochs=2, random_state=0).fit(steps.X, steps.y)
    column = np.empty(len(frame), dtype=np.int64)
    column[np.concatenate(steps.rows)] = np.concatenate(tagger.predict(steps.X))  # back into the table
    assert (column == frame["tag"]).mean() == pytest.approx(tagger.score(steps.X, steps.y))
    for table in (frame, dict(TABLE)):
        text = re.escape("cut by nw.data.sequences_of(table, by=...).")
        with pytest.raises(InvalidData, match=text):
            nw.sequence.SequenceClassifier().fit(table, found.y)
