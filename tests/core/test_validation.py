"""Constraints: what they accept and how they say it."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidParameter
from netwright.core.validation import (
    Constraint,
    boolean,
    check,
    check_all,
    instance,
    integer,
    nothing,
    number,
    one_of,
    satisfies,
    tuple_of,
)

BROKEN = [True, "1", None, [1], 1j, math.nan, math.inf, -math.inf, np.zeros(2)]


@pytest.mark.parametrize(
    ("constraint", "text"),
    [
        (integer(), "an integer"),
        (integer(1), "an integer >= 1"),
        (integer(None, 5), "an integer <= 5"),
        (integer(1, 5), "an integer in [1, 5]"),
        (number(), "a number in (-inf, inf)"),
        (number(0), "a number in [0, inf)"),
        (number(0, 1, "left"), "a number in [0, 1)"),
        (number(0, 1, "right"), "a number in (0, 1]"),
        (number(0, 1, "neither"), "a number in (0, 1)"),
        (number(0, 123456789), "a number in [0, 123456789]"),
        (one_of("a", "b"), "'a' or 'b'"),
        (one_of("a") | nothing, "'a' or None"),
        (instance(int, str), "a int or a str"),
        (instance(int, text="a count"), "a count"),
        (satisfies("an even number", lambda n: n % 2 == 0), "an even number"),
        (tuple_of(integer(1)), "a tuple of elements, each an integer >= 1"),
        (tuple_of(integer(1), least=2), "a tuple of 2 or more elements, each an integer >= 1"),
        (boolean, "True or False"),
    ],
)
def test_constraints_say_what_they_accept(constraint: Constraint, text: str) -> None:
    assert constraint.text == text
    with pytest.raises(InvalidParameter, match=r"^Thing\(x\): expected .*, got .*-7\.3"):
        check("Thing(x)", (-7.3,) if constraint.text.startswith("a number in (-") else -7.3, constraint)


@pytest.mark.parametrize("value", [*BROKEN, 10**400, -(10**400)])
def test_numbers_refuse_what_is_no_finite_number(value: Any) -> None:
    assert not number().accepts(value)


@pytest.mark.parametrize("value", [*BROKEN, 1.0, np.float32(2)])
def test_integers_refuse_what_is_no_integer(value: Any) -> None:
    assert not integer().accepts(value)


@pytest.mark.parametrize("value", [0, np.int8(1), np.uint64(2**63), 10**400])
def test_integers_of_any_kind_are_integers(value: Any) -> None:
    assert integer(0).accepts(value)


@pytest.mark.parametrize("value", [0, 0.5, np.float16(0.5), np.int64(1), Fraction(1, 3)])
def test_numbers_of_any_kind_are_numbers(value: Any) -> None:
    assert number(0, 1).accepts(value)


@settings(derandomize=True, max_examples=200)
@given(
    st.floats(-3, 3),
    st.integers(-2, 2),
    st.integers(-2, 2),
    st.sampled_from(["both", "left", "right", "neither"]),
)
def test_intervals_are_open_and_closed_where_they_say(value: float, low: int, high: int, closed: str) -> None:
    expected = low < value < high
    expected |= value == low and closed in ("both", "left") and (low < high or closed == "both")
    expected |= value == high and closed in ("both", "right") and (low < high or closed == "both")
    expected &= low <= high
    assert number(low, high, closed).accepts(value) is expected
    assert number(low, high, closed).accepts(np.float64(value)) is expected


def test_a_choice_that_is_nearly_right_is_named() -> None:
    with pytest.raises(
        InvalidParameter, match=r"padding.*'valid' or 'same' or an integer.*got 'sane'. Did you mean 'same'"
    ):
        check("Conv(padding)", "sane", one_of("valid", "same") | integer(0))


def test_a_remedy_comes_before_a_guess() -> None:
    with pytest.raises(InvalidParameter, match=r"got 'sane'\. Ask\.$"):
        check("Conv(padding)", "sane", one_of("same"), "Ask.")


def test_alternatives_accept_what_either_accepts() -> None:
    either = integer(1) | one_of("auto") | nothing
    assert [either.accepts(value) for value in (1, "auto", None, 0, "x", 1.0)] == [True] * 3 + [False] * 3
    assert either.choices == ("auto",)


@pytest.mark.parametrize(("value", "good"), [((), False), ((1,), True), ([1, 2], True), ((0,), False), ("1", False)])
def test_tuples_are_checked_element_by_element(value: Any, good: bool) -> None:
    assert tuple_of(integer(1), least=1).accepts(value) is good


def test_check_all_names_owner_and_option() -> None:
    table = {"rate": number(0, 1), "units": integer(1)}
    check_all("Dense", {"rate": 0.5, "units": 3, "other": None}, table)
    with pytest.raises(InvalidParameter, match=r"Dense\(units\): expected an integer >= 1, got 0\."):
        check_all("Dense", {"rate": 0.5, "units": 0}, table)


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(InvalidParameter) as caught:
        check("Thing(x)", list(range(10_000)), integer())
    assert len(str(caught.value)) < 250
