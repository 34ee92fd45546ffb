"""What hears of a user's module: in a copy of the module, or in a file, it hears nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import is_grad_enabled


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


class Entrance(Ear):
    """The hook that is there in every step: a pass begins.

    Parameters
    ----------
    hear : called of passes without gradient, and of all passes while it is busy.

    Attributes
    ----------
    inputs : of the last pass.
    """

    def __init__(self, hear: Callable[..., Any]) -> None:
        super().__init__(hear)
        self.busy = True
        self.inputs: tuple[Any, ...] = ()

    def __call__(self, module: Any, inputs: Any, kwargs: Any) -> None:  # type: ignore[override]
        self.inputs = inputs
        if self.busy or not is_grad_enabled():
            self.hear(inputs, kwargs)
