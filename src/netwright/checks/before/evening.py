"""Whether a loss evens out classes of different size: by weights, by shifted logits, or by looking at hard rows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from netwright.checks.context import Context

EASY = 0.5  # of what a plain loss leaves of an easy row, beneath which it is made for rare classes (focal)


def evened(context: Context, large: int, small: int) -> bool:
    """Whether the loss weighs a mistake in a small class more than one in a large class, or cannot be asked.

    Parameters
    ----------
    context : the program. large, small : class numbers.
    """
    output, target = context.output, context.probe.target
    if not isinstance(output, Tensor) or not isinstance(target, Tensor):
        return True

    def at(z: Tensor, labels: Tensor) -> float:
        return context.value(as_taken(context, z), labels.to(target.dtype))

    z, zeros = torch.zeros_like(output), torch.zeros_like(target)
    ones = [at(z, zeros + each) for each in (large, small)]
    if not all(map(math.isfinite, ones)):
        return True
    if abs(ones[0] - ones[1]) >= 1e-3 * max(abs(ones[0]), 1e-12) or _focal(context, zeros, small):
        return True
    if output.numel() == target.numel():
        return False
    # a mean over weighted rows hides the weight of a batch of one class: compare in a mixed batch
    mixed, tilted, half = zeros + large, z.clone(), len(zeros) // 2
    mixed[:half] = small
    tilted.select(context.class_axis, small).fill_(1.0)
    if not half:
        return False
    parts = [at(tilted, zeros + each) for each in (large, small)]
    plain = parts[0] + half / len(zeros) * (parts[1] - parts[0])
    return not abs(at(tilted, mixed) - plain) < 1e-3 * abs(plain)


def as_taken(context: Context, z: Tensor) -> Tensor:
    """Logits as what the loss takes.

    Parameters
    ----------
    context : the program. z : logits.
    """
    several = z.ndim > 1 and z.shape[context.class_axis] > 1
    if context.kind == "nll":
        return z.log_softmax(context.class_axis)
    if context.kind == "probabilities":
        one_each = context.probe.target.numel() == z.numel()
        return z.softmax(context.class_axis) if several and not one_each else z.sigmoid()
    return z


def _focal(context: Context, zeros: Tensor, label: int) -> bool:
    """Whether the loss of a row that is easy is much less, of that of one that is not, than a logarithm gives."""
    if context.kind not in ("cross-entropy", "logits", "probabilities"):
        return False
    z = torch.zeros_like(context.output)
    single = context.probe.target.numel() == z.numel()
    losses = []
    for sure in (0.0, 2.0, 50.0):
        if single:
            z.fill_(sure if label else -sure)
        else:
            z.select(context.class_axis, label).fill_(sure)
        losses.append(context.value(as_taken(context, z), zeros + label))
    end = losses[2] if math.isfinite(losses[2]) else 0.0
    width = 2 if single else z.shape[context.class_axis]
    # log(1 + (k - 1) exp(-2)) / log k
    plain = math.log1p((width - 1) * math.exp(-2)) / math.log(max(width, 2))
    left = abs(losses[1] - end) / max(abs(losses[0] - end), 1e-12)
    return 1e-6 < left < EASY * plain  # a margin leaves nothing
