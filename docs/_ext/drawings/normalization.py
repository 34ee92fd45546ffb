"""Normalisation: over which elements each layer takes its mean, and what it does to features of digits."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

import netwright as nw
from drawings.paper import (
    BLUE,
    GRAY,
    GRID,
    INK,
    LABEL,
    LINE,
    VERMILLION,
    WHITE,
    code,
    mix,
    say,
    sheet,
)
from netwright.layers import BatchNorm, Conv, GroupNorm, Input, LayerNorm

CHANNELS, PLACES, SAMPLES = 6, 5, 4
BACK = (0.52, -0.42)  # how far a sample further back is moved
SHADES = {"front": 1.0, "top": 0.62, "side": 0.8}

Chosen = Callable[[int, int, int], bool]


def cubes() -> Figure:
    """A batch as a block of samples, channels and places; in blue what one mean is taken over."""
    forms: tuple[tuple[str, str, Chosen], ...] = (
        ("BatchNorm()", "one channel of all samples", lambda c, p, n: c == 2),
        ("GroupNorm(1)", "a whole sample", lambda c, p, n: n == 0),
        ("GroupNorm(2)", "half of the channels of a sample", lambda c, p, n: n == 0 and c < 3),
        ("GroupNorm(6)", "one channel of a sample", lambda c, p, n: n == 0 and c == 2),
        ("LayerNorm()", "the channels of a place", lambda c, p, n: n == 0 and p == 1),
        ("LocalResponseNorm(3)", "neighbouring channels of a place", lambda c, p, n: n == 0 and p == 1 and 1 <= c <= 3),
    )  # fmt: skip
    figure, ax = sheet(29.4, 22.4, 0.275)
    for i, (text, over, chosen) in enumerate(forms):
        x, y = 1.6 + 9.5 * (i % 3), 3.5 + 11.6 * (i // 3)
        code(ax, x + 4, y - 2.9, text)
        _block(ax, x, y, chosen)
        say(ax, x + 4, y + PLACES + 1.55, over, fontsize=8.5)
        _axes(ax, x, y)
    return figure


def _block(ax: Axes, x: float, y: float, chosen: Chosen) -> None:
    """The three faces of a block that are seen."""
    dx, dy = BACK
    for c, p in itertools.product(range(CHANNELS), range(PLACES)):
        at = (x + c, y + p)
        corners = [at, (at[0] + 1, at[1]), (at[0] + 1, at[1] + 1), (at[0], at[1] + 1)]
        _face(ax, corners, chosen(c, p, 0), "front")
    for n in range(SAMPLES):
        for c in range(CHANNELS):
            left, low = x + c + n * dx, y + n * dy
            corners = [
                (left, low),
                (left + 1, low),
                (left + 1 + dx, low + dy),
                (left + dx, low + dy),
            ]
            _face(ax, corners, chosen(c, 0, n), "top")
        for p in range(PLACES):
            right, low = x + CHANNELS + n * dx, y + p + n * dy
            corners = [
                (right, low),
                (right + dx, low + dy),
                (right + dx, low + dy + 1),
                (right, low + 1),
            ]
            _face(ax, corners, chosen(CHANNELS - 1, p, n), "side")


def _face(ax: Axes, corners: list[tuple[float, float]], chosen: bool, side: str) -> None:
    shade = SHADES[side]
    colour = mix(BLUE, 0.85 * shade) if chosen else mix("#e4e9ed", 1.0 if side == "side" else 0.5)
    edge = WHITE if chosen else GRID
    ax.add_patch(
        Polygon(
            corners, facecolor=colour, edgecolor=edge, linewidth=0.8, zorder=3 if chosen else 2
        )
    )


def _axes(ax: Axes, x: float, y: float) -> None:
    """What the three edges of a block are."""
    small = {"fontsize": 7.5, "color": LINE}
    say(ax, x + CHANNELS / 2, y + PLACES + 0.5, "channels", **small)
    say(ax, x - 0.55, y + PLACES / 2, "places", rotation=90, **small)
    dx, dy = BACK
    angle = float(np.degrees(np.arctan2(-dy, dx)))
    middle = (x + SAMPLES * dx / 2 - 0.5, y + SAMPLES * dy / 2 - 0.45)
    say(ax, *middle, "samples", rotation=angle, **small)


def effect() -> Figure:
    """The values of eight channels on 256 digits, before and behind each layer."""
    X, _ = nw.data.load_digits()
    conv = (Input(1, 8, 8) >> Conv(8, 3)).build(seed=3)
    with torch.no_grad():
        before = 2 * conv(torch.from_numpy(X[:256])) + torch.linspace(-1.5, 2.5, 8)[:, None, None]
    layers = (BatchNorm(), GroupNorm(2), LayerNorm())
    shown = {"before": before.numpy()}
    for layer in layers:
        module = (Input(8, 6, 6) >> layer).build().train()
        with torch.no_grad():
            shown[repr(layer)] = module(before).numpy()
    figure = Figure(figsize=(8.0, 3.9), layout="constrained")
    for ax, (title, values) in zip(
        figure.subplots(1, 4, sharey=True), shown.items(), strict=True
    ):
        _ridges(ax, values, VERMILLION if title == "before" else BLUE)
        ax.set_title(title, fontsize=LABEL, fontfamily="DejaVu Sans Mono")
    figure.axes[0].set_yticks(range(8), [f"channel {c + 1}" for c in range(8)], fontsize=8)
    return figure


def _ridges(ax: Axes, values: np.ndarray, colour: str) -> None:
    """A histogram of each channel, one above the other, and its mean."""
    edges = np.linspace(-4.6, 4.6, 70)
    middles = (edges[1:] + edges[:-1]) / 2
    bell = np.exp(-0.5 * (np.arange(-4, 5) / 1.6) ** 2)
    for c in range(values.shape[1]):
        heights = np.convolve(
            np.histogram(values[:, c], edges, density=True)[0], bell / bell.sum(), "same"
        )
        top = c - heights
        ax.fill_between(middles, c, top, color=mix(colour, 0.45), linewidth=0, zorder=2 + c)
        ax.plot(middles, top, color=colour, linewidth=0.9, zorder=2 + c)
        mean = values[:, c].mean()
        ax.plot([mean, mean], [c, c - 0.5], color=INK, linewidth=1.4, zorder=12)
    ax.axvline(0, color=GRAY, linewidth=0.8, zorder=0)
    ax.set_xlim(-4.6, 4.6)
    ax.set_ylim(7.25, -1.05)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.set_xticks([-4, -2, 0, 2, 4])
    ax.tick_params(length=0, labelsize=8)
