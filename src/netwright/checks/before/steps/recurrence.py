"""Questions to recurrent networks: does the gradient grow on its way back through the steps, or fade.

A gradient that fades is a cause only where it matters, which is proved by cutting the sequences: the same program
learns from the first tenth of the steps alone and not from the last tenth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from torch import Tensor, nn

from netwright.checks.before.backward.growth import growth_through_time
from netwright.checks.before.steps.start import redrawn
from netwright.checks.context import Context
from netwright.checks.finding import Finding, Remedy, Where, fault
from netwright.checks.reading import Batch, each, leaves

GROWN = 10.0  # gradient of the first steps of a sequence over that of the last
FADED = 1e-8
LONG = 30  # steps of a sequence
STUCK, LEARNS = 0.95, 0.6  # loss left of the whole sequences, and of their first tenth
HELPS = 0.75


def _recurrent(context: Context) -> list[str]:
    parts = context.user_module.named_modules()
    return [name for name, part in parts if isinstance(part, nn.RNNBase | nn.RNNCellBase)]


def faded_through_time(context: Context) -> Iterable[Finding]:
    """A recurrent network that learns nothing from steps whose gradient has faded on its way back."""
    recurrent = _recurrent(context)
    lengths = {tensor.shape[1] for tensor in leaves(context.batch.inputs) if tensor.ndim >= 2}
    if not recurrent or not context.user_optimizers or len(lengths) != 1 or min(lengths) < LONG:
        return
    growth = growth_through_time(context)
    context.signal("growth of the gradient back through the steps", growth, FADED, "vanishing-gradient")
    if growth > FADED or not context.as_is.finite or context.left(context.as_is) < STUCK:
        return
    length = lengths.pop()
    few = length // 10
    first = _cut(context, lambda tensor: tensor[:, :few])
    context.signal("loss left of the first tenth of the steps", first, LEARNS, "vanishing-gradient")
    last = _cut(context, lambda tensor: tensor[:, -few:]) if first < LEARNS else math.nan
    if not last > STUCK - 0.05:
        return
    name = recurrent[0]
    yield fault(
        "vanishing-gradient",
        f"the gradient of the first steps of a sequence is {growth:.1e} of that of the last ones; the program leaves "
        f"{context.left(context.as_is):.2g} of the loss, {first:.2g} if it is given the first {few} of the {length} "
        f"steps alone and {last:.2g} if the last {few}",
        "a gradient that reaches the steps which tell",
        f"Use an LSTM or GRU for {name} with the mean or an attention over its states, or shorter sequences.",
        evidence={"growth": growth, "left_first": first, "left_last": last, "steps": length},
        remedy=Remedy("module", "pool", "mean"),
        where=Where(layer=name),
    )


def _cut(context: Context, part: Callable[[Tensor], Tensor]) -> float:
    """What is left of the loss where sequences are cut, which takes a tenth of the time, after five times the steps."""
    steps = 5 * context.steps
    cut = [
        Batch(each(batch.inputs, lambda tensor: part(tensor) if tensor.ndim >= 2 else tensor), batch.target)
        for batch in context.data.stream(steps)
    ]
    return context.left(context.trial(steps=steps, batches=cut))


def through_time(context: Context) -> Iterable[Finding]:
    """A recurrent network whose gradient grows on its way back through the steps, and which learns once clipped."""
    recurrent = _recurrent(context)
    if not recurrent or not context.user_optimizers:
        return
    trial = context.as_is
    norms = [norm for norm in trial.norms if math.isfinite(norm)]
    if not norms:
        return
    growth = growth_through_time(context)
    context.signal("growth of the gradient back through the steps", growth, GROWN, "exploding-gradient")
    middle = sorted(norms)[len(norms) // 2]
    spikes = max(norms) / max(middle, 1e-12)
    context.signal("largest gradient over the median one", spikes, 100.0, "exploding-gradient")
    before = context.left(trial)
    if trial.finite and before < 0.9 and spikes < 100:
        return
    if growth <= GROWN or (middle < 5 and spikes < 20 and trial.finite):
        return  # what grows in the steps of training alone is that of too high a rate
    clipped = context.trial(clip=1.0)
    after = context.left(clipped)
    fresh = redrawn(context)
    figures = {"growth": growth, "first": norms[0], "largest": max(norms)}
    if after < HELPS * min(before, 1e6) or (fresh.left < HELPS * min(before, 1e6) and max(norms[:3]) > 20):
        yield fault(
            "exploding-gradient",
            f"the gradient grows by a factor of {growth:.2g} on its way back through the steps, its norm is "
            f"{norms[0]:.3g} at the start and reaches {max(norms):.3g}; clipped at 1, {context.steps} steps leave "
            f"{after:.2g} of the loss, not {min(before, 1e6):.2g}",
            "a norm that stays within a factor of a hundred",
            f"Clip the gradient (clip_grad_norm_(..., 1.0)) and draw the recurrent weights of {recurrent[0]} smaller.",
            evidence={**figures, "left_as_is": before, "left_clipped": after},
            remedy=Remedy("loop", "clip", 1.0),
            where=Where(layer=recurrent[0]),
        )
