"""Highway blocks: gates say how much of a block and how much of its input goes on.

    T = sigmoid(W_T x + b_T)       the transform gate, b_T about -2: at first the input is carried
    C = 1 - T                      the carry gate, or one of its own: C = sigmoid(W_C x - b_T)
    y = H(x) T + x C

The gates are of the kind that the input asks for: fully connected on (features,) and on each step of (steps, features),
a convolution on (channels, *space), which as in the paper looks as far as a usual H, by a kernel of 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.errors import LONG, JoinError, problem, shown
from netwright.core.validation import Constraint, integer, nothing, number, one_of
from netwright.core.value import value
from netwright.graph import Block, Expression, Layer, Shape, refuse
from netwright.layers.activation import Sigmoid
from netwright.layers.blocks.parts import beside, is_sequence, one_output, open_network, padded, planned
from netwright.layers.init import XavierUniform
from netwright.layers.shape import Identity
from netwright.layers.space.convolution import Conv


@value("layer")
class Highway(Block):
    """A block and its input, mixed by learned gates: y = H(x) T(x) + x C(x), C = 1 - T.

    It is ``(block | Identity() | gate) >> GatedSum()``. The gate is Sigmoid(features) for (features,) and (steps,
    features), and Conv(channels, kernel, padding="same") >> Sigmoid() for (channels, *space). Inputs of rank 2 are
    (steps, features) to a block with layers of units and without windows that slide, else (channels, length).

    Parameters
    ----------
    block : H, a layer or an open network that keeps the shape.
    carry : None: C = 1 - T. "free": C is a gate with weights of its own and starts like the other, with bias -`bias`.
    bias : where the bias of the gate T starts, a number; -2 lets 12 % of H and 88 % of the input pass.
    kernel : size of the window of convolutional gates, an integer >= 1.

    Shapes
    ------
    (features,), (steps, features) or (channels, *space), kept

    Raises
    ------
    JoinError : a block that does not keep the shape.
    InvalidParameter : options out of range, a network with `Input`.

    Examples
    --------
    >>> from netwright.layers import Highway, Input, Softmax, Tanh
    >>> net = Input(50) >> Highway(Tanh(50)) >> Highway(Tanh(50)) >> Softmax(10)
    >>> sum(row.parameters for row in net.summary().rows if row.path.startswith("highway1"))  # 2 x 50 x (50 + 1)
    5100

    References
    ----------
    Srivastava, Greff, Schmidhuber, *Training very deep networks*, 2015.
    """

    block: Expression
    carry: str | None = None
    bias: float = -2.0
    kernel: int = 3

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "block": open_network,
        "carry": nothing | one_of("free"),
        "bias": number(),
        "kernel": integer(1),
    }

    def expand(self, shape: Shape) -> Expression:
        plan = planned(self.block, shape)
        if plan is not None and one_output(self, "block", plan) != shape:
            gives = plan.output_shapes[0]
            got = f"{gives} from the block and {shape} from the input"
            raise JoinError(problem(shown(self, LONG), "a block that keeps the shape", got, self._remedy(shape, gives)))
        dense = len(shape) == 1 or is_sequence(plan, shape)
        transform = self._gate(shape, dense, self.bias)
        if self.carry is None:
            return beside(self.block, Identity(), transform) >> GatedSum()
        return beside(self.block, Identity(), transform, self._gate(shape, dense, -self.bias)) >> GatedSum()

    def _gate(self, shape: Shape, dense: bool, bias: float) -> Expression:
        if dense:
            return Sigmoid(shape[-1], bias=bias)
        return Conv(shape[0], self.kernel, padding="same", weight=XavierUniform(), bias=bias) >> Sigmoid()

    def _remedy(self, shape: Shape, gives: Shape) -> str:
        block = padded(self.block)
        plan = planned(block, shape)
        if plan is not None and plan.output_shapes == (shape,):
            return f"With padding, the block {shown(block)} would keep it."
        return f"Let it end in {shape}, or use Residual(block), which projects the input to {gives}."


@value("layer")
class GatedSum(Layer):
    """Two inputs, each times its gate, element by element: y = a t + b (1 - t), or a t + b c.

    Its inputs are a, b, t and, where the second gate is free, c, in this order. With three inputs it interpolates: y
    is a where t = 1 and b where t = 0.

    Shapes
    ------
    3 or 4 inputs of one shape -> that shape

    Raises
    ------
    JoinError : another number of inputs, or inputs of unequal shapes (they are not broadcast).

    Examples
    --------
    >>> from netwright.layers import GatedSum, Identity, Input, ReLU, Sigmoid
    >>> (Input(4) >> (ReLU(4) | Identity() | Sigmoid(4)) >> GatedSum()).output_shape
    (4,)

    References
    ----------
    Srivastava, Greff, Schmidhuber, *Training very deep networks*, 2015.
    """

    merges: ClassVar[bool] = True

    def make(self, *shapes: Shape) -> torch.nn.Module:
        if len(shapes) not in (3, 4):
            remedy = f"Put it behind branches: (a | b | gate) >> {self!r}."
            raise refuse(self, "two inputs and one gate or two", shapes, remedy)
        if len(set(shapes)) > 1:
            remedy = "Let the gates have a value for each element of the inputs."
            raise refuse(self, "inputs and gates of one shape", shapes, remedy)
        return Gates()


class Gates(torch.nn.Module):
    """Two tensors by one gate or by two."""

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """(a, b, t) or (a, b, t, c), each (batch, *shape) -> (batch, *shape)"""
        a, b, t = inputs[:3]
        if len(inputs) == 4:
            return a * t + b * inputs[3]
        alike = a.dtype == b.dtype == t.dtype  # under autocast a and t come in its format, b as it is
        return torch.lerp(b, a, t) if alike else b + t * (a - b)
