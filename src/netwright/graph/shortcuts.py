"""Shortcuts on the meta device: what common operations give, without torch's decompositions of them in Python.

torch works out the result of many operations on meta tensors in Python: a millisecond for a batch normalisation, and
the first of them loads sympy and a compiler, which takes longer than the summary of a deep network. What they give is
known. Each shortcut is compared with torch's own answer by a test; anything that is not the plain case goes to torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from netwright.core.limits import spend
from netwright.graph.operation import on_axes

aten = torch.ops.aten
_LOW = (torch.float16, torch.bfloat16)


def run(func: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
    """The result of an operation of torch's dispatcher; on meta tensors by a shortcut where there is one."""
    shortcut = SHORTCUTS.get(func)
    if shortcut is not None and not any(kwargs.values()):
        result = shortcut(*args)
        if result is not None:
            return result
    return func(*args, **kwargs)


class Shortcuts(TorchDispatchMode):
    """All operations go through `run` while it is active."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would load its compiler, only to switch it off for the method below

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        spend("operations")
        return run(func, args, kwargs or {})


class Recurrences(TorchFunctionMode):
    """torch's own recurrent layers on meta tensors at once, not step by step as torch decomposes them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if (
            func in RECURRENT
            and not kwargs
            and len(args) == 9
            and isinstance(args[0], torch.Tensor)
            and args[0].is_meta
        ):
            x, states, both, first = args[0], args[1], args[7], args[8]
            hidden = states[0] if func is torch.lstm else states
            shape = [*(x.shape[:2]), hidden.shape[-1] * (2 if both else 1)]
            if x.ndim == 3 and first:
                last = tuple(torch.empty_like(part) for part in states) if func is torch.lstm else (hidden.clone(),)
                return (x.new_empty(shape), *last)
        return func(*args, **(kwargs or {}))


RECURRENT = (torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu)


def _plain(*tensors: Any) -> bool:
    """Whether all are contiguous meta tensors of one floating dtype."""
    return all(
        isinstance(t, torch.Tensor)
        and t.is_meta
        and t.dtype == tensors[0].dtype
        and t.is_floating_point()
        and t.is_contiguous()
        for t in tensors
    )


def _pointwise(x: Any, *others: Any) -> Any:
    """A function of one tensor, or of several of one shape, or of one and numbers."""
    tensors = [x, *(other for other in others if isinstance(other, torch.Tensor))]
    if not _plain(*tensors) or any(t.shape != x.shape for t in tensors):
        return None
    return x.new_empty(x.shape)


def _in_place(x: Any, *others: Any) -> Any:
    """An operation that writes into its first argument."""
    return None if _pointwise(x, *others) is None else x


def _batch_norm(x: Any, *_: Any) -> Any:
    """The result, and the mean and deviation of each channel."""
    if not _plain(x):
        return None
    stats = x.new_empty(x.shape[1], dtype=torch.float32 if x.dtype in _LOW else x.dtype)
    return x.new_empty(x.shape), stats, stats.new_empty(x.shape[1])


def _convolution(
    x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, extra: Any, groups: int
) -> Any:
    rank = weight.ndim - 2
    if (
        not _plain(x, weight)
        or x.ndim != rank + 2
        or x.shape[1] != weight.shape[0 if transposed else 1] * (1 if transposed else groups)
    ):
        return None
    stride, padding, dilation, extra = (on_axes(item, rank) for item in (stride, padding, dilation, extra))
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True)]
    axes = zip(x.shape[2:], spans, stride, padding, extra, strict=True)
    if transposed:
        places = [(i - 1) * s - 2 * p + e + more for i, e, s, p, more in axes]
    else:
        places = [(i + 2 * p - e) // s + 1 for i, e, s, p, _ in axes]
    filters = weight.shape[1] * groups if transposed else weight.shape[0]
    return x.new_empty(x.shape[0], filters, *places) if min(places) > 0 else None


def _max_pool(x: Any, size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil: bool = False) -> Any:
    places = _pooled(x, size, stride, padding, dilation, ceil)
    if places is None:
        return None
    made = x.new_empty(*x.shape[:2], *places)
    return made, made.new_empty(made.shape, dtype=torch.long)


def _average_pool(x: Any, size: Any, stride: Any = (), padding: Any = 0, ceil: bool = False, *_: Any) -> Any:
    places = _pooled(x, size, stride, padding, 1, ceil)
    return None if places is None else x.new_empty(*x.shape[:2], *places)


def _pooled(x: Any, size: Any, stride: Any, padding: Any, dilation: Any, ceil: bool) -> list[int] | None:
    """The places of a pooling over two axes; None where torch would complain."""
    if not _plain(x) or x.ndim != 4:
        return None
    size, padding, dilation = (on_axes(item, 2) for item in (size, padding, dilation))
    steps = on_axes(stride, 2) if stride else size
    places = []
    for i, f, s, p, d in zip(x.shape[2:], size, steps, padding, dilation, strict=True):
        room = i + 2 * p - d * (f - 1) - 1
        if 2 * p > f:
            return None
        n = (room + (s - 1 if ceil else 0)) // s + 1
        places.append(n - (ceil and (n - 1) * s >= i + p))  # no window begins behind the input
    return places if min(places) > 0 else None


def _adaptive_pool(x: Any, size: Any) -> Any:
    return x.new_empty(*x.shape[:-2], *size) if _plain(x) and x.ndim == 4 else None


def _addmm(bias: Any, a: Any, b: Any) -> Any:
    if not _plain(a, bias) or b.dtype != a.dtype or not b.is_meta or a.shape[1] != b.shape[0]:  # b is a transposed view
        return None
    if bias.shape not in ((b.shape[1],), (a.shape[0], b.shape[1])):
        return None
    return a.new_empty(a.shape[0], b.shape[1])


def _cat(tensors: Any, axis: int = 0) -> Any:
    first = tensors[0]
    axis %= max(first.ndim, 1)
    if not _plain(*tensors) or any(_without(t.shape, axis) != _without(first.shape, axis) for t in tensors):
        return None
    return first.new_empty(*first.shape[:axis], sum(t.shape[axis] for t in tensors), *first.shape[axis + 1 :])


def _without(shape: torch.Size, axis: int) -> tuple[int, ...]:
    return (len(shape), *shape[:axis], *shape[axis + 1 :])


def _mean(x: Any, axes: Any = None, keep: bool = False) -> Any:
    if not _plain(x) or not axes:
        return None
    gone = {axis % x.ndim for axis in axes}
    if keep:
        return x.new_empty([1 if axis in gone else size for axis, size in enumerate(x.shape)])
    return x.new_empty([size for axis, size in enumerate(x.shape) if axis not in gone])


def _attention(query: Any, key: Any, value: Any, *_: Any) -> Any:
    """The result, and the logarithms of the sums of the weights, laid out with the steps before the heads."""
    floats = query.is_floating_point() and query.dtype == key.dtype == value.dtype
    if not floats or not all(x.is_meta and x.ndim == 4 for x in (query, key, value)):
        return None
    batch, heads, steps, size = query.shape
    if query.shape[:2] != key.shape[:2] or key.shape != value.shape or key.shape[3] != size:
        return None
    sums = query.new_empty(batch, steps, heads, dtype=torch.float32 if query.dtype in _LOW else query.dtype)
    return torch.empty_like(query), sums.transpose(1, 2)


SHORTCUTS: dict[Any, Callable[..., Any]] = {
    aten._scaled_dot_product_flash_attention_for_cpu.default: _attention,
    aten.native_batch_norm.default: _batch_norm,
    aten.addmm.default: _addmm,
    aten.cat.default: _cat,
    aten.mean.dim: _mean,
    aten.convolution.default: _convolution,
    aten.max_pool2d_with_indices.default: _max_pool,
    aten.avg_pool2d.default: _average_pool,
    **dict.fromkeys((aten.add_.Tensor, aten.mul_.Tensor, aten.div_.Scalar, aten.div_.Tensor), _in_place),
    aten._adaptive_avg_pool2d.default: _adaptive_pool,
    aten.empty_like.default: _pointwise,
    aten._log_softmax.default: _pointwise,
    aten._softmax.default: _pointwise,
    **dict.fromkeys(
        (
            aten.relu.default,
            aten.tanh.default,
            aten.gelu.default,
            aten.elu.default,
            aten.leaky_relu.default,
            aten.softplus.default,
            aten.hardsigmoid.default,
            aten.sigmoid.default,
            aten.silu.default,
            aten.add.Tensor,
            aten.mul.Tensor,
            aten.div.Tensor,
        ),
        _pointwise,
    ),
}
