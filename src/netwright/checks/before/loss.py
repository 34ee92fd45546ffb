"""Questions to the loss: does it compare like with like, does it have a slope, does it fall when answers get better."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from netwright.checks.anatomy import finite
from netwright.checks.before.names import RARE, apart, names, numberings, sizes
from netwright.checks.context import Context, learns
from netwright.checks.copies import quiet
from netwright.checks.finding import Finding, Remedy, fault, note
from netwright.checks.loss_kind import NUMBERS, distributions
from netwright.checks.neighbours import matrix, thinned_like
from netwright.checks.reward import climbing
from netwright.checks.trial import call

MOST_CLASSES = 20


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
    # what compares all with all does not care whose target is whose; a loss of pairs of rows does
    if context.kind == "unknown" and abs(context.value(wild, target.roll(1, 0)) - spread) > 1e-4 * abs(spread):
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
    if context.kind == "unknown":  # what grows faster than a logarithm of a probability is another loss, as of counts
        wild = [each for each in wild if _in_a_line(context, each, target)]
    values = [value for value in (_taken(context, each, target) for each in wild) if value is not None]
    gentle = context.value(output.detach(), target)
    if math.isfinite(gentle) and values and not all(map(math.isfinite, values)):
        # many a program never gets there; that this one does is shown by its steps
        yield (note if context.trial(steps=5 * context.steps).finite else fault)(
            "wrong-loss",
            f"the loss is {gentle:.3g} for the outputs as they start and {min(values, key=math.isfinite)} for sure "
            "and wrong ones: it takes the logarithm of a probability that rounds to 0",
            "a loss that is finite for any output",
            "Give logits to CrossEntropyLoss or BCEWithLogitsLoss, which compute both steps in one; or clamp.",
            evidence={"sure": values[0]},
            remedy=Remedy("loss", "kind", "cross-entropy" if output.ndim > 1 and output.shape[axis] > 1 else "logits"),
        )


def _in_a_line(context: Context, wild: Tensor, target: Tensor) -> bool:
    """Whether the loss grows in a straight line with how sure an output is, as the logarithm of a probability does."""
    values = [context.value(wild * (sure / 200), target) for sure in (6.0, 9.0, 12.0)]
    steps = values[1] - values[0], values[2] - values[1]
    return steps[1] > 0 and abs(steps[1] - steps[0]) <= 0.15 * steps[1]


def _taken(context: Context, output: Tensor, target: Any) -> float | None:
    """The loss of an output, or None where the loss refuses it, as BCELoss does."""
    try:
        with torch.no_grad():
            return float(torch.as_tensor(context.loss(output, target)).sum())
    except Exception:  # refusing is right
        return None


def sign(context: Context) -> Iterable[Finding]:
    """A loss that is lower for wrong answers than for right ones, or an optimizer that climbs."""
    groups = climbing(context.user_optimizers)
    climbs = bool(groups) and all(groups)  # then the context has turned the loss
    pair = right_and_wrong(context)
    right, wrong = (math.nan,) * 2 if pair is None else (context.value(each, context.probe.target) for each in pair)
    known = math.isfinite(right) and math.isfinite(wrong)
    if any(groups) and (not climbs or not known):
        yield note(
            "loss-sign",
            f"{sum(groups)} of {len(groups)} groups of parameters have maximize=True",
            "maximize=True for a reward, or for one side of a game of two",
            "Leave maximize out, if what is computed is a loss.",
            evidence={"climbing": sum(groups), "groups": len(groups)},
            remedy=Remedy("optimizer", "maximize", False),
        )
    elif pair is not None and known and right > wrong + 1e-3 * abs(wrong) + 1e-6:
        known = context.kind != "unknown"
        sure = _falls_without_end(context, pair, right - wrong) if known else _peaks(context, pair[0])
        yield _goes_up(context, -right if climbs else right, -wrong if climbs else wrong, fault if sure else note)


def _goes_up(context: Context, right: float, wrong: float, level: Callable[..., Finding]) -> Finding:
    evidence = {"right": right, "wrong": wrong}
    seen = f"the loss is {right:.4g} for right answers and {wrong:.4g} for wrong ones"
    if any(climbing(context.user_optimizers)):
        name = type(context.user_optimizers[0]).__name__
        return level(
            "loss-sign",
            f"{name} has maximize=True, which makes the loss larger, and {seen}",
            "an optimizer that makes a loss smaller, or a reward that is higher for right answers",
            "Leave maximize out.",
            evidence=evidence,
            remedy=Remedy("optimizer", "maximize", False),
        )
    return level(
        "loss-sign",
        seen,
        "a loss that is lower for right answers",
        "Turn the sign of the loss.",
        evidence=evidence,
        remedy=Remedy("loss", "sign", -1),
    )


def _falls_without_end(context: Context, pair: tuple[Tensor, Tensor], gap: float) -> bool:
    """Whether the surer a wrong answer the lower the loss, as of a turned one, and not up to an end, as on purpose."""
    if context.kind != "cross-entropy":
        return True
    target = context.probe.target
    return context.value(10 * pair[1], target) < context.value(pair[1], target) - 2 * gap


def _peaks(context: Context, right: Tensor) -> bool:
    """Whether right answers are where the loss is highest: it falls in every direction, there and back.

    That of a reward or of a ratio, of which a target is a factor, rises one way and falls the other.
    """
    target = context.probe.target
    if context.labelled or right.unique().numel() <= 2 or any(climbing(context.user_optimizers)):
        return False
    top, draw = context.value(right, target), torch.Generator().manual_seed(0)
    size = max(float(right.double().std()), 1e-6)
    for far in (0.1, 0.3, 1.0, 3.0):
        for _ in range(4):
            way = far * size * torch.randn(right.shape, generator=draw, dtype=right.dtype)
            sides = [context.value(right + way, target), context.value(right - way, target)]
            if not all(side < top - 1e-5 * abs(top) for side in sides):
                return False
    return True


def right_and_wrong(context: Context) -> tuple[Tensor, Tensor] | None:
    """Outputs that are clearly right, and clearly wrong, for the targets; None where that is not known.

    Parameters
    ----------
    context : the program.
    """
    output, target, kind = context.output, context.probe.target, context.kind
    if not isinstance(output, Tensor) or not isinstance(target, Tensor) or not finite(output) or not finite(target):
        return None
    if kind in ("cross-entropy", "nll") or (kind == "probabilities" and output.numel() != target.numel()):
        return _right_and_wrong_class(kind, output, target, context.class_axis)
    if target.numel() != output.numel() or (kind == "unknown" and not target.is_floating_point()):
        return None
    right = target.reshape(output.shape).to(output.dtype)
    labels = bool(((right == 0) | (right == 1)).all())
    if kind == "probabilities" or (labels and kind == "unknown" and output.min() >= 0 and output.max() <= 1):
        return 0.1 + 0.8 * right, 0.9 - 0.8 * right
    if kind == "logits" or (labels and kind == "unknown"):
        return 6 * right - 3, 3 - 6 * right
    if kind == "unknown" and distributions(right, context.class_axis):
        return None
    return right, right + 3 * max(float(right.double().std()) if right.numel() > 1 else 1.0, 1e-3)


def _right_and_wrong_class(kind: str, output: Tensor, target: Tensor, axis: int) -> tuple[Tensor, Tensor] | None:
    """Logits of 4 for the right class and 0 for the others, and the same for the next class, as the loss takes them."""
    if target.is_floating_point():
        shares = target.to(output.dtype) if distributions(target, axis) and target.shape == output.shape else None
    elif output.ndim == target.ndim + 1 and int(target.max()) < output.shape[axis]:
        shares = torch.zeros_like(output).scatter_(axis, target.long().clamp_min(0).unsqueeze(axis), 1.0)
    else:
        shares = None
    if shares is None:
        return None
    links = {"nll": lambda z: z.log_softmax(axis), "probabilities": lambda z: z.softmax(axis)}
    link: Callable[[Tensor], Tensor] = links.get(kind, lambda z: z)
    return link(4 * shares), link((4 * shares).roll(1, axis))


def suits(context: Context) -> Iterable[Finding]:
    """A loss for another task: classes met as numbers, several labels under softmax, numbers under a class loss."""
    target, output = context.target, context.output
    if target is None or not isinstance(output, Tensor) or not finite(target):
        return
    if context.kind in NUMBERS:
        yield from _classes_as_numbers(context, target, output)
    elif not target.is_floating_point():
        return  # whether the loss can mean class numbers is asked of their range
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
    read = matrix(context)
    if not 3 <= count <= MOST_CLASSES or not whole or len(target) < 40 or read is None:
        return
    own = thinned_like(context, target.reshape(-1).double())
    found = numberings(read[0], own)
    most = max(found, key=lambda each: each.best - each.suits)
    shown = next((each for each in found if each.orders), most)
    context.signal("other numberings that suit the inputs better", shown.better, RARE, "wrong-loss")
    if sizes(found):
        return
    evidence: dict[str, Any] = {"values": count, "better": most.better, "suits": most.suits, "best": most.best}
    distance = apart(read[0], own)
    if distance is not None:
        evidence |= {"distance": distance[0], "chance": distance[1]}
    seen = f"y has the {count} values {float(values[0]):g} to {float(values[-1]):g}, met as numbers"
    if names(found):
        yield fault(
            "wrong-loss",
            f"{seen}; {most.better:.0%} of other ways to number these classes suit the inputs better (R^2 is "
            f"{most.suits:.2f} as they are and up to {most.best:.2f}): they are names, not sizes",
            "one output a class for names",
            f"Use {count} outputs and CrossEntropyLoss.",
            evidence=evidence,
            remedy=Remedy("loss", "kind", "cross-entropy"),
        )
    else:
        yield note(
            "wrong-loss",
            f"{seen}; the inputs do not tell whether they are sizes or names",
            "sizes, such as grades or counts, under a loss of numbers",
            f"If they are names of classes, use {count} outputs and CrossEntropyLoss.",
            evidence=evidence,
            remedy=Remedy("loss", "kind", "cross-entropy"),
        )


def summed(context: Context) -> Iterable[Finding]:
    """A loss that is summed over the batch, where the mean would learn and the sum does not."""
    batch = context.batch
    if len(batch) < 4 or not context.user_optimizers:
        return
    context.signal("loss of a batch twice over, of once", context.twice_over, 2.0, "loss-sum")
    if not context.summed or learns(context):
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
            evidence={"rows": n, "left_summed": before_per_row, "left_averaged": after},
            remedy=Remedy("loss", "reduction", "mean"),
        )
