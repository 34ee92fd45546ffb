"""What every update rule is: a value that builds a `torch.optim.Optimizer`.

A rule such as ``SGD(0.1, momentum=0.9)`` is an immutable description. `Optimizer.build` makes a plain torch optimizer
of it, which works in any torch program: ``step()``, ``step(closure)``, ``state_dict()``. The learning rate is a number
or a schedule; `Optimizer.rate` answers for both, and a loop writes the answer into ``param_groups``::

    rule = SGD(step_decay(0.1, every=10))
    optimizer = rule.build(module.parameters())
    for epoch in range(30):
        for group in optimizer.param_groups:
            group["lr"] = rule.rate(epoch, 30, losses)

A new rule is one file: a final class under ``@value("optimizer")`` with its options, a table of constraints and
`_build`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias, final

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.core.schedules import Schedule
from netwright.core.validation import Constraint, instance, number, satisfies

Parameters: TypeAlias = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[Mapping[str, Any]]

LEARNING_RATE: Constraint = number(0, closed="neither") | instance(
    Schedule, text="a schedule such as step_decay(0.1, every=10)"
)
SHARE: Constraint = number(0, 1, closed="left")
BETAS: Constraint = satisfies(
    "two numbers in [0, 1)", lambda pair: isinstance(pair, tuple) and len(pair) == 2 and all(map(SHARE.accepts, pair))
)
EPSILON: Constraint = number(0, closed="neither")


class Optimizer(ABC):
    """An update rule as a value; subclasses declare their options and write `_build`.

    `learning_rate` is a number > 0 or a schedule; a rule that finds its own step length has none.

    Class-level facts, which training loops read:

    * ``takes``: what ``step`` is handed. "gradients": nothing, they are in ``.grad``; "loss": a closure that returns
      the loss that these gradients are of; "objective": a closure to be evaluated at will; "residuals": the same, of
      residuals or outputs (see `netwright.optim.curvature.closures`).
    * ``full_batch``: whether a step is to look at all rows at once.
    * ``by_name``: whether `build` needs the names of the parameters.
    """

    takes: ClassVar[str] = "gradients"
    full_batch: ClassVar[bool] = False
    by_name: ClassVar[bool] = False

    @final
    def build(self, params: Parameters) -> torch.optim.Optimizer:
        """A torch optimizer of this rule for these parameters, by the fastest implementation that torch has for them.

        Parameters
        ----------
        params : tensors, (name, tensor) pairs, or parameter groups: mappings with ``"params"`` and torch's own names
            for what differs in the group (``"lr"``, ``"weight_decay"``...). Gradients must be dense.

        Raises
        ------
        InvalidParameter : no tensors, or something that is not one.

        Examples
        --------
        >>> import torch
        >>> from netwright.optim import SGD
        >>> weight = torch.ones(2, requires_grad=True)
        >>> optimizer = SGD(0.1).build([weight])
        >>> weight.square().sum().backward()
        >>> optimizer.step()
        >>> weight.detach()
        tensor([0.8000, 0.8000])
        """
        return self._build(listed(params), self.rate(0.0, 1))

    @final
    def rate(self, epoch: float, total: float, losses: Sequence[float] = ()) -> float:
        """The learning rate at a moment of a run: of the schedule, or the constant; 1 for a rule that has none.

        Parameters
        ----------
        epoch : epochs done so far, >= 0, fractional inside an epoch.
        total : epochs planned, > 0.
        losses : monitored losses of the finished epochs, first to last; lower is better.

        Examples
        --------
        >>> from netwright.optim import SGD, halving
        >>> SGD(halving(0.1, every=5)).rate(7, 20), SGD(0.1).rate(7, 20)
        (0.05, 0.1)
        """
        rate = getattr(self, "learning_rate", 1.0)
        return rate.rate(epoch, total, losses) if isinstance(rate, Schedule) else float(rate)

    @property
    @final
    def every_step(self) -> bool:
        """Whether the rate changes within an epoch, so that a loop asks for it at every step."""
        rate = getattr(self, "learning_rate", 1.0)
        return isinstance(rate, Schedule) and rate.every_step

    @abstractmethod
    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        """The torch optimizer; `params` has been checked, copied and listed, `lr` is the first learning rate."""


def listed(params: Parameters) -> list[Any]:
    """The parameters as a list of tensors, pairs or groups; groups are copied, since torch writes into them."""
    if isinstance(params, (Tensor, Mapping, str, set, frozenset)) or not isinstance(params, Iterable):
        raise InvalidParameter(
            problem(
                "build(params)", "a sequence of tensors or groups", f"a {type(params).__name__}", "Put it in a list."
            )
        )
    entries = [_group(entry) if isinstance(entry, Mapping) else entry for entry in params]
    found = tensors(entries)
    for item in found:
        if not isinstance(item, Tensor):
            raise InvalidParameter(
                problem("build(params)", "tensors", f"{item!r}", "Give module.parameters() or a list of tensors.")
            )
    if not found:
        raise InvalidParameter(
            problem("build(params)", "at least one tensor", "none", "A generator gives its tensors only once.")
        )
    return entries


def _group(group: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a parameter group whose tensors are a list."""
    if "params" not in group:
        raise InvalidParameter(
            problem("build(params)", "groups with the key 'params'", f"one with {sorted(group)}", "Add the tensors.")
        )
    inside = group["params"]
    return {**group, "params": [inside] if isinstance(inside, Tensor) else list(inside)}


def tensors(entries: Iterable[Any]) -> list[Any]:
    """All tensors of listed parameters, groups opened and names dropped."""
    found: list[Any] = []
    for entry in entries:
        if isinstance(entry, Mapping):
            found += tensors(entry["params"])
        else:
            found.append(entry[1] if isinstance(entry, tuple) and len(entry) == 2 else entry)
    return found


def implementation(params: list[Any], kernel: str | None = None) -> dict[str, bool]:
    """The keyword that chooses torch's fastest implementation: fused, over all tensors at once, or one by one.

    A fused kernel does the whole update in one pass and wins everywhere. Without one, torch's "foreach" pays off from
    two tensors on; for a single one (a network whose parameters are one flat vector) the plain loop is faster.

    Parameters
    ----------
    params : listed parameters.
    kernel : name of the rule's fused kernel in torch, or None where torch has none.
    """
    found = tensors(params)
    if kernel is not None and all(tensor.is_floating_point() and has_kernel(kernel, tensor.device) for tensor in found):
        return {"fused": True}
    return {"foreach": len(found) > 1}


def has_kernel(kernel: str, device: torch.device) -> bool:
    """Whether the installed torch has this fused kernel for this kind of device."""
    if device.type not in ("cpu", "cuda") or not hasattr(torch, kernel):
        return False
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(f"aten::{kernel}", device.type.upper()))
