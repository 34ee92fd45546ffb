"""Update rules and learning-rate schedules, as values.

A rule builds a plain `torch.optim.Optimizer`; a schedule stands in the place of its learning rate::

    SGD(step_decay(0.1, every=10), momentum=0.9, nesterov=True).build(module.parameters())
"""

from __future__ import annotations

# what every rule is, and the way round the bookkeeping of step()
from netwright.optim.base import Optimizer
from netwright.optim.direct import direct_step

# gradient descent
from netwright.optim.sgd import SGD

# steps scaled by past gradients
from netwright.optim.adam import Adam
from netwright.optim.adamw import AdamW
from netwright.optim.adamax import Adamax
from netwright.optim.rmsprop import RMSprop
from netwright.optim.adadelta import Adadelta
from netwright.optim.adagrad import Adagrad

# curvature: of least squares
from netwright.optim.levenberg_marquardt import LevenbergMarquardt

# schedules: by the epoch, within an epoch, before or after another, by the losses
from netwright.optim.schedules import Schedule
from netwright.optim.schedules import step_decay, halving
from netwright.optim.schedules import exponential_decay, inverse_time_decay, polynomial_decay, cosine
from netwright.optim.warmup import warmup
from netwright.optim.on_plateau import on_plateau

__all__ = [
    "Optimizer",
    "direct_step",
    "SGD",
    "Adam",
    "AdamW",
    "Adamax",
    "RMSprop",
    "Adadelta",
    "Adagrad",
    "LevenbergMarquardt",
    "Schedule",
    "step_decay",
    "halving",
    "exponential_decay",
    "inverse_time_decay",
    "polynomial_decay",
    "cosine",
    "warmup",
    "on_plateau",
]
