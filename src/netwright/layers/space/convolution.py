"""Convolution of 1-D, 2-D and 3-D inputs: the rank of the input decides."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from netwright.core.validation import Constraint, boolean, integer, one_of
from netwright.core.value import value
from netwright.graph import Layer, Shape
from netwright.layers.dense import WEIGHTS, Start, fresh, settle, start
from netwright.layers.init import HeNormal
from netwright.layers.space.built_size import padded_alike
from netwright.layers.space.windows import (
    PerAxis,
    amounts_or_pairs,
    channels_and_space,
    expect_channels,
    expect_exact,
    expect_filters,
    expect_room,
    padding_of,
    sizes,
    window_of,
    zeros_around,
)

_CONVOLUTIONS: dict[int, Any] = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d, 3: torch.nn.Conv3d}


@value("layer")
class Conv(Layer):
    """Filters that slide over the space axes: y_f[i] = b_f + sum_c sum_k W_fc[k] x_c[i S + k D - start].

    It is a cross-correlation, as in torch: the kernel is not flipped. Where the padding is the same at both ends, the
    module is a bare ``torch.nn.Conv1d``, ``Conv2d`` or ``Conv3d``; else a constant padding stands before it.

    Parameters
    ----------
    filters : number of output channels, >= 1.
    kernel : size F of the window, one integer >= 1 for all space axes or one for each.
    stride : step S of the window, likewise.
    padding : zeros around the input. "valid": none. "same": places = ceil(I / stride), the odd zero at the end; with a
        stride above 1 that depends on I, and the module refuses sizes for which it is another than for its own.
        "full": every overlap counts, (F - 1) D at both ends. Or an integer, one integer for each axis, or one
        (start, end) pair for each axis: a full padding that starts with fewer zeros is ((start, (F - 1) D),).
    dilation : distance D of neighbouring kernel elements, one integer >= 1 or one for each axis.
    groups : channels and filters are cut into this many groups that do not mix; divides both.
    weight : how the kernels start, an initialisation rule or a number.
    bias : True (starts at zero), False (none), or how it starts.
    exact : whether an input is refused on which the stride leaves places over, I + start + end - (F - 1) D - 1 being
        no multiple of S. False: those places, at the end of the input, are not seen.

    Shapes
    ------
    (channels, *space) -> (filters, *places), places = floor((I + start + end - (F - 1) D - 1) / S) + 1

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4, options for another number of axes, channels
        that the groups do not divide, a window that does not fit, with `exact` places that are left over.
    InvalidData : when a module runs that "same" padded for another size, see above.
    InvalidParameter : options out of range, filters that the groups do not divide.

    Examples
    --------
    >>> from netwright.layers import Conv, Input
    >>> (Input(1, 28, 28) >> Conv(8, 3)).output_shape
    (8, 26, 26)
    >>> (Input(2, 100) >> Conv(8, 5, stride=2, padding="same")).output_shape
    (8, 50)
    >>> (Input(3, 32, 32) >> Conv(64, 3)).summary().parameters  # 64 x (3 x 3 x 3 + 1)
    1792

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, 1998.
    Dumoulin, Visin, *A guide to convolution arithmetic for deep learning*, 2016.
    """

    filters: int
    kernel: PerAxis
    stride: PerAxis = 1
    padding: str | PerAxis | tuple[tuple[int, int], ...] = "valid"
    dilation: PerAxis = 1
    groups: int = 1
    weight: Start = HeNormal()
    bias: Start = True
    exact: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "filters": integer(1),
        "kernel": sizes,
        "stride": sizes,
        "padding": one_of("valid", "same", "full") | amounts_or_pairs,
        "dilation": sizes,
        "groups": integer(1),
        **WEIGHTS,
        "exact": boolean,
    }

    def __post_init__(self) -> None:
        settle(self)
        expect_filters(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        channels, space = channels_and_space(self, shapes)
        expect_channels(self, channels, shapes)
        kernel, stride, dilation, effective = window_of(self, shapes)
        pads = padding_of(self, self.padding, shapes, effective, stride)
        expect_room(self, shapes, effective, pads, dilation)
        if self.exact:
            expect_exact(self, shapes, effective, stride, pads)
        even = all(first == last for first, last in pads)
        conv = fresh(
            _CONVOLUTIONS[len(space)],
            channels,
            self.filters,
            kernel,
            stride=stride,
            padding=tuple(first for first, _ in pads) if even else 0,
            dilation=dilation,
            groups=self.groups,
            bias=self.bias is not False,
        )
        start(conv, self.weight, self.bias)
        made: torch.nn.Module = conv
        if not even:
            made = torch.nn.Sequential(OrderedDict(pad=zeros_around(pads), conv=conv))
        return padded_alike(made, self, space, effective, stride) if self.padding == "same" else made
