"""Adam: steps scaled by running means of the gradient and of its square."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch

from netwright.core.validation import Constraint, boolean
from netwright.core.value import value
from netwright.optim.base import BETAS, EPSILON, LEARNING_RATE, Optimizer, implementation
from netwright.optim.schedules import Schedule


@final
@value("optimizer")
class Adam(Optimizer):
    """Adam: adaptive moment estimation.

    With gradient g, step number t = 1, 2..., learning rate eta and betas (b1, b2)::

        m <- b1 m + (1 - b1) g
        v <- b2 v + (1 - b2) g^2
        w <- w - eta / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + epsilon)

    With `amsgrad` the square root is taken of the greatest v so far. The epsilon stands beside the corrected root, as
    in algorithm 1 of the paper.

    Parameters
    ----------
    learning_rate : step length eta, > 0, or a schedule; about the size of one weight's step.
    betas : shares of the two running means that are kept at each step, each in [0, 1).
    epsilon : keeps the divisor from zero, > 0; in units of the gradient.
    amsgrad : divide by the greatest second moment so far, so that step sizes never grow again.

    Examples
    --------
    >>> import torch
    >>> weight = torch.zeros(1, requires_grad=True)
    >>> optimizer = Adam(0.1).build([weight])
    >>> for _ in range(300):
    ...     optimizer.zero_grad()
    ...     (weight - 3).square().backward()
    ...     optimizer.step()
    >>> round(weight.item(), 3)
    3.0

    References
    ----------
    Kingma, Ba: Adam: a method for stochastic optimization, 2015.
    Reddi, Kale, Kumar: On the convergence of Adam and beyond, 2018 (amsgrad).
    """

    learning_rate: float | Schedule = 0.001
    _: KW_ONLY
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    amsgrad: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "learning_rate": LEARNING_RATE,
        "betas": BETAS,
        "epsilon": EPSILON,
        "amsgrad": boolean,
    }

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return torch.optim.Adam(
            params,
            lr=lr,
            betas=(float(self.betas[0]), float(self.betas[1])),
            eps=self.epsilon,
            amsgrad=self.amsgrad,
            **implementation(params, "_fused_adam_"),
        )
