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


def test_shown_survives_a_repr_that_fails() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    assert shown(Broken()) == "<Broken>"
