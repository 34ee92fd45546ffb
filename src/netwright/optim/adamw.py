"""AdamW: Adam with the decay of weights taken out of the gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch

from netwright.core.schedules import Schedule
from netwright.core.validation import Constraint, boolean, number
from netwright.core.value import value
from netwright.optim.base import BETAS, EPSILON, LEARNING_RATE, Optimizer, implementation


@final
@value("optimizer")
class AdamW(Optimizer):
    """AdamW: Adam with decoupled weight decay.

    With gradient g, step number t = 1, 2..., learning rate eta, betas (b1, b2) and weight decay lambda::

        w <- (1 - eta lambda) w
        m <- b1 m + (1 - b1) g
        v <- b2 v + (1 - b2) g^2
        w <- w - eta / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + epsilon)

    The decay acts on every parameter that is given, biases included; groups with ``"weight_decay": 0`` exempt some. It
    is multiplied by the learning rate, so a schedule acts on both. With `amsgrad` the square root is taken of the
    greatest v so far.

    Parameters
    ----------
    learning_rate : step length eta, > 0, or a schedule.
    betas : shares of the two running means that are kept at each step, each in [0, 1).
    epsilon : keeps the divisor from zero, > 0; in units of the gradient.
    weight_decay : lambda, >= 0.
    amsgrad : divide by the greatest second moment so far.

    Examples
    --------
    >>> import torch
    >>> weight = torch.ones(2, requires_grad=True)
    >>> optimizer = AdamW(0.1, weight_decay=0.5).build([weight])
    >>> weight.grad = torch.zeros(2)
    >>> optimizer.step()
    >>> weight.detach()
    tensor([0.9500, 0.9500])

    References
    ----------
    Loshchilov, Hutter: Decoupled weight decay regularization, 2019.
    """

    learning_rate: float | Schedule = 0.001
    _: KW_ONLY
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    amsgrad: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "learning_rate": LEARNING_RATE,
        "betas": BETAS,
        "epsilon": EPSILON,
        "weight_decay": number(0),
        "amsgrad": boolean,
    }

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            params,
            lr=lr,
            betas=(float(self.betas[0]), float(self.betas[1])),
            eps=self.epsilon,
            weight_decay=self.weight_decay,
            amsgrad=self.amsgrad,
            **implementation(params, "_fused_adamw_"),
        )
