"""Whole tables: real ones, random ones, round trips, and what is refused."""

from __future__ import annotations

import copy
import datetime
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter
from netwright.data import Table, read_table, split_target


def tabular(name: str, target: str):
    if not os.environ.get("NETWRIGHT_DATA"):
        pytest.skip("NETWRIGHT_DATA is not set")
    return split_target(read_table(Path(os.environ["NETWRIGHT_DATA"]) / "tabular" / f"{name}.csv"), target)


def rows(columns, chosen):
    return {name: column[chosen] for name, column in columns.items()}


def assert_same(one: Table, other: Table, columns) -> None:
    assert one.feature_names_out_ == other.feature_names_out_
    assert one.feature_names_in_ == other.feature_names_in_
    assert one.notes_ == other.notes_
    assert one.cardinalities_ == other.cardinalities_
    np.testing.assert_array_equal(one.transform(columns), other.transform(columns))


def through_json(table: Table) -> Table:
    state, arrays = table.to_state()
    arrays = {name: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape) for name, a in arrays.items()}
    return Table.from_state(json.loads(json.dumps(state, allow_nan=False)), arrays)


@pytest.mark.data
def test_titanic():
    columns, _ = tabular("titanic", "Survived")
    train = np.sort(np.random.default_rng(0).permutation(891)[:700])
    table = Table().fit(rows(columns, train))
    expected = ["Pclass", "Sex=female", "Sex=male", "Age", "Age missing", "SibSp", "Parch", "Fare", "Cabin missing"]
    expected += ["Embarked=C", "Embarked=Q", "Embarked=S", "Embarked=(missing)"]
    assert table.feature_names_out_ == expected
    X = table.transform(columns)
    assert (X.shape, X.dtype) == ((891, 13), np.float32)
    assert np.isfinite(X).all()
    said = " ".join(table.notes_)
    for name in ("PassengerId", "Name", "Ticket", "Cabin"):
        assert f"'{name}' is left out" in said
    assert_same(table, through_json(table), columns)


@pytest.mark.data
def test_california_housing_like_scikit_learn():
    columns, _ = tabular("california_housing", "median_house_value")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(columns)
    numeric = [name for name in columns if name != "ocean_proximity"]
    theirs = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
        (OneHotEncoder(), ["ocean_proximity"]),
    )
    train = np.arange(20640) % 5 > 0
    theirs.fit(frame[train])
    table = Table().fit(frame[train])
    names = table.feature_names_out_
    X = table.transform(frame)
    kept = [place for place, name in enumerate(names) if not name.endswith("missing")]
    np.testing.assert_allclose(X[:, kept], theirs.transform(frame), rtol=1e-5, atol=1e-6)
    indicator = X[:, names.index("total_bedrooms missing")]
    np.testing.assert_array_equal(indicator, frame["total_bedrooms"].isna())


@pytest.mark.slow
@pytest.mark.data
def test_bike_sharing():
    columns, _ = tabular("bike_sharing_hour", "cnt")
    table = Table().fit(rows(columns, np.arange(17379) % 10 > 0))
    assert "'instant' is left out: it numbers the rows. Give it as floats to keep it." in table.notes_
    assert table.feature_names_out_[:5] == [
        "dteday days",
        *(f"dteday {p} {f}" for p in ("month", "weekday") for f in ("sin", "cos")),
    ]
    assert len(table.feature_names_out_) == 19


@pytest.mark.data
def test_letters():
    columns, y = tabular("letters", "letter")
    X = Table().fit_transform(columns)
    expected = StandardScaler().fit_transform(np.stack(list(columns.values()), axis=1))
    np.testing.assert_allclose(X, expected, rtol=1e-5, atol=1e-6)
    assert len(np.unique(y)) == 26


def toy():
    return {
        "size": [1.0, 2.0, None, 4.0],
        "sex": ["m", "f", None, "m"],
        "ok": [True, None, False, True],
        "when": [datetime.date(2024, 1, 1), None, datetime.date(2024, 1, 9), datetime.date(2024, 2, 1)],
        "city": ["Köln", "<b>", "Köln", "<b>"],
    }


def test_embedding_codes_come_last():
    table = Table("embedding").fit(toy())
    X = table.transform(toy())
    assert table.feature_names_out_[-2:] == ["sex", "city"]
    assert table.cardinalities_ == (4, 3)
    assert X[:, -2:].tolist() == [[2, 2], [1, 1], [3, 2], [2, 1]]
    assert table.transform({**toy(), "sex": ["?"] * 4})[:, -2].tolist() == [0] * 4
    others = [n for n in Table().fit(toy()).feature_names_out_ if "=" not in n]
    assert table.feature_names_out_[:-2] == others
    assert_same(table, through_json(table), toy())


def test_order_of_columns_and_extra_ones_do_not_matter():
    table = Table().fit(toy())
    turned = dict(reversed([*toy().items(), ("extra", [[1]] * 4)]))
    turned["extra"] = ["x"] * 4
    np.testing.assert_array_equal(table.transform(turned), table.transform(toy()))


def test_frames_and_dicts_give_the_same():
    for name in ("pandas", "polars"):
        frame = pytest.importorskip(name).DataFrame(toy())
        assert_same(Table().fit(frame), Table().fit(toy()), frame)


def test_hostile_names_are_kept_and_names_are_distinct():
    names = ["<script>alert(1)</script>", "two\nlines", "é🙂", "a", "a missing", "a missing (2)"]
    table = Table().fit({name: [1.5, None if name == "a" else 2.0, 3.0] for name in names})
    assert table.feature_names_out_ == [*names[:4], "a missing", "a missing (3)", "a missing (2)"]
    assert through_json(table).feature_names_in_ == names


def test_an_array_has_numbered_columns():
    assert Table().fit(np.eye(3)).feature_names_out_ == ["x0", "x1", "x2"]


@pytest.mark.parametrize(
    ("column", "left_out"),
    [
        (np.arange(20), True),
        (np.arange(20) * 3 + 7, True),
        (np.delete(np.arange(30), [3, 4, 17]), True),
        (np.arange(0, 40, 2)[:9], False),
        (np.arange(20.0), False),
        (np.arange(20)[::-1], False),
        (np.arange(20) // 2, False),
        (np.arange(20) ** 2, False),
        (np.array([-(2**63), 2**63 - 1] + [0] * 10), False),
    ],
)
def test_columns_that_number_the_rows(column, left_out):
    other = np.linspace(0, 1, column.size)
    names = Table().fit({"id": column, "x": other}).feature_names_out_
    assert names == (["x"] if left_out else ["id", "x"])
    assert Table().fit({"id": column}).feature_names_out_ == ["id"]


def test_weights():
    data = {"x": [1.0, 2.0, 5.0, 100.0], "c": ["a", "b", "b", "never"]}
    weighted = Table().fit(data, sample_weight=[1, 2, 1, 0])
    repeated = Table().fit({"x": [1.0, 2.0, 2.0, 5.0], "c": ["a", "b", "b", "b"]})
    np.testing.assert_allclose(weighted.transform(data), repeated.transform(data), rtol=1e-6)
    assert weighted.feature_names_out_ == ["x", "c=a", "c=b"]
    for wrong in ([1, 2], [1, -1, 1, 1], [0, 0, 0, 0], [1, np.nan, 1, 1]):
        with pytest.raises(InvalidData, match="sample_weight: expected 4 finite numbers >= 0, not all 0"):
            Table().fit(data, sample_weight=wrong)


REFUSED = {
    "no rows": ({"a": []}, r"table: expected at least one row, got 0 sample\(s\)"),
    "no columns": ({}, r"table: expected at least one column, got 0 feature\(s\)"),
    "infinity": ({"a": [1.0, np.inf]}, "Input X contains infinity. Column 'a', row 1"),
    "nothing to learn from": ({"a": ["x", "x"]}, "a column that a network can learn from, got none. 'a' is left out"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_tables_that_are_refused(name):
    data, message = REFUSED[name]
    with pytest.raises(InvalidData, match=message):
        Table().fit(data)


def test_transform_refuses():
    table = Table().fit(toy())
    with pytest.raises(InvalidData, match="the columns of the training table, got none of the name 'ok', 'when'"):
        table.transform({k: v for k, v in toy().items() if k not in ("ok", "when")})
    with pytest.raises(InvalidData, match=r"at least one row, got 0 sample\(s\)"):
        table.transform({name: [] for name in toy()})
    with pytest.raises(InvalidData, match="column 'size' exceeds the float32 range"):
        table.transform({**toy(), "size": [1e300] * 4})
    with pytest.raises(InvalidData, match="column 'size': expected numbers as in training, got 'x' at row 0"):
        table.transform({**toy(), "size": ["x"] * 4})


def test_columns_that_were_left_out_need_not_be_there():
    table = Table().fit({"id": np.arange(20), "x": np.linspace(0, 1, 20)})
    assert table.transform({"x": [0.5]}).shape == (1, 1)


def test_not_fitted_and_options():
    with pytest.raises(InvalidParameter, match=r"Table.transform: expected a fitted Table"):
        Table().transform(toy())
    with pytest.raises(InvalidParameter, match=r"Table.to_state: expected a fitted Table"):
        Table().to_state()
    with pytest.raises(InvalidParameter, match=r"Table\(categories\): .*Did you mean 'one_hot'"):
        Table("onehot").fit(toy())
    with pytest.raises(InvalidParameter, match=r"Table\(max_categories\): expected an integer >= 1"):
        Table(max_categories=0).fit(toy())
    with pytest.raises(InvalidParameter, match=r"Table\(scale\): expected True or False"):
        Table(scale=1).fit(toy())
    assert repr(Table("embedding", 9, False)) == "Table(categories='embedding', max_categories=9, scale=False)"


def test_inputs_are_not_written():
    data = {name: np.array(column, dtype=object) for name, column in toy().items()}
    before = copy.deepcopy(data)
    Table().fit_transform(data)
    for name in data:
        assert data[name].tolist() == before[name].tolist()


def damage(state, arrays, kind):
    entry = state["columns"][0]
    if kind == "no columns":
        del state["columns"]
    elif kind == "figures":
        arrays["figures"] = arrays["figures"][1:]
    elif kind == "nan":
        arrays["figures"][0, 1] = np.nan
    elif kind == "spread":
        arrays["figures"][0, 2] = -1
    elif kind == "exponent":
        arrays["figures"][0, 3] = 0.5
    elif kind == "labels":
        entry["labels"] = "abc"
    elif kind == "option":
        state["categories"] = "hash"
    elif kind == "parts":
        entry.update(kind="date", labels=["century"])
    else:
        entry[kind] = 3


@pytest.mark.parametrize(
    "kind",
    [
        "no columns",
        "figures",
        "nan",
        "spread",
        "exponent",
        "labels",
        "option",
        "parts",
        "name",
        "kind",
        "missing",
        "rare",
        "new",
    ],
)
def test_damaged_states_are_refused(kind):
    state, arrays = Table().fit(toy()).to_state()
    damage(state, arrays, kind)
    with pytest.raises(CorruptFile, match="table state: expected the state of a fitted Table"):
        Table.from_state(state, arrays)


numbers = st.one_of(
    st.floats(allow_infinity=False), st.integers(-(2**70), 2**70), st.sampled_from([0.0, 1e200, 5e-324])
)
KINDS = [
    numbers,
    st.sampled_from([0, 1, 2]),
    st.booleans(),
    st.text(max_size=3),
    st.dates(),
    st.datetimes(),
    st.one_of(st.text(max_size=2), st.integers(0, 3)),
    st.nothing(),
]


@st.composite
def tables(draw):
    n = draw(st.integers(1, 16))
    table = {}
    for name in draw(st.lists(st.text(max_size=3), min_size=1, max_size=4, unique=True)):
        kind = draw(st.sampled_from(KINDS))
        cells = st.none() if kind.is_empty else draw(st.sampled_from([kind, st.one_of(kind, st.none())]))
        table[name] = draw(st.lists(cells, min_size=n, max_size=n))
    return table


@settings(derandomize=True, max_examples=120, deadline=None)
@given(tables(), st.sampled_from(["one_hot", "embedding"]), st.booleans(), st.integers(1, 16))
def test_random_tables_become_finite_or_are_refused(data, categories, scale, first):
    n = len(next(iter(data.values())))
    try:
        table = Table(categories, max_categories=3, scale=scale).fit({k: v[: min(first, n)] for k, v in data.items()})
        X = table.transform(data)
    except InvalidData:
        return
    assert (X.dtype, X.shape) == (np.float32, (n, len(table.feature_names_out_)))
    assert np.isfinite(X).all()
    assert len(set(table.feature_names_out_)) == len(table.feature_names_out_)
    for place, count in enumerate(table.cardinalities_):
        trailing = X[:, X.shape[1] - len(table.cardinalities_) + place]
        assert set(trailing.tolist()) <= set(range(count))
    np.testing.assert_array_equal(
        np.concatenate([table.transform({k: [v[i]] for k, v in data.items()}) for i in range(n)]), X
    )
    assert_same(table, through_json(table), data)
