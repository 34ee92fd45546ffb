"""A reward that an optimizer makes larger is examined as the loss that it makes smaller.

Every question then has one direction: down. What the user calls a reward is turned on the copies, and so is the
optimizer; where only some parameters climb, as in a game of two, nothing is turned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn


class Turned(nn.Module):
    """Minus a loss.

    Parameters
    ----------
    loss : ``loss(output, target)``, a module or a function.
    """

    def __init__(self, loss: Callable[..., Any]) -> None:
        super().__init__()
        self.loss = loss
        self.ignore_index = getattr(loss, "ignore_index", -100)

    def forward(self, output: Any, target: Any) -> Any:
        """-loss(output, target)."""
        return -self.loss(output, target)


def climbing(optimizers: Iterable[torch.optim.Optimizer]) -> list[bool]:
    """For every group of parameters, whether its optimizer makes the loss larger.

    Parameters
    ----------
    optimizers : of torch.
    """
    return [bool(group.get("maximize", False)) for each in optimizers for group in each.param_groups]


def falling(loss: Callable[..., Any], optimizers: list[torch.optim.Optimizer]) -> Callable[..., Any]:
    """What the optimizers make smaller: the loss, or minus it where all of them climb.

    Parameters
    ----------
    loss : the user's. optimizers : the user's.
    """
    groups = climbing(optimizers)
    return Turned(loss) if groups and all(groups) and not isinstance(loss, Turned) else loss


def descend(optimizers: list[torch.optim.Optimizer]) -> None:
    """Let copies of optimizers go down that all went up.

    Parameters
    ----------
    optimizers : copies, which are changed.
    """
    groups = climbing(optimizers)
    if groups and all(groups):
        for each in optimizers:
            for group in each.param_groups:
                group["maximize"] = False
