"""Adadelta: steps in units of the steps before them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch

from netwright.core.schedules import Schedule
from netwright.core.validation import Constraint
from netwright.core.value import value
from netwright.optim.base import EPSILON, LEARNING_RATE, SHARE, Optimizer, implementation


@final
@value("optimizer")
class Adadelta(Optimizer):
    """Adadelta: the gradient scaled by the ratio of past steps to past gradients, which has the unit of a weight.

    With gradient g, learning rate eta and decay rho::

        v <- rho v + (1 - rho) g^2
        d  = sqrt(s + epsilon) / sqrt(v + epsilon) * g
        s <- rho s + (1 - rho) d^2
        w <- w - eta d

    The paper has no learning rate (eta = 1). Epsilon stands inside both roots, and v and s begin at 0, in the paper,
    torch, TensorFlow and Keras alike; their decays are 0.95, 0.9, 0.95 and 0.95. The first steps are about
    ``sqrt(epsilon / (1 - rho))`` long: a small epsilon makes the start slow.

    Parameters
    ----------
    learning_rate : factor eta of every step, > 0, or a schedule.
    decay : share rho of the running means that is kept at each step, in [0, 1).
    epsilon : starts the rule and keeps the divisor from zero, > 0.

    Examples
    --------
    >>> import torch
    >>> weight = torch.zeros(1, requires_grad=True)
    >>> optimizer = Adadelta(epsilon=1e-3).build([weight])
    >>> for _ in range(500):
    ...     optimizer.zero_grad()
    ...     (weight - 3).square().backward()
    ...     optimizer.step()
    >>> abs(weight.item() - 3) < 0.01
    True

    References
    ----------
    Zeiler: ADADELTA: an adaptive learning rate method, 2012.
    """

    learning_rate: float | Schedule = 1.0
    _: KW_ONLY
    decay: float = 0.9
    epsilon: float = 1e-6

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "learning_rate": LEARNING_RATE,
        "decay": SHARE,
        "epsilon": EPSILON,
    }

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return torch.optim.Adadelta(params, lr=lr, rho=self.decay, eps=self.epsilon, **implementation(params))
