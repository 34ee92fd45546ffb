"""Trials of a run's program on copies: as it is or with one thing changed, from its beginning or its end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from netwright.checks.context import Context
from netwright.checks.reading import each
from netwright.checks.trial import Change, rate_times

MOST = 300  # steps of a trial
RATES = (0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6)  # of the rate, that are tried
HELPS = 0.85  # share of a trial's loss that is left once the cause is taken away
RISEN = 1.5  # times the first loss, which a trial that is cured stays below
LEARNS = 0.9  # share of the first loss that is left where something is learned


def end(
    watched: Any,
    name: str,
    change: Change | None = None,
    *,
    clip: float | None = None,
    beginning: bool = True,
    steps: int | None = None,
) -> float | None:
    """The loss at the end of a trial; None where no trial of this run can be made.

    Parameters
    ----------
    watched : the run. name : of the change, by which a trial is made once. change : of the copy. clip : the norm of
    gradients, or None. beginning : whether from the beginning. steps : how many at most; None for what is affordable.
    """
    key = (name, beginning, steps)
    if key not in watched.trials:
        context = watched.context(beginning)
        if context is None or not context.user_optimizers:
            watched.trials[key] = None
        else:
            affordable = context.steps if steps is None else min(steps, MOST, 5 * context.steps)
            watched.trials[key] = context.trial(change, clip=clip, steps=max(1, affordable)).end
    told: float | None = watched.trials[key]
    return told


@dataclass(frozen=True)
class Slower:
    """What a smaller rate does.

    Attributes
    ----------
    as_is : the loss at the end of a trial of the program as it is. tenth : of one at a tenth of the rate. best : of the
    best one at a smaller rate. factor : of that rate. begin : the loss before the first step.
    """

    as_is: float
    tenth: float
    best: float
    factor: float
    begin: float

    @property
    def helps(self) -> bool:
        """Whether clearly less of the loss is left at the smaller rate."""
        return self.best < HELPS * self.as_is

    @property
    def tells(self) -> str:
        """The figures."""
        at = "a tenth" if self.factor == RATES[0] else f"{self.factor:g}"
        return f"on a copy it goes to {self.as_is:.3g}, and to {self.best:.3g} at {at} of the rate"


def slower(watched: Any, steps: int | None = None) -> Slower | None:
    """What a tenth of the rate does, or a smaller one where the loss hardly falls at that; None without trials.

    Parameters
    ----------
    watched : the run. steps : of each trial.
    """
    as_is = end(watched, "as it is", steps=steps)
    values = watched.tape.values()
    begin = abs(values[0]) if values else math.nan
    if as_is is None:
        return None
    best, factor, tenth = math.inf, RATES[0], math.inf
    for smaller in RATES:
        left = end(watched, f"{smaller:g} of the rate", rate_times(smaller), steps=steps)
        if left is not None and smaller == RATES[0]:
            tenth = left
        if left is not None and left < HELPS * best:
            best, factor = left, smaller
        if left is None or best < LEARNS * begin:
            break
    found = Slower(as_is, tenth, best, factor, begin)
    watched.slower_helps |= found.helps and best < LEARNS * begin
    return found


def summed(context: Context) -> bool:
    """Whether the loss of twice the rows is twice as large, so that it cannot be compared with that of other rows.

    Parameters
    ----------
    context : the program.
    """
    output, target = context.output, context.probe.target
    one = context.value(output, target)
    two = context.value(each(output, lambda t: torch.cat([t, t])), each(target, lambda t: torch.cat([t, t])))
    return bool(abs(two - 2 * one) < 0.1 * abs(one))
