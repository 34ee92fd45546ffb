"""Whether held-out rows are copies of training rows with a little noise.

The nearest rows of a row are about as far as the next ones, the more so the more numbers tell rows apart: among rows in
d dimensions the distance of the k-th nearest grows as::

    distance_k ~ k^(1/d)

A gap is a sign of copies where no column has a few values only, and rows are no points of a curve that comes back.

Reference: Levina and Bickel, Maximum likelihood estimation of intrinsic dimension, NIPS 17 (2004).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from netwright.checks.context import Context
from netwright.checks.facts import MOST_ROWS
from netwright.checks.finding import Finding, Where, fault
from netwright.checks.neighbours import evenly
from netwright.checks.reading import leaves

LOOKED_AT = 200  # held-out rows
COPIES = 8  # of a row
FURTHER = 8  # rows beyond the copies
OFTEN = 0.2  # share of the held-out rows
GAP = 10.0  # distance of the next row over that of the last copy
LEVELS = 16  # of a typical column, further apart than a row and its copy
MANY_WAYS = 3.0  # in which rows differ: the dimension of where they lie


def near_copies(context: Context) -> Iterable[Finding]:
    """Held-out rows that have a few training rows far nearer than all others, with the same target."""
    read = _both(context)
    if read is None or context.validation is None:
        return
    own, held, targets = read
    distance, nearest = torch.cdist(held, own).topk(min(COPIES + FURTHER, len(own)), largest=False)
    jump, at = (distance[:, 1 : COPIES + 1] / distance[:, :COPIES].clamp_min(1e-12)).max(1)
    near = (jump > GAP) & (distance[:, 0] > 1e-9)
    share = context.signal(
        "held-out rows with a gap after the nearest", float(near.double().mean()), OFTEN, "duplicate-rows"
    )
    if share < OFTEN or int(near.sum()) < 10:
        return
    first = distance.gather(1, at[:, None] + 1)[near]
    growth = (distance[near, -1:] / first).log().mean() / math.log((FURTHER + COPIES) / (float(at.double().mean()) + 2))
    levels = _levels(held[near], own[nearest[near, 0]])
    same = float((targets[0][nearest[near, 0]] == targets[1][near]).all(1).double().mean())
    if float(growth) > 1 / MANY_WAYS or levels < LEVELS or same < 0.95:
        return
    rows = evenly(context.validation.numbers_of(MOST_ROWS), LOOKED_AT)[near].tolist()
    yield fault(
        "duplicate-rows",
        f"{len(rows)} of {len(held)} held-out rows that were looked at have training rows "
        f"{float(jump[near].median()):.0f} times nearer than the next ones, with the same target (first: {rows[0]})",
        "nearest rows that are about as far as the next ones",
        "Split before rows are copied, augmented or measured again, so that no copy is on the other side.",
        evidence={"near": len(rows), "share": share, "gap": float(jump[near].median()), "same_target": same},
        where=Where(row=rows[0]),
    )


def _both(context: Context) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]] | None:
    """Rows of training and held-out rows on one scale, and their targets; None where nearness would tell nothing."""
    own, held = context.rows, context.held
    if held is None or len(own) < 40 or len(held) < 20 or not isinstance(own.target, Tensor):
        return None
    if not isinstance(held.target, Tensor) or len(own.target) != len(own) or len(held.target) != len(held):
        return None
    if context.classes is not None and len(torch.unique(context.classes)) * 2 * COPIES > len(own):
        return None  # a class has a few rows, which may well be that much alike
    parts = [[t.reshape(len(t), -1).double() for t in leaves(batch.inputs)] for batch in (own, held)]
    whole = [t for batch in (own, held) for t in leaves(batch.inputs) if not t.is_floating_point()]
    if whole or not parts[0] or [t.shape[1] for t in parts[0]] != [t.shape[1] for t in parts[1]]:
        return None
    a, b = (torch.cat(part, 1) for part in parts)
    if not 4 <= a.shape[1] <= 4096 or not bool(torch.isfinite(a).all()) or not bool(torch.isfinite(b).all()):
        return None
    deviation = a.std(0)
    live = deviation > 1e-6 * a.abs().amax(0).clamp_min(1e-12)
    a, b = ((each[:, live] - a[:, live].mean(0)) / deviation[live] for each in (a, b))
    if a.shape[1] < 4:
        return None
    targets = own.target.reshape(len(own), -1), held.target.reshape(len(held), -1)
    return a, evenly(b, LOOKED_AT), (targets[0], evenly(targets[1], LOOKED_AT))


def _levels(rows: Tensor, copies: Tensor) -> float:
    """How many values a typical column has that are further apart than those of a row and its copy."""
    noise = (rows - copies).square().mean(0).sqrt().clamp_min(1e-12)
    return float(torch.tensor([float(len(torch.unique(each.round()))) for each in (rows / (4 * noise)).T]).median())
