"""Pooling: windows on a digit, how windows lie on a line, pooling over time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from drawings.paper import (
    BLUE,
    GREEN,
    GRID,
    LINE,
    ORANGE,
    PURPLE,
    VERMILLION,
    WHITE,
    apply,
    arrow,
    by_value,
    cells,
    code,
    digit,
    frame,
    head,
    mix,
    say,
    sheet,
)
from netwright.layers import AdaptivePool, AvgPool, Input, KMaxPool, L2Pool, MaxPool

COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE)
VALUES = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])


def windows() -> Figure:
    """Windows of 2 x 2 on a digit: the largest value, the mean, the norm."""
    image = digit(3)
    figure, ax = sheet(26.4, 9.6, 0.305)
    head(ax, 4.3, 0.6, "image, 8 × 8")
    cells(ax, image, 0.3, 1.2, by_value(0, 16), text=".0f", edge=GRID)
    for row in range(0, 8, 2):
        for column in range(0, 8, 2):
            frame(ax, 0.3 + column, 1.2 + row, 2, 2, LINE, 1.0, zorder=3)
    row, column = 1, 1
    frame(ax, 0.3 + 2 * column, 1.2 + 2 * row, 2, 2)
    for i, (layer, text) in enumerate(
        ((MaxPool(2), ".0f"), (AvgPool(2), ".3g"), (L2Pool(2), ".1f"))
    ):
        x, result = 10.2 + 5.6 * i, apply(layer, image[None])[0]
        code(ax, x + 2, 2.6, repr(layer))
        high = 32 if isinstance(layer, L2Pool) else 16
        cells(ax, result, x, 3.2, by_value(0, high), text=text, edge=GRID, fontsize=7.5)
        frame(ax, x + column, 3.2 + row, 1, 1)
    a, b, c, d = (f"{v:.0f}" for v in image[2:4, 2:4].ravel())
    say(ax, 12.2, 7.9, f"max({a}, {b}, {c}, {d})", fontsize=8)
    say(ax, 17.8, 7.9, f"({a} + {b} + {c} + {d}) / 4", fontsize=8)
    say(ax, 23.4, 7.9, f"√({a}² + {b}² + {c}² + {d}²)", fontsize=8)
    return figure


def overlap() -> Figure:
    """How windows lie on eight places: side by side, overlapping, hanging over, padded, of equal share."""
    layers = (
        MaxPool(2),
        MaxPool(3, 2),
        MaxPool(3, 2, ceil=True),
        MaxPool(3, 2, padding=1),
        AdaptivePool(3, "max"),
    )
    figure, ax = sheet(25, 2.65 * len(layers) + 0.5)
    left = 10.6
    for i, layer in enumerate(layers):
        y = 0.6 + 2.65 * i
        text = repr(layer).replace("2, 1", "2, padding=1").replace("'", '"')
        code(ax, 0.5, y + 0.5, text, ha="left")
        cells(ax, VALUES, left, y, WHITE, text=".0f", edge=GRID)
        result = apply(layer, VALUES[None])[0]
        spans = _spans(layer, len(result))
        for j, (first, last) in enumerate(spans):
            _bracket(ax, left + first, left + last + 1, y + 1.25 + 0.32 * (j % 2), COLOURS[j])
        arrow(ax, (left + 9.3, y + 0.5), (left + 10.1, y + 0.5))
        fill = np.array([mix(COLOURS[j], 0.45) for j in range(len(result))], dtype=object)
        cells(ax, result, left + 10.3, y, fill, text=".0f")
    return figure


def _spans(layer: object, count: int) -> list[tuple[int, int]]:
    """The first and last place of each window, from the window that the summary sees."""
    row = (Input(1, len(VALUES)) >> layer).summary().rows[-1]
    return [row.window.at(place)[0] for place in range(count)]


def _bracket(ax: Axes, first: float, last: float, y: float, colour: str) -> None:
    bar = Rectangle(
        (first + 0.08, y), last - first - 0.16, 0.22, facecolor=colour, edgecolor="none"
    )
    ax.add_patch(bar)


def over_time() -> Figure:
    """The three largest of seven values in their order, and how many each layer of a deep network keeps."""
    values = np.array([3, 1, 4, 1.5, 9, 2, 6])
    kept = apply(KMaxPool(3), values[:, None])[:, 0]
    figure, ax = sheet(25, 7.4)
    code(ax, 6.0, 0.6, "KMaxPool(3)")
    fill = [mix(ORANGE, 0.7) if v in kept else mix(BLUE, 0.3) for v in values]
    for t, value in enumerate(values):
        height = 0.5 * value
        ax.add_patch(Rectangle((0.6 + t, 6.0 - height), 0.82, height, facecolor=fill[t]))
        say(ax, 1.01 + t, 6.45, f"{value:g}", fontsize=8)
    arrow(ax, (8.1, 4.5), (9.0, 4.5))
    for t, value in enumerate(kept):
        height = 0.5 * float(value)
        ax.add_patch(Rectangle((9.4 + t, 6.0 - height), 0.82, height, facecolor=mix(ORANGE, 0.7)))
        say(ax, 9.81 + t, 6.45, f"{value:g}", fontsize=8)
    say(ax, 4.0, 7.05, "steps", fontsize=8)
    code(ax, 19.2, 0.6, "KMaxPool(3, level=l, levels=3)")
    steps = 18
    for y, level in ((1.6, 0), (3.0, 1), (4.4, 2), (5.8, 3)):
        layer = KMaxPool(3, level=level, levels=3, steps=steps) if level else None
        count = (Input(steps, 1) >> layer).output_shape[0] if layer else steps
        colour = mix(ORANGE, 0.7) if level else mix(BLUE, 0.3)
        cells(ax, np.zeros(count), 14.9, y, colour, 0.42, text=None)
        said = f"level {level} keeps {count}" if level else f"{steps} steps"
        say(ax, 14.9 + 0.42 * count + 0.3, y + 0.21, said, ha="left", fontsize=8)
    return figure
