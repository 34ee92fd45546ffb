"""Recurrent layers: what is fed back, a step of an LSTM, its gates at work, the two resets of a GRU."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

from drawings.paper import (
    BLUE,
    GREEN,
    GRID,
    INK,
    LINE,
    ORANGE,
    PALE_GRAY,
    PURPLE,
    VERMILLION,
    WHITE,
    arrow,
    by_sign,
    by_value,
    cells,
    code,
    line,
    mix,
    say,
    sheet,
    wide,
)
from netwright.layers import (
    GRU,
    LSTM,
    Elman,
    Input,
    Jordan,
    Linear,
)

# what is fed back


def fed_back() -> Figure:
    """An impulse through an Elman and a Jordan network, step by step, with all numbers."""
    figure, ax = sheet(28, 9.9, 0.288)
    steps = torch.tensor([1.0, 0.0, 0.0, 0.0])
    for left, title, back, (h, y) in (
        (1.7, "Elman(2) >> Linear(1)", "h goes back, here two numbers", _elman(steps)),
        (15.6, "Jordan(2, 1)", "y goes back, here one number", _jordan(steps)),
    ):
        code(ax, left + 5.9, 0.6, title)
        say(ax, left + 5.9, 9.45, back, fontsize=8.5)
        for row, text in ((2.2, "y"), (5.2, "h"), (8.1, "x")):
            say(ax, left - 0.9, row, text, fontsize=10, style="italic")
        for t in range(len(steps)):
            x = left + 3.15 * t
            style: dict[str, Any] = {
                "fill": by_sign(1.2),
                "size": 1.2,
                "edge": GRID,
                "fontsize": 7.3,
            }
            cells(ax, y[t], x + 0.6, 1.6, text=".2f", **style)
            cells(ax, h[t], x, 4.6, text=".2f", **style)
            cells(ax, float(steps[t]), x + 0.6, 7.5, text=".0f", **style)
            arrow(ax, (x + 1.2, 7.4), (x + 1.2, 5.9))
            arrow(ax, (x + 1.2, 4.5), (x + 1.2, 2.9))
            if t:
                across = ((x - 0.7, 5.2), (x - 0.04, 5.2))
                down = ((x - 1.3, 2.3), (x + 0.35, 4.5))
                arrow(ax, *(across if title.startswith("E") else down), ORANGE, line=2.0)
    return figure


def _elman(x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The states and outputs of an Elman network whose two units turn into each other."""
    module = (Input(len(x), 1) >> Elman(2) >> Linear(1)).build(seed=0).eval()
    weights = module.elman1.cells[0].weights
    with torch.no_grad():
        weights.weight_ih_l0.copy_(torch.tensor([[1.5], [0.0]]))
        weights.weight_hh_l0.copy_(torch.tensor([[0.7, -0.9], [0.9, 0.7]]))
        module.linear1.weight.copy_(torch.tensor([[1.0, 0.0]]))
        h = module.elman1(x[None, :, None])
        return h[0].numpy(), module.linear1(h)[0, :, 0].numpy()


def _jordan(x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The hidden units and outputs of a Jordan network."""
    module = (Input(len(x), 1) >> Jordan(2, 1)).build(seed=0).eval()
    cell = module.jordan1.cells[0]
    seen: list[torch.Tensor] = []
    cell.readout.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        cell.input.weight.copy_(torch.tensor([[1.5], [0.5]]))
        cell.feedback.weight.copy_(torch.tensor([[-1.2], [0.6]]))
        cell.readout.weight.copy_(torch.tensor([[1.0, 0.4]]))
        y = module(x[None, :, None])[0, :, 0]
    return torch.cat(seen).numpy(), y.numpy()


# gates


def lstm() -> Figure:
    """A step of an LSTM: the memory runs along the top, gates open and close, peepholes are dashed."""
    figure, ax = sheet(25.6, 10.8, 0.31)
    top, low, middle = 1.3, 9.0, 6.8
    for y, left, right, before, behind in (
        (top, 1.9, 23.4, "$C_{t-1}$", "$C_t$"),
        (low, 1.9, 17.0, "$h_{t-1}$", ""),
    ):
        line(ax, (left, right), (y, y), INK, linewidth=2.2 if y == top else 1.2)
        say(ax, 1.0, y, before, fontsize=11)
        say(ax, 24.4, y, behind, fontsize=11)
    arrow(ax, (3.4, 10.3), (3.4, low + 0.05), INK)
    say(ax, 4.2, 10.1, "$x_t$", fontsize=11)
    arrow(ax, (23.2, top), (23.8, top), INK, line=2.2)
    for x, name, squash, what, colour in (
        (5.0, "f", "σ", "forget", VERMILLION),
        (9.0, "i", "σ", "input", GREEN),
        (12.4, "g", "tanh", "candidate", PURPLE),
        (17.0, "o", "σ", "output", BLUE),
    ):
        arrow(ax, (x, low), (x, middle + 0.65), INK)
        _box(ax, x, middle, squash, colour)
        say(ax, x + 0.25, middle - 1.2, name, ha="left", fontsize=11, style="italic")
        say(ax, x + 0.25, middle + 1.15, what, ha="left", fontsize=7.5, color=LINE)
    _peepholes(ax, top, middle)
    line(ax, (5.0, 5.0), (middle - 0.6, top + 0.45), INK)
    line(ax, (9.0, 9.0, 12.4, 12.4), (middle - 0.6, 4.1, 4.1, middle - 0.6), INK)
    line(ax, (10.7, 10.7), (4.1, top), INK)
    line(ax, (17.0, 17.0, 23.4), (middle - 0.6, 4.1, 4.1), INK)
    arrow(ax, (23.2, 4.1), (23.8, 4.1), INK)
    say(ax, 24.4, 4.1, "$h_t$", fontsize=11)
    line(ax, (20.2, 20.2), (top, 4.1), INK)
    _box(ax, 20.2, 2.7, "tanh", LINE)
    for x, y, sign in ((5.0, top, "×"), (10.7, top, "+"), (10.7, 4.1, "×"), (20.2, 4.1, "×")):
        _node(ax, x, y, sign)
    return figure


def _peepholes(ax: Axes, top: float, middle: float) -> None:
    """From the memory to the gates: i and f see the one before, o sees the new one."""
    dashed = {"linestyle": (0, (3, 2)), "zorder": 1}
    line(ax, (3.0, 3.0, 4.0), (top, middle, middle), ORANGE, **dashed)
    line(ax, (3.0, 7.3, 7.3, 8.0), (5.1, 5.1, middle, middle), ORANGE, **dashed)
    line(ax, (14.8, 14.8, 16.0), (top, middle, middle), ORANGE, **dashed)
    for x in (3.95, 7.95, 15.95):
        arrow(ax, (x - 0.1, middle), (x + 0.12, middle), ORANGE)
    say(ax, 15.1, 2.9, "peepholes", ha="left", fontsize=8, color=mix(ORANGE, 0.75, INK))


def _box(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    style = "round,pad=0,rounding_size=0.2"
    fill = mix(colour, 0.28) if colour != LINE else PALE_GRAY
    ax.add_patch(
        FancyBboxPatch(
            (x - 0.95, y - 0.6),
            1.9,
            1.2,
            style,
            facecolor=fill,
            edgecolor=colour,
            linewidth=1.3,
            zorder=5,
        )
    )
    say(ax, x, y, text, fontsize=9)


def _node(ax: Axes, x: float, y: float, sign: str) -> None:
    ax.add_patch(Circle((x, y), 0.45, facecolor=WHITE, edgecolor=INK, linewidth=1.2, zorder=5))
    say(ax, x, y, sign, fontsize=10)


def gates() -> Figure:
    """A unit that writes, keeps and reads: its inputs, gates, memory and output at twelve steps."""
    value = [0.3, 0.9, -0.7, 0.4, -0.2, 0.8, -0.6, 0.1, 0.7, -0.9, 0.5, -0.3]
    write = [0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    read = [0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0]
    x = torch.tensor([value, write, read], dtype=torch.float32).T
    shown = _latch(x)
    rows = (
        ("value", x[:, 0], by_sign(1.2), "+.1f"),
        ("write", x[:, 1], by_value(0, 1, GREEN), ".0f"),
        ("read", x[:, 2], by_value(0, 1, BLUE), ".0f"),
        ("i", shown["i"], by_value(0, 1, GREEN), ".2f"),
        ("f", shown["f"], by_value(0, 1, VERMILLION), ".2f"),
        ("o", shown["o"], by_value(0, 1, BLUE), ".2f"),
        ("C", shown["C"], by_sign(1.2), "+.2f"),
        ("h", shown["h"], by_sign(1.2), "+.2f"),
    )
    figure, ax = sheet(25, 10.9, 0.32)
    for n, (name, numbers, fill, text) in enumerate(rows):
        y = 0.5 + 1.12 * n + 0.55 * (n > 2) + 0.55 * (n > 5)
        style = {"style": "italic", "fontsize": 10} if n > 2 else {"fontsize": 8.5}
        say(ax, 5.3, y + 0.53, name, ha="right", **style)
        said = {0: "inputs", 3: "gates", 6: "memory", 7: "output"}.get(n, "")
        say(ax, 0.4, y + 0.53, said, ha="left", fontsize=8.5, color=LINE)
        for t, number in enumerate(numbers.tolist()):
            number = 0.0 if abs(number) < 0.005 else number  # no sign before a zero
            form = text.lstrip("+") if number == 0 else text
            wide(ax, (5.8 + 1.57 * t, y), number, fill, form)
    return figure


def _latch(x: torch.Tensor) -> dict[str, torch.Tensor]:
    """The gates, the memory and the output of one unit whose weights are set by hand; the layer gives the same."""
    module = (Input(len(x), 3) >> LSTM(1)).build().eval()
    weights = module.lstm1.cells[0].weights
    with torch.no_grad():
        weights.weight_ih_l0.copy_(
            torch.tensor([[0.0, 8, 0], [0, -8, 0], [1.5, 0, 0], [0, 0, 8]])
        )
        weights.weight_hh_l0.zero_()
        weights.bias_ih_l0.copy_(torch.tensor([-4.0, 4, 0, -4]))
        u = torch.nn.functional.linear(x, weights.weight_ih_l0, weights.bias_ih_l0)
        i, f, g, o = (u[:, 0].sigmoid(), u[:, 1].sigmoid(), u[:, 2].tanh(), u[:, 3].sigmoid())
        memory, C = [], torch.zeros(())
        for t in range(len(x)):
            C = f[t] * C + i[t] * g[t]
            memory.append(C)
        h = module(x[None])[0, :, 0]
    C = torch.stack(memory)
    assert torch.allclose(o * C.tanh(), h, atol=1e-6)
    return {"i": i, "f": f, "o": o, "C": C, "h": h}


def reset() -> Figure:
    """The candidate of a GRU whose reset stands behind the product, and before it, with the same weights."""
    h, r = torch.tensor([0.8, -0.6]), torch.tensor([1.0, 0.0])
    U = torch.tensor([[0.5, -1.0], [1.0, 0.5]])
    n = {form: _candidate(form, h, U) for form in ("after", "before")}
    stages = {
        "after": (("$U h$", U @ h), ("$r\\;(U h)$", r * (U @ h)), ("tanh", n["after"])),
        "before": (("$r\\;h$", r * h), ("$U (r\\;h)$", U @ (r * h)), ("tanh", n["before"])),
    }
    figure, ax = sheet(25, 7.9, 0.32)
    _column(ax, 0.6, 3.1, h, "$h_{t-1}$", PALE_GRAY)
    _column(ax, 2.9, 3.1, r, "$r$", mix(ORANGE, 0.55))
    say(ax, 6.75, 2.55, "$U$", fontsize=9)
    for row, column in np.ndindex(2, 2):
        place = (5.2 + 1.57 * column, 3.1 + 1.1 * row)
        wide(ax, place, float(U[row, column]), mix(BLUE, 0.25), ".1f")
    for row, form in enumerate(stages):
        y = 1.3 + 3.7 * row
        previous = (8.7, 4.2)
        for place, (text, numbers) in enumerate(stages[form]):
            x = 11.0 + 3.9 * place
            arrow(ax, previous, (x - 0.15, y + 1.1), INK)
            fill = mix(ORANGE, 0.55) if text.startswith("$r") else mix(BLUE, 0.25)
            _column(ax, x, y, numbers, text, mix(GREEN, 0.45) if place == 2 else fill)
            previous = (x + 1.7, y + 1.1)
        code(ax, 21.0, y + 1.1, f'reset="{form}"', ha="left")
    return figure


def _column(ax: Axes, x: float, y: float, numbers: Any, text: str, fill: str) -> None:
    """A vector of two numbers and what it is."""
    say(ax, x + 0.75, y - 0.55, text, fontsize=9)
    for place, number in enumerate(numbers.tolist()):
        wide(
            ax, (x, y + 1.1 * place), abs(number) if abs(number) < 0.005 else number, fill, ".2f"
        )


def _candidate(form: str, h: torch.Tensor, U: torch.Tensor) -> torch.Tensor:
    """n of a layer whose reset gate is open for the first unit, shut for the second, and which keeps nothing else."""
    module = ((Input(1, 1) | Input(2)) >> GRU(2, reset=form, initial="input")).build().eval()
    weights = next(part for part in module.modules() if isinstance(part, torch.nn.GRU))
    with torch.no_grad():
        for parameter in weights.parameters():
            parameter.zero_()
        weights.weight_hh_l0[4:] = U
        weights.bias_ih_l0[:4] = torch.tensor([50.0, -50, -50, -50])  # r = 1, 0 and z = 0, 0
        return module(torch.zeros(1, 1, 1), h[None])[0, 0]
