"""Questions to the loader and its batches: the order of classes, the number of rows for statistics of a batch."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.finding import Finding, Remedy, fault, note
from netwright.checks.reading import leaves
from netwright.checks.trial import call

FEW = 4  # rows in a batch with batch normalisation
NOISY = 0.5  # change of an answer with its company, of what rows differ by
SORTED = 0.98  # share of neighbours of which the second has the larger target, or of all the smaller
VALUES = 64  # numbers behind a mean that are enough for it
ASKED, DRAWS = 12, 5  # rows, and batches that they are put into
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


def sorted_targets(context: Context) -> Iterable[Finding]:
    """A loader that gives rows by rising or falling target, a number: statistics of a batch are those of its place."""
    data, target = context.data, context.data.whole.target
    if data.shuffled is not False or not isinstance(target, torch.Tensor) or not target.is_floating_point():
        return
    if target.numel() != len(data.whole) or len(data.whole) < 8 * data.batch_size or len(torch.unique(target)) < VALUES:
        return
    changes = target.reshape(-1).diff()
    rising = float((changes[changes != 0] > 0).double().mean())
    one_way = context.signal("neighbours by rising or falling target", max(rising, 1 - rising), SORTED, "unshuffled")
    if one_way <= SORTED:
        return
    layers = _taking_statistics(context)
    yield (fault if layers else note)(
        "unshuffled",
        f"{one_way:.0%} of neighbouring targets that differ go one way in the order of the loader, which does not "
        "shuffle: it is sorted by the target" + (f", and {layers[0]} normalises by what a batch has" if layers else ""),
        "about 50%, as in a random order",
        "Give the DataLoader shuffle=True.",
        evidence={"one_way": one_way},
        remedy=Remedy("loader", "shuffle", True),
    )


def rows_for_statistics(context: Context) -> Iterable[Finding]:
    """Batches so small that batch normalisation takes the statistics of next to nothing."""
    layers = _taking_statistics(context)
    if not layers:
        return
    size, smallest = context.data.batch_size, context.data.smallest
    context.signal("rows in a batch with batch normalisation", size, FEW, "tiny-batch-norm")
    do = "Use batches of 8 rows or more, or normalise each row by itself (LayerNorm, GroupNorm)."
    evidence = {"batch_size": size, "smallest": smallest, "layer": layers[0]}
    if size < FEW:
        noise = context.signal(
            "change of an answer in other company", _company(context, size), NOISY, "tiny-batch-norm"
        )
        chance = f"; an answer in train mode changes by {noise:.2g} of what rows differ by when its company does"
        few = size * _places(context, layers)
        context.signal("numbers behind a mean of the batch", few, VALUES, "tiny-batch-norm")
        yield (fault if noise > NOISY and few <= VALUES else note)(
            "tiny-batch-norm",
            f"batches have {size} row{'s' * (size > 1)} and {layers[0]} normalises by their mean and variance"
            + (chance if size > 1 else ""),
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


def _taking_statistics(context: Context) -> list[str]:
    """The layers that normalise by the batch in training: not those whose statistics are kept still on purpose."""
    user = context.user_module
    still = {name for name, each in user.named_modules() if user.training and not each.training}
    return [
        name
        for name, each in context.fresh().train().named_modules()
        if isinstance(each, BATCH_NORM) and (not each.track_running_stats or (each.training and name not in still))
    ]


def _places(context: Context, layers: list[str]) -> float:
    """How many numbers a row gives to a mean, where it gives the fewest: in a picture the places of a channel."""
    calls = [inputs[0] for path, _, inputs in context.seen[0].calls if path in layers and isinstance(inputs[0], Tensor)]
    rows = len(context.many)
    return min((x.numel() / (x.shape[1] * rows) for x in calls if x.ndim > 1), default=1.0)


def _company(context: Context, size: int) -> float:
    """How far answers in train mode move with the other rows of a batch, of what rows differ by; dropout is off.

    A picture gives statistics of all its places: two of them may be company enough where two rows of a table are not.
    """
    rows = context.probe.rows(slice(0, size * (ASKED // size)))
    if size < 2 or len(rows) < 2 * size:
        return math.inf
    module = context.fresh().eval()
    for part in module.modules():
        part.training = isinstance(part, BATCH_NORM)
    answers = []
    for seed in range(DRAWS):
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
        with quiet(), torch.no_grad():
            parts = [next(leaves(call(module, rows.rows(which)))) for which in order.split(size) if len(which) == size]
        answers.append(torch.cat(parts).double()[order[: len(parts) * size].argsort()])
    drawn = torch.stack(answers)
    return float(drawn.std(0).mean() / drawn.mean(0).std(0).mean().clamp_min(1e-12))
