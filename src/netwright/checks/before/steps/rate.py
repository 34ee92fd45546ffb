"""Questions to the first steps: too long or too short, each proved by another trial."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

from netwright.checks.budget import OutOfTime
from netwright.checks.context import Context, learns, steps_in_the_end
from netwright.checks.finding import Finding, Remedy, fault, note
from netwright.checks.trial import STEPS, Trial, rate_times

LONG = 1.0  # |first step| over |weights|
SEEN = 1e-4  # |first step| over |weights| of the first larger rate that is worth a trial
SHORT = 3e-5  # |step| over |weights| of the median layer and step
FELL = 0.8  # share of the first loss that a slow run still has
HELPS = 0.75
MUCH, LITTLE = 0.2, 0.05  # share of the loss left that a tenth of the rate leaves of it; and that is worth mending
NOISY = 10.0  # times the loss of guessing, up to which a loss may come down again in time
TINY, HUGE = 1e-12, 1e-4  # of Adam's eps
RUNGS = (10.0, 100.0, 1000.0, 10000.0)  # of larger rates, from the first that moves anything
TRAVEL = 0.1  # steps x step over weights: below it a run ends near where it began


def rate_of(context: Context) -> float:
    """The learning rate of the first group of the first optimizer; NaN where there is none."""
    for optimizer in context.user_optimizers:
        for group in optimizer.param_groups:
            if "lr" in group:
                return float(group["lr"])
    return math.nan


def too_high(context: Context) -> Iterable[Finding]:
    """First steps longer than the weights, or a loss that rises, which a tenth or a hundredth of the rate does not."""
    rate = rate_of(context)
    if not math.isfinite(rate) or rate <= 0 or not context.steps or _searches(context):
        return
    trial = context.as_is
    longest = max(trial.first.values(), default=0.0)
    context.signal("first step over the weights", longest, LONG, "lr-too-high")
    rose = not trial.finite or trial.end > 1.5 * trial.start
    if longest <= LONG and not rose and not context.left(trial) > 0.9:
        return
    if learns(context) and not rose:
        yield from _much_better_slower(context, rate, longest)
        return
    best, factor = trial, 1.0
    for smaller in (0.1, 0.01, 0.001):
        other = context.trial(rate_times(smaller))
        if other.finite and other.end >= best.end:
            break
        if other.finite:
            best, factor = other, smaller
    before, after = min(context.left(trial), 1e6), context.left(best)
    context.signal("loss left at a smaller rate, of that as it is", after / max(before, 1e-12), HELPS, "lr-too-high")
    if factor == 1.0 or not (after < HELPS * before and before - after > 0.05):
        return
    if not rose and longest <= LONG and after > 0.6 * before:
        return
    if trial.finite and before < NOISY and _ends_well(context, factor):
        return
    at = f"the first step changed weights by {longest:.2g} of their size" if longest > 0.3 else "the loss does not fall"
    grew = f"the loss went from {trial.start:.3g} to {trial.end:.3g}" if trial.finite else "the loss became infinite"
    yield fault(
        "lr-too-high",
        f"at a rate of {rate:g} {at}, and in {len(trial.losses)} steps {grew}, {before:.2g} times that of guessing; a "
        f"rate of {rate * factor:g} brings it to {after:.2g} times that of guessing",
        "a first step of a few per cent of the weights and a falling loss",
        f"Try a rate of {rate * factor:g}, or nw.lr_finder.",
        evidence={"rate": rate, "first_step": longest, "left_as_is": before, "left_smaller": after},
        remedy=Remedy("optimizer", "lr", rate * factor),
    )


def _ends_well(context: Context, factor: float) -> bool:
    """Whether a program that first goes up and down is in the end about as far as at the smaller rate."""
    steps = steps_in_the_end(context)
    try:
        late, other = context.trial(steps=steps), context.trial(rate_times(factor), steps=steps)
    except OutOfTime:
        return False
    return late.finite and not context.left(other) < HELPS * context.left(late)


def _much_better_slower(context: Context, rate: float, longest: float) -> Iterable[Finding]:
    """A program that learns although its first step is longer than its weights, and much more at a tenth of the rate.

    So after as many steps and after five times as many; a schedule that brings the rate down has that in view.
    """
    if longest <= LONG or any("initial_lr" in group for o in context.user_optimizers for group in o.param_groups):
        return
    before, after = context.left(context.as_is), context.left(context.trial(rate_times(0.1)))
    if not (before > LITTLE and after < MUCH * before) or not context.in_the_end > LITTLE:
        return
    steps = steps_in_the_end(context)
    try:
        later = context.left(context.trial(rate_times(0.1), steps=steps))
    except OutOfTime:  # what ends well after all is no fault
        return
    if not later < MUCH * context.in_the_end:
        return
    yield fault(
        "lr-too-high",
        f"at a rate of {rate:g} the first step changed weights by {longest:.2g} of their size; {context.steps} steps "
        f"leave {before:.2g} of the loss of guessing and {steps} steps {context.in_the_end:.2g}, and at a rate "
        f"of {rate / 10:g} they leave {after:.1g} and {later:.1g}",
        "a first step of a few per cent of the weights, and no smaller rate that learns several times as much",
        f"Try a rate of {rate / 10:g}, or nw.lr_finder.",
        evidence={"rate": rate, "first_step": longest, "left_as_is": before, "left_smaller": after},
        remedy=Remedy("optimizer", "lr", rate / 10),
    )


def _searches(context: Context) -> bool:
    """Whether a step is a search with many steps of its own, so that its length says nothing."""
    return any(isinstance(optimizer, torch.optim.LBFGS) for optimizer in context.user_optimizers)


def epsilon(context: Context) -> Iterable[Finding]:
    """The number that keeps Adam's divisor from 0, so small or so large that it decides the step."""
    groups = [group for o in context.user_optimizers for group in o.param_groups if "eps" in group and "betas" in group]
    if not groups or not context.steps:
        return
    given = context.signal("eps of the rule", float(groups[0]["eps"]), HUGE, "lr-too-low")
    if TINY <= given <= HUGE:
        return

    def change(module: object, optimizers: list[torch.optim.Optimizer]) -> None:
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["eps"] = 1e-8

    trial, other = context.as_is, context.trial(change)
    before, after = min(context.left(trial), 1e6), context.left(other)
    if not (after < HELPS * before and before - after > 0.05):
        return
    yield fault(
        "lr-too-high" if given < TINY else "lr-too-low",
        f"eps of {type(context.user_optimizers[0]).__name__} is {given:g}: "
        + ("a parameter with a gradient of 0 is divided by 0" if given < TINY else "it outweighs the gradients")
        + f"; {context.steps} steps bring the loss to {before:.2g} times guessing's, with eps = 1e-8 to {after:.2g}",
        "an eps of about 1e-8",
        "Leave eps at its default.",
        evidence={"eps": given, "left_as_is": before, "left_default": after},
        remedy=Remedy("optimizer", "eps", 1e-8),
    )


def too_low(context: Context) -> Iterable[Finding]:
    """Steps so short that the loss hardly falls, where a hundred times the rate learns and stays calm."""
    rate = rate_of(context)
    if not math.isfinite(rate) or rate <= 0 or not context.steps or _warming_up(context) or _searches(context):
        return
    trial = context.as_is
    ratios = sorted(trial.ratios)
    middle = ratios[len(ratios) // 2] if ratios else 1.0
    context.signal("step over weights, median", middle, SHORT, "lr-too-low")
    begin = trial.start if context.summed else min(trial.start, context.start)  # the first batch may be a hard one
    if not trial.finite or trial.end < FELL * begin or context.left(trial) < 0.6:
        return
    total = (context.epochs or 0) * context.data.batches_of_a_pass
    learned = _whole_run(context, total)
    if learned or (total and learned is None and middle * total > TRAVEL):
        return
    if not total and middle >= 20 * SHORT:
        return
    best, factor = _faster(context, trial)
    fell, falls = begin - trial.end, begin - best.end
    if factor < 10 or falls < 5 * max(fell, 1e-12) or falls < 0.1 * abs(begin):
        return
    steps = len(trial.losses)
    level = fault if middle < SHORT or total else note
    yield level(
        "lr-too-low",
        f"at a rate of {rate:g} a step changes weights by {middle:.1e} of their size and {steps} steps take the loss "
        f"from {trial.start:.4g} to {trial.end:.4g}; at {rate * factor:g} they take it to {best.end:.4g}",
        "steps of about a thousandth of the weights",
        f"Try a rate of {rate * factor:g}, or nw.lr_finder.",
        evidence={"rate": rate, "ratio": middle, "end": trial.end, "end_larger": best.end},
        remedy=Remedy("optimizer", "lr", rate * factor),
    )


def _whole_run(context: Context, total: int) -> bool | None:
    """Whether the whole run, made on a copy, learns; None where its length is not known or not affordable."""
    if not total or context.steps < STEPS or total > 20 * STEPS:
        return None
    return context.left(context.trial(steps=total)) <= 0.6


def _faster(context: Context, trial: Trial) -> tuple[Trial, float]:
    """The best trial at a larger rate that stays calm, and the factor."""
    best, factor = trial, 1.0
    lowest = _moves_from(context)
    for larger in (lowest * rung for rung in RUNGS):
        other = context.trial(rate_times(larger))
        calm = other.finite and max(other.losses) < 3 * max(trial.losses)
        if not calm:
            break
        if other.end < best.end:
            best, factor = other, larger
        if context.left(best) < 0.5:
            break
    return best, factor


def _moves_from(context: Context) -> float:
    """A tenth of the first power of ten times the rate whose first step is long enough to be seen, at most 1e4."""
    for factor in RUNGS:
        first = sorted(context.trial(rate_times(factor), steps=1).first.values())
        if first and first[len(first) // 2] > SEEN:
            return factor / 10
    return RUNGS[-1]


def _warming_up(context: Context) -> bool:
    """Whether a schedule has set the rate below what the optimizer was made with."""
    groups = [group for optimizer in context.user_optimizers for group in optimizer.param_groups]
    return any(group.get("initial_lr", group.get("lr", 0)) > 1.5 * group.get("lr", 0) for group in groups)
