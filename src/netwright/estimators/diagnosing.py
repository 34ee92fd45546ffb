"""An estimator's own checks: the program that a fit would run, examined before it, and its run, looked at meanwhile."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor

from netwright.checks import Diagnosis
from netwright.checks.before.data import finite
from netwright.checks.checking import examine
from netwright.checks.context import Context, Intent
from netwright.checks.diagnosis import diagnose
from netwright.checks.during.tape import Checked, Sample, Tape, looked_at
from netwright.checks.during.watching import Watched, diagnose_run
from netwright.checks.reading import Batch, Material, leaves, read
from netwright.core.errors import InvalidData
from netwright.losses import l2
from netwright.train import Batches, Run

ROWS = 1024  # that are kept of a run, to ask questions of afterwards
BYTES = 16 * 2**20  # that these may take


def examine_run(run: Run, held: Batches | None, intent: Intent, epochs: int, names: tuple[str, ...]) -> Diagnosis:
    """What the checks find in a run that has its rows and has not begun.

    Parameters
    ----------
    run : as a fit would train it. held : the held-out rows, or None. intent : what is declared to be on purpose.
    epochs : of the fit. names : of the columns.
    """
    rows = None if held is None else _material(held, ())
    rate = run.optimizer.rate(0.0, max(1, epochs), []) if hasattr(run.optimizer, "learning_rate") else math.nan
    optimizers = optimizers_of(run, run.module, rate)
    context = Context(run.module, optimizers, _loss_of(run), _material(run.batches, names), rows, intent, epochs)
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


def _material(batches: Batches, names: tuple[str, ...]) -> Material:
    inputs = batches.head(batches.n)
    target = batches.target
    whole = Batch(tuple(inputs), target)
    sizes = [stop - start for start, stop in batches.bounds]
    first = [whole.rows(slice(start, stop)) for start, stop in batches.bounds[:64]]
    return Material(whole, first, max(sizes), min(sizes), None, names, arrays=True)


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

    Attributes
    ----------
    tape : what was seen. beginning : a copy of the module before the first step.
    """

    def __init__(self) -> None:
        self.tape = Tape()
        self.beginning: torch.nn.Module | None = None
        self.sample: Sample | None = None
        self.before: Tensor | None = None
        self.run: Run | None = None

    def on_fit_start(self, run: Run) -> None:
        """Keep the module as it begins, and a few rows."""
        self.run = run
        try:
            self.beginning = copy.deepcopy(run.module)
        except Exception:  # a module that cannot be copied is watched without trials
            self.beginning = None
        some = run.batches.some(min(ROWS, run.batches.n))
        inputs = some.head(some.n)
        if sum(x.numel() * x.element_size() for x in leaves(inputs)) <= BYTES:
            size = max(stop - start for start, stop in run.batches.bounds)
            whole = Batch(tuple(inputs), some.target)
            self.tape.batches = [whole.rows(slice(at, at + size)) for at in range(0, len(whole), size)]

    def on_gradients(self, run: Run) -> None:
        """Before an update: keep what it will be compared with."""
        step = self.tape.steps
        if not looked_at(step):
            return
        flat = run.flat
        self.sample = sample = Sample(step)
        sample.used = sample.made = float(flat.gradient.norm())
        sample.weights = float(flat.theta.detach()[: flat.weights].norm())
        segments = [s for s in flat.segments if s.stop <= flat.weights]
        sample.gradients = {s.name: float(flat.gradient[s.start : s.stop].abs().mean()) for s in segments}
        decay = max((float(group.get("weight_decay", 0.0)) for group in run.update.param_groups), default=0.0)
        decay += _strength(run)
        sample.decay = decay * sample.weights / max(sample.used, 1e-12)
        self.before = flat.theta.detach().clone()

    def on_batch_end(self, run: Run) -> None:
        """After an update: keep its loss, and how far it went."""
        tape = self.tape
        if run.loss is not None:
            tape.losses.append(run.loss)
        if self.sample is not None and self.before is not None:
            flat = run.flat
            moved = flat.theta.detach() - self.before
            for segment in flat.segments:
                size = float(self.before[segment.start : segment.stop].norm())
                if segment.stop <= flat.weights and size > 0:
                    self.sample.ratios[segment.name] = float(moved[segment.start : segment.stop].norm()) / size
            tape.samples.append(self.sample)
            self.sample = self.before = None
            rate = run.learning_rate
            if math.isfinite(rate) and (not tape.rates or tape.rates[-1][1] != rate):
                tape.rates.append((tape.steps, rate))
        tape.steps += 1

    def on_epoch_end(self, run: Run) -> None:
        """Keep the held-out figures and the rate."""
        record = run.history[-1]
        rate = run.learning_rate
        tape = self.tape
        if math.isfinite(rate) and (not tape.rates or tape.rates[-1][1] != rate):
            tape.rates.append((tape.steps, rate))
        loss = record.get("validation_loss")
        if loss is not None:
            score = record.get("validation_score")
            tape.checked.append(Checked(tape.steps, float(loss), math.nan if score is None else float(score), False))

    def diagnosis(self, intent: Intent) -> Diagnosis:
        """What is to be said of the run.

        Parameters
        ----------
        intent : what is declared to be on purpose.
        """
        if self.run is None:
            return Diagnosis()
        rate = self.tape.rates[0][1] if self.tape.rates else math.nan
        run = self.run
        watched = Watched(self.tape, run.module, optimizers_of(run, run.module, rate), _loss_of(run), intent)
        if self.beginning is not None:
            watched.beginning = (self.beginning, optimizers_of(run, self.beginning, rate))
        return diagnose_run(watched)
