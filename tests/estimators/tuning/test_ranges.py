"""Ranges: what they draw, how they are written, narrowed and refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.estimators.tuning.engine import draw, optuna
from netwright.estimators.tuning.ranges import Range
from netwright.estimators.tuning.space import Space


def drawn(axis: Any, count: int = 400) -> np.ndarray:
    space, study = Space.read({"x": axis}), optuna().study.create_study()
    draws = [draw(space, study, "random", seed, count) for seed in range(count)]
    return np.array([space.values(each)["x"] for each in draws])


@pytest.mark.parametrize(
    ("axis", "law"),
    [
        (nw.uniform(-2, 3), stats.uniform(-2, 5)),
        (nw.log_uniform(1e-6, 10), stats.loguniform(1e-6, 10)),
        (10 ** nw.uniform(-6, 1), stats.loguniform(1e-6, 10)),
        (0.1 ** nw.uniform(1, 3), stats.loguniform(1e-3, 0.1)),
        (2 ** nw.uniform(3, 8), stats.loguniform(8, 256)),
    ],
)
def test_draws_follow_the_law(axis: Range, law: Any) -> None:
    assert stats.kstest(drawn(axis), law.cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("axis", "items"),
    [
        (nw.integers(2, 5), [2, 3, 4, 5]),
        (2 ** nw.integers(5, 8), [32, 64, 128, 256]),
        (10 ** nw.integers(-2, 1), [0.01, 0.1, 1, 10]),
    ],
)
def test_integers_are_drawn_alike(axis: Range, items: list[float]) -> None:
    values, counts = np.unique(drawn(axis), return_counts=True)
    np.testing.assert_allclose(values, items)
    assert stats.chisquare(counts).pvalue > 0.01


def test_small_integers_are_drawn_more_often_on_the_logarithmic_scale() -> None:
    values = drawn(nw.integers(1, 64, log=True))
    assert values.dtype.kind == "i"
    assert 0.4 < np.mean(values <= 8) < 0.65


def test_the_power_of_a_range_is_the_logarithmic_one() -> None:
    assert 10 ** nw.uniform(-6, 1) == nw.log_uniform(1e-6, 1e1)
    assert 0.1 ** nw.uniform(1, 2) == nw.log_uniform(0.01, 0.1)
    assert repr(10 ** nw.uniform(-6, 1)) == "log_uniform(1e-06, 10)"


@pytest.mark.parametrize(
    "axis",
    [
        nw.uniform(-1, 2.5),
        nw.log_uniform(1e-5, 0.1),
        nw.integers(1, 9),
        nw.integers(1, 9, log=True),
        2 ** nw.integers(1, 3),
    ],
)
def test_the_text_makes_the_range_again(axis: Range) -> None:
    names = {"uniform": nw.uniform, "log_uniform": nw.log_uniform, "integers": nw.integers}
    assert eval(repr(axis), names) == axis


@pytest.mark.parametrize(
    ("axis", "best", "expected"),
    [
        (nw.uniform(0, 10), [4.0, 6.0], (3.0, 7.0)),
        (nw.uniform(0, 10), [0.5, 9.9], (0.0, 10.0)),
        (nw.uniform(0, 10), [10.0], (9.0, 10.0)),
        (nw.log_uniform(1e-6, 1e4), [1e-2, 1e-1], (1e-3, 1.0)),
        (nw.integers(1, 21), [10], (8, 12)),
        (nw.integers(1, 3), [1, 1], (1, 2)),
        (nw.integers(1, 1000, log=True), [10, 100], (5, 200)),
    ],
)
def test_narrowed_is_the_span_and_a_tenth_on_its_own_scale(axis: Range, best: list[Any], expected: Any) -> None:
    made = axis.narrowed(best)
    np.testing.assert_allclose((made.low, made.high), expected, rtol=1e-3)
    assert (made.log, made.whole, made.base) == (axis.log, axis.whole, axis.base)
    assert all(made.low <= item <= made.high for item in best)


def test_shares_lie_on_the_range_s_scale() -> None:
    assert nw.log_uniform(1e-4, 1).share(1e-2) == pytest.approx(0.5)
    assert nw.uniform(2, 4).share(2.5) == 0.25
    power = 2 ** nw.integers(4, 8)
    assert power.share(6) == 0.5
    assert power.drawn(power.value(6)) == 6


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nw.uniform(2, 1), r"uniform: expected low < high, got uniform\(2, 1\). Swap them"),
        (lambda: nw.uniform(1, 1), "A single value is a list of one"),
        (lambda: nw.log_uniform(-1, 1), r"log_uniform: expected bounds above 0, got log_uniform\(-1, 1\)"),
        (lambda: nw.log_uniform(0, 1), "expected bounds above 0"),
        (lambda: nw.uniform(0, math.inf), r"uniform\(high\): expected a number in \(-inf, inf\), got inf"),
        (lambda: nw.uniform(math.nan, 1), r"uniform\(low\)"),
        (lambda: nw.uniform("a", 1), r"uniform\(low\): .* got 'a'"),
        (lambda: nw.integers(1.5, 3), r"integers\(low\): expected an integer, got 1.5"),
        (lambda: nw.integers(0, 3, log=True), "expected bounds above 0"),
        (lambda: nw.integers(1, 3, log=2), r"integers\(log\)"),
        (lambda: (-2) ** nw.uniform(0, 1), "a finite number > 0 other than 1"),
        (lambda: 10 ** nw.log_uniform(1, 2), "a uniform range of exponents"),
        (lambda: 10 ** (2 ** nw.integers(1, 2)), "a uniform range of exponents"),
        (lambda: 10 ** nw.uniform(0, 400), "got inf"),
    ],
)
def test_ranges_that_cannot_be(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()
