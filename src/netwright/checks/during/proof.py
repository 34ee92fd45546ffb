"""Trials of a run's program on copies: as it is or with one thing changed, from its beginning or its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netwright.checks.trial import Change, rate_times

MOST = 300  # steps of a trial


@dataclass(frozen=True)
class Ends:
    """Where trials end, infinite where their loss was not finite.

    Attributes
    ----------
    as_is : the program as it is. slower : at a tenth of the rate. clipped : with the gradient's norm at most 1.
    """

    as_is: float
    slower: float
    clipped: float


def end(
    watched: Any,
    name: str,
    change: Change | None = None,
    *,
    clip: float | None = None,
    beginning: bool = True,
    steps: int | None = None,
) -> float | None:
    """The loss at the end of a trial; None where no trial of this run can be made.

    Parameters
    ----------
    watched : the run. name : of the change, by which a trial is made once. change : of the copy. clip : the norm of
    gradients, or None. beginning : whether from the beginning. steps : how many at most; None for what is affordable.
    """
    key = (name, beginning, steps)
    if key not in watched.trials:
        context = watched.context(beginning)
        if context is None or not context.user_optimizers:
            watched.trials[key] = None
        else:
            affordable = context.steps if steps is None else min(steps, MOST, 5 * context.steps)
            watched.trials[key] = context.trial(change, clip=clip, steps=max(1, affordable)).end
    told: float | None = watched.trials[key]
    return told


def ends(watched: Any, steps: int | None = None) -> Ends | None:
    """The ends of trials from the beginning that tell a rate that is too high from gradients that explode.

    Parameters
    ----------
    watched : the run. steps : of each trial.
    """
    as_is = end(watched, "as it is", steps=steps)
    slower = end(watched, "a tenth of the rate", rate_times(0.1), steps=steps)
    clipped = end(watched, "clipped", clip=1.0, steps=steps)
    if as_is is None or slower is None or clipped is None:
        return None
    return Ends(as_is, slower, clipped)
