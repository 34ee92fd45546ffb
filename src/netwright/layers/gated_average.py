"""The gated average: of a bag of vectors by learned gates, or of several inputs by gates that another one gives.

    y = sum_i g_i x_i / sum_i g_i

=============== ============================================ =====================================
form            the x_i                                      the g_i
=============== ============================================ =====================================
bag of vectors  the steps of one input (steps, features)     sigmoid(w . x_i + b), w and b learned
``gate=j``      inputs of one shape, side by side            input j, of the shape (n,)
=============== ============================================ =====================================

With ``normalize=False`` the sum alone, y = sum_i g_i x_i. In the learned form the normalised gates are computed as the
softmax of log sigmoid(w . x_i + b), which is the same and holds where all gates are too small to be numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, boolean, integer, nothing
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse
from netwright.layers.dense import WEIGHTS, Start, fresh, settle, start
from netwright.layers.init import XavierUniform
from netwright.layers.lengths import ToLengths, sequence, valid


@value("layer")
class GatedAverage(Layer):
    """The mean of several vectors, each with a gate as its weight: y = sum_i g_i x_i / sum_i g_i.

    Of one input (steps, features) it averages the steps, with learned gates g_t = sigmoid(w . x_t + b); their order
    does not matter. With `lengths` only the first n steps of each sample count, whatever stands behind them, NaN and
    infinity included, and a sample without any gives 0. With `gate` it stands behind branches, and the branch of that
    number gives the gates of the others: numbers >= 0, such as ``Softmax(n)`` or ``Sigmoid(n)``. Gates that are all 0
    give 0.

    Parameters
    ----------
    gate : which input holds the gates, counted from 0; None: they are learned, of one input.
    normalize : whether the sum is divided by that of the gates.
    lengths : whether the number of valid steps of each sample comes as a second input (1,); not with `gate`.
    weight : how w starts, an initialisation rule or a number; not with `gate`.
    bias : True (starts at zero), False (none), or how it starts; not with `gate`.

    Shapes
    ------
    (steps, features) -> (features,); with `lengths` (steps, features), (1,) -> (features,); with `gate` (n,) and n
    inputs of one shape -> that shape

    Raises
    ------
    JoinError : an input that is not (steps, features), with `lengths` a second one that is not (1,); with `gate` fewer
        than two inputs, inputs of unequal shapes, gates that are not (n,).
    InvalidData : when it runs on the CPU on a length that is no integer in 0 ... steps.
    InvalidParameter : options out of range, `lengths`, `weight` or `bias` with `gate`.

    Examples
    --------
    >>> from netwright.layers import GatedAverage, Input, ReLU, Softmax
    >>> (Input(20, 16) >> GatedAverage()).summary().parameters  # w and b
    17
    >>> (Input(8) >> (Softmax(2) | ReLU(5) | ReLU(5)) >> GatedAverage(gate=0)).output_shape
    (5,)

    References
    ----------
    Jacobs, Jordan, Nowlan, Hinton, *Adaptive mixtures of local experts*, 1991.
    """

    gate: int | None = None
    normalize: bool = True
    lengths: bool = False
    _: KW_ONLY
    weight: Start = XavierUniform()
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "gate": integer(0) | nothing,
        "normalize": boolean,
        "lengths": boolean,
        **WEIGHTS,
    }

    @property
    def merges(self) -> bool:  # type: ignore[override]
        """Whether it takes several inputs: gates and what they weight, or a sequence and its length."""
        return self.gate is not None or self.lengths

    def __post_init__(self) -> None:
        settle(self)
        learned = {"lengths": False, "weight": XavierUniform(), "bias": True}
        for name, default in learned.items():
            if self.gate is not None and getattr(self, name) != default:
                got, remedy = f"{name}={getattr(self, name)!r}", "It belongs to the form that learns its gates."
                raise InvalidParameter(problem(f"GatedAverage({name})", f"{default!r} with a gate", got, remedy))

    def make(self, *shapes: Shape) -> torch.nn.Module:
        if self.gate is not None:
            self._expect_gates(self.gate, shapes)
            return GivenGates(self.gate, self.normalize)
        _, features = sequence(self, shapes, self.lengths)
        linear = fresh(torch.nn.Linear, features, 1, bias=self.bias is not False)
        start(linear, self.weight, self.bias)
        return LearnedGates(linear, self.normalize, ToLengths(repr(self)) if self.lengths else None)

    def _expect_gates(self, gate: int, shapes: tuple[Shape, ...]) -> None:
        count = len(shapes) - 1
        if count < 1 or gate > count:
            least = max(gate, 1) + 1
            remedy = f"Put it behind branches: (Softmax(n) | a | b ...) >> {GatedAverage(gate=0)!r}."
            raise refuse(self, f"at least {least} inputs, of which number {gate} (from 0) is the gate", shapes, remedy)
        others = shapes[:gate] + shapes[gate + 1 :]
        if len(set(others)) > 1:
            remedy = "Give the branches the same shape, for instance by Conv(channels, 1) or Linear(units)."
            raise refuse(self, f"inputs of one shape beside the gate, number {gate} (from 0)", shapes, remedy)
        if shapes[gate] != (count,):
            remedy = f"End its branch in Softmax({count}) or Sigmoid({count})."
            raise refuse(self, f"a gate ({count},) as input {gate} (from 0), one for each other input", shapes, remedy)


class GivenGates(torch.nn.Module):
    """The gated average of a tuple of tensors, of which one holds the gates.

    Parameters
    ----------
    gate : which one.
    normalize : whether the sum is divided by that of the gates.
    """

    def __init__(self, gate: int, normalize: bool) -> None:
        super().__init__()
        self.gate = gate
        self.normalize = normalize

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """(batch, n) among n x (batch, *shape) -> (batch, *shape)"""
        gates = inputs[self.gate]
        if self.normalize:
            total = gates.sum(1, keepdim=True)
            gates = gates / total.masked_fill(total == 0, 1.0)
        others = inputs[: self.gate] + inputs[self.gate + 1 :]
        each = gates.t().reshape(len(others), -1, *[1] * (others[0].ndim - 1))  # (n, batch, 1, ...)
        y = each[0] * others[0]
        for g, x in zip(each[1:], others[1:], strict=True):
            y = torch.addcmul(y, g, x)
        return y

    def extra_repr(self) -> str:
        """The options."""
        return f"gate={self.gate}, normalize={self.normalize}"


class LearnedGates(torch.nn.Module):
    """The gated average of the steps of a sequence, the gates being the sigmoid of an affine map of each.

    Parameters
    ----------
    linear : the affine map.
    normalize : whether the sum is divided by that of the gates.
    to_lengths : checks lengths and makes integers of them; None: there is one input, all of whose steps count.
    """

    def __init__(self, linear: torch.nn.Linear, normalize: bool, to_lengths: ToLengths | None) -> None:
        super().__init__()
        self.linear = linear
        self.normalize = normalize
        self.to_lengths = to_lengths

    def forward(self, inputs: torch.Tensor | tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """(batch, steps, features), with lengths (batch, 1) behind it -> (batch, features)"""
        if isinstance(inputs, torch.Tensor):
            return self._average(inputs, None)
        assert self.to_lengths is not None
        x, given = inputs
        lengths = self.to_lengths(given, x.shape[1])
        behind = ~valid(lengths, x.shape[1])[:, :, None]
        # a sample without steps averages the zeros that its padding is replaced by, not nothing at all
        return self._average(x.masked_fill(behind, 0.0), behind & (lengths > 0)[:, None, None])

    def _average(self, x: torch.Tensor, left_out: torch.Tensor | None) -> torch.Tensor:
        """Weights that are left out become 0; what they weight must be 0 already."""
        scores = self.linear(x)  # (batch, steps, 1)
        if not self.normalize:
            return (torch.sigmoid(scores).transpose(1, 2) @ x).squeeze(1)
        scores = torch.nn.functional.logsigmoid(scores)
        if left_out is not None:
            scores = scores.masked_fill(left_out, -torch.inf)
        return (scores.softmax(1).transpose(1, 2) @ x).squeeze(1)

    def extra_repr(self) -> str:
        """The option."""
        return f"normalize={self.normalize}"
