"""Many classes: trees over letters, an adaptive softmax as areas, and how many products each head needs."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from drawings.paper import (
    BLUE,
    GREEN,
    INK,
    LINE,
    ORANGE,
    PALE_GRAY,
    VERMILLION,
    WHITE,
    code,
    line,
    mix,
    say,
    sheet,
)
from netwright.layers import AdaptiveSoftmax, HierarchicalSoftmax, Input
from netwright.layers.text.tree import balanced, huffman, tables

TEXT = "a man a plan a canal panama"


def trees() -> Figure:
    """The letters of a sentence as leaves of a balanced tree and of Huffman's, with their counts."""
    counts = Counter(TEXT.replace(" ", ""))
    numbers = tuple(counts.values())
    figure, ax = sheet(26, 13.0, 0.3)
    for left, name, tree, given in (
        (1.2, "balanced", balanced(len(counts)), None),
        (14.4, "huffman", huffman(numbers), numbers),
    ):
        lengths = _lengths(HierarchicalSoftmax(len(counts), name, counts=given))
        code(ax, left + 5.2, 0.6, f'tree="{name}"')
        state = {"names": list(counts), "counts": numbers, "next": 0, "depths": {}}
        _branch(ax, tree, left, 0, state)
        assert [state["depths"][c] for c in range(len(counts))] == lengths
        mean = sum(n * length for n, length in zip(numbers, lengths, strict=True)) / sum(numbers)
        say(ax, left + 5.2, 12.4, f"{mean:.2f} steps a letter", fontsize=9)
    return figure


def _lengths(layer: HierarchicalSoftmax) -> list[int]:
    """The steps to each class: with weights of 0 each of them has the probability 1/2."""
    module = (Input(1) >> layer).build().eval()
    with torch.no_grad():
        probabilities = module(torch.zeros(1, 1))[0]
    return [round(-math.log2(p)) for p in probabilities.tolist()]


def _branch(
    ax: Axes, tree: Any, left: float, depth: int, state: dict[str, Any]
) -> tuple[float, int]:
    """Draw a tree; gives where its root stands, and how often its leaves come."""
    y = 1.9 + 1.9 * depth
    if not isinstance(tree, tuple):
        x, count = left + 0.7 + 1.8 * state["next"], state["counts"][tree]
        state["next"] += 1
        state["depths"][tree] = depth
        fill = mix(ORANGE, 0.3 + 0.06 * count)
        ax.add_patch(Rectangle((x - 0.65, y - 0.5), 1.3, 1.0, facecolor=fill, zorder=4))
        say(ax, x, y, str(count), fontsize=8.5)
        say(ax, x, y + 0.9, state["names"][tree], fontsize=9.5, fontweight="bold")
        return x, count
    ends = [_branch(ax, part, left, depth + 1, state) for part in tree]
    x, count = (ends[0][0] + ends[1][0]) / 2, ends[0][1] + ends[1][1]
    for end, _ in ends:
        line(ax, (x, end), (y, y + 1.9), LINE, linewidth=1.3, zorder=1)
    ax.add_patch(Circle((x, y), 0.55, facecolor=WHITE, edgecolor=BLUE, linewidth=1.4, zorder=4))
    say(ax, x, y, str(count), fontsize=8)
    return x, count


CLASSES, FEATURES, CUTOFFS = 10_000, 256, (1000, 4000)


def clusters() -> Figure:
    """An adaptive softmax: each part as wide as it has classes, as high as each of them has weights."""
    module = (
        (Input(FEATURES) >> AdaptiveSoftmax(CLASSES, CUTOFFS)).build().adaptivesoftmax1.softmax
    )
    figure, ax = sheet(26, 9.4, 0.305)
    left, low, across, up = 2.2, 6.0, 21.6 / CLASSES, 5.4 / FEATURES
    whole = (CLASSES * across, FEATURES * up)
    ax.add_patch(Rectangle((left, low - whole[1]), *whole, facecolor=PALE_GRAY, edgecolor="none"))
    say(
        ax,
        left + 0.62 * whole[0],
        low - 0.6 * whole[1],
        f"a softmax: {CLASSES:,} × {FEATURES}",
        color=LINE,
    )
    shares = zipf(CLASSES)
    ends = (0, *CUTOFFS, CLASSES)
    widths = (FEATURES, *(cluster[1].in_features for cluster in module.tail))
    for i, (start, end, width) in enumerate(zip(ends, ends[1:], widths, strict=False)):
        colour, x = (BLUE, ORANGE, GREEN)[i], left + start * across
        size = ((end - start) * across, width * up)
        ax.add_patch(
            Rectangle(
                (x, low - size[1]), *size, facecolor=mix(colour, 0.75), edgecolor="none", zorder=3
            )
        )
        middle = x + size[0] / 2
        size_of = f"{end - start:,}" if i else f"({end:,} + {len(CUTOFFS)})"
        name = f"cluster {i}" if i else "head"
        say(
            ax,
            middle,
            low + 0.7,
            name,
            fontsize=9,
            fontweight="bold",
            color=mix(colour, 0.8, INK),
        )
        say(ax, middle, low + 1.55, f"{size_of} × {width}", fontsize=8)
        say(ax, middle, low + 2.4, f"{shares[start:end].sum():.1%} of a text", fontsize=8)
    say(
        ax,
        left - 0.5,
        low - whole[1] / 2,
        "weights of a class",
        fontsize=8,
        color=LINE,
        rotation=90,
    )
    return figure


def zipf(classes: int) -> np.ndarray:
    """How often each class comes where the class of rank r comes 1/r as often as the first."""
    shares: np.ndarray = 1 / np.arange(1, classes + 1)
    return shares / shares.sum()


def products() -> Figure:
    """The products behind the probability of one class, on average over a text, for more and more classes."""
    sizes = np.array([100, 300, 1000, 3000, 10_000, 30_000, 100_000])
    heads = {
        "softmax": (VERMILLION, [FEATURES * int(v) for v in sizes]),
        "AdaptiveSoftmax": (BLUE, [_adaptive(int(v)) for v in sizes]),
        'HierarchicalSoftmax, "balanced"': (
            ORANGE,
            [_tree(balanced(int(v)), int(v)) for v in sizes],
        ),
        'HierarchicalSoftmax, "huffman"': (
            GREEN,
            [_tree(huffman(zipf(int(v)).tolist()), int(v)) for v in sizes],
        ),
    }
    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    ax = figure.add_subplot(xscale="log", yscale="log")
    for name, (colour, values) in heads.items():
        ax.plot(sizes, values, color=colour, linewidth=2.2, marker="o", markersize=4)
        apart = {"balanced": 1.25, "huffman": 0.8}.get(
            name.split('"')[-2] if '"' in name else "", 1
        )
        style = {"color": mix(colour, 0.85, INK), "fontsize": 8.5, "va": "center"}
        ax.text(sizes[-1] * 1.15, values[-1] * apart, name, **style)
    ax.set_xlim(80, 3_000_000)
    ax.set_xticks([100, 1000, 10_000, 100_000], ["100", "1,000", "10,000", "100,000"])
    ax.set_xlabel("classes", x=0.33)
    ax.set_ylabel("products")
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines["bottom"].set_bounds(80, 120_000)
    ax.minorticks_off()
    return figure


def _adaptive(classes: int) -> float:
    """The products of the head and of the cluster of the class, with cutoffs at 1/20 and 1/4."""
    cutoffs = (classes // 20, classes // 4)
    module = (
        (Input(FEATURES) >> AdaptiveSoftmax(classes, cutoffs)).build().adaptivesoftmax1.softmax
    )
    shares, total = zipf(classes), float(module.head.weight.numel())
    for start, end, cluster in zip(cutoffs, (*cutoffs[1:], classes), module.tail, strict=True):
        total += shares[start:end].sum() * sum(part.weight.numel() for part in cluster)
    return total


def _tree(tree: Any, classes: int) -> float:
    """The mean path of a tree, each step as many products as there are features."""
    made = tables(tree)
    return float(zipf(classes) @ np.abs(made.path_sides).sum(1)) * FEATURES
