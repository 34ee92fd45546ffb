"""iRprop+: resilient backpropagation that takes moves back only where the error has risen.

With the sign s of a weight's gradient, the sign s' remembered of the step before (0 at the first), the size Delta of
the weight's steps, its last move delta, and the error E(t) at the weights of now::

    s s' > 0:   Delta <- min(eta_plus Delta, maximum),    delta <- -s Delta,   s' <- s
    s s' < 0:   Delta <- max(eta_minus Delta, minimum),   delta <- -delta if E(t) > E(t - 1), else 0,   s' <- 0
    s s' = 0:                                             delta <- -s Delta,   s' <- s
    w <- w + delta

The symbols are those of `netwright.optim.rprop`.

References: Igel, Huesken: Improving the Rprop learning algorithm, 2000; Empirical evaluation of the improved Rprop
learning algorithms, 2003.

It differs from NeuPy's rule of this name, which compares E(t - 1) with E(t - 2) and so decides one step late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch

from netwright.core.validation import Constraint
from netwright.core.value import value
from netwright.optim.base import Optimizer
from netwright.optim.elementwise.resilient import (
    SIZES,
    check_sizes,
    options_of,
    resilient_step_,
    signs_sizes_and_moves,
)
from netwright.optim.elementwise.shell import Elementwise, Moment, Options, Tensors


@final
@value("optimizer")
class IRpropPlus(Optimizer):
    """Improved Rprop with backtracking: a weight whose sign has turned goes back only if the error has risen.

    With the sign s of the gradient now, s' of the one before (0 after it has turned) and the last move delta::

        s s' > 0:   Delta <- min(eta_plus Delta, maximum)
        s s' < 0:   Delta <- max(eta_minus Delta, minimum),   s <- 0,   w <- w - delta if E(t) > E(t - 1)
        otherwise:  delta <- -s Delta,   w <- w + delta

    The error E(t) is the loss at the weights of which the gradient is, so a step is handed a function that returns it:
    ``optimizer.step(lambda: loss)`` after ``loss.backward()``, or a closure that goes backward itself, as in torch.
    Signs and errors must be those of all rows. A parameter group's ``lr``, 1 unless it is given, multiplies its moves.

    Parameters
    ----------
    step : size of every weight's first step, in [minimum, maximum]; in units of a weight.
    eta_minus : factor of the size after the sign has turned, in (0, 1).
    eta_plus : factor of the size while the sign stays, > 1.
    minimum : floor of the sizes, >= 0.
    maximum : ceiling of the sizes, > 0.

    Raises
    ------
    InvalidParameter : a step without a function, or with one that returns no number.
    InvalidData : a loss that is not finite, or a gradient with NaN or infinite entries; the weights stay.

    Examples
    --------
    >>> import torch
    >>> weight = torch.zeros(1, requires_grad=True)
    >>> optimizer = IRpropPlus().build([weight])
    >>> for _ in range(60):
    ...     optimizer.zero_grad()
    ...     loss = (weight - 3).square().sum()
    ...     loss.backward()
    ...     _ = optimizer.step(lambda: loss)
    >>> round(weight.item(), 3)
    3.0

    References
    ----------
    Igel, Huesken: Improving the Rprop learning algorithm, 2000.
    Igel, Huesken: Empirical evaluation of the improved Rprop learning algorithms, 2003.
    """

    step: float = 0.1
    _: KW_ONLY
    eta_minus: float = 0.5
    eta_plus: float = 1.2
    minimum: float = 1e-6
    maximum: float = 50.0

    takes: ClassVar[str] = "loss"
    full_batch: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = SIZES

    def __post_init__(self) -> None:
        check_sizes(self)

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return Elementwise(params, self, signs_sizes_and_moves, update, options_of(self))


def update(options: Options, tensors: Tensors, moment: Moment) -> None:
    """One step: weights whose sign has turned go back if the loss has risen, and else wait."""
    resilient_step_(options, tensors, backtrack=moment.loss > moment.before)
