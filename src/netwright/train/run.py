"""A run: everything that the training loop reads and writes, in one plain object that callbacks are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from netwright.train.batches import Batches
from netwright.train.flat import Flat
from netwright.train.history import History
from netwright.train.precision import Precision


def no_rows() -> Batches:
    """What a run has before it is given rows, and after it has forgotten them."""
    return Batches((torch.empty(0),), torch.empty(0))


@dataclass
class Evaluation:
    """What an evaluation gives: the mean loss and the score (accuracy, R^2), and how many rows it was over."""

    loss: float
    score: float


@dataclass
class Run:
    """One training run.

    Parameters
    ----------
    module : the network without its last link; it gives what the loss takes.
    objective : ``(output, target, weight) -> scalar tensor``.
    score : ``(output, target, weight) -> float`` of whole outputs, higher is better; None for none.
    optimizer : a value of `netwright.optim`; `update` is what it built, on the flat vector.
    batches : the training rows.
    validation : held-out rows, or None.
    epochs : the epoch at which the run ends, counted from the first of all runs of this module.
    penalties : parts of a regularizer (see `netwright.losses.penalty`).
    average : decay of the running average of parameters in (0, 1), or None.
    patience : epochs without a better monitored loss after which the run stops; None for never.
    precision : number format and device.
    seed : of order and of dropout.
    callbacks : see `netwright.train.events`.

    Attributes
    ----------
    epoch, batch : where the run is. stop : set it to end the run after this epoch. loss : tensor, of the last batch.
    history : the records of all finished epochs. best_epoch : the epoch whose weights are the best so far.
    diverged : the epoch in which the loss became infinite or NaN, or None. interrupted : stopped by Ctrl-C.
    """

    module: torch.nn.Module
    flat: Flat
    objective: Callable[[Any, Any, torch.Tensor | None], torch.Tensor]
    score: Callable[[Any, Any, torch.Tensor | None], float] | None
    optimizer: Any
    update: torch.optim.Optimizer
    precision: Precision
    batches: Batches = field(default_factory=no_rows)
    validation: Batches | None = None
    epochs: int = 10
    penalties: tuple[Any, ...] = ()
    average: float | None = None
    patience: int | None = None
    seed: int = 0
    callbacks: tuple[Any, ...] = ()
    history: History = field(default_factory=History)

    epoch: int = 0
    batch: int = 0
    stop: bool = False
    loss: torch.Tensor | None = None
    best_epoch: int | None = None
    diverged: int | None = None
    interrupted: bool = False
    averaged: torch.Tensor | None = None
    averaged_updates: int = 0

    @property
    def learning_rate(self) -> float:
        """The rate that the next update uses."""
        return float(self.update.param_groups[0]["lr"])

    @property
    def monitored(self) -> str:
        """The name of the loss that decides which weights are best."""
        return "train_loss" if self.validation is None else "validation_loss"

    def forget_rows(self) -> None:
        """Let the data go; what is needed to train on stays."""
        self.batches, self.validation, self.loss = no_rows(), None, None
