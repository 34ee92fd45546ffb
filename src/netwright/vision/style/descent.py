"""Making a picture: steps of any update rule on its pixels.

The house's loop goes over rows of data; here there are none. What is left of it is a page: the loss is a function of
the pixels, and each step is the rule's own, with a closure that it may call as often as it likes.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import torch

from netwright.core.errors import DivergenceWarning, problem
from netwright.optim import Optimizer
from netwright.vision.style.cost import PictureCost


def descend(
    cost: PictureCost, rule: Optimizer, steps: int, told: Callable[[int], None] | None = None
) -> tuple[list[float], bool]:
    """Make the cost of a picture lower, in place: its costs before each step and at the end, and whether all was well.

    Parameters
    ----------
    cost : of the picture. rule : an update rule that needs no residuals. steps : how many, at most: a rule that finds
        nothing lower ends before. told : called after each step with its number, from 1.

    Warns
    -----
    DivergenceWarning : the cost is not finite any more; the pixels are then those of the best step.
    """
    optimizer: Any = rule.build([cost.pixels])

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = cost()
        value.backward()
        return value

    losses: list[float] = []
    best, kept = math.inf, cost.pixels.detach().clone()
    for step in range(1, steps + 1):
        before = cost.pixels.detach().clone()
        losses.append(float(torch.as_tensor(optimizer.step(closure)).detach()))
        if not (math.isfinite(losses[-1]) and bool(torch.isfinite(cost.pixels).all())):
            return _undone(cost, losses, kept)
        if losses[-1] < best:
            best, kept = losses[-1], before
        if told is not None:
            told(step)
        if getattr(optimizer, "stuck", False):
            break
    with torch.no_grad():
        losses.append(float(cost()))
    return (losses, True) if math.isfinite(losses[-1]) else _undone(cost, losses, kept)


def _undone(cost: PictureCost, losses: list[float], kept: torch.Tensor) -> tuple[list[float], bool]:
    """Put the best pixels back, and say why."""
    with torch.no_grad():
        cost.pixels.copy_(kept)
    remedy = "The best picture is kept. Take a smaller learning rate, or optimizer='lbfgs'."
    text = problem("StyleTransfer", "a finite cost", f"{losses[-1]} at step {len(losses)}", remedy)
    warnings.warn(text, DivergenceWarning, stacklevel=4)
    return [loss for loss in losses if math.isfinite(loss)], False
