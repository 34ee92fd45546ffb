"""Whether the class weights of a loss stand with the wrong classes: the common class weighs what the rare one should.

What a loss makes of a class is read off its gradient at outputs that say nothing, at targets of all classes in turn.
Weights against uneven classes are the inverse of how often each class is there. Where the weights of the loss are just
these numbers and stand with other classes, they are in a wrong order; where they are the frequencies themselves, the
inverse was forgotten. Other weights may have their reasons, as the cost of each mistake, and nothing is said of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from netwright.checks.before.evening import as_taken
from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.finding import Finding, Remedy, fault
from netwright.checks.loss_kind import LOGITS

CLASSES = 50  # at most
ROWS = 10  # of the smallest class
UNEVEN = 3.0  # largest class over the smallest, and a weight over what it should be
NEAR = 0.1  # to which a weight is the inverse of a frequency, besides what chance does to a count
ALIKE = 1e-3  # to which all rows of a class weigh the same
IGNORED = -100  # the class number that torch leaves out


def weights_in_order(context: Context) -> Iterable[Finding]:
    """Class weights that are the inverse of the frequencies of other classes."""
    counted = _counts(context)
    weights = None if counted is None else weights_of(context, counted[0])
    if counted is None or weights is None:
        return
    values, counts = counted
    log_weights, log_counts = weights.log(), counts.double().log()
    chance = NEAR + 3 / counts.double().sqrt()
    # the smallest weight with the largest class, and so on
    rank = log_counts.argsort(descending=True)
    suited = torch.empty_like(log_weights)
    suited[rank] = log_weights.sort().values
    fits = suited + log_counts
    known = bool(((fits - fits.median()).abs() <= chance).all())
    grows = log_weights - log_counts
    given = bool(((grows - grows.median()).abs() <= NEAR + 1 / counts.double().sqrt()).all())  # the frequencies
    away = 2 * (log_counts - log_counts.median()) if given else log_weights - suited
    furthest = float(away.abs().max().exp())
    context.signal("a class weight over what it should be, or under it", furthest, UNEVEN, "class-imbalance")
    if given:
        yield _finding(weights, values, counts, "its weights grow with how often classes are there")
    if given or not known or not bool((away.abs() > math.log(UNEVEN) + chance).any()):
        return
    words = "its weights are the inverse of how often classes are there, and stand with other classes"
    yield _finding(weights, values, counts, words, int(away.argmax()), int(away.argmin()))


def _finding(
    weights: Tensor, values: Tensor, counts: Tensor, words: str, heavy: int | None = None, light: int | None = None
) -> Finding:
    """The fault, shown by two classes: the commonest and the rarest where none are named."""
    heavy, light = int(counts.argmax()) if heavy is None else heavy, int(counts.argmin()) if light is None else light
    times = f"{float(weights[heavy] / weights[light]):.3g} times as much as"
    return fault(
        "class-imbalance",
        f"the loss weighs class {int(values[heavy])}, which has {int(counts[heavy])} rows, {times} class "
        f"{int(values[light])}, which has {int(counts[light])}: {words}",
        "the largest weight with the rarest class",
        "Put the weights in the order of the class numbers: rows over classes x rows of the class.",
        evidence={"weights": weights.tolist(), "counts": counts.tolist()},
        remedy=Remedy("loss", "class_weights", [round(float(counts.sum() / len(counts) / n), 4) for n in counts]),
    )


def _counts(context: Context) -> tuple[Tensor, Tensor] | None:
    """The classes and how often each is there; None where they are not known, or of about one size."""
    target = context.target
    if target is None or context.data.weighted or context.kind not in (*LOGITS, "nll", "probabilities"):
        return None
    if target.is_floating_point():
        target = context.classes
    elif not context.labelled:
        return None
    if target is None:
        return None
    values, counts = torch.unique(target[target != IGNORED].long(), return_counts=True)
    if not 2 <= len(values) <= CLASSES or int(counts.min()) < ROWS:
        return None
    return (values, counts) if int(counts.max()) > UNEVEN * int(counts.min()) else None


def weights_of(context: Context, values: Tensor) -> Tensor | None:
    """What the loss makes of a mistake in each class; None where rows of one class do not weigh the same.

    Parameters
    ----------
    context : the program. values : class numbers.
    """
    output, target = context.output, context.probe.target
    if not isinstance(output, Tensor) or not isinstance(target, Tensor) or target.numel() < 2 * len(values):
        return None
    places = torch.arange(target.numel()) % len(values)
    z = torch.zeros_like(output).requires_grad_()
    try:
        with quiet(), torch.enable_grad():
            asked = values[places].to(target.dtype).view(target.shape)
            (slope,) = torch.autograd.grad(torch.as_tensor(context.loss(as_taken(context, z), asked)).sum(), z)
    except Exception:  # a loss that refuses other rows than its own
        return None
    slope = slope.double().abs() if slope.numel() == target.numel() else slope.double().norm(dim=context.class_axis)
    if slope.numel() != target.numel():
        return None
    own = [slope.reshape(-1)[places == place] for place in range(len(values))]
    if not all(float(part.min()) > 0 and float(part.max() / part.min()) < 1 + ALIKE for part in own):
        return None
    return torch.stack([part.mean() for part in own])
