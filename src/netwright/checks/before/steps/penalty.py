"""Questions to the penalty of large weights, in the optimizer or in the loss: does it swamp the data.

A loss that has a penalty in it depends on the weights in two ways, through the output and beside it. What it does
beside the output is taken out by::

    L'(output, target) = L(output, target) - L(output as a constant, target)

which has the same gradient through the output and none beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.finding import Finding, Remedy, fault, note
from netwright.checks.reading import each
from netwright.checks.trial import Change, Trial, call, no_decay

PULL = 0.5  # share of the weights' norm that is left when a penalty swamps the data
HELPS = 0.75
LEFT, MUCH = 0.3, 0.3  # of the loss that a strong penalty leaves; share of it that is left without, on new rows too
FALLS, FALLS_HELD = 0.5, 0.8  # of what the loss of the data falls by without the penalty; on rows held out


def weight_decay(context: Context) -> Iterable[Finding]:
    """Weight decay that pulls weights to 0 faster than the data builds them."""
    decays = [group.get("weight_decay", 0.0) for o in context.user_optimizers for group in o.param_groups]
    strongest = max((float(each) for each in decays), default=0.0)
    if strongest <= 0 or not context.steps:
        return
    trial = context.as_is
    kept = trial.weights[-1] / trial.weights[0] if trial.weights and trial.weights[0] > 0 else 1.0
    pull = _pull(context, strongest)
    context.signal("pull of the penalty over that of the data", pull, 2.0, "over-regularised")
    context.signal("norm of the weights left", kept, PULL, "over-regularised")
    if not (pull > 1.0 or kept < 0.9) or context.left(trial) < 0.5:
        return
    held, free = _longer(context), _longer(context, no_decay)
    before, after = min(context.left(held), 1e6), context.left(free)
    kept = held.weights[-1] / held.weights[0] if held.weights and held.weights[0] > 0 else kept
    context.signal("loss left without the penalty, of that with it", after / max(before, 1e-12), HELPS, "")
    faded = before > 0.97 and kept < 0.2 and before - after > 0.05
    better = after < HELPS * before and before - after > 0.05
    if not (faded or better):
        return
    little = before > 0.9 or (before > 0.6 and after < 0.5 * before)
    worse = before > LEFT and after < MUCH * before and _unseen(context, held, free) < MUCH
    yield (fault if faded or little or worse else note)(
        "over-regularised",
        f"a weight decay of {strongest:g} pulls {pull:.2g} times as hard as the data; after {len(held.losses)} steps "
        f"{kept:.0%} of the weights' norm is left, and {before:.2g} of the loss ({after:.2g} without decay)",
        "a pull of a few per cent of the data's",
        f"Try a weight decay of {_smaller(strongest):g}.",
        evidence={"decay": strongest, "pull": pull, "norm_left": kept, "left_as_is": before, "left_without": after},
        remedy=Remedy("optimizer", "weight_decay", _smaller(strongest)),
    )


def _unseen(context: Context, held: Trial, free: Trial) -> float:
    """The loss on rows held out after a trial without the penalty, of that with it; infinite without such rows."""
    rows = context.held
    if rows is None:
        return math.inf
    values = [context.value(context.answer(trial.module, rows), rows.target) for trial in (held, free)]
    return values[1] / values[0] if values[0] > 0 else math.inf


def _longer(context: Context, change: Change | None = None) -> Trial:
    """A trial of five times as many steps, or of the whole run where that is shorter."""
    total = (context.epochs or 5 * context.steps) * context.data.batches_of_a_pass
    return context.trial(change, steps=max(context.steps, min(5 * context.steps, total)))


def _smaller(strength: float) -> float:
    return float(f"{min(1e-4, strength / 1000):.1g}")


def _pull(context: Context, strength: float) -> float:
    """|decay x weights| over |gradient of the data| for the weight matrices."""
    squares = torch.zeros(2, dtype=torch.float64)
    for name, weight in context.layers:
        gradient = context.gradients.get(name)
        if gradient is not None and not gradient.is_sparse:
            squares += torch.stack([weight.detach().double().square().sum(), gradient.double().square().sum()])
    return strength * float(squares[0].sqrt() / squares[1].sqrt().clamp_min(1e-12))


def in_the_loss(context: Context) -> Iterable[Finding]:
    """A penalty in the loss, without whose gradient the loss of the data falls much further."""
    if not context.steps:
        return
    pull = _beside(context)
    context.signal("gradient of the loss beside the output over that through it", pull, PULL, "over-regularised")
    if not pull >= PULL:
        return
    rows, limit = (context.many, FALLS) if context.held is None else (context.held, FALLS_HELD)
    at = [context.value(context.answer(module, rows), rows.target) for module in (context.module, *_both(context))]
    held, free = at[0] - at[1], at[0] - at[2]
    share = context.signal("what the data's loss falls by with a penalty in it", held / max(free, 1e-12), limit, "")
    if not (math.isfinite(held) and free > 0.1 * _scale(context) and share < limit):
        return
    yield fault(
        "over-regularised",
        f"the loss depends on the weights beside the output, with {pull:.2g} times the gradient it has through it; "
        f"{5 * context.steps} steps lower the loss of the data by {held:.2g}, and by {free:.2g} without that part",
        "a penalty of a few per cent of the data's pull",
        "Make the factor of the penalty in the loss smaller: try a thousandth of it.",
        evidence={"pull": pull, "fall": held, "fall_without": free},
        remedy=Remedy("loss", "penalty", 1e-3),
    )


def _scale(context: Context) -> float:
    """What the loss of the data falls by from the start to the best constant answer, at least a tenth of a unit."""
    return max(abs(context.start - context.prior), 0.1) if math.isfinite(context.prior) else math.inf


def _beside(context: Context) -> float:
    """|gradient of the loss beside the output| over |that through it|; 0 where there is none beside."""
    module, _, loss = context.copies()
    weights = [p for p in module.train().parameters() if p.requires_grad]
    with quiet(), torch.enable_grad():
        output = call(module, context.batch)
        constant = each(output, torch.detach)
        value = torch.as_tensor(loss(constant, context.batch.target)).sum()
        if not weights or not value.requires_grad:
            return 0.0
        beside = _norm(torch.autograd.grad(value, weights, allow_unused=True))
        through = torch.as_tensor(_through(loss)(output, context.batch.target)).sum()
        return beside / max(_norm(torch.autograd.grad(through, weights, allow_unused=True)), 1e-12)


def _through(loss: Callable[..., Any]) -> Callable[[Any, Any], Tensor]:
    """The loss with its gradient through the output alone."""

    def alone(output: Any, target: Any) -> Tensor:
        constant = torch.as_tensor(loss(each(output, torch.detach), target))
        return torch.as_tensor(loss(output, target)) - constant + constant.detach()

    return alone


def _norm(gradients: Iterable[Tensor | None]) -> float:
    return math.hypot(*(float(g.double().norm()) for g in gradients if g is not None and not g.is_sparse))


def _both(context: Context) -> Iterable[Any]:
    """The program after five times the steps of a trial, as it is and with the loss through the output alone."""
    steps = 5 * context.steps
    yield context.trial(steps=steps).module
    yield context.trial(steps=steps, loss=_through(context.copies()[2])).module
