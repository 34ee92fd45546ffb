"""Gradient accumulation: the mean gradient of several mini-batches makes one step.

With the gradients g_1, g_2... of the batches and k batches to a step::

    s <- s + g_t                      at every batch
    step with g = s / k,  s <- 0      at every k-th

======= ================ =============================================
symbol  argument         meaning
======= ================ =============================================
k       ``steps``        batches to a step
s       state            sum of the gradients since the last step
======= ================ =============================================

Reference: Ott, Edunov, Grangier, Auli: Scaling neural machine translation, 2018 (section 3, "cumul").

It differs from the usual loop, which calls neither ``step()`` nor ``zero_grad()`` for k - 1 batches and divides each
loss by k, in that the loop stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from netwright.core.validation import Constraint, integer
from netwright.core.value import value
from netwright.optim.base import Optimizer
from netwright.optim.wrappers.wrapped import Wrapped, fine
from netwright.optim.wrappers.wrapper import RULE, Wrapper, require_gradients


@final
@value("optimizer")
class Accumulate(Wrapper):
    """Gradient accumulation: one step of the rule for several mini-batches, with the mean of their gradients.

    With the gradient g of a batch and k = `steps`::

        s <- s + g                               at every batch
        step of the rule with s / k, s <- 0      at every k-th batch

    For batches that do not fit into memory. Call ``zero_grad()`` and ``step()`` for every batch, as always; the sum is
    kept apart from ``.grad``. Batches of equal size weigh what one large batch would. A group that is not complete at
    the end of an epoch is completed by the next epoch; ``state_dict()`` has it.

    Wrappers inside see one step for k batches, wrappers outside see every batch: ``Accumulate(Averaged(rule))``
    averages after each step, ``Accumulate(Clip(rule))`` clips the mean gradient.

    Parameters
    ----------
    rule : the update rule; one that looks at all rows sees them where `steps` is the number of batches.
    steps : batches to a step of the rule, >= 1.

    Raises
    ------
    InvalidParameter : a rule that evaluates the loss itself, such as LevenbergMarquardt.

    Examples
    --------
    >>> import torch
    >>> from netwright.optim import SGD
    >>> weight = torch.zeros(1, requires_grad=True)
    >>> optimizer = Accumulate(SGD(0.1), steps=2).build([weight])
    >>> for gradient in (1.0, 3.0):
    ...     weight.grad = torch.tensor([gradient])
    ...     optimizer.step()
    ...     print(weight.item())
    0.0
    -0.2...

    References
    ----------
    Ott, Edunov, Grangier, Auli: Scaling neural machine translation, 2018.
    """

    rule: Optimizer
    steps: int = 4

    constraints: ClassVar[Mapping[str, Constraint]] = {"rule": RULE, "steps": integer(1)}

    def __post_init__(self) -> None:
        require_gradients(self, "it takes a list of closures, one for each part of the rows")

    @property
    def full_batch(self) -> bool:  # type: ignore[override]
        """False: it is there to be given parts of the rows."""
        return False

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return Accumulating(self, self.rule._build(params, lr))


@final
class Accumulating(Wrapped):
    """The optimizer of `Accumulate`.

    Parameters
    ----------
    rule : the wrapper.
    inner : the optimizer of the rule inside.
    """

    def _around(self, step: Callable[[], Any]) -> None:
        weights = self.weights
        sums = added(self.memory.get("sums", []), [weight.grad for weight in weights])
        batches = self.memory.get("batches", 0) + 1
        if batches < self.rule.steps:
            self.memory.update(batches=batches, sums=sums)
            return
        self.memory.clear()  # before the step: should it refuse the mean, the next group begins without it
        for weight, total in zip(weights, sums, strict=True):
            if total is None:
                continue
            mean = total.div_(batches)
            if weight.grad is None:
                weight.grad = mean.to(weight.dtype)
            else:
                weight.grad.copy_(mean)
        step()


def added(sums: list[Tensor | None], gradients: list[Tensor | None]) -> list[Tensor | None]:
    """The sums with new gradients in them; a parameter without a gradient adds nothing."""
    sums = [*sums, *[None] * (len(gradients) - len(sums))]
    return [_sum(total, gradient) for total, gradient in zip(sums, gradients, strict=True)]


def _sum(total: Tensor | None, gradient: Tensor | None) -> Tensor | None:
    if gradient is None:
        return total
    return fine(gradient) if total is None else total.add_(gradient)
