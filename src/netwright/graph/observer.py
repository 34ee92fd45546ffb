"""The observer: what a module costs and what each of its outputs sees, read off the operations that it runs.

One pass over the meta device is watched at the level of torch's own operations, so that functional calls, branches,
residuals and third-party modules all count. For each operation the observer

* adds its multiply-accumulates, by torch's own formulas (``torch.utils.flop_counter``; bias and pooling not counted);
* works out the `netwright.graph.window.Window` of its result from those of its arguments;
* notes the `Step` that made it: the call of a watched layer, or the operation that merges results of several.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from torch.utils.weak import WeakIdKeyDictionary

from netwright.graph.rules import PRODUCTS, RULES, merged, tensors_in
from netwright.graph.shortcuts import run
from netwright.graph.window import WHOLE, Window, point, shared_space


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
        elif func._overloadpacket in PRODUCTS:
            self.macs += PRODUCTS[func._overloadpacket](*args)
        self._follow(func, args, kwargs, output)
        return output

    def _follow(self, func: Any, args: Any, kwargs: Any, output: Any) -> None:
        sources = [t for t in tensors_in((*args, *kwargs.values())) if t in self._windows]
        if not sources:
            return
        windows = [self._windows[tensor] for tensor in sources]
        rule = RULES.get(func._overloadpacket)
        if any(window.whole for window in windows):
            result = WHOLE
        elif rule is not None:
            result = rule(windows, args, output)
        else:
            result = merged(windows) if torch.Tag.pointwise in func.tags else WHOLE
        result = replace(result, space=shared_space(windows))  # rules need not know of it
        steps, made = self.origins(sources), tensors_in((output,))
        for tensor in made:
            self._windows[tensor], self._origins[tensor] = result, steps
            whole = tensor._base if func._schema.is_mutable else None  # what a view is written into has changed too
            if whole is not None:
                known = self._windows.get(whole, result)
                self._windows[whole] = known.union(result) if whole.shape[2:] == tensor.shape[2:] else WHOLE
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
