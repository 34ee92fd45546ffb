"""A training program as a value that can be examined, run and scored: the unit of the benchmark of diagnosis.

A `Program` is what somebody's script has in its hands before it trains: module, loss, optimizer, data and the loop.
A `Fault` makes one from a seed, broken or healthy: both come from the same lines, and only the fault differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

Report = Callable[..., Any]  # report(loss=..., score=...): what a loop says of the held-out rows, once an epoch
Loop = Callable[["Program", Report], None]
Metric = Callable[[Tensor, Tensor], float]


def silent(**figures: float) -> None:
    """A report that nobody reads."""


def accuracy(output: Tensor, target: Tensor) -> float:
    """The share of right answers: argmax of logits, sign of a single logit, the nearest whole number of anything else.

    Shapes
    ------
    output (n, k) or (n,) or (n, 1), target (n,) or as the output -> number in [0, 1]
    """
    if output.ndim > target.ndim and output.shape[-1] > 1:
        return float((output.argmax(-1) == target).float().mean())
    return float(((output.reshape(target.shape) > 0) == (target > 0.5)).float().mean())


def explained_variance(output: Tensor, target: Tensor) -> float:
    """R^2 = 1 - mean (t - y)^2 / mean (t - mean t)^2, at least -1.

    Shapes
    ------
    output and target (n, ...) of as many numbers -> number in [-1, 1]
    """
    residual = (output.reshape(target.shape) - target).square().mean()
    spread = (target - target.mean(0)).square().mean()
    return max(-1.0, float(1 - residual / spread)) if bool(torch.isfinite(residual)) else -1.0


def standard_loop(program: Program, report: Report) -> None:
    """The loop of the textbook: zero_grad, forward, loss, backward, step; validation in eval mode after every epoch."""
    module, optimizer = program.module, program.optimizer
    for epoch in range(program.epochs):
        module.train()
        for *inputs, target in program.batches(epoch):
            optimizer.zero_grad()
            loss = program.loss(module(*inputs), target)
            loss.backward()
            optimizer.step()
        if program.scheduler is not None:
            program.scheduler.step()
        module.eval()
        program.validate(report)


@dataclass
class Program:
    """A training program, ready to run.

    Parameters
    ----------
    module : any torch module, called with the inputs of a batch.
    loss : ``loss(output, target)``, a module or a function.
    optimizer : built on parameters, as the program's author did it.
    data : training data: a ``DataLoader`` (batches of inputs and, last, the target) or a tuple ``(X, y)`` of tensors.
    validation : ``(Xv, yv)`` tensors for the loop's own validation, or None.
    test : ``(Xt, yt)`` tensors that the program never sees; the score is of them.
    metric : of outputs and targets of the test rows, higher is better, 1 is perfect.
    epochs : passes over the data.
    batch_size : rows of a batch where the data are tensors.
    loop : ``loop(program, report)``; the textbook's unless the program is about its loop.
    scheduler : of the learning rate, stepped once an epoch by the textbook's loop, or None.
    declared : what its author would declare to a checker: keyword arguments of `netwright.check`.
    """

    module: nn.Module
    loss: Callable[..., Tensor]
    optimizer: torch.optim.Optimizer
    data: DataLoader[Any] | tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor] | None
    test: tuple[Tensor, Tensor]
    metric: Metric = accuracy
    epochs: int = 10
    batch_size: int = 32
    loop: Loop = standard_loop
    scheduler: Any = None
    declared: Mapping[str, Any] = field(default_factory=dict)

    def batches(self, epoch: int) -> Iterator[Any]:
        """The batches of an epoch: those of the loader, or of the tensors in an order drawn for the epoch."""
        if isinstance(self.data, DataLoader):
            yield from self.data
            return
        *inputs, target = self.data
        order = torch.randperm(len(target), generator=torch.Generator().manual_seed(epoch))
        for rows in order.split(self.batch_size):
            yield (*(each[rows] for each in inputs), target[rows])

    def run(self, report: Report = silent) -> None:
        """Train, by the program's own loop.

        Parameters
        ----------
        report : called by the loop with the loss and the score of the held-out rows, once an epoch.
        """
        self.loop(self, report)

    def validate(self, report: Report) -> None:
        """Tell the loss and the score of the validation rows, in whatever mode the module is in.

        Parameters
        ----------
        report : what is told.
        """
        if self.validation is not None:
            *inputs, target = self.validation
            with torch.no_grad():
                output = self.module(*inputs)
                report(loss=float(self.loss(output, target)), score=self.metric(output, target))

    def score(self) -> float:
        """The metric of the test rows, in eval mode; the program's mode is put back."""
        modes = [(module, module.training) for module in self.module.modules()]
        self.module.eval()
        *inputs, target = self.test
        with torch.no_grad():
            output = self.module(*inputs)
        for module, mode in modes:
            module.training = mode
        return self.metric(output, target)
