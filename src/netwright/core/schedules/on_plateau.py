"""The rate falls when the validation loss stops to fall; a pure function that replays the losses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from typing import ClassVar, final

from netwright.core.schedules.base import FACTOR, NOT_NEGATIVE, POSITIVE, Schedule, check_final
from netwright.core.validation import Constraint, integer, number
from netwright.core.value import value


@final
@value("schedule")
class on_plateau(Schedule):
    """Multiply the rate by a factor whenever the monitored loss has not improved for more than `patience` epochs.

    An epoch improves when ``best - loss > threshold * abs(best)``; otherwise it counts as a bad one. After
    ``patience + 1`` bad epochs in a row the rate becomes ``max(factor * rate, minimum)`` and the count starts again.
    An infinite or NaN loss is a bad epoch. The losses of the whole run are replayed at every call, so a resumed run
    needs nothing but them. For positive losses the rates are those of ``torch.optim.lr_scheduler.ReduceLROnPlateau``
    (which ignores falls of less than 1e-8); for negative ones the threshold still asks for a fall.

    Parameters
    ----------
    initial : rate until the first plateau, > 0.
    factor : what the rate is multiplied by, in (0, 1).
    patience : bad epochs that are tolerated, >= 0.
    threshold : share of the best loss by which a new best must be lower, >= 0.
    minimum : the rate never falls below it, in [0, initial].

    Examples
    --------
    >>> schedule = on_plateau(0.1, patience=1)
    >>> [schedule.rate(4, 10, losses) for losses in ([3, 2, 1, 0.5], [3, 2, 2, 2], [3, 2, 2, 1])]
    [0.1, 0.05, 0.1]

    References
    ----------
    He, Zhang, Ren, Sun: Deep residual learning for image recognition, 2016 (section 3.4).
    """

    initial: float
    _: KW_ONLY
    factor: float = 0.5
    patience: int = 5
    threshold: float = 1e-4
    minimum: float = 0.0

    every_step: ClassVar[bool] = False
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "initial": POSITIVE,
        "factor": FACTOR,
        "patience": integer(0),
        "threshold": number(0),
        "minimum": NOT_NEGATIVE,
    }

    def __post_init__(self) -> None:
        check_final("on_plateau", "minimum", self.minimum, self.initial)

    def _rate(self, epoch: float, total: float, losses: Sequence[float]) -> float:
        rate, best, bad = float(self.initial), math.inf, 0
        for loss in losses:
            margin = self.threshold * abs(best) if best < math.inf else 0.0
            if best - loss > margin and loss > -math.inf:
                best, bad = loss, 0
                continue
            bad += 1
            if bad > self.patience:
                rate, bad = max(rate * self.factor, float(self.minimum)), 0
        return rate
