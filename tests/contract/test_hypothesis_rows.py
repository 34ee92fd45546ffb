"""Whatever shape, type and size rows and targets have: finite answers, a ValueError or a TypeError, and nothing else.

In the quick tier each estimator gets a hundred examples, always the same ones; in the slow tier 2,000 that are drawn
anew.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

sys.path.append(str(Path(__file__).parent / "bad_input"))
from row_checks import NAMES, REFUSALS, SUBJECTS, assert_finite, untouched
from row_subjects import Subject

QUICK, LONG = 100, 2000
KINDS = ("f8", "f8", "f8", "f4", "f2", ">f8", "i8", "i1", "u2", "?", "O", "U3", "c16", "M8[D]")
SIZES = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 1e-300, 5e-324, 1e-8, 1e8, -1e18, 3e38, 1e150, -1.7e308])
ODD = st.sampled_from([np.nan, np.inf, -np.inf])
NUMBERS = st.one_of(st.floats(-10, 10, width=16), st.floats(-10, 10, width=16), st.integers(0, 1).map(float), SIZES)


def converted(made: np.ndarray, kind: str) -> np.ndarray:
    """An array in another type; what it cannot hold becomes something else, as it may."""
    with np.errstate(all="ignore"):
        if kind == "M8[D]":
            return np.nan_to_num(made).clip(-1e5, 1e5).astype("i8").astype(kind)
        if kind[-2:] in ("i8", "i1", "u2"):
            return np.nan_to_num(made).clip(-100, 100).astype("i8").astype(kind)
        return made.astype(kind)


def array(draw: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of this shape: mostly tame, at times huge, tiny, or not numbers; in any type and layout."""
    elements = st.one_of(NUMBERS, NUMBERS, NUMBERS, ODD) if draw(st.integers(0, 9)) == 0 else NUMBERS
    made = draw(arrays.arrays(np.float64, shape, elements=elements, fill=st.nothing()))
    kind = draw(st.sampled_from(KINDS)) if draw(st.integers(0, 2)) == 0 else "f8"
    made = converted(made, kind)
    layout = draw(st.integers(0, 5))
    made = np.asfortranarray(made) if layout == 1 else made[::-1] if layout == 2 and made.ndim else made
    return made.tolist() if layout == 3 and kind != "M8[D]" else made  # type: ignore[no-any-return]


def target(draw: Any, subject: Subject, n: int) -> Any:
    """Labels or numbers, mostly as many as there are rows."""
    if subject.y is None:
        return None
    n = n if draw(st.integers(0, 9)) else draw(st.integers(0, n + 1))
    tail = subject.y.shape[1:] if draw(st.integers(0, 9)) else (draw(st.integers(0, 3)),)
    if "classes" in subject.traits and draw(st.integers(0, 4)):
        few = st.sampled_from(draw(st.sampled_from([[0, 1], ["a", "b"], [True, False], [-1, 0, 5], ["é", "", "😀"]])))
        return np.array(draw(st.lists(few, min_size=n, max_size=n)))
    return array(draw, (n, *tail))


@st.composite
def data(draw: Any, subject: Subject) -> tuple[Any, Any, Any]:
    """Rows, targets, and rows to ask about."""
    n, width = draw(st.integers(0, 12)), draw(st.integers(0, 5))
    n, width = (n or 1, width or 2) if draw(st.integers(0, 9)) else (n, width)
    shape = (
        (n, width) if draw(st.integers(0, 9)) else draw(st.sampled_from([(n,), (n, width, 2), (n, 1, width, 3), ()]))
    )
    later = (draw(st.integers(1, 4)), *shape[1:]) if draw(st.integers(0, 9)) else (2, width + 1)
    return array(draw, shape), target(draw, subject, n), array(draw, later)


def keeps_its_word(subject: Subject, X: Any, y: Any, other: Any) -> None:
    """One example: a fit, and what is said of the same rows and of others."""
    estimator = subject.make()
    with untouched(X, y, other):
        try:
            subject.fit(estimator, X, y)
        except REFUSALS as error:
            event(f"fit: {type(error).__name__}")
            assert str(error)  # noqa: PT017
            return
        for rows in (X, other):
            try:
                found = subject.ask(estimator, rows)
            except REFUSALS as error:
                event(f"ask: {type(error).__name__}")
                continue
            event("answered")
            assert_finite(found)


def run(name: str, examples: int, again: bool) -> None:
    subject = SUBJECTS[name]
    checks = list(HealthCheck)

    @settings(
        max_examples=examples,
        derandomize=again,
        deadline=None,
        database=None,
        suppress_health_check=checks,
        print_blob=True,
    )
    @given(st.data())
    def holds(drawn: Any) -> None:
        keeps_its_word(subject, *drawn.draw(data(subject)))

    holds()


@pytest.mark.parametrize("name", NAMES)
def test_finite_or_refused(name: str) -> None:
    run(name, QUICK, again=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_finite_or_refused_two_thousand_times(name: str) -> None:
    run(name, LONG, again=False)
