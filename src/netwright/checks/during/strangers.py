"""Optimizers that were not given to a watch and change the weights of its module."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from netwright.checks.during.tape import Tape

LATE = 8  # backward passes without an update by an optimizer that was given


class Strangers:
    """Counts the steps of strange optimizers, and how many of these there are.

    Parameters
    ----------
    tape : to write on. module, optimizers : the user's.
    """

    def __init__(self, tape: Tape, module: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
        self.tape, self.module, self.optimizers = tape, module, optimizers
        self.known: WeakSet[Any] = WeakSet()
        self.handle: Any = None

    def expect(self) -> None:
        """Look for them where the user's own optimizers make no steps."""
        if self.handle is None and self.optimizers and not self.tape.steps and self.tape.backwards >= LATE:
            self.handle = register_optimizer_step_post_hook(self.after_step)

    def forget(self) -> None:
        """Look for no more."""
        if self.handle is not None:
            self.handle.remove()
            self.handle = None

    def after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Some optimizer made a step."""
        if any(optimizer is own for own in self.optimizers) or isinstance(optimizer, torch.optim.LBFGS):
            return
        own = {id(parameter) for parameter in self.module.parameters()}
        if not any(id(parameter) in own for group in optimizer.param_groups for parameter in group["params"]):
            return
        tape = self.tape
        tape.strange += 1
        if optimizer not in self.known:
            self.known.add(optimizer)
            tape.strangers += 1
        kept = {name for part in optimizer.state.values() for name, each in part.items() if isinstance(each, Tensor)}
        tape.remembered |= kept - {"step"}
