"""Questions to the loop itself: are gradients cleared, are steps made, are the modes right, is the order mixed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from netwright.checks.before.loss import right_and_wrong
from netwright.checks.during.curves import failed
from netwright.checks.finding import Finding, Remedy, Where, fault, note
from netwright.checks.loss_kind import kind_of
from netwright.checks.reward import climbing
from netwright.core.errors import shown

FALLING = ("cross-entropy", "nll", "logits", "probabilities", "squares", "absolute")  # with a better answer
STALE = 0.5  # share of updates with a gradient left over
FEW = 3
UNUSED, MANY = 0.9, 4  # share of gradients that are cleared unused; backward passes for an update


def _where(watched: Any) -> Where:
    return Where(line=watched.tape.line)


def seen_to_the_end(watched: Any) -> Iterable[Finding]:
    """A look that failed, after which nothing more was looked at."""
    if watched.tape.trouble:
        yield note(
            "not-examined",
            f"the watch stopped looking closely after step {watched.tape.steps}: {shown(watched.tape.trouble, 200)}",
            "a program whose passes, gradients and updates can be read",
            "Nothing of the training itself is touched by that.",
        )


def gradients_cleared(watched: Any) -> Iterable[Finding]:
    """Gradients that are still there when the first backward after an update begins, and are added to."""
    tape = watched.tape
    if tape.looked < FEW:
        return
    share = watched.signal(
        "updates after which the gradient stays", tape.stale / tape.looked, STALE, "missing-zero-grad"
    )
    if share <= STALE:
        return
    yield fault(
        "missing-zero-grad",
        f"in {tape.stale} of {tape.looked} updates looked at, the gradient of the update before was still there and "
        "the new one was added to it",
        "gradients of 0 at the first backward() after an update",
        "Call optimizer.zero_grad() before loss.backward(), once an update.",
        evidence={"stale": tape.stale, "looked": tape.looked},
        remedy=Remedy("loop", "zero_grad", True),
        where=_where(watched),
    )


def steps_made(watched: Any) -> Iterable[Finding]:
    """A backward pass without updates, or updates that change nothing."""
    tape = watched.tape
    if tape.backwards >= 10 and (tape.steps == 0 or not watched.optimizers):
        if watched.beginning is not None and not watched.moved:
            yield fault(
                "missing-step",
                f"backward() ran {tape.backwards} times and optimizer.step() never, and no weight moved",
                "an update after each backward, or after a few",
                "Call optimizer.step() after loss.backward().",
                evidence={"backwards": tape.backwards, "steps": 0},
                remedy=Remedy("loop", "step", True),
                where=_where(watched),
            )
        return
    still = [sample for sample in tape.samples if sample.ratios and not any(sample.ratios.values())]
    if len(tape.samples) < FEW or len(still) < len(tape.samples):
        return
    if tape.rate == 0 or all(rate == 0 for _, rate in tape.rates) or (watched.beginning is not None and watched.moved):
        return  # a schedule that begins or ends at 0 is asked for elsewhere
    if all(sample.used == 0 for sample in still):
        seen = f"{tape.steps} updates changed no weight: no gradient reaches the parameters of the optimizer"
    else:
        seen = f"{tape.steps} updates changed no weight of the module"
    yield fault(
        "missing-step",
        seen,
        "weights that move",
        "Give the optimizer the parameters of this very module, and look at its learning rate.",
        evidence={"steps": tape.steps, "backwards": tape.backwards},
        remedy=Remedy("optimizer", "params", "module.parameters()"),
        where=_where(watched),
    )


def gradients_used(watched: Any) -> Iterable[Finding]:
    """Gradients that are cleared before any update has used them, though there are updates now and then.

    A loop that copies them first, as for the gradient of each row or task, does so on purpose and learns.
    """
    tape = watched.tape
    if tape.seconds < 2 * MANY or tape.backwards < MANY * tape.steps or tape.unused < UNUSED * tape.seconds:
        return
    yield (fault if failed(watched) else note)(
        "missing-step",
        f"backward() ran {tape.backwards} times and optimizer.step() {tape.steps} times, and {tape.unused} of "
        f"{tape.seconds} gradients looked at were cleared before any update had used them",
        "an update after each backward, or gradients that add up until there is one",
        "Call optimizer.step() after loss.backward(), in the loop over the batches.",
        evidence={"backwards": tape.backwards, "steps": tape.steps, "unused": tape.unused},
        remedy=Remedy("loop", "step", True),
        where=_where(watched),
    )


def training_mode(watched: Any) -> Iterable[Finding]:
    """Training passes in eval mode, though the module has dropout or batch statistics."""
    tape = watched.tape
    if tape.backwards < 10 or not tape.modes:
        return
    share = tape.quiet_training / tape.modes
    watched.signal("training passes in eval mode", share, 0.3, "no-train-mode")
    if share <= 0.3 or watched.intent.frozen is True:
        return
    first = "from the first" if tape.quiet_training == tape.modes else "after the first validation"
    yield fault(
        "no-train-mode",
        f"{share:.0%} of the training passes looked at ran in eval mode ({first})",
        "module.train() before training",
        "Call module.train() at the beginning of every epoch, after a validation with module.eval().",
        evidence={"share": share},
        remedy=Remedy("loop", "train", True),
        where=Where(line=watched.tape.quiet_line or watched.tape.line),
    )


def held_out_mode(watched: Any) -> Iterable[Finding]:
    """Validation in train mode, though the module has dropout or batch statistics.

    Passes without gradient whose answers nobody uses (of a refresh of batch statistics) are no validation; where there
    are as many of them as updates, they are one only if they are of the same rows each time.
    """
    tape = watched.tape
    told = [each.noisy for each in tape.checked]
    rare = tape.same_held or 3 * tape.held <= tape.steps
    if not told and (tape.validations < (2 if tape.same_held else 3) or not rare):
        return
    share = sum(told) / len(told) if told else tape.noisy_held / tape.validations
    watched.signal("validations in train mode", share, 0.3, "no-eval-mode")
    if share <= 0.3:
        return
    yield fault(
        "no-eval-mode",
        f"in {share:.0%} of the validations dropout or batch statistics were on",
        "module.eval() before validation",
        "Call module.eval() before the validation, and module.train() after it.",
        evidence={"share": share},
        remedy=Remedy("loop", "eval", True),
        where=Where(line=watched.tape.noisy_line or watched.tape.line),
    )


def downhill(watched: Any) -> Iterable[Finding]:
    """A loss that the steps make larger, though it is one that falls with a better answer."""
    up = climbing(watched.optimizers)
    if len(watched.tape.factors) < FEW or (any(up) and not all(up)):
        return
    way = _way(watched, -1 if any(up) else 1)
    factors = [way * factor for factor in watched.tape.factors]
    watched.signal("backward value over the loss", min(factors), 0.0, "loss-sign")
    if not all(factor < 0 for factor in factors):
        return
    yield (fault if _kind(watched) in FALLING else note)(
        "loss-sign",
        f"the steps go downhill on {sum(factors) / len(factors):.2g} times the loss in all {len(factors)} looked at",
        "the loss itself, or a positive multiple of it",
        "Take the minus sign away.",
        evidence={"factor": sum(factors) / len(factors)},
        remedy=Remedy("loss", "sign", 1),
        where=_where(watched),
    )


def _way(watched: Any, otherwise: int) -> int:
    """1 where what the optimizers make smaller of the loss is lower for right answers, and -1 where it is higher."""
    context = watched.context()
    pair = None if context is None else right_and_wrong(context)
    if context is None or pair is None:
        return otherwise
    right, wrong = (context.value(each, context.probe.target) for each in pair)
    return otherwise if right == wrong or math.isnan(right - wrong) else 1 if right < wrong else -1


def _kind(watched: Any) -> str:
    """What the loss is by its behaviour, as the user wrote it."""
    context = watched.context()
    if context is None:
        return "unknown"
    return kind_of(watched.way.loss(watched.loss), context.output, context.probe.target)


def order_of_classes(watched: Any) -> Iterable[Finding]:
    """Batches that hold next to nothing but one class each, though there are several."""
    labels = _of_updates(watched.tape)
    if len(labels) < 6:
        return
    everything = torch.cat([each.reshape(-1) for each in labels])
    counts = torch.unique(everything, return_counts=True)[1].double()
    if len(counts) < 2 or len(counts) > 100 or len(everything) < 40 or float(counts.min()) < 3:
        return
    chance = float((counts / counts.sum()).square().sum())
    pure = [_purity(each.reshape(-1)) for each in labels if each.numel() > 3]
    if len(pure) < 6:
        return
    mean = sum(pure) / len(pure)
    limit = 0.5 + 0.5 * chance
    watched.signal("purity of batches", mean, limit, "unshuffled")
    if mean <= limit or mean <= chance + 0.2:
        return
    yield fault(
        "unshuffled",
        f"two rows of one batch have the same label in {mean:.0%} of the cases, of all rows in {chance:.0%}",
        "batches that are as mixed as the data",
        "Shuffle: DataLoader(..., shuffle=True), or a new permutation every epoch.",
        evidence={"same": mean, "chance": chance},
        remedy=Remedy("loader", "shuffle", True),
        where=_where(watched),
    )


def _of_updates(tape: Any) -> list[Tensor]:
    """The labels of each update: batches between two updates are one."""
    parts: dict[int, list[Tensor]] = {}
    for index, batch in enumerate(tape.batches):
        step = tape.batch_steps[index] if tape.batch_steps else index
        parts.setdefault(step, []).append(batch.target)
    whole = [group for group in parts.values() if all(map(_classes, group))]
    return [torch.cat([target.reshape(-1) for target in group]) for group in whole]


def _classes(target: Any) -> bool:
    if not isinstance(target, Tensor) or target.numel() != len(target) or not target.numel():
        return False
    return not target.is_floating_point() or bool(((target == 0) | (target == 1)).all())


def _purity(labels: Tensor) -> float:
    counts = torch.unique(labels, return_counts=True)[1].double()
    n = len(labels)
    return float((counts * (counts - 1)).sum()) / (n * (n - 1))
