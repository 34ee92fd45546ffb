"""What operations of torch do to windows: the rules that the observer goes by.

A rule gets the windows of the tensors that an operation reads, its arguments and its result, and gives the window of
the result. An operation without a rule keeps windows apart where torch calls it pointwise; any other mixes all places.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import torch

from netwright.graph.window import WHOLE, Axis, Window, nearest, resampled, shared_out, sliding, transposed

aten = torch.ops.aten


def tensors_in(items: Sequence[Any]) -> list[torch.Tensor]:
    """All tensors in a nest of tuples and lists."""
    found: list[torch.Tensor] = []
    for item in items:
        if isinstance(item, torch.Tensor):
            found.append(item)
        elif isinstance(item, (tuple, list)):
            found.extend(tensors_in(item))
    return found


def merged(windows: list[Window]) -> Window:
    """The union of windows; arguments of another rank (broadcasting) are taken as seeing everything."""
    result = windows[0]
    for window in windows[1:]:
        result = result.union(window)
    return result


def _same(windows: list[Window], args: Any, output: Any) -> Window:
    return merged(windows)


def _batch_norm(windows: list[Window], args: Any, output: Any) -> Window:
    """batch_norm(input, weight, bias, mean, variance, training, ...): with its own statistics it sees everything."""
    return windows[0] if len(args) > 5 and args[5] is False else WHOLE


def _in_space(windows: list[Window], args: Any, output: Any) -> Window:
    """An operation on the batch or the channels only, seen by its sizes: the space axes and their number stay."""
    source = args[0][0] if isinstance(args[0], (list, tuple)) else args[0]
    made = tensors_in((output,))
    same = all(out.ndim == source.ndim and out.shape[2:] == source.shape[2:] for out in made)
    return merged(windows) if same else WHOLE


def _along_channels(windows: list[Window], args: Any, output: Any) -> Window:
    """reduce(input, axes, keepdim): over the channels alone, if they are kept as an axis."""
    given = args[1] if len(args) > 1 else None
    axes = [given] if isinstance(given, int) else given or []
    over_channels = [axis % args[0].ndim for axis in axes] == [1]
    return _in_space(windows, args, output) if over_channels else WHOLE


def _channels_of(windows: list[Window], args: Any, output: Any) -> Window:
    """index(input, [None, channels]), split(input, sizes, axis) and the like: along the batch or channels."""
    if isinstance(args[1], (list, tuple)) and any(isinstance(item, torch.Tensor) for item in args[1]):
        return WHOLE if any(item is not None for item in args[1][2:]) else _in_space(windows, args, output)
    axis = args[2] if len(args) > 2 else 0
    return _in_space(windows, args, output) if axis % args[0].ndim < 2 else WHOLE


def _convolution(windows: list[Window], args: Any, output: Any) -> Window:
    """convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)."""
    rank = args[1].ndim - 2
    kernel = args[1].shape[2:]
    stride, padding, dilation = (_axes(item, rank) for item in args[3:6])
    if args[6]:
        axes = (transposed(*axis) for axis in zip(kernel, stride, padding, dilation, strict=True))
        return windows[0].through(Window(tuple(axes)))
    sizes = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    return windows[0].through(sliding(sizes, stride, tuple(-p for p in padding)))


def _pool(rank: int, *, dilated: bool) -> Callable[[list[Window], Any, Any], Window]:
    """pool(input, kernel, stride=kernel, padding=0, [dilation=1], ...)."""

    def rule(windows: list[Window], args: Any, output: Any) -> Window:
        kernel = _axes(args[1], rank)
        stride = _axes(args[2], rank) if len(args) > 2 and args[2] else kernel
        padding = _axes(args[3], rank) if len(args) > 3 else (0,) * rank
        dilation = _axes(args[4], rank) if dilated and len(args) > 4 else (1,) * rank
        sizes = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
        return windows[0].through(sliding(sizes, stride, tuple(-p for p in padding)))

    return rule


def _by_sizes(
    axis: Callable[[int, int, Any, Fraction | None], Axis | None],
) -> Callable[[list[Window], Any, Any], Window]:
    """An operation that goes from the sizes of its input's space axes to those of its output, or by scales."""

    def rule(windows: list[Window], args: Any, output: Any) -> Window:
        out = tensors_in((output,))[0]
        rank = out.ndim - 2
        scales = args[-rank:] if len(args) > rank and all(isinstance(s, float) for s in args[-rank:]) else ()
        ratios: list[Fraction | None] = [1 / Fraction(s).limit_denominator(1000) for s in scales]
        ratios = ratios or [None] * rank
        sizes = zip(args[0].shape[2:], out.shape[2:], ratios, strict=True)
        axes = [axis(source, target, args, ratio) for source, target, ratio in sizes]
        there = tuple(each for each in axes if each is not None)
        return windows[0].through(Window(there)) if len(there) == len(axes) else WHOLE

    return rule


def _linear(before: int, after: int) -> Callable[[list[Window], Any, Any], Window]:
    """upsample(input, output_size, align_corners, ...)."""
    return _by_sizes(lambda i, o, args, ratio: resampled(i, o, before, after, bool(args[2]), ratio))


def _pad(windows: list[Window], args: Any, output: Any) -> Window:
    """pad(input, [left, right] from the last axis backwards)."""
    before = list(args[1])[0::2]
    rank = len(windows[0].axes)
    starts = tuple(-amount for amount in reversed(before[:rank]))
    starts = (0,) * (rank - len(starts)) + starts
    return windows[0].through(sliding((1,) * rank, (1,) * rank, starts))


def _slice(windows: list[Window], args: Any, output: Any) -> Window:
    """slice(input, axis=0, start=None, end=None, step=1)."""
    given: list[Any] = [*args, *(0, None, None, 1)[len(args) - 1 :]]
    source, axis, start, step = given[0], given[1], given[2], given[4]
    rank = len(windows[0].axes)
    place = axis % source.ndim - 2
    if place < 0:
        return windows[0]
    size, begin = source.shape[axis], start or 0
    first = int(min(max(begin + size if begin < 0 else begin, 0), size))
    strides, starts = [1] * rank, [0] * rank
    strides[place], starts[place] = int(step), first
    return windows[0].through(sliding((1,) * rank, strides, starts))


def _cat(windows: list[Window], args: Any, output: Any) -> Window:
    """Channels may be joined; joining along space mixes places."""
    axis = args[1] if len(args) > 1 else 0
    return merged(windows) if axis % output.ndim < 2 else WHOLE


def _softmax(windows: list[Window], args: Any, output: Any) -> Window:
    return windows[0] if args[1] % output.ndim == 1 else WHOLE


def _view(windows: list[Window], args: Any, output: Any) -> Window:
    """A view that keeps the space axes keeps the window; any other mixes places."""
    return windows[0] if tuple(args[0].shape[2:]) == tuple(output.shape[2:]) else WHOLE


def _unsqueeze(windows: list[Window], args: Any, output: Any) -> Window:
    axis = args[1] % output.ndim - 2
    if axis < 0:
        return WHOLE
    axes = windows[0].axes
    return Window((*axes[:axis], Axis(1, ((0, 0),)), *axes[axis:]))


def _squeeze(windows: list[Window], args: Any, output: Any) -> Window:
    source, w = args[0], windows[0]
    axis = args[1] % source.ndim if len(args) > 1 and isinstance(args[1], int) else None
    if axis is None or source.ndim == output.ndim:
        return w if source.ndim == output.ndim else WHOLE
    place = axis - 2
    return WHOLE if place < 0 else Window((*w.axes[:place], *w.axes[place + 1 :]))


def _axes(item: Any, rank: int) -> tuple[int, ...]:
    items = (item,) if isinstance(item, int) else tuple(item)
    return items * rank if len(items) == 1 else items


def _all_places(*tensors: Any) -> int:
    """The number of places of several tensors broadcast to each other."""
    return math.prod(torch.broadcast_shapes(*(t.shape for t in tensors)))


def _trilinear(a: Any, b: Any, c: Any, *expand: Any) -> int:
    """Three tensors, each with new axes where `expand` says so, multiplied place by place (of a bilinear layer)."""
    shapes = []
    for tensor, axes in zip((a, b, c), expand, strict=False):
        shape = list(tensor.shape)
        for axis in sorted(axes):
            shape.insert(axis, 1)
        shapes.append(shape)
    return math.prod(torch.broadcast_shapes(*shapes))


# Multiply-accumulates of products that torch's own table of formulas does not have.
PRODUCTS: dict[Any, Callable[..., int]] = {
    aten.mv: lambda a, v: a.numel(),
    aten.addmv: lambda y, a, v: a.numel(),
    aten.dot: lambda a, b: a.numel(),
    aten.vdot: lambda a, b: a.numel(),
    aten.addr: lambda y, a, b: a.numel() * b.numel(),
    aten.addbmm: lambda y, a, b: a.numel() * b.shape[-1],
    aten.linalg_vecdot: _all_places,
    aten._trilinear: _trilinear,
}

RULES: dict[Any, Callable[[list[Window], Any, Any], Window]] = {
    aten.convolution: _convolution,
    aten.max_pool2d_with_indices: _pool(2, dilated=True),
    aten.max_pool3d_with_indices: _pool(3, dilated=True),
    aten.avg_pool1d: _pool(1, dilated=False),
    aten.avg_pool2d: _pool(2, dilated=False),
    aten.avg_pool3d: _pool(3, dilated=False),
    aten._adaptive_avg_pool2d: _by_sizes(lambda i, o, args, ratio: shared_out(i, o)),
    aten._adaptive_avg_pool3d: _by_sizes(lambda i, o, args, ratio: shared_out(i, o)),
    aten.adaptive_max_pool2d: _by_sizes(lambda i, o, args, ratio: shared_out(i, o)),
    aten.adaptive_max_pool3d: _by_sizes(lambda i, o, args, ratio: shared_out(i, o)),
    aten.upsample_nearest1d: _by_sizes(lambda i, o, args, ratio: nearest(i, o, False, ratio)),
    aten.upsample_nearest2d: _by_sizes(lambda i, o, args, ratio: nearest(i, o, False, ratio)),
    aten.upsample_nearest3d: _by_sizes(lambda i, o, args, ratio: nearest(i, o, False, ratio)),
    aten._upsample_nearest_exact1d: _by_sizes(lambda i, o, args, ratio: nearest(i, o, True, ratio)),
    aten._upsample_nearest_exact2d: _by_sizes(lambda i, o, args, ratio: nearest(i, o, True, ratio)),
    aten._upsample_nearest_exact3d: _by_sizes(lambda i, o, args, ratio: nearest(i, o, True, ratio)),
    aten.upsample_linear1d: _linear(0, 1),
    aten.upsample_bilinear2d: _linear(0, 1),
    aten.upsample_trilinear3d: _linear(0, 1),
    aten.upsample_bicubic2d: _linear(1, 2),
    aten.slice: _slice,
    aten.constant_pad_nd: _pad,
    aten.cat: _cat,
    aten._softmax: _softmax,
    aten._log_softmax: _softmax,
    aten.view: _view,
    aten._unsafe_view: _view,
    aten.reshape: _view,
    aten.unsqueeze: _unsqueeze,
    aten.squeeze: _squeeze,
    aten.native_batch_norm: _batch_norm,
    aten._native_batch_norm_legit: _batch_norm,
    aten._native_batch_norm_legit_no_training: _same,
    aten._prelu_kernel: _same,
    aten.native_dropout: _same,
    aten.split: _channels_of,
    aten.split_with_sizes: _channels_of,
    aten.index: _channels_of,
    aten.mean: _along_channels,
    aten.sum: _along_channels,
    aten.amax: _along_channels,
    aten.amin: _along_channels,
    aten.reflection_pad1d: _pad,
    aten.reflection_pad2d: _pad,
    aten.reflection_pad3d: _pad,
    aten.replication_pad1d: _pad,
    aten.replication_pad2d: _pad,
    aten.replication_pad3d: _pad,
    aten.copy_: _same,
    aten.clone: _same,
    aten.detach: _same,
    aten.alias: _same,
    aten._to_copy: _same,
}
