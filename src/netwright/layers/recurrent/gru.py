"""GRU: the gated recurrent unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.validation import Constraint, one_of
from netwright.core.value import value
from netwright.graph import Layer, Shape
from netwright.layers.dense import Start
from netwright.layers.init import Orthogonal, XavierUniform
from netwright.layers.lengths import ToLengths
from netwright.layers.recurrent.cells import torch_cell
from netwright.layers.recurrent.stack import SHARED, RecurrentStack, entrance


@value("layer")
class GRU(Layer):
    """Units that mix what they were with what is new: h_t = (1 - z) * n + z * h_{t-1}.

    z and the reset r are s(W x_t + U h_{t-1} + b) with weights of their own, s the logistic function. The candidate is
    n = tanh(W x_t + b + r * (U h_{t-1} + c)) with the reset "after" the product, as torch and cuDNN have it, and
    n = tanh(W x_t + b + U (r * h_{t-1}) + c) with the reset "before" it, as in the paper.

    Parameters
    ----------
    units : how many there are in each layer, >= 1.
    layers : how many are stacked, each reading what the one below gives, >= 1.
    reset : "after" or "before" (the pass is then slower: torch's kernel does not know it).
    output : what is given: "all" steps, the "last" valid step, the "max" or "avg" over the valid steps, or the "state"
        after the last one, (layers * units,), for the `initial` of another layer.
    dropout : share of what enters each layer that is dropped while training, in [0, 1), the same at all steps.
    recurrent_dropout : share of what goes back that is dropped, in [0, 1), the same at all steps (the pass is then
        slower: torch's kernel does not know it).
    initial : the first state: "zeros", "learned" (starts at zero), or "input" (a second input, as "state" gives it).
    lengths : whether the number of valid steps of each sequence comes as a last input (1,).
    weight, recurrent_weight : how W and U start, for each gate, a rule or a number. Biases start at zero.

    Shapes
    ------
    (steps, features)[, states][, (1,)] -> (steps, units) for "all", states for "state", else (units,)

    Raises
    ------
    JoinError : inputs of other shapes.
    InvalidData : when it runs on the CPU, a length that is no integer in 0 ... steps.
    InvalidParameter : options out of range.

    Examples
    --------
    >>> from netwright.layers import GRU, Input
    >>> (Input(20, 64) >> GRU(128)).summary().parameters
    74496
    >>> (Input(20, 8) >> GRU(16, reset="before", output="avg")).output_shape
    (16,)

    References
    ----------
    Cho et al., *Learning phrase representations using RNN encoder-decoder for statistical machine translation*, 2014.
    """

    units: int
    layers: int = 1
    reset: str = "after"
    output: str = "all"
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    initial: str = "zeros"
    lengths: bool = False
    weight: Start = XavierUniform()
    recurrent_weight: Start = Orthogonal()

    constraints: ClassVar[Mapping[str, Constraint]] = {**SHARED, "reset": one_of("after", "before")}

    @property
    def merges(self) -> bool:  # type: ignore[override]
        """Whether it takes first states or lengths beside the sequence."""
        return self.lengths or self.initial == "input"

    def make(self, *shapes: Shape) -> torch.nn.Module:
        states = self.layers * self.units if self.initial == "input" else None
        widths = [entrance(self, shapes, self.lengths, states), *[self.units] * (self.layers - 1)]
        starts = (self.weight, self.recurrent_weight)
        form = "before" if self.reset == "before" else "native"
        cells = [torch_cell(torch.nn.GRU, width, self.units, starts, form, self.recurrent_dropout) for width in widths]
        lengths = ToLengths(repr(self)) if self.lengths else None
        return RecurrentStack(cells, self.output, self.initial, lengths, self.dropout)
