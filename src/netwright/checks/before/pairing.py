"""Questions to the loss about rows: is each row met with its own target, does every label count, is there a floor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from netwright.checks.anatomy import finite
from netwright.checks.before.targets.sources import Sources
from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.finding import Finding, Remedy, Where, fault

ROWS = 32
FEW = 4  # rows, below which an order says nothing
SAME = 1e-5  # share by which a loss may change where nothing changed
USED = 1e-3  # share by which a loss changes that depends on what is changed
FAR = (1e1, 1e2, 1e3)  # by which outputs are moved to see whether a loss has a floor
DIRECTIONS = 8


def paired(context: Context) -> Iterable[Finding]:
    """A loss that stays the same when the targets change places among the rows: it does not pair rows with targets."""
    pair = _pair(context)
    if pair is None or (pair[0].numel() == pair[1].numel() and pair[0].shape != pair[1].shape):
        return  # shapes that differ are asked for by themselves
    output, target = pair
    draw = torch.Generator().manual_seed(0)
    used = False
    for wild in _wild(output, target, draw):
        value = context.value(wild, target)
        if not math.isfinite(value):
            continue
        scale = max(abs(value), 1e-12)
        orders = [torch.randperm(len(target), generator=draw) for _ in range(3)]
        if any(not abs(context.value(wild, target[order]) - value) <= SAME * scale for order in orders):
            return
        used = used or abs(context.value(wild, _others(target)) - value) > USED * scale
    if used:
        yield _all_with_all(context, output, target)


def _pair(context: Context) -> tuple[Tensor, Tensor] | None:
    """Outputs and different targets of as many rows, or None."""
    output, target = context.output, context.probe.target
    if not isinstance(output, Tensor) or not isinstance(target, Tensor) or not output.is_floating_point():
        return None
    if output.ndim < 1 or target.ndim < 1 or len(output) != len(target) or len(target) < FEW:
        return None
    output, target = output[:ROWS].detach(), target[:ROWS]
    if not finite(output) or not finite(target) or len(torch.unique(target, dim=0)) < 2:
        return None
    return output, target


def _wild(output: Tensor, target: Tensor, draw: torch.Generator) -> Iterator[Tensor]:
    """Outputs of the shape of a network's: of any sign, in (0, 1), and among the targets, be they large."""
    noise = torch.randn(output.shape, generator=draw, dtype=output.dtype)
    yield output + noise * max(float(output.double().std()), 1e-3)
    yield noise
    yield noise.sigmoid()
    values = target.double()
    yield (values.mean() + values.std() * noise).to(output.dtype)


def _others(target: Tensor) -> Tensor:
    """Other targets of the same kind."""
    if not target.is_floating_point():
        return torch.full_like(target, bool(target.min()) if target.dtype == torch.bool else int(target.min()))
    if bool(((target >= 0) & (target <= 1)).all()):
        return target / 2
    return 1.5 * target + 0.5 * target.double().std().to(target.dtype)


def _all_with_all(context: Context, output: Tensor, target: Tensor) -> Finding:
    with quiet(), torch.no_grad(), _Meetings(output, target) as meetings:
        context.loss(output, target)
    same = "the loss is the same to 5 digits when the targets change places among the rows"
    if meetings.spread is not None:
        of_output, of_target, together = meetings.spread
        return fault(
            "broadcast",
            f"{same}: it spreads shapes {of_output} and {of_target} to {together} and compares all rows with all",
            "each row compared with its own target",
            "Give what is compared the same shape: y[:, None], or squeeze the output.",
            evidence={"output": list(of_output), "target": list(of_target)},
            remedy=Remedy("target", "reshape", list(of_output[1:])) if of_target == tuple(target.shape) else None,
        )
    return fault(
        "wrong-loss",
        f"{same}: errors of opposite sign cancel, or all rows are compared with all",
        "a loss that compares each row with its own target",
        "Square or weigh the errors of the rows first, and take the mean after it.",
    )


class _Meetings(Sources):
    """Where a loss lets something of the output meet something of the target in another shape.

    Attributes
    ----------
    spread : the shapes of the two and of the result, of the first meeting that is larger than both; None without one.
    """

    def __init__(self, output: Tensor, target: Tensor) -> None:
        super().__init__(output, target)
        self.spread: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None = None

    def meets(self, func: Any, args: Any, given: list[Tensor], result: Tensor) -> None:
        """Keep the shapes of the first meeting whose result is larger than both."""
        first = next((part for part in given if self.sources_of(part) == {"output"}), None)
        second = next((part for part in given if self.sources_of(part) == {"target"}), None)
        if self.spread is not None or first is None or second is None or first.shape == second.shape:
            return
        if result.numel() > max(first.numel(), second.numel()):
            self.spread = tuple(first.shape), tuple(second.shape), tuple(result.shape)


def narrow(context: Context) -> Iterable[Finding]:
    """One output for several targets a row, which the loss spreads over them."""
    output, target = context.output, context.probe.target
    if not isinstance(output, Tensor) or not isinstance(target, Tensor) or not target.is_floating_point():
        return
    if output.ndim != 2 or target.ndim != 2 or len(output) != len(target) or output.shape[1] != 1:
        return
    width = target.shape[1]
    columns = target.double() - target.double().mean(0)
    if width < 2 or not bool((columns.std(0) > 0).all()) or bool((columns - columns[:, :1]).abs().max() == 0):
        return
    if not _column_by_column(context, output, target):
        return
    yield fault(
        "broadcast",
        f"the output has shape {tuple(output.shape)} and the target {tuple(target.shape)}: the loss spreads the one "
        f"output over the {width} columns of the target, and the best that is left is their average",
        "an output for each column of the target",
        f"Give the last layer {width} outputs.",
        evidence={"output": list(output.shape), "target": list(target.shape)},
        remedy=Remedy("module", "width", width),
        where=Where(layer=context.layers[-1][0].rpartition(".")[0] if context.layers else None),
    )


def _column_by_column(context: Context, output: Tensor, target: Tensor) -> bool:
    """Whether a loss compares one output with every column alike: it is the mean of what single columns give.

    A loss may read its columns as different things: a time and whether it was seen, a value and its weight. For such
    a one columns cannot change places, or it refuses an output for each of them.
    """
    width = target.shape[1]
    wild = torch.randn(output.shape, generator=torch.Generator().manual_seed(0), dtype=output.dtype)
    for answer in (wild, output.detach() + 0.1 * wild):
        once = context.value(answer, target)
        alone = [context.value(answer, target[:, [column] * width]) for column in range(width)]
        moved = [context.value(answer, target.roll(by, 1)) for by in range(1, width)]
        others = [context.value(answer.expand(-1, width).clone(), target), sum(alone) / width, *moved]
        if not all(abs(other - once) <= SAME * max(abs(once), 1e-12) for other in others):  # nor where one is NaN
            return False
    return True


def silent_labels(context: Context) -> Iterable[Finding]:
    """One of two labels that gives no gradient whatever the output is, as 0 under a margin that wants -1."""
    pair = _pair(context)
    if pair is None or context.kind != "unknown" or pair[0].numel() != pair[1].numel():
        return
    output, target = pair
    labels = torch.unique(target)
    if len(labels) != 2:
        return
    draw = torch.Generator().manual_seed(0)
    slopes = torch.zeros(target.shape, dtype=torch.float64)
    for size in (0.3, 3.0, 30.0):
        z = (size * torch.randn(output.shape, generator=draw, dtype=output.dtype)).requires_grad_()
        with quiet(), torch.enable_grad():
            value = context.loss(z, target)
            if not getattr(value, "requires_grad", False):
                return
            (slope,) = torch.autograd.grad(value.sum(), z, allow_unused=True)
        if slope is None:  # the loss comes from elsewhere, which other checks tell
            return
        slopes += slope.double().abs().reshape(target.shape)
    silent = [label for label in labels if float(slopes[target == label].max()) == 0]
    if len(silent) != 1 or not bool(torch.isfinite(slopes).all()):
        return
    label, other = float(silent[0]), float(labels[labels != silent[0]][0])
    yield fault(
        "label-range",
        f"rows labelled {label:g} give the loss no gradient whatever the output is; rows labelled {other:g} do",
        "a loss that every label has a part in",
        "Give the labels that the loss is made for: -1 and 1 for a margin, 0 and 1 for a cross-entropy.",
        evidence={"silent": label, "other": other},
        remedy=Remedy("target", "map", [-1.0, 1.0]) if label == 0 else None,
    )


def floor(context: Context) -> Iterable[Finding]:
    """A loss without a floor: the further an output is from all targets, in any direction, the lower it is."""
    pair = _pair(context)
    if pair is None or context.kind != "unknown":
        return
    output, target = pair
    draw = torch.Generator().manual_seed(0)
    size = max(float(output.double().std()), float(target.double().std()), 1e-3)
    start = context.value(output, target)
    lows = []
    for _ in range(DIRECTIONS):
        way = torch.randn(output.shape, generator=draw, dtype=output.dtype) * size
        values = [start, *(context.value(_normalised(output + far * way, output), target) for far in FAR)]
        if any(map(math.isnan, values)) or any(b >= a > -math.inf for a, b in pairwise(values)):
            return
        lows.append(values[-1])
    if not math.isfinite(start) or max(lows) > start - 10 * max(abs(start), 1.0):
        return
    yield fault(
        "loss-sign",
        f"the loss is {start:.4g} for the outputs as they start, and falls to {max(lows):.4g} and lower the further "
        f"outputs are from their targets, in {DIRECTIONS} of {DIRECTIONS} directions",
        "a loss that is lower for right answers",
        "Turn the sign of the loss: minimise minus the likelihood.",
        evidence={"start": start, "far": max(lows)},
        remedy=Remedy("loss", "sign", -1),
    )


def _normalised(moved: Tensor, output: Tensor) -> Tensor:
    """Outputs that were moved, as logarithms of probabilities again where they were such: none is above 0."""
    logs = output.ndim > 1 and float(torch.logsumexp(output, -1).abs().max()) < 1e-3
    return torch.log_softmax(moved, -1) if logs else moved
