"""Ensembles from a single run: snapshots on the way, or the average of the weights.

========== ================================================ =====================================================
keep        snapshots                                        average
========== ================================================ =====================================================
"cycles"    the weights at the end of each of M cycles of    the mean of these weights (SWA with cyclic rates)
            a cosine (Huang and others, 2017)
"epochs"    the weights after each of the last M epochs      the mean of these weights (SWA)
========== ================================================ =====================================================

The average is one network. Statistics of batch normalisation belong to weights on the way, so they are taken anew, over
all training rows, with the averaged weights (Izmailov and others, 2018, section 3.2).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.schedules import Schedule, cycle_ends, cyclic_cosine, hold
from netwright.estimators.ensemble import kept_files
from netwright.estimators.parameters import value_of
from netwright.optim import Adam
from netwright.train import History, Run
from netwright.train.averaging import kept_weights


@dataclass
class Kept:
    """The numbers of a network after an epoch.

    Parameters
    ----------
    epoch : from 1. weights : as one vector. buffers : by name.
    """

    epoch: int
    weights: torch.Tensor
    buffers: dict[str, torch.Tensor]

    def put_back(self, run: Run) -> None:
        """Write them into the run's module, and so into its estimator."""
        run.flat.theta.data.copy_(self.weights)
        for name, buffer in run.module.named_buffers():
            buffer.copy_(self.buffers[name])


class Snapshots:
    """A callback that keeps the weights after some epochs; with `mean` it leaves their average in the network.

    Of a run with checkpoints they are written down too, and are there again when the run goes on.

    Parameters
    ----------
    epochs : after which to keep them, from 1.
    mean : whether the network is to have their average in the end.

    Attributes
    ----------
    run : that it was told of. kept : in order; of averages, `sum` and how many were `taken` instead.
    """

    run: Run

    def __init__(self, epochs: set[int], mean: bool = False) -> None:
        self.epochs, self.mean = epochs, mean
        self.kept: list[Kept] = []
        self.sum: torch.Tensor | None = None
        self.taken = 0

    def on_fit_start(self, run: Run) -> None:
        """Of a run that goes on, take up what was kept before."""
        self.run = run
        if run.checkpoint is None:
            return
        if run.epoch == 0:
            kept_files.clear(run.checkpoint)
        for epoch in sorted(epoch for epoch in self.epochs if epoch <= run.epoch):
            tensors = kept_files.read(run.checkpoint, epoch, sorted(self.epochs))
            weights = tensors.pop("weights").to(run.flat.theta.device)
            self._take(Kept(epoch, weights, {name.partition(".")[2]: item for name, item in tensors.items()}))

    def on_epoch_end(self, run: Run) -> None:
        """Keep the weights, or add them up."""
        if run.epoch not in self.epochs:
            return
        weights = run.flat.theta if self.mean else kept_weights(run)
        buffers = {name: buffer.detach().clone() for name, buffer in run.module.named_buffers()}
        kept = Kept(run.epoch, weights.detach().clone(), buffers)
        if run.checkpoint is not None:
            tensors = {"weights": kept.weights, **{f"buffers.{name}": item for name, item in buffers.items()}}
            kept_files.write(run.checkpoint, run.epoch, sorted(self.epochs), tensors)
        self._take(kept)

    def _take(self, kept: Kept) -> None:
        if not self.mean:
            self.kept.append(kept)
            return
        theta = kept.weights.to(torch.float64, copy=True)
        self.sum = theta if self.sum is None else self.sum + theta
        self.taken += 1

    def on_fit_end(self, run: Run) -> None:
        """Leave the average in the network."""
        if self.sum is not None and run.diverged is None:
            theta = run.flat.theta.data
            theta.copy_(self.sum / self.taken)
            renew_statistics(run)


def renew_statistics(run: Run) -> None:
    """Take the statistics of batch normalisation anew, over all training batches, each with the same weight.

    Parameters
    ----------
    run : with its rows. Everything but the normalisation is in evaluation mode.
    """
    kinds = torch.nn.modules.batchnorm._NormBase
    parts = [part for part in run.module.modules() if isinstance(part, kinds) and part.track_running_stats]
    if not parts:
        return
    momenta = [part.momentum for part in parts]
    run.module.eval()
    for part in parts:
        part.reset_running_stats()
        part.momentum = None  # the mean over all batches
        part.train()
    with torch.no_grad(), run.precision.context():
        for inputs, _, _ in run.batches(0):
            run.module(*inputs)
    for part, momentum in zip(parts, momenta, strict=True):
        part.momentum = momentum
    run.module.eval()


@contextmanager
def changed(network: Any, callback: Any, rule: Any) -> Iterator[None]:
    """An estimator with one more callback and another update rule inside this block.

    Parameters
    ----------
    network : the estimator. callback : to be told of the run. rule : None for its own.
    """
    own = network.optimizer
    with also_told(network, callback):
        network.optimizer = own if rule is None else rule
        try:
            yield
        finally:
            network.optimizer = own  # a fit that goes on sees the change and takes it up


@contextmanager
def also_told(network: Any, callback: Any) -> Iterator[None]:
    """An estimator with one more callback, or none, inside this block.

    Parameters
    ----------
    network : the estimator. callback : or None.
    """
    before = network.callbacks
    network.callbacks = before if callback is None else [*(before or ()), callback]
    try:
        yield
    finally:
        network.callbacks = before


def scheduled(network: Any, how: str, keep: str, count: int, rate: float | None) -> Any:
    """The update rule with the learning rate that a way of keeping weights needs; None for its own.

    Parameters
    ----------
    network : the estimator. how, keep : of the ensemble. count : how many weights are kept.
    rate : first rate of each cycle, or the rate of the last epochs; None for the rule's own.

    Raises
    ------
    InvalidParameter : a rule without a learning rate.
    """
    rule = value_of(network.optimizer, "optimizer") or network._rule() or Adam()
    if keep == "cycles":
        first = rule.rate(0.0, 1.0) if rate is None else rate
        return _with_rate(rule, lambda own: cyclic_cosine(first, count), how)
    if rate is None:
        return None
    return _with_rate(rule, lambda own: hold(own, rate, count), how)


def _with_rate(rule: Any, rate: Callable[[Any], Schedule], how: str) -> Any:
    if hasattr(rule, "rule"):  # a wrapper
        return replace(rule, rule=_with_rate(rule.rule, rate, how))
    if not hasattr(rule, "learning_rate"):
        remedy = 'Take one such as SGD(0.1, momentum=0.9), or keep="epochs" without a rate.'
        raise InvalidParameter(problem(f"Ensemble(how={how!r})", "a rule with a learning rate", shown(rule), remedy))
    return replace(rule, learning_rate=rate(rule.learning_rate))


def epochs_of(keep: str, count: int, total: int) -> set[int]:
    """The epochs after which weights are kept.

    Parameters
    ----------
    keep : "cycles" or "epochs". count : how many. total : epochs of the run.

    Raises
    ------
    InvalidParameter : fewer epochs than that.

    Examples
    --------
    >>> sorted(epochs_of("cycles", 3, 12)), sorted(epochs_of("epochs", 3, 12))
    ([4, 8, 12], [10, 11, 12])
    """
    if total < count:
        remedy = "Train for more epochs, or take fewer members."
        raise InvalidParameter(problem("Ensemble(estimator)", f"at least {count} epochs", f"{total}", remedy))
    if keep == "epochs":
        return set(range(total - count + 1, total + 1))
    return {int(end) for end in cycle_ends(total, count)}


def members_of(fitted: Any, find: Callable[[Any], Any], snapshots: Snapshots) -> list[Any]:
    """One estimator a snapshot, each a copy of the fitted one with other weights.

    Parameters
    ----------
    fitted : the estimator that was trained; it is left with the last of the snapshots.
    find : ``estimator -> network``, what has the run in it: itself or the last step of a pipeline.
    snapshots : which followed the fit.
    """
    members = []
    for kept in snapshots.kept:
        kept.put_back(snapshots.run)
        member = copy.deepcopy(fitted)
        inside = find(member)
        inside = getattr(inside, "classifier_", inside)  # of texts another one does the work
        inside.__dict__.pop("_resume", None)  # of the end of the run
        inside.history_ = History(inside.history_.records[: kept.epoch])
        inside.n_iter_, inside.loss_curve_ = kept.epoch, inside.history_["train_loss"]
        members.append(member)
    return members
