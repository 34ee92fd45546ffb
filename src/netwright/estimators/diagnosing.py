"""An estimator's own checks: the program that a fit would run, its run, and what it has learned.

During a fit next to nothing is done: losses are kept as tensors, a few steps are looked at, and a bounded number of
rows stays when the run forgets its own. All questions are asked when somebody asks for the diagnosis.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright.checks import Diagnosis
from netwright.checks.after import batches, certainty, filters, score, suspects
from netwright.checks.after.trained import Trained
from netwright.checks.before.data import finite
from netwright.checks.checking import ask, examine
from netwright.checks.context import Context, Intent
from netwright.checks.diagnosis import diagnose
from netwright.checks.during.tape import Checked, Sample, Tape
from netwright.checks.during.watching import Watched, diagnose_run
from netwright.checks.finding import Finding
from netwright.checks.reading import Batch, Material, read
from netwright.core.errors import InvalidData
from netwright.losses import l2
from netwright.train import Batches, Run

ROWS = 1000  # that are kept of a run, to ask questions of afterwards
ASKED = 400  # of them that the network is asked about when it is trained
BYTES = 16 * 2**20  # that these may take
LOOKED = frozenset({0, 1, 3, 10} | {3 * 10**k for k in range(1, 9)} | {10**k for k in range(2, 9)})  # steps looked at
AFTER = (  # what is asked of a network that is trained
    score.one_answer,
    score.held_down,
    certainty.frequencies,
    suspects.wrong_labels,
    filters.like_noise,
    batches.extreme,
)
MOMENTS = 200  # of a run, at which the rate is asked for
Numbers = tuple[np.ndarray | None, np.ndarray | None]  # of training and held-out rows, as the user counts them


def examine_run(
    run: Run,
    held: Batches | None,
    intent: Intent,
    epochs: int,
    names: tuple[str, ...],
    numbers: Numbers = (None, None),
) -> Diagnosis:
    """What the checks find in a run that has its rows and has not begun.

    Parameters
    ----------
    run : as a fit would train it. held : the held-out rows, or None. intent : what is declared to be on purpose.
    epochs : of the fit. names : of the columns. numbers : of the rows.
    """
    rows = None if held is None else _material(held, (), numbers[1])
    total = max(1, epochs)
    rates = [run.optimizer.rate(total * i / MOMENTS, total, []) for i in range(MOMENTS)]
    scheduled = hasattr(run.optimizer, "learning_rate")
    optimizers = optimizers_of(run, run.module, rates[0] if scheduled else math.nan)
    for group in (group for each in optimizers for group in each.param_groups if max(rates) > rates[0]):
        group["initial_lr"] = max(rates)  # as torch's schedules say that the rate will rise
    own = _material(run.batches, names, numbers[0])
    context = Context(run.module, optimizers, _loss_of(run), own, rows, intent, epochs)
    return diagnose(list(examine(context)), intent.ignore, context.signals)


def not_finite(X: Any, y: Any, ignore: frozenset[str]) -> Diagnosis | None:
    """The diagnosis of data with NaN or infinity in them, which no fit takes; None where that is not what they have.

    Parameters
    ----------
    X, y : as the user gave them. ignore : codes to leave out.
    """
    try:
        material = read((X, y), None, torch.float64)
    except (InvalidData, TypeError, ValueError):
        return None
    context = Context(torch.nn.Identity(), [], _loss_of, material)
    findings = list(finite(context))
    return diagnose(findings, ignore) if findings else None


def _material(batches: Batches, names: tuple[str, ...], numbers: np.ndarray | None) -> Material:
    inputs = batches.head(batches.n)
    target = batches.target
    whole = Batch(tuple(inputs), target)
    sizes = [stop - start for start, stop in batches.bounds]
    first = [whole.rows(slice(start, stop)) for start, stop in batches.bounds[:64]]
    mine = None if numbers is None else torch.from_numpy(numbers)
    return Material(whole, first, max(sizes), min(sizes), None, names, arrays=True, numbers=mine)


def kept(batches: Batches, numbers: np.ndarray | None) -> Material | None:
    """Some rows of a run, evenly spaced, with the size that its batches have; None where they take too much memory.

    Parameters
    ----------
    batches : of the run. numbers : of all its rows, as the user counts them.
    """
    some = batches.some(min(ROWS, batches.n))
    inputs = some.head(some.n)
    if sum(x.numel() * x.element_size() for x in inputs) > BYTES:
        return None
    sizes = [stop - start for start, stop in batches.bounds]
    rows = np.arange(batches.n) if numbers is None else numbers
    mine = torch.from_numpy(rows[:: max(batches.n // min(ROWS, batches.n), 1)].copy())
    whole = Batch(tuple(inputs), some.target)
    return Material(whole, [], max(sizes), min(sizes), None, (), some.n == batches.n, arrays=True, numbers=mine)


def _loss_of(run: Run) -> Any:
    objective = run.objective

    def loss(output: Any, target: Any) -> Tensor:
        return objective(output, target, None)

    return loss


def optimizers_of(run: Run, module: torch.nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """A run's rule on the parameters of a module, with its l2 penalty as decay; none of rules of curvature.

    Parameters
    ----------
    run : that has the rule. module : the run's own or a copy. rate : to be set, or NaN.
    """
    rule = run.optimizer
    if rule.full_batch or rule.takes not in ("gradients", "loss"):
        return []
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    if rule.by_name:
        made = rule.build(named)
    else:
        weights, others = [p for _, p in named if p.ndim > 1], [p for _, p in named if p.ndim < 2]
        made = rule.build([{"params": part} for part in (weights, others) if part])
        if weights and "weight_decay" in made.param_groups[0]:
            made.param_groups[0]["weight_decay"] += _strength(run)
    for group in made.param_groups:
        if math.isfinite(rate):
            group["lr"] = rate
    return [made]


def _strength(run: Run) -> float:
    return sum(float(part.strength) for part in run.penalties if isinstance(part, l2))


class Watching:
    """A callback that puts a run on a tape: every loss, and the steps that are looked at closely.

    Parameters
    ----------
    numbers : of the training and the held-out rows, as the user counts them.

    Attributes
    ----------
    tape : what was seen. own, held : some rows of either part. begun : parameters and buffers before the first step.
    """

    def __init__(self, numbers: Numbers = (None, None)) -> None:
        self.numbers = numbers
        self.tape = Tape()
        self.begun: tuple[Tensor, dict[str, Tensor]] | None = None
        self.own: Material | None = None
        self.held: Material | None = None
        self.weighted = False
        self.first_epoch = 0
        self.sample: Sample | None = None
        self.before: list[Tensor] = []
        self.run: Run | None = None

    def on_fit_start(self, run: Run) -> None:
        """Keep the numbers with which the module begins, and a few rows."""
        self.run, self.first_epoch = run, run.epoch
        self.begun = run.flat.theta.detach().clone(), {n: b.detach().clone() for n, b in run.module.named_buffers()}
        self.own = kept(run.batches, self.numbers[0])
        self.held = None if run.validation is None else kept(run.validation, self.numbers[1])
        self.weighted = run.batches.weight is not None
        if self.own is not None:
            size, whole = self.own.batch_size, self.own.whole
            self.tape.batches = [whole.rows(slice(at, at + size)) for at in range(0, len(whole), size)]
            self.own.batches = self.tape.batches

    def on_gradients(self, run: Run) -> None:
        """Before an update that is looked at: keep what it will be compared with."""
        if self.tape.steps not in LOOKED:
            return
        flat, weights = run.flat, _weights(run)
        gradients = [flat.gradient[s.start : s.stop] for s in flat.segments if s.stop <= flat.weights]
        self.before = [weight.clone() for weight in weights]
        figures = [
            flat.gradient.norm(),
            flat.theta.detach()[: flat.weights].norm(),
            *(g.abs().mean() for g in gradients),
        ]
        norm, size, *means = torch.stack(figures).tolist()
        names = [s.name for s in flat.segments if s.stop <= flat.weights]
        decay = max((float(group.get("weight_decay", 0.0)) for group in run.update.param_groups), default=0.0)
        self.sample = Sample(self.tape.steps, norm, norm, {}, dict(zip(names, means, strict=True)), size)
        self.sample.decay = (decay + _strength(run)) * size / max(norm, 1e-12)

    def on_batch_end(self, run: Run) -> None:
        """After an update: keep its loss, and how far it went if it is looked at."""
        tape = self.tape
        if run.loss is not None:
            tape.losses.append(run.loss)
        if self.sample is not None:
            self._measure(run, self.sample)
        tape.steps += 1

    def _measure(self, run: Run, sample: Sample) -> None:
        """How far the weights went in a step."""
        if self.before:
            moved = torch._foreach_norm(torch._foreach_sub(_weights(run), self.before))
            lengths = torch.stack([*moved, *torch._foreach_norm(self.before)]).tolist()
            ratios = zip(sample.gradients, lengths, lengths[len(moved) :], strict=False)
            sample.ratios = {name: step / size for name, step, size in ratios if size > 0}
        self.tape.samples.append(sample)
        self.sample, self.before = None, []
        self._keep_rate(run)

    def _keep_rate(self, run: Run) -> None:
        rate = run.learning_rate
        if math.isfinite(rate) and (not self.tape.rates or self.tape.rates[-1][1] != rate):
            self.tape.rates.append((self.tape.steps, rate))

    def on_epoch_end(self, run: Run) -> None:
        """Keep the held-out figures and the rate."""
        record = run.history[-1]
        self._keep_rate(run)
        loss = record.get("validation_loss")
        if loss is not None:
            right = record.get("validation_score")
            apart = self.weighted and run.validation is not None and run.validation.weight is None
            told = Checked(
                self.tape.steps, math.nan if apart else float(loss), math.nan if right is None else float(right), False
            )
            self.tape.checked.append(told)

    def diagnosis(self, intent: Intent) -> Diagnosis:
        """What is to be said of the run, and of what it has learned.

        Parameters
        ----------
        intent : what is declared to be on purpose.
        """
        if self.run is None:
            return Diagnosis()
        rate = self.tape.rates[0][1] if self.tape.rates else math.nan
        run = self.run
        intent = replace(intent, ignore=intent.ignore | {"unshuffled"})  # a run draws its batches anew
        watched = Watched(self.tape, run.module, optimizers_of(run, run.module, rate), _loss_of(run), intent)
        beginning = self.beginning()
        if beginning is not None:
            watched.beginning = (beginning, optimizers_of(run, beginning, rate))
        seen = diagnose_run(watched)
        context = self._trained(run, intent, rate)
        if context is None:
            return seen
        found = [replace(each, stage="after") for question in AFTER for each in ask(question, context)]
        told = [each for each in found if each.code != "not-examined"]
        return diagnose([*_unfolded(seen), *told], intent.ignore, {**seen.signals, **context.signals})

    def beginning(self) -> torch.nn.Module | None:
        """A copy of the module as it was before the first step; None where it cannot be copied."""
        if self.run is None or self.begun is None:
            return None
        try:
            module = copy.deepcopy(self.run.module)
        except Exception:  # a module that cannot be copied is watched without trials
            return None
        theta, buffers = self.begun
        own = dict(module.named_parameters())
        with torch.no_grad():
            for segment, now in zip(self.run.flat.segments, self.run.flat.parameters, strict=True):
                own[segment.name].copy_(theta[segment.start : segment.stop].as_strided(now.shape, now.stride()))
            for name, buffer in module.named_buffers():
                buffer.copy_(buffers[name])
        return module

    def _trained(self, run: Run, intent: Intent, rate: float) -> Trained | None:
        """The program after its training; None of a run that did not come to its end, or weighed rows by itself.

        A single epoch, as ``partial_fit`` makes, is no end.
        """
        made = run.epoch - self.first_epoch
        if self.own is None or made < 2 or run.interrupted or run.diverged is not None:
            return None
        if self.weighted and not intent.imbalanced:
            return None
        optimizers = optimizers_of(run, run.module, rate)
        context = Trained(run.module, optimizers, _loss_of(run), self.own, self.held, intent, made)
        context.at_most = ASKED
        return context


def _weights(run: Run) -> list[Tensor]:
    """The weight matrices, each as a piece of the vector."""
    flat = run.flat
    theta = flat.theta.detach()
    return [theta[s.start : s.stop] for s in flat.segments if s.stop <= flat.weights]


def _unfolded(diagnosis: Diagnosis) -> list[Finding]:
    """All findings, those too that are told as consequences."""
    return [part for each in diagnosis.findings for part in (replace(each, consequences=()), *each.consequences)]
