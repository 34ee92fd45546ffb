"""Rows that findings name: what is a table of them, and what is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.checks.forms.rows import Table, table_of, told_in


def table(evidence: dict[str, Any], remedy: Any = None) -> Table:
    return table_of({"evidence": evidence, "remedy": remedy})


@pytest.mark.parametrize("rows", [[5, 3], (5, 3), np.array([5, 3]), torch.tensor([5, 3])])
def test_lists_of_one_length_are_columns(rows: Any) -> None:
    found = table({"share": 0.5, "rows": rows, "looks_like": ["a", "b"], "three": [1, 2, 3], "text": "ab"})
    assert found.names == ("row", "looks like")
    assert found.lines == (("5", "a"), ("3", "b"))
    assert found.used == {"rows", "looks_like"}
    assert found.count == 2
    assert not found.plain


@pytest.mark.parametrize("rows", [200, None, [], "12", [1.5], ["a"], [True], [-1], [[1]], float("nan")])
def test_what_is_no_list_of_numbers_is_no_table(rows: Any) -> None:
    assert not table({"rows": rows, "given": [1]})
    assert not table({}, {"object": "data", "argument": "drop_rows", "value": rows})


def test_rows_of_a_remedy() -> None:
    remedy = {"object": "data", "argument": "drop_shared_rows", "value": list(range(1500))}
    found = table({"shared": [1] * 1500}, remedy)
    assert found.plain
    assert (len(found.lines), found.count, found.used) == (1000, 1500, frozenset())
    assert not table({}, {"object": "data", "argument": "permute", "value": [0, 2, 1]})


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ([0.5, 0.25], ["0.50", "0.25"]),
        ([1.0, 2.0], ["1", "2"]),
        ([0.9996, 0.0], ["1.00", "0.00"]),
        ([1e-7, 0.5], ["1e-07", "0.5"]),
        ([float("nan"), 0.5], ["nan", "0.5"]),
        ([None, "x"], ["-", "x"]),
    ],
)
def test_figures_of_a_column(column: list[Any], said: list[str]) -> None:
    assert [line[1] for line in table({"rows": [1, 2], "figure": column}).lines] == said


def test_what_is_told_already() -> None:
    assert told_in("Look at rows 3, 12.", table({"rows": [12, 3]}))
    assert not told_in("Look at row 12.", table({"rows": [1, 2]}))
    assert not told_in("Look at row 3.", table({"rows": [3], "given": ["a"]}))
