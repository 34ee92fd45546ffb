"""What hears of a user's module: in a copy of the module, or in a file, it hears nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import is_grad_enabled, nn


def _nothing(*arguments: Any) -> None:
    """A hook that hears nothing."""


class Ear:
    """A hook of a module.

    Parameters
    ----------
    hear : that is called.
    """

    def __init__(self, hear: Callable[..., Any]) -> None:
        self.hear = hear

    def __call__(self, *arguments: Any) -> None:
        self.hear(*arguments)

    def __deepcopy__(self, memo: Any) -> Any:
        return _nothing

    def __reduce__(self) -> Any:
        return Ear, (_nothing,)


class Place(ABC):
    """What hears of every call of a module, in the place that a module has for a call of its own: a compiled one.

    A hook sends each call through the long way of `torch.nn.Module`, which costs more than all else that is done in a
    step that is not looked at. Copies and files of a module leave that place out. Where it is taken, it is hooks.

    Attributes
    ----------
    module : that is heard; None where none is.
    """

    def __init__(self) -> None:
        self.call: Any = None
        self.module: Any = None
        self.handles: list[Any] = []

    def put_on(self, module: nn.Module, by_hooks: bool = False) -> None:
        """Hear of the calls of a module from now on.

        Parameters
        ----------
        module : that is called. by_hooks : whether its own place is left as it is.
        """
        self.module, self.call = module, module._call_impl
        if by_hooks or not _free(module):
            self.handles = self.hooks(module)
        else:
            module._compiled_call_impl = self  # type: ignore[assignment]

    def take_off(self) -> None:
        """Hear of no more calls."""
        for handle in self.handles:
            handle.remove()
        if self.module is not None and vars(self.module).get("_compiled_call_impl") is self:
            del self.module._compiled_call_impl
        self.module, self.call, self.handles = None, None, []

    @abstractmethod
    def hooks(self, module: nn.Module) -> list[Any]:
        """The same as hooks, and their handles."""

    def __deepcopy__(self, memo: Any) -> None:
        return None

    def __reduce__(self) -> Any:
        return type(None), ()


class Entrance(Place):
    """Hears of the passes of a module.

    Parameters
    ----------
    before : called as a pass without gradient begins, and as any pass does while it is busy.
    after : called of what comes out, while it is listening.

    Attributes
    ----------
    inputs : of the last pass. settled : whether it is known how its calls go.
    """

    def __init__(self, before: Callable[[Any, Any], Any], after: Callable[[Any], Any]) -> None:
        super().__init__()
        self.before, self.after = before, after
        self.busy, self.listening, self.compiled = True, False, False
        self.settled = False
        self.inputs: tuple[Any, ...] = ()

    def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
        self.inputs = inputs
        if self.busy or not is_grad_enabled():
            self.before(inputs, kwargs)
        output = self.call(*inputs, **kwargs)
        if self.listening:
            self.after(output)
        return output

    def settle(self) -> None:
        """After a first pass: from hooks to the place of the module, unless its calls go past that place.

        Those of `torch.compile` do, which take up what hooks there are as they begin.
        """
        module = self.module
        if not self.settled and not self.compiled and self.inputs and _free(module):
            self.take_off()
            self.put_on(module)
        self.settled = True

    def _begins(self, module: Any, inputs: Any, kwargs: Any) -> None:
        self.compiled = self.compiled or torch.compiler.is_compiling()
        self.inputs = inputs
        if self.busy or not is_grad_enabled():
            self.before(inputs, kwargs)

    def _ends(self, module: Any, inputs: Any, output: Any) -> None:
        if self.listening:
            self.after(output)

    def hooks(self, module: nn.Module) -> list[Any]:
        """The same as hooks, and their handles."""
        before = module.register_forward_pre_hook(Ear(self._begins), with_kwargs=True)
        return [before, module.register_forward_hook(Ear(self._ends))]


class Exit(Place):
    """Hears what a loss is given and what it gives.

    Parameters
    ----------
    after : called of both.
    """

    def __init__(self, after: Callable[[Any, Any, Any], Any]) -> None:
        super().__init__()
        self.after = after

    def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
        value = self.call(*inputs, **kwargs)
        self.after(inputs, kwargs, value)
        return value

    def hooks(self, module: nn.Module) -> list[Any]:
        """The same as hooks, and their handles."""
        hear = Ear(lambda module, inputs, kwargs, value: self.after(inputs, kwargs, value))
        return [module.register_forward_hook(hear, with_kwargs=True)]


def _free(module: nn.Module) -> bool:
    """Whether the place for a call of its own is free in a module, and no other module will share its attributes."""
    if torch.cuda.is_available() and torch.cuda.device_count() > 1:  # replicas of a module share them
        return False
    return not isinstance(module, torch.jit.ScriptModule) and getattr(module, "_compiled_call_impl", module) is None
