"""Published networks: what accuracy costs."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drawings.paper import BLUE, GREEN, INK, LABEL, ORANGE, PURPLE, VERMILLION
from literature import PHOTOGRAPHS, figures
from netwright.plots.canvas import tidy

COLOURS = {
    "alexnet": PURPLE,
    "vgg": BLUE,
    "resnet": VERMILLION,
    "inception": GREEN,
    "googlenet": GREEN,
    "squeezenet": ORANGE,
}
PLACES = {  # of labels, in points from the centre of a disc, and how they are aligned
    "alexnet": (19, -10, "left"),
    "vgg11": (0, -38, "center"),
    "vgg13": (8, -37, "center"),
    "vgg16": (14, -37, "center"),
    "vgg19": (22, -36, "left"),
    "googlenet": (-9, 0, "right"),
    "inception_v3": (-6, 15, "right"),
    "resnet18": (11, 0, "left"),
    "resnet34": (-13, 0, "right"),
    "resnet50": (-14, 3, "right"),
    "resnet101": (6, 22, "center"),
    "resnet152": (10, 24, "center"),
}
AREA = 6e4  # parameters for each square point of a disc


def accuracy() -> Figure:
    """Top-1 accuracy against multiply-accumulates; the area of a disc is the number of parameters."""
    figure = Figure(figsize=(8.0, 4.6), layout="constrained")
    ax = figure.add_subplot()
    for i, row in enumerate(PHOTOGRAPHS):
        seen = figures(("photographs", i))
        colour = next(c for start, c in COLOURS.items() if row.name.startswith(start))
        normed = bool(row.options.get("batch_norm"))
        ax.scatter(
            seen.macs / 1e9, row.top1, s=seen.parameters / AREA, color=colour, alpha=0.75 if not normed else 0.4,
            edgecolor="white", linewidth=1.0, zorder=3,
        )  # fmt: skip
        x, y, align = PLACES.get(row.name, (0, 14, "center"))
        if not normed:
            name = row.name + (f" {row.options['version']}" if "version" in row.options else "")
            ax.annotate(
                name, (seen.macs / 1e9, row.top1), xytext=(x, y), textcoords="offset points",
                ha=align, va="center", fontsize=8.5, color=INK, zorder=4,
            )  # fmt: skip
    ax.set_xscale("log")
    ticks = (0.5, 1, 2, 5, 10, 20)
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set_xlim(0.25, 40)
    ax.set_ylim(52, 82)
    ax.set_xlabel("multiply-accumulates for one image, 10⁹", fontsize=LABEL)
    ax.set_ylabel("top-1 accuracy on ImageNet, %", fontsize=LABEL)
    tidy(ax)
    _legend(ax)
    return figure


def _legend(ax: Axes) -> None:
    """Discs for three numbers of parameters."""
    for count, x in ((5e6, 0.62), (25e6, 0.72), (125e6, 0.86)):
        ax.scatter(x, 0.12, s=count / AREA, color="#9a9a9a", transform=ax.transAxes, zorder=3)
        text = f"{count / 1e6:.0f} M"
        below = np.sqrt(count / AREA / np.pi) + 8
        ax.annotate(
            text, (x, 0.12), xycoords="axes fraction", xytext=(0, below), textcoords="offset points",
            ha="center", va="center", fontsize=8,
        )  # fmt: skip
    ax.text(0.57, 0.12, "parameters", transform=ax.transAxes, ha="right", va="center", fontsize=8)
