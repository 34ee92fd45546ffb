"""Adam: steps scaled by running means of the gradient and of its square."""

from __future__ import annotations

import math
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
class Adam(Optimizer):
    """Adam: adaptive moment estimation.

    With gradient g, step number t = 1, 2..., learning rate eta and betas (b1, b2)::

        m <- b1 m + (1 - b1) g
        v <- b2 v + (1 - b2) g^2
        w <- w - eta / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + epsilon)

    With `amsgrad` the square root is taken of the greatest v so far. The epsilon stands beside the corrected root, as
    in algorithm 1 of the paper and in torch. With `epsilon_hat` it stands beside the root as it is, as in the formula
    at the end of the paper's section 2, in TensorFlow and in Keras::

        w <- w - eta sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon)

    Both agree for large t; at the first step this epsilon counts ``1 / sqrt(1 - b2)`` times as much (32 times).

    Parameters
    ----------
    learning_rate : step length eta, > 0, or a schedule; about the size of one weight's step.
    betas : shares of the two running means that are kept at each step, each in [0, 1).
    epsilon : keeps the divisor from zero, > 0; in units of the gradient.
    amsgrad : divide by the greatest second moment so far, so that step sizes never grow again.
    epsilon_hat : add epsilon to the root that is not corrected for its start; not by torch's fused kernel.

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
    epsilon_hat: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "learning_rate": LEARNING_RATE,
        "betas": BETAS,
        "epsilon": EPSILON,
        "amsgrad": boolean,
        "epsilon_hat": boolean,
    }

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        betas = (float(self.betas[0]), float(self.betas[1]))
        if self.epsilon_hat:
            options = {"lr": lr, "betas": betas, "eps": self.epsilon, "weight_decay": 0.0, "amsgrad": self.amsgrad}
            return Elementwise(params, self, start, update, options)
        return torch.optim.Adam(
            params,
            lr=lr,
            betas=betas,
            eps=self.epsilon,
            amsgrad=self.amsgrad,
            **implementation(params, "_fused_adam_"),
        )


def start(options: Options) -> Mapping[str, float]:
    """What is remembered of each weight, under torch's names."""
    means = {"exp_avg": 0.0, "exp_avg_sq": 0.0}
    return {**means, "max_exp_avg_sq": 0.0} if options["amsgrad"] else means


def update(options: Options, tensors: Tensors, moment: Moment) -> None:
    """One step with epsilon beside the root that is not corrected."""
    gradients, memory, (b1, b2) = decayed(options, tensors), tensors.memory, options["betas"]
    torch._foreach_lerp_(memory["exp_avg"], gradients, 1 - b1)
    squares = memory["exp_avg_sq"]
    torch._foreach_mul_(squares, b2)
    torch._foreach_addcmul_(squares, gradients, gradients, value=1 - b2)
    if options["amsgrad"]:
        torch._foreach_maximum_(memory["max_exp_avg_sq"], squares)
        squares = memory["max_exp_avg_sq"]
    roots = torch._foreach_sqrt(squares)
    torch._foreach_add_(roots, options["eps"])
    rate = options["lr"] * math.sqrt(1 - b2**moment.step) / (1 - b1**moment.step)
    torch._foreach_addcdiv_(tensors.weights, memory["exp_avg"], roots, value=-rate)
