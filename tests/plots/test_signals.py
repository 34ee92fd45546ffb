"""The plot of a signal shows its figures, its limit, and on which side of it a finding lies."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

import netwright.checks
from netwright.checks import Diagnosis, Signal
from netwright.checks.finding import fault, note
from netwright.core.errors import InvalidParameter
from netwright.plots import canvas, signal
from netwright.plots.signals import SMALL_ONES

LOW = "gradient of the first weights over the last"
HIGH = "first step over the weights"


def diagnosis(name: str, value: float, limit: float, code: str = "lr-too-high", found: Any = None) -> Diagnosis:
    made = () if found is None else (found(code, "seen", "expected", "do"),)
    return Diagnosis(made, {name: Signal(value, limit, code)})


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def dots(ax: Axes) -> list[tuple[float, float, str]]:
    """The place of each dot and its colour."""
    marked = [line for line in ax.get_lines() if line.get_marker() != "None"]
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0]), str(line.get_color())) for line in marked]


def shaded(ax: Axes) -> list[tuple[float, float]]:
    """From where to where each shaded part goes."""
    boxes = [each.get_paths()[0].get_extents() for each in ax.collections]
    return [(float(box.x0), float(box.x1)) for box in boxes]


def test_dots_are_the_figures_and_red_where_the_finding_was_made() -> None:
    ax = signal({"broken": diagnosis(HIGH, 14.0, 1.0, found=fault), "mended": diagnosis(HIGH, 0.5, 1.0)}, HIGH)
    assert dots(ax) == [(14.0, 0.0, canvas.VERMILLION), (0.5, 1.0, canvas.BLUE)]
    assert texts(ax) == ["broken", "14", "mended", "0.5"]
    assert (ax.get_title(loc="left"), ax.get_xlabel(), ax.get_xscale()) == ("lr-too-high above 1", HIGH, "linear")


def test_a_finding_on_the_good_side_of_the_limit_was_made_by_another_figure() -> None:
    ax = signal({"note": diagnosis(HIGH, 0.5, 1.0, found=note), "calm": diagnosis(HIGH, 3.0, 1.0)}, HIGH)
    assert {colour for _, _, colour in dots(ax)} == {canvas.BLUE}


def test_a_finding_that_is_told_as_a_consequence_counts() -> None:
    cause = fault("unscaled-input", "seen", "expected", "do", consequences=(fault("lr-too-high", "a", "b", "c"),))
    ax = signal({"broken": Diagnosis((cause,), {HIGH: Signal(14.0, 1.0, "lr-too-high")})}, HIGH)
    assert dots(ax)[0][2] == canvas.VERMILLION


@pytest.mark.parametrize(("name", "values"), [(HIGH, (14.0, 0.5)), (LOW, (0.5, 14.0))])
def test_the_side_of_the_finding_is_shaded(name: str, values: tuple[float, float]) -> None:
    ax = signal({"a": diagnosis(name, values[0], 1.0), "b": diagnosis(name, values[1], 1.0)}, name)
    left, right = ax.get_xlim()
    assert shaded(ax) == [pytest.approx((1.0, right) if name == HIGH else (left, 1.0))]
    assert to_rgb(ax.collections[0].get_facecolor()[0][:3]) == pytest.approx(to_rgb(canvas.VERMILLION))  # type: ignore[index]
    assert ax.get_title(loc="left") == f"lr-too-high {'above' if name == HIGH else 'below'} 1"


def test_more_than_two_decades_are_logarithmic() -> None:
    ax = signal({"a": diagnosis(LOW, 1e-7, 1e-3), "b": diagnosis(LOW, 0.3, 1e-3)}, LOW)
    assert ax.get_xscale() == "log"
    assert "0.001" in [label.get_text() for label in ax.get_xticklabels()]


def test_nothing_has_a_place_on_a_logarithmic_line() -> None:
    ax = signal({"a": diagnosis(HIGH, 0.5, 1e-5), "b": diagnosis(HIGH, 0.0, 1e-5)}, HIGH)
    assert ax.get_xscale() == "symlog"
    assert [float(tick) for tick in ax.get_xticks()][:2] == pytest.approx([0.0, 1e-5])
    assert dots(ax)[1][0] == 0.0


def test_negative_figures_are_on_the_line() -> None:
    ax = signal({"a": diagnosis(HIGH, -3.0, 1e-3), "b": diagnosis(HIGH, 1.0, 1e-3)}, HIGH)
    assert ax.get_xscale() == "symlog"
    assert min(ax.get_xticks()) < 0
    low, high = ax.get_xlim()
    assert low < -3.0 < 1.0 < high


def test_each_row_has_its_own_limit_where_they_differ() -> None:
    name = "best accuracy of simple learners"
    ax = signal({"a": diagnosis(name, 0.12, 0.15), "b": diagnosis(name, 0.9, 0.14)}, name)
    left = ax.get_xlim()[0]
    assert shaded(ax) == [pytest.approx((left, 0.15)), pytest.approx((left, 0.14))]
    assert texts(ax) == ["a", "0.12", "0.15", "b", "0.9", "0.14"]
    assert ax.get_title(loc="left") == "lr-too-high below the limit"


def test_what_has_no_place_is_said() -> None:
    seen = {
        "none": Diagnosis(),
        "nan": diagnosis(HIGH, math.nan, 1.0),
        "endless": diagnosis(HIGH, math.inf, 1.0, found=fault),
    }
    ax = signal(seen, HIGH)
    assert texts(ax) == ["none", "not looked at", "nan", "not a number", "endless", "inf"]
    assert dots(ax) == [(ax.get_xlim()[1], 2.0, canvas.VERMILLION)]


def test_a_name_that_does_not_exist_gets_the_nearest_one() -> None:
    with pytest.raises(InvalidParameter, match=f"Did you mean '?{HIGH}'?"):
        signal({"a": diagnosis(HIGH, 1.0, 2.0)}, "first step over weights")


@pytest.mark.parametrize("diagnoses", [{}, [Diagnosis()], {"a": 1.0}])
def test_something_else_than_diagnoses_is_refused(diagnoses: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"signal\(diagnoses\): expected"):
        signal(diagnoses, HIGH)


def test_the_signals_whose_small_figures_are_the_finding_exist() -> None:
    folder = Path(netwright.checks.__file__).parent
    text = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    missing = {name for name in SMALL_ONES if f'"{name}"' not in text}
    assert missing <= {"best R^2 of simple learners", "best accuracy of simple learners"}  # made of two parts
    assert "best {name} of simple learners" in text
