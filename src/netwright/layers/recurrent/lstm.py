"""LSTM: long short-term memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.validation import Constraint, boolean
from netwright.core.value import value
from netwright.graph import Layer, Shape
from netwright.layers.dense import Start
from netwright.layers.init import Orthogonal, XavierUniform
from netwright.layers.lengths import ToLengths
from netwright.layers.recurrent.cells import torch_cell
from netwright.layers.recurrent.stack import SHARED, RecurrentStack, entrance


@value("layer")
class LSTM(Layer):
    """Units with a memory that gates open and close: C_t = f * C_{t-1} + i * g, h_t = o * tanh(C_t).

    The gates i, f, o are s(W x_t + U h_{t-1} + b) with weights of their own, g is tanh of such a sum, s the logistic
    function. With `peepholes` the gates see the memory too: i and f see C_{t-1}, o sees C_t, by one weight a unit.

    Parameters
    ----------
    units : how many there are in each layer, >= 1.
    layers : how many are stacked, each reading what the one below gives, >= 1.
    peepholes : whether the gates see the memory (the pass is then slower: torch's kernel does not know them).
    output : what is given: "all" steps, the "last" valid step, the "max" or "avg" over the valid steps, or the "state"
        after the last one, (2 layers * units,), h and then C of each, for the `initial` of another layer.
    dropout : share of what enters each layer that is dropped while training, in [0, 1), the same at all steps.
    recurrent_dropout : share of what goes back that is dropped, in [0, 1), the same at all steps (the pass is then
        slower: torch's kernel does not know it).
    initial : the first state: "zeros", "learned" (starts at zero), or "input" (a second input, as "state" gives it).
    lengths : whether the number of valid steps of each sequence comes as a last input (1,).
    weight, recurrent_weight : how W and U start, for each gate, a rule or a number. Biases start at zero, that of the
        forget gate at one; peepholes start at zero.

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
    >>> from netwright.layers import Input, LSTM, Softmax
    >>> (Input(20, 64) >> LSTM(128)).summary().parameters
    99328
    >>> net = (Input(20, 8) | Input(1)) >> LSTM(16, output="max", lengths=True) >> Softmax(3)
    >>> net.output_shape
    (3,)

    References
    ----------
    Hochreiter, Schmidhuber, *Long short-term memory*, 1997.
    Gers, Schraudolph, Schmidhuber, *Learning precise timing with LSTM recurrent networks*, 2002 (peepholes).
    Gal, Ghahramani, *A theoretically grounded application of dropout in recurrent neural networks*, 2016.
    """

    units: int
    layers: int = 1
    peepholes: bool = False
    output: str = "all"
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    initial: str = "zeros"
    lengths: bool = False
    weight: Start = XavierUniform()
    recurrent_weight: Start = Orthogonal()

    constraints: ClassVar[Mapping[str, Constraint]] = {**SHARED, "peepholes": boolean}

    @property
    def merges(self) -> bool:  # type: ignore[override]
        """Whether it takes first states or lengths beside the sequence."""
        return self.lengths or self.initial == "input"

    def make(self, *shapes: Shape) -> torch.nn.Module:
        states = 2 * self.layers * self.units if self.initial == "input" else None
        widths = [entrance(self, shapes, self.lengths, states), *[self.units] * (self.layers - 1)]
        starts = (self.weight, self.recurrent_weight)
        form = "peepholes" if self.peepholes else "native"
        cells = [torch_cell(torch.nn.LSTM, width, self.units, starts, form, self.recurrent_dropout) for width in widths]
        lengths = ToLengths(repr(self)) if self.lengths else None
        return RecurrentStack(cells, self.output, self.initial, lengths, self.dropout)
