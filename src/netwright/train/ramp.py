"""The learning-rate range test: what it measures, and which rates follow from it.

A run begins with a tiny learning rate, and every mini-batch is trained at a greater one, along a geometric ramp::

    eta_i = low (high / low)^(i / (n - 1))                            i = 0, ..., n - 1
    l_i                                                               loss of batch i, before its update at eta_i
    b_i                                                               loss of the same batch at the first weights
    s_i = mean b + (1 - a) sum_k a^(i - k) (l_k - b_k) / (1 - a^(i + 1)),  k <= i

=========== ======================= ==========================================================================
in symbols  in the code             meaning
=========== ======================= ==========================================================================
n           `steps`                 steps of the whole ramp
b           `baseline`              what the batches differ by, whatever was learned
a           `smoothing`             share of the mean that is kept at a step
s           `smoothed`              exponential mean, corrected for its start
c           `limit`                 the ramp ends when s_i > c min s (for negative losses: min s + (c - 1) |min s|)
m                                   step with the least s_i
eta_m       `minimum`               rate with the least smoothed loss
eta_k       `steepest`              rate k <= m at which s falls fastest along log(eta)
=========== ======================= ==========================================================================

Batches differ, and on small or noisy data they differ by more than a step of the ramp changes. So each is measured
twice, and what is smoothed is the difference, which is 0 while rates are tiny. The first tenth of the ramp is not
judged, and a slope is that of the chord over a twentieth of the ramp to each side. What comes out::

    suggestion = sqrt(eta_k eta_m / 10)

the geometric mean of the two rules in use: the rate of the steepest descent, and a tenth of the rate of the minimum.

References
----------
Smith, *Cyclical learning rates for training neural networks*, 2017 (section 3.3).
Howard, Gugger, *fastai: a layered API for deep learning*, 2020.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from netwright.core.errors import InvalidData, InvalidParameter, problem
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
    baseline : losses of the batches at the weights that the test began with, (n,); None where they are not known,
        which counts as zeros.
    smoothing : share of the exponential mean that is kept at a step, in [0, 1).
    diverged_at : the rate at whose step the loss was too high, infinite or NaN, so that the ramp ended; None if it
        went to its end.

    Attributes
    ----------
    smoothed : exponential mean of losses minus baseline, corrected for its start, plus the mean baseline, (k,).
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
    baseline: np.ndarray | None = None
    smoothing: float = 0.9
    diverged_at: float | None = None

    def __post_init__(self) -> None:
        for name in ("rates", "losses", *(["baseline"] if self.baseline is not None else [])):
            numbers = np.array(getattr(self, name), dtype=np.float64)
            numbers.setflags(write=False)
            object.__setattr__(self, name, numbers)

    def __repr__(self) -> str:
        names = ("suggestion", "steepest", "minimum", "diverged_at")
        parts = [f"{name}={_short(getattr(self, name))}" for name in names]
        return f"RangeTest({', '.join(parts)}, {len(self.rates)} of {self.steps} steps)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RangeTest):
            return NotImplemented
        return all(np.array_equal(getattr(self, item.name), getattr(other, item.name)) for item in fields(self))

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def smoothed(self) -> np.ndarray:
        level, baseline = 0.0, np.zeros(len(self.losses))
        if self.baseline is not None:
            level, baseline = float(self.baseline.mean()), self.baseline[: len(self.losses)]
        made = level + _exponential_mean(self.losses - baseline, self.smoothing)
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
        """A pandas frame, a row a step: learning_rate, loss, baseline (if known), smoothed."""
        import pandas

        columns = {"learning_rate": self.rates, "loss": self.losses}
        if self.baseline is not None:
            columns["baseline"] = self.baseline[: len(self.losses)]
        return pandas.DataFrame({**columns, "smoothed": self.smoothed})

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
    """A range test while it is made: told the baseline first, then asked for a rate and told its loss, step by step.

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
        self.baseline: list[float] = []
        self.losses: list[float] = []
        self.diverged_at: float | None = None
        self._mean = self._weight = self._level = 0.0
        self._best = math.inf

    @property
    def rate(self) -> float:
        """The rate of the step that is to be made."""
        return float(self.rates[len(self.losses)])

    @property
    def done(self) -> bool:
        """Whether no step is left to make."""
        return self.diverged_at is not None or len(self.losses) == len(self.rates)

    def begin(self, loss: float) -> bool:
        """Take the loss of a batch at the first weights; whether one is wanted for another batch.

        Raises
        ------
        InvalidData : the loss is infinite or NaN.
        """
        if not math.isfinite(loss):
            remedy = "Look at the inputs, the targets and the loss."
            expected = "finite losses at the weights it begins with"
            raise InvalidData(problem("lr_finder", expected, f"{loss} in batch {len(self.baseline) + 1}", remedy))
        self.baseline.append(loss)
        self._level = sum(self.baseline) / len(self.baseline)
        return len(self.baseline) < len(self.rates)

    def take(self, loss: float) -> bool:
        """Take the loss of the step's batch; whether it is finite, so that its update may be made."""
        rate, step = self.rate, len(self.losses)
        if not math.isfinite(loss):
            self.diverged_at = rate
            return False
        self.losses.append(loss)
        self._mean = self.smoothing * self._mean + (1 - self.smoothing) * (loss - self.baseline[step])
        self._weight = self.smoothing * self._weight + (1 - self.smoothing)
        smoothed = self._level + self._mean / self._weight
        if step >= len(self.rates) // UNJUDGED:
            self._best = min(self._best, smoothed)
            if smoothed > self._best + (self.limit - 1) * abs(self._best):
                self.diverged_at = rate
        return True

    @contextmanager
    def watched(self) -> Iterator[None]:
        """An optimizer that refuses a gradient (`netwright.optim.Clip`: NaN, infinity) ends the ramp in this block."""
        try:
            yield
        except InvalidData:
            if len(self.losses) < 2:
                raise
            self.diverged_at = float(self.rates[len(self.losses) - 1])

    def result(self) -> RangeTest:
        """What was found so far."""
        made = len(self.losses)
        numbers = self.rates[:made], np.array(self.losses)
        return RangeTest(*numbers, len(self.rates), np.array(self.baseline), self.smoothing, self.diverged_at)


def _exponential_mean(numbers: np.ndarray, share: float) -> np.ndarray:
    """The mean of all numbers so far, with weights that fall by a share at each step."""
    made = np.empty_like(numbers)
    mean = weight = 0.0
    for i, item in enumerate(numbers):
        mean = share * mean + (1 - share) * item
        weight = share * weight + (1 - share)
        made[i] = mean / weight
    return made


def _short(rate: float | None) -> str:
    return "None" if rate is None else f"{rate:.3g}"
