"""fastai on the workloads: a Learner as it comes, and without its bar and its table.

    python benchmarks/peer_fastai.py a [--variant default|quiet]

Plain `fit` at a constant rate, so that it does the work of the others. The rule is torch's through OptimWrapper in c
(fastai's SGD has no Nesterov momentum) and fastai's own Adam elsewhere, without weight decay.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import torch
from contender import Clock, accuracy, serve
from fastai.tabular.all import Adam, Callback, DataLoaders, Learner, OptimWrapper, TfmdDL
from fastai.tabular.all import accuracy as right
from raw import network
from workloads import Workload, settings


class Tick(Callback):
    """Calls the clock after each epoch, validation included."""

    order = 100

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def after_epoch(self) -> None:
        self.clock.tick()


class Skipped(Callback):
    """Leaves the validation out, for workloads that are timed without one."""

    def before_validate(self) -> None:
        from fastai.callback.core import CancelValidException

        raise CancelValidException


def rule(work: Workload) -> Any:
    """The workload's update rule as fastai takes it."""
    how = settings(work)
    if how["rule"] == "sgd":
        return partial(OptimWrapper, opt=torch.optim.SGD, momentum=how["momentum"], nesterov=how["nesterov"])
    return partial(Adam, mom=how["betas"][0], sqr_mom=how["betas"][1], eps=how["eps"], wd=0.0, decouple_wd=True)


def train(work: Workload, variant: str, clock: Clock) -> float:
    """Fit a Learner; gives the accuracy on the held-out rows."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    X, y, X_held, y_held = map(torch.from_numpy, (work.X, work.y, work.X_held, work.y_held))
    rows, held = (torch.utils.data.TensorDataset(*pair) for pair in ((X, y), (X_held, y_held)))
    loaders = DataLoaders(
        TfmdDL(rows, bs=work.batch_size, shuffle=True, num_workers=0),
        TfmdDL(held, bs=work.batch_size, num_workers=0),
    )
    learner = Learner(
        loaders,
        network(work),
        loss_func=torch.nn.CrossEntropyLoss(),
        opt_func=rule(work),
        lr=settings(work)["lr"],
        metrics=right,
        cbs=[Tick(clock)] if work.validates else [Tick(clock), Skipped()],
    )
    clock.start()
    if variant == "quiet":
        with learner.no_bar(), learner.no_logging():
            learner.fit(work.epochs)
    else:
        learner.fit(work.epochs)
    with torch.no_grad():
        return accuracy(learner.model.eval()(X_held).argmax(1).numpy(), work.y_held)


if __name__ == "__main__":
    torch.set_num_threads(1)
    serve(train, ("default", "quiet"), ("fastai", "torch"))
