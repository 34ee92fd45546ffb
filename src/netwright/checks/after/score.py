"""Is the score worth a network: answers that are all the same, and scores that a straight line or neighbours beat.

The rivals learn from training rows and are asked about others; the network is compared with them row by row, so the
error of a difference is that of paired samples. A network that learns its own rows better than a line learns others
is not held down: what it lacks on held-out rows is another matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from netwright.checks.after.trained import BEHIND, LEAST, Part, Trained
from netwright.checks.before.steps.rate import rate_of
from netwright.checks.finding import Finding, Remedy, fault, note
from netwright.checks.reading import Batch, each, leaves
from netwright.checks.trial import rate_times

FAR = 0.1  # of either, for a fault
HARDLY = 0.25  # of what neighbours are better than a line
SAME = 0.95  # share of rows with one answer
TRUE = 0.8  # share of rows of which that answer is true
STILL = 0.01  # variance of the answers over that of the target
RELATED = 0.1  # R^2 of a linear model
STRAIGHT = 1e-4  # deviation of the answers from a linear function of the inputs
FALLS = 0.85  # of the loss that is left after more steps

Mend = tuple[str, Remedy | None, dict[str, float]]  # what to do in words and as data, and the figures


def one_answer(context: Trained) -> Iterable[Finding]:
    """The same answer for nearly every row, where a simple learner has better ones."""
    part = context.judged
    if part is None or len(part) < 30:
        return
    if context.task == "classes":
        yield from _one_class(context, part)
    else:
        yield from _one_number(context, part)


def _one_class(context: Trained, part: Part) -> Iterable[Finding]:
    answers = part.answers.argmax(1)
    commonest = int(torch.mode(answers).values)
    share = float((answers == commonest).double().mean())
    true = float((part.truth == commonest).double().mean())
    context.signal("share of rows with the commonest answer", share, SAME, "collapse")
    if share <= SAME or true >= TRUE:
        return
    better = _better(context, part)
    known = f"; a {better[0]} is right for {better[1]:.0%}" if better else ""
    yield (fault if better and context.even else note)(
        "collapse",
        f"the answer is class {commonest} for {share:.0%} of {len(part)} {_rows(part)}, of which {true:.0%} are{known}",
        "answers of every class",
        "Look at the findings above it; where there are none, at the weights of the loss, the labels and the rate."
        if better
        else "Look at the probabilities and not at the answers, if the classes cannot be told apart any better.",
        evidence={"class": commonest, "share": share, "truth": true, **({"rival": better[1]} if better else {})},
    )


def _one_number(context: Trained, part: Part) -> Iterable[Finding]:
    spread = float(part.truth.var(0).sum())
    if spread <= 1e-12 or context.line is None:
        return
    share = context.signal(
        "variance of the target over that of the answers",
        min(spread / max(float(part.answers.var(0).sum()), 1e-12), 1e9),
        1 / STILL,
        "collapse",
    )
    better = context.quality(part, context.line)
    if share <= 1 / STILL or better <= RELATED or not context.behind(part, context.line).above(BEHIND):
        return
    yield fault(
        "collapse",
        f"the answers for {len(part)} {_rows(part)} have {1 / share:.1%} of the variance of the target: nearly the "
        f"same number for every row; a linear model has an R^2 of {better:.2f}",
        f"at least {STILL:.0%}, as what a linear model explains varies",
        "Look at the findings above it; where there are none, at the last layer, the scale of the target and the rate.",
        evidence={"share": 1 / share, "line": better},
    )


def _better(context: Trained, part: Part) -> tuple[str, float] | None:
    """A simple learner that is clearly better, and its quality."""
    for name, answers in (("linear model", context.line), ("model of nearest neighbours", context.neighbours)):
        if answers is not None and context.behind(part, answers).above(BEHIND):
            return name, context.quality(part, answers)
    return None


def held_down(context: Trained) -> Iterable[Finding]:
    """A score below that of a linear model, or no better than it where neighbours are; on its own rows too."""
    part, own = context.judged, context.learned
    if part is None or own is None or context.line is None or len(part) < LEAST:
        return
    gap = context.behind(part, context.line)
    limit = max(FAR, 3 * gap.error)
    context.signal(f"{context.score} of a linear model less that of the network", gap.mean, limit, "underfitting")
    if not context.even or any(each.level == "fault" for each in one_answer(context)):
        return
    if gap.above(BEHIND):
        if context.own_line is not None and context.behind(own, context.own_line).above(0.0, 2.0):
            yield _worse_than_a_line(context, part, own)
    elif part.held:
        yield from _worse_than_neighbours(context, part, own)


def _worse_than_a_line(context: Trained, part: Part, own: Part) -> Finding:
    assert context.line is not None
    network, line = context.quality(part, part.answers), context.quality(part, context.line)
    gap = context.behind(part, context.line)
    memory = f"; on its training rows it has {context.quality(own, own.answers):.3f}" if part.held else ""
    do, remedy, after = _mend(context)
    return (fault if gap.above(FAR) and not context.intent.frozen else note)(
        "underfitting",
        f"the {context.score} of the network for {len(part)} {_rows(part)} is {network:.3f}, that of a linear model "
        f"that did not learn from them {line:.3f} (standard error of the difference {gap.error:.3f}){memory}",
        "at least what a linear model reaches",
        do,
        evidence={"network": network, "line": line, "error": gap.error, **after},
        remedy=remedy,
    )


def _worse_than_neighbours(context: Trained, part: Part, own: Part) -> Iterable[Finding]:
    """Hardly better than a line, where the nearest training rows know better, and better than it knows its own rows."""
    assert context.line is not None
    if context.neighbours is None:
        return
    gap, ahead = context.behind(part, context.neighbours), context.behind(part, context.line)
    near = context.quality(part, context.neighbours)
    context.signal(f"{context.score} of neighbours less that of the network", gap.mean, FAR, "underfitting")
    if ahead.mean < -2 * ahead.error and -ahead.mean > HARDLY * (near - context.quality(part, context.line)):
        return
    if not gap.above(BEHIND) or context.own_neighbours is None:
        return
    if not context.behind(own, context.own_neighbours).above(0.0, 2.0):
        return
    network, line = context.quality(part, part.answers), context.quality(part, context.line)
    straight = _is_straight(context)
    hidden = "A linear network cannot do better: put a hidden layer with an activation before the last one."
    do, remedy, after = (hidden, None, {}) if straight else _mend(context)
    curved = context.behind(part, context.neighbours, context.line).above(FAR)
    doubtful = bool(context.intent.frozen) or straight or not (curved and gap.above(FAR))
    yield (note if doubtful else fault)(
        "underfitting",
        f"the {context.score} of the network for {len(part)} held-out rows is {network:.3f} and that of a linear model "
        f"{line:.3f}; the nearest training rows give {near:.3f} (standard error of the difference {gap.error:.3f})",
        "more than a linear model reaches, where neighbours show that there is more",
        do,
        evidence={"network": network, "line": line, "neighbours": near, "error": gap.error, **after},
        remedy=remedy,
    )


def _rows(part: Part) -> str:
    return "held-out rows" if part.held else "training rows"


def _mend(context: Trained) -> Mend:
    """What to do: what helps a copy that goes on training, or another network where nothing does."""
    try:
        found = _what_helps(context)
    except Exception:  # no time is left, or the program cannot go on: what was found stands without that
        found = None
    return found or ("Give it more units or layers, or less dropout and decay.", None, {})


def _what_helps(context: Trained) -> Mend | None:
    """More steps at the rate as it is, or at another one."""
    rate, before = rate_of(context), context.start
    if not context.user_optimizers or not context.steps or not before > 0:
        return None
    for factor in (1.0, 10.0, 100.0, 0.1):
        if factor != 1.0 and not math.isfinite(rate):
            break
        trial = context.trial(rate_times(factor))
        after = context.value(context.answer(trial.module, context.many), context.many.target)
        if 0 <= after < FALLS * before:
            found = f"{context.steps} more steps on a copy"
            fell = f"lower the training loss from {before:.3g} to {after:.3g}"
            figures = {"loss": before, "loss_after": after}
            if factor != 1.0:
                remedy = Remedy("optimizer", "lr", rate * factor)
                return f"Try a rate of {rate * factor:g}: {found} at that rate {fell}.", remedy, figures
            if not context.epochs:
                return f"Train several times as long: {found} {fell}.", None, figures
            many = 5 * context.epochs
            return f"Train longer, try {many} epochs: {found} {fell}.", Remedy("loop", "epochs", many), figures
    return None


def _is_straight(context: Trained) -> bool:
    """Whether the answers are a linear function of the inputs, as those of a network without hidden layers."""
    rows = context.probe
    if len(rows) < 4 or any(not tensor.is_floating_point() for tensor in leaves(rows.inputs)):
        return False
    others = rows.rows(torch.arange(len(rows)).roll(1))
    pairs = iter([(a + b) / 2 for a, b in zip(leaves(rows.inputs), leaves(others.inputs), strict=True)])
    middle = Batch(each(rows.inputs, lambda tensor: next(pairs)), rows.target)
    ends, between = (_free(context.answer(context.module, batch)) for batch in (rows, middle))
    away = (between - (ends + ends.roll(1, 0)) / 2).abs().max()
    return float(away) <= STRAIGHT * max(float(ends.std(0).mean()), 1e-9)


def _free(output: Tensor) -> Tensor:
    """An output without what is the same in all columns of a row."""
    output = output.double().reshape(len(output), -1)
    return output - output[:, :1] if output.shape[1] > 1 else output
