"""The plot of a range test shows its numbers."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.core.errors import InvalidParameter
from netwright.plots import lr_finder
from netwright.train import RangeTest

RATES = np.geomspace(1e-6, 10, 100)
LOSSES = 1 / (1 + (RATES / 0.01) ** 2) + RATES


def test_the_lines_are_the_losses() -> None:
    found = RangeTest(RATES, LOSSES, steps=100, smoothing=0.5)
    ax = lr_finder(found)
    raw, smoothed = ax.get_lines()[:2]
    assert np.array_equal(raw.get_xdata(), found.rates)
    assert np.array_equal(raw.get_ydata(), found.losses)
    assert np.array_equal(smoothed.get_ydata(), found.smoothed)
    assert raw.get_alpha() < 0.5
    assert ax.get_xscale() == "log"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a batch", "smoothed"]


def test_the_rates_are_marked_and_named() -> None:
    found = RangeTest(RATES, LOSSES, steps=100, smoothing=0.0)
    assert found.steepest is not None
    ax = lr_finder(found)
    marked = [line.get_xdata()[0] for line in ax.get_lines()[2:]]
    assert marked == pytest.approx([found.suggestion, found.steepest, found.minimum])
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["suggestion 0.00705", f"steepest {found.steepest:.3g}", f"minimum {found.minimum:.3g}"]
    assert ax.get_title(loc="left") == "Suggested rate: 0.00705"


@pytest.mark.parametrize(
    ("stop", "diverged_at", "title"),
    [
        (100, 10.0, "Suggested rate: 0.00705; the test ended at 10"),
        (60, None, "; the test ended before the loss rose"),
        (99, None, "Suggested rate: 0.00705"),
        (5, 1e-4, "No rate made the loss fall; the test ended at 0.0001"),
        (1, None, "No rate made the loss fall; the test ended before the loss rose"),
    ],
)
def test_the_title_says_how_it_ended(stop: int, diverged_at: float | None, title: str) -> None:
    found = RangeTest(RATES[:stop], LOSSES[:stop], steps=100, smoothing=0.0, diverged_at=diverged_at)
    assert lr_finder(found).get_title(loc="left").endswith(title)


def test_a_blow_up_leaves_the_picture() -> None:
    losses = np.concatenate([LOSSES[:90], np.full(10, 1e12)])
    low, high = lr_finder(RangeTest(RATES, losses, steps=100, smoothing=0.0)).get_ylim()
    assert low < LOSSES.min() < LOSSES[0] < high < 3.0


def test_something_else_is_refused() -> None:
    with pytest.raises(
        InvalidParameter, match=r"lr_finder\(result\): expected a RangeTest, got 5. Give what nw.lr_find"
    ):
        lr_finder(5)  # type: ignore[arg-type]
