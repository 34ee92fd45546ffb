"""Stopping: best weights kept, early stopping, and the end of a run that diverges.

A run's monitored loss is that of the validation rows, or of the training rows when there are none. With `patience`
the run ends after that many epochs without a better one, and the best weights are put back (Prechelt, *Early stopping -
but when?*, 1998). A loss or a parameter that is infinite or NaN, or a loss a thousand times that of the beginning,
ends the run at the end of its epoch; the best weights are put back (those of the beginning, if no epoch was better) and
a `DivergenceWarning` names the epoch and a smaller rate. NaN is never returned.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch

from netwright.core.errors import DivergenceWarning, problem
from netwright.train.averaging import averages_itself, kept_weights
from netwright.train.evaluation import forward
from netwright.train.run import Run

EXPLODED = 1e3  # times the loss of the beginning: no run that learns passes it
SAMPLE = 1024  # rows that the loss of the beginning is taken from, beside the first batch
SMALL = 1e-3  # a first loss below this counts as this, so that a run that begins at its optimum may leave it


class Snapshot:
    """A copy of all numbers of a module: trainable parameters as one vector, and its buffers."""

    def __init__(self, run: Run, theta: torch.Tensor) -> None:
        self.theta = theta.detach().clone()
        self.buffers = {name: buffer.clone() for name, buffer in run.module.named_buffers()}

    def put_back(self, run: Run) -> None:
        """Write the copy into the run's module."""
        run.flat.theta.data.copy_(self.theta)
        for name, buffer in run.module.named_buffers():
            buffer.copy_(self.buffers[name])


class Keeper:
    """Judges each epoch: is it the best, is it time to stop, has the run diverged?"""

    def __init__(self, run: Run) -> None:
        self.run = run
        run.first_loss = None
        if run.raw is not None:  # the module holds the average of the run so far: go on from the parameters themselves
            run.flat.theta.data.copy_(run.raw)
            run.raw = None
        losses = run.history[run.monitored] if run.patience is not None else []
        self.best = min(losses, default=math.inf)
        self.best_record: dict[str, Any] | None = None
        self.waited = 0
        self.beginning = self.snapshot = Snapshot(run, self._current())
        outputs = forward(run.module, sample := run.batches.some(SAMPLE), run.precision)
        with torch.inference_mode():
            self.scale = float(run.objective(outputs, sample.target, sample.weight))
        if run.checkpoint is not None:
            run.checkpoint.take_up(run, self)

    def judge(self, record: dict[str, Any]) -> bool:
        """Whether the epoch counts; keeps its weights if they are the best so far."""
        run = self.run
        if run.group.agree(not self._is_sound(record)):
            run.diverged, run.stop = run.epoch, True
            return False
        loss = record[run.monitored]
        if loss < self.best:
            self.best, self.best_record, self.waited, run.best_epoch = loss, record, 0, run.epoch
            self.snapshot = Snapshot(run, self._current())
            return True
        self.waited += 1
        if run.patience is not None and self.waited >= run.patience:
            run.stop = True
        return True

    def write_down(self) -> None:
        """At the end of an epoch: whether all processes stop, and the run as it stands where it has a checkpoint."""
        run = self.run
        run.stop = run.group.agree(run.stop)
        if run.checkpoint is not None:
            run.checkpoint.after_epoch(run, self)

    def finish(self) -> None:
        """Leave in the module what the user gets: the best weights, or the average, or the last ones."""
        run = self.run
        self._leave()
        if run.shards is not None:
            run.shards.bring_home()

    def _leave(self) -> None:
        run = self.run
        if run.diverged is not None:
            self._put_the_best_back()
        elif run.patience is not None and len(run.history):
            self.snapshot.put_back(run)
        elif run.averaged is not None or averages_itself(run):
            kept = kept_weights(run)
            run.raw = run.flat.theta.detach().clone()
            run.flat.theta.data.copy_(kept)

    def _is_sound(self, record: dict[str, Any]) -> bool:
        """Finite losses and weights, and a loss that has not exploded beyond that of the weights it began with."""
        losses = [record["train_loss"], record.get("validation_loss", 0.0)]
        limit = EXPLODED * max(self.run.first_loss or 0.0, self.scale, SMALL)
        if not all(math.isfinite(loss) and loss <= limit for loss in losses):
            return False
        return bool(torch.isfinite(self.run.flat.theta.detach()).all())

    def _put_the_best_back(self) -> None:
        """The weights of the best epoch, or those of the beginning if no epoch was better than they were."""
        run = self.run
        first = run.first_loss if run.first_loss is not None else math.inf
        if self.best_record is None or not self.best_record["train_loss"] <= first:
            self.beginning.put_back(run)
            run.best_epoch = None
        else:
            self.snapshot.put_back(run)
        self._warn()

    def _current(self) -> torch.Tensor:
        return kept_weights(self.run)

    def _warn(self) -> None:
        run, rate = self.run, self.run.learning_rate
        kept = f"epoch {run.best_epoch}" if run.best_epoch else "the beginning"
        scale = max(run.first_loss or 0.0, self.scale)
        at, remedy = f" at learning rate {rate:g}", f"Try learning_rate={rate / 10:g}, and check"
        if math.isnan(rate):  # the rule has none
            at, remedy = "", "Check"
        text = problem(
            "training",
            f"a finite loss, at most {EXPLODED:g} times that of the beginning ({scale:.4g})",
            f"an infinite, NaN or exploded one in epoch {run.diverged}{at}",
            f"The run was stopped and the weights of {kept} are kept. {remedy} that the inputs are scaled to "
            "about [-1, 1].",
        )
        warnings.warn(text, DivergenceWarning, stacklevel=2)
