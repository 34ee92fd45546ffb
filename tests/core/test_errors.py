"""The one form of errors."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import (
    CorruptFile,
    DivergenceWarning,
    InvalidData,
    InvalidParameter,
    JoinError,
    did_you_mean,
    problem,
    shown,
)


@pytest.mark.parametrize("kind", [InvalidParameter, InvalidData, JoinError, CorruptFile])
def test_errors_are_value_errors(kind: type[Exception]) -> None:
    with pytest.raises(ValueError, match=r"^a: expected b, got c\. Do d\.$"):
        raise kind(problem("a", "b", "c", "Do d."))


def test_divergence_is_a_warning_of_the_user() -> None:
    assert issubclass(DivergenceWarning, UserWarning)


def test_problem_without_remedy_ends_after_what_came() -> None:
    assert problem("a", "b", "c") == "a: expected b, got c."


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("relu", "Did you mean 'ReLU'?"),
        ("Tahn", "Did you mean 'Tanh'?"),
        ("zzzz", "Choose one of: ReLU, Tanh."),
    ],
)
def test_did_you_mean_gives_the_nearest_or_all(name: str, hint: str) -> None:
    assert did_you_mean(name, iter(["ReLU", "Tanh"])) == hint


def test_did_you_mean_of_very_many_names_the_nearest_and_a_command_only_where_there_is_one() -> None:
    columns = [f"x{number}" for number in range(100)]
    hint = did_you_mean("wage", columns)
    assert hint.startswith("The nearest of 100 are 'x")
    assert "netwright" not in hint
    assert did_you_mean("wage", columns, "netwright list checks").endswith("; `netwright list checks` shows all.")
    assert did_you_mean("x7x", columns, "netwright list") == "Did you mean 'x7'?"


def test_did_you_mean_of_nothing_says_so() -> None:
    assert did_you_mean("x", []) == "There are none yet."


@settings(derandomize=True, max_examples=100)
@given(st.one_of(st.text(), st.lists(st.integers()), st.floats()), st.integers(10, 60))
def test_shown_is_one_short_line(item: object, limit: int) -> None:
    text = shown(item, limit)
    assert len(text) <= limit
    assert "\n" not in text
    if len(repr(item)) <= limit:
        assert text == " ".join(repr(item).split())
    else:
        assert text[:3] == repr(item)[:3]


@given(st.integers(0, 400), st.integers(40, 300))
def test_shown_leaves_out_of_long_rows_of_items_what_is_too_much(n: int, limit: int) -> None:
    item = {"counts": tuple(range(n)), "classes": [1, 2, 3]}
    text, whole = shown(item, limit), repr(item)
    if len(whole) <= limit:
        assert text == whole
    elif limit >= 70:
        assert text == f"{{'counts': (0, 1, 2, ..., {n - 1}), 'classes': [1, 2, 3]}}"
    assert len(text) <= limit


def test_shown_survives_a_repr_that_fails() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    assert shown(Broken()) == "<Broken>"


def test_shown_takes_linear_time() -> None:
    """A million signs without a comma, which a pattern that goes back would take hours for."""
    for text in ("-" * 10**6, "a, " * 10**5, "(" * 10**6):
        assert len(shown(text)) <= 120
