"""Rates that fall all the time, also within an epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from typing import ClassVar, final

from netwright.core.schedules.base import NOT_NEGATIVE, POSITIVE, Schedule, check_final
from netwright.core.validation import Constraint
from netwright.core.value import value


@final
@value("schedule")
class exponential_decay(Schedule):
    """Let the rate fall by the same share in every epoch: ``initial * exp(-decay * epoch)``.

    ``torch.optim.lr_scheduler.ExponentialLR(gamma)`` has the same values at whole epochs for ``decay = -log(gamma)``.

    Parameters
    ----------
    initial : rate at the beginning, > 0.
    decay : share lost per epoch, for small shares (1/epochs), >= 0.

    Examples
    --------
    >>> schedule = exponential_decay(0.1, 0.5)
    >>> [round(schedule.rate(epoch, 10), 4) for epoch in (0, 1, 2.5)]
    [0.1, 0.0607, 0.0287]

    References
    ----------
    Bishop, Bishop: Deep learning: foundations and concepts, 2024 (section 7.3.2).
    """

    initial: float
    decay: float

    every_step: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {"initial": POSITIVE, "decay": NOT_NEGATIVE}

    def _rate(self, epoch: float, total: float, losses: Sequence[float]) -> float:
        return float(self.initial * math.exp(-self.decay * epoch))


@final
@value("schedule")
class inverse_time_decay(Schedule):
    """Let the rate fall as one over the time: ``initial / (1 + decay * epoch)``.

    The sum of the rates diverges and the sum of their squares does not: the condition of Robbins and Monro for a
    stochastic approximation to converge.

    Parameters
    ----------
    initial : rate at the beginning, > 0.
    decay : one over the number of epochs after which the rate is halved (1/epochs), >= 0.

    Examples
    --------
    >>> schedule = inverse_time_decay(0.1, 0.5)
    >>> [schedule.rate(epoch, 10) for epoch in (0, 2, 8)]
    [0.1, 0.05, 0.02]

    References
    ----------
    Robbins, Monro: A stochastic approximation method, 1951.
    """

    initial: float
    decay: float

    every_step: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {"initial": POSITIVE, "decay": NOT_NEGATIVE}

    def _rate(self, epoch: float, total: float, losses: Sequence[float]) -> float:
        return float(self.initial / (1 + self.decay * epoch))


@final
@value("schedule")
class polynomial_decay(Schedule):
    """Let the rate fall as a power of the share of the run that is left, from `initial` to `final`.

    ``final + (initial - final) * (1 - min(epoch / total, 1)) ** power``; a power of 1 is a straight line.

    Parameters
    ----------
    initial : rate at the beginning, > 0.
    final : rate at the end of the run, in [0, initial].
    power : exponent, > 0.

    Examples
    --------
    >>> schedule = polynomial_decay(0.1)
    >>> [schedule.rate(epoch, 10) for epoch in (0, 5, 10)]
    [0.1, 0.05, 0.0]

    References
    ----------
    Liu, Rabinovich, Berg: ParseNet: looking wider to see better, 2015.
    """

    initial: float
    final: float = 0.0
    _: KW_ONLY
    power: float = 1.0

    every_step: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "initial": POSITIVE,
        "final": NOT_NEGATIVE,
        "power": POSITIVE,
    }

    def __post_init__(self) -> None:
        check_final("polynomial_decay", "final", self.final, self.initial)

    def _rate(self, epoch: float, total: float, losses: Sequence[float]) -> float:
        left = 1 - min(epoch / total, 1)
        return float(self.final + (self.initial - self.final) * left**self.power)


@final
@value("schedule")
class cosine(Schedule):
    """Let the rate fall along half a cosine wave over the whole run, from `initial` to `final`.

    ``final + (initial - final) * (1 + cos(pi * min(epoch / total, 1))) / 2``

    Parameters
    ----------
    initial : rate at the beginning, > 0.
    final : rate at the end of the run, in [0, initial].

    Examples
    --------
    >>> schedule = cosine(0.1)
    >>> [round(schedule.rate(epoch, 10), 4) for epoch in (0, 2.5, 5, 10)]
    [0.1, 0.0854, 0.05, 0.0]

    References
    ----------
    Loshchilov, Hutter: SGDR: stochastic gradient descent with warm restarts, 2017 (equation 5, without restarts).
    """

    initial: float
    final: float = 0.0

    every_step: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {"initial": POSITIVE, "final": NOT_NEGATIVE}

    def __post_init__(self) -> None:
        check_final("cosine", "final", self.final, self.initial)

    def _rate(self, epoch: float, total: float, losses: Sequence[float]) -> float:
        wave = (1 + math.cos(math.pi * min(epoch / total, 1))) / 2
        return float(self.final + (self.initial - self.final) * wave)
