"""Gradient clipping: long gradients are made shorter before the step, by their global norm or entry by entry.

With the gradient g of all parameters as one vector and the limit c::

    g <- g min(1, c / (norm(g) + 1e-6))        by norm: its direction stays
    g_i <- min(max(g_i, -c), c)                by value: its direction changes

======= ================ =============================================
symbol  argument         meaning
======= ================ =============================================
c       ``norm``         greatest Euclidean norm of all gradients
c       ``value``        greatest absolute value of an entry
======= ================ =============================================

References: Mikolov: Statistical language models based on neural networks, 2012 (by value); Pascanu, Mikolov, Bengio:
On the difficulty of training recurrent neural networks, 2013 (by norm).

It differs from ``torch.nn.utils.clip_grad_norm_`` in what it does with NaN and infinity: that function multiplies by
them unless told not to; here they are an error, or the batch is skipped. Gradients whose squares alone overflow are
clipped, in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.core.validation import Constraint, nothing, number, one_of
from netwright.core.value import value
from netwright.optim.base import Optimizer
from netwright.optim.wrappers.wrapped import Across, Wrapped
from netwright.optim.wrappers.wrapper import RULE, Wrapper, require_gradients

LIMIT: Constraint = nothing | number(0, closed="neither")
TINY = 1e-6  # keeps the divisor from zero; the number that torch has
NEARLY = 1.01  # coefficients above are 1 in every number format, and nothing is to be done


@final
@value("optimizer")
class Clip(Wrapper):
    """Gradient clipping round any rule that is handed gradients, by the global norm or by value.

    With the gradients of all parameters as one vector g, before the step of the rule::

        g <- g min(1, norm / (norm(g) + 1e-6))         Clip(rule, norm=1)
        g_i <- min(max(g_i, -value), value)            Clip(rule, value=0.5)

    The gradients are changed where they are, in ``.grad``. A gradient with NaN or infinity never reaches the weights.

    Parameters
    ----------
    rule : the update rule.
    norm : greatest Euclidean norm of the gradients of all parameters together, > 0; or None.
    value : greatest absolute value of an entry, > 0; or None. Exactly one of the two is given.
    nonfinite : what to do with a gradient that has NaN or infinite entries: "error", or "skip": no step, the weights
        and what the rule remembers stay as they are. ``optimizer.memory["skipped"]`` counts such batches.

    Raises
    ------
    InvalidParameter : both limits or none; a rule that evaluates the loss itself, such as LevenbergMarquardt.
    InvalidData : at the step: NaN or infinity in a gradient, with nonfinite="error"; nothing has changed.

    Examples
    --------
    >>> import torch
    >>> from netwright.optim import SGD
    >>> weight = torch.zeros(2, requires_grad=True)
    >>> optimizer = Clip(SGD(0.1), norm=1).build([weight])
    >>> weight.grad = torch.tensor([30.0, 40.0])
    >>> optimizer.step()
    >>> weight.detach()
    tensor([-0.0600, -0.0800])

    References
    ----------
    Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks, 2013.
    Mikolov: Statistical language models based on neural networks, 2012.
    """

    rule: Optimizer
    norm: float | None = None
    _: KW_ONLY
    value: float | None = None
    nonfinite: str = "error"

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "rule": RULE,
        "norm": LIMIT,
        "value": LIMIT,
        "nonfinite": one_of("error", "skip"),
    }

    def __post_init__(self) -> None:
        require_gradients(self, "its steps are as long as the loss allows", also=("loss",))
        if (self.norm is None) == (self.value is None):
            raise InvalidParameter(
                problem(
                    "Clip",
                    "one limit, norm or value",
                    f"norm={self.norm!r}, value={self.value!r}",
                    "Clip(rule, norm=1.0) keeps the direction of the gradient and is the usual one.",
                )
            )

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return Clipped(self, self.rule._build(params, lr))


@final
class Clipped(Wrapped):
    """The optimizer of `Clip`.

    Parameters
    ----------
    rule : the wrapper.
    inner : the optimizer of the rule inside.
    """

    def _around(self, step: Callable[[], Any]) -> None:
        gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        if gradients:
            rule = self.rule
            by_norm = rule.value is None
            size = clip_norm_(gradients, rule.norm, self.across) if by_norm else clip_value_(gradients, rule.value)
            if self.across is not None and not by_norm:
                size = float(self.across(gradients[0].new_tensor(size)))
            if not math.isfinite(size):
                if rule.nonfinite == "error":
                    raise InvalidData(refusal(size))
                self.memory["skipped"] = self.memory.get("skipped", 0) + 1
                return
        step()


def clip_norm_(gradients: list[Tensor], limit: float, across: Across | None = None) -> float:
    """Scale gradients in place so that their norm is at most a limit; returns the norm that they had.

    Where the norm is NaN or infinite, they are left as they are. Where each process has a part of them, `across` adds
    up a number over all.
    """
    norm = _norm(gradients, across)
    size = float(norm)
    if not math.isfinite(size):  # perhaps only the squares overflow
        norm = _norm([gradient.double() for gradient in gradients], across)
        size = float(norm)
        if not math.isfinite(size):
            return size
    if limit / (size + TINY) < NEARLY:
        _scale_(gradients, (limit / (norm + TINY)).clamp_(max=1.0))
    return size


def clip_value_(gradients: list[Tensor], limit: float) -> float:
    """Clip every entry to [-limit, limit] in place; returns the greatest absolute value that there was.

    Where that is NaN or infinite, they are left as they are.
    """
    size = float(global_norm(gradients, math.inf))
    if math.isfinite(size) and size > limit:
        for gradient in gradients:
            gradient.clamp_(-limit, limit)
    return size


def _norm(gradients: list[Tensor], across: Across | None) -> Tensor:
    norm = global_norm(gradients)
    return norm if across is None else across(norm.square()).sqrt()


def global_norm(gradients: list[Tensor], order: float = 2) -> Tensor:
    """The norm of all gradients as one vector, a scalar tensor on the device of the first."""
    if len(gradients) == 1:
        return torch.linalg.vector_norm(gradients[0], order)
    norms = torch._foreach_norm(gradients, order)
    return torch.linalg.vector_norm(torch.stack([norm.to(gradients[0].device) for norm in norms]), order)


def _scale_(gradients: list[Tensor], coefficient: Tensor) -> None:
    if all(gradient.device == coefficient.device for gradient in gradients):
        torch._foreach_mul_(gradients, coefficient)
        return
    for gradient in gradients:
        gradient.mul_(coefficient.to(gradient.device))


def refusal(size: float) -> str:
    """What is said of a gradient that is not finite."""
    return problem(
        "Clip.step",
        "gradients without NaN and infinity",
        f"a norm of {size}",
        "The weights are as they were. Check inputs and targets, take a lower learning rate, "
        'or pass over such batches with nonfinite="skip".',
    )
