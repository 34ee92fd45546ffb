"""The last question to a program that does not learn and whose faults hide each other: what mends it together.

No single change proves a cause where two are in the way. Rate, penalty, start and dropout are changed at once; if the
program then learns, every change that can be taken back is, and what is left are the causes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial

import torch
from torch import nn

from netwright.checks.before.loss import right_and_wrong
from netwright.checks.before.steps.rate import rate_of
from netwright.checks.budget import OutOfTime
from netwright.checks.context import Context
from netwright.checks.finding import Finding, Remedy, fault
from netwright.checks.trial import default_start, dropout_off, no_decay, rate_times

STUCK, LEARNS = 0.9, 0.6  # of the loss of ignorance
STRIDES = (1e-2, 3e-2, 1e-1)  # |step| over |weights| that are worth a trial

Named = frozenset[str]


def several(context: Context) -> Iterable[Finding]:
    """Two or more of rate, penalty, start and dropout, each of which alone keeps the program from learning."""
    if not context.steps or context.budget.hurried or context.left(context.as_is) < STUCK:
        return
    if not math.isfinite(context.prior) or _beyond(context, context.as_is.module) < STUCK:
        return
    if context.as_is.finite and context.in_the_end < STUCK:
        return
    try:
        causes, left, factor = _causes(context)
    except OutOfTime:  # what was asked before took it, and found nothing
        return
    if len(causes) < 2:
        return
    changed = " and ".join(_SAID[name] for name in _SAID if name in causes)
    seen = (
        f"in {context.steps} steps the loss does not get below that of guessing; with {changed} changed together it "
        f"gets to {left:.2g} times that, and with only one of them changed it does not"
    )
    rate = rate_of(context)
    remedies = {
        "start": Remedy("module", "reset_parameters", True),
        "penalty": Remedy("optimizer", "weight_decay", 0.0),
        "dropout": Remedy("module", "p", 0.2),
        "rate": Remedy("optimizer", "lr", float(f"{rate * factor:.1g}")),
    }
    codes = {"start": "init-scale", "penalty": "over-regularised", "dropout": "dropout-too-strong"}
    codes["rate"] = "lr-too-high" if factor < 1 else "lr-too-low"
    for name in _SAID:
        if name in causes:
            do = _DO[name].format(rate=f"{rate * factor:.1g}")
            evidence = {"together": sorted(causes), "left": left, "factor": factor}
            yield fault(codes[name], seen, "a loss that falls", do, evidence=evidence, remedy=remedies[name])


_SAID = {"start": "the weights drawn", "penalty": "the penalty", "dropout": "the dropout", "rate": "the rate"}
_DO = {
    "start": "Leave the layers' own initialisation.",
    "penalty": "Take the penalty of the weights out, or make it a thousand times smaller.",
    "dropout": "Drop 20 % of hidden units, or none.",
    "rate": "Try a rate of {rate}, or nw.lr_finder.",
}


def _causes(context: Context) -> tuple[Named, float, float]:
    """The fewest changes with which the program learns, what is then left of the loss, and the factor of the rate."""
    whole: Named = frozenset(_SAID)
    stride = _stride(context)
    for wanted in STRIDES:
        factor = wanted / stride if stride > 0 else math.nan
        if not math.isfinite(factor) or _left(context, whole, factor) > LEARNS:
            continue
        causes = whole
        for name in ("dropout", "start", "penalty", "rate"):
            fewer = causes - {name}
            if fewer and _left(context, fewer, factor) <= LEARNS:
                causes = fewer
        return causes, _left(context, causes, factor), factor
    return frozenset(), math.nan, 1.0


def _stride(context: Context) -> float:
    """The median |step| over |weights| of a first step with all but the rate changed."""
    first = sorted(context.trial(partial(_change, frozenset(_SAID) - {"rate"}, 1.0), steps=1).first.values())
    return first[len(first) // 2] if first else 0.0


def _left(context: Context, names: Named, factor: float) -> float:
    """What is left of the loss of ignorance with some things changed, the penalty in a loss taken out of both."""
    loss = context.copies()[2] if "penalty" in names else None  # whose penalty is on the weights of another copy
    trained = context.trial(partial(_change, names, factor), loss=loss)
    return _beyond(context, trained.module) if trained.finite else math.inf


def _change(names: Named, factor: float, module: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
    changes = {"start": default_start, "penalty": no_decay, "dropout": dropout_off, "rate": rate_times(factor)}
    for name, change in changes.items():
        if name in names:
            change(module, optimizers)


def _beyond(context: Context, module: nn.Module) -> float:
    """The loss of many rows above that of right answers, as a share of what ignorance has above it."""
    rows, pair = context.many, right_and_wrong(context)
    least = 0.0 if pair is None else context.value(pair[0], context.probe.target)
    least *= len(rows) / len(context.probe) if context.summed else 1.0
    least = least if math.isfinite(least) and least < context.prior else 0.0
    return (context.value(context.answer(module, rows), rows.target) - least) / (context.prior - least)
