"""A question to random draws in forward: do they let a gradient through to the network that says what to draw.

A draw z ~ N(m, s) by ``sample`` is a constant to autograd; z = m + s e with e ~ N(0, 1), which is ``rsample``, has the
same distribution and the slopes dz/dm = 1 and dz/ds = e.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.overrides import TorchFunctionMode

from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.during.lines import line
from netwright.checks.finding import Finding, Remedy, Where, fault
from netwright.checks.reading import each, leaves
from netwright.checks.trial import Trial, call

HELPS = 0.9  # of the loss as it is, where draws let the gradient through
PASSES = 3
ALONE = threading.RLock()  # the methods are those of classes: one check at a time changes them


@dataclass
class Draw:
    """A draw without a gradient. what : the call. value : that was drawn. line : of the source."""

    what: str
    value: Tensor
    line: str | None


@dataclass
class Draws:
    """Draws whose parameters have a gradient, as they are watched or let through.

    Attributes
    ----------
    through : whether each is made anew with its gradient. found : the draws. asked : of which log_prob was asked.
    """

    through: bool = False
    found: list[Draw] = field(default_factory=list)
    asked: list[Tensor] = field(default_factory=list)
    depth: int = 0

    def take(self, what: str, value: Tensor, again: Callable[[], Tensor]) -> Tensor:
        """What a draw gives instead of its value: one with a gradient, or the same of which is seen where it goes."""
        if self.through:
            return again()
        leaf = value.detach().requires_grad_()
        self.found.append(Draw(what, leaf, line()))
        return leaf.clone()

    def asks(self, draw: Draw, given: list[Tensor]) -> bool:
        """Whether log_prob of a draw was asked for, or may be by hand, as the output has the draw in it."""
        if any(_same(draw.value, value) for value in (*self.asked, *given)):
            return True
        return any(_reaches(value, draw.value) for value in self.asked)


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool((one.detach() == other.detach()).all())


def _reaches(value: Tensor, start: Tensor) -> bool:
    if not value.requires_grad:
        return False
    return torch.autograd.grad(value.sum(), [start], retain_graph=True, allow_unused=True)[0] is not None


@contextmanager
def watched(draws: Draws) -> Iterator[None]:
    """Note the draws of distributions and of `torch.normal` in this thread, and change them as is asked.

    Parameters
    ----------
    draws : where they are noted.
    """
    thread, names = threading.get_ident(), ("sample", "log_prob")
    with ALONE:
        old = [(kind, name, vars(kind)[name]) for kind in _kinds() for name in names if name in vars(kind)]
        for kind, name, method in old:
            setattr(kind, name, (_sampling if name == "sample" else _asking)(method, draws, thread))
        try:
            with _Normals(draws):
                yield
        finally:
            for kind, name, method in old:
                setattr(kind, name, method)


def _kinds() -> list[Any]:
    """All distributions that there are."""
    kinds: list[Any] = [Distribution]
    for kind in kinds:
        kinds += [lower for lower in kind.__subclasses__() if lower not in kinds]
    return kinds


def _sampling(method: Any, draws: Draws, thread: int) -> Any:
    """A method ``sample`` whose draws are taken."""

    @wraps(method)
    def sample(self: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread or draws.depth or not torch.is_grad_enabled() or not _learned(self):
            return method(self, *args, **kwargs)
        draws.depth += 1
        try:
            value = method(self, *args, **kwargs)
            return draws.take(f"{type(self).__name__}.sample", value, lambda: self.rsample(*args, **kwargs))
        finally:
            draws.depth -= 1

    return sample


def _asking(method: Any, draws: Draws, thread: int) -> Any:
    """A method ``log_prob`` whose argument is noted."""

    @wraps(method)
    def log_prob(self: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() == thread and isinstance(value, Tensor) and not draws.through:
            draws.asked.append(value)
        return method(self, value, *args, **kwargs)

    return log_prob


def _learned(distribution: Distribution, deep: int = 3) -> bool:
    """Whether a distribution can be drawn from with a gradient and has parameters that have one."""
    held = vars(distribution).values()
    if any(isinstance(part, Tensor) and part.requires_grad for part in held):
        return bool(distribution.has_rsample)
    inner = [part for part in held if isinstance(part, Distribution)]
    return deep > 0 and bool(distribution.has_rsample) and any(_learned(part, deep - 1) for part in inner)


class _Normals(TorchFunctionMode):
    """Takes the draws of `torch.normal`, whose derivative is 0."""

    def __init__(self, draws: Draws) -> None:
        super().__init__()
        self.draws = draws

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is not torch.normal or not torch.is_grad_enabled():
            return func(*args, **kwargs)
        given = dict(zip(("mean", "std"), args, strict=False)) | kwargs
        mean, std = given.get("mean", 0.0), given.get("std", 1.0)
        if not any(isinstance(part, Tensor) and part.requires_grad for part in (mean, std)):
            return func(*args, **kwargs)
        value = func(*args, **kwargs)
        return self.draws.take("torch.normal", value, lambda: mean + std * torch.randn_like(value))


def drawn(context: Context) -> Iterable[Finding]:
    """Draws in forward by ``sample`` or ``torch.normal``, without which gradient less is learned than with it."""
    cut = _cut(context)
    context.signal("draws that let no gradient through", len(cut), 0, "detached")
    if not cut or not context.steps:
        return
    before = _loss_of(context, context.as_is)
    with watched(Draws(through=True)):
        free = context.trial(_as_it_is)
    after = _loss_of(context, free)
    least = HELPS * before if before > 0 else before / HELPS
    context.signal("loss with a gradient through the draws, of that as it is", after / (before or 1.0), HELPS, "")
    if not after < least:
        return
    what, better = cut[0].what, "rsample" if cut[0].what.endswith("sample") else "mean + std * torch.randn_like(std)"
    yield fault(
        "detached",
        f"forward draws by {what}, through which no gradient goes to what it draws from: {context.steps} steps get to "
        f"a loss of {before:.3g}, and to {after:.3g} with {better}",
        "draws that are made from the mean and the spread by a formula (the reparametrisation trick)",
        f"Draw by {better}; where the draw is to be a constant, as an action is, take its log_prob into the loss.",
        evidence={"draws": len(cut), "loss_as_is": before, "loss_through": after},
        remedy=Remedy("module", "draw", "rsample"),
        where=Where(line=cut[0].line),
    )


def _as_it_is(module: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
    """No change: what is another than in the trial of the program is how it draws."""


def _cut(context: Context) -> list[Draw]:
    """The draws of a pass on which the loss depends, and which cut the way back to what they are drawn from."""
    module, _, loss = context.copies()
    draws = Draws()
    try:
        with quiet(), torch.enable_grad(), watched(draws):
            output = call(module.train(), context.batch)
            inside = list(draws.found)
            value = torch.as_tensor(loss(output, each(context.batch.target, torch.clone))).sum()
            if not inside or not value.requires_grad:
                return []
            slopes = torch.autograd.grad(value, [d.value for d in inside], allow_unused=True, retain_graph=True)
            given = list(leaves(output))
            return [
                draw
                for draw, slope in zip(inside, slopes, strict=True)
                if slope is not None and bool(slope.any()) and not draws.asks(draw, given)
            ]
    except Exception:  # of a program that does more with what it draws, such as a play with it
        return []


def _loss_of(context: Context, trial: Trial) -> float:
    """The mean loss of many rows over some passes in train mode, after a trial."""
    module, loss, rows = copy.deepcopy(trial.module).train(), context.copies()[2], context.many
    values = []
    for seed in range(PASSES):
        with quiet(seed), torch.no_grad():
            value = torch.as_tensor(loss(call(module, rows), each(rows.target, torch.clone)))
            values.append(float(value.double().sum()))
    return sum(values) / len(values)
