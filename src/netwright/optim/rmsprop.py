"""RMSprop: gradients divided by their running root mean square."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch

from netwright.core.validation import Constraint, boolean
from netwright.core.value import value
from netwright.optim.base import EPSILON, LEARNING_RATE, SHARE, Optimizer, implementation
from netwright.optim.schedules import Schedule


@final
@value("optimizer")
class RMSprop(Optimizer):
    """RMSprop: each gradient divided by the running root mean square of its own past.

    With gradient g, learning rate eta, decay rho and momentum mu::

        v <- rho v + (1 - rho) g^2
        a <- rho a + (1 - rho) g                   centered only
        s  = sqrt(v) + epsilon                     or, centered, sqrt(v - a^2) + epsilon
        w <- w - eta g / s                         mu = 0
        b <- mu b + g / s;  w <- w - eta b         with momentum

    The epsilon stands outside the root (TensorFlow has it inside). There is no correction of the first steps, so these
    are up to ``1 / sqrt(1 - rho)`` times the rate.

    Parameters
    ----------
    learning_rate : step length eta, > 0, or a schedule.
    decay : share rho of the running means that is kept at each step, in [0, 1); torch's ``alpha``.
    epsilon : keeps the divisor from zero, > 0; in units of the gradient.
    momentum : share mu of the velocity that is kept, in [0, 1).
    centered : divide by the standard deviation in place of the root mean square. Where a gradient stays the same for a
        thousand steps, rounding makes torch's difference negative and the weight NaN; leave it out where that can be.

    Examples
    --------
    >>> import torch
    >>> weight = torch.zeros(1, requires_grad=True)
    >>> optimizer = RMSprop(0.01).build([weight])
    >>> for _ in range(500):
    ...     optimizer.zero_grad()
    ...     (weight - 3).square().backward()
    ...     optimizer.step()
    >>> abs(weight.item() - 3) < 0.01
    True

    References
    ----------
    Tieleman, Hinton: Lecture 6.5: RMSProp, Coursera: Neural networks for machine learning, 2012.
    Graves: Generating sequences with recurrent neural networks, 2013 (centered, with momentum).
    """

    learning_rate: float | Schedule = 0.01
    _: KW_ONLY
    decay: float = 0.99
    epsilon: float = 1e-8
    momentum: float = 0.0
    centered: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "learning_rate": LEARNING_RATE,
        "decay": SHARE,
        "epsilon": EPSILON,
        "momentum": SHARE,
        "centered": boolean,
    }

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(
            params,
            lr=lr,
            alpha=self.decay,
            eps=self.epsilon,
            momentum=self.momentum,
            centered=self.centered,
            **implementation(params),
        )
