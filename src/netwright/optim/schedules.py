"""Learning-rate schedules: the rate as a pure function of the progress of a run.

A schedule is a value. It has no state and no ``step()``: ``rate(epoch, total, losses)`` answers for any moment, in any
order, so a run that is resumed needs only its epoch and its losses. `epoch` counts finished epochs and is fractional
inside one (2.5: half of the third epoch is done); `total` is the number of epochs planned; `losses` are the monitored
losses of the finished epochs.

===================== ==================================================== ===============
`step_decay`          times a factor at every k-th epoch                   by the epoch
`halving`             halved at every k-th epoch                           by the epoch
`exponential_decay`   initial exp(-decay epoch)                            within an epoch
`inverse_time_decay`  initial / (1 + decay epoch)                          within an epoch
`polynomial_decay`    a power of the share of the run that is left         within an epoch
`cosine`              half a cosine wave over the whole run                within an epoch
`warmup`              a linear rise, then another schedule                 within an epoch
`on_plateau`          times a factor when the losses stop to fall          by the epoch
===================== ==================================================== ===============
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from typing import ClassVar, final

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, integer, number
from netwright.core.value import value

POSITIVE = number(0, closed="neither")
NOT_NEGATIVE = number(0)
FACTOR = number(0, 1, closed="neither")


class Schedule(ABC):
    """A learning rate as a pure function of epoch, planned epochs and losses; subclasses write `_rate`.

    `every_step` says whether the rate changes within an epoch: where it is False, asking once an epoch is enough.
    """

    every_step: ClassVar[bool]

    @final
    def rate(self, epoch: float, total: float, losses: Sequence[float] = ()) -> float:
        """The learning rate at a moment of the run.

        Parameters
        ----------
        epoch : epochs done so far, >= 0, fractional inside an epoch; beyond `total` the rate stays or goes on falling.
        total : epochs planned, > 0.
        losses : monitored losses of the finished epochs, first to last; lower is better.

        Raises
        ------
        InvalidParameter : a negative or not finite `epoch`, a `total` that is not positive.
        """
        if not 0 <= epoch < math.inf:
            raise InvalidParameter(
                problem(f"{type(self).__name__}.rate(epoch)", "a number in [0, inf)", repr(epoch), "Count from 0.")
            )
        if not 0 < total < math.inf:
            raise InvalidParameter(
                problem(f"{type(self).__name__}.rate(total)", "a number in (0, inf)", repr(total), "Give all epochs.")
            )
        return self._rate(epoch, total, losses)

    @abstractmethod
    def _rate(self, epoch: float, total: float, losses: Sequence[float]) -> float:
        """The rate; the arguments have been checked."""


def check_final(owner: str, option: str, last: float, initial: float) -> None:
    """Raise unless the last rate of a decay is at most its first."""
    if last > initial:
        raise InvalidParameter(
            problem(f"{owner}({option})", f"a number in [0, initial = {initial:g}]", repr(last), "Swap the two?")
        )


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
