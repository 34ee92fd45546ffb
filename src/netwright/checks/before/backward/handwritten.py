"""Autograd functions written by hand: which a program uses, and whether each is the slope of its own forward.

A function y = f(x) is asked by itself, in float64: its backward of a fixed v against centred differences of <v, f(x)>
at some entries of x. Two kinds differ on purpose. One hands its input on and changes the gradient alone (gradient
reversal, Ganin and Lempitsky 2015; scaled or clipped gradients). The other is constant piece by piece (rounding, sign,
a threshold), where the slope is 0 and a surrogate stands in its place (straight-through, Bengio et al. 2013).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from netwright.checks.before.backward.double import double_precision
from netwright.checks.before.backward.walking import nodes_behind
from netwright.checks.copies import quiet

STEP = 1e-5
WRONG = 1e-2  # relative error of an entry
ENTRIES = 12  # of each input
SOME = 0.1  # share of entries that must be unlike
STILL = 0.9  # share of entries without a slope, where a function is constant piece by piece


@dataclass(frozen=True)
class Call:
    """One call of a function: its class and what it was given, without the context."""

    function: Any
    args: tuple[Any, ...]


@dataclass(frozen=True)
class Entry:
    """One entry of an input: the slope of <v, f(x)> by backward and by differences, and that of its own output."""

    analytic: float
    numeric: float
    own: float
    factor: float

    @property
    def unlike(self) -> bool:
        """Whether the two slopes are not one."""
        size = max(abs(self.analytic), abs(self.numeric))
        return abs(self.analytic - self.numeric) > WRONG * size and size > 1e-9


def functions_of(value: Any) -> list[Any]:
    """The autograd functions in the graph of a value that were written in Python, outside of torch.

    Parameters
    ----------
    value : a tensor.
    """
    own = (getattr(type(node), "_forward_cls", None) for node in nodes_behind([value]))
    return list(dict.fromkeys(each for each in own if each is not None and not each.__module__.startswith("torch.")))


@contextmanager
def calls_of(functions: Iterable[Any]) -> Iterator[list[Call]]:
    """Note what some functions are given inside.

    Parameters
    ----------
    functions : classes; their forward is put back as it was.
    """
    calls: list[Call] = []
    kept = [(each, each.__dict__.get("forward")) for each in functions]
    try:
        for each, _ in kept:
            each.forward = staticmethod(_noting(each, each.forward, calls))
        yield calls
    finally:
        for each, own in kept:
            if own is None:
                del each.forward
            else:
                each.forward = own


def _noting(function: Any, forward: Callable[..., Any], calls: list[Call]) -> Callable[..., Any]:
    def noted(*args: Any, **kwargs: Any) -> Any:
        given = args[1:] if args and isinstance(args[0], torch._C._FunctionBase) else args
        calls.append(Call(function, tuple(_copy(each) for each in given)))
        return forward(*args, **kwargs)

    return noted


def _copy(item: Any) -> Any:
    return item.detach().clone().requires_grad_(item.requires_grad) if isinstance(item, Tensor) else item


def verdict(call: Call) -> str:
    """What a function's backward is to its forward.

    Parameters
    ----------
    call : of the function.

    Returns
    -------
    "right", the slope; "reverses", its input is handed on and only the gradient is changed; "rounds", a surrogate of
    what is constant piece by piece; "unlike", something else; "unknown", where it cannot be asked.
    """
    try:
        with quiet(), torch.enable_grad(), double_precision():
            return _judged(call.function, [_wide(each) for each in call.args])
    except Exception:  # a function may take its own world for granted
        return "unknown"


def _wide(item: Any) -> Any:
    if not isinstance(item, Tensor) or not item.is_floating_point():
        return item
    return item.detach().double().requires_grad_(item.requires_grad)


def _judged(function: Any, args: list[Any]) -> str:
    outputs = _outputs(function, args)
    drawn = [torch.randn(each.shape, generator=torch.Generator().manual_seed(at)) for at, each in enumerate(outputs)]
    weights = [v.to(each) for v, each in zip(drawn, outputs, strict=True)]
    asked = [at for at, each in enumerate(args) if isinstance(each, Tensor) and each.requires_grad]
    slopes = torch.autograd.grad(_sum(outputs, weights), [args[at] for at in asked], allow_unused=True)
    outputs = [each.detach() for each in outputs]
    verdicts = {"right"}
    for at, slope in zip(asked, slopes, strict=True):
        entries = [] if slope is None else _entries(function, args, at, slope.reshape(-1), outputs, weights)
        if sum(entry.unlike for entry in entries) > SOME * len(entries):
            verdicts.add(_kind(args[at].detach(), entries, outputs))
    return next(each for each in ("reverses", "rounds", "unlike", "right") if each in verdicts)


def _outputs(function: Any, args: list[Any]) -> list[Tensor]:
    """The real outputs of a call; what it is given is cloned, since it may write into it."""
    result = function.apply(*(each.clone() if isinstance(each, Tensor) else each for each in args))
    several = result if isinstance(result, (tuple, list)) else [result]
    return [each for each in several if isinstance(each, Tensor) and each.is_floating_point()]


def _sum(outputs: list[Tensor], weights: list[Tensor]) -> Tensor:
    return torch.stack([(each * v).sum() for each, v in zip(outputs, weights, strict=True)]).sum()


def _entries(
    function: Any, args: list[Any], at: int, slope: Tensor, outputs: list[Tensor], weights: list[Tensor]
) -> list[Entry]:
    """Entries of one input, in the order of their values; those at a kink are left out."""
    n = len(slope)
    order = args[at].detach().reshape(-1).argsort()
    inner = order[1:-1] if n > 4 else order  # the largest may set a scale for all
    found = []
    for index in inner[torch.linspace(0, len(inner) - 1, min(ENTRIES, len(inner))).round().long()].tolist():
        moved, further = ([_moved(function, args, at, index, h) for h in (size, -size)] for size in (STEP, 3 * STEP))
        right, left, right_3, left_3 = (
            float(_sum(each, weights) - _sum(outputs, weights)) for each in (*moved, *further)
        )
        numeric, wider = (right - left) / (2 * STEP), (right_3 - left_3) / (6 * STEP)
        if abs(right + left) > WRONG * max(abs(right), abs(left), 1e-6 * STEP):
            continue
        if abs(numeric - wider) > 0.1 * abs(float(slope[index]) - numeric) + 1e-6:
            continue  # rounded to single precision inside, say
        like = [k for k, each in enumerate(outputs) if each.numel() == n]
        changes = [(a - b).reshape(-1).abs() / (2 * STEP) for a, b in zip(*moved, strict=True)]
        own = float(changes[like[0]][index]) if like else max(float(each.max()) for each in changes)
        factor = float(weights[like[0]].reshape(-1)[index]) if like else 0.0
        found.append(Entry(float(slope[index]), numeric, own, factor))
    return found


def _moved(function: Any, args: list[Any], at: int, index: int, step: float) -> list[Tensor]:
    other = args[at].detach().clone()
    other.view(-1)[index] += step
    with quiet(), torch.no_grad():
        return _outputs(function, [other if k == at else each for k, each in enumerate(args)])


def _kind(x: Tensor, entries: list[Entry], outputs: list[Tensor]) -> str:
    """What a function is whose backward is not its slope: "reverses", "rounds" or "unlike"."""
    if any(each.shape == x.shape and torch.equal(each, x) for each in outputs):
        return "reverses"
    levels = min((len(torch.unique(each)) / max(each.numel(), 1) for each in outputs), default=1.0)
    flat = min(0.25, levels) if levels <= 0.5 else 1e-7  # a mean that scales some moves with each of them
    still = [entry.own <= flat for entry in entries]
    if sum(still) >= STILL * len(still):
        return "rounds"
    masked = all(still[k] for k, entry in enumerate(entries) if entry.unlike)
    below = still == sorted(still, reverse=True)  # as of a ReLU, whose backward must have the mask
    return "rounds" if masked and not below and _handed_back(entries) else "unlike"


def _handed_back(entries: list[Entry]) -> bool:
    """Whether the backward is the incoming gradient times one number."""
    factors = [entry.analytic / entry.factor for entry in entries if entry.factor]
    return bool(factors) and max(factors) - min(factors) <= 1e-6 * max(map(abs, factors))
