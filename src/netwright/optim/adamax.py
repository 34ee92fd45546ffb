"""Adamax: Adam with the largest recent gradient in place of the root mean square."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch

from netwright.core.schedules import Schedule
from netwright.core.validation import Constraint, boolean
from netwright.core.value import value
from netwright.optim.base import BETAS, EPSILON, LEARNING_RATE, Optimizer, implementation
from netwright.optim.elementwise.shell import Elementwise, Moment, Options, Tensors, decayed


@final
@value("optimizer")
class Adamax(Optimizer):
    """Adamax: Adam in the infinity norm.

    With gradient g, step number t = 1, 2..., learning rate eta and betas (b1, b2)::

        m <- b1 m + (1 - b1) g
        u <- max(b2 u, |g| + epsilon)
        w <- w - eta / (1 - b1^t) * m / u

    The paper has no epsilon. Torch adds it to the gradient's absolute value, inside the maximum. With `epsilon_outside`
    it is added to the maximum, as in TensorFlow and in Keras::

        u <- max(b2 u, |g|)
        w <- w - eta / (1 - b1^t) * m / (u + epsilon)

    An epsilon of 1e-30 in this form is the paper's rule, with steps of 0 where there has been no gradient yet.

    Parameters
    ----------
    learning_rate : step length eta, > 0, or a schedule.
    betas : shares of the running mean and of the running maximum that are kept at each step, each in [0, 1).
    epsilon : keeps the divisor from zero, > 0; in units of the gradient.
    epsilon_outside : add epsilon to the running maximum, not to the gradient inside it.

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
    epsilon_outside: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "learning_rate": LEARNING_RATE,
        "betas": BETAS,
        "epsilon": EPSILON,
        "epsilon_outside": boolean,
    }

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        betas = (float(self.betas[0]), float(self.betas[1]))
        if self.epsilon_outside:
            options = {"lr": lr, "betas": betas, "eps": self.epsilon, "weight_decay": 0.0}
            return Elementwise(params, self, start, update, options)
        return torch.optim.Adamax(params, lr=lr, betas=betas, eps=self.epsilon, **implementation(params))


def start(options: Options) -> Mapping[str, float]:
    """What is remembered of each weight, under torch's names."""
    return {"exp_avg": 0.0, "exp_inf": 0.0}


def update(options: Options, tensors: Tensors, moment: Moment) -> None:
    """One step with epsilon outside of the maximum."""
    gradients, memory, (b1, b2) = decayed(options, tensors), tensors.memory, options["betas"]
    torch._foreach_lerp_(memory["exp_avg"], gradients, 1 - b1)
    torch._foreach_mul_(memory["exp_inf"], b2)
    torch._foreach_maximum_(memory["exp_inf"], torch._foreach_abs(gradients))
    divisors = torch._foreach_add(memory["exp_inf"], options["eps"])
    rate = options["lr"] / (1 - b1**moment.step)
    torch._foreach_addcdiv_(tensors.weights, memory["exp_avg"], divisors, value=-rate)
