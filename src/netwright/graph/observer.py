"""The observer: what a module costs and what each of its outputs sees, read off the operations that it runs.

One pass over the meta device is watched at the level of torch's own operations, so that functional calls, branches,
residuals and third-party modules all count. For each operation the observer

* adds its multiply-accumulates, by torch's own formulas (``torch.utils.flop_counter``; bias and pooling not counted);
* works out the `netwright.graph.places.Places` of its result from those of its arguments, and so its window;
* notes the `Step` that made it: the call of a watched layer, or the operation that merges results of several.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

from netwright.graph.operation import Call, tensors_in
from netwright.graph.places import Places, Sizes, entered
from netwright.graph.products import macs_of
from netwright.graph.rules import RULES, SHAPES_ONLY, SUMMING
from netwright.graph.shortcuts import run
from netwright.graph.window import Axis, Window


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
        self.uneven = False  # some product may not grow with the batch, or grow with its square
        self.autocast = False  # some layer ran where torch changes element types, on real devices only
        self._places: Any = WeakIdKeyDictionary()
        self._origins: Any = WeakIdKeyDictionary()  # the steps that a tensor comes from
        self._channels: dict[Sizes, set[int]] = {}  # of samples of a shape, the axes that are no places
        self.steps: list[Step] = []
        self.touched = set[int]()  # identities of the tensors that some operation has read
        self.inside = 0  # watched layers that are running: what they do is theirs

    def enter_input(self, tensor: torch.Tensor, name: str = "") -> None:
        """Say that a tensor is an input of the network; its first axis is the batch."""
        self.enter([tensor], entered(tuple(tensor.shape)), Step(name, "", (), tuple(tensor.shape[1:])))

    def enter(self, tensors: Sequence[torch.Tensor], places: Places | None, step: Step | None) -> None:
        """Say what is known of tensors: their places, and the step that made them."""
        if step is not None:
            self.steps.append(step)
        for tensor in tensors:
            if places is not None:
                self._places[tensor] = places
            if step is not None:
                self._origins[tensor] = (len(self.steps) - 1,)

    def origins(self, tensors: Sequence[torch.Tensor]) -> tuple[int, ...]:
        """The steps that tensors come from."""
        return tuple(dict.fromkeys(step for tensor in tensors for step in self._origins.get(tensor, ())))

    def places(self, tensor: torch.Tensor) -> Places | None:
        """The places of a tensor, None if it depends on no input."""
        places: Places | None = self._places.get(tensor)
        return places

    def window(self, tensor: torch.Tensor) -> Window | None:
        """The window of a tensor, None if it depends on no input."""
        return self.reported(self.places(tensor), tuple(tensor.shape))

    def reported(self, places: Places | None, shape: Sizes) -> Window | None:
        """The window of a tensor of some shape that has such places, by what is known of the channels by now."""
        return None if places is None else places.reported(shape, self._channels.get(places.source or (), {0}))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would load its compiler, only to switch it off for the method below

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        output = run(func, args, kwargs)
        macs = macs_of(func, args, kwargs, output)
        self.touched.update(map(id, tensors_in(args)))
        made = tensors_in(output)
        if made and func._overloadpacket not in SHAPES_ONLY:
            self._follow(func, args, kwargs, output, made)
        if macs is not None:
            self.macs += macs
            places = self.places(made[0])
            self.uneven |= places is None or places.tracks[0].bound or not places.tracks[0].digits
        return output

    def _follow(self, func: Any, args: Any, kwargs: Any, output: Any, made: list[torch.Tensor]) -> None:
        sources = [t for t in tensors_in((*args, *kwargs.values())) if t in self._places]
        if not sources:
            return
        rule, call = RULES.get(func._overloadpacket), Call((*args, *kwargs.values()), output, self.places)
        if rule is not None:
            result = rule(call)
        else:
            result = call.united()
            if torch.Tag.pointwise not in func.tags:
                result = result.lost()
        if func._overloadpacket in SUMMING and isinstance(result, Places):
            self._decide(func, sources, result)
        elif func._overloadpacket is torch.ops.aten.embedding:
            self._indices(args[1])
        steps, whole = self.origins(sources), made[0]._base if func._schema.is_mutable else None
        each = result if isinstance(result, list) else [result] * len(made)
        for tensor, places in zip(made, each, strict=True):
            self._places[tensor], self._origins[tensor] = places, steps
        if whole is not None:  # what a view is written into has changed too
            written, known = _written(each[0], made[0], whole), self.places(whole)
            self._places[whole] = known.union(written) if known else written
            self._origins[whole] = self.origins([whole, made[0]])
        if len(steps) > 1 and not self.inside:
            self.enter(made, None, Step("", func._overloadpacket.__name__.rstrip("_"), steps, tuple(made[0].shape[1:])))

    def _decide(self, func: Any, sources: list[torch.Tensor], result: Places) -> None:
        """The first axis of a sequence that is summed over holds its features; of an image, by a convolution."""
        for places in map(self.places, sources):
            shape = places.source if places else None
            if places is None or shape is None or shape in self._channels or places.source != result.source:
                continue
            pairs = list(zip(places.tracks, result.tracks, strict=True))[1:]
            summed = {axis for axis, (before, after) in enumerate(pairs) if before.digits and not after.digits}
            if len(summed) == 1 and (len(shape) == 2 or func._overloadpacket is torch.ops.aten.convolution):
                self._channels[shape] = summed

    def _indices(self, tensor: torch.Tensor) -> None:
        """A tensor that holds indices of things: all its axes are places."""
        places = self.places(tensor)
        if places is not None and places.source is not None:
            self._channels.setdefault(places.source, set())


def _written(places: Places, view: torch.Tensor, whole: torch.Tensor) -> Places:
    """The places of a tensor that a view of it has been given; between and beside them there may be others."""
    strides, steps = list(whole.stride()), list(view.stride())
    if view.ndim == whole.ndim - 1:  # an axis was picked from
        for dim in range(whole.ndim):
            if strides[:dim] + strides[dim + 1 :] == steps:
                return _written(places.inserted(dim), view.unsqueeze(dim), whole)
    if view.ndim != whole.ndim or any(a != b for a, b, n in zip(strides, steps, view.shape, strict=True) if n > 1):
        return places.lost()
    offset = view.storage_offset() - whole.storage_offset()
    for dim, (stride, size) in enumerate(zip(strides, whole.shape, strict=True)):
        first = offset // stride % size if stride else 0
        if 2 * view.shape[dim] < size:  # a border beside other places, such as that of circular padding
            places = places.disordered({dim})
        if view.shape[dim] != size:
            places = places.through(dim, Axis(1, ((-first, -first),)), view.shape[dim], size)
    return places


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
    attributes = {part: {n: t for n, t in vars(part).items() if isinstance(t, torch.Tensor)} for part in flags}
    module.train(training)
    try:
        with torch.set_grad_enabled(training):
            yield tensors
    finally:
        for part, was in flags.items():
            part.training = was
            now = [name for name, item in vars(part).items() if isinstance(item, torch.Tensor)]
            for name in now:  # what a hook or the module itself has set: a pruned weight, a cache
                if name in attributes[part]:
                    vars(part)[name] = attributes[part][name]
                else:
                    del vars(part)[name]
