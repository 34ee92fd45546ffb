"""Rules of windows that slide: convolution, pooling, interpolation, padding, unfolding."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import torch

from netwright.graph.operation import Call, Rule, joined, on_axes
from netwright.graph.places import Places
from netwright.graph.window import Axis, nearest, resampled, shared_out, transposed

aten = torch.ops.aten


def slid(places: Places, axes: list[Axis | None], before: Any, after: Any) -> Places:
    """Through an operation that slides along the last axes.

    Parameters
    ----------
    places : of its input.
    axes : its own windows.
    before, after : the shapes of input and result.
    """
    first = len(after) - len(axes)
    for number, axis in enumerate(axes):
        places = places.through(first + number, axis, before[first + number], after[first + number])
    return places


def windows(kernel: Any, stride: Any, padding: Any, dilation: Any) -> list[Axis | None]:
    """The axes of a convolution or a pooling."""
    axes = zip(kernel, stride, padding, dilation, strict=True)
    return [Axis(s, ((-p, (k - 1) * d - p),)) for k, s, p, d in axes]


def _convolution(call: Call) -> Places:
    """convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)."""
    rank = call.args[1].ndim - 2
    kernel = tuple(call.args[1].shape[2:])
    stride, padding, dilation = (on_axes(item, rank) for item in call.args[3:6])
    if call.args[6]:
        axes: list[Axis | None] = [transposed(*a) for a in zip(kernel, stride, padding, dilation, strict=True)]
    else:
        axes = windows(kernel, stride, padding, dilation)
    found = [
        slid(places.united({1}), axes, call.main.shape, call.shape)
        if number == 0
        else places.united(range(rank + 2)).lost()  # a kernel that depends on the input
        for number, tensor in enumerate(call.args[:3])
        if tensor is not None and (places := call.known(tensor)) is not None
    ]
    return joined(found)


def _pool(rank: int, *, dilated: bool) -> Rule:
    """pool(input, kernel, stride=kernel, padding=0, [dilation=1], ...)."""

    def rule(call: Call) -> Places:
        kernel = on_axes(call.args[1], rank)
        stride = on_axes(call.arg(2) or kernel, rank)
        padding = on_axes(call.arg(3, 0), rank)
        dilation = on_axes(call.arg(4, 1) if dilated else 1, rank)
        return slid(call.places, windows(kernel, stride, padding, dilation), call.main.shape, call.shape)

    return rule


def _by_sizes(rank: int, axis: Callable[[int, int, Call, Fraction | None], Axis | None]) -> Rule:
    """An operation that goes from the sizes of its input's last axes to those of its output, or by scales."""

    def rule(call: Call) -> Places:
        args = call.args
        scales = args[-rank:] if len(args) > rank and all(isinstance(s, float) for s in args[-rank:]) else ()
        ratios: list[Fraction | None] = [1 / Fraction(s).limit_denominator(1000) for s in scales]
        sizes = zip(call.main.shape[-rank:], call.shape[-rank:], ratios or [None] * rank, strict=True)
        return slid(call.places, [axis(i, o, call, ratio) for i, o, ratio in sizes], call.main.shape, call.shape)

    return rule


def _adaptive(rank: int) -> Rule:
    """adaptive_pool(input, output_size): to one place, it sees the whole axis."""
    shared = _by_sizes(rank, lambda i, o, call, ratio: shared_out(i, o))

    def rule(call: Call) -> Places:
        places = shared(call)
        assert isinstance(places, Places)
        return places.united({dim for dim, size in enumerate(call.shape) if size == 1})

    return rule


def _nearest(rank: int, *, exact: bool = False) -> Rule:
    return _by_sizes(rank, lambda i, o, call, ratio: nearest(i, o, exact, ratio))


def _linear(rank: int, before: int, after: int) -> Rule:
    """upsample(input, output_size, align_corners, ...)."""
    return _by_sizes(rank, lambda i, o, call, ratio: resampled(i, o, before, after, bool(call.args[2]), ratio))


def _pad(call: Call) -> Places:
    """pad(input, [left, right] from the last axis backwards)."""
    before = reversed(list(call.args[1])[0::2])
    return slid(call.places, [Axis(1, ((-b, -b),)) for b in before], call.main.shape, call.shape)


def _im2col(call: Call) -> Places:
    """im2col(input, kernel, dilation, padding, stride): windows in a row, their elements as channels."""
    kernel, dilation, padding, stride = (on_axes(item, 2) for item in call.args[1:5])
    axes = windows(kernel, stride, padding, dilation)
    spans = zip(call.main.shape[2:], kernel, dilation, padding, stride, strict=True)
    counts = [(i + 2 * p - (k - 1) * d - 1) // s + 1 for i, k, d, p, s in spans]
    elements = kernel[0] * kernel[1]
    places = slid(call.places, axes, call.main.shape, (*call.main.shape[:2], *counts)).inserted(2)
    return places.viewed((*call.main.shape[:2], elements, *counts), call.shape)


def _unfold(call: Call) -> Places:
    """unfold(input, axis, size, step): windows along the axis, their elements along a new last one."""
    axis, size, step = call.args[1] % call.main.ndim, call.args[2], call.args[3]
    return call.places.through(axis, Axis(step, ((0, size - 1),)), call.main.shape[axis], call.shape[axis])


SLIDES: dict[Any, Rule] = {
    aten.convolution: _convolution,
    aten.max_pool2d_with_indices: _pool(2, dilated=True),
    aten.max_pool3d_with_indices: _pool(3, dilated=True),
    aten.avg_pool1d: _pool(1, dilated=False),
    aten.avg_pool2d: _pool(2, dilated=False),
    aten.avg_pool3d: _pool(3, dilated=False),
    aten._adaptive_avg_pool2d: _adaptive(2),
    aten._adaptive_avg_pool3d: _adaptive(3),
    aten.adaptive_max_pool2d: _adaptive(2),
    aten.adaptive_max_pool3d: _adaptive(3),
    aten.upsample_nearest1d: _nearest(1),
    aten.upsample_nearest2d: _nearest(2),
    aten.upsample_nearest3d: _nearest(3),
    aten._upsample_nearest_exact1d: _nearest(1, exact=True),
    aten._upsample_nearest_exact2d: _nearest(2, exact=True),
    aten._upsample_nearest_exact3d: _nearest(3, exact=True),
    aten.upsample_linear1d: _linear(1, 0, 1),
    aten.upsample_bilinear2d: _linear(2, 0, 1),
    aten.upsample_trilinear3d: _linear(3, 0, 1),
    aten.upsample_bicubic2d: _linear(2, 1, 2),
    aten.im2col: _im2col,
    aten.unfold: _unfold,
    aten.constant_pad_nd: _pad,
    aten.reflection_pad1d: _pad,
    aten.reflection_pad2d: _pad,
    aten.reflection_pad3d: _pad,
    aten.replication_pad1d: _pad,
    aten.replication_pad2d: _pad,
    aten.replication_pad3d: _pad,
}
