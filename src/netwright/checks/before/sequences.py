"""Questions to networks over sequences: does a step see the future, does the answer depend on the padding."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from netwright.checks.context import Context
from netwright.checks.finding import Finding, Remedy, fault, note
from netwright.checks.reading import Batch, leaves

LEAKS = 0.05  # change of an answer, of what rows differ by
LEARNS, HELPS = 0.8, 0.75  # share of the loss left where padding does no harm; and of that, where it does
GROUPS = 6  # of lengths to which rows are cut


def future(context: Context) -> Iterable[Finding]:
    """A network that predicts the next step and sees it."""
    x, y, output = context.probe.inputs[0], context.probe.target, context.output
    if not all(isinstance(each, Tensor) for each in (x, y, output)) or x.ndim < 2 or y.ndim < 2:
        return
    steps = x.shape[1]
    if steps < 4 or y.shape[1] != steps or len(context.probe.inputs) != 1:
        return
    at = _step_axis(output, y, context)
    if at is None or not _next(x, y):
        return
    middle = steps // 2
    changed = x.clone()
    changed[:, middle + 1 :] = changed[:, middle + 1 :].roll(1, 0).flip(1)
    after = context.answer(context.module, Batch((changed,), y))
    past_old, past_new = (each.narrow(at, 0, middle + 1) for each in (output, after))
    size = float((output - output.mean(0)).abs().mean())
    change = float((past_old - past_new).abs().amax()) / max(size, 1e-12)
    context.signal("change of earlier answers when later steps change", change, 1e-3, "future-leak")
    if change > 1e-3:
        yield fault(
            "future-leak",
            f"the target of step t is the input of step t + 1, and answers up to step {middle} change by {change:.2g} "
            f"of what rows differ by when only later steps change",
            "answers that depend on what came before",
            "Use a causal mask, padding on the left of convolutions, and no bidirectional layer.",
            evidence={"change": change},
            remedy=Remedy("module", "causal", True),
        )


def _step_axis(output: Tensor, target: Tensor, context: Context) -> int | None:
    if output.shape[: target.ndim] == target.shape:
        return 1
    if output.ndim == target.ndim + 1 and output.shape[2:] == target.shape[1:]:
        return 2
    return None


def _next(x: Tensor, y: Tensor) -> bool:
    """Whether the target is the input one step later."""
    if x.shape != y.shape and x.reshape(*x.shape[:2], -1).shape[2] != y.reshape(*y.shape[:2], -1).shape[2]:
        return False
    a, b = (each.reshape(*each.shape[:2], -1) for each in (x, y))
    if a.is_floating_point() or b.is_floating_point():
        later, here = (float((a[:, k:].double() - b[:, : b.shape[1] - k].double()).abs().mean()) for k in (1, 0))
        return later < 1e-6 * max(float(b.double().abs().mean()), 1e-12) or (later < 0.02 * here and later < 1e-3)
    return float((a[:, 1:] == b[:, :-1]).double().mean()) > 0.95


def padding(context: Context) -> Iterable[Finding]:
    """An answer that changes when a sequence gets less padding."""
    inputs = context.probe.inputs
    x = inputs[0]
    if not isinstance(x, Tensor) or x.ndim not in (2, 3) or len(inputs) > 2 or not isinstance(context.output, Tensor):
        return
    if x.ndim == 2 and x.is_floating_point():
        return
    lengths = _lengths(x)
    if lengths is None or context.output.shape[0] != len(x) or context.output.ndim > 2:
        return
    changes = _given(context, x, lengths) if len(inputs) == 2 else _trimmed(context, x, lengths)
    if not changes:
        return
    size = float((context.output - context.output.mean(0)).abs().mean())
    change = sum(changes) / len(changes) / max(size, 1e-12)
    context.signal("change of an answer with other padding", change, LEAKS, "padding-leak")
    if change > LEAKS:
        shortest = int(lengths.min())
        left = _left_without(context, x, lengths) if len(inputs) == 1 and _one_width(context) else None
        harmless = left is not None and left[0] < LEARNS and not left[1] < HELPS * left[0]
        seen = "" if left is None else f" ({context.steps} steps leave {left[0]:.2g} of the loss, {left[1]:.2g} without"
        yield (note if harmless else fault)(
            "padding-leak",
            f"sequences of {shortest} to {x.shape[1]} steps are padded, and an answer changes by {change:.2g} of what "
            "rows differ by when its padding does" + (f"{seen} most of it)" if seen else ""),
            "the same answer with any padding",
            "Pack sequences (pack_padded_sequence), take the state at the last real step, or mask the padding before "
            "pooling.",
            evidence={"change": change, "shortest": shortest},
            remedy=Remedy("module", "mask_padding", True),
        )


def _lengths(x: Tensor) -> Tensor | None:
    """The lengths of the rows where many end in a run of one and the same value; None where they do not."""
    flat = x.reshape(*x.shape[:2], -1)
    last = flat[:, -1]
    values, counts = torch.unique(last, dim=0, return_counts=True)
    pad = values[counts.argmax()]
    if float(counts.max()) < 0.2 * len(x):
        return None
    is_pad = (flat == pad).all(2)
    run = is_pad.flip(1).long().cumprod(1).sum(1)
    lengths = x.shape[1] - run
    padded = run >= 2
    if float(padded.double().mean()) < 0.2 or len(torch.unique(lengths)) < 3 or int(lengths.max()) < 2:
        return None
    inside = is_pad.double().sum() - run.double().sum()
    return lengths if float(inside) < 0.02 * is_pad.numel() else None


def _trimmed(context: Context, x: Tensor, lengths: Tensor) -> list[float]:
    """How far each padded row's answer moves when its padding is cut off."""
    changes = []
    for row in torch.where(lengths < x.shape[1] - 1)[0][:8].tolist():
        if int(lengths[row]) < 2:
            continue
        short = Batch((x[row : row + 1, : int(lengths[row])],), context.probe.target)
        try:
            answer = context.answer(context.module, short)
        except (RuntimeError, ValueError, IndexError):  # a network of one fixed length
            return []
        if answer.shape != context.output[row : row + 1].shape:
            return []
        changes.append(float((answer - context.output[row : row + 1]).abs().mean()))
    return changes


def _given(context: Context, x: Tensor, lengths: Tensor) -> list[float]:
    """How far answers move when the numbers in the padding change, where the lengths are an input."""
    told = context.probe.inputs[1]
    if not isinstance(told, Tensor) or told.is_floating_point() or told.shape != (len(x),):
        return []
    other = x.clone()
    for row in range(len(x)):
        length = int(told[row])
        if 0 < length < x.shape[1]:
            other[row, length:] = x[row, 0]
    answer = context.answer(context.module, Batch((other, told), context.probe.target))
    return [float((answer - context.output).abs().mean())]


def _one_width(context: Context) -> bool:
    """Whether all batches that were read have sequences of one length with their padding, as filled up once for all."""
    held = [] if context.validation is None else context.validation.batches
    first = [next(leaves(batch.inputs)) for batch in (*context.data.batches, *held)]
    return len({tensor.shape[1] for tensor in first if tensor.ndim > 1}) == 1


def _left_without(context: Context, x: Tensor, lengths: Tensor) -> tuple[float, float] | None:
    """What trials leave of the loss as it is and with most of the padding cut off; None where none can be made."""
    if not context.user_optimizers or not context.steps:
        return None
    ends = lengths.double().quantile(torch.linspace(0, 1, GROUPS + 1, dtype=torch.float64)[1:]).ceil().long().unique()
    module = _Shortened(context.user_module, x[lengths.argmin(), -1].clone(), ends.tolist())
    return context.left(context.as_is), context.left(context.with_(user_module=module).trial(steps=context.steps))


class _Shortened(nn.Module):
    """A module that is given its rows in groups, each cut to the longest of it.

    Parameters
    ----------
    inner : the module. pad : what padding is filled with. ends : lengths to which rows are cut.
    """

    def __init__(self, inner: nn.Module, pad: Tensor, ends: list[int]) -> None:
        super().__init__()
        self.inner, self.pad, self.ends = inner, pad, ends

    def forward(self, x: Tensor) -> Tensor:
        real = (x != self.pad).reshape(*x.shape[:2], -1).any(2)
        lengths = (real * torch.arange(1, x.shape[1] + 1)).amax(1)
        places = torch.bucketize(lengths, torch.tensor(self.ends[:-1]))
        groups = [(place, (places == place).nonzero()[:, 0]) for place in places.unique().tolist()]
        outputs = [self.inner(x[rows, : self._end(place, lengths[rows])]) for place, rows in groups]
        return torch.cat(outputs)[torch.cat([rows for _, rows in groups]).argsort()]

    def _end(self, place: int, lengths: Tensor) -> int:
        return max(self.ends[place], int(lengths.max()), 1)
