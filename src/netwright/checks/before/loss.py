"""Questions to the loss: does it compare like with like, does it have a slope, does it fall when answers get better."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from netwright.checks.anatomy import finite
from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.finding import Finding, Remedy, fault, note
from netwright.checks.neighbours import matrix, nearest, thinned_like
from netwright.checks.reading import Batch
from netwright.checks.trial import call

MOST_CLASSES = 20
NAMES = 0.75  # neighbours' classes as far apart as those of chance, or this share of it: names and not sizes


def shapes(context: Context) -> Iterable[Finding]:
    """Outputs and targets of different shape that the loss spreads against each other."""
    output, target = context.output, context.probe.target
    if not isinstance(output, Tensor) or not isinstance(target, Tensor) or output.shape == target.shape:
        return
    if output.numel() != target.numel() or output.numel() < 2:
        return
    wild = torch.randn(output.shape, generator=torch.Generator().manual_seed(0), dtype=output.dtype)
    spread, meant = context.value(wild, target), context.value(wild.reshape(target.shape), target)
    if not math.isfinite(spread) or not math.isfinite(meant) or abs(spread - meant) <= 1e-4 * max(abs(meant), 1e-9):
        return
    n = output.numel()
    yield fault(
        "broadcast",
        f"the output has shape {tuple(output.shape)} and the target {tuple(target.shape)}: the loss spreads them to "
        f"{tuple(torch.broadcast_shapes(output.shape, target.shape))} and compares each of {n} with all {n}",
        "the same shape for both",
        "Give the target the output's shape: y[:, None], or squeeze the output.",
        evidence={"output": list(output.shape), "target": list(target.shape), "loss": spread, "loss_alike": meant},
        remedy=Remedy("target", "reshape", list(output.shape[1:])),
    )


def slope(context: Context) -> Iterable[Finding]:
    """A loss from which no gradient reaches the output, or that is not finite for sure answers."""
    module = context.fresh().train()
    with quiet(), torch.enable_grad():
        output = call(module, context.batch)
        value = context.loss(output, context.batch.target)
        if not isinstance(output, Tensor) or not output.requires_grad:
            return  # where the graph is cut before the output is asked elsewhere
        flat = not getattr(value, "requires_grad", False)
        if not flat:
            gradient = torch.autograd.grad(value.sum(), output, allow_unused=True)[0]
            flat = gradient is None or float(gradient.abs().max()) == 0
    reached = float(torch.as_tensor(value).detach().double().sum())
    if flat and abs(context.start) > 1e-6 and not (context.kind == "cross-entropy" and output.shape[-1] == 1):
        yield fault(
            "not-differentiable",
            f"the loss is {reached:.4g} and its gradient at the output is exactly 0",
            "a gradient",
            "Take argmax, round, comparisons, .item() and .numpy() out of the loss: they have no slope.",
        )
        return
    yield from _overflows(context, output)


def _overflows(context: Context, output: Tensor) -> Iterable[Finding]:
    """A home-made cross-entropy: the logarithm of a probability that rounds to 0."""
    if context.kind not in ("unknown", "cross-entropy", "probabilities", "logits"):
        return
    target = context.batch.target
    if not isinstance(target, Tensor) or (target.is_floating_point() and bool(((target < 0) | (target > 1)).any())):
        return  # no classes
    axis = context.class_axis if output.ndim > 1 else 0
    z = torch.zeros_like(output.detach())
    z.select(axis, 0).fill_(200.0) if output.ndim > 1 else z.fill_(200.0)
    sure = {"unknown": z, "probabilities": z.softmax(axis) if output.ndim > 1 else z.sign()}.get(context.kind, z)
    wild = [sure] if context.kind == "probabilities" else [sure, -z]
    values = [value for value in (_taken(context, each, target) for each in wild) if value is not None]
    gentle = context.value(output.detach(), target)
    if math.isfinite(gentle) and values and not all(map(math.isfinite, values)):
        yield fault(
            "wrong-loss",
            f"the loss is {gentle:.3g} for the outputs as they start and {min(values, key=math.isfinite)} for sure "
            "and wrong ones: it takes the logarithm of a probability that rounds to 0",
            "a loss that is finite for any output",
            "Give logits to CrossEntropyLoss or BCEWithLogitsLoss, which compute both steps in one; or clamp.",
            evidence={"sure": values[0]},
            remedy=Remedy("loss", "kind", "cross-entropy" if output.ndim > 1 and output.shape[axis] > 1 else "logits"),
        )


def _taken(context: Context, output: Tensor, target: Any) -> float | None:
    """The loss of an output, or None where the loss refuses it, as BCELoss does."""
    try:
        with torch.no_grad():
            return float(torch.as_tensor(context.loss(output, target)).sum())
    except Exception:  # refusing is right
        return None


def sign(context: Context) -> Iterable[Finding]:
    """A loss that is lower for wrong answers than for right ones, or an optimizer that climbs."""
    for optimizer in context.user_optimizers:
        if any(group.get("maximize", False) for group in optimizer.param_groups):
            yield fault(
                "loss-sign",
                f"{type(optimizer).__name__} has maximize=True: it makes the loss larger",
                "an optimizer that makes it smaller",
                "Leave maximize out.",
                remedy=Remedy("optimizer", "maximize", False),
            )
            return
    output, target = context.output, context.probe.target
    if not isinstance(output, Tensor) or not isinstance(target, Tensor) or not finite(output):
        return
    if context.kind == "unknown" and (not target.is_floating_point() or target.shape != output.shape):
        return  # what is compared here is not known
    pair = _right_and_wrong(output, target)
    if pair is None:
        return
    right, wrong = (context.value(each, target) for each in pair)
    if math.isfinite(right) and math.isfinite(wrong) and right > wrong + 1e-3 * abs(wrong) + 1e-9:
        yield fault(
            "loss-sign",
            f"the loss is {right:.4g} for right answers and {wrong:.4g} for wrong ones",
            "a loss that is lower for right answers",
            "Turn the sign of the loss.",
            evidence={"right": right, "wrong": wrong},
            remedy=Remedy("loss", "sign", -1),
        )


def _right_and_wrong(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor] | None:
    """Outputs that are clearly right, and clearly wrong, for a target."""
    if target.is_floating_point() and target.numel() == output.numel():
        right = target.reshape(output.shape).to(output.dtype)
        if right.ndim == 2 and right.shape[1] > 1 and bool(((right.sum(1) - 1).abs() < 1e-3).all()):
            return None  # distributions
        far = 3 * max(float(target.double().std()) if target.numel() > 1 else 1.0, 1e-3)
        if bool(((target == 0) | (target == 1)).all()):
            probability = float(output.min()) >= 0 and float(output.max()) <= 1
            return (0.1 + 0.8 * right, 0.9 - 0.8 * right) if probability else (6 * right - 3, 3 - 6 * right)
        return right, right + far
    if not target.is_floating_point() and output.ndim == 2 and target.ndim == 1 and output.shape[1] > 1:
        if int(target.min()) < 0 or int(target.max()) >= output.shape[1]:
            return None
        hot = torch.nn.functional.one_hot(target.long(), output.shape[1]).to(output.dtype)
        z = 4 * hot
        if float(output.max()) <= 0:
            return z.log_softmax(1), z.roll(1, 1).log_softmax(1)
        if float(output.min()) >= 0 and bool(((output.sum(1) - 1).abs() < 1e-3).all()):
            return z.softmax(1), z.roll(1, 1).softmax(1)
        return z, z.roll(1, 1)
    return None


def suits(context: Context) -> Iterable[Finding]:
    """A loss for another task: classes met as numbers, several labels under softmax, numbers under a class loss."""
    target, output = context.target, context.output
    if target is None or not isinstance(output, Tensor) or not target.is_floating_point() or not finite(target):
        return
    if context.kind in ("squares", "absolute"):
        yield from _classes_as_numbers(context, target, output)
    elif (
        context.kind == "cross-entropy" and output.ndim == 2 and output.shape == (len(context.probe), *target.shape[1:])
    ):
        sums = target.sum(1)
        odd = float(((sums - 1).abs() > 1e-3).double().mean())
        if target.shape[1] > 1 and (odd > 0.02 or float(target.min()) < 0):
            whole = bool(((target == 0) | (target == 1)).all())
            yield fault(
                "wrong-loss",
                f"{odd:.0%} of the target rows do not sum to 1, and the loss takes each row for one distribution",
                "one class a row, or a loss that takes each column by itself",
                "Use BCEWithLogitsLoss for several labels a row." if whole else "Use MSELoss for numbers.",
                evidence={"share": odd},
                remedy=Remedy("loss", "kind", "logits" if whole else "squares"),
            )
    elif context.kind in ("logits", "probabilities"):
        values = torch.unique(target)
        outside = float(((target < 0) | (target > 1)).double().mean())
        if len(values) > MOST_CLASSES and outside > 0.02:
            yield fault(
                "wrong-loss",
                f"the target has {len(values)} different values from {float(values[0]):.3g} to {float(values[-1]):.3g} "
                "and the loss takes them for probabilities",
                "labels 0 and 1, or a loss for numbers",
                "Use MSELoss or L1Loss for numbers.",
                remedy=Remedy("loss", "kind", "squares"),
            )


def _classes_as_numbers(context: Context, target: Tensor, output: Tensor) -> Iterable[Finding]:
    """Class numbers that are met as if they were sizes."""
    if target.numel() != len(target) or output.numel() != len(output):
        return
    values = torch.unique(target)
    count = len(values)
    whole = bool((values == values.round()).all()) and float(values[-1] - values[0]) == count - 1
    if not 3 <= count <= MOST_CLASSES or not whole or len(target) < 40:
        return
    read = matrix(context)
    if read is None:
        return
    own = thinned_like(context, target.reshape(-1).double())
    around = own[nearest(read[0], 5)]
    differ = around != own[:, None]
    if int(differ.sum()) < 10:
        return
    far = (around - own[:, None]).abs()[differ].mean()
    pairs = (own[:, None] - own[None, :]).abs()
    chance = pairs[pairs > 0].mean()
    share = context.signal("distance of classes of neighbours, of chance", float(far / chance), NAMES, "wrong-loss")
    level = fault if share > NAMES and not _ordered(own, around) else note
    yield level(
        "wrong-loss",
        f"y has the {count} values {float(values[0]):g} to {float(values[-1]):g}, met as numbers; rows that lie close "
        f"together and differ, differ by {float(far):.1f} ({float(chance):.1f} by chance): they are names, not sizes",
        "one output a class for names",
        f"Use {count} outputs and CrossEntropyLoss.",
        evidence={"values": count, "distance": float(far), "chance": float(chance)},
        remedy=Remedy("loss", "kind", "cross-entropy"),
    )


def _ordered(own: Tensor, around: Tensor) -> bool:
    """Whether the numbers bring neighbours closer than other numberings of the same classes do."""
    _, which = torch.unique(own, return_inverse=True)
    near = torch.searchsorted(torch.unique(own), around)
    generator = torch.Generator().manual_seed(0)
    k = int(which.max()) + 1
    orders = [torch.arange(k), *(torch.randperm(k, generator=generator) for _ in range(60))]
    spread = [float((order[which][:, None] - order[near]).abs().double().mean()) for order in orders]
    return sum(each < spread[0] - 1e-12 for each in spread[1:]) <= 6


def summed(context: Context) -> Iterable[Finding]:
    """A loss that is summed over the batch, where the mean would learn and the sum does not."""
    batch = context.batch
    if len(batch) < 4 or not context.user_optimizers:
        return
    once, twice = context.output, context.probe
    double = Batch(_twice(twice.inputs), _twice(twice.target))
    single = context.value(once, twice.target)
    ratio = context.value(_twice(once), double.target) / single if abs(single) > 1e-12 else 1.0
    context.signal("loss of a batch twice over, of once", ratio, 2.0, "loss-sum")
    if abs(ratio - 2) > 1e-3 or context.learns:
        return
    n = len(batch)
    before = context.left(context.as_is)
    mean = context.trial(loss=lambda output, target: context.loss(output, target) / n)
    after = context.left(mean) * n
    before_per_row = min(before, 1e9)
    if after < 0.75 * before_per_row:
        yield fault(
            "loss-sum",
            f"the loss of a batch twice over is twice as large: it is summed, so the rate is {n} times what it says "
            f"(summed, {context.steps} steps leave {before_per_row:.2g} of the loss; averaged, {after:.2g})",
            "a mean over the rows",
            "Give the loss reduction='mean'.",
            evidence={"ratio": ratio, "left_summed": before_per_row, "left_averaged": after},
            remedy=Remedy("loss", "reduction", "mean"),
        )


def _twice(structure: Any) -> Any:
    if isinstance(structure, Tensor):
        return torch.cat([structure, structure])
    if isinstance(structure, dict):
        return {name: _twice(part) for name, part in structure.items()}
    return type(structure)(_twice(part) for part in structure)
