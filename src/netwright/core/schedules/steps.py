"""Rates that fall in steps, at every k-th epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from typing import ClassVar, final

from netwright.core.schedules.base import FACTOR, POSITIVE, Schedule
from netwright.core.validation import Constraint, integer
from netwright.core.value import value


@final
@value("schedule")
class step_decay(Schedule):
    """Multiply the rate by a factor at every k-th epoch: ``initial * factor ** floor(epoch / every)``.

    The usual "divide by ten at every k-th epoch"; `halving` is the same with one half.

    Parameters
    ----------
    initial : rate of the first epochs, > 0.
    every : epochs between two falls, >= 1.
    factor : what the rate is multiplied by, in (0, 1).

    Examples
    --------
    >>> schedule = step_decay(0.1, every=10)
    >>> [round(schedule.rate(epoch, 30), 6) for epoch in (0, 9.9, 10, 29)]
    [0.1, 0.1, 0.01, 0.001]

    References
    ----------
    He, Zhang, Ren, Sun: Deep residual learning for image recognition, 2016 (section 4.2).
    """

    initial: float
    every: int
    _: KW_ONLY
    factor: float = 0.1

    every_step: ClassVar[bool] = False
    constraints: ClassVar[Mapping[str, Constraint]] = {"initial": POSITIVE, "every": integer(1), "factor": FACTOR}

    def _rate(self, epoch: float, total: float, losses: Sequence[float]) -> float:
        return float(self.initial * self.factor ** (epoch // self.every))


@final
@value("schedule")
class halving(Schedule):
    """Halve the rate at every k-th epoch: ``initial * 2 ** -floor(epoch / every)``.

    Parameters
    ----------
    initial : rate of the first epochs, > 0.
    every : epochs between two halvings, >= 1.

    Examples
    --------
    >>> schedule = halving(0.1, every=5)
    >>> [schedule.rate(epoch, 20) for epoch in (0, 5, 10)]
    [0.1, 0.05, 0.025]

    References
    ----------
    Karpathy, Li: Notes of the course CS231n, Stanford, 2015 (annealing the learning rate: a half at every 5 epochs).
    """

    initial: float
    every: int

    every_step: ClassVar[bool] = False
    constraints: ClassVar[Mapping[str, Constraint]] = {"initial": POSITIVE, "every": integer(1)}

    def _rate(self, epoch: float, total: float, losses: Sequence[float]) -> float:
        return float(self.initial * 0.5 ** (epoch // self.every))
