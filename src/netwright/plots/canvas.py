"""Where plots are drawn: figures without pyplot, the colours of the house, small helpers that every plot shares.

The one rule of this room: a plot of one panel takes ``ax`` (Axes, or None for a new figure) and returns the Axes; a
plot of several panels takes ``figure`` (an empty Figure or SubFigure, or None) and returns the array of its Axes. The
figure of an Axes is ``ax.figure``: ``ax.figure.savefig("a.png")`` writes it, a notebook shows it. Nothing here touches
pyplot or the global settings, so a user's own style is kept, and equal data give equal pictures.

Matplotlib is loaded when the first plot is drawn, and here only (`part`).

References
----------
Okabe, Ito, *Color universal design: how to make figures and presentations that are friendly to colorblind people*,
2008.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.core.errors import InvalidParameter, problem, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, told apart by readers of all kinds of colour vision.
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
GRAY = "#808080"  # 3.9 : 1 on white, 5.3 : 1 on black
SMALL = "small"  # size of labels inside a plot, relative to the user's own
MARKED = 40  # longest line on which every point has a marker


def part(name: str) -> Any:
    """A module of matplotlib such as ``"figure"``.

    Raises
    ------
    InvalidParameter : matplotlib is not installed.
    """
    try:
        return import_module(f"matplotlib.{name}")
    except ImportError as error:
        remedy = "Install it: pip install 'netwright[plots]'."
        raise InvalidParameter(problem("netwright.plots", "the package matplotlib", str(error), remedy)) from error


def axes_or_new(where: str, ax: Axes | None, size: tuple[float, float], layout: str = "constrained") -> Axes:
    """The user's Axes, or the Axes of a new figure of that size in inches; images want the layout "compressed"."""
    if ax is None:
        made: Axes = part("figure").Figure(figsize=size, layout=layout).add_subplot()
        return made
    if not isinstance(ax, part("axes").Axes):
        remedy = "Take one of them." if isinstance(ax, np.ndarray) else "Leave it out for a new figure."
        raise InvalidParameter(problem(f"{where}(ax)", "a matplotlib Axes or None", shown(ax), remedy))
    given: Axes = ax
    return given


def figure_or_new(where: str, figure: Any, size: tuple[float, float]) -> Any:
    """The user's empty Figure or SubFigure, or a new one of that size in inches."""
    if figure is None:
        return part("figure").Figure(figsize=size, layout="constrained")
    if not isinstance(figure, part("figure").FigureBase):
        remedy = "Leave it out for a new figure."
        raise InvalidParameter(
            problem(f"{where}(figure)", "a matplotlib Figure, SubFigure or None", shown(figure), remedy)
        )
    if figure.axes:
        remedy = "Give a new one, or one of figure.subfigures(...)."
        got = f"one with {len(figure.axes)} Axes"
        raise InvalidParameter(problem(f"{where}(figure)", "a figure without Axes", got, remedy))
    return figure


def panels(figure: Any, rows: int, columns: int = 1, **options: Any) -> np.ndarray:
    """The Axes of a grid in a figure, (rows columns,), row by row; options as of ``Figure.subplots``."""
    grid: np.ndarray = figure.subplots(rows, columns, squeeze=False, **options).ravel()
    return grid


def tidy(ax: Axes, grid: str = "both") -> None:
    """Only the two spines that carry a scale, and a faint grid along ``"x"``, ``"y"`` or ``"both"``."""
    ax.spines[["top", "right"]].set_visible(False)
    if grid:
        ax.grid(True, axis=grid, color=GRAY, alpha=0.25, linewidth=0.6)  # type: ignore[arg-type]
    ax.set_axisbelow(True)


def bare(ax: Axes) -> None:
    """Neither spines nor ticks: what is shown has no scale."""
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def whole_epochs(ax: Axes, first: int, last: int) -> None:
    """An axis of epochs: whole numbers, with room at both ends."""
    room = max(0.02 * (last - first), 0.5 if last == first else 0.15)
    ax.set_xlim(first - room, last + room)
    ax.xaxis.set_major_locator(part("ticker").MaxNLocator(integer=True, nbins=8, min_n_ticks=1, steps=[1, 2, 5, 10]))


def marker(points: int) -> str:
    """A dot on each point of a short line, none on a long one."""
    return "." if points <= MARKED else ""


def plain(ax: Axes, axis: str, labels: Sequence[str], at: Sequence[float], **options: Any) -> None:
    """Tick labels that are shown as they are: a dollar sign in a class's name starts no formula."""
    place, name = (ax.set_xticks, ax.set_xticklabels) if axis == "x" else (ax.set_yticks, ax.set_yticklabels)
    place(list(at))
    name(list(labels), parse_math=False, **options)


def shortened(text: Any, limit: int = 18) -> str:
    """A label on one line, cut at the end where it is longer than `limit`.

    Examples
    --------
    >>> shortened("a\\nb"), shortened("abcdefgh", limit=5)
    ('a b', 'abcd…')
    """
    line = " ".join(str(text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def direct_labels(ax: Axes, ends: Sequence[tuple[float, float, str, Any]]) -> None:
    """Names of lines at their right ends (x, y, text, colour), pushed apart where they would overlap.

    Call it last: places are computed for the limits that the axes have then.
    """
    if not ends:
        return
    ax.autoscale_view()  # lines that were just drawn move the limits only now
    scale = 72.0 / ax.get_figure(root=True).dpi  # type: ignore[union-attr]
    height = ax.get_window_extent().height * scale  # points
    font = part("font_manager").FontProperties(size=SMALL).get_size_in_points()
    wanted = np.array([ax.transData.transform((0.0, y))[1] for _, y, _, _ in ends]) * scale
    bottom = ax.transAxes.transform((0.0, 0.0))[1] * scale
    placed = spread(wanted, 1.3 * font, bottom, bottom + height)
    right = ax.get_xlim()[1]
    for (_, y, text, colour), old, new in zip(ends, wanted, placed, strict=True):
        ax.annotate(
            text,
            (right, y),
            xytext=(5, new - old),
            textcoords="offset points",
            color=colour,
            fontsize=SMALL,
            va="center",
            annotation_clip=False,
            parse_math=False,
        )


def spread(wanted: np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """The places nearest to the wanted ones that lie `gap` apart in [low, high], in the order of the wanted.

    Least squares under order constraints is an isotonic regression of ``wanted - gap rank`` (pool adjacent violators).
    The gap shrinks when there is not enough room.

    Examples
    --------
    >>> spread(np.array([5.0, 5.0, 9.0]), 2.0, 0.0, 10.0)
    array([4., 6., 9.])
    """
    count = len(wanted)
    gap = min(gap, (high - low) / max(count - 1, 1))
    order = np.argsort(wanted, kind="stable")
    blocks: list[tuple[float, int]] = []  # mean, size
    for rank, index in enumerate(order):
        block = (float(wanted[index]) - gap * rank, 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, size = blocks.pop()
            block = ((mean * size + block[0] * block[1]) / (size + block[1]), size + block[1])
        blocks.append(block)
    flat = np.concatenate([np.full(size, mean) for mean, size in blocks])
    placed = np.empty(count)
    placed[order] = np.clip(flat, low, high - gap * (count - 1)) + gap * np.arange(count)
    return placed


def nice(number: float) -> str:
    """A number for a label, three digits.

    Examples
    --------
    >>> nice(0.012345), nice(123456.0), nice(2), nice(1.5e-7)
    ('0.0123', '123,000', '2', '1.5e-07')
    """
    return f"{float(f'{number:.3g}'):,.7g}" if math.isfinite(number) else str(number)


def signed_colours(missing: str) -> Any:
    """A scale from blue by white to vermillion, and the colour of what is not there."""
    colours = part("colors")
    return colours.LinearSegmentedColormap.from_list("signed", (BLUE, "#ffffff", VERMILLION)).with_extremes(bad=missing)


def outlined(ax: Axes) -> list[Any]:
    """Path effects for a line or a text that must be seen on top of data: an outline in the background's colour."""
    return [part("patheffects").withStroke(linewidth=3.0, foreground=ax.get_facecolor())]


def colour_bar(ax: Any, image: Any, label: str, shrink: float = 1.0) -> Any:
    """A colour bar without a frame beside an Axes (or several)."""
    first = np.ravel(ax)[0]
    bar = first.get_figure().colorbar(image, ax=ax, fraction=0.046, pad=0.015, aspect=30, shrink=shrink)
    bar.set_label(label)
    bar.outline.set_visible(False)
    return bar
