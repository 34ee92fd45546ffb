"""Activations: all of them with their derivatives, and what softmax makes of logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drawings.paper import BLUE, GRAY, INK, LABEL, TITLE, VERMILLION
from netwright.layers import (
    ELU,
    GELU,
    HardSigmoid,
    Input,
    LeakyReLU,
    Linear,
    Maxout,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from netwright.plots.canvas import tidy

SHOWN = (
    *(Linear(), Sigmoid(), HardSigmoid(), Tanh()),
    *(ReLU(), LeakyReLU(slope=0.1), PReLU(), ELU()),
    *(Softplus(), GELU(), SiLU(), Maxout(1, pieces=3)),
)
PIECES = ((-0.9, -1.7), (0.15, 0.0), (0.8, -0.9))  # slope and height of a Maxout unit's three
REACH = 4.0


def curves() -> Figure:
    """f in blue and its derivative in vermillion, a panel each on the same scales."""
    figure = Figure(figsize=(8.0, 6.4), layout="constrained")
    axes = figure.subplots(3, 4, sharex=True, sharey=True)
    for ax, layer in zip(axes.ravel(), SHOWN, strict=True):
        x, f, slope = _values(layer)
        if isinstance(layer, Maxout):
            for a, b in PIECES:
                ax.plot(x, a * x + b, color=GRAY, linewidth=0.9, linestyle=":")
        ax.plot(x, f, color=BLUE, linewidth=2.2)
        ax.plot(x, _broken(slope), color=VERMILLION, linewidth=1.5)
        ax.set_title(repr(layer), fontsize=LABEL, fontfamily="DejaVu Sans Mono", pad=5)
        _cross(ax)
    axes[0, 0].text(2.1, 2.75, "f", color=BLUE, fontsize=TITLE, ha="right", fontweight="bold")
    axes[0, 0].text(-3.9, 1.2, "f ′", color=VERMILLION, fontsize=TITLE, fontweight="bold")
    return figure


def _values(layer: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A layer's function and, by autograd, its derivative."""
    x = torch.linspace(-REACH, REACH, 801, requires_grad=True)
    module = (Input(1) >> layer).build(seed=0)
    if isinstance(layer, Maxout):
        with torch.no_grad():
            for parameter, values in zip(
                module.parameters(), zip(*PIECES, strict=True), strict=True
            ):
                parameter.copy_(torch.tensor(values).reshape(parameter.shape))
    f = module(x[:, None])[:, 0]
    (slope,) = torch.autograd.grad(f.sum(), x)
    return x.detach().numpy(), f.detach().numpy(), slope.numpy()


def _broken(slope: np.ndarray) -> np.ndarray:
    """The derivative with a gap where it jumps."""
    slope = slope.copy()
    slope[1:][np.abs(np.diff(slope)) > 0.1] = np.nan
    return slope


def _cross(ax: Axes) -> None:
    """The axes through zero, and no frame."""
    ax.spines[:].set_visible(False)
    ax.axhline(0, color=GRAY, linewidth=0.8, zorder=0)
    ax.axvline(0, color=GRAY, linewidth=0.8, zorder=0)
    ax.set_xlim(-REACH, REACH)
    ax.set_ylim(-1.35, 3.3)
    ax.set_xticks([-4, -2, 0, 2, 4])
    ax.set_yticks([-1, 0, 1, 2, 3])
    ax.grid(True, color=GRAY, alpha=0.18, linewidth=0.6)
    ax.tick_params(length=0, labelsize=7.5, labelcolor=INK)


def softmax() -> Figure:
    """The probabilities of four logits, and of the same logits times 3 and plus 5."""
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0])
    module = (Input(4) >> Softmax()).build()
    figure = Figure(figsize=(8.0, 2.1), layout="constrained")
    forms = (
        ("logits", logits, BLUE),
        ("softmax of the logits", module(logits[None])[0], VERMILLION),
        ("... of the logits + 5", module(logits[None] + 5)[0], VERMILLION),
        ("... of 3 × the logits", module(3 * logits[None])[0], VERMILLION),
    )
    for ax, (title, values, colour) in zip(figure.subplots(1, 4), forms, strict=True):
        bars = ax.bar(range(4), values.numpy(), color=colour, width=0.72)
        text = ".0f" if colour == BLUE else ".3f"
        labels = [format(float(v), text).replace("-", "\u2212") for v in values]
        ax.bar_label(bars, labels, fontsize=8, padding=2, color=INK)
        ax.set_title(title, fontsize=LABEL, pad=6)
        ax.set_ylim(*((-1.6, 2.6) if colour == BLUE else (0, 1.12)))
        ax.set_xticks(range(4), ["1", "2", "3", "4"])
        tidy(ax, "")
        ax.spines["left"].set_visible(False)
        ax.set_yticks([])
        ax.tick_params(length=0, labelsize=8)
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.spines["bottom"].set_visible(False)
    return figure
