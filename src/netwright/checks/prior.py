"""The loss of the best answer that is the same for every row: what a network reaches that has learned nothing.

For class numbers under softmax it is the entropy of the class frequencies, H = -sum p log p; for squares the variance
of the target; for other losses of numbers the best of its mean and its quantiles; for anything else the constant is
found by descent on the loss itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from netwright.checks.loss_kind import NUMBERS, class_axis, distributions
from netwright.checks.reading import Batch

QUANTILES = (0.5, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95)
MOST_NUMBERS = 1_000_000  # of the target, beyond which the median stands for all quantiles
TRIFLE = 1e-3  # of the loss of zeros

Loss = Callable[..., Any]
Link = Callable[[Tensor], Tensor]


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
    z = _first(kind, output, target).requires_grad_()
    if kind in NUMBERS and target.numel() == len(target) * z.numel():
        return _of_numbers(loss, z, target)
    link = _link(loss, kind, output, rows)
    best = _descend(loss, link, z, rows)
    if kind == "unknown" and math.isfinite(best):
        with torch.no_grad():
            plain = float(torch.as_tensor(loss(link(z * 0).expand(len(rows), *z.shape[1:]), target)).double().sum())
        return math.nan if 0 <= best < TRIFLE * plain else best  # where a constant is perfect nothing is foretold
    return best


def _first(kind: str, output: Tensor, target: Tensor) -> Tensor:
    """Where the descent begins: zeros, and for one class a row the logarithms of their frequencies, mostly its end."""
    z = torch.zeros((1, *output.shape[1:]), dtype=output.dtype)
    if kind not in ("cross-entropy", "nll") or output.ndim != 2 or target.is_floating_point() or target.ndim != 1:
        return z
    width = output.shape[1]
    counts = torch.bincount(target[(target >= 0) & (target < width)].long(), minlength=width).to(z)
    return z + (counts.clamp_min(0.5) / counts.sum().clamp_min(1)).log()


def _of_numbers(loss: Loss, z: Tensor, target: Tensor) -> float:
    """The least loss of the mean and the quantiles of each column."""
    columns = target.reshape(-1, *z.shape[1:]).to(z.dtype)
    ordered = columns.sort(0).values
    shares = QUANTILES[:1] if columns.numel() > MOST_NUMBERS else QUANTILES
    places = [round(share * (len(ordered) - 1)) for share in shares]
    answers = [columns.mean(0, keepdim=True), *(ordered[place : place + 1] for place in places)]
    with torch.no_grad():
        found = [torch.as_tensor(loss(answer.expand_as(columns), target)).double().sum() for answer in answers]
    return min((float(value) for value in found if torch.isfinite(value)), default=math.nan)


def _descend(loss: Loss, link: Link, z: Tensor, rows: Batch) -> float:
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


def _link(loss: Loss, kind: str, output: Tensor, rows: Batch) -> Link:
    """From numbers of any size to what the loss takes, or to what the network says where the loss is not known."""
    axis = class_axis(output, rows.target)
    several = output.ndim > axis and output.shape[axis] > 1
    if kind == "nll" or (kind == "unknown" and several and _ones(output.exp(), axis)):
        return lambda z: z.log_softmax(axis)
    whole = several and (not rows.target.is_floating_point() or distributions(rows.target, axis))
    if kind == "probabilities" and whole and _of_rows(loss, output, rows):
        return lambda z: z.softmax(axis)
    if kind == "probabilities":
        return torch.sigmoid
    if kind != "unknown" or float(output.min()) < 0:
        return lambda z: z
    if several and _ones(output, axis):
        return lambda z: z.softmax(axis)
    return torch.sigmoid if float(output.max()) <= 1 else torch.exp


def _ones(output: Tensor, axis: int) -> bool:
    return bool(((output.sum(axis) - 1).abs() < 1e-3).all())


def _of_rows(loss: Loss, output: Tensor, rows: Batch) -> bool:
    """Whether a loss of probabilities takes a row for one distribution: then nothing holds all of them below 1."""
    if not rows.target.is_floating_point():
        return True
    sure, even = (torch.full((len(rows), *output.shape[1:]), share, dtype=output.dtype) for share in (0.999, 0.5))
    with torch.no_grad():
        return float(loss(sure, rows.target)) < float(loss(even, rows.target))
