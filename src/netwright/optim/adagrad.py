"""Adagrad: gradients divided by the root of the sum of all their squares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch

from netwright.core.schedules import Schedule
from netwright.core.validation import Constraint, boolean, number
from netwright.core.value import value
from netwright.optim.base import EPSILON, LEARNING_RATE, Optimizer, implementation
from netwright.optim.elementwise.shell import Elementwise, Moment, Options, Tensors, decayed


@final
@value("optimizer")
class Adagrad(Optimizer):
    """Adagrad: large steps for weights with rare or small gradients, ever smaller ones for all.

    With gradient g, step number t = 1, 2..., learning rate eta, its decay kappa and the sum s, which starts at
    `initial_accumulator`::

        s <- s + g^2
        w <- w - eta / (1 + (t - 1) kappa) * g / (sqrt(s) + epsilon)

    The sum begins at 0 and epsilon stands outside the root, as in torch. TensorFlow and Keras let the sum begin at 0.1,
    and Keras has, with `epsilon_inside`::

        w <- w - eta g / sqrt(s + epsilon)

    TensorFlow 1 and NeuPy have no epsilon; beside a sum of 0.1 one of 1e-30 is lost in rounding.

    Parameters
    ----------
    learning_rate : step length eta, > 0, or a schedule.
    learning_rate_decay : kappa (1/steps), >= 0; torch's ``lr_decay``. It acts besides a schedule.
    initial_accumulator : first value of the sum of squares, >= 0; above zero it shortens the first steps.
    epsilon : keeps the divisor from zero, > 0; in units of the gradient, or with `epsilon_inside` of its square.
    epsilon_inside : add epsilon inside the root; not by torch's fused kernel.

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
    epsilon_inside: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "learning_rate": LEARNING_RATE,
        "learning_rate_decay": number(0),
        "initial_accumulator": number(0),
        "epsilon": EPSILON,
        "epsilon_inside": boolean,
    }

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        if self.epsilon_inside:
            options = {"lr": lr, "lr_decay": self.learning_rate_decay, "eps": self.epsilon, "weight_decay": 0.0}
            first = {"initial_accumulator_value": self.initial_accumulator}
            return Elementwise(params, self, start, update, {**options, **first})
        return torch.optim.Adagrad(
            params,
            lr=lr,
            lr_decay=self.learning_rate_decay,
            initial_accumulator_value=self.initial_accumulator,
            eps=self.epsilon,
            **implementation(params, "_fused_adagrad_"),
        )


def start(options: Options) -> Mapping[str, float]:
    """What is remembered of each weight, under torch's name."""
    return {"sum": options["initial_accumulator_value"]}


def update(options: Options, tensors: Tensors, moment: Moment) -> None:
    """One step with epsilon inside the root."""
    gradients, sums = decayed(options, tensors), tensors.memory["sum"]
    torch._foreach_addcmul_(sums, gradients, gradients)
    roots = torch._foreach_add(sums, options["eps"])
    torch._foreach_sqrt_(roots)
    rate = options["lr"] / (1 + (moment.step - 1) * options["lr_decay"])
    torch._foreach_addcdiv_(tensors.weights, gradients, roots, value=-rate)
