"""Layers over time: what a recurrent one gives, both ways, what dropout drops, how far causal convolutions see."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drawings.paper import (
    BLUE,
    GREEN,
    GRID,
    LINE,
    ORANGE,
    PALE_GRAY,
    PURPLE,
    VERMILLION,
    arrow,
    by_sign,
    cells,
    code,
    frame,
    line,
    mix,
    say,
    sheet,
    wide,
)
from netwright.layers import (
    LSTM,
    Bidirectional,
    CausalConv,
    Dropout,
    Elman,
    Input,
    Normal,
)


def outputs() -> Figure:
    """What each `output` gives for a sequence of four steps in a batch that is six long."""
    x = torch.randn(1, 6, 2, generator=torch.Generator().manual_seed(7))
    given = {}
    for output in ("all", "last", "max", "avg", "state"):
        layer = LSTM(3, 2, output=output, lengths=True, weight=Normal(std=2.5))
        module = ((Input(6, 2) | Input(1)) >> layer).build(seed=112).eval()
        with torch.no_grad():
            given[output] = module(x, torch.tensor([[4.0]]))[0]
    figure, ax = sheet(25, 10.2, 0.32)
    code(ax, 1.9, 0.7, 'output="all"', ha="left")
    say(ax, 9.7, 0.7, "padding", fontsize=8, color=LINE)
    for t, numbers in enumerate(given["all"]):
        _stack(ax, 1.9 + 1.57 * t, 1.4, numbers, padding=t >= 4)
        say(ax, 2.65 + 1.57 * t, 5.35, f"step {t}", fontsize=7.5)
    for u in range(3):
        say(ax, 1.6, 1.93 + 1.2 * u, f"unit {u}", ha="right", fontsize=7.5)
        frame(
            ax,
            1.96 + 1.57 * int(given["all"][:4, u].argmax()),
            1.44 + 1.2 * u,
            1.38,
            0.98,
            GREEN,
            2.0,
        )
    for place, output in enumerate(("last", "max", "avg")):
        code(ax, 14.75 + 3.7 * place, 0.7, f'"{output}"')
        _stack(ax, 14.0 + 3.7 * place, 1.4, given[output])
    for left in (1.9 + 1.57 * 3, 14.0):
        frame(ax, left - 0.05, 1.3, 1.6, 3.66)
    frame(ax, 17.65, 1.3, 1.6, 3.66, GREEN, 2.0)
    code(ax, 1.9, 7.0, '"state"', ha="left")
    frame(ax, 1.9 + 2 * 5.3 - 0.12, 7.58, 4.88, 1.3)
    said = (
        "h of the lower layer",
        "C of the lower layer",
        "h of the upper layer",
        "C of the upper layer",
    )
    for part, text in enumerate(said):
        left = 1.9 + 5.3 * part
        for u, number in enumerate(given["state"][3 * part : 3 * part + 3].tolist()):
            wide(ax, (left + 1.57 * u, 7.7), number, by_sign(1.2))
        say(ax, left + 2.32, 9.5, text, fontsize=8)
    return figure


def _stack(ax: Axes, x: float, y: float, numbers: torch.Tensor, padding: bool = False) -> None:
    """The units of a step, one above the other."""
    for u, number in enumerate(numbers.tolist()):
        fill = PALE_GRAY if padding else by_sign(1.2)(number)
        wide(ax, (x, y + 1.2 * u), number, fill, ".0f" if padding else ".2f")


# both ways


def ways() -> Figure:
    """A fading sum of four valid steps, read forwards and backwards, and the merges of the two."""
    x, length = torch.tensor([3.0, 1.0, 4.0, 2.0, 7.0, 7.0]), torch.tensor([[4.0]])
    figure, ax = sheet(25, 11.6, 0.32)
    left, rows = 5.6, {"x": 0.9, "ahead": 2.5, "back": 4.1}
    for t, number in enumerate(x.tolist()):
        at, fill = (left + 1.57 * t, rows["x"]), mix(BLUE, 0.25) if t < 4 else PALE_GRAY
        wide(ax, at, number, fill, ".0f")
    say(ax, left + 1.57 * 5, 0.45, "padding", fontsize=8, color=LINE)
    both = _merged("concat", "all", x, length)
    for name, column, colour in (("ahead", 0, ORANGE), ("back", 1, GREEN)):
        for t in range(4):
            wide(
                ax,
                (left + 1.57 * t, rows[name]),
                float(both[t, column]),
                mix(colour, 0.45),
                ".4g",
            )
        ends = (left, left + 4 * 1.57)
        start, end = ends if name == "ahead" else ends[::-1]
        arrow(ax, (start, rows[name] + 1.27), (end, rows[name] + 1.27), colour, line=1.8)
    for text, y in (("x", 0.9), ("forwards", 2.5), ("backwards", 4.1)):
        say(ax, left - 0.4, y + 0.53, text, ha="right", fontsize=8.5)
    frame(ax, left + 3 * 1.57 - 0.05, rows["ahead"] - 0.05, 1.6, 1.16, VERMILLION, 2.0)
    frame(ax, left - 0.05, rows["back"] - 0.05, 1.6, 1.16, VERMILLION, 2.0)
    code(ax, left + 2 * 1.57, 6.6, 'output="all"')
    code(ax, 19.6, 6.6, 'output="last"')
    for row, merge in enumerate(("add", "multiply", "average")):
        y = 7.2 + 1.3 * row
        code(ax, left - 0.4, y + 0.53, f'merge="{merge}"', ha="right")
        for t, number in enumerate(_merged(merge, "all", x, length)[:, 0].tolist()):
            fill = mix(BLUE, 0.4) if t < 4 else PALE_GRAY
            wide(ax, (left + 1.57 * t, y), number, fill, ".4g" if t < 4 else ".0f")
        wide(
            ax,
            (18.85, y),
            float(_merged(merge, "last", x, length)[0]),
            mix(VERMILLION, 0.35),
            ".4g",
        )
    return figure


def _merged(merge: str, output: str, x: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    """What a pair of fading sums, h_t = x_t + h_{t-1} / 2, gives."""
    layer = Elman(
        1, activation="linear", output=output, lengths=True, weight=1.0, recurrent_weight=0.5
    )
    module = ((Input(len(x), 1) | Input(1)) >> Bidirectional(layer, merge)).build().eval()
    with torch.no_grad():
        return module(x[None, :, None], length)[0]


# dropout


def dropout() -> Figure:
    """What is dropped of eight features at twelve steps: each place by itself, or the same at all steps."""
    figure, ax = sheet(25, 8.0, 0.32)
    for place, (layer, text, said) in enumerate(
        (
            (Dropout(0.3), "Dropout(0.3)", "each place by itself"),
            (_echo(dropout=0.3), "dropout=0.3", "what enters, the same at all steps"),
            (
                _echo(recurrent_dropout=0.3),
                "recurrent_dropout=0.3",
                "what goes back, the same at all steps",
            ),
        )
    ):
        x0 = 0.9 + 8.1 * place
        code(ax, x0 + 3.6, 0.5, text)
        say(ax, x0 + 3.6, 7.45, said, fontsize=8)
        given = _drawn(layer, torch.ones(12, 8), 4 + place)
        if "recurrent" in text:  # h_t = 1 + m h_{t-1}, so that m shows by what is more than 1
            given = torch.cat([torch.full((1, 8), torch.nan), given[1:] - 1])
        fill = np.full(given.shape, mix(BLUE, 0.45), dtype=object)
        fill[(given == 0).numpy()] = mix(ORANGE, 0.85)
        fill[given.isnan().numpy()] = PALE_GRAY
        cells(ax, np.zeros((8, 12)), x0, 1.1, fill.T, 0.6, text=None)
        if not place:
            say(ax, x0 + 3.6, 6.4, "steps", fontsize=8, color=LINE)
            say(ax, x0 - 0.45, 3.5, "features", fontsize=8, color=LINE, rotation=90)
    return figure


def _echo(**options: float) -> Elman:
    return Elman(8, activation="linear", **options)


def _drawn(layer: Any, x: torch.Tensor, seed: int) -> torch.Tensor:
    """One draw of a layer in training mode, always the same; recurrent weights are 1 from each unit to itself."""
    module = (Input(*x.shape) >> layer).build().train()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for name, parameter in module.named_parameters():
            ones = "weight_ih" in name or ("weight_hh" in name and layer.recurrent_dropout)
            parameter.copy_(torch.eye(8) if ones else torch.zeros_like(parameter))
        torch.manual_seed(seed)
        given: torch.Tensor = module(x[None])[0]
    return given


# causal convolutions


def dilations() -> Figure:
    """What the last of 16 steps sees through four causal convolutions of two steps with the dilations 1, 2, 4, 8."""
    steps, colours = 16, (PURPLE, VERMILLION, ORANGE, GREEN, BLUE)
    net = Input(steps, 1)
    for level in range(4):
        net = net >> CausalConv(1, 2, 2**level, weight=1.0)
    figure, ax = sheet(27, 12.8, 0.3)
    seen = {steps - 1}
    for level in range(4, -1, -1):
        y, back = 0.9 + 2.7 * (4 - level), 2**level // 2
        for t in range(steps):
            fill = mix(colours[level], 0.6) if t in seen else PALE_GRAY
            cells(ax, 0, 5.0 + t, y, fill, text=None)
        options = f", {back}" if level > 1 else ""
        text = f"CausalConv(1, 2{options})" if level else f"Input({steps}, 1)"
        code(ax, 0.3, y + 0.5, text, ha="left", fontsize=8)
        before = f"{net.receptive_field(level - 1)[0]} + {back} = " if level else ""
        say(ax, 21.7, y + 0.5, f"R = {before}{net.receptive_field(level)[0]}", ha="left")
        if level:
            _fans(ax, y, steps, back, seen, colours[level])
            seen |= {t - back for t in seen}
    assert seen == _reached(net, steps)
    return figure


def _fans(ax: Axes, y: float, steps: int, back: int, seen: set[int], colour: str) -> None:
    """Lines from each step to the two that it sees below."""
    for t in range(steps):
        for below in (t, t - back):
            if below >= 0:
                style = (
                    {"linewidth": 1.6, "zorder": 0.6}
                    if t in seen
                    else {"linewidth": 0.5, "zorder": 0.4}
                )
                chosen = colour if t in seen else GRID
                line(ax, (5.5 + t, 5.5 + below), (y + 1, y + 2.7), chosen, **style)


def _reached(net: Any, steps: int) -> set[int]:
    """The steps that the last one depends on, by its gradient."""
    x = torch.ones(1, steps, 1, requires_grad=True)
    (gradient,) = torch.autograd.grad(net.build()(x)[0, -1, 0], x)
    return set(gradient[0, :, 0].nonzero().flatten().tolist())
