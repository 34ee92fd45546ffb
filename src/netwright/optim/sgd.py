"""Stochastic gradient descent, with momentum (heavy ball) or Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.schedules import Schedule
from netwright.core.validation import Constraint, boolean
from netwright.core.value import value
from netwright.optim.base import LEARNING_RATE, SHARE, Optimizer, implementation


@final
@value("optimizer")
class SGD(Optimizer):
    """Stochastic gradient descent: a step against the gradient, with or without momentum.

    With gradient g, learning rate eta, momentum mu, dampening tau and velocity b::

        b <- g                         at the first step
        b <- mu b + (1 - tau) g        after it
        w <- w - eta b                 momentum
        w <- w - eta (g + mu b)        Nesterov
        w <- w - eta g                 mu = 0

    The rate multiplies the velocity, not the gradients in it: a change of rate acts at once (Sutskever and others have
    the rate inside the velocity; for a constant rate both are the same).

    Parameters
    ----------
    learning_rate : step length eta, > 0, or a schedule.
    momentum : share mu of the velocity that is kept, in [0, 1).
    nesterov : look ahead along the velocity; needs momentum > 0 and no dampening.
    dampening : share tau of the gradient that does not enter the velocity, in [0, 1).

    Examples
    --------
    >>> import torch
    >>> weight = torch.zeros(1, requires_grad=True)
    >>> optimizer = SGD(0.1, momentum=0.5, nesterov=True).build([weight])
    >>> for _ in range(50):
    ...     optimizer.zero_grad()
    ...     (weight - 3).square().backward()
    ...     optimizer.step()
    >>> round(weight.item(), 4)
    3.0

    References
    ----------
    Polyak: Some methods of speeding up the convergence of iteration methods, 1964.
    Nesterov: A method of solving a convex programming problem with convergence rate O(1/k^2), 1983.
    Sutskever, Martens, Dahl, Hinton: On the importance of initialization and momentum in deep learning, 2013.
    """

    learning_rate: float | Schedule = 0.01
    momentum: float = 0.0
    _: KW_ONLY
    nesterov: bool = False
    dampening: float = 0.0

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "learning_rate": LEARNING_RATE,
        "momentum": SHARE,
        "nesterov": boolean,
        "dampening": SHARE,
    }

    def __post_init__(self) -> None:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise InvalidParameter(
                problem(
                    "SGD(nesterov)",
                    "momentum > 0 and dampening = 0 with it",
                    f"momentum={self.momentum!r}, dampening={self.dampening!r}",
                    "Add momentum=0.9, or leave nesterov out.",
                )
            )

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            params,
            lr=lr,
            momentum=self.momentum,
            dampening=self.dampening,
            nesterov=self.nesterov,
            **implementation(params, "_fused_sgd_"),
        )
