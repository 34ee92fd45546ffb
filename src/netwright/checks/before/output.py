"""Questions to the output and its loss: activations that are applied twice, that hide or that do not reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright.checks.anatomy import finite
from netwright.checks.context import Context, learns
from netwright.checks.facts import scaled
from netwright.checks.finding import Finding, Remedy, Where, fault, note
from netwright.checks.loss_kind import LOGITS

FAR = 50.0  # by which inputs are multiplied to see where an output ends
LOUD = 10.0, 1000.0  # standard deviations of the last weights, by which an output shows its ends
BEYOND = 0.02  # share of targets that an output may fail to reach


@dataclass
class Ends:
    """Where an output ends, seen on rows as they are, on rows that are 50 times larger, and with louder last weights.

    Attributes
    ----------
    lowest, highest : of all outputs seen. sums : whether each row sums to 1 over the classes.
    bounded_below, bounded_above : whether it ends there. constant : whether it is the same for all rows.
    """

    lowest: float
    highest: float
    sums: bool
    bounded_below: bool
    bounded_above: bool
    constant: bool


def ends(context: Context) -> Ends | None:
    """Where the output ends, or None where it is no single tensor of finite numbers."""
    plain = context.output
    if not isinstance(plain, Tensor) or not plain.is_floating_point() or not finite(plain) or plain.ndim < 1:
        return None
    outputs = [plain]
    for factor in (FAR, -FAR):
        batch = scaled(context.probe, lambda t, factor=factor: t * factor, context.symbols)  # type: ignore[misc]
        found = context.answer(context.module, batch)
        if isinstance(found, Tensor) and finite(found):
            outputs.append(found)
    outputs += [torch.cat([_loud(context, sign * size) for sign in (1.0, -1.0)]) for size in LOUD]
    outputs = [each for each in outputs if each.numel()]
    low, high = (float(pick(torch.stack([pick(each) for each in outputs]))) for pick in (torch.min, torch.max))
    axis = context.class_axis
    sums = plain.ndim > 1 and all(_ones(each.sum(axis)) for each in outputs)
    far = outputs[1:]
    wide = max((float(each.abs().max()) for each in far), default=0.0)
    below = _ends(outputs, low, -1)
    above = _ends(outputs, high, 1)
    return Ends(low, high, sums, below, above, float(plain.std()) < 1e-7 and wide <= 1.0)


def _loud(context: Context, size: float) -> Tensor:
    """Outputs of a copy whose last layer is made much louder, so that an activation after it shows its ends."""
    module = context.fresh()
    if not context.layers:
        return _loud_tables(context, module, size)
    name = context.layers[-1][0]
    with torch.no_grad():
        weight = module.get_parameter(name)
        weight.normal_(0.0, 1.0, generator=torch.Generator().manual_seed(0)).mul_(size)
        bias = dict(module.named_parameters()).get(name.replace("weight", "bias"))
        if bias is not None and bias.ndim == 1:
            bias.zero_()
    found = context.answer(module, context.probe)
    return found if isinstance(found, Tensor) and finite(found) else torch.empty(0)


def _loud_tables(context: Context, module: nn.Module, size: float) -> Tensor:
    """The same of a network that has no layers but vectors that are looked up."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * size)
    found = context.answer(module, context.probe)
    return found if isinstance(found, Tensor) and finite(found) else torch.empty(0)


def _ones(sums: Tensor) -> bool:
    return bool(((sums - 1).abs() < 1e-3).all())


def _ends(outputs: list[Tensor], end: float, sign: int) -> bool:
    """Whether a bound is met again and again, as by an activation that ends there, and not just once, as a maximum."""
    loud = outputs[-1]
    return loud.numel() > 0 and float((sign * (loud - end) > -1e-3).double().mean()) > 0.1


def applied_twice(context: Context) -> Iterable[Finding]:
    """Softmax or sigmoid before a loss that applies it, or another activation on what should be logits."""
    found = ends(context)
    if found is None:
        return
    output: Tensor = context.output
    width = output.shape[context.class_axis] if output.ndim > 1 else 1
    if found.constant and abs(found.highest - 1) < 1e-6 and width == 1:
        seen = "the output is 1 for every row: softmax of one number is always 1"
        yield _one_unit("output-activation", seen, "Take the softmax out, and use")
    elif context.kind not in (*LOGITS, "nll"):
        return
    elif context.kind == "nll":
        yield from _not_logarithms(context)
    elif context.kind == "cross-entropy" and width == 1:
        yield _one_unit("wrong-loss", "a cross-entropy of one output is always 0, whatever the label", "Use")
    elif context.kind == "cross-entropy" and found.sums and found.lowest >= 0:
        yield _twice(context, "softmax", found)
    elif context.kind == "logits" and (_is_sigmoid(context) or (_in_unit(found) and _both(found) and _wide(found))):
        yield _twice(context, "softmax" if found.sums and width > 1 else "sigmoid", found)
    else:
        yield from _activated(context, found)


def _is_sigmoid(context: Context) -> bool:
    """Whether the output is that of a sigmoid, be it far from both of its ends."""
    operations = [each for each in context.seen[0].operations if each.kind != "other"]
    output = context.seen[1]
    if not operations or operations[-1].kind != "sigmoid" or not isinstance(output, Tensor):
        return False
    last = operations[-1]
    same = last.output.numel() == output.numel()
    return same and bool(torch.equal(last.output.flatten(), output.flatten()))


def _in_unit(found: Ends) -> bool:
    return found.lowest >= 0 and found.highest <= 1 + 1e-6


def _both(found: Ends) -> bool:
    return found.bounded_below and found.bounded_above


def _wide(found: Ends) -> bool:
    """Whether what was seen reaches from one end of a probability to the other, and not just a corner of it."""
    return found.sums or (found.lowest < 0.2 and found.highest > 0.8)


def _one_unit(code: str, seen: str, use: str) -> Finding:
    return fault(
        code,
        seen,
        "a logit that can be any number",
        f"{use} one output with BCEWithLogitsLoss, or two outputs with CrossEntropyLoss.",
        remedy=Remedy("loss", "kind", "logits"),
    )


def _last(context: Context, kind: str) -> str | None:
    """The name of the layer that is the last activation and nothing else, if there is one."""
    operations = [each for each in context.seen[0].operations if each.kind == kind]
    return operations[-1].path if operations and operations[-1].own else None


def _twice(context: Context, kind: str, found: Ends) -> Finding:
    layer = _last(context, kind)
    name = type(context.loss).__name__ if type(context.loss).__module__.startswith("torch.") else "the loss"
    where = f"layer {layer}" if layer else "the network's forward"
    return fault(
        "double-softmax",
        f"the output is a probability already (from {found.lowest:.3f} to {found.highest:.3f} even for inputs 50 "
        f"times larger{', each row sums to 1' if found.sums else ''}), and the loss applies a {kind} to it",
        "logits: numbers of any size",
        f"Take the {kind} out of {where}; {name} applies it.",
        evidence={"lowest": found.lowest, "highest": found.highest},
        remedy=Remedy("module", "remove", layer or kind),
        where=Where(layer=layer),
    )


def _not_logarithms(context: Context) -> Iterable[Finding]:
    sums = context.output.exp().sum(context.class_axis)
    if _ones(sums):
        return
    probabilities = _ones(context.output.sum(context.class_axis)) and float(context.output.min()) >= 0
    what = "probabilities" if probabilities else "numbers whose exponentials sum to " + f"{float(sums.mean()):.3g}"
    yield fault(
        "output-activation",
        f"the loss takes logarithms of probabilities and the output gives {what}",
        "outputs whose exponentials sum to 1",
        "End the network in LogSoftmax, or give logits to CrossEntropyLoss.",
        evidence={"sum_of_exponentials": float(sums.mean())},
        remedy=Remedy("loss", "kind", "cross-entropy" if not probabilities else "log"),
    )


def _activated(context: Context, found: Ends) -> Iterable[Finding]:
    """ReLU, tanh or sigmoid on what should be logits."""
    kinds = {"relu": (0.0, None), "tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
    for kind, (low, high) in kinds.items():
        if abs(found.lowest - low) > 1e-3 or not found.bounded_below:
            continue
        if high is not None and (abs(found.highest - high) > 1e-2 or not found.bounded_above):
            continue
        if high is None and found.bounded_above:
            continue
        layer = _last(context, kind)
        upper = "" if high is None else f" or above {high:g}"
        yield fault(
            "output-activation",
            f"no output is below {low:g}{upper}, whatever the input: a {kind} stands before the loss",
            "logits: numbers of any size and sign",
            f"Take the {kind} out of {'layer ' + layer if layer else 'the end of forward'}.",
            evidence={"lowest": found.lowest, "highest": found.highest},
            remedy=Remedy("module", "remove", layer or kind),
            where=Where(layer=layer),
        )
        return


def reaches(context: Context) -> Iterable[Finding]:
    """Targets that lie where the output cannot go."""
    target = context.target
    found = ends(context) if context.numeric else None
    if found is None or target is None or not finite(target) or not found.highest > found.lowest:
        return  # an output that never varies, whatever its last weights, has no ends but another fault
    if _behind_dead_units(context):
        return
    margin = 0.02 * max(float(target.max() - target.min()), 1e-12)
    below = (target < found.lowest - margin) if found.bounded_below else torch.zeros_like(target, dtype=torch.bool)
    above = (target > found.highest + margin) if found.bounded_above else torch.zeros_like(target, dtype=torch.bool)
    share = context.signal("targets out of reach", float((below | above).double().mean()), BEYOND, "output-range")
    if share <= BEYOND or _goes_beyond(context, found):
        return
    kinds = [each for each in context.seen[0].operations if each.kind in ("relu", "sigmoid", "tanh", "softmax")]
    layer = kinds[-1].path if kinds and kinds[-1].own else None
    low = f"{found.lowest:.3g}" if found.bounded_below else "-infinity"
    high = f"{found.highest:.3g}" if found.bounded_above else "infinity"
    level = fault if share > 0.05 or not learns(context) else note
    yield level(
        "output-range",
        f"outputs end at {low} and {high}, and {share:.0%} of the targets ({float(target.min()):.3g} to "
        f"{float(target.max()):.3g}) lie beyond",
        "outputs that reach all targets",
        f"Take the last activation out ({layer or 'the end of forward'}), or scale the targets into its range.",
        evidence={"lowest": found.lowest, "highest": found.highest, "share": share},
        remedy=Remedy("module", "remove", layer or (kinds[-1].kind if kinds else None)),
        where=Where(layer=layer),
    )


def _behind_dead_units(context: Context) -> bool:
    """Whether the answer is the same for all rows as the last layer gets nothing but zeros."""
    activations = [each for each in context.seen[0].operations if each.kind != "other"]
    output = context.seen[1]
    if not activations or activations[-1].kind != "relu" or activations[-1].output.shape == output.shape:
        return False
    return bool((activations[-1].output == 0).all())


def _goes_beyond(context: Context, found: Ends) -> bool:
    """Whether the outputs of a trained copy lie where none was seen to go, so that what looked like an end is none."""
    if not context.steps:
        return False
    output = context.answer(context.as_is.module, context.many)
    if not isinstance(output, Tensor) or not finite(output):
        return False
    tolerance = 1e-3 * max(abs(found.lowest), abs(found.highest), 1e-12)
    below = found.bounded_below and float(output.min()) < found.lowest - tolerance
    return bool(below or (found.bounded_above and float(output.max()) > found.highest + tolerance))
