"""The value of a loss as a sum: its addends, told apart by watching the value being computed.

A loss of several terms is followed back from its value through all that is linear, L = f_1(t_1) + f_2(t_2) + ..., where
f_k are sums, means, signs and factors, and t_k is the first tensor on the way that something else made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

MOST = 48  # addends that are told apart, and operations between one and the value
SUMS = {"add", "sub", "rsub", "stack", "cat", "concat", "concatenate"}
SCALES = {"mul", "multiply", "div", "divide", "true_divide"}
KEEPS = {"mean", "sum", "neg", "negative", "positive", "reshape", "view", "squeeze", "unsqueeze", "flatten", "float"}
KEEPS |= {"double", "to", "clone", "contiguous", "expand", "getitem", "permute", "transpose", "type", "view_as"}

Linear = Callable[[Tensor], Tensor]


class _Ledger(TorchFunctionMode):
    """Notes of every result of something linear how it was made."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[int, tuple[str, Any, tuple[Any, ...], dict[str, Any]]] = {}
        self.alive: list[Any] = []  # so that no number of an object is given twice

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        kind = name.strip("_")
        if kind not in SUMS | SCALES | KEEPS or not args or "out" in kwargs:
            return func(*args, **kwargs)
        if not name.startswith("__") and name.endswith("_"):  # in place: what was there before is an operand
            before = args[0].clone()
            if id(args[0]) in self.made:
                self.made[id(before)] = self.made[id(args[0])]
            result = func(*args, **kwargs)
            func, args = getattr(torch, kind), (before, *args[1:])
        else:
            result = func(*args, **kwargs)
        self.alive += [args, result]
        if isinstance(result, Tensor) and not any(result is each for each in args):
            self.made[id(result)] = kind, func, args, kwargs
        return result


def addends(loss: Callable[..., Any], output: Any, target: Any) -> tuple[Tensor, list[Tensor]]:
    """The value of a loss and its addends, each with its graph; numbers among them are left out.

    Parameters
    ----------
    loss : ``loss(output, target)``. output : with gradients. target : of the same rows.
    """
    ledger = _Ledger()
    with ledger:
        value = torch.as_tensor(loss(output, target))
    return value.sum(), list(_parts(ledger, value, torch.sum, 0))


def _parts(ledger: _Ledger, tensor: Tensor, rest: Linear, depth: int) -> Iterator[Tensor]:
    """What a tensor adds to the value, which is linear in it, and what made it if that is linear too."""
    kind, func, args, kwargs = ledger.made.get(id(tensor), ("", None, (), {}))
    where = list(_ways(kind, args)) if depth < MOST else []
    if not where:
        yield rest(tensor)
    for operand, others in where:
        yield from _parts(ledger, operand, _through(rest, func, others, kwargs), depth + 1)


def _through(rest: Linear, func: Any, others: Callable[[Tensor], tuple[Any, ...]], kwargs: dict[str, Any]) -> Linear:
    return lambda operand: rest(func(*others(operand), **kwargs))


def _ways(kind: str, args: tuple[Any, ...]) -> Iterable[tuple[Tensor, Callable[[Tensor], tuple[Any, ...]]]]:
    """The operands that a result is linear in, each with the arguments with which it alone has a part in it."""
    if kind in SUMS:
        listed = isinstance(args[0], (list, tuple))
        operands = list(args[0] if listed else args[:2])
        for place, operand in enumerate(operands):
            if isinstance(operand, Tensor):

                def alone(part: Tensor, place: int = place) -> tuple[Any, ...]:
                    parts = [part if k == place else _nothing(other) for k, other in enumerate(operands)]
                    return (parts, *args[1:]) if listed else (*parts, *args[2:])

                yield operand, alone
    elif kind in SCALES and len(args) > 1:
        first, second = args[:2]
        if _moves(first) and not _moves(second):
            yield first, lambda part: (part, second, *args[2:])
        elif kind in ("mul", "multiply") and _moves(second) and not _moves(first):
            yield second, lambda part: (first, part, *args[2:])
    elif kind in KEEPS and isinstance(args[0], Tensor):
        yield args[0], lambda part: (part, *args[1:])


def _moves(item: Any) -> bool:
    return isinstance(item, Tensor) and item.requires_grad


def _nothing(operand: Any) -> Any:
    return torch.zeros_like(operand) if isinstance(operand, Tensor) else 0 * operand
