"""What all drawings share: a sheet measured in cells, cells with numbers, frames, arrows, the colours of the house."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

import netwright as nw
from netwright.plots.canvas import BLUE as BLUE
from netwright.plots.canvas import GRAY as GRAY
from netwright.plots.canvas import GREEN as GREEN
from netwright.plots.canvas import ORANGE as ORANGE
from netwright.plots.canvas import VERMILLION as VERMILLION

INK, LINE, GRID, WHITE = "#1a1a1a", "#767676", "#ccd3d9", "#ffffff"
PURPLE, SKY = "#CC79A7", "#56B4E9"  # the rest of Okabe and Ito's palette
PALE_BLUE, PALE_GRAY = "#d3e8f5", "#efefef"
UNIT = 0.32  # inches of a cell
NUMBER, LABEL, TITLE = 8.0, 9.0, 10.0  # points


def sheet(width: float, height: float, unit: float = UNIT) -> tuple[Figure, Axes]:
    """An empty picture of so many cells, y growing downwards, with `unit` inches a cell."""
    figure = Figure(figsize=(width * unit, height * unit))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    ax.set_axis_off()
    return figure, ax


def mix(colour: str, share: float, other: str = WHITE) -> str:
    """A colour mixed with another one."""
    parts = zip(to_rgb(colour), to_rgb(other), strict=True)
    return to_hex([share * a + (1 - share) * b for a, b in parts])


def by_value(low: float, high: float, colour: str = BLUE) -> Callable[[float], Any]:
    """White for the lowest number, a colour that dark numbers are read on for the highest."""
    span = (high - low) or 1.0
    return lambda v: mix(colour, 0.62 * min(max((v - low) / span, 0.0), 1.0))


def by_sign(size: float) -> Callable[[float], Any]:
    """Blue below zero, white at zero, vermillion above."""
    size = size or 1.0
    return lambda v: mix(BLUE if v < 0 else VERMILLION, 0.62 * min(abs(v) / size, 1.0))


def cells(
    ax: Axes,
    values: Any,
    x: float,
    y: float,
    fill: Any = PALE_BLUE,
    size: float = 1.0,
    text: str | None = ".3g",
    edge: str = WHITE,
    fontsize: float = NUMBER,
) -> None:
    """A grid of numbers, its corner at (x, y); `fill` is a colour, an array of them, or a function of the number."""
    grid = np.atleast_2d(np.asarray(values))
    for (row, column), number in np.ndenumerate(grid):
        colour = fill(number) if callable(fill) else fill
        if isinstance(fill, np.ndarray):
            colour = fill.reshape(grid.shape)[row, column]
        at = (x + column * size, y + row * size)
        ax.add_patch(Rectangle(at, size, size, facecolor=colour, edgecolor=edge, linewidth=0.8))
        if text is not None:
            said = format(number, text).replace("-", "\u2212")
            say(ax, at[0] + size / 2, at[1] + size / 2, said, fontsize=fontsize)


WIDE = (1.5, 1.06)  # cells that a number with two places fits into


def wide(ax: Axes, at: Sequence[float], number: float, fill: Any, text: str = ".2f") -> None:
    """One number in a cell that is wider than high, its corner at `at`; `fill` as of `cells`."""
    colour = fill(number) if callable(fill) else fill
    ax.add_patch(Rectangle(tuple(at), *WIDE, facecolor=colour, edgecolor=GRID, linewidth=0.8))
    said = format(number, text).replace("-", "\u2212")
    say(ax, at[0] + WIDE[0] / 2, at[1] + WIDE[1] / 2, said, fontsize=NUMBER)


def frame(
    ax: Axes,
    x: float,
    y: float,
    width: float,
    height: float,
    colour: str = ORANGE,
    line: float = 2.2,
    style: Any = "-",
    **options: Any,
) -> None:
    """A rectangle without a filling."""
    ax.add_patch(
        Rectangle(
            (x, y), width, height, fill=False, edgecolor=colour, linewidth=line, linestyle=style,
            zorder=options.pop("zorder", 4), joinstyle="miter", **options,
        )
    )  # fmt: skip


def say(ax: Axes, x: float, y: float, text: str, **options: Any) -> None:
    """A text, in the middle of its place unless told otherwise."""
    style = {
        "ha": "center",
        "va": "center",
        "fontsize": LABEL,
        "color": INK,
        "zorder": 6,
    } | options
    ax.text(x, y, text, **style)


def head(ax: Axes, x: float, y: float, text: str, **options: Any) -> None:
    """A heading."""
    say(ax, x, y, text, **({"fontsize": TITLE, "fontweight": "bold"} | options))


def code(ax: Axes, x: float, y: float, text: str, **options: Any) -> None:
    """A layer, as it is written."""
    say(ax, x, y, text, **({"fontsize": LABEL, "fontfamily": "DejaVu Sans Mono"} | options))


def arrow(
    ax: Axes,
    start: Sequence[float],
    end: Sequence[float],
    colour: str = LINE,
    bend: float = 0.0,
    line: float = 1.2,
    style: str = "-|>",
) -> None:
    """An arrow, straight or bent."""
    ax.add_patch(
        FancyArrowPatch(
            tuple(start), tuple(end), arrowstyle=style, mutation_scale=9, color=colour, linewidth=line,
            shrinkA=0, shrinkB=0, connectionstyle=f"arc3,rad={bend}", zorder=5,
        )
    )  # fmt: skip


def line(
    ax: Axes, xs: Sequence[float], ys: Sequence[float], colour: str = LINE, **options: Any
) -> None:
    """A line through points."""
    ax.plot(xs, ys, color=colour, **({"linewidth": 1.2, "solid_capstyle": "round"} | options))


def digit(number: int = 0) -> np.ndarray:
    """One of scikit-learn's digits, (8, 8), whole numbers 0 to 16."""
    X, _ = nw.data.load_digits()
    return np.round(X[number, 0] * 16)


def apply(layer: Any, x: Any, weight: Any = None) -> np.ndarray:
    """What a layer gives for one sample, as numbers; `weight` takes the place of its weights, its biases are 0."""
    x = np.asarray(x, dtype=np.float32)
    module = (nw.Input(*x.shape) >> layer).build(seed=0).eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if weight is not None:
                value = torch.as_tensor(np.asarray(weight, dtype=np.float32))
                parameter.copy_(
                    value.reshape(parameter.shape) if name.endswith("weight") else 0.0
                )
        return module(torch.from_numpy(x[None]))[0].numpy()


def numbers(count: int) -> str:
    """How many parameters."""
    return f"{count:,} parameter{'' if count == 1 else 's'}"
