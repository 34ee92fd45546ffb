"""Questions to the curves of a run: does it carry over, did it stop too early, does the score make sense."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.during.metric import answers_of
from netwright.checks.during.proof import summed
from netwright.checks.finding import Finding, Remedy, fault, note
from netwright.checks.trial import Trial, call

TURNED = 1.3  # held-out loss over its minimum
LAST = 3  # epochs for which it has been so
AGO = 4  # epochs since the minimum
ALIKE = 1.3  # times the loss of training that a held-out loss of the same units is at first, at most
FEW_STEPS, MANY = 30, 10  # of a run that hardly began, and how many times as many are made then
GAIN = 0.1  # of the held-out accuracy, and of the mean of it over the classes, by which a run was too short
BETTER = 0.1  # accuracy above that of the commonest class
MOST_ROWS = 400  # of which the loss is asked one by one
FEW_ROWS = 100  # of which an accuracy is taken


def failed(watched: Any) -> bool:
    """Whether the run went so badly that the program as it began is worth questions."""
    values = watched.tape.values()
    if not values:
        return watched.tape.backwards > 0 and not watched.tape.unseen
    if not all(map(math.isfinite, values)):
        return True
    if len(values) < 10:
        return False
    tenth = max(5, len(values) // 10)
    last = sum(values[-tenth:]) / tenth
    scores = [checked.score for checked in watched.tape.checked if math.isfinite(checked.score)]
    poor = bool(scores) and max(scores) < 0.75
    if last > 0.6 * abs(values[0]) or (poor and last > 0.2 * abs(values[0])):
        return True
    context = watched.context()
    return context is not None and math.isfinite(context.prior) and last > 0.8 * context.prior


def _held(watched: Any) -> list[float]:
    return [checked.loss for checked in watched.tape.checked if math.isfinite(checked.loss)]


def overfits(watched: Any) -> Iterable[Finding]:
    """A held-out loss that turned up long ago while the training loss went on falling."""
    epochs = watched.tape.epochs()
    held = _held(watched)
    if len(held) < AGO + 3 or len(held) != len(epochs):
        return
    best = min(range(len(held)), key=held.__getitem__)
    recent = min(held[-LAST:])
    wobble = _wobble(held)
    ratio = watched.signal("held-out loss over its minimum", recent / max(held[best], 1e-12), TURNED, "overfitting")
    train = epochs[-1][1]
    noise = 2 * max(wobble, _standard_error(watched))
    if ratio <= TURNED or len(held) - 1 - best < AGO or not train < 0.5 * recent or not recent - held[best] >= noise:
        return
    scores = [checked.score for checked, _ in epochs]
    known = all(map(math.isfinite, scores))
    lost = max(scores) - sum(scores[-LAST:]) / LAST if known else math.inf
    level = fault if lost > 0.02 * max(1.0, abs(max(scores)) if known else 1.0) else note
    yield level(
        "overfitting",
        f"the held-out loss was {held[best]:.3g} after epoch {best + 1} and is {recent:.3g} or more in the last "
        f"{LAST}, while the training loss fell to {train:.3g}" + (f"; the score lost {lost:.3f}" if known else ""),
        "a held-out loss that stays near its minimum",
        f"Stop at epoch {best + 1} (early stopping), or add data, augmentation, weight decay or dropout.",
        evidence={"best_epoch": best + 1, "best": held[best], "last": recent, "train": train},
        remedy=Remedy("loop", "epochs", best + 1),
    )


def _standard_error(watched: Any) -> float:
    """The standard error of the held-out loss, from one loss a row of a batch that was kept; 0 where there is none."""
    tape = watched.tape
    if not tape.held_batches or not isinstance(tape.held_outputs[-1], Tensor):
        return 0.0
    batch, output = tape.held_batches[-1], tape.held_outputs[-1]
    if not isinstance(batch.target, Tensor) or len(output) != len(batch.target) or len(output) < 10:
        return 0.0
    loss = watched.way.loss(watched.loss)
    try:
        rows = [float(loss(output[k : k + 1], batch.target[k : k + 1])) for k in range(min(len(output), MOST_ROWS))]
    except Exception:  # a loss that wants more than a row
        return 0.0
    rows = [row for row in rows if math.isfinite(row)]  # a row that is ignored has no loss
    if len(rows) < 10:
        return 0.0
    counted = len(rows) * len(output) / min(len(output), MOST_ROWS)
    return float(torch.tensor(rows).std()) / math.sqrt(counted)


def _wobble(values: list[float]) -> float:
    """The standard deviation of an epoch's figure about the mean of its neighbours."""
    steps = [values[k] - (values[k - 1] + values[k + 1]) / 2 for k in range(1, len(values) - 1)]
    return math.sqrt(sum(step * step for step in steps) / max(1, len(steps)) / 1.5)


def unfinished(watched: Any) -> Iterable[Finding]:
    """A run that stopped while both losses were falling fast."""
    tape = watched.tape
    values = [value for value in tape.values() if math.isfinite(value)]
    if len(values) < 8 or len(values) != len(tape.losses):
        return
    quarter = max(2, len(values) // 4)
    last, before = _mean(values[-quarter:]), _mean(values[-2 * quarter : -quarter])
    first = _mean(values[: max(1, min(3, quarter))])
    fall = (before - last) / max(abs(first), 1e-12)
    watched.signal("fall of the loss in the last quarter, of the first loss", fall, 0.05, "too-few-epochs")
    held = _held(watched)
    scores = [checked.score for checked in tape.checked if math.isfinite(checked.score)]
    falling = len(held) < 4 or held[-1] <= 1.02 * min(held)
    short = tape.steps < FEW_STEPS  # so few that their losses are as chance has it
    if (fall < 0.05 and not short) or last < 0.5 * abs(first) or not (falling or short):
        return
    steps = MANY * tape.steps if short else min(200, max(20, tape.steps))
    further, limit = _continued(watched, steps), 0.5 if short else 0.85 if len(values) < 100 else 0.7
    more = math.inf if further is None else further.end
    if further is None or not more <= limit * last:
        return
    told = len(tape.checked)
    remedy = Remedy("loop", "epochs", 5 * told) if told else Remedy("loop", "steps", 5 * tape.steps)
    nearly = bool(scores) and 0.9 < scores[-1] <= 1  # of the rows right, or of the variance told
    yield (note if nearly or not _carried(watched, further.module, limit) else fault)(
        "too-few-epochs",
        f"the loss went from {first:.3g} to {last:.3g} in {tape.steps} steps"
        f"{' and was still falling' * (fall >= 0.05)}; {steps} more on a copy bring it to {more:.3g}"
        + (f" (last score {scores[-1]:.3f})" if scores else ""),
        "a loss that has levelled off",
        f"Train longer: try {5 * (told or tape.steps)} {'epochs' if told else 'steps'}, with early stopping.",
        evidence={"first": first, "last": last, "continued": more},
        remedy=remedy,
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _continued(watched: Any, steps: int) -> Trial | None:
    """More steps on a copy of the network as it is."""
    context = watched.context(beginning=False)
    if context is None:
        return None
    trial: Trial = context.trial(steps=steps)
    return trial


def _carried(watched: Any, module: nn.Module, limit: float) -> bool:
    """Whether the rows held out gain too by further steps: more of them are right, or their loss falls as far."""
    context, gains, truth, losses = watched.context(beginning=False), [], [], []
    for batch in watched.tape.held_batches:
        outputs = [context.answer(each_one, batch) for each_one in (context.module, module)]
        losses.append([context.value(output, batch.target) * len(batch) for output in outputs])
        if context.classes is None or not all(isinstance(part, Tensor) for part in (*outputs, batch.target)):
            continue
        answers, labels = [answers_of(output, context) for output in outputs], batch.target.reshape(-1)
        if all(each_one is not None and each_one.shape == labels.shape for each_one in answers):
            gains.append(torch.stack([each_one == labels for each_one in answers]).double().diff(dim=0)[0])
            truth.append(labels)
    if gains:
        gain, labels = torch.cat(gains), torch.cat(truth)
        even = torch.stack([gain[labels == k].mean() for k in labels.unique()]).mean()
        return min(float(gain.mean()), float(even)) > max(GAIN, 2 * float(gain.std()) / math.sqrt(len(gain)))
    held, later = (sum(column) for column in zip(*losses, strict=True)) if losses else (1.0, 0.0)
    return not later > limit * held


def carries_over(watched: Any) -> Iterable[Finding]:
    """A training loss that falls far below that of a constant answer while the held-out loss rises from there."""
    epochs = watched.tape.epochs()
    held = _held(watched)
    if len(held) < 5 or len(held) != len(epochs):
        return
    context = watched.context()
    prior = context.prior if context is not None else math.nan
    train = epochs[-1][1]
    if context is None or not math.isfinite(prior) or prior <= 0 or summed(context):
        return
    best = watched.signal(
        "best held-out loss over that of a constant answer", min(held) / prior, 0.98, "labels-unrelated"
    )
    alike = any(value > 0 and 1 / ALIKE < held[0] / value < ALIKE for value in (epochs[0][1], prior))
    rises = held[-1] > 1.02 * held[0] and min(held) > 0.95 * held[0]
    if best < 0.98 or not alike or not rises or not train < 0.85 * min(prior, held[-1]) or _foretells(watched, context):
        return
    yield fault(
        "labels-unrelated",
        f"the loss on the training rows fell to {train:.3g}, and on held-out rows it was never below {min(held):.3g} "
        f"and rose to {held[-1]:.3g}, where always giving the best constant answer has a loss of {prior:.3g}",
        "a held-out loss below that of the best constant answer",
        "Look at some rows with their labels: were inputs and labels shuffled, sorted or filtered apart?",
        evidence={"train": train, "held": min(held), "constant": prior},
    )


def _foretells(watched: Any, context: Context) -> bool:
    """Whether held-out rows are answered clearly better than by the commonest class, by the scores or the outputs."""
    tape, share = watched.tape, 0.0
    scores = [checked.score for checked in tape.checked if math.isfinite(checked.score)]
    if context.classes is not None:
        counts = torch.unique(context.classes, return_counts=True)[1]
        share = float(counts.max() / counts.sum())
        for batch, output in zip(tape.held_batches, tape.held_outputs, strict=True):
            right = _accuracy(batch, output, context)
            scores += [] if right is None else [right]
    return max(scores, default=-math.inf) > share + BETTER


def _accuracy(batch: Any, output: Any, context: Context) -> float | None:
    """The share of right answers, where there are enough rows and an answer for each."""
    if not isinstance(output, Tensor) or not isinstance(batch.target, Tensor) or len(batch) < FEW_ROWS:
        return None
    answers, labels = answers_of(output, context), batch.target.reshape(-1).long()
    if answers is None or answers.shape != labels.shape:
        return None
    return float((answers == labels).double().mean())


def one_answer(watched: Any) -> Iterable[Finding]:
    """A network that ends by giving one class for almost every row."""
    context = _ended(watched)
    if context is None or context.classes is None:
        return
    output, target = context.answer(context.module, context.many), context.many.target
    if not isinstance(output, Tensor) or not output.is_floating_point():
        return
    answers = answers_of(output, context)
    if answers is None or not bool(torch.isfinite(output).all()):
        return
    truth = target.reshape(-1).long()
    commonest = int(torch.mode(answers).values)
    share = float((answers == commonest).double().mean())
    true = float((truth == commonest).double().mean())
    classes = torch.unique(truth, return_counts=True)[1]
    watched.signal("share of the commonest answer", share, 0.95, "collapse")
    if share <= 0.97 or true > 0.9 or len(classes) < 2:
        ratio = float(classes.max() / classes.min()) if len(classes) > 1 else 1.0
        if share > 0.99 and true > 0.9 and ratio > 10 and not watched.intent.imbalanced:
            yield fault(
                "class-imbalance",
                f"the answer is class {commonest} for {share:.0%} of the rows, and {true:.0%} of the labels are",
                "some answers of every class",
                "Weight the loss by class and judge by balanced accuracy.",
                evidence={"share": share, "truth": true},
                remedy=Remedy("loss", "class_weights", None),
            )
        return
    # where little can be foretold, the commonest class is the best answer for all rows, though the loss has fallen
    best = true > 0.5 and context.start < 0.97 * context.prior
    yield (note if best else fault)(
        "collapse",
        f"the answer is class {commonest} for {share:.0%} of the training rows, and {true:.0%} of the labels are",
        "answers of every class",
        "Mend first what else is found; if nothing is, look at the labels, the class weights and the learning rate.",
        evidence={"share": share, "truth": true},
    )


def _ended(watched: Any) -> Context | None:
    """The program as it is after the run, when it ran long enough to be judged."""
    return watched.context(beginning=False) if watched.tape.steps >= 50 else None


def statistics_fit(watched: Any) -> Iterable[Finding]:
    """Running statistics that do not fit: a loss in eval mode far above that in train mode on the same rows."""
    context = _ended(watched) if any(True for _ in watched.module.buffers()) else None
    layers = [] if context is None else _with_statistics(context)
    if context is None or not layers:
        return
    kept_loss = context.value(context.answer(context.module, context.many), context.many.target)
    module = context.fresh().eval()
    for name in layers:
        module.get_submodule(name).training = True
    with torch.no_grad():
        loud = context.value(call(module, context.many), context.many.target)
    ratio = kept_loss / max(loud, 1e-12)
    prior = context.prior if math.isfinite(context.prior) else 1.0
    watched.signal("loss in eval mode over that with batch statistics", ratio, 2.0, "stale-batch-norm")
    if not (ratio > 2.0 and kept_loss - loud >= 0.2 * prior):  # also where a loss is NaN
        return
    kept = [getattr(module.get_submodule(name), "momentum", None) for name in layers]
    momentum = next((each for each in kept if isinstance(each, float)), None)
    yield fault(
        "stale-batch-norm",
        f"on the same training rows the loss is {kept_loss:.3g} with running statistics and {loud:.3g} with those of "
        f"the batch ({f'momentum {momentum}' if momentum is not None else f'layer {layers[0]}'})",
        "nearly the same loss",
        "Leave momentum at 0.1, or pass over the training data once more in train mode without updates.",
        evidence={"eval": kept_loss, "train": loud, "momentum": momentum, "layers": layers},
        remedy=Remedy("module", "momentum", 0.1) if momentum is not None else None,
    )


def _with_statistics(context: Context) -> list[str]:
    """The layers whose own buffers a pass in train mode changes."""
    module = context.fresh().train()
    before = {name: buffer.clone() for name, buffer in module.named_buffers() if buffer.is_floating_point()}
    with quiet(), torch.no_grad():
        call(module, context.many)
    after = dict(module.named_buffers())
    changed = [name for name, buffer in before.items() if not torch.equal(buffer, after[name])]
    return list(dict.fromkeys(name.rpartition(".")[0] for name in changed))
