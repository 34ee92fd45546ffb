"""A question to a loss of several terms: does one that knows nothing of the target drown those that do.

L = L_known + L_free, where L_free is the addends that depend on the output and not on the target, such as the
divergence of a variational autoencoder. The answers are the same for every row where L_free wins, and then L_known is
that of the targets of other rows.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.before.steps.addends import MOST, addends
from netwright.checks.context import Context, steps_in_the_end
from netwright.checks.copies import quiet
from netwright.checks.finding import Finding, Remedy, fault
from netwright.checks.reading import Batch, each, leaves
from netwright.checks.trial import Change, call

PULL = 0.5  # gradient of the terms without the target over that of the others
LITTLE, MUCH = 0.1, 0.3  # of what terms with the target are for those of other rows: what own targets save of it
TIMES = 5  # that much more than as it is, where the others are made weaker
LOST = 0.3  # of what was saved: less is left once they are back
WEAK = (1e-3, 1e-5)  # what they are then multiplied by: the second where too little is learned with the first

Loss = Callable[[Any, Any], Any]


def drowned(context: Context) -> Iterable[Finding]:
    """Terms of a loss without the target, with which nothing is learned, and without which it is until they return."""
    if not context.steps:
        return
    module, _, loss = context.copies()
    terms = terms_of(module.train(), loss, context.batch)
    if terms is None:
        return
    pull = _pull(context, terms, context.module)
    held = context.as_is
    pull = pull if pull >= PULL or not held.finite else _pull(context, terms, held.module)
    context.signal("gradient of the terms without the target over that of the others", pull, PULL, "over-regularised")
    if not (pull >= PULL and held.finite):
        return
    before = _told(context, terms, held.module)
    context.signal("of the terms with the target, what own targets save", before.saved, LITTLE, "")
    freed = _freed(context, terms, loss, before) if before.saved < LITTLE else None
    if freed is None:
        return
    yield fault(
        "over-regularised",
        f"{_counted(len(terms.free))} of the loss depend on the output and not on the target, with {pull:.2g} times "
        f"the gradient of the others: in {context.steps} steps these get to {before.own:.3g}, no better than with the "
        f"targets of other rows, and in {freed.steps} to {freed.told.own:.3g} with the former times {freed.factor:g}; "
        "that is lost when they are back",
        "terms without the target that leave room to learn from it",
        "Multiply the terms without the target (a divergence, a penalty of the output) by less, such as "
        f"{freed.factor:g}; take sums, or means, over the same axes in all terms.",
        evidence={"pull": pull, "known_as_is": before.own, "known_weaker": freed.told.own, "terms": len(terms.free)},
        remedy=Remedy("loss", "free_terms", freed.factor),
    )


@dataclass(frozen=True)
class Freed:
    """What terms with the target get to in so many steps with the others times a factor."""

    factor: float
    steps: int
    told: Told


def _freed(context: Context, terms: Terms, loss: Loss, before: Told) -> Freed | None:
    """How something is learned with weaker terms that is lost when they are back, and not learned in time with them."""
    end = max(steps_in_the_end(context), context.steps)
    for factor, steps in ((WEAK[0], context.steps), (WEAK[1], context.steps), (WEAK[1], end)):
        free = context.trial(loss=terms.weaker(loss, factor), steps=steps)
        after = _told(context, terms, free.module)
        context.signal(f"the same after {steps} steps with the others times {factor:g}", after.saved, LITTLE, "")
        if free.finite and after.saved >= max(MUCH if steps < end else LITTLE, TIMES * before.saved):
            break
    else:
        return None
    for change, length in ((_from(free.module), steps), (None, end)):
        if not _told(context, terms, context.trial(change, steps=length).module).saved < LOST * after.saved:
            return None  # what is learned stays, or is learned in time
    return Freed(factor, steps, after)


def _counted(number: int) -> str:
    return "1 term" if number == 1 else f"{number} terms"


@dataclass(frozen=True)
class Terms:
    """Which addends of a loss do not know the target, of how many."""

    free: frozenset[int]
    known: frozenset[int]
    total: int

    def weaker(self, loss: Loss, factor: float) -> Loss:
        """The loss with the addends that do not know the target times a factor."""

        def changed(output: Any, target: Any) -> Any:
            value, parts = addends(loss, output, target)
            if len(parts) != self.total:
                return value
            return value - (1 - factor) * sum(parts[k] for k in self.free)

        return changed

    def part(self, loss: Loss, output: Any, target: Any) -> float:
        """The sum of the addends that know the target; NaN where the loss has other addends than before."""
        parts = addends(loss, output, target)[1]
        return float(sum(parts[k].detach().double() for k in self.known)) if len(parts) == self.total else math.nan


def terms_of(module: nn.Module, loss: Loss, batch: Batch) -> Terms | None:
    """The addends of a loss with and without the target; None where it has not both.

    Parameters
    ----------
    module : in train mode. loss : of its output. batch : of rows.
    """
    try:
        with quiet(), torch.enable_grad():
            output = each(call(module, batch), _leaf)
            tensors = [tensor for tensor in leaves(output) if tensor.requires_grad]
            parts = _parts(loss, output, batch.target)
            if not tensors or not 2 <= len(parts) <= MOST:
                return None
            others = [_parts(loss, output, each(batch.target, change)) for change in (_turned, _halved)]
            slopes = [_slopes(part, tensors) for part in parts]
    except Exception:  # the loss of a user may refuse any probe
        return None
    if any(len(other) != len(parts) for other in others):
        return None
    known = {k for k, part in enumerate(parts) if any(not torch.equal(part, other[k]) for other in others)}
    free = {k for k in range(len(parts)) if k not in known and any(bool(s.any()) for s in slopes[k])}
    for _ in range(len(free)):  # a term of the same numbers of the output belongs to the others: a spread, a partition
        shared = {k for k in free if any(_meet(slopes[k], slopes[other]) for other in known)}
        free, known = free - shared, known | shared
    return Terms(frozenset(free), frozenset(known), len(parts)) if free and known else None


def _parts(loss: Loss, output: Any, target: Any) -> list[Tensor]:
    with quiet():
        return addends(loss, output, each(target, torch.clone))[1]


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_(tensor.requires_grad)


def _turned(tensor: Tensor) -> Tensor:
    return tensor.roll(1, 0)


def _halved(tensor: Tensor) -> Tensor:
    """The targets of the first half of the rows, for both halves."""
    return torch.cat([tensor[: len(tensor) // 2], tensor])[: len(tensor)]


def _slopes(part: Tensor, tensors: list[Tensor]) -> list[Tensor]:
    """For each number of a row of the outputs, whether an addend depends on it for any row."""
    if not part.requires_grad:
        return [_none(tensor) for tensor in tensors]
    found = torch.autograd.grad(part, tensors, retain_graph=True, allow_unused=True)
    return [_none(t) if g is None else (g != 0).any(0) for g, t in zip(found, tensors, strict=True)]


def _none(tensor: Tensor) -> Tensor:
    return torch.zeros(tensor.shape[1:], dtype=torch.bool, device=tensor.device)


def _meet(one: list[Tensor], other: list[Tensor]) -> bool:
    return any(bool((a & b).any()) for a, b in zip(one, other, strict=True))


def _pull(context: Context, terms: Terms, module: nn.Module) -> float:
    """|gradient of the terms without the target| over |that of the others|, of the weights that both reach."""
    module, loss = copy.deepcopy(module).train(), context.copies()[2]
    weights = [p for p in module.parameters() if p.requires_grad]
    with quiet(), torch.enable_grad():
        parts = _parts(loss, call(module, context.batch), context.batch.target)
        if len(parts) != terms.total or not weights:
            return 0.0
        sums = [torch.stack([parts[k].double() for k in sorted(which)]).sum() for which in (terms.free, terms.known)]
        if not all(each_sum.requires_grad for each_sum in sums):
            return 0.0
        free, known = (torch.autograd.grad(s, weights, allow_unused=True, retain_graph=True) for s in sums)
    both = [(a, b) for a, b in zip(free, known, strict=True) if a is not None and b is not None and not a.is_sparse]
    sizes = [math.hypot(*(float(pair[k].double().norm()) for pair in both)) for k in (0, 1)]
    return sizes[0] / max(sizes[1], 1e-12)


@dataclass(frozen=True)
class Told:
    """The terms that know the target, for the targets of the rows and for those of other rows."""

    own: float
    other: float

    @property
    def saved(self) -> float:
        """The share of the terms for other rows' targets that own targets save; NaN where that has no meaning."""
        return 1 - self.own / self.other if self.other > 0 and self.own >= 0 else math.nan


def _told(context: Context, terms: Terms, module: nn.Module) -> Told:
    """The terms that know the target, in train mode."""
    module, rows, loss = copy.deepcopy(module).train(), context.many, context.copies()[2]
    with quiet(), torch.enable_grad():
        output = each(call(module, rows), _leaf)
    return Told(terms.part(loss, output, rows.target), terms.part(loss, output, each(rows.target, _turned)))


def _from(start: nn.Module) -> Change:
    """A change: the weights of another module."""
    state = copy.deepcopy(start.state_dict())
    return lambda module, optimizers: module.load_state_dict(state)
