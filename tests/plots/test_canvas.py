"""Helpers of the canvas: labels pushed apart, numbers and labels as text."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.isotonic import IsotonicRegression

from netwright.plots import canvas

places = st.lists(st.floats(-50, 150), min_size=1, max_size=12).map(np.array)


@settings(max_examples=80)
@given(places, st.floats(0.1, 9.0))
def test_spread_keeps_order_gap_and_bounds(wanted: np.ndarray, gap: float) -> None:
    placed = canvas.spread(wanted, gap, 0.0, 100.0)
    order = np.argsort(wanted, kind="stable")
    assert np.all(np.diff(placed[order]) >= min(gap, 100.0 / max(len(wanted) - 1, 1)) - 1e-9)
    assert placed.min() >= -1e-9
    assert placed.max() <= 100.0 + 1e-9


@settings(max_examples=80)
@given(places, st.floats(0.1, 9.0))
def test_spread_is_the_nearest_in_least_squares(wanted: np.ndarray, gap: float) -> None:
    ranks = gap * np.arange(len(wanted))
    expected = IsotonicRegression().fit_transform(np.arange(len(wanted)), np.sort(wanted) - ranks) + ranks
    placed = canvas.spread(wanted, gap, -1e6, 1e6)
    assert np.allclose(np.sort(placed), expected)


def test_spread_leaves_what_is_far_apart() -> None:
    assert canvas.spread(np.array([90.0, 10.0, 50.0]), 5.0, 0.0, 100.0).tolist() == [90.0, 10.0, 50.0]


def test_direct_labels_do_not_overlap() -> None:
    ax = Figure(layout="constrained").subplots()
    ends = []
    for i in range(8):
        ax.plot([0, 1], [0, 1 + 0.001 * i])
        ends.append((1.0, 1 + 0.001 * i, f"line {i}", "black"))
    canvas.direct_labels(ax, ends)
    FigureCanvasAgg(ax.figure).draw()
    boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
    assert len(boxes) == 8
    assert all(upper.y0 >= lower.y1 - 2.0 for lower, upper in pairwise(boxes))


def test_no_lines_no_labels() -> None:
    ax = Figure().subplots()
    canvas.direct_labels(ax, [])
    assert not ax.texts


@pytest.mark.parametrize(
    ("number", "text"), [(0.0, "0"), (1234567.0, "1,230,000"), (float("nan"), "nan"), (-0.5, "-0.5"), (1e-9, "1e-09")]
)
def test_nice(number: float, text: str) -> None:
    assert canvas.nice(number) == text


def test_tick_labels_are_no_formulas() -> None:
    ax = Figure().subplots()
    canvas.plain(ax, "x", ["$a$", "b_$"], [0, 1])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["$a$", "b_$"]
    assert not any(label.get_parse_math() for label in ax.get_xticklabels())
    FigureCanvasAgg(ax.figure).draw()  # "$" alone would raise as a formula


@pytest.mark.parametrize(("first", "last"), [(1, 1), (1, 2), (1, 100), (7, 9)])
def test_epochs_are_whole_and_inside(first: int, last: int) -> None:
    ax = Figure().subplots()
    canvas.whole_epochs(ax, first, last)
    low, high = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    assert low < first <= last < high
    assert ticks
    assert all(float(tick).is_integer() for tick in ticks)
