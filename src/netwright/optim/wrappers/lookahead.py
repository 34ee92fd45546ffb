"""Lookahead: slow weights follow fast ones, which a rule moves and which return to the slow ones now and then.

With fast weights w, slow weights v (both the same at the beginning), and k fast steps to a slow one::

    w <- w + step of the rule                        k times
    v <- v + alpha (w - v),   w <- v                 after every k-th

======= ================ =============================================
symbol  argument         meaning
======= ================ =============================================
k       ``every``        fast steps to a slow one
alpha   ``factor``       share of the way that the slow weights go
======= ================ =============================================

Reference: Zhang, Lucas, Ba, Hinton: Lookahead optimizer: k steps forward, 1 step back, 2019 (algorithm 1; what the rule
remembers is kept over slow steps, as in its experiments by default).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, final

import torch

from netwright.core.validation import Constraint, integer, number
from netwright.core.value import value
from netwright.optim.base import Optimizer
from netwright.optim.wrappers.wrapped import Wrapped, fine, follow_, write_
from netwright.optim.wrappers.wrapper import RULE, Wrapper


@final
@value("optimizer")
class Lookahead(Wrapper):
    """Lookahead: k steps of the rule forward, then back to a point on the way.

    With fast weights w, slow weights v, k = `every` and alpha = `factor`, after every k-th step of the rule::

        v <- v + alpha (w - v)
        w <- v

    What the rule remembers (momentum, moments) is kept. A rule that looks at the whole loss goes on from the slow
    weights, where the loss may be higher than at the fast ones.

    Parameters
    ----------
    rule : the update rule, of any kind.
    every : steps of the rule to one of the slow weights, >= 1.
    factor : share of the way that the slow weights go, in (0, 1].

    Raises
    ------
    InvalidParameter : an option out of its range.

    Examples
    --------
    >>> import torch
    >>> from netwright.optim import SGD
    >>> weight = torch.zeros(1, requires_grad=True)
    >>> optimizer = Lookahead(SGD(1.0), every=2).build([weight])
    >>> for _ in range(3):
    ...     weight.grad = torch.tensor([-1.0])
    ...     optimizer.step()
    ...     print(weight.item())  # at the second step it goes to 2 and half the way back
    1.0
    1.0
    2.0

    References
    ----------
    Zhang, Lucas, Ba, Hinton: Lookahead optimizer: k steps forward, 1 step back, 2019.
    """

    rule: Optimizer
    every: int = 5
    factor: float = 0.5

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "rule": RULE,
        "every": integer(1),
        "factor": number(0, 1, closed="right"),
    }

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return LookingAhead(self, self.rule._build(params, lr))


@final
class LookingAhead(Wrapped):
    """The optimizer of `Lookahead`.

    Parameters
    ----------
    rule : the wrapper.
    inner : the optimizer of the rule inside.
    """

    def _around(self, step: Callable[[], Any]) -> None:
        weights = self.weights
        slow = self.memory.setdefault("slow", [])
        slow += map(fine, weights[len(slow) :])
        step()
        steps = self.memory["steps"] = self.memory.get("steps", 0) + 1
        if steps % self.rule.every == 0:
            follow_(slow, weights, self.rule.factor)
            write_(weights, slow)
