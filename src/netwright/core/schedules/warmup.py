"""Warm-up: begin with a very small learning rate, rise to the first rate of another schedule, then follow that one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from typing import ClassVar, final

from netwright.core.schedules.base import POSITIVE, Schedule
from netwright.core.validation import Constraint, instance, number
from netwright.core.value import value


@final
@value("schedule")
class warmup(Schedule):
    """Rise in a straight line to the first rate of a schedule, then follow the schedule from its own beginning.

    With ``peak`` the first rate of the schedule (or the constant given instead of one)::

        epoch < epochs    peak * (start + (1 - start) * epoch / epochs)
        then              schedule.rate(epoch - epochs, total - epochs, losses after the warm-up)

    Parameters
    ----------
    schedule : what follows: a schedule, or a constant rate > 0.
    epochs : length of the warm-up in epochs, > 0; a fraction of an epoch is fine.
    start : share of the peak at the very first step, in [0, 1]; 0 would waste that step.

    Examples
    --------
    >>> from netwright.core.schedules import cosine
    >>> schedule = warmup(cosine(0.1), epochs=5)
    >>> [round(schedule.rate(epoch, 25), 4) for epoch in (0, 1, 5, 15, 25)]
    [0.0001, 0.0201, 0.1, 0.05, 0.0]
    >>> warmup(0.1, 4, start=0).rate(1, 20)
    0.025

    References
    ----------
    Goyal and others: Accurate, large minibatch SGD: training ImageNet in 1 hour, 2017 (section 2.2).
    """

    schedule: float | Schedule
    epochs: float
    _: KW_ONLY
    start: float = 0.001

    every_step: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "schedule": POSITIVE | instance(Schedule, text="a schedule such as cosine(0.1)"),
        "epochs": POSITIVE,
        "start": number(0, 1),
    }

    def _rate(self, epoch: float, total: float, losses: Sequence[float]) -> float:
        rising = epoch < self.epochs
        share = self.start + (1 - self.start) * epoch / self.epochs if rising else 1.0
        if not isinstance(self.schedule, Schedule):
            return float(self.schedule * share)
        own_epoch = 0.0 if rising else epoch - self.epochs
        own_total = total - self.epochs if total > self.epochs else 1.0  # the run may end inside the warm-up
        own_losses = () if rising else losses[math.ceil(self.epochs) :]
        return share * self.schedule.rate(own_epoch, own_total, own_losses)
