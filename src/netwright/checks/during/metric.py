"""A question to the scores of a run: are they what the outputs for the same rows give."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from torch import Tensor

from netwright.checks.context import Context
from netwright.checks.finding import Finding, Remedy, fault, note

VARIES = 0.01  # range of accuracies of which a rule is read
EXACT = 1e-4  # to which a score that is counted in another way is met
FEWEST = 20  # rows of a pass of which scores are counted
IGNORED = -100  # the label that torch's losses leave out


def answers_of(output: Tensor, context: Context) -> Tensor | None:
    """The classes that outputs name; None where they name none.

    Parameters
    ----------
    output : (rows, classes), or one number a row. context : the program.
    """
    if output.ndim == 2 and output.shape[1] > 1:
        return output.argmax(1)
    if output.numel() == len(output):
        middle = 0.5 if context.kind == "probabilities" else 0.0
        return (output.reshape(-1) > middle).long()
    return None


def metric_agrees(watched: Any) -> Iterable[Finding]:
    """A score of the user's that is not what the outputs for the same rows give."""
    tape = watched.tape
    if not tape.held_batches or not tape.checked or not math.isfinite(tape.checked[0].score):
        return
    context = watched.context()
    if context is None or context.classes is None:
        return
    compared = list(_recounted(tape, context))
    if len(compared) < 2:
        return
    apart = [abs(told - own) for told, own, _, _ in compared]
    told, own_scores = [each[0] for each in compared], [each[1] for each in compared]
    same = max(told) - min(told) < 1e-9
    moves = max(own_scores) - min(own_scores)  # one answer for all rows has other scores that stay as they are
    stuck = same and (moves > 0.05 or (moves > VARIES and min(apart) > 0.1 and len(told) > 3))
    watched.signal("score as told less accuracy of the outputs", max(apart), 0.1, "wrong-metric")
    wrong = _miscounted(compared)
    if not wrong and min(apart) <= 0.1 and not stuck:
        return
    # a score that moves may be another one than the accuracy, such as F1
    yield (fault if stuck or wrong else note)(
        "wrong-metric",
        f"the score told is {told[-1]:.3f} where the outputs for the same rows have an accuracy of "
        f"{own_scores[-1]:.3f}{wrong}",
        "the same figure, if an accuracy is meant",
        "Take argmax over the axis of classes (argmax of one column is always 0), compare equal shapes and types.",
        evidence={"told": told, "accuracy": own_scores},
        remedy=Remedy("loop", "metric", "accuracy"),
    )


def _recounted(tape: Any, context: Context) -> Iterable[tuple[float, float, float, int]]:
    """Scores told, with the accuracy of the outputs, that over all pairs of an answer and a label, and the rows."""
    for checked, batch, output in _told_of(tape):
        if not isinstance(output, Tensor) or not isinstance(batch.target, Tensor) or len(batch) < FEWEST:
            continue
        answers, labels = answers_of(output, context), batch.target.reshape(-1).long()
        if answers is not None and answers.shape == labels.shape:
            counted = labels != IGNORED
            answers, labels = answers[counted], labels[counted]
            if len(labels) < FEWEST:
                continue
            own, even = _shares(answers == labels, labels)
            own = even if abs(checked.score - even) < EXACT else own  # the mean over the classes is a right score too
            pairs = sum(
                float((answers == k).double().mean() * (labels == k).double().mean()) for k in labels.unique().tolist()
            )
            yield checked.score, own, pairs, len(labels)


def _shares(right: Tensor, labels: Tensor) -> tuple[float, float]:
    """The share of rows that are right, and its mean over the classes."""
    by_class = [float(right[labels == k].double().mean()) for k in labels.unique().tolist()]
    return float(right.double().mean()), sum(by_class) / len(by_class)


def _miscounted(compared: list[tuple[float, float, float, int]]) -> str:
    """How a score that is no accuracy was counted, where that gives it every time; "" where it is not known."""
    own = [accuracy for _, accuracy, _, _ in compared]
    apart = max(abs(told - accuracy) for told, accuracy, _, _ in compared)
    if max(own) - min(own) < VARIES or min(own) <= 0:
        return ""
    if apart > 0.1 and all(abs(told - pairs) < EXACT for told, _, pairs, _ in compared):
        return ": it is the share of all pairs of a row's answer and any row's label that agree, a broadcast"
    times = [told / accuracy for told, accuracy, _, _ in compared]
    same = max(times) - min(times) < EXACT * max(times) and min(told for told, *_ in compared) > 1
    meant = {10.0 ** round(math.log10(times[0])) if same else 1.0, *(float(count) for *_, count in compared)}
    if same and all(abs(times[0] - usual) > EXACT * usual for usual in meant):  # per cent, right answers
        return f": it is {times[0]:.4g} times the accuracy each time, and no accuracy is above 1"
    return ""


def _told_of(tape: Any) -> Iterable[tuple[Any, Any, Any]]:
    """The scores told, with the batch and output of the one pass that was made for each."""
    seen = list(zip(tape.held_steps, tape.held_batches, tape.held_outputs, strict=True))
    for checked in tape.checked:
        passes = [(batch, output) for step, batch, output in seen if step == checked.step]
        if len(passes) == 1 and math.isfinite(checked.score):
            yield checked, *passes[0]
