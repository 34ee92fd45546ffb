"""The observer: what a module costs and what each of its outputs sees, read off the operations that it runs.

One pass over the meta device is watched at the level of torch's own operations, so that functional calls, branches,
residuals and third-party modules all count. For each operation the observer

* adds its multiply-accumulates, by torch's own formulas (``torch.utils.flop_counter``; bias and pooling not counted);
* works out the `netwright.graph.window.Window` of its result from those of its arguments;
* notes the `Step` that made it: the call of a watched layer, or the operation that merges results of several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from torch.utils.weak import WeakIdKeyDictionary

from netwright.graph.shortcuts import run
from netwright.graph.window import (
    WHOLE,
    Axis,
    Window,
    nearest,
    point,
    resampled,
    shared_out,
    shared_space,
    sliding,
    transposed,
)

aten = torch.ops.aten


@dataclass(frozen=True)
class Step:
    """One step of a run: an input, the call of a watched layer, or an operation that merges results of several.

    Parameters
    ----------
    path : of the input or layer; "" for an operation.
    operation : its name; "" for others.
    sources : the numbers of the steps that it reads.
    shape : of what it gives, without the first axis; None where it gives no tensor.
    """

    path: str
    operation: str
    sources: tuple[int, ...]
    shape: tuple[int, ...] | None


class Observer(TorchDispatchMode):
    """Sums `macs`, keeps the window of every tensor and notes the `steps` while it is active.

    Examples
    --------
    >>> import torch
    >>> x = torch.empty(1, 3, 8, 8, device="meta")
    >>> conv = torch.nn.Conv2d(3, 4, 3, stride=2, padding=1, device="meta")
    >>> with torch.no_grad(), Observer() as seen:
    ...     seen.enter_input(x)
    ...     y = conv(x)
    >>> seen.macs, seen.window(y).size, seen.window(y).stride, seen.window(y).padding
    (1728, (3, 3), (2, 2), (1, 1))
    """

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0
        self._windows: Any = WeakIdKeyDictionary()
        self._origins: Any = WeakIdKeyDictionary()  # the steps that a tensor comes from
        self.steps: list[Step] = []
        self.inside = 0  # watched layers that are running: what they do is theirs

    def enter_input(self, tensor: torch.Tensor, name: str = "") -> None:
        """Say that a tensor is an input of the network; axes are (batch, channels, *space)."""
        self.enter([tensor], point(tuple(tensor.shape)), Step(name, "", (), tuple(tensor.shape[1:])))

    def enter(self, tensors: Sequence[torch.Tensor], window: Window | None, step: Step | None) -> None:
        """Say what is known of tensors: their window, and the step that made them."""
        if step is not None:
            self.steps.append(step)
        for tensor in tensors:
            if window is not None:
                self._windows[tensor] = window
            if step is not None:
                self._origins[tensor] = (len(self.steps) - 1,)

    def origins(self, tensors: Sequence[torch.Tensor]) -> tuple[int, ...]:
        """The steps that tensors come from."""
        return tuple(dict.fromkeys(step for tensor in tensors for step in self._origins.get(tensor, ())))

    def window(self, tensor: torch.Tensor) -> Window | None:
        """The window of a tensor, None if it depends on no input."""
        window: Window | None = self._windows.get(tensor)
        return window

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would load its compiler, only to switch it off for the method below

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        output = run(func, args, kwargs)
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
        result = replace(result, space=shared_space(windows))  # rules need not know of it
        steps, made = self.origins(sources), tensors_in((output,))
        for tensor in made:
            self._windows[tensor], self._origins[tensor] = result, steps
        if len(steps) > 1 and made and not self.inside:
            self.enter(made, None, Step("", func._overloadpacket.__name__.rstrip("_"), steps, tuple(made[0].shape[1:])))


@contextmanager
def observing(module: torch.nn.Module, device: str, training: bool = False) -> Iterator[dict[str, torch.Tensor]]:
    """In eval mode without gradients, or as in training; gives stand-ins for the module's tensors on the device.

    The module itself is left as it was: call it by ``torch.func.functional_call`` with the stand-ins and without
    ``tie_weights``, which does not put back a module that has two places.
    """
    flags = {part: part.training for part in module.modules()}
    copies: dict[torch.Tensor, torch.Tensor] = {}
    tensors = {}
    for path, part in module.named_modules():  # each once, though it may have several places
        for name, tensor in (*part.named_parameters("", False, False), *part.named_buffers("", False, False)):
            if tensor not in copies:
                copies[tensor] = tensor.detach().to(device, copy=True).requires_grad_(tensor.requires_grad)
            tensors[f"{path}.{name}" if path else name] = copies[tensor]
    module.train(training)
    try:
        with torch.set_grad_enabled(training):
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


def _merge(windows: list[Window]) -> Window:
    """The union of windows; arguments of another rank (broadcasting) are taken as seeing everything."""
    result = windows[0]
    for window in windows[1:]:
        result = result.union(window)
    return result


def _same(windows: list[Window], args: Any, output: Any) -> Window:
    return _merge(windows)


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


def _by_sizes(axis: Callable[[int, int, Any], Axis | None]) -> Callable[[list[Window], Any, Any], Window]:
    """An operation that goes from the sizes of its input's space axes to those of its output."""

    def rule(windows: list[Window], args: Any, output: Any) -> Window:
        out = tensors_in((output,))[0]
        pairs = zip(args[0].shape[2:], out.shape[2:], strict=True)
        axes = [axis(source, target, args) for source, target in pairs]
        there = tuple(each for each in axes if each is not None)
        return windows[0].through(Window(there)) if len(there) == len(axes) else WHOLE

    return rule


def _linear(before: int, after: int) -> Callable[[list[Window], Any, Any], Window]:
    """upsample(input, output_size, align_corners, ...)."""
    return _by_sizes(lambda source, target, args: resampled(source, target, before, after, bool(args[2])))


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


_RULES: dict[Any, Callable[[list[Window], Any, Any], Window]] = {
    aten.convolution: _convolution,
    aten.max_pool2d_with_indices: _pool(2, dilated=True),
    aten.max_pool3d_with_indices: _pool(3, dilated=True),
    aten.avg_pool1d: _pool(1, dilated=False),
    aten.avg_pool2d: _pool(2, dilated=False),
    aten.avg_pool3d: _pool(3, dilated=False),
    aten._adaptive_avg_pool2d: _by_sizes(lambda source, target, args: shared_out(source, target)),
    aten._adaptive_avg_pool3d: _by_sizes(lambda source, target, args: shared_out(source, target)),
    aten.adaptive_max_pool2d: _by_sizes(lambda source, target, args: shared_out(source, target)),
    aten.adaptive_max_pool3d: _by_sizes(lambda source, target, args: shared_out(source, target)),
    aten.upsample_nearest1d: _by_sizes(lambda source, target, args: nearest(source, target)),
    aten.upsample_nearest2d: _by_sizes(lambda source, target, args: nearest(source, target)),
    aten.upsample_nearest3d: _by_sizes(lambda source, target, args: nearest(source, target)),
    aten._upsample_nearest_exact1d: _by_sizes(lambda source, target, args: nearest(source, target, exact=True)),
    aten._upsample_nearest_exact2d: _by_sizes(lambda source, target, args: nearest(source, target, exact=True)),
    aten._upsample_nearest_exact3d: _by_sizes(lambda source, target, args: nearest(source, target, exact=True)),
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
