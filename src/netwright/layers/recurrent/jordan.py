"""Jordan: the simple recurrent network whose hidden units see its output one step back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from netwright.core.validation import Constraint, integer, one_of
from netwright.core.value import value
from netwright.graph import Layer, Shape
from netwright.layers.dense import Start, fresh, start
from netwright.layers.init import XavierUniform
from netwright.layers.lengths import ToLengths
from netwright.layers.recurrent.cells import ACTIVATIONS
from netwright.layers.recurrent.stack import SHARED, RecurrentStack, entrance
from netwright.layers.recurrent.steps import State, walk


@value("layer")
class Jordan(Layer):
    """Hidden units that see the output one step back: h_t = g(W x_t + U y_{t-1} + b), y_t = f(V h_t + c).

    It gives y, which is also its state. `Elman` feeds h back instead of y.

    Parameters
    ----------
    units : how many hidden units there are, >= 1.
    outputs : how many outputs, >= 1.
    activation, output_activation : g and f, "tanh", "relu", "sigmoid" or "linear".
    output : what is given: "all" steps, the "last" valid step, the "max" or "avg" over the valid steps, or the "state"
        after the last one, (outputs,), for the `initial` of another layer.
    dropout : share of what enters that is dropped while training, in [0, 1), the same at all steps.
    initial : y_{-1}: "zeros", "learned" (starts at zero), or "input" (a second input).
    lengths : whether the number of valid steps of each sequence comes as a last input (1,).
    weight : how W, U and V start, a rule or a number. Biases start at zero.

    Shapes
    ------
    (steps, features)[, (outputs,)][, (1,)] -> (steps, outputs) for "all", else (outputs,)

    Raises
    ------
    JoinError : inputs of other shapes.
    InvalidData : when it runs on the CPU, a length that is no integer in 0 ... steps.
    InvalidParameter : options out of range.

    Examples
    --------
    >>> from netwright.layers import Input, Jordan
    >>> (Input(20, 8) >> Jordan(16, 3)).output_shape
    (20, 3)

    References
    ----------
    Jordan, *Serial order: a parallel distributed processing approach*, 1986.
    """

    units: int
    outputs: int
    activation: str = "tanh"
    output_activation: str = "linear"
    output: str = "all"
    dropout: float = 0.0
    initial: str = "zeros"
    lengths: bool = False
    weight: Start = XavierUniform()

    constraints: ClassVar[Mapping[str, Constraint]] = {
        **{name: SHARED[name] for name in ("units", "output", "dropout", "initial", "lengths", "weight")},
        "outputs": integer(1),
        "activation": one_of(*ACTIVATIONS),
        "output_activation": one_of(*ACTIVATIONS),
    }

    @property
    def merges(self) -> bool:  # type: ignore[override]
        """Whether it takes first states or lengths beside the sequence."""
        return self.lengths or self.initial == "input"

    def make(self, *shapes: Shape) -> torch.nn.Module:
        features = entrance(self, shapes, self.lengths, self.outputs if self.initial == "input" else None)
        cell = JordanCell((features, self.units, self.outputs), self.activation, self.output_activation, self.weight)
        lengths = ToLengths(repr(self)) if self.lengths else None
        return RecurrentStack([cell], self.output, self.initial, lengths, self.dropout)


class JordanCell(torch.nn.Module):
    """The weights of a Jordan network and its pass over a sequence.

    Parameters
    ----------
    widths : how many features come, how many hidden units and outputs there are.
    activation, output_activation : names of g and f.
    weight : how the weights start.
    """

    def __init__(self, widths: tuple[int, int, int], activation: str, output_activation: str, weight: Start) -> None:
        super().__init__()
        features, units, outputs = widths
        self.input = fresh(torch.nn.Linear, features, units)
        self.feedback = fresh(torch.nn.Linear, outputs, units, bias=False)
        self.readout = fresh(torch.nn.Linear, units, outputs)
        for part in (self.input, self.feedback, self.readout):
            start(part, weight, True)
        self.activation, self.output_activation = activation, output_activation
        self.features, self.sizes = outputs, (outputs,)

    def forward(self, x: Tensor, state: State, keep: Tensor | None = None) -> tuple[Tensor, State]:
        """(batch, steps, features), y (batch, outputs) -> (batch, steps, outputs), y after the last step"""
        g, f = ACTIVATIONS[self.activation], ACTIVATIONS[self.output_activation]
        return walk(lambda u, s: (f(self.readout(g(u + self.feedback(s[0])))),), self.input(x), state, keep)

    def extra_repr(self) -> str:
        """The activations."""
        return f"{self.activation}, {self.output_activation}"
