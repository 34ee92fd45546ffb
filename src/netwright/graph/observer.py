"""The observer: what a module costs and what each of its outputs sees, read off the operations that it runs.

One pass over the meta device is watched at the level of torch's own operations, so that functional calls, branches,
residuals and third-party modules all count. For each operation the observer

* adds its multiply-accumulates, by torch's own formulas (``torch.utils.flop_counter``; bias and pooling not counted);
* works out the `Window` of its result from those of its arguments (Araujo, Norris, Sim, *Computing receptive
  fields of convolutional neural networks*, Distill 2019).

A window says which inputs position i of an output depends on, per space axis: those in
``[i * stride + start, i * stride + start + size - 1]``. Windows compose by

    size = size_1 + (size_2 - 1) stride_1,   stride = stride_1 stride_2,   start = start_1 + start_2 stride_1

and at a merge the window is the smallest that holds all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from torch.utils.weak import WeakIdKeyDictionary

aten = torch.ops.aten


@dataclass(frozen=True)
class Window:
    """Which inputs position i of an output depends on: i stride + start ... i stride + start + size - 1.

    Parameters
    ----------
    size, stride, start : one number for each space axis.
    whole : it depends on all of the input; the others are empty then.
    space : the sizes of the space axes of the input that it is on; None on several inputs of different sizes.
    """

    size: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    start: tuple[int, ...] = ()
    whole: bool = False
    space: tuple[int, ...] | None = field(default=None, compare=False, repr=False)

    @property
    def extent(self) -> tuple[int, ...] | None:
        """How far it reaches, per space axis; None where it is on several inputs of different sizes."""
        return None if self.space is None else self.space if self.whole else self.size or (1,)

    def through(self, inner: Window) -> Window:
        """The window of an operation with window `inner` on a tensor that has this window."""
        if self.whole or inner.whole:
            return replace(WHOLE, space=self.space)
        return Window(
            tuple(r + (k - 1) * j for r, k, j in zip(self.size, inner.size, self.stride, strict=True)),
            tuple(j * s for j, s in zip(self.stride, inner.stride, strict=True)),
            tuple(p + q * j for p, q, j in zip(self.start, inner.start, self.stride, strict=True)),
            space=self.space,
        )

    def union(self, other: Window) -> Window:
        """The smallest window that holds both."""
        space = _shared_space((self, other))
        if self.whole or other.whole or self.stride != other.stride:
            return replace(WHOLE, space=space)
        start = tuple(map(min, self.start, other.start))
        ends = (max(p + r, q + s) for p, r, q, s in zip(self.start, self.size, other.start, other.size, strict=True))
        return Window(tuple(end - p for end, p in zip(ends, start, strict=True)), self.stride, start, space=space)


WHOLE = Window(whole=True)


def point(shape: tuple[int, ...]) -> Window:
    """The window of an input (batch, channels, *space), or (batch, features): each position sees itself."""
    rank = max(len(shape) - 2, 0)
    return Window((1,) * rank, (1,) * rank, (0,) * rank, space=tuple(shape[2:]) or tuple(shape[1:]))


class Observer(TorchDispatchMode):
    """Sums `macs` and keeps the window of every tensor while it is active.

    Examples
    --------
    >>> import torch
    >>> x = torch.empty(1, 3, 8, 8, device="meta")
    >>> conv = torch.nn.Conv2d(3, 4, 3, stride=2, padding=1, device="meta")
    >>> with torch.no_grad(), Observer() as seen:
    ...     seen.enter_input(x)
    ...     y = conv(x)
    >>> seen.macs, seen.window(y)
    (1728, Window(size=(3, 3), stride=(2, 2), start=(-1, -1), whole=False))
    """

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0
        self._windows: Any = WeakIdKeyDictionary()

    def enter_input(self, tensor: torch.Tensor) -> None:
        """Say that a tensor is an input of the network; axes are (batch, channels, *space)."""
        self._windows[tensor] = point(tuple(tensor.shape))

    def window(self, tensor: torch.Tensor) -> Window | None:
        """The window of a tensor, None if it depends on no input."""
        window: Window | None = self._windows.get(tensor)
        return window

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.macs += formula(*args, **kwargs, out_val=output) // 2
        self._follow(func, args, kwargs, output)
        return output

    def _follow(self, func: Any, args: Any, kwargs: Any, output: Any) -> None:
        sources = [t for t in tensors_in((*args, *kwargs.values())) if t in self._windows]
        if not sources:
            return
        windows = [self._windows[tensor] for tensor in sources]
        rule = _RULES.get(func._overloadpacket)
        if any(window.whole for window in windows):
            result = WHOLE
        elif rule is not None:
            result = rule(windows, args, output)
        else:
            result = _merge(windows) if torch.Tag.pointwise in func.tags else WHOLE
        result = replace(result, space=_shared_space(windows))  # rules need not know of it
        for tensor in tensors_in((output,)):
            self._windows[tensor] = result


@contextmanager
def observing(module: torch.nn.Module, device: str) -> Iterator[dict[str, torch.Tensor]]:
    """Without gradients and in eval mode; gives stand-ins for the module's tensors on the device.

    The module itself is left as it was: call it by ``torch.func.functional_call`` with the stand-ins and without
    ``tie_weights``, which does not put back a module that has two places.
    """
    flags = {part: part.training for part in module.modules()}
    copies: dict[torch.Tensor, torch.Tensor] = {}
    tensors = {}
    for path, part in module.named_modules():  # each once, though it may have several places
        for name, tensor in (*part.named_parameters("", False, False), *part.named_buffers("", False, False)):
            if tensor not in copies:
                copies[tensor] = tensor.detach().to(device, copy=True)
            tensors[f"{path}.{name}" if path else name] = copies[tensor]
    module.eval()
    try:
        with torch.no_grad():
            yield tensors
    finally:
        for part, training in flags.items():
            part.training = training


def tensors_in(items: Sequence[Any]) -> list[torch.Tensor]:
    """All tensors in a nest of tuples and lists."""
    found: list[torch.Tensor] = []
    for item in items:
        if isinstance(item, torch.Tensor):
            found.append(item)
        elif isinstance(item, (tuple, list)):
            found.extend(tensors_in(item))
    return found


def _shared_space(windows: Sequence[Window]) -> tuple[int, ...] | None:
    """The sizes of the input of windows, if they are all on inputs of the same size."""
    first = windows[0].space
    return first if all(window.space == first for window in windows) else None


def _merge(windows: list[Window]) -> Window:
    """The union of windows; arguments of another rank (broadcasting) are taken as seeing everything."""
    result = windows[0]
    for window in windows[1:]:
        result = result.union(window) if len(window.size) == len(result.size) else WHOLE
    return result


def _same(windows: list[Window], args: Any, output: Any) -> Window:
    return _merge(windows)


def _convolution(windows: list[Window], args: Any, output: Any) -> Window:
    """convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)."""
    weight, stride, padding, dilation, transposed = args[1], args[3], args[4], args[5], args[6]
    rank = weight.ndim - 2
    if transposed:
        return WHOLE
    kernel, d = weight.shape[2:], _axes(dilation, rank)
    sizes = tuple((k - 1) * each + 1 for k, each in zip(kernel, d, strict=True))
    return windows[0].through(Window(sizes, _axes(stride, rank), tuple(-p for p in _axes(padding, rank))))


def _pool(rank: int, *, dilated: bool) -> Callable[[list[Window], Any, Any], Window]:
    """pool(input, kernel, stride=kernel, padding=0, [dilation=1], ...)."""

    def rule(windows: list[Window], args: Any, output: Any) -> Window:
        kernel = _axes(args[1], rank)
        stride = _axes(args[2], rank) if len(args) > 2 and args[2] else kernel
        padding = _axes(args[3], rank) if len(args) > 3 else (0,) * rank
        dilation = _axes(args[4], rank) if dilated and len(args) > 4 else (1,) * rank
        sizes = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
        return windows[0].through(Window(sizes, stride, tuple(-p for p in padding)))

    return rule


def _pad(windows: list[Window], args: Any, output: Any) -> Window:
    """pad(input, [left, right] from the last axis backwards)."""
    before = list(args[1])[0::2]
    rank = len(windows[0].size)
    starts = tuple(-amount for amount in reversed(before[:rank]))
    starts = (0,) * (rank - len(starts)) + starts
    return windows[0].through(Window((1,) * rank, (1,) * rank, starts))


def _cat(windows: list[Window], args: Any, output: Any) -> Window:
    """Channels may be joined; joining along space mixes places."""
    axis = args[1] if len(args) > 1 else 0
    return _merge(windows) if axis % output.ndim < 2 else WHOLE


def _softmax(windows: list[Window], args: Any, output: Any) -> Window:
    return windows[0] if args[1] % output.ndim == 1 else WHOLE


def _view(windows: list[Window], args: Any, output: Any) -> Window:
    """A view that keeps the space axes keeps the window; any other mixes places."""
    return windows[0] if tuple(args[0].shape[2:]) == tuple(output.shape[2:]) else WHOLE


def _unsqueeze(windows: list[Window], args: Any, output: Any) -> Window:
    axis = args[1] % output.ndim - 2
    if axis < 0:
        return WHOLE
    w = windows[0]
    return Window(_insert(w.size, axis, 1), _insert(w.stride, axis, 1), _insert(w.start, axis, 0))


def _squeeze(windows: list[Window], args: Any, output: Any) -> Window:
    source, w = args[0], windows[0]
    axis = args[1] % source.ndim if len(args) > 1 and isinstance(args[1], int) else None
    if axis is None or source.ndim == output.ndim:
        return w if source.ndim == output.ndim else WHOLE
    place = axis - 2
    if place < 0:
        return WHOLE
    size, stride, start = (part[:place] + part[place + 1 :] for part in (w.size, w.stride, w.start))
    return Window(size, stride, start)


def _axes(item: Any, rank: int) -> tuple[int, ...]:
    items = (item,) if isinstance(item, int) else tuple(item)
    return items * rank if len(items) == 1 else items


def _insert(items: tuple[int, ...], place: int, item: int) -> tuple[int, ...]:
    return (*items[:place], item, *items[place:])


_RULES: dict[Any, Callable[[list[Window], Any, Any], Window]] = {
    aten.convolution: _convolution,
    aten.max_pool2d_with_indices: _pool(2, dilated=True),
    aten.max_pool3d_with_indices: _pool(3, dilated=True),
    aten.avg_pool1d: _pool(1, dilated=False),
    aten.avg_pool2d: _pool(2, dilated=False),
    aten.avg_pool3d: _pool(3, dilated=False),
    aten.constant_pad_nd: _pad,
    aten.cat: _cat,
    aten._softmax: _softmax,
    aten._log_softmax: _softmax,
    aten.view: _view,
    aten._unsafe_view: _view,
    aten.reshape: _view,
    aten.unsqueeze: _unsqueeze,
    aten.squeeze: _squeeze,
    aten.native_batch_norm: _same,
    aten._native_batch_norm_legit: _same,
    aten._native_batch_norm_legit_no_training: _same,
    aten._prelu_kernel: _same,
    aten.native_dropout: _same,
    aten.clone: _same,
    aten.detach: _same,
    aten.alias: _same,
    aten._to_copy: _same,
}
