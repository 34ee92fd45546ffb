"""Momentum: gradient descent of a heavy ball; a named form of `SGD`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, final

import torch

from netwright.core.schedules import Schedule
from netwright.core.validation import Constraint, number
from netwright.core.value import value
from netwright.optim.base import LEARNING_RATE, Optimizer, implementation


@final
@value("optimizer")
class Momentum(Optimizer):
    """Gradient descent with momentum: the velocity is a sum of past gradients, of which each step keeps a share.

    With gradient g, learning rate eta, momentum mu and velocity b, in units of the gradient and 0 at first::

        b <- mu b + g
        w <- w - eta b

    This is ``SGD(learning_rate, momentum)``, by torch's fused kernel. Sutskever and others have the velocity in units
    of the weights, v = -eta b::

        v <- mu v - eta g
        w <- w + v

    For a constant rate both make the same steps. When the rate changes, the first form changes the whole step at once,
    the second only what the new gradient adds to it.

    Parameters
    ----------
    learning_rate : step length eta, > 0, or a schedule. A constant gradient is followed by steps of eta / (1 - mu).
    momentum : share mu of the velocity that is kept, in (0, 1).

    Examples
    --------
    >>> import torch
    >>> weight = torch.ones(1, requires_grad=True)
    >>> optimizer = Momentum(0.1, 0.5).build([weight])
    >>> for _ in range(2):
    ...     weight.grad = torch.ones(1)
    ...     optimizer.step()
    >>> round(weight.item(), 4)  # 1 - 0.1 - 0.15
    0.75

    References
    ----------
    Polyak: Some methods of speeding up the convergence of iteration methods, 1964.
    Sutskever, Martens, Dahl, Hinton: On the importance of initialization and momentum in deep learning, 2013.
    """

    learning_rate: float | Schedule = 0.01
    momentum: float = 0.9

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "learning_rate": LEARNING_RATE,
        "momentum": number(0, 1, closed="neither"),
    }

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(params, lr=lr, momentum=self.momentum, **implementation(params, "_fused_sgd_"))
