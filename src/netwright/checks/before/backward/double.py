"""A mode in which a program computes in float64, whatever numbers of single precision its functions refer to.

``module.double()`` reaches the weights of a module. It does not reach a tensor that a function or a loss refers to
(class weights, a constant matrix), nor a cast that forward makes. Inside this mode an operand of single precision that
meets one of double precision is widened, and a cast that would lose digits keeps them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_NARROW = {torch.float32, torch.float16, torch.bfloat16}
_CASTS = {"to", "type", "float", "half", "bfloat16", "type_as"}


class _Wide(TorchFunctionMode):
    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name in _CASTS and args and isinstance(args[0], Tensor):
            return _kept(args[0], func(*args, **kwargs))
        if isinstance(kwargs.get("dtype"), torch.dtype) and kwargs["dtype"] in _NARROW:
            kwargs["dtype"] = torch.float64
        if not any(map(_is_wide, _tensors((args, kwargs)))):
            return func(*args, **kwargs)
        own, rest = (args[:1], args[1:]) if _writes(name) else ((), args)
        return func(*own, *_widened(rest), **_widened(kwargs))


@contextmanager
def double_precision() -> Iterator[None]:
    """Compute in float64 inside: what is made anew is wide, and so is what meets it."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _Wide():
            yield
    finally:
        torch.set_default_dtype(before)


def _kept(given: Tensor, result: Any) -> Any:
    """The result of a cast, in the precision of what was given where that is higher."""
    if not isinstance(result, Tensor) or result.dtype not in _NARROW:
        return result
    if given.dtype == torch.float64:
        return given.to(result.device)
    return result if given.dtype in _NARROW else result.double()


def _is_wide(tensor: Tensor) -> bool:
    return tensor.dtype in (torch.float64, torch.complex128)


def _writes(name: str) -> bool:
    """Whether a function writes into its first argument, which must then stay the one that was given."""
    return (name.endswith("_") and not name.endswith("__")) or name in ("__setitem__", "__set__") or name[:3] == "__i"


def _tensors(item: Any) -> Iterator[Tensor]:
    if isinstance(item, Tensor):
        yield item
    elif isinstance(item, dict):
        for part in item.values():
            yield from _tensors(part)
    elif isinstance(item, (tuple, list)):
        for part in item:
            yield from _tensors(part)


def _widened(item: Any) -> Any:
    if isinstance(item, Tensor):
        wide = torch.float64 if item.dtype in _NARROW else torch.complex128
        return item.to(wide) if item.dtype in _NARROW or item.dtype == torch.complex64 else item
    if isinstance(item, dict):
        return {name: _widened(part) for name, part in item.items()}
    if type(item) in (tuple, list):
        return type(item)(map(_widened, item))
    return item
