"""A small picture of each family of layers, for the first page of the layers."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

from drawings.paper import (
    BLUE,
    GREEN,
    GRID,
    LINE,
    ORANGE,
    PALE_BLUE,
    PALE_GRAY,
    PURPLE,
    VERMILLION,
    WHITE,
    arrow,
    cells,
    code,
    frame,
    line,
    mix,
    sheet,
)

DONE = mix(BLUE, 0.45)
FOUR = np.array([mix(c, 0.55) for c in (BLUE, ORANGE, GREEN, VERMILLION)], dtype=object)
SIXTEEN = FOUR.reshape(2, 2).repeat(2, axis=0).repeat(2, axis=1)


def _card() -> tuple[Figure, Axes]:
    return sheet(12, 6, 0.24)


def activations() -> Figure:
    """A rectifier and a saturating curve."""
    figure, ax = _card()
    line(ax, (1.5, 10.5), (4.2, 4.2), GRID)
    line(ax, (6, 6), (0.5, 5.5), GRID)
    x = np.linspace(-4.5, 4.5, 200)
    line(ax, 6 + x, 4.2 - 1.2 * np.tanh(1.1 * x), VERMILLION, linewidth=2.4)
    line(ax, (1.5, 6, 9.6), (4.2, 4.2, 0.6), BLUE, linewidth=2.4)
    return figure


def convolution() -> Figure:
    """A window and the place that it gives."""
    figure, ax = _card()
    cells(ax, np.zeros((5, 5)), 0.8, 0.5, PALE_BLUE, text=None)
    cells(ax, np.zeros((3, 3)), 8.1, 1.5, DONE, text=None)
    cells(ax, 0, 9.1, 1.5, mix(ORANGE, 0.8), text=None)
    for y, to in ((0.5, 1.5), (3.5, 2.5)):
        line(ax, (4.8, 9.1), (y, to), ORANGE, linewidth=0.9, zorder=0.5)
    frame(ax, 1.8, 0.5, 3, 3)
    return figure


def upsampling() -> Figure:
    """Four places become sixteen."""
    figure, ax = _card()
    cells(ax, np.zeros((2, 2)), 1.2, 1.8, FOUR, 1.2, text=None)
    arrow(ax, (4.2, 3), (5.6, 3))
    cells(ax, np.zeros((4, 4)), 6.2, 0.6, SIXTEEN, 1.2, text=None)
    return figure


def pooling() -> Figure:
    """Sixteen places become four."""
    figure, ax = _card()
    cells(ax, np.zeros((4, 4)), 1.0, 0.6, SIXTEEN, 1.2, text=None)
    arrow(ax, (6.3, 3), (7.7, 3))
    cells(ax, np.zeros((2, 2)), 8.3, 1.8, FOUR, 1.2, text=None)
    return figure


def normalization() -> Figure:
    """Bells of any place and width become one."""
    figure, ax = _card()
    x = np.linspace(-2.2, 2.2, 120)
    bells = ((2.2, 2.6, 0.45, BLUE), (3.9, 3.4, 0.9, ORANGE), (5.6, 2.4, 0.65, GREEN))
    for y, before, width, colour in bells:
        for middle, spread in ((before, width), (9.2, 0.6)):
            inside = x[np.abs(x) < 2.6 * spread]
            height = 1.35 * min(1.0, 0.6 / spread) * np.exp(-(inside**2) / (2 * spread**2))
            ax.fill_between(middle + inside, y, y - height, color=mix(colour, 0.6), linewidth=0)
    arrow(ax, (5.7, 3.2), (6.9, 3.2))
    return figure


def stochastic() -> Figure:
    """Some places are left out."""
    figure, ax = _card()
    holes = np.random.default_rng(4).random((5, 9)) < 0.25
    for row, column in itertools.product(range(5), range(9)):
        colour = mix(ORANGE, 0.85) if holes[row, column] else DONE
        cells(ax, 0, 1.5 + column, 0.5 + row, colour, text=None)
    return figure


def merging() -> Figure:
    """Two maps become one."""
    figure, ax = _card()
    cells(ax, np.zeros((2, 3)), 0.9, 0.6, mix(BLUE, 0.5), text=None)
    cells(ax, np.zeros((2, 3)), 0.9, 3.4, mix(ORANGE, 0.7), text=None)
    line(ax, (4.3, 5.4, 5.4, 4.3), (1.6, 1.6, 4.4, 4.4), LINE)
    arrow(ax, (5.4, 3), (6.7, 3))
    cells(ax, np.zeros((2, 3)), 7.3, 1.0, mix(BLUE, 0.5), text=None)
    cells(ax, np.zeros((2, 3)), 7.3, 3.0, mix(ORANGE, 0.7), text=None)
    return figure


def recurrent() -> Figure:
    """Steps that hand on what they remember."""
    figure, ax = _card()
    for t in range(4):
        x = 1.2 + 2.7 * t
        cells(ax, 0, x, 2.4, DONE, 1.3, text=None)
        arrow(ax, (x + 0.65, 5.5), (x + 0.65, 3.85))
        arrow(ax, (x + 0.65, 2.3), (x + 0.65, 0.65))
        if t:
            arrow(ax, (x - 1.3, 3.05), (x - 0.05, 3.05), ORANGE, line=2.2)
    return figure


def chains() -> Figure:
    """Tags at each step, and the best path through them."""
    figure, ax = _card()
    path, x, y = (0, 1, 0, 2), (1.8, 4.6, 7.4, 10.2), (1.1, 3.0, 4.9)
    for t, i, j in itertools.product(range(3), range(3), range(3)):
        line(ax, x[t : t + 2], (y[i], y[j]), GRID, linewidth=0.8, zorder=1)
    line(ax, x, [y[j] for j in path], ORANGE, linewidth=2.6, zorder=2)
    for t, j in itertools.product(range(4), range(3)):
        chosen = path[t] == j
        fill, edge = (mix(ORANGE, 0.75), ORANGE) if chosen else (PALE_BLUE, BLUE)
        ax.add_patch(Circle((x[t], y[j]), 0.5, facecolor=fill, edgecolor=edge, zorder=3))
    return figure


def manyclasses() -> Figure:
    """A tree with classes as its leaves, the frequent ones near to the root."""
    figure, ax = _card()
    places = ((4.4, 0.7), (6.4, 2.2), (8.4, 3.7))  # of what has two branches
    leaves = ((2.4, 2.2, BLUE), (4.4, 3.7, ORANGE), (7.2, 5.2, GREEN), (9.6, 5.2, VERMILLION))
    ends = ((2.4, 6.4), (4.4, 8.4), (7.2, 9.6))
    for (x, y), both in zip(places, ends, strict=True):
        for end in both:
            line(ax, (x, end), (y, y + 1.5), LINE, zorder=1)
        ax.add_patch(Circle((x, y), 0.35, facecolor=WHITE, edgecolor=LINE, zorder=3))
    for x, y, colour in leaves:
        cells(ax, 0, x - 0.45, y - 0.45, mix(colour, 0.55), 0.9, text=None)
    return figure


def _box(ax: Axes, x: float, y: float, width: float, colour: str, edge: str) -> None:
    style = "round,pad=0,rounding_size=0.2"
    ax.add_patch(
        FancyBboxPatch(
            (x, y), width, 1.1, style, facecolor=colour, edgecolor=edge, linewidth=1.2, zorder=3
        )
    )


def blocks() -> Figure:
    """A block and the way round it."""
    figure, ax = _card()
    for y in (1.1, 2.9):
        _box(ax, 3.4, y, 4.0, PALE_BLUE, BLUE)
    _box(ax, 3.4, 4.7, 4.0, "#fbe3b8", "#b97a00")
    for start, end in ((0.1, 1.1), (2.2, 2.9), (4.0, 4.7)):
        arrow(ax, (5.4, start), (5.4, end))
    line(ax, (5.4, 8.6, 8.6), (0.5, 0.5, 5.25), LINE)
    arrow(ax, (8.6, 5.25), (7.4, 5.25))
    return figure


def patterns() -> Figure:
    """A network on a line."""
    figure, ax = _card()
    code(ax, 6, 2.0, "[CONV -> RELU]*2", fontsize=8.5)
    code(ax, 6, 3.1, "-> POOL? -> FC", fontsize=8.5)
    for i, colour in enumerate((BLUE, ORANGE, BLUE, ORANGE, GREEN, VERMILLION)):
        cells(ax, 0, 2.1 + 1.35 * i, 4.2, mix(colour, 0.55), text=None)
    return figure


def receptive() -> Figure:
    """One place sees three, which see five."""
    figure, ax = _card()
    for y, count, colour in ((0.4, 1, BLUE), (2.5, 3, ORANGE), (4.6, 5, PURPLE)):
        for i in range(-4, 5):
            chosen = abs(i) <= count // 2
            cells(
                ax,
                0,
                5.5 + 1.05 * i,
                y,
                mix(colour, 0.6) if chosen else PALE_GRAY,
                text=None,
                edge=WHITE,
            )
    for y, count, colour in ((0.4, 1, BLUE), (2.5, 3, ORANGE)):
        for i, k in itertools.product(range(-(count // 2), count // 2 + 1), (-1, 0, 1)):
            xs = (6 + 1.05 * i, 6 + 1.05 * (i + k))
            line(ax, xs, (y + 1, y + 2.1), colour, linewidth=1.0, zorder=0.5)
    return figure


def architectures() -> Figure:
    """Discs of several sizes, the larger the more costly."""
    figure, ax = _card()
    line(ax, (1.2, 1.2, 10.8), (0.5, 5.4, 5.4), GRID)
    discs = (
        (2.4, 4.4, 60, ORANGE),
        (4.2, 2.9, 160, GREEN),
        (6.3, 1.8, 320, VERMILLION),
        (9.0, 2.6, 900, BLUE),
    )
    for x, y, area, colour in discs:
        ax.scatter(x, y, s=area, color=mix(colour, 0.7), edgecolor="none", zorder=3)
    return figure


def own() -> Figure:
    """Bells round centres that are learned."""
    figure, ax = _card()
    line(ax, (1.0, 11.0), (5.2, 5.2), GRID)
    x = np.linspace(1.0, 11.0, 300)
    for centre, width, colour in ((3.4, 0.8, BLUE), (6.0, 1.1, ORANGE), (8.8, 0.7, GREEN)):
        line(
            ax,
            x,
            5.2 - 4.2 * np.exp(-((x - centre) ** 2) / (2 * width**2)),
            colour,
            linewidth=2.2,
        )
    return figure
