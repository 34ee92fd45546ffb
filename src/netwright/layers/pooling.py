"""Pooling over windows and over all of space, in 1-D, 2-D and 3-D: the rank of the input decides.

The places of windows are those of `netwright.layers.windows`. Padding never enters a maximum, nor a mean unless asked:
a mean near the border is that of the values that are there. Where "same" is uneven (end = start + 1) torch's even
padding still does it: with a stride above 1 by `start` and ``ceil_mode``, which lets the last window hang over the end
by the place that is missing; with stride 1 by `end`, and the first place is cropped.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, boolean, nothing, one_of
from netwright.core.value import value
from netwright.graph import Layer, Shape
from netwright.layers.windows import (
    Pads,
    PerAxis,
    amounts,
    channels_and_space,
    expect_room,
    padding_of,
    per_axis,
    sizes,
)

_MAX: dict[int, Any] = {1: torch.nn.MaxPool1d, 2: torch.nn.MaxPool2d, 3: torch.nn.MaxPool3d}
_AVERAGE: dict[int, Any] = {1: torch.nn.AvgPool1d, 2: torch.nn.AvgPool2d, 3: torch.nn.AvgPool3d}
_PADS: dict[int, Any] = {1: torch.nn.ConstantPad1d, 2: torch.nn.ConstantPad2d, 3: torch.nn.ConstantPad3d}
_GLOBAL_MAX: dict[int, Any] = {
    1: torch.nn.AdaptiveMaxPool1d,
    2: torch.nn.AdaptiveMaxPool2d,
    3: torch.nn.AdaptiveMaxPool3d,
}
_GLOBAL_AVERAGE: dict[int, Any] = {
    1: torch.nn.AdaptiveAvgPool1d,
    2: torch.nn.AdaptiveAvgPool2d,
    3: torch.nn.AdaptiveAvgPool3d,
}

_WINDOW: Mapping[str, Constraint] = {
    "size": sizes,
    "stride": sizes | nothing,
    "padding": one_of("valid", "same") | amounts,
    "ceil": boolean,
}


@value("layer")
class MaxPool(Layer):
    """The largest value of each window: y_c[i] = max_k x_c[i S + k - start], k = 0 ... F - 1.

    Parameters
    ----------
    size : size F of the window, one integer >= 1 for all space axes or one for each.
    stride : step S of the window; None is the size itself, so that windows do not overlap.
    padding : places around the input that count as minus infinity. "valid": none. "same": ceil(I / S) windows.
        Or an integer, or one for each axis, at most half the size.
    ceil : whether a last window may hang over the end, when the stride does not divide.

    Shapes
    ------
    (channels, *space) -> (channels, *places), places = floor((I + 2 padding - F) / S) + 1, rounded up with `ceil`

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4, options for another number of axes, a window
        that does not fit.
    InvalidParameter : options out of range, padding of more than half the size.

    Examples
    --------
    >>> from netwright.layers import Input, MaxPool
    >>> (Input(8, 28, 28) >> MaxPool(2)).output_shape, (Input(8, 7) >> MaxPool(3, 2, "same")).output_shape
    ((8, 14, 14), (8, 4))

    References
    ----------
    Scherer, Mueller, Behnke, *Evaluation of pooling operations in convolutional architectures for object
    recognition*, 2010.
    """

    size: PerAxis
    stride: PerAxis | None = None
    padding: str | PerAxis = "valid"
    ceil: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = _WINDOW

    def __post_init__(self) -> None:
        _expect_half("MaxPool", self.size, self.padding)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        kernel, stride, pads = _windows(self, shapes)
        padding, crop = _even(pads, stride)
        ceil = self.ceil or self.padding == "same"
        return _cropped(_MAX[len(kernel)](kernel, stride, padding, ceil_mode=ceil), crop)


@value("layer")
class AvgPool(Layer):
    """The mean of each window: y_c[i] = sum_k x_c[i S + k - start] / n_i, k = 0 ... F - 1.

    n_i is the number of values in window i that are there, or, with `count_padding`, of those and the zeros around.

    Parameters
    ----------
    size : size F of the window, one integer >= 1 for all space axes or one for each.
    stride : step S of the window; None is the size itself, so that windows do not overlap.
    padding : "valid": none. "same": ceil(I / S) windows. Or an integer, or one for each axis, at most half the size.
    ceil : whether a last window may hang over the end, when the stride does not divide.
    count_padding : whether padding enters the mean, as zeros.

    Shapes
    ------
    (channels, *space) -> (channels, *places), places = floor((I + 2 padding - F) / S) + 1, rounded up with `ceil`

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4, options for another number of axes, a window
        that does not fit.
    InvalidParameter : options out of range, padding of more than half the size.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import AvgPool, Input
    >>> (Input(1, 4) >> AvgPool(3, 1, "same")).build()(torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]))
    tensor([[[1.5000, 2.0000, 3.0000, 3.5000]]])

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, 1998.
    """

    size: PerAxis
    stride: PerAxis | None = None
    padding: str | PerAxis = "valid"
    ceil: bool = False
    count_padding: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {**_WINDOW, "count_padding": boolean}

    def __post_init__(self) -> None:
        _expect_half("AvgPool", self.size, self.padding)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        kernel, stride, pads = _windows(self, shapes)
        pool = _AVERAGE[len(kernel)]
        if self.padding == "same" and self.count_padding:
            zeros = _PADS[len(kernel)]([amount for pair in reversed(pads) for amount in pair], 0.0)
            return torch.nn.Sequential(OrderedDict(pad=zeros, pool=pool(kernel, stride)))
        padding, crop = _even(pads, stride)
        ceil = self.ceil or self.padding == "same"
        made = pool(kernel, stride, padding, ceil_mode=ceil, count_include_pad=self.count_padding)
        return _cropped(made, crop)


@value("layer")
class GlobalPool(Layer):
    """One value for each channel, over all space axes: y_c = mean_i x_c[i], or the largest, or the sum.

    Parameters
    ----------
    kind : "avg", "max" or "sum".

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

    constraints: ClassVar[Mapping[str, Constraint]] = {"kind": one_of("avg", "max", "sum")}

    def make(self, *shapes: Shape) -> torch.nn.Module:
        _, space = channels_and_space(self, shapes)
        if self.kind == "sum":
            return SpaceSum()
        pools = _GLOBAL_AVERAGE if self.kind == "avg" else _GLOBAL_MAX
        return torch.nn.Sequential(OrderedDict(pool=pools[len(space)](1), flatten=torch.nn.Flatten()))


class SpaceSum(torch.nn.Module):
    """The sum over all axes behind the channels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, *space) -> (batch, channels)"""
        return x.flatten(2).sum(-1)


def _windows(layer: MaxPool | AvgPool, shapes: tuple[Shape, ...]) -> tuple[Shape, Shape, Pads]:
    """Window, stride and padding of a pool for each space axis."""
    channels_and_space(layer, shapes)
    kernel = per_axis(layer, "size", layer.size, shapes)
    stride = kernel if layer.stride is None else per_axis(layer, "stride", layer.stride, shapes)
    pads = padding_of(layer, layer.padding, shapes, kernel, stride)
    expect_room(layer, shapes, kernel, pads)
    return kernel, stride, pads


def _even(pads: Pads, stride: Shape) -> tuple[Shape, Shape]:
    """Even padding for each axis, and how many places to crop in front, that together do what `pads` says."""
    crop = tuple(int(first != last and step == 1) for (first, last), step in zip(pads, stride, strict=True))
    return tuple(last if cut else first for (first, last), cut in zip(pads, crop, strict=True)), crop


def _cropped(pool: torch.nn.Module, crop: Shape) -> torch.nn.Module:
    """The pool, and behind it a padding by minus the places to crop."""
    if not any(crop):
        return pool
    amounts = [amount for cut in reversed(crop) for amount in (-cut, 0)]
    return torch.nn.Sequential(OrderedDict(pool=pool, crop=_PADS[len(crop)](amounts, 0.0)))


def _expect_half(owner: str, size: PerAxis, padding: str | PerAxis) -> None:
    if isinstance(padding, str):
        return
    windows = (size,) if isinstance(size, int) else size
    borders = (padding,) if isinstance(padding, int) else padding
    rank = max(len(windows), len(borders))
    pairs = zip(windows * (rank // len(windows)), borders * (rank // len(borders)), strict=False)
    if any(2 * border > window for window, border in pairs):
        got = f"padding {padding} for size {size}"
        raise InvalidParameter(problem(f"{owner}(padding)", "at most half the size", got, 'Use less, or "same".'))
