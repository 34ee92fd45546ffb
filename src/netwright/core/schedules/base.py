"""What every schedule is: a rate as a pure function of epoch, planned epochs and losses."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, final

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import number

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
