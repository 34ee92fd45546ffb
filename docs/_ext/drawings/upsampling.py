"""Upsampling: the modes on a digit, a transposed convolution as stamps, checkerboards."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from drawings.paper import (
    BLUE,
    GREEN,
    GRID,
    INK,
    LABEL,
    ORANGE,
    VERMILLION,
    WHITE,
    apply,
    by_value,
    cells,
    code,
    digit,
    mix,
    say,
    sheet,
)
from netwright.layers import ConvTranspose, Upsample
from netwright.plots.canvas import bare, direct_labels, tidy

MODES = (("nearest", VERMILLION), ("bilinear", GREEN), ("bicubic", BLUE))
ROW, FACTOR = 4, 9  # an odd factor: places of the result lie on those of the image


def modes() -> Figure:
    """A digit in three modes, and the values along one of its rows."""
    image = digit(2)
    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(2.0, 2.6))
    axes = top.subplots(1, 4)
    made = {mode: apply(Upsample(FACTOR, mode), image[None])[0] for mode, _ in MODES}
    shown = {"the image, 8 × 8": image, **{f'"{m}", 72 × 72': y for m, y in made.items()}}
    for ax, (title, y) in zip(axes, shown.items(), strict=True):
        ax.imshow(y, cmap="gray", vmin=0, vmax=16, extent=(-0.5, 7.5, 7.5, -0.5))
        ax.axhline(ROW, color=ORANGE, linewidth=1.6)
        ax.set_title(title, fontsize=LABEL)
        ax.set_xticks([])
        ax.set_yticks([])
        bare(ax)
    ax = bottom.subplots()
    places = (np.arange(8 * FACTOR) + 0.5) / FACTOR - 0.5
    ends = []
    for mode, colour in MODES:
        along = made[mode][ROW * FACTOR + FACTOR // 2]
        style = "steps-mid" if mode == "nearest" else "default"
        ax.plot(places, along, color=colour, linewidth=1.8, drawstyle=style)
        ends.append((places[-1], along[-1], mode, colour))
    ax.plot(range(8), image[ROW], "o", color=INK, markersize=5, zorder=5)
    ax.set_xlim(-0.5, 7.5)
    ax.set_yticks([0, 4, 8, 12, 16])
    ax.set_xlabel(f"column, along the row {ROW} that is marked", fontsize=LABEL)
    ax.set_ylabel("value", fontsize=LABEL)
    ax.tick_params(labelsize=8)
    tidy(ax, "y")
    figure.draw_without_rendering()
    direct_labels(ax, ends)
    return figure


def stamps() -> Figure:
    """Each of three inputs stamps the kernel, times itself; where stamps meet they add."""
    x, kernel, stride = np.array([2.0, 1.0, 3.0]), np.array([1.0, 2.0, 1.0]), 2
    total = apply(ConvTranspose(1, 3, stride=stride), x[None], kernel)[0]
    same = apply(ConvTranspose(1, 3, stride=stride, padding="same"), x[None], kernel)[0]
    colours = (BLUE, ORANGE, GREEN)
    figure, ax = sheet(25, 10.4)
    left = 11.4
    for label, y in (("input", 1.0), ("kernel", 2.6)):
        say(ax, 0.6, y + 0.5, label, ha="left")
    for i, value in enumerate(x):
        cells(ax, value, 4.2 + i, 1.0, mix(colours[i], 0.55))
        y = 1.0 + 1.6 * i
        cells(ax, value * kernel, left + stride * i, y, mix(colours[i], 0.4))
        said = f"{value:.0f} × kernel, {stride * i} further" if i else f"{value:.0f} × kernel"
        say(ax, left + 7.6, y + 0.5, said, ha="left")
    cells(ax, kernel, 4.2, 2.6, WHITE, edge=GRID)
    for column in range(len(total)):
        ax.plot([left + column + 0.5] * 2, [5.4, 6.0], color=GRID, linewidth=1)
    cells(ax, total, left, 6.1, WHITE, edge=GRID)
    say(ax, left + 7.6, 6.6, "their sum", ha="left")
    code(ax, left - 0.6, 6.6, "ConvTranspose(1, 3, stride=2)", ha="right")
    cells(ax, same, left, 8.5, WHITE, edge=GRID)
    cells(ax, total[-1], left + 6, 8.5, WHITE, edge=GRID)
    ax.plot([left + 6, left + 7], [9.5, 8.5], color=VERMILLION, linewidth=1.6)
    say(ax, left + 7.6, 9.0, "one place is cropped", ha="left")
    code(ax, left - 0.6, 9.0, 'the same, padding="same"', ha="right")
    return figure


def checkerboard() -> Figure:
    """How many inputs each place of the output meets, for two kernels with stride 2."""
    figure, ax = sheet(29, 12.2, 0.275)
    for x, size in ((3, 3), (16, 4)):
        layer = ConvTranspose(1, size, stride=2)
        count = apply(layer, np.ones((1, 4, 4)), np.ones((size, size)))[0]
        width = len(count)
        code(ax, x + width / 2, 0.7, repr(layer).replace(f"{size}, 2", f"{size}, stride=2"))
        cells(ax, count, x, 1.5, by_value(0, 4), text=".0f", fontsize=7.5)
    return figure
