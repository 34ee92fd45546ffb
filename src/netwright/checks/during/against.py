"""Whether what a run learns goes against its labels: the loss falls, and answers become worse than by chance.

Labels are plus and minus one, and an answer is one number a row whose sign is compared with that of the label, as in
rankings and margins. A loss of one's own with a wrong sign inside falls all the same, while the share of right signs
falls from about a half to nearly nothing. Told only where the user's own score of the same rows falls with it: else the
signs may be meant the other way round.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from netwright.checks.finding import Finding, Remedy, Where, fault

FEW = 40  # rows held out
LOW = 0.35  # share of right signs that no chance gives
FELL = 0.9  # of its first value that a loss has left which learned something


def answers_turned(watched: Any) -> Iterable[Finding]:
    """Signs that are wrong for most rows held out, after a run whose loss fell, by the user's own score too."""
    tape = watched.tape
    scores = [checked.score for checked in tape.checked if math.isfinite(checked.score)]
    values = [value for value in tape.values() if math.isfinite(value)]
    if len(scores) < 2 or len(values) < 20 or not tape.held_batches:
        return
    right = [share for share in map(_right, tape.held_batches, tape.held_outputs) if share is not None]
    if not right:
        return
    share = watched.signal("share of right signs on rows held out", right[-1], LOW, "loss-sign")
    fell = sum(values[-5:]) / 5 < FELL * (sum(values[:5]) / 5)
    if not (share < LOW and fell and scores[-1] < LOW):
        return
    yield fault(
        "loss-sign",
        f"the loss fell from {values[0]:.3g} to {values[-1]:.3g}, and the sign of the answer is that of the label for "
        f"{share:.0%} of the rows held out (score {scores[-1]:.2f}): what lowers the loss turns answers from labels",
        "more right answers than by chance where the loss falls",
        "Look at the sign inside the loss: it has to fall when label times answer grows, as in softplus(-y * z).",
        evidence={"right": share, "score": scores[-1], "first_score": scores[0]},
        remedy=Remedy("loss", "sign", 1),
        where=Where(line=tape.line),
    )


def _right(batch: Any, output: Any) -> float | None:
    """The share of rows whose answer has the sign of the label; None where labels are no signs of one answer a row."""
    target = batch.target
    if not isinstance(output, Tensor) or not isinstance(target, Tensor) or len(batch) < FEW:
        return None
    if output.numel() != target.numel() or not bool(torch.isfinite(output).all()):
        return None
    labels = target.detach().double().reshape(-1)
    found = torch.unique(labels)
    if len(found) != 2 or not (found.sum() == 0 and found.abs().max() == 1):
        return None
    return float((output.detach().double().reshape(-1).sign() == labels).double().mean())
