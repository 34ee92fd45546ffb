"""Settings that change over a run: a number stays, a pair falls (or rises) linearly, a schedule does as it says.

Time is counted in epochs, from 0, and is fractional inside one: of the n rows of epoch e (from 0), row i is shown at
the time t = e + i/n. A pair (first, last) is ``first + (last - first) min(t / total, 1)``, with `total` the epochs that
the network was told to run.

>>> over_steps((0.5, 0.1), epoch=1, total=2, steps=4)
array([0.3 , 0.25, 0.2 , 0.15])
>>> at_epoch((0.5, 0.1), epoch=1, total=2)
0.3
"""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidParameter, problem
from netwright.core.schedules import Schedule
from netwright.core.validation import Constraint, number


def varying(low: float = 0.0, high: float = math.inf, closed: str = "right") -> Constraint:
    """A number in an interval, a pair (first, last) of such, or a schedule."""
    single = number(low, high, closed)

    def accepts(value: Any) -> bool:
        pair = isinstance(value, (tuple, list)) and len(value) == 2 and all(map(single.accepts, value))
        return single.accepts(value) or pair or isinstance(value, Schedule)

    return Constraint(f"{single.text}, a pair (first, last) of such, or a schedule", accepts)


def at_epoch(setting: Any, epoch: float, total: int) -> float:
    """The setting at one moment of the run.

    Parameters
    ----------
    setting : a number, a pair (first, last) or a schedule.
    epoch : the time in epochs, >= 0.
    total : planned epochs, >= 1.
    """
    return float(over_steps(setting, epoch, total, 1)[0])


def over_steps(
    setting: Any, epoch: float, total: int, steps: int, *, where: str = "schedule", most: float = math.inf
) -> NDArray[np.float64]:
    """The setting at each of the evenly spaced steps of one epoch, (steps,).

    Parameters
    ----------
    setting : a number, a pair (first, last) or a schedule.
    epoch : the epochs that are done.
    total : planned epochs, >= 1.
    steps : steps of the epoch, >= 1.
    where : the option as the user knows it, such as "Kohonen(learning_rate)".
    most : the greatest value that a schedule may have; numbers and pairs are checked as options.

    Raises
    ------
    InvalidParameter : a schedule that leaves [0, most] in this epoch.
    """
    if isinstance(setting, numbers.Real):
        return np.full(steps, float(setting))
    times = epoch + np.arange(steps) / steps
    if isinstance(setting, Schedule):
        if setting.every_step:
            values = np.array([setting.rate(time, total) for time in times.tolist()], dtype=np.float64)
        else:
            values = np.full(steps, setting.rate(epoch, total), dtype=np.float64)
        _require_within(values, where, epoch, most)
        return values
    first, last = map(float, setting)
    return first + (last - first) * np.minimum(times / total, 1.0)


def _require_within(values: NDArray[np.float64], where: str, epoch: float, most: float) -> None:
    wrong = ~((values >= 0) & (values <= most) & np.isfinite(values))
    if wrong.any():
        expected = f"a schedule in [0, {most:g}{']' if math.isfinite(most) else ')'}"
        got = f"{values[wrong.argmax()]:g} in epoch {epoch:g}"
        raise InvalidParameter(problem(where, expected, got, "Scale the schedule."))
