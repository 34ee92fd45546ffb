"""Whether the columns of a target share a loss in which one of them counts for nothing.

The share of a column is asked of the loss itself: how much less it is for the best constant answer when that column is
answered rightly. A loss that weighs its columns gives all of them a share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from netwright.checks.context import Context
from netwright.checks.finding import Finding, Remedy, Where, fault, note
from netwright.checks.reading import Batch

FEW_TARGETS = 8  # columns of a target, which mean something each
NO_SHARE = 1e-4  # of a loss, which no optimizer follows
TOLD = 0.3  # R^2 of a column that a network learns


def columns_of_targets(context: Context) -> Iterable[Finding]:
    """Columns of a target of which one has next to no share in the loss, is not learned, and could be."""
    target = context.target
    if target is None or not context.numeric or target.ndim != 2 or not 2 <= target.shape[1] <= FEW_TARGETS:
        return
    if not bool(torch.isfinite(target).all()) or len(target) < 50 or context.output.shape[1:] != target.shape[1:]:
        return
    rows = target.double()
    deviation = rows.std(0)
    live = deviation > 1e-5 * rows.abs().amax(0).clamp_min(1e-12)  # of single precision something is left
    live &= torch.tensor([len(torch.unique(column)) > len(rows) // 4 for column in rows.T])
    if not bool(live.all()):
        return
    shares = _shares(context, rows.mean(0))
    least = min(range(len(shares)), key=shares.__getitem__)
    context.signal("least share of a column of the target in the loss", shares[least], NO_SHARE, "unscaled-target")
    if not 0 <= shares[least] < NO_SHARE or not max(shares) <= 1.5:
        return
    as_is, scaled = _told_of(context, least, rows)
    context.signal("of that column told once the target is standardised", scaled - as_is, TOLD, "unscaled-target")
    helps = scaled >= TOLD and as_is <= 0.5 * scaled - 0.1 and not _components(rows)
    largest = int(deviation.argmax())
    yield (fault if helps else note)(
        "unscaled-target",
        f"column {least} of y (standard deviation {float(deviation[least]):.2g}) has {shares[least]:.1g} of the loss "
        f"of the best constant answer, column {largest} ({float(deviation[largest]):.2g}) has {shares[largest]:.3g} "
        f"(on a copy the R^2 of column {least} gets to {max(as_is, -99):.2g}, with y standardised to "
        f"{max(scaled, -99):.2g})",
        f"columns with about {1 / len(shares):.2g} of the loss each",
        "Standardise each column of y by the training rows and turn predictions back, or weight columns in the loss.",
        evidence={"share": shares[least], "column": least, "r2_as_is": as_is, "r2_scaled": scaled},
        remedy=Remedy("target", "standardize", True),
        where=Where(column=least),
    )


def _components(rows: Tensor) -> bool:
    """Whether columns are principal components, or others that are uncorrelated and smaller from one to the next."""
    deviation = rows.std(0)
    apart = float((torch.corrcoef(rows.T) - torch.eye(rows.shape[1])).abs().max()) < 0.1
    return rows.shape[1] > 2 and apart and bool((deviation.diff() <= 0).all())


def _shares(context: Context, mean: Tensor) -> list[float]:
    """How much less the loss of the best constant answer gets, as a share, when one column is answered rightly."""
    target = context.rows.target
    constant = mean.to(context.output.dtype).expand(target.shape).clone()
    whole = context.value(constant, target)
    found = []
    for column in range(target.shape[1]):
        answer = constant.clone()
        answer[:, column] = target[:, column]
        found.append((whole - context.value(answer, target)) / max(whole, 1e-300))
    return [share if math.isfinite(share) else math.nan for share in found]


def _told_of(context: Context, column: int, rows: Tensor) -> tuple[float, float]:
    """R^2 of one column of the target after a longer trial of the program as it is, and with a standardised target."""
    steps, mean, deviation = 5 * context.steps, rows.mean(0), rows.std(0)

    def change(batch: Batch) -> Batch:
        return Batch(batch.inputs, ((batch.target - mean) / deviation).to(batch.target.dtype))

    changed = context.trial(batches=[change(batch) for batch in context.data.stream(steps)], steps=steps)
    found = []
    for module, goal in ((context.trial(steps=steps).module, rows), (changed.module, (rows - mean) / deviation)):
        answer = context.answer(module, context.rows)[:, column].double()
        wanted = goal[:, column]
        left = float((answer - wanted).square().mean() / wanted.var(unbiased=False))
        found.append(1 - left if math.isfinite(left) else -math.inf)
    return found[0], found[1]
