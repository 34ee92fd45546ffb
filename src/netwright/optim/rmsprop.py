"""RMSprop: gradients divided by their running root mean square."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch

from netwright.core.schedules import Schedule
from netwright.core.validation import Constraint, boolean, number
from netwright.core.value import value
from netwright.optim.base import EPSILON, LEARNING_RATE, SHARE, Optimizer, implementation
from netwright.optim.elementwise.shell import Elementwise, Moment, Options, Tensors, decayed


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

    The epsilon stands outside the root, as in torch. With `epsilon_inside` it stands inside, as in TensorFlow and in
    Keras, and v begins at `initial_accumulator`: 0 in torch and Keras, 1 in TensorFlow 1 and NeuPy::

        s  = sqrt(v + epsilon)                     or, centered, sqrt(v - a^2 + epsilon)

    From 0 the first steps are up to ``1 / sqrt(1 - rho)`` times the rate, as nothing corrects them; from 1 they are
    those of gradient descent with this rate. TensorFlow has the rate inside the velocity, ``b <- mu b + eta g / s``,
    which is the same while the rate is constant.

    Parameters
    ----------
    learning_rate : step length eta, > 0, or a schedule.
    decay : share rho of the running means that is kept at each step, in [0, 1); torch's ``alpha``.
    epsilon : keeps the divisor from zero, > 0; in units of the gradient, or with `epsilon_inside` of its square.
    momentum : share mu of the velocity that is kept, in [0, 1).
    centered : divide by the standard deviation in place of the root mean square. Where a gradient stays the same for a
        thousand steps, rounding makes torch's difference negative and the weight NaN; the form with `epsilon_inside`
        takes it for 0.
    epsilon_inside : add epsilon inside the root.
    initial_accumulator : first value of v, >= 0.

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
    epsilon_inside: bool = False
    initial_accumulator: float = 0.0

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "learning_rate": LEARNING_RATE,
        "decay": SHARE,
        "epsilon": EPSILON,
        "momentum": SHARE,
        "centered": boolean,
        "epsilon_inside": boolean,
        "initial_accumulator": number(0),
    }

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        if self.epsilon_inside or self.initial_accumulator > 0:
            shared = {"lr": lr, "alpha": self.decay, "eps": self.epsilon, "weight_decay": 0.0}
            kept = {name: getattr(self, name) for name in ("momentum", "centered")}
            own = {"epsilon_inside": self.epsilon_inside, "initial_accumulator_value": self.initial_accumulator}
            return Elementwise(params, self, start, update, {**shared, **kept, **own})
        return torch.optim.RMSprop(
            params,
            lr=lr,
            alpha=self.decay,
            eps=self.epsilon,
            momentum=self.momentum,
            centered=self.centered,
            **implementation(params),
        )


def start(options: Options) -> Mapping[str, float]:
    """What is remembered of each weight, under torch's names."""
    means = {"square_avg": options["initial_accumulator_value"]}
    if options["centered"]:
        means["grad_avg"] = 0.0
    return {**means, "momentum_buffer": 0.0} if options["momentum"] else means


def update(options: Options, tensors: Tensors, moment: Moment) -> None:
    """One step with epsilon inside the root, or outside of it."""
    gradients, memory, rho = decayed(options, tensors), tensors.memory, options["alpha"]
    squares = memory["square_avg"]
    torch._foreach_mul_(squares, rho)
    torch._foreach_addcmul_(squares, gradients, gradients, value=1 - rho)
    if options["centered"]:
        torch._foreach_lerp_(memory["grad_avg"], gradients, 1 - rho)
        squares = list(torch._foreach_addcmul(squares, memory["grad_avg"], memory["grad_avg"], value=-1))
        torch._foreach_clamp_min_(squares, 0)  # rounding may leave it a little below
    if options["epsilon_inside"]:
        roots = torch._foreach_add(squares, options["eps"])
        torch._foreach_sqrt_(roots)
    else:
        roots = torch._foreach_sqrt(squares)
        torch._foreach_add_(roots, options["eps"])
    if not options["momentum"]:
        torch._foreach_addcdiv_(tensors.weights, gradients, roots, value=-options["lr"])
        return
    torch._foreach_mul_(memory["momentum_buffer"], options["momentum"])
    torch._foreach_addcdiv_(memory["momentum_buffer"], gradients, roots)
    torch._foreach_add_(tensors.weights, memory["momentum_buffer"], alpha=-options["lr"])
