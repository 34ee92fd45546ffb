"""The loss of the best answer that is the same for every row: what a network reaches that has learned nothing.

For class numbers under softmax it is the entropy of the class frequencies, H = -sum p log p; for squares the variance
of the target; for anything else the constant is found by descent on the loss itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from netwright.checks.loss_kind import NUMBERS, class_axis
from netwright.checks.reading import Batch

Loss = Callable[..., Any]


def best_constant(loss: Loss, kind: str, output: Any, rows: Batch) -> float:
    """The loss of the best constant answer for some rows; NaN where it cannot be found.

    Parameters
    ----------
    loss : ``loss(output, target)``. kind : of the loss. output : of the network, for its shape. rows : with targets.
    """
    target = rows.target
    if not isinstance(output, Tensor) or not isinstance(target, Tensor) or not output.is_floating_point():
        return math.nan
    finite = all(bool(torch.isfinite(t).all()) for t in (target, output) if t.is_floating_point())
    if not output.ndim or not finite:
        return math.nan
    z = torch.zeros((1, *output.shape[1:]), dtype=output.dtype, requires_grad=True)
    if kind in NUMBERS and target.is_floating_point() and target.numel() == len(target) * z.numel():
        target = target.reshape(-1, *z.shape[1:])
        best = target.mean(0, keepdim=True) if kind == "squares" else target.median(0, keepdim=True).values
        with torch.no_grad():
            return float(torch.as_tensor(loss(best.to(output.dtype).expand_as(target), target)).double().sum())
    return _descend(loss, _link(kind, class_axis(output, target), target), z, rows)


def _descend(loss: Loss, link: Callable[[Tensor], Tensor], z: Tensor, rows: Batch) -> float:
    """Minimise the loss of a constant; losses of probabilities are minimised over logits."""
    best = math.inf
    optimizer = torch.optim.LBFGS([z], lr=0.5, max_iter=12, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        nonlocal best
        optimizer.zero_grad()
        with torch.enable_grad():
            value = torch.as_tensor(loss(link(z).expand(len(rows), *z.shape[1:]), rows.target)).sum()
        if value.requires_grad:
            torch.autograd.backward(value, inputs=[z])  # into nothing of the user's
        reached = float(value.detach())
        best = min(best, reached) if math.isfinite(reached) else best
        return value

    try:
        optimizer.step(closure)  # type: ignore[arg-type]
    except Exception:  # a loss of the user's that refuses a constant has no such figure
        return math.nan
    return best if math.isfinite(best) else math.nan


def _link(kind: str, axis: int, target: Tensor) -> Callable[[Tensor], Tensor]:
    """From numbers of any size to what the loss takes."""
    if kind == "nll":
        return lambda z: z.log_softmax(min(axis, z.ndim - 1))
    if kind == "probabilities" and not target.is_floating_point():
        return lambda z: z.softmax(min(axis, z.ndim - 1))
    return torch.sigmoid if kind == "probabilities" else lambda z: z
