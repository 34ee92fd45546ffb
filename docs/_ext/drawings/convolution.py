"""Convolution: a filter on a digit, padding, stride and dilation, groups, what weights are shared."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drawings.paper import (
    BLUE,
    GREEN,
    GRID,
    LINE,
    ORANGE,
    PALE_BLUE,
    PURPLE,
    SKY,
    VERMILLION,
    WHITE,
    apply,
    arrow,
    by_sign,
    by_value,
    cells,
    code,
    digit,
    frame,
    head,
    line,
    mix,
    numbers,
    say,
    sheet,
)
from netwright.layers import Conv, Input, Linear, LocallyConnected

EDGES = np.array([[-1, 0, 1]] * 3)
FIRST, SECOND, DONE = mix(ORANGE, 0.75), mix(GREEN, 0.55), mix(BLUE, 0.3)


def sliding() -> Figure:
    """A filter for left edges on a digit: a window, the kernel, the place that it gives."""
    image, row, column = digit(3), 1, 2
    result = apply(Conv(1, 3), image[None], EDGES)[0]
    figure, ax = sheet(25, 10.6)
    for x, text in ((4.5, "image, 8 × 8"), (12.75, "kernel, 3 × 3"), (21, "result, 6 × 6")):
        head(ax, x, 0.6, text)
    cells(ax, image, 0.5, 1.2, by_value(0, 16), text=".0f", edge=GRID)
    cells(ax, EDGES, 11.25, 3.7, by_sign(1.5), text=".0f", edge=GRID)
    cells(ax, result, 18, 2.2, by_sign(abs(result).max()), text=".0f", edge=GRID)
    left, top, there, on = 0.5 + column, 1.2 + row, 18 + column, 2.2 + row
    for corner in ((0, 0), (3, 0), (0, 3), (3, 3)):
        start = (left + corner[0], top + corner[1])
        end = (11.25 + corner[0], 3.7 + corner[1])
        line(ax, *zip(start, end, strict=True), ORANGE, linewidth=0.8, zorder=0.5)
    for corner in ((0, 0), (1, 0), (0, 1), (1, 1)):
        start, end = (
            (11.25 + 3 * corner[0], 3.7 + 3 * corner[1]),
            (there + corner[0], on + corner[1]),
        )
        line(ax, *zip(start, end, strict=True), ORANGE, linewidth=0.8, zorder=0.5)
    frame(ax, left, top, 3, 3)
    frame(ax, 11.25, 3.7, 3, 3, line=1.4)
    frame(ax, there, on, 1, 1)
    window = image[row : row + 3, column : column + 3]
    right, other = (" + ".join(f"{v:.0f}" for v in window[:, i]) for i in (2, 0))
    say(ax, 12.75, 10, f"({right}) \u2212 ({other}) = {result[row, column]:.0f}")
    return figure


def padding() -> Figure:
    """The first and the last window of a 3 x 3 filter on 5 x 5 places, for each padding."""
    figure, ax = sheet(25, 17.2)
    x, small = 0.5, 0.62
    for name, pad in (("valid", 0), ("same", 1), ("full", 2)):
        size, places = 5 + 2 * pad, 3 + 2 * pad
        assert (Input(1, 5, 5) >> Conv(1, 3, padding=name)).output_shape == (1, places, places)
        middle, top, width = x + size / 2, 3.4 - pad, small * places
        code(ax, middle, 0.6, f'padding="{name}"')
        _padded(ax, x, top, 5, pad)
        frame(ax, x, top, 3, 3)
        frame(ax, x + size - 3, top + size - 3, 3, 3, GREEN)
        low = 14.0 - width / 2
        fill = np.full((places, places), DONE, dtype=object)
        fill[0, 0], fill[-1, -1] = FIRST, SECOND
        cells(ax, np.zeros((places, places)), middle - width / 2, low, fill, small, text=None)
        arrow(ax, (middle, top + size + 0.2), (middle, low - 0.2))
        zeros = f" + {pad} + {pad}" if pad else ""
        say(ax, middle, 16.7, f"5 \u2212 3{zeros} + 1 = {places}")
        x += size + 1.5
    return figure


def _padded(ax: Axes, x: float, y: float, size: int, pad: int) -> None:
    """Places of an image and the zeros around them."""
    whole = size + 2 * pad
    for row, column in itertools.product(range(whole), repeat=2):
        inside = pad <= row < whole - pad and pad <= column < whole - pad
        colour, edge = (PALE_BLUE, WHITE) if inside else (WHITE, GRID)
        text = None if inside else ".0f"
        cells(ax, 0, x + column, y + row, colour, text=text, edge=edge, fontsize=6.5)
    cells(ax, np.zeros((size, size)), x + pad, y + pad, PALE_BLUE, text=None)


def steps() -> Figure:
    """Stride and dilation on 7 x 7 places: the first two windows, and what they give."""
    figure, ax = sheet(25, 14.6)
    for i, (stride, dilation) in enumerate(((1, 1), (2, 1), (1, 2))):
        x, reach = 0.75 + 8.25 * i, 2 * dilation + 1
        layer = Conv(1, 3, stride=stride, dilation=dilation)
        places = (Input(1, 7, 7) >> layer).output_shape[1]
        options = f", {'stride' if stride > 1 else 'dilation'}=2" if stride + dilation > 2 else ""
        code(ax, x + 3.5, 0.6, f"Conv(1, 3{options})")
        cells(ax, np.zeros((7, 7)), x, 1.3, PALE_BLUE, text=None)
        for start, colour in ((stride, SECOND), (0, FIRST)):
            for row, column in itertools.product(range(3), repeat=2):
                cells(
                    ax, 0, x + start + column * dilation, 1.3 + row * dilation, colour, text=None
                )
        frame(ax, x + stride, 1.3, reach, reach, GREEN)
        frame(ax, x, 1.3, reach, reach)
        fill = np.full((places, places), DONE, dtype=object)
        fill[0, 0], fill[0, 1] = FIRST, SECOND
        arrow(ax, (x + 3.5, 8.5), (x + 3.5, 9.3))
        left = x + 3.5 - 0.375 * places
        cells(ax, np.zeros((places, places)), left, 9.5, fill, 0.75, text=None)
        over = f"(7 \u2212 {reach}) / 2" if stride == 2 else f"7 \u2212 {reach}"
        say(ax, x + 3.5, 14, f"{over} + 1 = {places}")
    return figure


def groups() -> Figure:
    """Which channels each filter sees, for one, two and four groups."""
    figure, ax = sheet(25, 8.6)
    colours = (BLUE, VERMILLION, GREEN, PURPLE)
    for i, count in enumerate((1, 2, 4)):
        x, size = 0.9 + 8.25 * i, 4 // count
        net = Input(4, 8, 8) >> Conv(4, 3, groups=count)
        code(ax, x + 3.35, 0.6, f"Conv(4, 3, groups={count})")
        for f, c in itertools.product(range(4), range(4)):
            if f // size == c // size:
                xs, ys = (x + 0.6 + 1.8 * c, x + 0.6 + 1.8 * f), (5.8, 3.0)
                line(ax, xs, ys, colours[f // size], linewidth=1.4)
        for c in range(4):
            place = x + 1.8 * c
            fill = mix(colours[c // size], 0.3)
            cells(ax, np.zeros((3, 3)), place, 5.8, fill, 0.4, text=None)
            cells(ax, np.zeros((3, 3)), place, 1.8, mix(colours[c // size], 0.7), 0.4, text=None)
        say(ax, x + 3.35, 8.0, numbers(net.summary().parameters))
    return figure


def sharing() -> Figure:
    """Which weight each line of a dense, a locally connected and a convolutional layer has."""
    figure, ax = sheet(25, 8.8)
    shades = [
        mix(c, s) for c in (BLUE, GREEN, VERMILLION, PURPLE, ORANGE) for s in (1.0, 0.72, 0.45)
    ]
    forms = (
        (Input(7) >> Linear(5), lambda i, k: LINE),
        (Input(1, 7) >> LocallyConnected(1, 3), lambda i, k: shades[3 * i + k]),
        (Input(1, 7) >> Conv(1, 3), lambda i, k: (BLUE, ORANGE, VERMILLION)[k]),
    )
    for n, (net, colour) in enumerate(forms):
        x = 0.9 + 8.25 * n
        code(ax, x + 3.35, 0.6, repr(net).partition(">> ")[2])
        for i, k in itertools.product(range(5), range(7 if n == 0 else 3)):
            xs = (x + 0.35 + (k if n == 0 else i + k), x + 1.35 + i)
            width = 0.9 if n == 0 else 1.9
            line(ax, xs, (6.0, 2.7), colour(i, k), linewidth=width, zorder=1)
        for c in range(7):
            cells(ax, 0, x + c, 6.0, mix(SKY, 0.35), 0.7, text=None, edge=LINE)
        for f in range(5):
            cells(ax, 0, x + 1 + f, 2.0, mix(SKY, 0.7), 0.7, text=None, edge=LINE)
        say(ax, x + 3.35, 8.1, numbers(net.summary().parameters))
    return figure
