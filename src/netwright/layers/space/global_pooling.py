"""Pooling over all of space, and over time: one value for each channel, or for each feature.

========= ===================== =============================================================
kind      y                     over
========= ===================== =============================================================
"avg"     sum_i x_i / n         places (`GlobalPool`) or steps (`TimePool`), n of them
"max"     max_i x_i             likewise
"sum"     sum_i x_i             likewise
"l2"      sqrt(sum_i x_i^2)     likewise; its gradient where all x_i are 0 is 0
"last"    x_{n-1}               steps
========= ===================== =============================================================
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from netwright.core.validation import Constraint, boolean, one_of
from netwright.core.value import value
from netwright.graph import Layer, Shape
from netwright.layers.lengths import ToLengths, sequence, valid
from netwright.layers.space.windows import channels_and_space

_MAX: dict[int, Any] = {
    1: torch.nn.AdaptiveMaxPool1d,
    2: torch.nn.AdaptiveMaxPool2d,
    3: torch.nn.AdaptiveMaxPool3d,
}
_AVERAGE: dict[int, Any] = {
    1: torch.nn.AdaptiveAvgPool1d,
    2: torch.nn.AdaptiveAvgPool2d,
    3: torch.nn.AdaptiveAvgPool3d,
}


@value("layer")
class GlobalPool(Layer):
    """One value for each channel, over all space axes: y_c = mean_i x_c[i], or the largest, the sum, the L2 norm.

    Parameters
    ----------
    kind : "avg", "max", "sum" or "l2", y_c = sqrt(sum_i x_c[i]^2).

    Shapes
    ------
    (channels, *space) -> (channels,)

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4.
    InvalidParameter : an unknown kind.

    Examples
    --------
    >>> from netwright.layers import GlobalPool, Input
    >>> (Input(64, 7, 7) >> GlobalPool()).output_shape
    (64,)

    References
    ----------
    Lin, Chen, Yan, *Network in network*, 2014.
    """

    kind: str = "avg"

    constraints: ClassVar[Mapping[str, Constraint]] = {"kind": one_of("avg", "max", "sum", "l2")}

    def make(self, *shapes: Shape) -> torch.nn.Module:
        _, space = channels_and_space(self, shapes)
        if self.kind == "sum":
            return SpaceSum()
        if self.kind == "l2":
            return SpaceNorm()
        pools = _AVERAGE if self.kind == "avg" else _MAX
        return torch.nn.Sequential(OrderedDict(pool=pools[len(space)](1), flatten=torch.nn.Flatten()))


@value("layer")
class TimePool(Layer):
    """One value for each feature, over the steps of a sequence: y_f = max_t x_t,f, or the mean, sum, L2 norm, last.

    With `lengths` it has two inputs, the sequence and the number n of its valid steps: only the steps t < n enter,
    whatever stands behind them, NaN and infinity included. A sequence of length 0 gives 0 for every kind. On a GPU,
    where a look at the values would make the program wait, lengths are not checked. Behind Conv, whose output is
    (channels, length), Transpose() makes it (steps, features) first.

    Parameters
    ----------
    kind : "max", "avg", "sum", "l2" (y_f = sqrt(sum_t x_t,f^2)) or "last" (the last valid step).
    lengths : whether the number of valid steps of each sample comes as a second input (1,).

    Shapes
    ------
    (steps, features) -> (features,); with `lengths` (steps, features), (1,) -> (features,)

    Raises
    ------
    JoinError : an input that is not (steps, features), with `lengths` a second one that is not (1,).
    InvalidData : when it runs on the CPU on a length that is no integer in 0 ... steps.
    InvalidParameter : an unknown kind.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Conv, Input, TimePool, Transpose
    >>> module = ((Input(3, 1) | Input(1)) >> TimePool("avg", lengths=True)).build()
    >>> module(torch.tensor([[[1.0], [3.0], [float("nan")]]]), torch.tensor([[2.0]]))
    tensor([[2.]])
    >>> (Input(8, 50) >> Conv(16, 5) >> Transpose() >> TimePool()).output_shape
    (16,)

    References
    ----------
    Collobert, Weston, Bottou, Karlen, Kavukcuoglu, Kuksa, *Natural language processing (almost) from scratch*, 2011.
    """

    kind: str = "max"
    lengths: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "kind": one_of("max", "avg", "sum", "l2", "last"),
        "lengths": boolean,
    }

    @property
    def merges(self) -> bool:  # type: ignore[override]
        """Whether it takes the lengths as a second input."""
        return self.lengths

    def make(self, *shapes: Shape) -> torch.nn.Module:
        sequence(self, shapes, self.lengths)
        return OverValidSteps(self.kind, ToLengths(repr(self))) if self.lengths else OverSteps(self.kind)


class SpaceSum(torch.nn.Module):
    """The sum over all axes behind the channels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, *space) -> (batch, channels)"""
        return x.flatten(2).sum(-1)


class SpaceNorm(torch.nn.Module):
    """The square root of the sum of squares over all axes behind the channels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, *space) -> (batch, channels)"""
        norm: torch.Tensor = torch.linalg.vector_norm(x.flatten(2), dim=-1)
        return norm


class OverSteps(torch.nn.Module):
    """One value for each feature over all steps.

    Parameters
    ----------
    kind : "max", "avg", "sum", "l2" or "last".
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, steps, features) -> (batch, features)"""
        if self.kind == "last":
            return x[:, -1]
        return x.mean(1) if self.kind == "avg" else _reduce(x, self.kind)

    def extra_repr(self) -> str:
        """The kind."""
        return self.kind


class OverValidSteps(torch.nn.Module):
    """One value for each feature over the valid steps; 0 where there are none.

    Parameters
    ----------
    kind : "max", "avg", "sum", "l2" or "last".
    to_lengths : checks the lengths and makes integers of them.
    """

    def __init__(self, kind: str, to_lengths: ToLengths) -> None:
        super().__init__()
        self.kind = kind
        self.to_lengths = to_lengths

    def forward(self, inputs: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """(batch, steps, features), (batch, 1) -> (batch, features)"""
        x, given = inputs
        lengths = self.to_lengths(given, x.shape[1])[:, None]  # (batch, 1)
        empty = lengths == 0
        if self.kind == "last":
            step = (lengths - 1).clamp(min=0)[:, :, None].expand(-1, 1, x.shape[2])
            return x.gather(1, step).squeeze(1).masked_fill(empty, 0.0)
        behind = ~valid(lengths[:, 0], x.shape[1])[:, :, None]
        if self.kind == "max":
            return _reduce(x.masked_fill(behind, -torch.inf), "max").masked_fill(empty, 0.0)
        x = x.masked_fill(behind, 0.0)
        return x.sum(1) / lengths.clamp(min=1).to(x.dtype) if self.kind == "avg" else _reduce(x, self.kind)

    def extra_repr(self) -> str:
        """The kind."""
        return self.kind


def _reduce(x: torch.Tensor, kind: str) -> torch.Tensor:
    """The largest, the sum or the norm over the steps: (batch, steps, features) -> (batch, features)."""
    if kind == "max":  # the gradient of adaptive pooling goes to one step, that of amax is slower
        return torch.nn.functional.adaptive_max_pool1d(x.transpose(1, 2), 1).squeeze(-1)
    result: torch.Tensor = x.sum(1) if kind == "sum" else torch.linalg.vector_norm(x, dim=1)
    return result
