"""Rprop: resilient backpropagation with backtracking of weights (RPROP+).

With the sign s of a weight's gradient, the sign s' remembered of the step before (0 at the first), the size Delta of
the weight's steps and its last move delta::

    s s' > 0:   Delta <- min(eta_plus Delta, maximum),    delta <- -s Delta,   s' <- s
    s s' < 0:   Delta <- max(eta_minus Delta, minimum),   delta <- -delta,     s' <- 0
    s s' = 0:                                             delta <- -s Delta,   s' <- s
    w <- w + delta

=========== ============== ====================================
symbol      argument       meaning
=========== ============== ====================================
Delta       ``step``       size of the first step
eta_minus   ``eta_minus``  factor after the sign has turned
eta_plus    ``eta_plus``   factor while the sign stays
            ``minimum``    floor of Delta
            ``maximum``    ceiling of Delta
=========== ============== ====================================

Reference: Riedmiller, Braun: A direct adaptive method for faster backpropagation learning: the RPROP algorithm, 1993.

``torch.optim.Rprop`` does not take moves back: it is `IRpropMinus`.
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
class Rprop(Optimizer):
    """Resilient backpropagation: every weight has a step size of its own, which follows from signs of the gradient.

    With the sign s of the gradient now, s' of the one before (0 after a step back) and the last move delta::

        s s' > 0:   Delta <- min(eta_plus Delta, maximum)
        s s' < 0:   Delta <- max(eta_minus Delta, minimum),   w <- w - delta,   s <- 0
        otherwise:  delta <- -s Delta,   w <- w + delta

    How large the gradient is does not matter, so that no rate is to be found: 0.1 for the first step will mostly do.
    The signs must be those of all rows; on mini-batches they turn at random and the steps die out. A parameter group's
    ``lr``, 1 unless it is given, multiplies its moves.

    Parameters
    ----------
    step : size of every weight's first step, in [minimum, maximum]; in units of a weight.
    eta_minus : factor of the size after the sign has turned, in (0, 1).
    eta_plus : factor of the size while the sign stays, > 1.
    minimum : floor of the sizes, >= 0.
    maximum : ceiling of the sizes, > 0.

    Raises
    ------
    InvalidData : a gradient with NaN or infinite entries; the weights stay.

    Examples
    --------
    >>> import torch
    >>> weight = torch.zeros(1, requires_grad=True)
    >>> optimizer = Rprop().build([weight])
    >>> for _ in range(60):
    ...     optimizer.zero_grad()
    ...     (weight - 3).square().backward()
    ...     optimizer.step()
    >>> round(weight.item(), 3)
    3.0

    References
    ----------
    Riedmiller, Braun: A direct adaptive method for faster backpropagation learning: the RPROP algorithm, 1993.
    """

    step: float = 0.1
    _: KW_ONLY
    eta_minus: float = 0.5
    eta_plus: float = 1.2
    minimum: float = 1e-6
    maximum: float = 50.0

    full_batch: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = SIZES

    def __post_init__(self) -> None:
        check_sizes(self)

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return Elementwise(params, self, signs_sizes_and_moves, update, options_of(self))


def update(options: Options, tensors: Tensors, moment: Moment) -> None:
    """One step: weights whose sign has turned go back, all others go on."""
    resilient_step_(options, tensors, backtrack=True)
