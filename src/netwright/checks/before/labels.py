"""Questions to the labels: within range, related to the inputs, agreeing with their neighbours, of even number."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from netwright.checks.context import Context
from netwright.checks.finding import Finding, Remedy, Where, fault, note
from netwright.checks.neighbours import Relation, kept_rows, matrix, nearest, relation, thinned_like
from netwright.checks.reading import leaves
from netwright.checks.trial import run_trial

IGNORED = -100  # the class number that torch leaves out
UNEVEN = 20.0  # rows of the largest class over those of the smallest
WRONG = 0.05  # share of labels that disagree with nearly all of their neighbours
PURE = 0.85  # mean share of the commonest class among the neighbours, with two classes
ENOUGH = 60  # rows
MANY_ROWS = 220  # without which nothing is called unrelated


def in_range(context: Context) -> Iterable[Finding]:
    """Labels that the loss or the width of the output cannot mean."""
    target, output = context.target, context.output
    if target is None or not isinstance(output, Tensor) or not target.numel():
        return
    if not target.is_floating_point():
        yield from _class_numbers(context, target.long(), output)
    elif context.kind in ("logits", "probabilities") and target.numel() == output.numel() // len(output) * len(target):
        yield from _shares(context, target)


def _class_numbers(context: Context, target: Tensor, output: Tensor) -> Iterable[Finding]:
    used = target[target != getattr(context.loss, "ignore_index", IGNORED)]
    if not used.numel() or output.ndim < 2 or context.kind not in ("cross-entropy", "nll", "unknown", "probabilities"):
        return
    if output.ndim <= target.ndim or (context.kind == "unknown" and math.isfinite(context.start)):
        return
    width, low, high = output.shape[context.class_axis], int(used.min()), int(used.max())
    if low < 0 or high >= width:
        yield fault(
            "label-range",
            f"labels run from {low} to {high} and the output has {width} columns, for the classes 0 to {width - 1}",
            f"labels from 0 to {width - 1}",
            f"Subtract {low} from the labels." if high - low < width else f"Give the last layer {high + 1} outputs.",
            evidence={"lowest": low, "highest": high, "outputs": width},
            remedy=Remedy("target", "add", -low) if high - low < width else Remedy("module", "outputs", high + 1),
        )
        return
    present = int(torch.unique(used).numel())
    spare = width - present
    if spare <= 0 or target.ndim > 1:
        return
    rare = int(torch.unique(used, return_counts=True)[1].min())
    level = fault if width >= 4 * present and rare >= 5 and present > 1 else note
    shift = " The labels begin at 1: class 0 is never used." if low == 1 and high == width - 1 else ""
    yield level(
        "output-width",
        f"the output has {width} columns and the labels have {present} classes",
        f"{present} outputs",
        f"Give the last layer {present} outputs, with labels from 0 to {present - 1}.{shift}",
        evidence={"outputs": width, "classes": present},
        remedy=Remedy("module", "outputs", present),
    )


def _shares(context: Context, target: Tensor) -> Iterable[Finding]:
    values = torch.unique(target)
    if not bool(torch.isfinite(values).all()):
        return
    low, high = float(values.min()), float(values.max())
    whole = bool((values == values.round()).all())
    outside = float(((target < 0) | (target > 1)).double().mean())
    if outside > 0 and (whole or len(values) <= 20):
        yield fault(
            "label-range",
            f"labels are {_listed(values)}, and the loss takes them for probabilities",
            "labels 0 and 1",
            "Map the labels to 0 and 1." if len(values) == 2 else "Use CrossEntropyLoss with one output a class.",
            evidence={"lowest": low, "highest": high, "values": len(values)},
            remedy=Remedy("target", "map", [0.0, 1.0]) if len(values) == 2 else Remedy("loss", "kind", "cross-entropy"),
        )
    elif len(values) == 2 and high < 0.5:
        yield fault(
            "label-range",
            f"labels are {_listed(values)}: they have been scaled as if they were inputs",
            "labels 0 and 1",
            f"Divide the labels by {high:.6g} again.",
            evidence={"lowest": low, "highest": high},
            remedy=Remedy("target", "map", [0.0, 1.0]),
        )


def _listed(values: Tensor) -> str:
    shown = ", ".join(f"{float(value):g}" for value in values[:4])
    return shown if len(values) <= 4 else f"{shown}, ... {float(values[-1]):g}"


def related(context: Context) -> Iterable[Finding]:
    """Labels that no learner can relate to the inputs, the user's own network included."""
    classes = _plain_classes(context)
    if len(context.rows) < ENOUGH or (classes is None and not context.numeric):
        return
    if classes is not None and int(torch.unique(classes).numel()) < 2:
        return
    found = relation(context, classes)
    if found is None:
        return
    name = "accuracy" if classes is not None else "R^2"
    limit = found.chance + 3 * found.error
    context.signal(f"best {name} of simple learners", found.quality, limit, "labels-unrelated")
    if found.exists:
        return
    own = _own_network(context, classes)
    if own is not None and own[1] > 0.97:
        yield _unrelated(context, found, own, name)


def _unrelated(context: Context, found: Relation, own: tuple[float, float], name: str) -> Finding:
    """A fault where chance explains all that simple learners find, and the network memorises or the rows are images."""
    train, held = own
    none = found.quality < found.chance + 1.5 * found.error and len(context.rows) >= MANY_ROWS
    level = fault if none and (train < 0.9 or _images(context)) else note
    return level(
        "labels-unrelated",
        f"no simple learner relates y to X ({found.quality:.3f} {name}, {found.chance:.3f} by chance), and what the "
        f"network itself learns ({train:.2f} of the loss is left on the rows it saw) does not carry over ({held:.2f} "
        f"on rows held out)",
        "labels that something about the inputs foretells",
        "Look at some rows with their labels: were inputs and labels shuffled, sorted or filtered apart?",
        evidence={"quality": found.quality, "chance": found.chance, "train_left": train, "held_left": held},
    )


def _images(context: Context) -> bool:
    """Whether the rows are images, of which neighbours and trees see any plain relation."""
    inputs = list(leaves(context.rows.inputs))
    return len(context.rows) >= 500 and len(inputs) == 1 and inputs[0].is_floating_point() and inputs[0].ndim == 4


def _plain_classes(context: Context) -> Tensor | None:
    classes = context.classes
    return None if classes is None or bool((classes == IGNORED).any()) else classes


def _own_network(context: Context, classes: Tensor | None) -> tuple[float, float] | None:
    """What the network leaves of the loss on rows it was trained on and on rows held out, after a longer trial."""
    rows = context.rows
    half = len(rows) * 3 // 4
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    train, held = rows.rows(order[:half]), rows.rows(order[half:])
    size = min(context.data.batch_size, half)
    if not context.steps or not math.isfinite(context.prior):
        return None
    steps = 4 * context.steps
    batches = [train.rows(torch.arange(at * size, (at + 1) * size) % half) for at in range(steps)]
    module = context.fresh()
    adam = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], lr=3e-3)
    trial = run_trial((module, [adam]), context.loss, batches)
    scale = max(context.prior, 1e-12)
    left = [context.value(context.answer(trial.module, part), part.target) / scale for part in (train, held)]
    return left[0], left[1]


def agreeing(context: Context) -> Iterable[Finding]:
    """Labels that disagree with nearly all of their nearest neighbours, where neighbours mostly agree."""
    classes = _plain_classes(context)
    read = matrix(context)
    if classes is None or read is None or len(context.rows) < 100:
        return
    labels = torch.unique(thinned_like(context, classes), return_inverse=True)[1]
    around = labels[nearest(read[0])]  # (n, k)
    votes = torch.nn.functional.one_hot(around).double().mean(1)
    right = float((votes.argmax(1) == labels).double().mean())
    own = votes.gather(1, labels[:, None])[:, 0]
    apart = (votes.amax(1) >= 0.8) & (own <= 0.1)
    share = context.signal("labels that all neighbours contradict", float(apart.double().mean()), WRONG, "noisy-labels")
    pure = float(votes.amax(1).mean())
    if int(apart.sum()) < 5 or votes.shape[1] < 2:
        return
    # with two classes, labels drawn by chance look the same as wrong ones: there most neighbourhoods must be pure
    if share > WRONG and (votes.shape[1] > 2 or pure >= PURE) and _both_ways(labels, apart):
        worst = kept_rows(context)[apart][:20].tolist()
        yield fault(
            "noisy-labels",
            f"{share:.0%} of the labels differ from those of nearly all of their ten nearest rows",
            f"at most {WRONG:.0%} where neighbours otherwise agree ({right:.0%})",
            f"Look at these rows first: {', '.join(map(str, worst))}.",
            evidence={"share": share, "rows": worst, "agreement": right},
            where=Where(row=worst[0]),
        )


def _both_ways(labels: Tensor, apart: Tensor) -> bool:
    """Whether the disagreement touches most classes: one small class inside others is no wrong label."""
    classes = int(labels.max()) + 1
    touched = {int(label) for label in labels[apart]}
    return len(touched) >= max(2, classes // 2)


def even(context: Context) -> Iterable[Finding]:
    """Classes of very different size that neither the loss nor the loader evens out."""
    classes = _plain_classes(context)
    if classes is None or context.intent.imbalanced or context.data.weighted:
        return
    values, counts = torch.unique(classes, return_counts=True)
    if not context.data.complete and len(classes) < 200:
        return
    if len(values) < 2:
        if len(classes) >= 20:
            only = int(values[0]) if len(values) else 0
            yield fault(
                "class-imbalance",
                f"all {len(classes)} labels are {only}",
                "at least two classes",
                "Look at how the labels were read or filtered.",
                evidence={"classes": len(values)},
            )
        return
    ratio = context.signal(
        "largest class over smallest", int(counts.max()) / int(counts.min()), UNEVEN, "class-imbalance"
    )
    if ratio <= UNEVEN / 2 or _weighted(context, values[counts.argmax()], values[counts.argmin()]):
        return
    least = int(values[counts.argmin()])
    level = fault if ratio > UNEVEN and len(values) <= 20 and int(counts.min()) >= 3 else note
    yield level(
        "class-imbalance",
        f"class {int(values[counts.argmax()])} has {int(counts.max())} rows and class {least} has {int(counts.min())}",
        f"at most {UNEVEN:.0f} to 1, or a loss with class weights",
        "Weight the loss by class (CrossEntropyLoss(weight=...), BCEWithLogitsLoss(pos_weight=...)) and judge by "
        "balanced accuracy; declare imbalanced=True if it is meant.",
        evidence={"ratio": ratio, "smallest_class": least},
        remedy=Remedy("loss", "class_weights", [round(float(len(classes) / len(values) / n), 4) for n in counts]),
    )


def _weighted(context: Context, large: Tensor, small: Tensor) -> bool:
    """Whether the loss weighs a mistake in the small class more than one in the large class."""
    output = context.output
    if not isinstance(output, Tensor):
        return True
    z = torch.zeros_like(output)
    target = context.probe.target
    values = [context.value(z, torch.full_like(target, float(each))) for each in (large, small)]
    if output.ndim == target.ndim + 1 or context.kind in ("cross-entropy", "nll"):
        # a mean over weighted rows hides the weight of a batch of one class: compare in a mixed batch
        mixed, tilted = torch.full_like(target, int(large)), z.clone()
        mixed[: len(mixed) // 2] = int(small)
        tilted.select(context.class_axis, int(small)).fill_(1.0)
        if len(mixed) < 2:
            return False
        both = context.value(tilted, mixed)
        ones = [context.value(tilted, torch.full_like(target, int(each))) for each in (large, small)]
        half = (len(mixed) // 2) / len(mixed)
        plain = (1 - half) * ones[0] + half * ones[1]
        return not abs(both - plain) < 1e-3 * abs(plain)
    return not abs(values[0] - values[1]) < 1e-3 * max(abs(values[0]), 1e-12)


def relation_of(context: Context) -> Relation | None:
    """What simple learners find between inputs and labels, for checks that compare the network with them."""
    return relation(context, _plain_classes(context))
