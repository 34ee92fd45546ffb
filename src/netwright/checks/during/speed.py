"""Questions to the steps of a run: too long, clipped to nothing, ended by a schedule, pulled by a penalty."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from netwright.checks.context import Context
from netwright.checks.during.program import Whole
from netwright.checks.during.proof import HELPS, Slower, end, slower, summed
from netwright.checks.during.proof import MOST as STEPS
from netwright.checks.finding import Finding, Remedy, Where, fault, note
from netwright.checks.trial import no_decay

LONG = 1.0
CLIPPED = 1e-2
DEAD = 1e-2  # of the largest rate
ASLEEP = 0.1  # of the optimizer's rate, below which a schedule that still rises in the end has not begun
STAYED = 0.8  # share of its first loss that a run which learns next to nothing still has
MOST = 0.4  # share of the steps that may run at a dead rate
PULL = 2.0
DIED = 0.7  # share of its loss that a run which learned nothing must have left at a smaller rate
MORE = 1.2  # backward passes for each step, beyond which others are heard too
MUCH, LITTLE = 0.2, 0.05  # share of a loss that a tenth of the rate leaves; share of the first loss worth mending
FAR = 10.0  # times the first loss that one of an unknown kind must have risen to


def _middle(values: list[float]) -> float:
    ordered = sorted(value for value in values if math.isfinite(value))
    return ordered[len(ordered) // 2] if ordered else math.nan


def first_step(watched: Any) -> Iterable[Finding]:
    """A first update longer than the weights, or a loss that does not fall, which at a smaller rate leads further."""
    tape = watched.tape
    if not tape.samples:
        return
    longest = max(tape.samples[0].ratios.values(), default=0.0)
    watched.signal("first step over the weights", longest, LONG, "lr-too-high")
    values = tape.values()
    last = _mean(values[-max(5, len(values) // 5) :])
    long = longest > LONG
    if len(values) >= 5 and long and math.isfinite(last) and last < 0.7 * values[0]:
        yield from _much_better_slower(watched, longest, last)
        return
    if len(values) < 5 or (math.isfinite(last) and last < 0.7 * values[0]) or not (long or _stays(watched, last)):
        return
    told = slower(watched, None if long else min(STEPS, tape.steps))
    if told is None and (not long or _others(watched)):
        return
    if told is not None and not told.helps:
        return
    if told is not None and not long and not told.best < DIED * min(told.as_is, told.begin):
        return
    yield _too_high(
        watched,
        fault if told is not None else note,
        f"the first step changed weights by {longest:.2g} of their size, and the loss went from {values[0]:.3g} to "
        f"{last:.3g}",
        told,
        first_step=longest,
    )


def _much_better_slower(watched: Any, longest: float, last: float) -> Iterable[Finding]:
    """A run at one rate that has learned, and of which a tenth of the rate leaves much less in as many steps."""
    first = watched.tape.values()[0]
    told = slower(watched, min(STEPS, watched.tape.steps)) if len(watched.tape.rates) < 2 else None
    if told is None or not last > LITTLE * abs(first) or not told.tenth < MUCH * min(told.as_is, last):
        return
    seen = (
        f"the first step changed weights by {longest:.2g} of their size, the loss went from {first:.3g} to {last:.3g}"
    )
    yield _too_high(watched, fault, seen, told, first_step=longest)


def _stays(watched: Any, last: float) -> bool:
    """Whether the loss of a longer run is in the end no lower than at its beginning, nor than of a constant answer."""
    values = watched.tape.values()
    if len(values) < 20 or not all(map(math.isfinite, values)) or not last > 0.9 * abs(values[0]):
        return False
    context = watched.context()
    if context is None or isinstance(context, Whole):
        return False
    return not last < 0.7 * _constant(context)


def _constant(context: Context) -> float:
    """The loss of the best constant answer for as many rows as a batch has."""
    rows = context.data.batch_size / max(1, len(context.many)) if summed(context) else 1.0
    return context.prior * rows


def _others(watched: Any) -> bool:
    """Whether losses of other networks go backward too, as in two that play against each other."""
    return bool(watched.tape.backwards > MORE * watched.tape.steps)


def _too_high(watched: Any, level: Any, seen: str, told: Slower | None, **evidence: float) -> Finding:
    """That the rate is too high, with the rate that was seen to help."""
    rate = watched.tape.rates[0][1] if watched.tape.rates else math.nan
    better = rate * (told.factor if told is not None else 0.1)
    if told is not None:
        context = watched.context()
        prior = context.prior if context is not None else math.nan
        usual = prior if prior > 0 and context is not None and not summed(context) else told.begin
        evidence |= {"as_is": told.as_is, "slower": told.best, "left": told.best / max(usual, 1e-12)}
    return level(  # type: ignore[no-any-return]
        "lr-too-high",
        seen + ("" if told is None else f"; {told.tells}"),
        "a first step of a few per cent of the weights and a loss that falls",
        f"Try a rate of {better:g}, or nw.lr_finder.",
        evidence={"rate": rate, **evidence},
        remedy=Remedy("optimizer", "lr", better),
        where=Where(line=watched.tape.line),
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def rises(watched: Any) -> Iterable[Finding]:
    """A loss that ends far above where it began, and above that of a constant answer or of a smaller rate."""
    tape = watched.tape
    values = tape.values()
    if len(values) < 20 or not all(map(math.isfinite, values)) or values[0] < 0:
        return
    tenth = max(5, len(values) // 10)
    begin, last = max(values[0], _mean(values[:2])), _mean(values[-tenth:])
    watched.signal("last loss over first", last / max(begin, 1e-12), 1.5, "lr-too-high")
    if last <= 1.5 * begin or begin <= 1e-6:
        return
    context, told = watched.context(), slower(watched)
    if told is None and (_others(watched) or (watched.loss is None and last <= FAR * begin)):
        return  # values that cannot be compared
    prior = context.prior if context is not None else math.nan
    worse = math.isfinite(prior) and last > 3 * max(begin, prior)
    proved = told is not None and told.as_is > 1.2 * begin and told.helps
    rate = tape.rates[0][1] if tape.rates else math.nan
    yield _too_high(
        watched,
        fault if worse or proved else note,
        f"the loss rose from {begin:.3g} to {last:.3g} at a rate of {rate:g}",
        told,
        begin=begin,
        end=last,
    )


def clipped(watched: Any) -> Iterable[Finding]:
    """Clipping that leaves next to nothing of the gradient, in most steps."""
    tape = watched.tape
    shares = [
        s.used / s.made for s in tape.samples if math.isfinite(s.made) and s.made > 1e-12 and math.isfinite(s.used)
    ]
    if len(shares) < 3:
        return
    middle = watched.signal("share of the gradient that clipping leaves", _middle(shares), CLIPPED, "over-clipping")
    if not middle < CLIPPED or max(shares) <= 1.01 * min(shares):  # the same in each step is a scale
        return
    made = _middle([sample.made for sample in tape.samples])
    used = _middle([sample.used for sample in tape.samples])
    values = tape.values()
    slow = len(values) > 10 and _mean(values[-5:]) > 0.7 * _mean(values[:5])
    ratios = _middle([_middle(list(s.ratios.values())) for s in tape.samples if s.ratios])
    free, held = end(watched, "as it is"), end(watched, "clipped as in the run", clip=used)
    if free is None or held is None:
        level = fault if slow and ratios < 1e-4 else note
    else:
        level = fault if (slow or ratios < 1e-4) and free < HELPS * held else note
    told = "" if free is None or held is None else f"; a trial ends at {held:.3g}, and at {free:.3g} without clipping"
    yield level(
        "over-clipping",
        f"the gradient has a norm of {made:.3g} after backward and {used:.3g} before the update: clipping leaves "
        f"{middle:.1e} of it{told}",
        f"at least {CLIPPED:g} in most steps",
        f"Clip at the size that gradients usually have, {max(1.0, made):.2g}.",
        evidence={"made": made, "used": used},
        remedy=Remedy("loop", "clip", float(f"{max(1.0, made):.2g}")),
        where=Where(line=tape.line),
    )


def schedule(watched: Any) -> Iterable[Finding]:
    """A rate that is almost zero for a large part of the run, while a trial at the first rate still learns."""
    tape = watched.tape
    if len(tape.rates) < 2 or tape.steps < 20:
        return
    top = max(rate for _, rate in tape.rates)
    ends = [*(step for step, _ in tape.rates[1:]), tape.steps]
    dead = sum(end - begin for (begin, rate), end in zip(tape.rates, ends, strict=True) if rate < DEAD * top)
    peak = next(step for step, rate in tape.rates if rate == top)
    share = watched.signal("share of steps at a dead rate", max(0, dead - peak) / tape.steps, MOST, "schedule-dead")
    if not share > MOST:
        return
    values = [value for value in tape.values() if math.isfinite(value)]
    begin, last = _mean(values[:3]), _mean(values[-max(5, len(values) // 10) :])
    first = next(step for step, rate in tape.rates if step > peak and rate < DEAD * top)
    stays, again = _resumed(watched, top, max(60, dead))
    learns = stays is not None and again is not None and again < HELPS * stays and stays - again > 0.1 * abs(begin)
    more = "" if again is None else f"; on a copy it goes on to {stays:.3g}, and to {again:.3g} at {top:g}"
    yield (fault if learns else note)(
        "schedule-dead",
        f"the rate fell below {DEAD:.0%} of {top:g} in step {first} of {tape.steps}, when the loss was "
        f"{_mean(values[first : first + 5]):.3g}; it ended at {last:.3g}{more}",
        "a rate that lasts as long as there is something to learn",
        "Step the scheduler once an epoch and not once a batch, or decay more slowly.",
        evidence={"share": share, "step": first, "end": last, "resumed": again},
        remedy=Remedy("scheduler", "every", "epoch"),
        where=Where(line=tape.line, step=first),
    )


def never_began(watched: Any) -> Iterable[Finding]:
    """A schedule that holds the rate near nothing in the whole run, which learned little and then would."""
    tape = watched.tape
    given = max((g.get("initial_lr", 0.0) for o in watched.optimizers for g in o.param_groups), default=0.0)
    if not given > 0 or tape.steps < 20 or not tape.rates:
        return
    top = max(rate for _, rate in tape.rates)
    share = watched.signal("largest rate of the run over the optimizer's", top / given, DEAD, "schedule-dead")
    values = [value for value in tape.values() if math.isfinite(value)]
    begin, last = _mean(values[:3]), _mean(values[-max(5, len(values) // 10) :])
    rates = [rate for _, rate in tape.rates]
    rising = share < ASLEEP and len(rates) > 4 and all(a < b for a, b in pairwise(rates))
    if not (rising or (share < DEAD and last >= STAYED * begin)):
        return
    stays, free = _resumed(watched, given, max(60, tape.steps))
    if stays is None or free is None or not (free < HELPS * stays and stays - free > 0.1 * abs(begin)):
        return
    better = float(f"{given * given / top:.3g}") if top > 0 else given
    yield fault(
        "schedule-dead",
        f"the schedule held the rate at {top:.3g} or below in all {tape.steps} steps, {share:.1e} of the {given:g} "
        f"that the optimizer was made with, and the loss went from {begin:.3g} to {last:.3g}; on a copy it goes on to "
        f"{stays:.3g}, and to {free:.3g} at {given:g}",
        "a schedule that comes near the optimizer's rate at some time of the run",
        "LambdaLR and its kin want a factor of the optimizer's rate, not a rate; a warm-up has to end within the run.",
        evidence={"share": share, "end": last, "resumed": free},
        remedy=Remedy("optimizer", "lr", better),
        where=Where(line=tape.line),
    )


def _resumed(watched: Any, rate: float, steps: int) -> tuple[float | None, float | None]:
    """The loss after some more steps from the weights as they are, at the rate as it is and at another."""

    def change(module: Any, optimizers: Any) -> None:
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate

    stays = end(watched, "as it is", beginning=False, steps=steps)
    return stays, end(watched, "at the first rate", change, beginning=False, steps=steps)


def decayed(watched: Any) -> Iterable[Finding]:
    """A decay that outweighs the data: weights fall towards 0, next to nothing is learned, and without it much is."""
    tape = watched.tape
    samples = [sample for sample in tape.samples if math.isfinite(sample.weights) and sample.weights > 0]
    if len(samples) < 4:
        return
    now = math.hypot(
        *(float(p.detach().norm()) for p in watched.module.parameters() if p.ndim >= 2 and p.requires_grad)
    )
    kept = now / samples[0].weights
    if not math.isfinite(kept):
        return
    yield from _penalised(watched, kept)
    if not any(sample.decay > 0 for sample in samples):
        return
    pull = watched.signal(
        "pull of the penalty over the data", _middle([s.decay for s in samples]), PULL, "over-regularised"
    )
    values = [value for value in tape.values() if math.isfinite(value)]
    last, begin = _mean(values[-max(5, len(values) // 5) :]), _mean(values[:3])
    if not (kept < 0.5 or pull > 0.5) or last < 0.6 * begin:
        return
    held, free, prior = _without_decay(watched)
    if held is None or free is None:
        level = fault if kept < 0.2 and pull > 0.5 and last > 0.7 * begin else note
    else:
        faded = held > 0.97 * prior and kept < 0.2 and held - free > 0.05 * prior
        little = held > 0.9 * prior or (held > 0.6 * prior and free < 0.5 * held)
        level = fault if faded or (little and free < HELPS * held) else note
    told = "" if held is None else f"; trials end at {held:.3g}, and at {free:.3g} without it"
    decay = max(float(g.get("weight_decay", 0.0)) for o in watched.optimizers for g in o.param_groups)
    yield level(
        "over-regularised",
        f"the weights' norm went from {samples[0].weights:.3g} to {now:.3g} under a weight decay of "
        f"{decay:g} ({pull:.2g} times the data's gradient), and the loss from {begin:.3g} to {last:.3g}{told}",
        "a penalty of a few per cent of the gradient",
        f"Try a weight decay of {min(1e-4, decay / 1000):.1g}.",
        evidence={"kept": kept, "pull": pull, "decay": decay},
        remedy=Remedy("optimizer", "weight_decay", float(f"{min(1e-4, decay / 1000):.1g}")),
    )


def _without_decay(watched: Any) -> tuple[float | None, float | None, float]:
    """The loss at the end of trials of as many steps with and without decay, and that of the best constant answer."""
    steps = watched.tape.steps
    held = end(watched, "as it is", steps=steps)
    free = end(watched, "without decay", no_decay, steps=steps)
    context = watched.context()
    prior = context.prior if context is not None and math.isfinite(context.prior) else math.inf
    return held, free, prior


def _penalised(watched: Any, kept: float) -> Iterable[Finding]:
    """A penalty that the loop adds to the loss itself: the number that goes backward is far above the loss."""
    factors = sorted(watched.tape.factors)
    if len(factors) < 5:
        return
    share = watched.signal("what goes backward over the loss", factors[len(factors) // 2], 2.0, "over-regularised")
    if not (share > 2.0 and kept < 0.5) or factors[-1] <= 1.01 * factors[0]:  # the same in each step is a scale
        return
    yield fault(
        "over-regularised",
        f"what goes backward is {share:.2g} times the loss, and the weights' norm fell to {kept:.0%}: what is added to "
        "the loss outweighs it",
        "a penalty of a few per cent of the loss",
        "Divide the factor of the penalty by 1000.",
        evidence={"share": share, "kept": kept},
        remedy=Remedy("loop", "penalty", 0.001),
        where=Where(line=watched.tape.line),
    )
