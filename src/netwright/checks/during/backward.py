"""Backward passes, listened to while anybody wants to: `torch.autograd.backward`, which `Tensor.backward` calls too."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from netwright.checks.reading import leaves


class Listener(Protocol):
    """Hears of every backward pass.

    Attributes
    ----------
    stays : whether it is to be told of the end too.
    """

    stays: bool

    def before_backward(self, tensor: Tensor) -> None:
        """It begins at a tensor."""

    def after_backward(self) -> None:
        """It ended."""


_LISTENERS: list[Listener] = []
_INSIDE: list[bool] = []  # backward passes that are under way, one within the other
_TORCH: list[Any] = []  # torch's own function, while it is wrapped


def _backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
    if _INSIDE:  # of a checkpoint, whose own passes back are within another
        return _TORCH[0](tensors, *args, **kwargs)
    tensor = tensors if isinstance(tensors, Tensor) else next(leaves(tuple(tensors)))
    for listener in _LISTENERS:
        listener.before_backward(tensor)
    _INSIDE.append(True)
    try:
        result = _TORCH[0](tensors, *args, **kwargs)
    finally:
        _INSIDE.clear()
    for listener in _LISTENERS:
        if listener.stays:
            listener.after_backward()
    return result


def listen(listener: Listener) -> None:
    """Let a listener hear of backward passes from now on.

    Parameters
    ----------
    listener : that is told.
    """
    if not _TORCH or torch.autograd.backward is _TORCH[0]:
        _TORCH[:] = [torch.autograd.backward]
        torch.autograd.backward = _backward
    _LISTENERS.append(listener)  # where somebody else has wrapped ours meanwhile, it is within theirs


def end(listener: Listener) -> None:
    """Let a listener hear no more; after the last one torch's own function is put back.

    Parameters
    ----------
    listener : that was told.
    """
    _LISTENERS[:] = [other for other in _LISTENERS if other is not listener]
    if not _LISTENERS and torch.autograd.backward is _backward:
        torch.autograd.backward = _TORCH.pop()
