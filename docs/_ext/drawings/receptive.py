"""Receptive fields: how one place sees further with each layer, and how far that is on an image."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from drawings.paper import (
    BLUE,
    GREEN,
    INK,
    LABEL,
    ORANGE,
    PALE_GRAY,
    PURPLE,
    VERMILLION,
    apply,
    cells,
    code,
    digit,
    frame,
    line,
    mix,
    say,
    sheet,
)
from netwright.layers import Conv, Input, MaxPool, Upsample

LENGTH = 16
NETWORK = Input(1, LENGTH) >> Conv(1, 3) >> Conv(1, 3) >> MaxPool(2) >> Conv(1, 3)
COLOURS = (PURPLE, VERMILLION, ORANGE, GREEN, BLUE)  # from the input up


def pyramid() -> Figure:
    """What one place of the last of four layers sees in each layer below it, on a line of 16 places."""
    summary = NETWORK.summary(explain=True)
    rows = summary.rows
    figure, ax = sheet(27, 14.2, 0.3)
    left, step = 4.3, 2.75
    places = [row.output_shape[1] for row in rows]
    chosen = places[-1] // 2
    seen: list[tuple[int, int]] = [(chosen, chosen)]
    kernels = [(3, 1), (3, 1), (2, 2), (3, 1)]  # size and stride, from the first layer up
    for size, stride in reversed(kernels):
        first, last = seen[0]
        seen.insert(0, (first * stride, last * stride + size - 1))
    for k, row in enumerate(rows):
        y = 1.0 + step * (len(rows) - 1 - k)
        centres = [_centre(row, place) for place in range(places[k])]
        for place, centre in enumerate(centres):
            inside = seen[k][0] <= place <= seen[k][1]
            colour = mix(COLOURS[k], 0.6) if inside else PALE_GRAY
            cells(ax, 0, left + centre, y, colour, text=None)
        code(ax, 0.4, y + 0.5, row.layer, ha="left")
        say(ax, 20.9, y + 0.5, _growth(row), ha="left")
        if k:
            _lines(ax, rows, seen, kernels[k - 1], k, left, y, step)
    return figure


def _centre(row: Any, place: int) -> float:
    first, last = row.window.at(place)[0]
    return (first + last) / 2


def _lines(
    ax: Any,
    rows: Any,
    seen: list[tuple[int, int]],
    kernel: tuple[int, int],
    k: int,
    left: float,
    y: float,
    step: float,
) -> None:
    """Lines from each place that is seen to those of its window below."""
    size, stride = kernel
    for place in range(seen[k][0], seen[k][1] + 1):
        top = left + _centre(rows[k], place) + 0.5
        for below in range(place * stride, place * stride + size):
            foot = left + _centre(rows[k - 1], below) + 0.5
            line(ax, (top, foot), (y + 1, y + step), COLOURS[k], linewidth=1.1, zorder=0.5)


def _growth(row: Any) -> str:
    """The receptive field, and how it came about."""
    how = row.formulas.get("field", "")
    text = how.replace("*", " · ").replace("-", "\u2212") or f"{row.receptive_field[0]}"
    return f"R = {text}"


def nested() -> Figure:
    """What the middle place of each layer of LeNet-5's sees of an image of 32 x 32."""
    net = (
        Input(1, 32, 32) >> Conv(6, 5) >> MaxPool(2) >> Conv(16, 5) >> MaxPool(2) >> Conv(120, 5)
    )
    image = apply(Upsample(4, "bicubic"), digit(3)[None])[0]
    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
    left.imshow(image, cmap="gray", vmin=0, vmax=16, extent=(0, 32, 32, 0))
    rows = net.summary().rows[1:]
    for row, colour in zip(rows, COLOURS, strict=True):
        (y0, y1), (x0, x1) = row.window.at(*((size - 1) // 2 for size in row.output_shape[1:]))
        inset = (
            0.1 if row.layer.startswith("MaxPool") else 0.6
        )  # so that edges do not hide each other
        width, height = x1 + 1 - x0 - 2 * inset, y1 + 1 - y0 - 2 * inset
        frame(left, x0 + inset, y0 + inset, width, height, colour)
    left.set_axis_off()
    names = [row.layer for row in rows]
    sizes = [row.receptive_field[0] for row in rows]
    bars = right.barh(range(len(rows)), sizes, color=COLOURS, height=0.62)
    right.bar_label(bars, [f"{s} × {s}" for s in sizes], padding=4, fontsize=LABEL, color=INK)
    right.set_yticks(range(len(rows)), names, fontsize=LABEL, fontfamily="DejaVu Sans Mono")
    right.invert_yaxis()
    right.set_xlim(0, 38)
    right.spines[:].set_visible(False)
    right.set_xticks([])
    right.tick_params(length=0)
    return figure
