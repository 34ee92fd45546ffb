"""Questions to the steps of a run: too long, clipped to nothing, ended by a schedule, pulled by a penalty."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from netwright.checks.finding import Finding, Remedy, Where, fault, note
from netwright.checks.trial import run_trial

LONG = 1.0
CLIPPED = 1e-2
DEAD = 1e-2  # of the largest rate
MOST = 0.4  # share of the steps that may run at a dead rate
PULL = 2.0


def _middle(values: list[float]) -> float:
    ordered = sorted(value for value in values if math.isfinite(value))
    return ordered[len(ordered) // 2] if ordered else math.nan


def first_step(watched: Any) -> Iterable[Finding]:
    """A first update longer than the weights it changes, after which the loss is no better."""
    tape = watched.tape
    if not tape.samples:
        return
    longest = max(tape.samples[0].ratios.values(), default=0.0)
    watched.signal("first step over the weights", longest, LONG, "lr-too-high")
    values = tape.values()
    last = _mean(values[-max(5, len(values) // 5) :])
    if longest <= LONG or len(values) < 5 or (math.isfinite(last) and last < 0.7 * values[0]):
        return
    yield fault(
        "lr-too-high",
        f"the first step changed weights by {longest:.2g} of their size, and the loss went from {values[0]:.3g} to "
        f"{last:.3g}",
        "a first step of a few per cent of the weights",
        f"Try a rate of {tape.rates[0][1] / 10 if tape.rates else math.nan:g}, or nw.lr_finder.",
        evidence={"first_step": longest, "rate": tape.rates[0][1] if tape.rates else math.nan},
        remedy=Remedy("optimizer", "lr", tape.rates[0][1] / 10 if tape.rates else None),
        where=Where(line=tape.line),
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def rises(watched: Any) -> Iterable[Finding]:
    """A loss that ends far above where it began."""
    tape = watched.tape
    values = tape.values()
    if len(values) < 20 or not all(map(math.isfinite, values)) or values[0] < 0:
        return
    tenth = max(5, len(values) // 10)
    begin, end = max(values[0], _mean(values[:2])), _mean(values[-tenth:])
    watched.signal("last loss over first", end / max(begin, 1e-12), 1.5, "lr-too-high")
    if end <= 1.5 * begin or begin <= 1e-6:
        return
    rate = tape.rates[0][1] if tape.rates else math.nan
    yield fault(
        "lr-too-high",
        f"the loss rose from {begin:.3g} to {end:.3g} at a rate of {rate:g}",
        "a loss that falls",
        f"Try a rate of {rate / 10:g}, or nw.lr_finder.",
        evidence={"begin": begin, "end": end, "rate": rate},
        remedy=Remedy("optimizer", "lr", rate / 10),
        where=Where(line=tape.line),
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
    if middle >= CLIPPED:
        return
    made = _middle([sample.made for sample in tape.samples])
    used = _middle([sample.used for sample in tape.samples])
    values = tape.values()
    slow = len(values) > 10 and _mean(values[-5:]) > 0.7 * _mean(values[:5])
    ratios = _middle([_middle(list(s.ratios.values())) for s in tape.samples if s.ratios])
    yield (fault if slow or ratios < 1e-4 else note)(
        "over-clipping",
        f"the gradient has a norm of {made:.3g} after backward and {used:.3g} before the update: clipping leaves "
        f"{middle:.1e} of it",
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
    if share <= MOST:
        return
    values = [value for value in tape.values() if math.isfinite(value)]
    begin, end = _mean(values[:3]), _mean(values[-max(5, len(values) // 10) :])
    again = _resumed(watched, top)
    learns = again is not None and again < 0.9 * end
    level = fault if learns or (again is None and end > 0.3 * begin) else note
    first = next(step for step, rate in tape.rates if step > peak and rate < DEAD * top)
    more = f"; {60} more steps at {top:g} bring it to {again:.3g}" if again is not None else ""
    yield level(
        "schedule-dead",
        f"the rate fell below {DEAD:.0%} of {top:g} in step {first} of {tape.steps}, when the loss was "
        f"{_mean(values[first : first + 5]):.3g}; it ended at {end:.3g}{more}",
        "a rate that lasts as long as there is something to learn",
        "Step the scheduler once an epoch and not once a batch, or decay more slowly.",
        evidence={"share": share, "step": first, "end": end, "resumed": again},
        remedy=Remedy("scheduler", "every", "epoch"),
        where=Where(line=tape.line, step=first),
    )


def _resumed(watched: Any, rate: float) -> float | None:
    """The loss after 60 more steps at a rate, from the weights as they are, on a copy."""
    context = watched.context(beginning=False)
    if context is None:
        return None

    def change(module: Any, optimizers: Any) -> None:
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate

    return run_trial(context.program, context.loss, context.data.stream(60), change).end


def decayed(watched: Any) -> Iterable[Finding]:
    """Weights that fall towards 0 under a decay that outweighs the data."""
    tape = watched.tape
    samples = [sample for sample in tape.samples if math.isfinite(sample.weights) and sample.weights > 0]
    if len(samples) < 4:
        return
    kept = samples[-1].weights / samples[0].weights
    yield from _penalised(watched, kept)
    if not any(sample.decay > 0 for sample in samples):
        return
    pull = watched.signal(
        "pull of the penalty over the data", _middle([s.decay for s in samples]), PULL, "over-regularised"
    )
    values = [value for value in tape.values() if math.isfinite(value)]
    end, begin = _mean(values[-max(5, len(values) // 5) :]), _mean(values[:3])
    if not (kept < 0.5 and end > 0.7 * begin):
        return
    decay = max(float(g.get("weight_decay", 0.0)) for o in watched.optimizers for g in o.param_groups)
    yield fault(
        "over-regularised",
        f"the weights' norm fell from {samples[0].weights:.3g} to {samples[-1].weights:.3g} under a weight decay of "
        f"{decay:g} ({pull:.2g} times the data's gradient), and the loss went from {begin:.3g} to {end:.3g}",
        "a penalty of a few per cent of the gradient",
        f"Try a weight decay of {min(1e-4, decay / 1000):.1g}.",
        evidence={"kept": kept, "pull": pull, "decay": decay},
        remedy=Remedy("optimizer", "weight_decay", float(f"{min(1e-4, decay / 1000):.1g}")),
    )


def _penalised(watched: Any, kept: float) -> Iterable[Finding]:
    """A penalty that the loop adds to the loss itself: the number that goes backward is far above the loss."""
    signs = sorted(watched.tape.signs)
    if len(signs) < 5:
        return
    share = watched.signal("what goes backward over the loss", signs[len(signs) // 2], 2.0, "over-regularised")
    if share <= 2.0 or kept >= 0.5:
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
