"""Questions to the loop itself: are gradients cleared, are steps made, are the modes right, is the order mixed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from netwright.checks.finding import Finding, Remedy, Where, fault, note

STALE = 0.5  # share of updates with a gradient left over
FEW = 3


def _where(watched: Any) -> Where:
    return Where(line=watched.tape.line)


def gradients_cleared(watched: Any) -> Iterable[Finding]:
    """Gradients that are still there when the first backward after an update begins."""
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
    if tape.backwards >= 10 and tape.steps == 0:
        yield fault(
            "missing-step",
            f"backward() ran {tape.backwards} times and optimizer.step() never",
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
    if tape.rate == 0 or all(rate == 0 for _, rate in tape.rates):
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


def training_mode(watched: Any) -> Iterable[Finding]:
    """Training passes in eval mode, though the module has dropout or batch statistics."""
    tape = watched.tape
    if tape.backwards < 10:
        return
    share = tape.quiet_training / tape.backwards
    watched.signal("training passes in eval mode", share, 0.3, "no-train-mode")
    if share <= 0.3 or watched.intent.frozen is True:
        return
    first = "from the first" if tape.quiet_training == tape.backwards else "after the first validation"
    yield fault(
        "no-train-mode",
        f"{share:.0%} of the training passes ran in eval mode ({first})",
        "module.train() before training",
        "Call module.train() at the beginning of every epoch, after a validation with module.eval().",
        evidence={"share": share},
        remedy=Remedy("loop", "train", True),
        where=_where(watched),
    )


def held_out_mode(watched: Any) -> Iterable[Finding]:
    """Validation in train mode, though the module has dropout or batch statistics."""
    tape = watched.tape
    told = [each.noisy for each in tape.checked]
    passes = tape.held and tape.noisy_held / tape.held
    share = sum(told) / len(told) if told else passes
    watched.signal("validations in train mode", share, 0.3, "no-eval-mode")
    if (not told and tape.held < 3) or share <= 0.3:
        return
    if tape.noisy_held and tape.repeated_held > 0.5 * tape.noisy_held:
        return  # many passes over one batch with dropout on: an average is meant
    level = fault if told or tape.held >= 3 else note
    yield level(
        "no-eval-mode",
        f"in {share:.0%} of the validations dropout or batch statistics were on",
        "module.eval() before validation",
        "Call module.eval() before the validation, and module.train() after it.",
        evidence={"share": share},
        remedy=Remedy("loop", "eval", True),
        where=_where(watched),
    )


def downhill(watched: Any) -> Iterable[Finding]:
    """A backward pass of minus the loss."""
    signs = watched.tape.signs
    if len(signs) < FEW:
        return
    watched.signal("backward value over the loss", min(signs), 0.0, "loss-sign")
    if not all(sign < 0 for sign in signs):
        return
    yield fault(
        "loss-sign",
        f"what is propagated back is {sum(signs) / len(signs):.2g} times the loss in all {len(signs)} steps looked at",
        "the loss itself, or a positive multiple of it",
        "Take the minus sign away.",
        evidence={"factor": sum(signs) / len(signs)},
        remedy=Remedy("loss", "sign", 1),
        where=_where(watched),
    )


def order_of_classes(watched: Any) -> Iterable[Finding]:
    """Batches that hold next to nothing but one class each, though there are several."""
    labels = [batch.target for batch in watched.tape.batches if _classes(batch.target)]
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


def _classes(target: Any) -> bool:
    if not isinstance(target, Tensor) or target.numel() != len(target) or not target.numel():
        return False
    return not target.is_floating_point() or bool(((target == 0) | (target == 1)).all())


def _purity(labels: Tensor) -> float:
    counts = torch.unique(labels, return_counts=True)[1].double()
    n = len(labels)
    return float((counts * (counts - 1)).sum()) / (n * (n - 1))
