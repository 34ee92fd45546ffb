"""iRprop-: resilient backpropagation that takes no move back.

With the sign s of a weight's gradient, the sign s' remembered of the step before (0 at the first) and the size Delta of
the weight's steps::

    s s' > 0:   Delta <- min(eta_plus Delta, maximum)
    s s' < 0:   Delta <- max(eta_minus Delta, minimum),   s <- 0
    w <- w - s Delta,   s' <- s

The symbols are those of `netwright.optim.rprop`.

References: Igel, Huesken: Improving the Rprop learning algorithm, 2000; Empirical evaluation of the improved Rprop
learning algorithms, 2003.

``torch.optim.Rprop`` is this rule with a first step of 0.01. It multiplies gradients where this one multiplies their
signs, so that in single precision its sizes stand still for gradients below 1e-23.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch

from netwright.core.validation import Constraint
from netwright.core.value import value
from netwright.optim.base import Optimizer
from netwright.optim.elementwise.resilient import SIZES, check_sizes, options_of, resilient_step_, signs_and_sizes
from netwright.optim.elementwise.shell import Elementwise, Moment, Options, Tensors


@final
@value("optimizer")
class IRpropMinus(Optimizer):
    """Improved Rprop without backtracking: a weight whose sign has turned waits for one step, with half the size.

    With the sign s of the gradient now and s' of the one before (0 after it has turned)::

        s s' > 0:   Delta <- min(eta_plus Delta, maximum)
        s s' < 0:   Delta <- max(eta_minus Delta, minimum),   s <- 0
        w <- w - s Delta

    It needs the least memory of the resilient rules, and no loss. The signs must be those of all rows; on mini-batches
    they turn at random and the steps die out. A parameter group's ``lr``, 1 unless it is given, multiplies its moves.

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
    >>> optimizer = IRpropMinus().build([weight])
    >>> for _ in range(60):
    ...     optimizer.zero_grad()
    ...     (weight - 3).square().backward()
    ...     optimizer.step()
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

    full_batch: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = SIZES

    def __post_init__(self) -> None:
        check_sizes(self)

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return Elementwise(params, self, signs_and_sizes, update, options_of(self))


def update(options: Options, tensors: Tensors, moment: Moment) -> None:
    """One step: weights whose sign has turned wait, all others go on."""
    resilient_step_(options, tensors, backtrack=False)
