"""Locally connected layers: windows as in convolution, with weights of their own at every place.

How it is computed, and what it costs: the windows of all places are copied side by side as (places, K, batch),
K = prod(kernel) channels, and one batched matrix product with the weights (places, filters, K) gives all outputs. The
copy, batch * places * K numbers, is what the layer keeps for the backward pass: prod(kernel) / prod(stride) times its
input. The multiply-accumulates are those of `Conv`, places * filters * K for each sample; the parameters are `places`
times as many.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.validation import Constraint, boolean, integer, one_of
from netwright.core.value import value
from netwright.graph import Layer, Shape, Sliding
from netwright.layers.dense import WEIGHTS, Start, settle, start
from netwright.layers.init import Constant, HeNormal, InitRule
from netwright.layers.space.built_size import expect_size
from netwright.layers.space.windows import (
    Pads,
    PerAxis,
    amounts_or_pairs,
    channels_and_space,
    expect_exact,
    expect_room,
    flat,
    padding_of,
    sizes,
    window_of,
)


@value("layer")
class LocallyConnected(Layer):
    """A convolution whose weights are not shared: y_f[i] = b_f[i] + sum_c sum_k W_fc[i, k] x_c[i S + k D - start].

    For inputs whose places mean different things, such as aligned faces. With equal weights at all places it is `Conv`.

    Parameters
    ----------
    filters : number of output channels, >= 1.
    kernel : size F of the window, one integer >= 1 for all space axes or one for each.
    stride : step S of the window, likewise.
    padding : zeros around the input, as in `Conv`: "valid", "same", "full", an integer, one integer for each axis, or
        one (start, end) pair for each axis.
    dilation : distance D of neighbouring kernel elements, one integer >= 1 or one for each axis.
    weight : how the kernels start, an initialisation rule or a number; every place is a convolution of its own to it.
    bias : True (starts at zero), False (none), or how it starts; one for each filter and place.
    exact : whether an input is refused on which the stride leaves places over, as in `Conv`.

    Shapes
    ------
    (channels, *space) -> (filters, *places), places = floor((I + start + end - (F - 1) D - 1) / S) + 1

    The module's `weight` is (places filters, kernel channels): row p filters + f belongs to filter f at place p, the
    places being counted with the last axis fastest; `bias` is (places filters,).

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4, options for another number of axes, a window
        that does not fit, with `exact` places that are left over.
    InvalidData : when the module runs on another size than it was built for.
    InvalidParameter : options out of range.

    Examples
    --------
    >>> from netwright.layers import Input, LocallyConnected
    >>> (Input(3, 32, 32) >> LocallyConnected(64, 3)).summary().parameters  # 30 x 30 x 64 x (3 x 3 x 3 + 1)
    1612800

    References
    ----------
    LeCun, *Generalization and network design strategies*, 1989.
    Taigman, Yang, Ranzato, Wolf, *DeepFace: closing the gap to human-level performance in face verification*, 2014.
    """

    filters: int
    kernel: PerAxis
    stride: PerAxis = 1
    padding: str | PerAxis | tuple[tuple[int, int], ...] = "valid"
    dilation: PerAxis = 1
    weight: Start = HeNormal()
    bias: Start = True
    exact: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "filters": integer(1),
        "kernel": sizes,
        "stride": sizes,
        "padding": one_of("valid", "same", "full") | amounts_or_pairs,
        "dilation": sizes,
        **WEIGHTS,
        "exact": boolean,
    }

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        channels, space = channels_and_space(self, shapes)
        kernel, stride, dilation, effective = window_of(self, shapes)
        pads = padding_of(self, self.padding, shapes, effective, stride)
        expect_room(self, shapes, effective, pads, dilation)
        if self.exact:
            expect_exact(self, shapes, effective, stride, pads)
        places = tuple(
            (i + first + last - e) // s + 1
            for i, (first, last), e, s in zip(space, pads, effective, stride, strict=True)
        )
        window = Sliding(kernel, stride, tuple(first for first, _ in pads), tuple(last for _, last in pads), dilation)
        module = UnsharedConv(repr(self), space, channels, self.filters, places, window, self.bias is not False)
        start(module, Constant(0.0), self.bias)
        assert isinstance(self.weight, InitRule)  # settled
        _fill_places(self.weight, module.weight, (self.filters, channels, *kernel))
        return module


class UnsharedConv(torch.nn.Module):
    """Sliding windows with weights of their own at every place, (places filters, kernel channels).

    Weights and biases have two axes and one, the units in front, as everywhere: penalties and norms go by that.

    Parameters
    ----------
    layer : how an error names the layer.
    space, channels : of the input.
    filters, places : of the output.
    sliding : the windows.
    bias : whether there are biases.
    """

    def __init__(
        self, layer: str, space: Shape, channels: int, filters: int, places: Shape, sliding: Sliding, bias: bool
    ) -> None:
        super().__init__()
        self.layer, self.space = layer, space
        self.channels, self.filters, self.places, self.sliding = channels, filters, places, sliding
        self.pads: Pads = tuple(zip(sliding.start, sliding.end, strict=True))
        units = math.prod(places) * filters
        self.weight = torch.nn.Parameter(torch.empty(units, math.prod(sliding.kernel) * channels))
        self.bias = torch.nn.Parameter(torch.empty(units)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, *space) -> (batch, filters, *places)"""
        expect_size(self.layer, x, self.space, "weights for each place")
        windows = self._windows(x)  # (places, kernel channels, batch)
        weight = self.weight.view(windows.shape[0], self.filters, windows.shape[1])
        if self.bias is None:
            y = torch.bmm(weight, windows)  # (places, filters, batch)
        else:
            y = torch.baddbmm(self.bias.view(windows.shape[0], self.filters, 1), weight, windows)
        return y.permute(2, 1, 0).unflatten(2, self.places)

    def _windows(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, *space) -> (places, kernel channels, batch)"""
        if any(map(any, self.pads)):
            x = torch.nn.functional.pad(x, flat(self.pads))
        x = x.permute(*range(2, x.ndim), 1, 0).contiguous()  # (*space, channels, batch): pieces are copied in one go
        axes = list(zip(self.places, self.sliding.stride, self.sliding.dilation, strict=True))
        pieces = [
            x[tuple(slice(k * d, k * d + (n - 1) * s + 1, s) for k, (n, s, d) in zip(element, axes, strict=True))]
            for element in itertools.product(*map(range, self.sliding.kernel))
        ]
        return torch.cat(pieces, dim=-2).flatten(0, -3)

    def extra_repr(self) -> str:
        """Channels, filters, and the windows."""
        return (
            f"{self.channels}, {self.filters}, places={self.places}, kernel={self.sliding.kernel}, "
            f"stride={self.sliding.stride}, dilation={self.sliding.dilation}, pads={self.pads}, "
            f"bias={self.bias is not None}"
        )


def _fill_places(rule: InitRule, weight: torch.Tensor, shape: Shape) -> None:
    """Fill a weight (places filters, kernel channels) place by place, each as a convolution's of the shape given."""
    one = torch.empty(shape, dtype=weight.dtype, device=weight.device)
    for rows in weight.detach().split(shape[0])[: 1 if weight.is_meta else None]:
        rows.copy_(rule.fill_(one).movedim(1, -1).flatten(1))
