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


def over_steps(setting: Any, epoch: float, total: int, steps: int) -> NDArray[np.float64]:
    """The setting at each of the evenly spaced steps of one epoch, (steps,).

    Parameters
    ----------
    setting : a number, a pair (first, last) or a schedule.
    epoch : the epochs that are done.
    total : planned epochs, >= 1.
    steps : steps of the epoch, >= 1.
    """
    if isinstance(setting, numbers.Real):
        return np.full(steps, float(setting))
    times = epoch + np.arange(steps) / steps
    if isinstance(setting, Schedule):
        if not setting.every_step:
            return np.full(steps, setting.rate(epoch, total))
        return np.array([setting.rate(float(time), total) for time in times])
    first, last = map(float, setting)
    return first + (last - first) * np.minimum(times / total, 1.0)
