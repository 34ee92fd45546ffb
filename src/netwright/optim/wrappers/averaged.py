"""Running averages of the weights, beside the weights that are trained.

At the n-th time that the weights w are taken into the average a (n = 1, 2...)::

    a <- a + s_n (w - a)

    s_n = 1 - min(decay, (1 + n) / (10 + n))      "ema": exponential moving average, with a warm-up
    s_n = 1 / n                                   "swa": equal weights, w averaged over the end of a run

======= ================ =================================================
symbol  argument         meaning
======= ================ =================================================
decay   ``decay``        share of the average that is kept at an update
        ``begin``        first step after which the weights are taken in
        ``every``        steps from one time to the next
n       state            how often that has been
======= ================ =================================================

The average begins as the weights before step `begin`. The warm-up keeps the first weights of a short run from
dominating; it is that of TensorFlow's ExponentialMovingAverage and of ``Classifier(average=...)``.

References: Ruppert: Efficient estimations from a slowly convergent Robbins-Monro process, 1988; Polyak, Juditsky:
Acceleration of stochastic approximation by averaging, 1992; Izmailov, Podoprikhin, Garipov, Vetrov, Wilson: Averaging
weights leads to wider optima and better generalization, 2018.

It differs from ``torch.optim.swa_utils`` in that no second module is kept: the averages are swapped into the module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, integer, number, one_of
from netwright.core.value import value
from netwright.optim.base import Optimizer
from netwright.optim.wrappers.wrapped import Wrapped, fine, follow_, write_
from netwright.optim.wrappers.wrapper import RULE, Wrapper

DECAY = 0.999


@final
@value("optimizer")
class Averaged(Wrapper):
    """A running average of the weights: exponential (EMA), or with equal weights (SWA).

    After a step, when the weights w are taken into the average a for the n-th time::

        a <- a + s (w - a)
        s = 1 - min(decay, (1 + n) / (10 + n))         kind="ema"
        s = 1 / n                                      kind="swa"

    The rule's steps are what they would be without it. The optimizer that is built has ``averages``, a list of tensors,
    and two ways to compute with them::

        with optimizer.averaged():           # the module has the averages in here
            validate(module)
        optimizer.swap_averages()            # for good; called again, it puts the weights back

    The averages are of parameters only: statistics of batch normalisation are those of the weights on the way. After
    `kind` "swa" let them be taken anew, by ``torch.optim.swa_utils.update_bn(batches, module)`` in the block.

    Parameters
    ----------
    rule : the update rule, of any kind.
    decay : share of the average that an update keeps, in (0, 1); of "ema" only.
    kind : "ema", or "swa".
    begin : the first step after which the weights are taken in, counted from 1; a step is a call of ``step()``.
    every : steps from one time to the next, >= 1.

    Raises
    ------
    InvalidParameter : a decay for "swa"; at the step: the averages are swapped in.

    Examples
    --------
    >>> import torch
    >>> from netwright.optim import SGD
    >>> weight = torch.zeros(1, requires_grad=True)
    >>> optimizer = Averaged(SGD(1.0), kind="swa").build([weight])
    >>> for _ in range(3):
    ...     weight.grad = torch.tensor([-1.0])  # the weight becomes 1, 2, 3
    ...     optimizer.step()
    >>> with optimizer.averaged():
    ...     print(weight.item())
    2.0

    References
    ----------
    Polyak, Juditsky: Acceleration of stochastic approximation by averaging, 1992.
    Izmailov and others: Averaging weights leads to wider optima and better generalization, 2018.
    """

    rule: Optimizer
    decay: float = DECAY
    _: KW_ONLY
    kind: str = "ema"
    begin: int = 1
    every: int = 1

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "rule": RULE,
        "decay": number(0, 1, closed="neither"),
        "kind": one_of("ema", "swa"),
        "begin": integer(1),
        "every": integer(1),
    }

    def __post_init__(self) -> None:
        if self.kind == "swa" and self.decay != DECAY:
            raise InvalidParameter(
                problem(
                    "Averaged(decay)",
                    'no decay with kind="swa", where all weights count the same',
                    repr(self.decay),
                    'Leave it out, or take kind="ema".',
                )
            )

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return WithAverages(self, self.rule._build(params, lr))


@final
class WithAverages(Wrapped):
    """The optimizer of `Averaged`.

    Parameters
    ----------
    rule : the wrapper.
    inner : the optimizer of the rule inside.
    """

    @property
    def averages(self) -> list[Tensor]:
        """The averages, in the order of the parameters; copies of the weights as long as there are none."""
        found = self.memory.get("averages", [])
        return [*found, *map(fine, self.weights[len(found) :])]

    @property
    def swapped(self) -> bool:
        """Whether the averages stand in the place of the weights."""
        return "kept" in self.memory

    def swap_averages(self) -> None:
        """Put the averages in the place of the weights; called again, put the weights back."""
        kept = self.memory.pop("kept", None)
        if kept is not None:
            write_(self.weights[: len(kept)], kept)
            return
        averages = self.averages
        self.memory["kept"] = [weight.detach().clone() for weight in self.weights]
        write_(self.weights, averages)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """A block in which the parameters are the averages."""
        if self.swapped:
            yield
            return
        self.swap_averages()
        try:
            yield
        finally:
            if self.swapped:
                self.swap_averages()

    def _around(self, step: Callable[[], Any]) -> None:
        if self.swapped:
            raise InvalidParameter(
                problem(
                    "Averaged.step",
                    "the weights in their place",
                    f"their averages, swapped in after step {self.memory.get('steps', 0)}",
                    "Call optimizer.swap_averages() again before training on.",
                )
            )
        number = self.memory.get("steps", 0) + 1
        due = number >= self.rule.begin and (number - self.rule.begin) % self.rule.every == 0
        if due:
            self.memory["averages"] = self.averages
        step()
        self.memory["steps"] = number
        if due:
            taken = self.memory["taken"] = self.memory.get("taken", 0) + 1
            follow_(self.memory["averages"], self.weights, share(self.rule, taken))


def share(rule: Averaged, taken: int) -> float:
    """The share that the newest weights have in the average, when they are taken in for the n-th time."""
    return 1 / taken if rule.kind == "swa" else 1 - min(rule.decay, (1 + taken) / (10 + taken))
