"""Merging and shape: where each number goes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from drawings.paper import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    apply,
    arrow,
    cells,
    code,
    mix,
    say,
    sheet,
)
from netwright.layers import (
    Add,
    Concat,
    Elementwise,
    Embedding,
    Flatten,
    GatedAverage,
    Identity,
    Input,
    Multiply,
    Reshape,
    Select,
    Transpose,
)

SIX = np.array(
    [mix(c, 0.6) for c in (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY)], dtype=object
)


def axes() -> Figure:
    """Six numbers, (2, 3), and where each layer puts them."""
    x = np.arange(1.0, 7.0).reshape(2, 3)
    figure, ax = sheet(25, 10.8)
    layers = (
        Flatten(),
        Reshape(3, 2),
        Transpose(),
        Select((1, 0, 1)),
        Select((2,), axis=-1),
        Identity(),
    )
    code(ax, 2.5, 3.7, "(2, 3)")
    cells(ax, x, 1.0, 4.3, SIX, text=".0f")
    for i, layer in enumerate(layers):
        left, top = (7.4, 13.8, 20.4)[i % 3], 1.0 + 5.4 * (i // 3)
        y = apply(layer, x)
        height, width = np.atleast_2d(y).shape
        code(ax, left + 1.8, top, repr(layer).replace(", -1)", ", axis=-1)"))
        fill, size = SIX[y.astype(int).ravel() - 1], 0.8 if width > 4 else 1.0
        cells(ax, y, left + 1.8 - width / 2 * size, top + 0.6, fill, size, ".0f")
        say(ax, left + 1.8, top + 1.15 + height * size, str(y.shape), fontsize=8)
    return figure


def merging() -> Figure:
    """Two inputs (2, 3), and what each layer makes of them."""
    a, b = np.array([[1.0, 2, 3], [4, 5, 6]]), np.array([[6.0, 0, 2], [1, 3, 2]])
    figure, ax = sheet(25, 11.4)
    blue, orange, both = mix(BLUE, 0.35), mix(ORANGE, 0.5), mix(GREEN, 0.3)
    cells(ax, a, 0.8, 2.6, blue, text=".0f")
    cells(ax, b, 0.8, 6.4, orange, text=".0f")
    say(ax, 2.3, 2.0, "a")
    say(ax, 2.3, 5.8, "b")
    forms = (Add(), Multiply(), Elementwise("maximum"), Concat(), Concat(-1), GatedAverage(0))
    for i, layer in enumerate(forms):
        left, top = (7.2, 13.4, 20.2)[i % 3], 1.0 + 5.6 * (i // 3)
        y = _merged(layer, a, b)
        joins = isinstance(layer, Concat)
        size = 0.8 if joins else 1.0
        height, width = y.shape
        code(ax, left + 1.8, top, repr(layer).replace("'", '"').replace("(0)", "(gate=0)"))
        fill: Any = both
        if joins:
            fill = np.concatenate(
                [np.full((2, 3), blue), np.full((2, 3), orange)], axis=0 if height > 2 else 1
            )
        cells(ax, y, left + 1.8 - size * width / 2, top + 0.7, fill, size, ".3g")
        if isinstance(layer, GatedAverage):
            say(ax, left + 1.8, top + 3.3, "with the gates ¾ and ¼", fontsize=8)
    return figure


def _merged(layer: Any, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """What a layer makes of two inputs; gates are ¾ and ¼."""
    inputs = [torch.tensor(each, dtype=torch.float32)[None] for each in (a, b)]
    net = Input(2, 3) | Input(2, 3)
    if isinstance(layer, GatedAverage):
        inputs.insert(0, torch.tensor([[0.75, 0.25]]))
        net = Input(2) | Input(2, 3) | Input(2, 3)
    result: np.ndarray = (net >> layer).build()(*inputs)[0].numpy()
    return result


def embedding() -> Figure:
    """Each symbol picks a row of the table."""
    table = np.array([[0.9, -0.3, 0.1], [-0.5, 0.8, 0.4], [0.2, 0.2, -0.9], [-0.7, -0.6, 0.5]])
    symbols = np.array([2, 0, 3, 0])
    y = apply(Embedding(4, 3), symbols, table)
    figure, ax = sheet(25, 7.2)
    colours = [mix(c, 0.55) for c in (BLUE, ORANGE, GREEN, VERMILLION)]
    for x, text in (
        (2.3, "symbols (4,)"),
        (11.7, "weights, one row a symbol"),
        (21.5, "vectors (4, 3)"),
    ):
        say(ax, x, 0.8, text)
    for t, symbol in enumerate(symbols):
        top = 1.6 + 1.3 * t
        cells(ax, symbol, 1.8, top, colours[symbol], text=".0f")
        arrow(ax, (3.0, top + 0.5), (9.5, 2.1 + 1.3 * symbol), colours[symbol], line=1.6)
        cells(ax, y[t], 20.0, top, colours[symbol], 1.0, ".1f", fontsize=7.5)
    for symbol in range(4):
        top = 1.6 + 1.3 * symbol
        say(ax, 9.9, top + 0.5, str(symbol), fontsize=8)
        cells(ax, table[symbol], 10.3, top, colours[symbol], 1.0, ".1f", fontsize=7.5)
    for t, symbol in enumerate(symbols):
        arrow(ax, (13.5, 2.1 + 1.3 * symbol), (19.8, 2.1 + 1.3 * t), colours[symbol], line=1.6)
    return figure
