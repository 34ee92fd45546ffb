"""Adamax: Adam with the largest recent gradient in place of the root mean square."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch

from netwright.core.validation import Constraint
from netwright.core.value import value
from netwright.optim.base import BETAS, EPSILON, LEARNING_RATE, Optimizer, implementation
from netwright.optim.schedules import Schedule


@final
@value("optimizer")
class Adamax(Optimizer):
    """Adamax: Adam in the infinity norm.

    With gradient g, step number t = 1, 2..., learning rate eta and betas (b1, b2)::

        m <- b1 m + (1 - b1) g
        u <- max(b2 u, |g| + epsilon)
        w <- w - eta / (1 - b1^t) * m / u

    The paper has no epsilon; torch adds it to the gradient's absolute value, inside the maximum.

    Parameters
    ----------
    learning_rate : step length eta, > 0, or a schedule.
    betas : shares of the running mean and of the running maximum that are kept at each step, each in [0, 1).
    epsilon : keeps the divisor from zero, > 0; in units of the gradient.

    Examples
    --------
    >>> import torch
    >>> weight = torch.zeros(1, requires_grad=True)
    >>> optimizer = Adamax(0.1).build([weight])
    >>> for _ in range(300):
    ...     optimizer.zero_grad()
    ...     (weight - 3).square().backward()
    ...     optimizer.step()
    >>> round(weight.item(), 3)
    3.0

    References
    ----------
    Kingma, Ba: Adam: a method for stochastic optimization, 2015 (section 7.1).
    """

    learning_rate: float | Schedule = 0.002
    _: KW_ONLY
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "learning_rate": LEARNING_RATE,
        "betas": BETAS,
        "epsilon": EPSILON,
    }

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return torch.optim.Adamax(
            params,
            lr=lr,
            betas=(float(self.betas[0]), float(self.betas[1])),
            eps=self.epsilon,
            **implementation(params),
        )
