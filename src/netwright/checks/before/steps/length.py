"""A question to the length of the run: is it over before the network has learned what it can."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch import Tensor

from netwright.checks.context import Context
from netwright.checks.finding import Finding, Remedy, fault, note
from netwright.checks.trial import STEPS, Trial

LONGER = 6  # times as many steps, at least those of a trial
SECONDS = 0.6  # that the runs may take
LEFT, MOST_LEFT = 0.3, 1.5  # of the loss of ignorance, on rows held out
FALLS = 0.5  # what of it is left after the longer run
HALF = 0.5  # of the loss of guessing
NEARLY = 0.9  # of the held-out rows right: what is missing is little
GAINS, MUCH = 0.05, 0.15  # of the held-out accuracy: with a loss that falls so, and with one that falls at all


def enough(context: Context) -> Iterable[Finding]:
    """A run of known length, made on a copy, after which the loss of held-out rows falls to half in a longer one."""
    if context.epochs is None or context.steps < STEPS or context.held is None:
        return
    a_pass = context.data.batches_of_a_pass
    total = context.epochs * a_pass
    longer = max(context.steps, LONGER * total)
    if (total + longer) * context.as_is.seconds > SECONDS or not math.isfinite(context.prior) or context.prior <= 1e-12:
        return
    if total >= context.steps and context.left(context.as_is) < LEFT:
        return
    short = context.trial(steps=total)
    before = context.signal("loss left on held-out rows after the run", _held(context, short), LEFT, "")
    if not LEFT < before < MOST_LEFT:
        return
    end = context.trial(steps=longer)
    after = _held(context, end)
    context.signal("of it after a longer run", after / before, FALLS, "too-few-epochs")
    right, later = _right(context, short), _right(context, end)
    if right is None or later is None:  # numbers, which have no share of right ones
        gains, unsure = after < FALLS * before, before < HALF
    else:
        gains = (after < FALLS * before and later - right > GAINS) or (after < 0.9 * before and later - right > MUCH)
        unsure = later - right <= MUCH or right > NEARLY
    if not gains:
        return
    epochs = math.ceil(longer / a_pass)
    passes = f"{context.epochs} epoch{'s' * (context.epochs > 1)}"
    few = context.epochs > 5 and a_pass <= 2 and len(context.data.whole) > 128
    yield (note if unsure else fault)(
        "batch-size" if few else "too-few-epochs",
        f"{passes} are {total} steps, after which the held-out loss is {before:.2g} times that of guessing; "
        f"after {longer} steps it is {after:.2g} times that",
        "a run that goes on until the held-out loss has levelled off",
        f"Train longer, {epochs} epochs for a start, with early stopping"
        + (", or with batches of 32 rows: each gives a step." if few else "."),
        evidence={"steps": total, "left": before, "longer": longer, "left_longer": after},
        remedy=Remedy("loader", "batch_size", 32) if few else Remedy("loop", "epochs", epochs),
    )


def _right(context: Context, trial: Trial) -> float | None:
    """The share of held-out rows whose class is named rightly; None where there are no classes."""
    if context.held is None or context.classes is None:
        return None
    target, output = context.held.target, context.answer(trial.module, context.held)
    tensors = isinstance(target, Tensor) and isinstance(output, Tensor) and output.ndim > 1
    if not tensors or target.numel() * output.shape[context.class_axis] != output.numel():
        return None
    middle, axis = 0.5 if context.kind == "probabilities" else 0.0, context.class_axis
    named = output > middle if output.shape[axis] == 1 else output.argmax(axis)
    return float((named.reshape(-1).long() == target.reshape(-1).long()).double().mean())


def _held(context: Context, trial: Trial) -> float:
    """What a trial left of the loss of ignorance on rows held out; infinite where its losses were not finite."""
    if context.held is None or not trial.finite:
        return math.inf
    value = context.value(context.answer(trial.module, context.held), context.held.target)
    rows = len(context.held) / len(context.many) if context.summed else 1.0
    return value / (context.prior * rows) if math.isfinite(value) else math.inf
