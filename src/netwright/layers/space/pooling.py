"""Pooling over windows, in 1-D, 2-D and 3-D: the rank of the input decides.

The places are those of `netwright.layers.space.windows`. Padding never enters a maximum, nor a mean unless asked:
a mean near the border is that of the values that are there. Where "same" is uneven (end = start + 1) torch's even
padding still does it: with a stride above 1 by `start` and ``ceil_mode``, which lets the last window hang over the end
by the place that is missing; with stride 1 by `end`, and the first place is cropped.

Windows overlap where the stride is less than the size: ``MaxPool(3, 2)``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, boolean, nothing, one_of
from netwright.core.value import value
from netwright.graph import Layer, Shape, Sliding
from netwright.layers.space.built_size import padded_alike
from netwright.layers.space.windows import (
    Pads,
    PerAxis,
    amounts,
    channels_and_space,
    expect_exact,
    expect_room,
    padding_of,
    per_axis,
    sizes,
    zeros_around,
)

_MAX: dict[int, Any] = {1: torch.nn.MaxPool1d, 2: torch.nn.MaxPool2d, 3: torch.nn.MaxPool3d}
_AVERAGE: dict[int, Any] = {1: torch.nn.AvgPool1d, 2: torch.nn.AvgPool2d, 3: torch.nn.AvgPool3d}
_WINDOW: Mapping[str, Constraint] = {
    "size": sizes,
    "stride": sizes | nothing,
    "padding": one_of("valid", "same") | amounts,
    "ceil": boolean,
    "exact": boolean,
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
    exact : whether an input is refused on which the stride leaves places over; not together with `ceil`.

    Shapes
    ------
    (channels, *space) -> (channels, *places), places = floor((I + 2 padding - F) / S) + 1, rounded up with `ceil`

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4, options for another number of axes, a window
        that does not fit, with `exact` places that are left over.
    InvalidData : when a module runs that "same" padded for another size, as in `Conv`.
    InvalidParameter : options out of range, padding of more than half the size, `exact` with `ceil`.

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
    exact: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = _WINDOW

    def __post_init__(self) -> None:
        _expect_options(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        kernel, stride, pads = _windows(self, shapes)
        pool = _MAX[len(kernel)](kernel, stride, _even(pads, stride), ceil_mode=self.ceil or self.padding == "same")
        return _finished(self, pool, shapes, kernel, stride, pads)


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
    exact : whether an input is refused on which the stride leaves places over; not together with `ceil`.

    Shapes
    ------
    (channels, *space) -> (channels, *places), places = floor((I + 2 padding - F) / S) + 1, rounded up with `ceil`

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4, options for another number of axes, a window
        that does not fit, with `exact` places that are left over.
    InvalidData : when a module runs that "same" padded for another size, as in `Conv`.
    InvalidParameter : options out of range, padding of more than half the size, `exact` with `ceil`.

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
    exact: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {**_WINDOW, "count_padding": boolean}

    def __post_init__(self) -> None:
        _expect_options(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        kernel, stride, pads = _windows(self, shapes)
        if self.padding == "same" and self.count_padding:
            pool = torch.nn.Sequential(OrderedDict(pad=zeros_around(pads), pool=_AVERAGE[len(kernel)](kernel, stride)))
            return padded_alike(pool, self, shapes[0][1:], kernel, stride)
        average = SmallVolumeMean if _is_small(shapes[0][1:], kernel) else _AVERAGE[len(kernel)]
        ceil = self.ceil or self.padding == "same"
        made = average(kernel, stride, _even(pads, stride), ceil_mode=ceil, count_include_pad=self.count_padding)
        return _finished(self, made, shapes, kernel, stride, pads)


@value("layer")
class L2Pool(Layer):
    """The square root of the sum of squares of each window: y_c[i] = sqrt(sum_k x_c[i S + k - start]^2).

    Padding enters as zeros, and so does not change the sum. Where a window holds zeros only, the gradient is 0 (any of
    length at most 1 would be a subgradient).

    Parameters
    ----------
    size : size F of the window, one integer >= 1 for all space axes or one for each.
    stride : step S of the window; None is the size itself, so that windows do not overlap.
    padding : zeros around the input. "valid": none. "same": ceil(I / S) windows. Or an integer, or one for each axis,
        at most half the size.
    ceil : whether a last window may hang over the end, when the stride does not divide.
    exact : whether an input is refused on which the stride leaves places over; not together with `ceil`.

    Shapes
    ------
    (channels, *space) -> (channels, *places), places = floor((I + 2 padding - F) / S) + 1, rounded up with `ceil`

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4, options for another number of axes, a window
        that does not fit, with `exact` places that are left over.
    InvalidData : when a module runs that "same" padded for another size, as in `Conv`.
    InvalidParameter : options out of range, padding of more than half the size, `exact` with `ceil`.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Input, L2Pool
    >>> (Input(1, 4) >> L2Pool(2)).build()(torch.tensor([[[3.0, -4.0, 0.0, 0.0]]]))
    tensor([[[5., 0.]]])

    References
    ----------
    Le, Ngiam, Chen, Chia, Koh, Ng, *Tiled convolutional neural networks*, 2010.
    """

    size: PerAxis
    stride: PerAxis | None = None
    padding: str | PerAxis = "valid"
    ceil: bool = False
    exact: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = _WINDOW

    def __post_init__(self) -> None:
        _expect_options(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        kernel, stride, pads = _windows(self, shapes)
        ceil, small = self.ceil or self.padding == "same", _is_small(shapes[0][1:], kernel)
        made = WindowNorm(kernel, stride, _even(pads, stride), ceil, small)
        return _finished(self, made, shapes, kernel, stride, pads)


class WindowNorm(torch.nn.Module):
    """The square root of the sum of squares of each window, with the gradient 0 where that is 0.

    Parameters
    ----------
    kernel, stride, padding : one number for each space axis.
    ceil : whether a last window may hang over the end.
    small : whether it is for volumes that are smaller than a window.
    """

    def __init__(self, kernel: Shape, stride: Shape, padding: Shape, ceil: bool, small: bool) -> None:
        super().__init__()
        self.line = len(kernel) == 1  # torch's pool of one axis cannot sum: a line is an image of one row
        if self.line:
            kernel, stride, padding = (1, *kernel), (1, *stride), (0, *padding)
        pool = SmallVolumeMean if small else _AVERAGE[len(kernel)]
        self.sum = pool(kernel, stride, padding, ceil_mode=ceil, divisor_override=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, *space) -> (batch, channels, *places)"""
        squares = (x.float() if x.dtype.itemsize < 4 else x).square()  # 256^2 is beyond float16
        sums = self.sum(squares.unsqueeze(2)).squeeze(2) if self.line else self.sum(squares)
        zero = (sums == 0).to(sums.dtype)  # the root's gradient is infinite there, at 1 it is not
        return ((sums + zero).sqrt() - zero).to(x.dtype)


class SmallVolumeMean(torch.nn.Module):
    """``torch.nn.AvgPool3d`` for volumes that a window only fits on with their padding, which torch refuses.

    A window is a product of its axes, and so is the number of values in it: it is the mean over depth of the means of
    slices.

    Parameters
    ----------
    kernel, stride, padding : one number for each of the three axes.
    options : ``ceil_mode``, ``count_include_pad`` and, to sum, ``divisor_override=1``, as in torch.
    """

    def __init__(self, kernel: Shape, stride: Shape, padding: Shape, **options: Any) -> None:
        super().__init__()
        self.sliding = Sliding(kernel, stride, padding, padding, (1, 1, 1))
        self.options = options

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, depth, height, width) -> (batch, channels, *places)"""
        (f, *plane), (s, *strides), (p, *pads) = self.sliding.kernel, self.sliding.stride, self.sliding.start
        mean = torch.nn.functional.avg_pool2d
        slices = mean(x.flatten(1, 2), plane, strides, pads, **self.options).unflatten(1, x.shape[1:3])
        places = mean(slices.flatten(3), (f, 1), (s, 1), (p, 0), **self.options)  # depth and all places of a slice
        return places.unflatten(3, slices.shape[3:])

    def extra_repr(self) -> str:
        """The window and torch's options."""
        return ", ".join([str(self.sliding), *(f"{name}={item}" for name, item in self.options.items())])


def _windows(layer: MaxPool | AvgPool | L2Pool, shapes: tuple[Shape, ...]) -> tuple[Shape, Shape, Pads]:
    """Window, stride and padding of a pool for each space axis."""
    channels_and_space(layer, shapes)
    kernel = per_axis(layer, "size", layer.size, shapes)
    stride = kernel if layer.stride is None else per_axis(layer, "stride", layer.stride, shapes)
    pads = padding_of(layer, layer.padding, shapes, kernel, stride)
    hanging = tuple(max(f - s, 0) + 1 for f, s in zip(kernel, stride, strict=True)) if layer.ceil else kernel
    expect_room(layer, shapes, hanging, pads)
    if layer.exact:
        expect_exact(layer, shapes, kernel, stride, pads)
    return kernel, stride, pads


def _is_small(space: Shape, kernel: Shape) -> bool:
    """Whether torch refuses to average an input, though its padding makes room."""
    return len(space) == 3 and any(size < f for size, f in zip(space, kernel, strict=True))


def _crop(pads: Pads, stride: Shape) -> Shape:
    """How many places to crop in front of each axis, behind even padding, that together do what `pads` says."""
    return tuple(int(first != last and step == 1) for (first, last), step in zip(pads, stride, strict=True))


def _even(pads: Pads, stride: Shape) -> Shape:
    """Even padding for each axis; see `_crop`."""
    return tuple(last if cut else first for (first, last), cut in zip(pads, _crop(pads, stride), strict=True))


def _finished(
    layer: MaxPool | AvgPool | L2Pool,
    pool: torch.nn.Module,
    shapes: tuple[Shape, ...],
    kernel: Shape,
    stride: Shape,
    pads: Pads,
) -> torch.nn.Module:
    """The evenly padded pool with what it needs to pad as `pads` says, and to refuse sizes with other padding."""
    crop = _crop(pads, stride)
    if any(crop):
        pool = torch.nn.Sequential(OrderedDict(pool=pool, crop=zeros_around(tuple((-cut, 0) for cut in crop))))
    if layer.padding != "same":
        return pool
    return padded_alike(pool, layer, shapes[0][1:], kernel, stride, ends=False)


def _expect_options(layer: MaxPool | AvgPool | L2Pool) -> None:
    """Refuse padding of more than half the size, and `exact` with `ceil`."""
    owner, size, padding = type(layer).__name__, layer.size, layer.padding
    if layer.exact and layer.ceil:
        remedy = "A last window that hangs over the end leaves nothing over: give one of the two."
        raise InvalidParameter(problem(f"{owner}(exact)", "False with ceil=True", "exact=True, ceil=True", remedy))
    if isinstance(padding, str):
        return
    windows = (size,) if isinstance(size, int) else size
    borders = (padding,) if isinstance(padding, int) else padding
    rank = max(len(windows), len(borders))
    pairs = zip(windows * (rank // len(windows)), borders * (rank // len(borders)), strict=False)
    if any(2 * border > window for window, border in pairs):
        got = f"padding {padding} for size {size}"
        raise InvalidParameter(problem(f"{owner}(padding)", "at most half the size", got, 'Use less, or "same".'))
