"""Stopping: best weights kept, early stopping, and the end of a run that diverges.

A run's monitored loss is that of the validation rows, or of the training rows when there are none. With `patience`
the run ends after that many epochs without a better one, and the best weights are put back (Prechelt, *Early stopping -
but when?*, 1998). A loss or a parameter that is infinite or NaN ends the run at the end of its epoch; the best weights
are put back and a `DivergenceWarning` names the epoch and a smaller rate. NaN is never returned.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch

from netwright.core.errors import DivergenceWarning, problem
from netwright.train.run import Run


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
        losses = run.history[run.monitored] if run.patience is not None else []
        self.best = min(losses, default=math.inf)
        self.waited = len(losses) - 1 - losses.index(self.best) if losses else 0
        self.snapshot = Snapshot(run, self._current())

    def judge(self, record: dict[str, Any]) -> bool:
        """Whether the epoch counts; keeps its weights if they are the best so far."""
        run = self.run
        sound = math.isfinite(record["train_loss"]) and math.isfinite(record.get("validation_loss", 0.0))
        if not (sound and bool(torch.isfinite(run.flat.theta.detach()).all())):
            run.diverged, run.stop = run.epoch, True
            return False
        loss = record[run.monitored]
        if loss < self.best:
            self.best, self.waited, run.best_epoch = loss, 0, run.epoch
            self.snapshot = Snapshot(run, self._current())
            return True
        self.waited += 1
        if run.patience is not None and self.waited >= run.patience:
            run.stop = True
        return True

    def finish(self) -> None:
        """Leave in the module what the user gets: the best weights, or the average, or the last ones."""
        run = self.run
        if run.diverged is not None:
            self.snapshot.put_back(run)
            self._warn()
        elif run.patience is not None and len(run.history):
            self.snapshot.put_back(run)
        elif run.averaged is not None:
            run.flat.theta.data.copy_(run.averaged)

    def _current(self) -> torch.Tensor:
        return self.run.flat.theta if self.run.averaged is None else self.run.averaged

    def _warn(self) -> None:
        run = self.run
        kept = f"epoch {run.best_epoch}" if run.best_epoch else "the beginning"
        text = problem(
            "training",
            "a finite loss",
            f"an infinite or NaN one in epoch {run.diverged} at learning rate {run.learning_rate:g}",
            f"The run was stopped and the weights of {kept} are kept. Try learning_rate={run.learning_rate / 10:g}, "
            "and check that the inputs are scaled to about [-1, 1].",
        )
        warnings.warn(text, DivergenceWarning, stacklevel=2)
