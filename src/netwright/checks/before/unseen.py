"""What a suspect costs on rows that were not trained on: the program as it is and changed, on a part of the rows.

A loss that falls on the training rows says little about weights that began far too large: they learn the rows by heart.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from netwright.checks.budget import OutOfTime
from netwright.checks.context import Context
from netwright.checks.facts import MANY, thinned
from netwright.checks.reading import Batch
from netwright.checks.trial import Change, Trial

KEPT = 0.75  # share of the rows that are trained on
FEWER = 0.05  # wrong answers, as a share of the rows
LEFT = 0.6  # of the loss of ignorance
HELPS = 0.75


def worse_on_unseen(context: Context, change: Change) -> bool:
    """Whether five times the steps of a trial leave more errors on other rows than they do with a change.

    Parameters
    ----------
    context : the program. change : of the program, that may help it.
    """
    try:
        part, rest = _parts(context)
        as_is, changed = (_error(context, _longer(part, each).module, rest) for each in (None, change))
    except OutOfTime:
        return False
    context.signal("errors on other rows, as it is", as_is, LEFT, "init-scale")
    context.signal("errors on other rows, drawn by the layers' default", changed, LEFT, "init-scale")
    if context.classes is not None:
        chance = 2 * math.sqrt(0.25 / len(rest))
        return not as_is <= changed + max(FEWER, min(chance, 0.1))
    return not (as_is <= LEFT or changed >= HELPS * as_is)


def _longer(context: Context, change: Change | None) -> Trial:
    batches = context.data.batches_of_a_pass
    steps = 5 * context.steps if context.epochs is None else min(5 * context.steps, context.epochs * batches)
    return context.trial(change, steps=max(steps, context.steps))


def _parts(context: Context) -> tuple[Context, Batch]:
    """The program on a part of its rows, and the others; on all of them, where others are held out."""
    if context.held is not None:
        return context, thinned(context.held, MANY)
    data, whole = context.data, context.data.whole
    if data.arrays:
        order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))
        first = whole.rows(order[: math.ceil(KEPT * len(whole))])
        rest = whole.rows(order[math.ceil(KEPT * len(whole)) :])
        part = replace(data, whole=first, batches=[first.rows(slice(0, data.batch_size))])
    else:
        kept = math.ceil(KEPT * len(data.batches))
        at = sum(map(len, data.batches[:kept]))
        rest = whole.rows(slice(at, None))
        part = replace(data, batches=data.batches[:kept])
    return (context.with_(data=part), thinned(rest, MANY)) if len(rest) >= 8 else (context, context.many)


def _error(context: Context, module: nn.Module, rows: Batch) -> float:
    """The share of wrong classes, or what is left of the loss of ignorance."""
    output = context.answer(module, rows)
    if context.classes is None or not isinstance(output, Tensor):
        value = context.value(output, rows.target) / context.prior
        return value if math.isfinite(value) else math.inf
    if output.numel() > len(output):
        guess = output.argmax(context.class_axis)
    else:
        guess = (output.reshape(-1) > (0.5 if context.kind == "probabilities" else 0.0)).long()
    return float((guess.reshape(-1) != rows.target.reshape(-1).long()).double().mean())
