"""The shell of rules that treat every weight by itself: a torch optimizer round a function on lists of tensors.

A rule is a pair of functions. ``start(options)`` names what is remembered for every weight, with its first value;
``update(options, tensors, moment)`` makes one step on all tensors of a group at once, by torch's operations on lists of
tensors, and changes `tensors.weights` and `tensors.memory` in place. The options are those of the parameter group, so
they can differ between groups and change between steps. The shell does the rest: which tensors have a gradient, memory
that `state_dict` has whole, and, for rules that are to look at all rows, weights that never become NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, final

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem


class Tensors(NamedTuple):
    """The weights of one call, their gradients, and by name what is remembered of each, all of the same shapes."""

    weights: list[Tensor]
    gradients: list[Tensor]
    memory: dict[str, list[Tensor]]


class Moment(NamedTuple):
    """The number of the step, from 1, and for rules that take a loss, that at the weights now and one step before."""

    step: int
    loss: float
    before: float


Options: TypeAlias = Mapping[str, Any]
Start: TypeAlias = Callable[[Options], Mapping[str, float]]
Update: TypeAlias = Callable[[Options, Tensors, Moment], None]


@final
class Elementwise(torch.optim.Optimizer):
    """A torch optimizer whose steps are made by an update function on lists of tensors.

    Parameters
    ----------
    params : tensors, pairs or groups, as torch takes them; gradients must be dense, complex numbers count as pairs.
    rule : the value that describes the rule.
    start : group options -> what is remembered of each weight, by name, and its first value.
    update : ``update(options, tensors, moment)``, which changes weights and memory in place.
    options : of the groups, where they do not give their own; ``lr`` and, if the rule knows it, ``weight_decay``.

    Raises
    ------
    InvalidParameter : a step without a loss, for a rule that takes one.
    InvalidData : a loss or gradient that is not finite, for a rule that looks at all rows; a sparse gradient.

    Examples
    --------
    >>> import torch
    >>> from netwright.optim import IRpropPlus
    >>> weight = torch.zeros(2, requires_grad=True)
    >>> optimizer = IRpropPlus(step=0.5).build([weight])
    >>> loss = (weight - 1).square().sum()
    >>> loss.backward()
    >>> optimizer.step(lambda: loss)
    tensor(2., grad_fn=<SumBackward0>)
    >>> weight.detach()
    tensor([0.5000, 0.5000])
    """

    def __init__(self, params: Any, rule: Any, start: Start, update: Update, options: Options) -> None:
        super().__init__(params, dict(options))
        self.rule, self.start, self.update = rule, start, update

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step; returns what the closure returned.

        Parameters
        ----------
        closure : returns the loss of which the gradients in ``.grad`` are, going backward itself or not; rules that
            take gradients alone need none.
        """
        answer, loss = self._ask(closure)
        parts = [(group, [item for item in group["params"] if item.grad is not None]) for group in self.param_groups]
        self._check([item.grad for _, params in parts for item in params])
        for group, params in parts:
            for (count, before), members in self._of_one_moment(group, params).items():
                self._advance(group, members, Moment(count + 1, loss, before))
        return answer

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), **{name: getattr(self, name) for name in ("rule", "start", "update")}}

    @property
    def _where(self) -> str:
        return f"{type(self.rule).__name__}.step({'closure' if self.rule.takes == 'loss' else ''})"

    def _ask(self, closure: Any) -> tuple[Any, float]:
        """What the closure returns, and the loss in it for a rule that takes one."""
        answer = None
        if callable(closure):
            with torch.enable_grad():
                answer = closure()
        if self.rule.takes != "loss":
            return answer, math.nan
        if isinstance(answer, Tensor) and answer.numel() == 1 and not answer.is_complex():
            loss = float(answer.detach())
        elif isinstance(answer, (int, float)) and not isinstance(answer, bool):
            loss = float(answer)
        else:
            got = f"one that returns a {type(answer).__name__}" if callable(closure) else repr(closure)
            remedy = "After loss.backward() call optimizer.step(lambda: loss), or end the closure with `return loss`."
            raise InvalidParameter(problem(self._where, "a function that returns the loss, one number", got, remedy))
        if not math.isfinite(loss):
            self._refuse("a finite loss", f"{loss}")
        return answer, loss

    def _check(self, gradients: list[Tensor]) -> None:
        """Raise where the gradients are such that no step can be made, before any weight is changed."""
        if any(item.layout is not torch.strided for item in gradients):
            self._refuse("dense gradients", "a sparse one", "Build the embedding with sparse=False.")
        if self.rule.full_batch and not all(map(_is_finite, gradients)):
            self._refuse("finite gradients", "NaN or infinite entries")

    def _refuse(
        self, expected: str, got: str, remedy: str = "Check inputs and targets; the weights are as they were."
    ) -> None:
        raise InvalidData(problem(self._where, expected, got, remedy))

    def _of_one_moment(self, group: Options, params: list[Tensor]) -> dict[tuple[int, float], list[Tensor]]:
        """The tensors by how many steps they have made and the loss before; as a rule there is one such group."""
        found: dict[tuple[int, float], list[Tensor]] = {}
        for param in params:
            entry = self.state[param]
            if not entry:
                like = torch.zeros_like(_real(param), memory_format=torch.preserve_format)
                entry.update({name: torch.full_like(like, first) for name, first in self.start(group).items()})
                entry.update(step=0, loss=math.inf)
            for name, item in entry.items():  # module.to(...) moves parameters, and not what is remembered of them
                if isinstance(item, Tensor) and (item.dtype, item.device) != (_real(param).dtype, param.device):
                    entry[name] = item.to(_real(param))
            found.setdefault((entry["step"], entry["loss"]), []).append(param)
        return found

    def _advance(self, group: Options, params: list[Tensor], moment: Moment) -> None:
        entries = [self.state[param] for param in params]
        memory = {name: [entry[name] for entry in entries] for name in entries[0] if name not in ("step", "loss")}
        gradients = [_real(param.grad) for param in params if param.grad is not None]
        self.update(group, Tensors([_real(param) for param in params], gradients, memory), moment)
        for entry in entries:
            entry.update(step=moment.step, loss=moment.loss)


def _is_finite(tensor: Tensor) -> bool:
    """Whether all entries are finite; mostly their sum tells, at a hundredth of the time of looking at each."""
    return bool(tensor.sum().isfinite() or tensor.isfinite().all())


def _real(tensor: Tensor) -> Tensor:
    """The tensor itself, or a view of complex numbers as pairs of real ones."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def decayed(options: Options, tensors: Tensors) -> list[Tensor]:
    """The gradients, with the weights times the group's ``weight_decay`` added (an L2 penalty)."""
    if not options["weight_decay"]:
        return tensors.gradients
    return list(torch._foreach_add(tensors.gradients, tensors.weights, alpha=options["weight_decay"]))
