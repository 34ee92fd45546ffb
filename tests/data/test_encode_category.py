"""Texts as one-hot columns and codes, against scikit-learn's encoder."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder

from netwright.data.column_plan import percent
from netwright.data.encode_category import cardinality, codes, one_hot, one_hot_names, plan_category

rng = np.random.default_rng(0)


def texts(*cells):
    return np.array(cells, dtype=object)


def plan_of(column, limit=50):
    return plan_category("c", column, np.ones(column.size), limit)


def test_one_hot_like_scikit_learn():
    column = texts(*rng.choice(["a", "b", "c", "d"], 60))
    plan, notes = plan_of(column)
    theirs = OneHotEncoder(sparse_output=False).fit(column[:, None])
    np.testing.assert_array_equal(one_hot(plan, column), theirs.transform(column[:, None]))
    assert one_hot_names(plan) == [name.replace("x0_", "c=") for name in theirs.get_feature_names_out()]
    assert notes == []


@pytest.mark.parametrize("limit", [2, 3, 50])
def test_rare_texts_like_scikit_learn(limit):
    column = texts(*["a"] * 60, *["b"] * 30, *["c"] * 20, *["d"] * 2, "e", "f", "g")
    plan, notes = plan_of(column, limit)
    theirs = OneHotEncoder(
        sparse_output=False, min_frequency=2, max_categories=limit + 1, handle_unknown="infrequent_if_exist"
    ).fit(column[:, None])
    new = texts("g", "a", "never seen", "d", "b", "c")
    np.testing.assert_array_equal(one_hot(plan, new), theirs.transform(new[:, None]))
    assert one_hot_names(plan)[-1] == "c=(other)"
    assert f"7 categories: {7 - min(limit, 4)} rare ones" in notes[0]


def test_unknown_texts_are_zeros_where_training_had_no_rare_ones():
    plan, _ = plan_of(texts("a", "b", "a"))
    assert one_hot(plan, texts("z", None, "b")).tolist() == [[0, 0], [0, 0], [0, 1]]


def test_missing_is_a_category_of_its_own():
    plan, notes = plan_of(texts("a", "b", None, "a"))
    assert one_hot_names(plan) == ["c=a", "c=b", "c=(missing)"]
    assert one_hot(plan, texts("b", None)).tolist() == [[0, 1, 0], [0, 0, 1]]
    assert "a category of its own" in notes[0]


def test_codes_and_cardinality():
    plan, _ = plan_of(texts("b", "a", None))
    assert codes(plan, texts("a", "b", None, "z")).tolist() == [1, 2, 3, 0]
    assert cardinality(plan) == 4


def test_numbers_meet_their_texts():
    plan, _ = plan_of(texts("1", "2", "1"))
    assert codes(plan, np.array([2, 1])).tolist() == codes(plan, np.array([2.0, 1.0])).tolist() == [2, 1]
    assert codes(plan, np.array([np.nan, 1.5])).tolist() == [0, 0]


def test_the_heaviest_are_kept():
    column = texts("a", "a", "b", "c")
    plan, _ = plan_category("c", column, np.array([0.1, 0.1, 1.0, 0.5]), 2)
    assert plan.labels == ("b", "c")


def test_names_and_tickets_are_left_out():
    names = texts(*(f"name {i}" for i in range(30)))
    plan, notes = plan_of(names)
    assert plan is None
    assert notes == ["'c' is left out: 30 different texts in 30 rows."]
    names[:10] = None
    plan, notes = plan_of(names)
    assert (plan.kind, plan.missing) == ("absence", True)
    assert notes == [
        "'c' is left out: 20 different texts in 20 of 30 rows (67 %); 'c missing' says which rows have none."
    ]
    rarely = texts(*(f"name {i}" for i in range(300)))
    rarely[0] = None
    assert plan_of(rarely)[0] is None
    assert plan_of(texts(*(f"name {i}" for i in range(10))))[0].kind == "category"


def test_one_text_or_none():
    assert plan_of(texts("a", "a")) == (None, ["'c' is left out: every training row has 'a'."])
    assert plan_of(texts(None, None)) == (None, ["'c' is left out: no training row has a value."])
    assert one_hot_names(plan_of(texts("a", None))[0]) == ["c=a", "c=(missing)"]


def test_percent():
    assert percent(1, 3) == "1 of 3 rows (33 %)"
