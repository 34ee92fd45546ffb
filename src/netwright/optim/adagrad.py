"""Adagrad: gradients divided by the root of the sum of all their squares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch

from netwright.core.validation import Constraint, number
from netwright.core.value import value
from netwright.optim.base import EPSILON, LEARNING_RATE, Optimizer, implementation
from netwright.optim.schedules import Schedule


@final
@value("optimizer")
class Adagrad(Optimizer):
    """Adagrad: large steps for weights with rare or small gradients, ever smaller ones for all.

    With gradient g, step number t = 1, 2..., learning rate eta, its decay kappa and the sum s, which starts at
    `initial_accumulator`::

        s <- s + g^2
        w <- w - eta / (1 + (t - 1) kappa) * g / (sqrt(s) + epsilon)

    Parameters
    ----------
    learning_rate : step length eta, > 0, or a schedule.
    learning_rate_decay : kappa (1/steps), >= 0; torch's ``lr_decay``. It acts besides a schedule.
    initial_accumulator : first value of the sum of squares, >= 0; above zero it shortens the first steps.
    epsilon : keeps the divisor from zero, > 0; in units of the gradient.

    Examples
    --------
    >>> import torch
    >>> weight = torch.zeros(1, requires_grad=True)
    >>> optimizer = Adagrad(0.5).build([weight])
    >>> for _ in range(300):
    ...     optimizer.zero_grad()
    ...     (weight - 3).square().backward()
    ...     optimizer.step()
    >>> round(weight.item(), 3)
    3.0

    References
    ----------
    Duchi, Hazan, Singer: Adaptive subgradient methods for online learning and stochastic optimization, 2011.
    """

    learning_rate: float | Schedule = 0.01
    _: KW_ONLY
    learning_rate_decay: float = 0.0
    initial_accumulator: float = 0.0
    epsilon: float = 1e-10

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "learning_rate": LEARNING_RATE,
        "learning_rate_decay": number(0),
        "initial_accumulator": number(0),
        "epsilon": EPSILON,
    }

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return torch.optim.Adagrad(
            params,
            lr=lr,
            lr_decay=self.learning_rate_decay,
            initial_accumulator_value=self.initial_accumulator,
            eps=self.epsilon,
            **implementation(params, "_fused_adagrad_"),
        )
