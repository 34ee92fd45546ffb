"""Rates that begin anew, and rates that are held: what ensembles of one run are trained with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, final

from netwright.core.schedules.base import NOT_NEGATIVE, POSITIVE, Schedule, check_final
from netwright.core.validation import Constraint, instance, integer
from netwright.core.value import value


@final
@value("schedule")
class cyclic_cosine(Schedule):
    """Let the rate fall along half a cosine wave in each of several cycles, and begin each at the top again.

    The E epochs of a run make M cycles of whole epochs; cycle i begins at e_i = round(i E / M), with rates
    ``final + (initial - final) * (1 + cos(pi * (epoch - e_i) / (e_(i+1) - e_i))) / 2``. Before a restart the network is
    near a minimum, each time another one.

    Parameters
    ----------
    initial : rate at the beginning of each cycle, > 0.
    cycles : how many there are in a run, >= 1; a run of fewer epochs has a cycle an epoch.
    final : rate at the end of each cycle, in [0, initial].

    Examples
    --------
    >>> schedule = cyclic_cosine(0.1, cycles=2)
    >>> [round(schedule.rate(epoch, 10), 4) for epoch in (0, 2.5, 4.9, 5, 7.5)]
    [0.1, 0.05, 0.0001, 0.1, 0.05]

    References
    ----------
    Huang, Li, Pleiss, Liu, Hopcroft, Weinberger: Snapshot ensembles: train 1, get M for free, 2017 (equation 2).
    Loshchilov, Hutter: SGDR: stochastic gradient descent with warm restarts, 2017.
    """

    initial: float
    cycles: int
    final: float = 0.0

    every_step: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "initial": POSITIVE,
        "cycles": integer(1),
        "final": NOT_NEGATIVE,
    }

    def __post_init__(self) -> None:
        check_final("cyclic_cosine", "final", self.final, self.initial)

    def _rate(self, epoch: float, total: float, losses: Sequence[float]) -> float:
        ends = cycle_ends(total, self.cycles)
        begin = max((end for end in ends if end <= epoch), default=0.0)
        end = min((end for end in ends if end > epoch), default=ends[-1])
        done = (epoch - begin) / (end - begin) if end > begin else 1.0
        wave = (1 + math.cos(math.pi * done)) / 2
        return float(self.final + (self.initial - self.final) * wave)


def cycle_ends(total: float, cycles: int) -> list[float]:
    """The epochs after which the cycles of a run end, each a whole number but for a last one that is cut.

    Parameters
    ----------
    total : epochs of the run, > 0.
    cycles : how many, >= 1.

    Examples
    --------
    >>> cycle_ends(10, 2), cycle_ends(10, 3), cycle_ends(2, 5)
    ([5, 10], [3, 7, 10], [1, 2])
    """
    whole = [math.floor(number * total / cycles + 0.5) for number in range(1, cycles)]
    return [*dict.fromkeys(end for end in whole if 0 < end < total), total]


@final
@value("schedule")
class hold(Schedule):
    """Follow a schedule, and hold a constant rate in the last epochs: ``rate_held`` from epoch ``total - epochs`` on.

    The first part is told that it ends where the second begins. A rate that is not small keeps the weights moving round
    a minimum, so that their average is nearer to it than each of them.

    Parameters
    ----------
    schedule : what comes first: a schedule, or a constant rate > 0.
    rate_held : in the last epochs, > 0.
    epochs : for how many of the last epochs, >= 1.

    Examples
    --------
    >>> from netwright.core.schedules import cosine
    >>> schedule = hold(cosine(0.1), 0.05, epochs=5)
    >>> [round(schedule.rate(epoch, 15), 4) for epoch in (0, 5, 9.9, 10, 15)]
    [0.1, 0.05, 0.0, 0.05, 0.05]

    References
    ----------
    Izmailov, Podoprikhin, Garipov, Vetrov, Wilson: Averaging weights leads to wider optima and better generalization,
    2018.
    """

    schedule: float | Schedule
    rate_held: float
    epochs: int

    every_step: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "schedule": POSITIVE | instance(Schedule, text="a schedule such as cosine(0.1)"),
        "rate_held": POSITIVE,
        "epochs": integer(1),
    }

    def _rate(self, epoch: float, total: float, losses: Sequence[float]) -> float:
        begin = total - self.epochs
        if epoch >= begin:
            return float(self.rate_held)
        return self.schedule.rate(epoch, begin, losses) if isinstance(self.schedule, Schedule) else float(self.schedule)
