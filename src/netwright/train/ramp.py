"""The learning-rate range test: what it measures, and which rates follow from it.

A run begins with a tiny learning rate, and every mini-batch is trained at a greater one, along a geometric ramp::

    eta_i = low (high / low)^(i / (n - 1))                           i = 0, ..., n - 1
    l_i                                                              loss of batch i, before its update at eta_i
    s_i = (1 - b) sum_k b^(i - k) l_k / (1 - b^(i + 1)),  k <= i     exponential mean, corrected for its start

=========== ======================= ==========================================================================
in symbols  in the code             meaning
=========== ======================= ==========================================================================
n           `steps`                 steps of the whole ramp
b           `smoothing`             share of the mean that is kept at a step
c           `limit`                 the ramp ends when s_i > c min s (for negative losses: min s + (c - 1) |min s|)
m                                   step with the least s_i
eta_m       `minimum`               rate with the least smoothed loss
eta_k       `steepest`              rate k <= m at which s falls fastest along log(eta)
=========== ======================= ==========================================================================

While rates are tiny, s moves only because batches differ. So the first tenth of the ramp is measured and not judged,
and a slope is that of the chord over a twentieth of the ramp to each side. What comes out::

    suggestion = sqrt(eta_k eta_m / 10)

the geometric mean of the two rules in use: the rate of the steepest descent, and a tenth of the rate of the minimum.
The first tends to be too bold for rules that average, the second too timid for plain gradients.

References
----------
Smith, *Cyclical learning rates for training neural networks*, 2017 (section 3.3).
Howard, Gugger, *fastai: a layered API for deep learning*, 2020 (section 4.1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.validation import Constraint, check_all, integer, number

UNJUDGED = 10  # one over the share of the ramp, at its beginning, that is not judged
CHORD = 20  # one over the share of the ramp that the chord of a slope has to each side
CONSTRAINTS: Mapping[str, Constraint] = {
    "low": number(0, closed="neither"),
    "high": number(0, closed="neither"),
    "steps": integer(20),
    "smoothing": number(0, 1, closed="left"),
    "limit": number(1, closed="neither"),
}


@dataclass(frozen=True, eq=False, repr=False)
class RangeTest:
    """What a range test found: a loss for each learning rate, and the rates that follow from them.

    Parameters
    ----------
    rates : learning rates of the steps that were made, ascending, (k,).
    losses : loss of each step's batch before its update, finite, (k,).
    steps : steps of the whole ramp, n >= k.
    smoothing : share of the exponential mean that is kept at a step, in [0, 1).
    diverged_at : the rate at whose step the loss was too high, infinite or NaN, so that the ramp ended; None if it
        went to its end.

    Attributes
    ----------
    smoothed : exponential mean of the losses, corrected for its start, (k,).
    minimum : rate with the least smoothed loss, or None.
    steepest : rate at which the smoothed loss falls fastest on its way there, or None.
    suggestion : ``sqrt(steepest * minimum / 10)``: where to begin, or None. All three are None where no rate made the
        loss fall.

    Examples
    --------
    >>> rates = np.geomspace(1e-5, 10, 61)
    >>> losses = 1 / (1 + (rates / 0.01) ** 2) + rates
    >>> RangeTest(rates, losses, steps=61, smoothing=0.0)
    RangeTest(suggestion=0.00794, steepest=0.01, minimum=0.0631, diverged_at=None, 61 of 61 steps)
    """

    rates: np.ndarray
    losses: np.ndarray
    steps: int
    smoothing: float = 0.9
    diverged_at: float | None = None

    def __post_init__(self) -> None:
        for name in ("rates", "losses"):
            numbers = np.array(getattr(self, name), dtype=np.float64)
            numbers.setflags(write=False)
            object.__setattr__(self, name, numbers)

    def __repr__(self) -> str:
        names = ("suggestion", "steepest", "minimum", "diverged_at")
        parts = [f"{name}={_short(getattr(self, name))}" for name in names]
        return f"RangeTest({', '.join(parts)}, {len(self.rates)} of {self.steps} steps)"

    @cached_property
    def smoothed(self) -> np.ndarray:
        made = np.empty_like(self.losses)
        mean = weight = 0.0
        for i, loss in enumerate(self.losses):
            mean = self.smoothing * mean + (1 - self.smoothing) * loss
            weight = self.smoothing * weight + (1 - self.smoothing)
            made[i] = mean / weight
        made.setflags(write=False)
        return made

    @property
    def minimum(self) -> float | None:
        return None if self._places is None else float(self.rates[self._places[1]])

    @property
    def steepest(self) -> float | None:
        return None if self._places is None else float(self.rates[self._places[0]])

    @property
    def suggestion(self) -> float | None:
        return None if self._places is None else math.sqrt(self.rates[list(self._places)].prod() / 10)

    def to_frame(self) -> Any:
        """A pandas frame, a row a step: learning_rate, loss, smoothed."""
        import pandas

        return pandas.DataFrame({"learning_rate": self.rates, "loss": self.losses, "smoothed": self.smoothed})

    @cached_property
    def _places(self) -> tuple[int, int] | None:
        """The steps of the steepest descent and of the minimum, or None where the loss does not fall."""
        first, half = self.steps // UNJUDGED, max(1, self.steps // CHORD)
        judged = self.smoothed[first:]
        if len(judged) < 2:
            return None
        lowest = first + int(judged.argmin())
        steps = np.arange(len(self.smoothed))
        left, right = np.maximum(steps - half, 0), np.minimum(steps + half, len(steps) - 1)
        x = np.log(self.rates)
        slopes = (self.smoothed[right] - self.smoothed[left]) / (x[right] - x[left])
        steepest = first + int(slopes[first : lowest + 1].argmin())
        return (steepest, lowest) if lowest > first and slopes[steepest] < 0 else None


class Ramp:
    """A range test while it is made: asked for a rate, told the loss of its batch.

    Parameters
    ----------
    low : the first rate, > 0.
    high : the last rate, > low.
    steps : how many there are, >= 20.
    smoothing : share of the exponential mean that is kept at a step, in [0, 1).
    limit : times the least smoothed loss beyond which the ramp ends, > 1.

    Raises
    ------
    InvalidParameter : an option out of its range, or ``high`` that is not above ``low``.
    """

    def __init__(self, low: float, high: float, steps: int, smoothing: float, limit: float) -> None:
        options = {"low": low, "high": high, "steps": steps, "smoothing": smoothing, "limit": limit}
        check_all("lr_finder", options, CONSTRAINTS)
        if not low < high:
            got = f"low={low!r}, high={high!r}"
            raise InvalidParameter(problem("lr_finder(high)", "a rate above low", got, "Swap the two?"))
        self.rates = np.geomspace(low, high, steps)
        self.smoothing, self.limit = smoothing, limit
        self.losses: list[float] = []
        self.diverged_at: float | None = None
        self._mean = self._weight = 0.0
        self._best = math.inf

    @property
    def rate(self) -> float:
        """The rate of the step that is to be made."""
        return float(self.rates[len(self.losses)])

    @property
    def done(self) -> bool:
        """Whether no step is left to make."""
        return self.diverged_at is not None or len(self.losses) == len(self.rates)

    def take(self, loss: float) -> bool:
        """Take the loss of the step's batch; whether it is finite, so that its update may be made.

        Raises
        ------
        InvalidData : the very first loss is infinite or NaN.
        """
        if not math.isfinite(loss):
            if not self.losses:
                remedy = "The weights it begins with give none: look at the inputs, the targets and the loss."
                raise InvalidData(problem("lr_finder", "a finite loss of the first batch", shown(loss), remedy))
            self.diverged_at = self.rate
            return False
        rate = self.rate
        self.losses.append(loss)
        self._mean = self.smoothing * self._mean + (1 - self.smoothing) * loss
        self._weight = self.smoothing * self._weight + (1 - self.smoothing)
        smoothed = self._mean / self._weight
        if len(self.losses) > len(self.rates) // UNJUDGED:
            self._best = min(self._best, smoothed)
            if smoothed > self._best + (self.limit - 1) * abs(self._best):
                self.diverged_at = rate
        return True

    def result(self) -> RangeTest:
        """What was found so far."""
        made = len(self.losses)
        return RangeTest(self.rates[:made], np.array(self.losses), len(self.rates), self.smoothing, self.diverged_at)


def _short(rate: float | None) -> str:
    return "None" if rate is None else f"{rate:.3g}"
