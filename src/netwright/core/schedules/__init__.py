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
`cyclic_cosine`       half a cosine wave in each of several cycles         within an epoch
`warmup`              a linear rise, then another schedule                 within an epoch
`hold`                another schedule, then a constant rate               within an epoch
`on_plateau`          times a factor when the losses stop to fall          by the epoch
===================== ==================================================== ===============
"""

from __future__ import annotations

# what every schedule is
from netwright.core.schedules.base import Schedule

# by the epoch, within an epoch, before another, by the losses
from netwright.core.schedules.steps import halving, step_decay
from netwright.core.schedules.decay import cosine, exponential_decay, inverse_time_decay, polynomial_decay
from netwright.core.schedules.cycles import cycle_ends, cyclic_cosine, hold
from netwright.core.schedules.warmup import warmup
from netwright.core.schedules.on_plateau import on_plateau

__all__ = [
    "Schedule",
    "cosine",
    "cycle_ends",
    "cyclic_cosine",
    "exponential_decay",
    "halving",
    "hold",
    "inverse_time_decay",
    "on_plateau",
    "polynomial_decay",
    "step_decay",
    "warmup",
]
