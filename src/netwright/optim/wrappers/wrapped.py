"""The shell of wrappers: a torch optimizer that does something round the steps of another one.

A wrapper writes one method, `_around(step)`: it is given the inner optimizer's step as a function and calls it once or
not at all. What it must remember is in `memory`, a flat dict of numbers and of lists with one tensor for each
parameter. Parameter groups and state are the inner optimizer's own objects, so a learning rate that a loop or a torch
scheduler writes into ``param_groups`` arrives where it is used.

``state_dict()`` is that of the rule, and under the key "wrappers" what the wrappers remember, the outermost first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, final

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.optim.base import tensors
from netwright.optim.direct import direct_step, is_watched
from netwright.optim.wrappers.wrapper import Wrapper

Across = Callable[[Tensor], Tensor]
_EVALUATING = ("objective", "residuals")  # rules that call the closure themselves, as often as they need it
_COARSE = (torch.bfloat16, torch.float16)  # too few digits to add small things up


class Wrapped(torch.optim.Optimizer, ABC):
    """A torch optimizer round another one; subclasses write `_around`.

    Parameters
    ----------
    rule : the wrapper that it is built from.
    inner : the optimizer of the rule inside.

    Attributes
    ----------
    memory : what the wrapper remembers from step to step.
    param_groups, state : of the inner optimizer. Its other public attributes and methods are reached as well.
    """

    rule: Any
    inner: torch.optim.Optimizer
    memory: dict[str, Any]
    across: Across | None = None  # adds up a number over the processes that have a part of the weights each

    # A fused inner optimizer would unscale gradients by itself, unseen by the wrapper: let the scaler do it.
    _step_supports_amp_scaling = False

    def __init__(self, rule: Wrapper, inner: torch.optim.Optimizer) -> None:
        # not torch's own __init__, which makes groups and a state beside those of the inner optimizer
        self.__setstate__({"rule": rule, "inner": inner, "memory": {}, "defaults": dict(inner.defaults)})

    @abstractmethod
    def _around(self, step: Callable[[], Any]) -> None:
        """What is done at a step, without recording gradients; `step` is that of the inner optimizer."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step; returns what the closure returns, or the loss before the step where the rule evaluates it.

        Parameters
        ----------
        closure : as the rule inside takes it. For rules that are handed gradients it is called once, before anything
            else; None where the gradients are there already.
        """
        found: list[Any] = [None]
        if self.rule.takes in _EVALUATING:
            self._around(lambda: found.append(self.inner.step(closure)))
            return found[-1]
        if closure is None:
            self._around(self._direct)
            return None
        with torch.enable_grad():
            loss = closure()
        self._around(self._direct if self.rule.takes == "gradients" else lambda: self.inner.step(lambda: loss))
        return loss

    def directly(self) -> Callable[[], None]:
        """What `netwright.optim.direct_step` gives: ``step()`` without the bookkeeping, where nobody hooks it."""
        attributes, inner = vars(self), direct_step(self.inner)

        def step() -> None:
            if is_watched(attributes) or self.rule.takes != "gradients":
                self.step()
                return
            recording = torch.is_grad_enabled()
            torch._C._set_grad_enabled(False)
            try:
                self._around(inner)
            finally:
                torch._C._set_grad_enabled(recording)

        return step

    @property
    def weights(self) -> list[Tensor]:
        """The parameters of all groups, in order."""
        return tensors(self.param_groups)

    @property
    def param_groups(self) -> list[dict[str, Any]]:  # type: ignore[override]  # an attribute in torch
        """The parameter groups of the inner optimizer."""
        return self.inner.param_groups

    @param_groups.setter
    def param_groups(self, groups: list[dict[str, Any]]) -> None:
        self.inner.param_groups = groups

    @property
    def state(self) -> Any:  # type: ignore[override]
        """The state of the inner optimizer, by parameter."""
        return self.inner.state

    @state.setter
    def state(self, state: Any) -> None:
        self.inner.state = state

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters to the inner optimizer; the wrapper begins with them at the next step.

        Parameters
        ----------
        param_group : as in torch.
        """
        self.inner.add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        """The state of the inner optimizer, and under "wrappers" what the wrappers remember, the outermost first."""
        for before in self._optimizer_state_dict_pre_hooks.values():
            before(self)
        found = self.inner.state_dict()
        own = {name: list(item) if isinstance(item, list) else item for name, item in self.memory.items()}
        wrappers = [{"wrapper": type(self.rule).__name__, **own}, *found.get("wrappers", ())]
        found = {**found, "wrappers": wrappers}
        for after in self._optimizer_state_dict_post_hooks.values():
            found = after(self, found) or found
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what `state_dict` gave.

        A state of the bare rule, without the key "wrappers", is taken too: the wrappers then begin anew.

        Parameters
        ----------
        state_dict : of an optimizer with the same wrappers, in the same order, round the same rule.

        Raises
        ------
        InvalidParameter : other wrappers, or tensors of other shapes.
        """
        state_dict = dict(state_dict)
        for before in self._optimizer_load_state_dict_pre_hooks.values():
            state_dict = before(self, state_dict) or state_dict
        wrappers = state_dict.pop("wrappers", None)
        memory: dict[str, Any] = {}
        if wrappers is not None:
            self._require_same([entry["wrapper"] for entry in wrappers])
            memory = self._taken_up(wrappers[0])
            if len(wrappers) > 1:
                state_dict["wrappers"] = wrappers[1:]
        self.inner.load_state_dict(state_dict)
        self.memory = memory
        for after in self._optimizer_load_state_dict_post_hooks.values():
            after(self)

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("rule", "inner", "memory", "defaults")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._direct = direct_step(self.inner)

    @final
    def __getattr__(self, name: str) -> Any:
        """What the inner optimizer has: ``averages``, ``stuck``..."""
        if name.startswith("_") or "inner" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self.inner, name)

    def _require_same(self, found: list[str]) -> None:
        known = [type(shell.rule).__name__ for shell in chain_of(self) if isinstance(shell, Wrapped)]
        if found != known:
            raise InvalidParameter(
                problem(
                    f"{known[0]}.load_state_dict",
                    f"the state of {' round '.join(known)}",
                    f"that of {' round '.join(found) or 'no wrapper'}",
                    "Build the optimizer by the rule that the state was saved with.",
                )
            )

    def _taken_up(self, entry: dict[str, Any]) -> dict[str, Any]:
        """A saved memory as one's own: copies on the parameters' devices, if the shapes are theirs."""
        memory = {name: item for name, item in entry.items() if name != "wrapper"}
        weights = self.weights
        for name, item in memory.items():
            if not isinstance(item, list):
                continue
            if len(item) > len(weights) or any(
                t is not None and t.shape != w.shape for t, w in zip(item, weights, strict=False)
            ):
                shapes = [None if tensor is None else tuple(tensor.shape) for tensor in item]
                raise InvalidParameter(
                    problem(
                        f"{type(self.rule).__name__}.load_state_dict",
                        f"{name} of the shapes {[tuple(weight.shape) for weight in weights]}",
                        f"{shapes}",
                        "Build the optimizer on the parameters that the state was saved with.",
                    )
                )
            memory[name] = [
                None if t is None else t.to(w.device, copy=True) for t, w in zip(item, weights, strict=False)
            ]
        return memory


def across(optimizer: torch.optim.Optimizer, add_up: Across) -> None:
    """Tell wrappers that the weights are a part of all: what goes over all of them is to be added up.

    Parameters
    ----------
    optimizer : with or without wrappers. add_up : of a number of each process, the sum.
    """
    for shell in chain_of(optimizer):
        if isinstance(shell, Wrapped):
            shell.across = add_up


def chain_of(optimizer: torch.optim.Optimizer) -> list[torch.optim.Optimizer]:
    """An optimizer and all that it is wrapped round, the innermost last.

    Parameters
    ----------
    optimizer : any torch optimizer.
    """
    found = [optimizer]
    while isinstance(found[-1], Wrapped):
        found.append(found[-1].inner)
    return found


def fine(tensor: Tensor) -> Tensor:
    """A copy of a tensor with enough digits to add things up in: half-precision numbers become single."""
    detached = tensor.detach()
    return detached.float() if detached.dtype in _COARSE else detached.clone()


def follow_(targets: list[Tensor], weights: list[Tensor], share: float) -> None:
    """Move the targets towards the weights by a share of the way, in place."""
    found = [w.detach().to(t.dtype) for t, w in zip(targets, weights, strict=True)]
    if len(targets) == 1:
        targets[0].lerp_(found[0], share)
    else:
        torch._foreach_lerp_(targets, found, share)


def write_(weights: Iterable[Tensor], items: Iterable[Tensor]) -> None:
    """Give weights the values of other tensors, in place."""
    for weight, item in zip(weights, items, strict=True):
        weight.detach().copy_(item)
