"""Questions to the labels: within range, related to the inputs, agreeing with their neighbours, of even number."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from statistics import NormalDist

import torch
from torch import Tensor

from netwright.checks.before.evening import evened
from netwright.checks.before.relating import LONG, categories, clustered, images, learned, on_unseen
from netwright.checks.before.territories import (
    MOST_CLASSES,
    Confusion,
    Territories,
    chance_of_ranks,
    confusions,
    out_of_place,
    ranked,
    territories,
)
from netwright.checks.context import Context
from netwright.checks.finding import FAULT, NOTE, Finding, Remedy, Where, fault, note
from netwright.checks.loss_kind import NUMBERS
from netwright.checks.neighbours import NEIGHBOURS, Relation, kept_rows, matrix, relation, thinned_like

IGNORED = -100  # the class number that torch leaves out
UNEVEN = 20.0  # rows of the largest class over those of the smallest
WRONG = 0.05  # share of labels that disagree with nearly all of their neighbours
CLEAR = 0.72  # share of labels that are the commonest of their neighbours
SHARP = 0.3  # share of the labels that are not, which all neighbours contradict
PURE = 0.85  # mean share of the commonest class among the neighbours, with two classes
ENOUGH = 60  # rows
CARRIED = 0.97  # of the loss of ignorance that is left on other rows where nothing carries over
LEARNED = 0.9  # of it on the rows that were learned
MANY_ROWS = 220  # without which nothing is called unrelated


def in_range(context: Context) -> Iterable[Finding]:
    """Labels that the loss or the width of the output cannot mean."""
    target, output = context.target, context.output
    if target is None or not isinstance(output, Tensor) or not target.numel():
        return
    if context.kind in ("logits", "probabilities") and target.numel() * len(output) == output.numel() * len(target):
        yield from _shares(context, target)
    elif not target.is_floating_point():
        yield from _class_numbers(context, target.long(), output)


def _class_numbers(context: Context, target: Tensor, output: Tensor) -> Iterable[Finding]:
    used = target[target != getattr(context.loss, "ignore_index", IGNORED)]
    if not used.numel() or output.ndim < 2 or context.kind in NUMBERS:
        return
    if output.ndim <= target.ndim or (context.kind == "unknown" and math.isfinite(context.start)):
        return
    width = output.shape[context.class_axis]
    strange = torch.unique(used[(used < 0) | (used >= width)])
    if 0 < len(strange) <= 3:
        for label in strange.tolist():
            used = used[used != label] if _left_out(context, label, width) else used
    if not used.numel():
        return
    low, high = int(used.min()), int(used.max())
    if low < 0 or high >= width:
        columns = "1 column, for the class 0" if width == 1 else f"{width} columns, for the classes 0 to {width - 1}"
        one = " (or use BCEWithLogitsLoss, which takes one output)" if (width, low, high) == (1, 0, 1) else ""
        yield fault(
            "label-range",
            f"labels run from {low} to {high} and the output has {columns}",
            f"labels from 0 to {width - 1}" if width > 1 else "an output for each class",
            f"Subtract {low} from the labels."
            if high - low < width
            else f"Give the last layer {high + 1} outputs{one}.",
            evidence={"lowest": low, "highest": high, "outputs": width},
            remedy=Remedy("target", "add", -low) if high - low < width else Remedy("module", "outputs", high + 1),
        )
        return
    if target.ndim == 1:
        yield from _spare(used, width)


def _spare(used: Tensor, width: int) -> Iterable[Finding]:
    """Outputs of classes that no label has."""
    values, counts = torch.unique(used, return_counts=True)
    present = len(values)
    if width <= present:
        return
    level = fault if width >= 4 * present and int(counts.min()) >= 5 and present > 1 else note
    shift = " The labels begin at 1: class 0 is never used." if int(values[0]) == 1 and values[-1] == width - 1 else ""
    yield level(
        "output-width",
        f"the output has {width} columns and the labels have {present} {'class' if present == 1 else 'classes'}",
        f"{present} {'output' if present == 1 else 'outputs'}",
        f"Give the last layer {present} outputs, with labels from 0 to {present - 1}.{shift}",
        evidence={"outputs": width, "classes": present},
        remedy=Remedy("module", "outputs", present),
    )


def _left_out(context: Context, label: int, width: int) -> bool:
    """Whether the loss does not look at the outputs of rows with a label."""
    target, output = context.probe.target.clamp(0, width - 1), context.output
    half = len(target) // 2
    if not half or len(output) != len(target):
        return False
    target[half:] = label
    z = torch.randn(output.shape, generator=torch.Generator().manual_seed(0), dtype=output.dtype)
    other = torch.cat([z[:half], -2 * z[half:]])
    first, second = context.value(z, target), context.value(other, target)
    return math.isfinite(first) and abs(first - second) <= 1e-6 * max(abs(first), 1e-9)


def _shares(context: Context, target: Tensor) -> Iterable[Finding]:
    values = torch.unique(target).double()
    if not bool(torch.isfinite(values).all()):
        return
    low, high = float(values.min()), float(values.max())
    whole = bool((values == values.round()).all())
    outside = values[(values < 0) | (values > 1)].tolist()
    if outside and (whole or len(values) <= 20):
        if not any(_bottomless(context, value) for value in outside[:20]):
            return  # it means something to the loss: rows that are left out, or labels that it maps itself
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


def _bottomless(context: Context, label: float) -> bool:
    """Whether the loss of a label falls without end, the surer the answer, or the loss refuses it."""
    ends = ((0.999, 1 - 1e-5), (0.001, 1e-5)) if context.kind == "probabilities" else ((50.0, 100.0), (-50.0, -100.0))

    half = len(context.probe.target) // 2  # which keeps a plain label: a mean over rows with labels needs one

    def change(label: float, end: tuple[float, float]) -> float:
        target, output = torch.ones_like(context.probe.target), torch.full_like(context.output, 0.5)
        target[half:] = label
        values = []
        for z in end:
            output[half:] = z
            values.append(context.value(output, target))
        return values[1] - values[0]

    steepest = max(abs(change(1, end)) for end in ends)
    return not all(change(label, end) >= -1e-3 * steepest for end in ends)


def _listed(values: Tensor) -> str:
    shown = ", ".join(f"{float(value):g}" for value in values[:4])
    return shown if len(values) <= 4 else f"{shown}, ... {float(values[-1]):g}"


def related(context: Context) -> Iterable[Finding]:
    """Labels that no learner can relate to the inputs, the user's own network included."""
    classes = _plain_classes(context)
    if len(context.rows) < ENOUGH or not _each_row(context) or (classes is None and not context.numeric):
        return
    if classes is not None and int(torch.unique(classes).numel()) < 2:
        return
    found = relation(context, classes)
    if found is None:
        return
    name = "accuracy" if classes is not None else "R^2"
    limit = found.chance + 3 * found.error
    context.signal(f"best {name} of simple learners", found.quality, limit, "labels-unrelated")
    chance = _by_chance(found, classes is not None)
    if found.exists or not math.isfinite(found.quality) or chance < 1e-3:
        return
    own = learned(context)
    if not own[1] > CARRIED or (categories(context) and not on_unseen(context, LONG)[1] > CARRIED):
        return
    yield _unrelated(context, found, own, name, chance)


def _by_chance(found: Relation, classes: bool) -> float:
    """How likely chance alone ranks the rows as well as the best guess does.

    An accuracy hides a weak relation where one class is the likeliest for every row.
    """
    if found.answers is None:
        return 1.0
    errors = [0.0]
    for guess in found.guesses:
        for scores, own in zip(guess.scores.T, found.answers.T, strict=True):
            if classes and 5 <= own.sum() <= len(own) - 5:
                errors.append((ranked(scores, own > 0) - 0.5) / chance_of_ranks(own > 0))
            elif not classes:
                places = torch.stack([scores.argsort().argsort(), own.argsort().argsort()]).double()
                errors.append(float(torch.corrcoef(places)[0, 1]) * math.sqrt(len(own)))
    return min(1.0, (1 - NormalDist().cdf(max(errors))) * len(errors))


def _unrelated(context: Context, found: Relation, own: tuple[float, float, float], name: str, chance: float) -> Finding:
    """A fault where chance explains all that simple learners find, and the rows are such that they would find it.

    Of pictures, in which any plain relation is seen far beyond chance, it may be odd chance, if the network learns its
    rows and is right about others no more often than chance is.
    """
    train, held, beyond = own
    odd = images(context) and train < LEARNED and beyond < 2.0
    none = found.quality < found.chance + 2.5 * found.error and (chance > 0.05 or odd)
    none = none and len(context.rows) >= MANY_ROWS
    fits = none and not categories(context)
    level = fault if fits and (train < LEARNED or images(context) or _memorised(context)) else note
    return level(
        "labels-unrelated",
        f"no simple learner relates y to X ({found.quality:.3f} {name}, {found.chance:.3f} by chance), and what the "
        f"network itself learns ({train:.2f} of the loss is left on the rows it saw) does not carry over ({held:.2f} "
        f"on rows held out)",
        "labels that something about the inputs foretells",
        "Look at some rows with their labels: were inputs and labels shuffled, sorted or filtered apart?",
        evidence={"quality": found.quality, "chance": found.chance, "train_left": train, "held_left": held},
    )


def _memorised(context: Context) -> bool:
    """Whether much longer training does not carry over either, of rows that it learns or that lie in places."""
    if context.budget.hurried:  # another fault is found, from which this may follow
        return False
    train, held = on_unseen(context, LONG)
    return held > CARRIED and (train < LEARNED or clustered(context))


def _plain_classes(context: Context) -> Tensor | None:
    """The class of each row; None where the loss leaves labels out or there are others than one a row."""
    classes = context.classes if _each_row(context) else None
    return None if classes is None or bool((classes == IGNORED).any()) else classes


def _each_row(context: Context) -> bool:
    """Whether there is a target for each row."""
    return context.target is not None and len(context.target) == len(context.rows)


def agreeing(context: Context) -> Iterable[Finding]:
    """Labels that disagree with nearly all of their nearest neighbours, or with those of one other class."""
    classes = _plain_classes(context)
    read = matrix(context)
    if classes is None or read is None or len(context.rows) < 100:
        return
    labels = torch.unique(thinned_like(context, classes), return_inverse=True)[1]
    if int(labels.max()) < 1 or int(labels.max()) >= MOST_CLASSES:
        return
    places = territories(read[0], labels)
    near = places.distance.topk(NEIGHBOURS, largest=False)
    twins = float((near.values[:, 0] < 1e-9).double().mean()) > 0.5  # rows that nothing tells apart
    by_chance = _astray(context, out_of_place(read[0], places))
    confused = _confused(context, places, confusions(read[0], places))
    asked = _scattered(context, labels, places, near.indices), by_chance, confused
    found = sorted((each for each in asked if each is not None), key=lambda each: each.level != FAULT)
    if found:
        yield replace(found[0], level=NOTE) if twins else found[0]


def _scattered(context: Context, labels: Tensor, places: Territories, near: Tensor) -> Finding | None:
    """Labels of most classes that nearly all of their neighbours contradict."""
    votes = torch.nn.functional.one_hot(labels[near], int(labels.max()) + 1).double().mean(1)
    right = float((votes.argmax(1) == labels).double().mean())
    own = votes.gather(1, labels[:, None])[:, 0]
    apart = (votes.amax(1) >= 0.8) & (own <= 0.1)
    share = context.signal("labels that all neighbours contradict", float(apart.double().mean()), WRONG, "noisy-labels")
    if int(apart.sum()) < 5 or share <= WRONG or not _both_ways(labels, apart):
        return None
    # with two classes, labels drawn by chance look the same as wrong ones: there most neighbourhoods must be pure
    if votes.shape[1] == 2 and float(votes.amax(1).mean()) < PURE:
        return None
    # a class that is nowhere the commonest is rare or hard, and its labels are not wrong
    if float((places.at_home[labels[apart]] >= 0.5).double().mean()) < 0.8:
        return None
    # where classes overlap, most of what disagrees lies between them and is not contradicted by all
    clear = right >= CLEAR and share >= SHARP * (1 - right)
    worst = kept_rows(context)[apart][:20].tolist()
    return (fault if clear else note)(
        "noisy-labels",
        f"{share:.0%} of the labels differ from those of nearly all of their ten nearest rows",
        f"at most {WRONG:.0%} where neighbours otherwise agree ({right:.0%})",
        f"Look at these rows first: {', '.join(map(str, worst))}.",
        evidence={"share": share, "rows": worst, "agreement": right},
        where=Where(row=worst[0]),
    )


def _astray(context: Context, rows: Tensor | None) -> Finding | None:
    """Labels by chance, so many that nearly all neighbours of a row seldom agree."""
    if rows is None:
        return None
    share, worst = float(rows.double().mean()), kept_rows(context)[rows][:20].tolist()
    return fault(
        "noisy-labels",
        f"{share:.0%} of the rows lie among one class and have the label of another, any other, wherever they lie",
        "next to none: where classes overlap it is near their borders, and the label is that of the class next to it",
        f"Look at these rows first: {', '.join(map(str, worst))}.",
        evidence={"share": share, "rows": worst},
        where=Where(row=worst[0]),
    )


def _confused(context: Context, places: Territories, found: list[Confusion]) -> Finding | None:
    """Labels of one class that are all over the territory of another: the two were confused."""
    if not found:
        return None
    names = torch.unique(thinned_like(context, _plain_classes(context)))  # type: ignore[arg-type]
    classes = len(places.counts)
    guests = sum(int(each.rows.sum()) for each in found)
    rest = 1 - (float(places.counts.diag().sum()) + guests) / len(places.labels)
    one_way = classes >= 4 and rest <= 0.1 and any(each.back <= 0.1 for each in found)
    most = max(found, key=lambda each: each.share)
    worst = kept_rows(context)[most.rows][:20].tolist()
    label, like = int(names[most.label]), int(names[most.like])
    others = f" ({len(found)} pairs of classes are like that)" if len(found) > 1 else ""
    return (fault if one_way or (classes > 2 and len(found) >= 3) else note)(
        "noisy-labels",
        f"of the rows that lie among class {like}, {most.share:.0%} are labelled {label}, and where they lie does not "
        f"tell which{others}",
        f"next to none, or only where the two classes meet: class {label} has a place of its own",
        f"Look whether these rows are of class {like}: {', '.join(map(str, worst))}.",
        evidence={"share": most.share, "label": label, "like": like, "pairs": len(found), "rows": worst},
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
    if ratio <= UNEVEN / 2 or evened(context, int(values[counts.argmax()]), int(values[counts.argmin()])):
        return
    least = int(values[counts.argmin()])
    yield (fault if _clearly_uneven(context, counts) else note)(
        "class-imbalance",
        f"class {int(values[counts.argmax()])} has {int(counts.max())} rows and class {least} has {int(counts.min())}",
        f"at most {UNEVEN:.0f} to 1, or a loss with class weights",
        "Weight the loss by class (CrossEntropyLoss(weight=...), BCEWithLogitsLoss(pos_weight=...)) and judge by "
        "balanced accuracy; declare imbalanced=True if it is meant.",
        evidence={"ratio": ratio, "smallest_class": least},
        remedy=Remedy("loss", "class_weights", [round(float(len(classes) / len(values) / n), 4) for n in counts]),
    )


def _clearly_uneven(context: Context, counts: Tensor) -> bool:
    """Whether the smallest class is small beyond chance, of classes that are few and not next to empty."""
    fewest = int(counts.min())
    chance = 0.0 if context.data.complete else 2 * math.sqrt(fewest)  # by which a part of the rows may have too few
    uneven = int(counts.max()) > UNEVEN * (fewest + chance)
    if len(counts) > 2:  # classes that grow rarer one by one are common; one far from all others is not
        middle = float(counts.double().median())
        uneven = uneven and max(int(counts.max()) / middle, middle / (fewest + chance)) > UNEVEN
    return uneven and len(counts) <= 20 and fewest >= 3 and context.kind != "unknown"


def relation_of(context: Context) -> Relation | None:
    """What simple learners find between inputs and labels, for checks that compare the network with them."""
    return relation(context, _plain_classes(context))
