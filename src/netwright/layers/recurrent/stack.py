"""What recurrent layers build: cells one on the other, their first states, and what of their states is given.

A sequence of length n is read from step 0 to n - 1. What is behind it is replaced by zero before it enters, and zeros
are given for it; so no result depends on the padding, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from netwright.core.validation import Constraint, boolean, integer, number, one_of
from netwright.graph import Layer, Shape, refuse
from netwright.layers.init import rule_or_number
from netwright.layers.lengths import ToLengths, valid
from netwright.layers.recurrent.steps import State
from netwright.layers.space.global_pooling import OverSteps, OverValidSteps

SHARED: Mapping[str, Constraint] = {
    "units": integer(1),
    "layers": integer(1, 1000),
    "output": one_of("all", "last", "max", "avg", "state"),
    "dropout": number(0, 1, closed="left"),
    "recurrent_dropout": number(0, 1, closed="left"),
    "initial": one_of("zeros", "learned", "input"),
    "lengths": boolean,
    "weight": rule_or_number,
    "recurrent_weight": rule_or_number,
}


class RecurrentStack(torch.nn.Module):
    """Cells one on the other; called with (batch, steps, features), and first states and lengths where it takes them.

    Parameters
    ----------
    cells : modules such as `netwright.layers.recurrent.cells.Cell`, from the lowest up.
    output : what is given, see `LSTM`.
    initial : "zeros", "learned" or "input".
    to_lengths : checks the lengths; None where there are none.
    dropout : share of what enters each cell that is dropped while training, the same at all steps.
    """

    def __init__(
        self,
        cells: Sequence[torch.nn.Module],
        output: str = "all",
        initial: str = "zeros",
        to_lengths: ToLengths | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.cells = torch.nn.ModuleList(cells)
        self.sizes: list[int] = [size for cell in cells for size in cell.sizes]  # type: ignore[union-attr,misc]
        self.features: int = cells[-1].features  # type: ignore[assignment]
        self.output, self.initial, self.dropout = output, initial, dropout
        self.to_lengths = to_lengths
        self.reduce = reduction(output, to_lengths)
        if initial == "learned":
            self.first = torch.nn.Parameter(torch.zeros(sum(self.sizes)))

    def forward(self, inputs: Any) -> Tensor:
        """(batch, steps, features)[, states][, lengths (batch, 1)] -> (batch, [steps,] units), or states"""
        x, lengths, state = opened(inputs, self.to_lengths, self.initial)
        y, last = self.run(x, lengths, state, self.output == "state")
        return last if self.output == "state" else given(y, lengths, self.reduce, self.output, self.before(x, state))

    def run(
        self, x: Tensor, lengths: Tensor | None = None, state: Tensor | None = None, final: bool = True
    ) -> tuple[Tensor, Tensor]:
        """(batch, steps, features) -> what each step gives (batch, steps, units), and the states after the last one

        So a long sequence can be read in pieces: the states that one call gives are the `state` of the next. They are
        one vector a sequence, (batch, sum of sizes), cell by cell, for an LSTM h and then C.

        Parameters
        ----------
        x : the sequences. lengths : (batch,) valid steps, None for all. state : the first states, None for its own.
        final : whether the states after the last step are wanted; else the first ones are given back.
        """
        state = self._first(x, state)
        keep = None if lengths is None else valid(lengths, x.shape[1])
        after: list[Tensor] = []
        parts = list(state.split(self.sizes, dim=-1))
        for cell in self.cells:
            if keep is not None:
                x = x.masked_fill(~keep[:, :, None], 0.0)
            if self.training and self.dropout > 0:
                x = x * torch.nn.functional.dropout(torch.ones_like(x[:, :1]), self.dropout)
            mine = tuple(parts.pop(0) for _ in cell.sizes)  # type: ignore[union-attr]
            x, last = _passed(cell, x, mine, lengths, keep, final)
            after += last
        y = x if keep is None else x.masked_fill(~keep[:, :, None], 0.0)
        return y, torch.cat(after, dim=-1) if final else state

    def _first(self, x: Tensor, state: Tensor | None) -> Tensor:
        if state is not None:
            return state.to(x.dtype)
        if self.initial == "learned":
            return self.first.to(x.dtype).expand(x.shape[0], -1)
        return x.new_zeros(x.shape[0], sum(self.sizes))

    def before(self, x: Tensor, state: Tensor | None) -> Tensor:
        """What the highest cell gave before the first step, which is the last of an empty sequence: (batch, units)"""
        top = len(self.cells[-1].sizes)  # type: ignore[arg-type]
        return self._first(x, state).split(self.sizes, dim=-1)[-top]

    def short_forward(self) -> str:
        """The forward pass as code where it is a plain one over cells that have one, else nothing."""
        gives = {"all": "x", "last": "x[:, -1]", "max": "self.reduce(x)", "avg": "self.reduce(x)"}.get(self.output, "")
        plain = gives and self.initial == "zeros" and not self.dropout and self.to_lengths is None
        if not plain or not all(getattr(cell, "short_forward", str)() for cell in self.cells):
            return ""
        return f"def forward(self, x):\n    for cell in self.cells:\n        x = cell(x)\n    return {gives}"

    def extra_repr(self) -> str:
        """What is given, and how it begins."""
        return f"output={self.output}, initial={self.initial}"


def _passed(
    cell: torch.nn.Module, x: Tensor, state: State, lengths: Tensor | None, keep: Tensor | None, final: bool
) -> tuple[Tensor, State]:
    """One cell over the sequences, and its states after the last valid step of each."""
    if lengths is None or keep is None or not final:
        y, last = cell(x, state)
        return y, last
    if len(state) > 1:  # what a step gives is not all of its state: it must be held on the way
        y, last = cell(x, state, keep)
        return y, last
    y, _ = cell(x, state)
    return y, (at_end(y, lengths, state[0]),)


def at_end(y: Tensor, lengths: Tensor, before: Tensor) -> Tensor:
    """What the last valid step gave, and what was `before` where no step is: (batch, steps, units) -> (batch, units)"""
    step = (lengths - 1).clamp(min=0)[:, None, None].expand(-1, 1, y.shape[2])
    return torch.where((lengths > 0)[:, None], y.gather(1, step).squeeze(1), before)


def reduction(output: str, to_lengths: ToLengths | None) -> torch.nn.Module | None:
    """The pooling over time of "max" and "avg", else None."""
    if output not in ("max", "avg"):
        return None
    return OverSteps(output) if to_lengths is None else OverValidSteps(output, to_lengths)


def given(y: Tensor, lengths: Tensor | None, reduce: Any, output: str, before: Tensor) -> Tensor:
    """What of all steps is given: themselves, the last, or their pooling."""
    if output == "all":
        return y
    if reduce is not None:
        pooled: Tensor = reduce(y if lengths is None else (y, lengths[:, None]))
        return pooled
    return y[:, -1] if lengths is None else at_end(y, lengths, before)


def opened(inputs: Any, to_lengths: ToLengths | None, initial: str) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The sequences, their lengths (batch,) and their first states, of what a module is called with."""
    if isinstance(inputs, Tensor):
        return inputs, None, None
    x, *more = inputs
    lengths = None if to_lengths is None else to_lengths(more.pop(), x.shape[1])
    return x, lengths, more[0] if initial == "input" else None


def entrance(layer: Layer, shapes: tuple[Shape, ...], lengths: bool, states: int | None) -> int:
    """The features of what comes, or a refusal.

    Parameters
    ----------
    layer, shapes : the layer and the shapes that come.
    lengths : whether lengths (1,) come last.
    states : how many first states come before them, None if they are not an input.
    """
    wanted = ["a sequence (steps, features)"]
    wanted += [f"its first states ({states},)"] * (states is not None) + ["its length (1,)"] * lengths
    more = ([(states,)] if states is not None else []) + [(1,)] * lengths
    if len(shapes) == len(wanted) and len(shapes[0]) == 2 and list(shapes[1:]) == more:
        return shapes[0][1]
    inputs = " | ".join(["Input(steps, features)", *(f"Input({size})" for (size,) in more)])
    remedy = f"Put it behind {f'({inputs})' if more else inputs} >> {layer!r}; symbols go through Embedding first."
    raise refuse(layer, " and ".join(wanted), shapes, remedy)
