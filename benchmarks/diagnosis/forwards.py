"""Remedies that change what a forward does, for modules whose source cannot be edited by a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class _Skip(TorchFunctionMode):
    """Calls of a function by its name, counted; the last of so many gives its input back."""

    def __init__(self, names: set[str], last: int | None = None) -> None:
        super().__init__()
        self.names, self.last, self.count = names, last, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in self.names:
            self.count += 1
            if self.count == self.last:
                return args[0]
        # inside, the mode is off: softmax of F calls softmax of the tensor, and that is one call
        return func(*args, **(kwargs or {}))


class WithoutLast(nn.Module):
    """A module without the last call of an activation in its forward.

    Parameters
    ----------
    inner : the module. kind : "softmax", "sigmoid", "tanh" or "relu".
    """

    def __init__(self, inner: nn.Module, kind: str) -> None:
        super().__init__()
        self.inner, self.names = inner, {kind, f"{kind}_", f"log_{kind}"}
        self.calls: int | None = None

    def forward(self, *inputs: Any) -> Any:
        if self.calls is None:
            modes = [(part, part.training) for part in self.inner.modules()]
            self.inner.eval()
            with torch.no_grad(), _Skip(self.names) as seen:
                self.inner(*inputs)
            for part, mode in modes:
                part.training = mode
            self.calls = seen.count
        with _Skip(self.names, self.calls):
            return self.inner(*inputs)


class _Whole(TorchFunctionMode):
    """A forward whose graph is not cut: what detaches gives its input back, and gradients are always on."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in ("detach", "detach_") or func is Tensor.data.__get__:  # type: ignore[attr-defined]
            return args[0]
        with torch.enable_grad():
            return func(*args, **(kwargs or {}))


class Attached(nn.Module):
    """A module without ``detach``, ``data`` and ``no_grad`` in its forward."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *inputs: Any) -> Any:
        if not self.training:
            return self.inner(*inputs)
        with _Whole():
            return self.inner(*inputs)


class Trimmed(nn.Module):
    """A module that gets rows of one length at a time, without the zeros behind their ends.

    Parameters
    ----------
    inner : a module of sequences (rows, steps) or (rows, steps, features).
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor, *others: Any) -> Tensor:
        filled = (x != 0) if x.ndim == 2 else (x != 0).flatten(2).any(2)
        steps = torch.arange(1, x.shape[1] + 1)
        lengths = (filled * steps).amax(1).clamp_min(1)
        parts, places = [], []
        for length in lengths.unique().tolist():
            rows = (lengths == length).nonzero()[:, 0]
            parts.append(self.inner(x[rows, :length], *(each[rows] for each in others)))
            places.append(rows)
        return torch.cat(parts)[torch.cat(places).argsort()]


class Fresh(nn.Module):
    """A module whose plain attributes are put back before every pass, and whose functional dropout ends in eval."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.kept = [(m, {k: v for k, v in vars(m).items() if k[0] != "_"}) for m in inner.modules()]

    def forward(self, *inputs: Any) -> Any:
        for module, values in self.kept:
            vars(module).update({name: item for name, item in values.items() if name != "training"})
        if self.training:
            return self.inner(*inputs)
        with _replaced(nn.functional, "dropout", lambda x, *_, **__: x):
            return self.inner(*inputs)


class ByAutograd(nn.Module):
    """A module whose hand-written functions are derived by autograd: their forwards are run without their backwards.

    Parameters
    ----------
    inner : the module. names : of the classes of `torch.autograd.Function`.
    """

    def __init__(self, inner: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.inner = inner
        self.functions = [each for each in _functions(torch.autograd.Function) if each.__name__ in names]

    def forward(self, *inputs: Any) -> Any:
        originals = [(each, vars(each).get("apply")) for each in self.functions]
        for each, _ in originals:
            each.apply = _plain(each)
        try:
            return self.inner(*inputs)
        finally:
            for each, own in originals:
                if own is None:
                    del each.apply
                else:
                    each.apply = own


class _Context:
    """What a forward of a function keeps for its backward, and nobody reads."""

    def save_for_backward(self, *tensors: Any) -> None:
        self.saved_tensors = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Nothing: autograd knows."""

    def mark_dirty(self, *tensors: Any) -> None:
        """Nothing: autograd knows."""


def _plain(function: Any) -> Any:
    return staticmethod(lambda *args: function.forward(_Context(), *args))


def _functions(base: Any) -> Iterator[Any]:
    for each in base.__subclasses__():
        yield each
        yield from _functions(each)


@contextmanager
def _replaced(owner: Any, name: str, other: Callable[..., Any]) -> Iterator[None]:
    own = getattr(owner, name)
    setattr(owner, name, other)
    try:
        yield
    finally:
        setattr(owner, name, own)
