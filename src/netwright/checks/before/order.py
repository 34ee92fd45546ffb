"""Questions to the loader and its batches: the order of classes, the number of rows for statistics of a batch."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from netwright.checks.context import Context
from netwright.checks.finding import Finding, Remedy, fault, note

FEW = 4  # rows in a batch with batch normalisation
BATCH_NORM = nn.modules.batchnorm._BatchNorm


def shuffled(context: Context) -> Iterable[Finding]:
    """A loader that gives class after class."""
    data, classes = context.data, context.classes
    whole = data.whole.target
    if data.shuffled is not False or classes is None or not isinstance(whole, torch.Tensor) or len(data.batches) < 2:
        return
    labels = whole.reshape(-1)
    values, counts = torch.unique(labels, return_counts=True)
    if len(values) < 2 or len(labels) < 20:
        return
    chance = float((counts / len(labels)).double().square().sum())
    runs = float((labels[1:] == labels[:-1]).double().mean())
    limit = 0.5 + 0.5 * chance
    context.signal("neighbours of one class in the loader's order", runs, limit, "unshuffled")
    if runs <= limit:
        return
    yield fault(
        "unshuffled",
        f"{runs:.0%} of neighbouring rows have the same label in the order of the loader, which does not shuffle",
        f"about {chance:.0%}, as in a random order",
        "Give the DataLoader shuffle=True.",
        evidence={"same": runs, "chance": chance},
        remedy=Remedy("loader", "shuffle", True),
    )


def rows_for_statistics(context: Context) -> Iterable[Finding]:
    """Batches so small that batch normalisation takes the statistics of next to nothing."""
    layers = [name for name, each in context.user_module.named_modules() if isinstance(each, BATCH_NORM)]
    if not layers:
        return
    size, smallest = context.data.batch_size, context.data.smallest
    context.signal("rows in a batch with batch normalisation", size, FEW, "tiny-batch-norm")
    do = "Use batches of 8 rows or more, or normalise each row by itself (LayerNorm, GroupNorm)."
    evidence = {"batch_size": size, "smallest": smallest, "layer": layers[0]}
    if size < FEW:
        yield fault(
            "tiny-batch-norm",
            f"batches have {size} rows and {layers[0]} normalises by their mean and variance",
            f"at least {FEW} rows in a batch",
            do,
            evidence=evidence,
            remedy=Remedy("loader", "batch_size", 32),
        )
    elif smallest < 2 or size < 2 * FEW:
        last = smallest < 2
        yield note(
            "tiny-batch-norm",
            f"the last batch has {smallest} row{'s' * (smallest != 1)}" if last else f"batches have {size} rows",
            f"at least {2 * FEW} rows in a batch",
            "Give the DataLoader drop_last=True." if last else do,
            evidence=evidence,
            remedy=Remedy("loader", "drop_last", True) if last else Remedy("loader", "batch_size", 32),
        )
