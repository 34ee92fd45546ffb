"""What a loss is, told by how it behaves and not by its name: a module, a function and a lambda are treated alike.

=============== =====================================================================================
"cross-entropy"  applies softmax itself: adding a number to all outputs of a row changes nothing
"nll"            takes logarithms of probabilities: -z[class], linear in the output
"logits"         applies a sigmoid itself to each output: finite for +-50, near 0 where right
"probabilities"  takes the probability of each output, in [0, 1]
"squares"        grows as the square of output - target
"absolute"       grows as |output - target| far from the target, such as L1 and Huber
"unknown"        none of these
=============== =====================================================================================
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from netwright.checks.copies import quiet

LOGITS = ("cross-entropy", "logits")
NUMBERS = ("squares", "absolute")
ROWS = 16


def kind_of(loss: Callable[..., Any], output: Any, target: Any) -> str:
    """The kind of a loss, probed with outputs of the network's shape and the data's own targets.

    Parameters
    ----------
    loss : ``loss(output, target) -> scalar``.
    output : of the network, for its shape. target : that belongs to it.
    """
    if not isinstance(output, Tensor) or not isinstance(target, Tensor) or not output.is_floating_point():
        return "unknown"
    with torch.no_grad(), quiet(), contextlib.suppress(Exception):
        output, target = output.detach(), target.detach()
        if len(output) == len(target):
            output, target = output[:ROWS], target[:ROWS]
        if target.is_floating_point() and (output.shape == target.shape or output.numel() == target.numel()):
            found = _elementwise(loss, output.reshape(target.shape), target)
            if found != "unknown":
                return found
        return _of_classes(loss, output, target)
    return "unknown"


def class_axis(output: Tensor, target: Tensor) -> int:
    """The axis of the output along which the classes lie: the one that the target has not, else the last or second.

    Parameters
    ----------
    output : of the network. target : class numbers or distributions.
    """
    if output.ndim == target.ndim + 1 and output.shape[:-1] != target.shape:
        return 1
    return output.ndim - 1 if output.ndim == target.ndim + 1 or output.ndim == 2 else min(1, output.ndim - 1)


def _value(loss: Callable[..., Any], output: Tensor, target: Tensor) -> float:
    try:
        return float(loss(output, target))
    except Exception:  # a loss that refuses an output says as much about itself as one that takes it
        return float("nan")


def _of_classes(loss: Callable[..., Any], output: Tensor, target: Tensor) -> str:
    """Losses over a whole row of outputs, with class numbers or distributions as targets."""
    z = torch.randn_like(output)
    at, shifted, double = (_value(loss, each, target) for each in (z, z + 3.0, 2 * z))
    axis = class_axis(output, target)
    per_row = _value(loss, z + 3.0 * torch.randn_like(z.select(axis, 0)).unsqueeze(axis), target)
    if _near(at, shifted) and _near(at, per_row):
        return "cross-entropy"
    if not target.is_floating_point() and _near(double, 2 * at) and abs(at) > 1e-6:
        return "nll"
    p = z.softmax(axis)
    if _near(_value(loss, p / 2, target) - _value(loss, p, target), 0.6931472):
        return "probabilities"
    return "unknown"


def _elementwise(loss: Callable[..., Any], output: Tensor, target: Tensor) -> str:
    """Losses that compare each output with a target of its own."""
    zero = _value(loss, target, target)
    one, two = (_value(loss, target + step, target) for step in (8.0, 16.0))
    if abs(zero) < 1e-9 and one > 0:
        if _near(two, 4 * one):
            return "squares"
        if 1.9 < two / one < 2.3:
            return "absolute"
    labels = (output > output.median()).to(target.dtype)
    sure = 50 * (2 * labels - 1)
    right, wrong = _value(loss, sure, labels), _value(loss, -sure, labels)
    if (
        abs(right) < 1e-3
        and wrong > 10
        and _near(_value(loss, torch.zeros_like(sure), labels) / wrong, 0.6931 / 50, 0.3)
    ):
        return "logits"
    soft = 0.9 * labels + 0.05
    inside, outside = _value(loss, soft, labels), _value(loss, 3 * soft + 1, labels)
    if _near(inside, 0.0512933, 0.02) and not 0 <= outside < 50:
        return "probabilities"
    return "unknown"


def _near(a: float, b: float, tolerance: float = 1e-3) -> bool:
    return abs(a - b) <= tolerance * max(abs(a), abs(b), 1e-6)
