"""Marks: equal for what is equal in another process, different for what does something else."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from os import environ
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import make_scorer

from netwright.estimators.tuning import marks
from netwright.estimators.tuning.fingerprint import text_of, texts_of_data
from netwright.estimators.tuning.marks import mark

FACTOR = 2
MADE = """
def helper(x):
    return x in {"a", "b", "c"}
def make(n, *, m={"k": (1, 2.5)}):
    inner = [n, {"p", "q", "r"}]
    def made(x, y=len):
        return helper(x) and [z for z in inner if z]
    return made
"""


def made(text: str, *call: Any, name: str = "f") -> Callable[..., Any]:
    """A function of a text."""
    scope: dict[str, Any] = {"__name__": "somewhere"}
    exec(text, scope)
    function: Callable[..., Any] = scope[name](*call) if call else scope[name]
    return function


def plus(x: float, y: float = 1.0) -> float:
    return x + y * FACTOR


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("f = lambda x: x + 1", "f = lambda x: x + 2"),
        ("f = lambda x: x.real", "f = lambda x: x.imag"),
        ("f = lambda x, y=1: x", "f = lambda x, y=2: x"),
        ("f = lambda x: (lambda y: y + 1)", "f = lambda x: (lambda y: y - 1)"),
        ("a = 1\nf = lambda x: x + a", "a = 2\nf = lambda x: x + a"),
        ("g = lambda x: 1\nf = lambda x: g(x)", "g = lambda x: 2\nf = lambda x: g(x)"),
        ("f = lambda x: x == 1", "f = lambda x: x == True"),
    ],
)
def test_other_functions_have_other_marks(one: str, other: str) -> None:
    assert mark(made(one)) == mark(made("\n\n" + one)) != mark(made(other))


def test_what_a_function_encloses_counts_but_not_what_it_assigns() -> None:
    def count(start: int, step: int) -> Callable[[], int]:
        def counted() -> int:
            nonlocal start
            start += step
            return start

        return counted

    counted = count(0, 1)
    before = mark(counted)
    assert counted() == 1
    assert mark(counted) == before == mark(count(5, 1)) != mark(count(0, 2))


def test_callables_of_every_kind() -> None:
    class Scorer:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def __call__(self, *data: Any) -> float:
            return self.factor

        def method(self) -> float:
            return self.factor

    pairs = [
        (functools.partial(plus, y=2.0), functools.partial(plus, y=3.0)),
        (Scorer(1.0), Scorer(2.0)),
        (Scorer(1.0).method, Scorer(2.0).method),
        (make_scorer(lambda a, b: 0.0), make_scorer(lambda a, b: 1.0)),
        (len, max),
        (np.exp, np.log),
        (torch.relu, torch.tanh),
        (Scorer, dict),
    ]
    for one, other in pairs:
        assert mark(one) == mark(one) != mark(other)
        assert text_of(one, marked=True) != text_of(other, marked=True)
    itself: list[Any] = [1]
    itself.append(itself)
    assert mark(itself) == mark(itself)
    assert mark(torch.ones(3)) != mark(torch.zeros(3))
    assert mark([np.ones(3)]) != mark([np.zeros(3)])


def test_another_process_gives_the_same() -> None:
    text = f"import runpy\nmark = runpy.run_path({marks.__file__!r})['mark']\n{MADE}\nprint(mark(make(3)))"
    found = {
        subprocess.run(
            [sys.executable, "-c", text],
            capture_output=True,
            text=True,
            check=True,
            env={**environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert len(found.pop().strip()) == 16


def test_rows_that_are_drawn_at_each_reading_do_not_count() -> None:
    class Noisy(torch.utils.data.Dataset[Any]):
        def __init__(self, count: int) -> None:
            self.draw, self.count = np.random.default_rng(0), count

        def __len__(self) -> int:
            return self.count

        def __getitem__(self, row: int) -> Any:
            return self.draw.normal(size=3), row

    assert texts_of_data(Noisy(5), None) == texts_of_data(Noisy(5), None) != texts_of_data(Noisy(6), None)
