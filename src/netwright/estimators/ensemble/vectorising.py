"""Which members may be trained as one network, and their fit: `Classifier` or `Regressor` for `Classifier`, at once."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from netwright.core.schedules import Schedule, hold, on_plateau, warmup
from netwright.core.validation import check_all
from netwright.data import Stream
from netwright.estimators.base import NetworkEstimator
from netwright.estimators.ensemble.scoring import each
from netwright.estimators.ensemble.stacking import Stack, batched, is_dense
from netwright.estimators.ensemble.together import Rows, train_together
from netwright.losses import l1, l2, maxnorm
from netwright.optim import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Momentum, Nesterov, RMSprop
from netwright.train import Run

RULES = (SGD, Momentum, Nesterov, Adam, AdamW, Adamax, RMSprop, Adagrad, Adadelta)  # each weight by itself
PENALTIES = (l1, l2, maxnorm)
SMALL = 4_000_000  # multiply-accumulates of a member's batch up to which calls cost more than products


def prepared(members: list[Any], X: list[Any], y: list[Any], weight: list[Any], only_if_faster: bool = False) -> str:
    """Make the members ready to be trained; nothing is trained.

    Returns
    -------
    why they cannot be trained as one network, in words; "" where they can.

    Parameters
    ----------
    members : unfitted estimators. X, y, weight : what each is fitted on.
    only_if_faster : not where `worthwhile` is False.
    """
    reason = "a stream is read while one run goes" if any(isinstance(rows, Stream) for rows in X) else ""
    reason = next((found for member in members if (found := unsuited(member))), reason)
    if reason:
        return reason
    first: Any = None
    for member, *data in zip(members, X, y, weight, strict=True):
        check_all(type(member).__name__, member.get_params(deep=False), member._constraints)
        training, held = member._parts(*data, None, False)
        member._start(training)
        member._load(member._run, training, held)
        run = member._run
        if first is None:
            first = run
            reason = obstacle([run])
            if reason or (only_if_faster and not worthwhile([run])):
                return reason or "one by one is faster"
        elif all(map(_alike, run.batches.inputs, first.batches.inputs)):
            run.batches.inputs = first.batches.inputs  # kept once
    return obstacle([member._run for member in members])


def unsuited(member: Any) -> str:
    """Why an estimator cannot be a member of one network by its options alone; "" where it can.

    Parameters
    ----------
    member : unfitted.
    """
    if not isinstance(member, NetworkEstimator):
        return f"{type(member).__name__} does not train one network itself"
    options = {"callbacks": member.callbacks, "verbose": member.verbose, "warm_start": member.warm_start}
    options |= {name: getattr(member, name, None) for name in ("augment", "checkpoint")}
    devices = getattr(member, "devices", "auto")
    options["devices"] = None if devices in ("auto", 1) else devices
    given = [name for name, item in options.items() if item]
    return f"{given[0]}={options[given[0]]!r} is for one run at a time" if given else ""


def obstacle(runs: list[Run]) -> str:
    """Why runs cannot be trained as one; "" where they can.

    Parameters
    ----------
    runs : loaded, not begun.
    """
    first = runs[0]
    rule = first.optimizer
    if any(type(run.optimizer) is not type(rule) or run.optimizer != rule for run in runs):
        return "their update rules differ"
    if type(rule) not in RULES:
        return f"{type(rule).__name__} does not treat each weight by itself"
    if by_losses(rule.learning_rate):
        return f"{rule.learning_rate!r} follows the losses of one run"
    if any(type(part) not in PENALTIES for part in first.penalties):
        return "their penalty is not one of l1, l2 and maxnorm"
    if first.precision.autocast:
        return "they compute in bfloat16 under autocast"
    if any(_form(run) != _form(first) for run in runs):
        return "their networks or rows differ in shape"
    return "" if is_dense(first) else _unmapped(runs)


def by_losses(rate: Any) -> bool:
    """Whether a learning rate depends on the losses of the run.

    Parameters
    ----------
    rate : a number or a schedule.

    Examples
    --------
    >>> by_losses(0.1), by_losses(warmup(on_plateau(0.1), 2))
    (False, True)
    """
    if isinstance(rate, (warmup, hold)):
        return by_losses(rate.schedule)
    return isinstance(rate, on_plateau) or (isinstance(rate, Schedule) and not _is_ours(rate))


def worthwhile(runs: list[Run]) -> bool:
    """Whether one network is faster than member after member, and equal to it: dense layers, small, without dropout.

    Parameters
    ----------
    runs : loaded.
    """
    first = runs[0]
    noisy = any(isinstance(part, torch.nn.Dropout) and part.p > 0 for part in first.module.modules())
    return is_dense(first) and not noisy and 0 < first.work <= SMALL


def fit_together(members: list[Any], attack: Any = None) -> None:
    """Train members that `prepared` found nothing against.

    Parameters
    ----------
    members : prepared. attack : a `FastGradientSign`, or None.
    """
    runs = [member._run for member in members]
    for member in members:
        member.history_ = member._run.history
    try:
        train_together(runs, members[0].epochs, members[0].patience, attack)
    finally:
        for run in runs:
            run.forget_rows()
    for member, run in zip(members, runs, strict=True):
        member.n_iter_, member.best_epoch_ = run.epoch, run.best_epoch
        member.loss_curve_ = run.history["train_loss"]
        member._rows = (None, None)
    if runs[0].interrupted:
        text = f"stopped by the user in epoch {runs[0].epoch + 1} of {runs[0].epochs}; the partial models are kept"
        warnings.warn(f"Ensemble.fit: {text}.", UserWarning, stacklevel=4)


def _is_ours(rate: Schedule) -> bool:
    return type(rate).__module__.startswith("netwright.")


def _form(run: Run) -> Any:
    """All in which runs that are trained as one agree."""
    batches = [run.batches] if run.validation is None else [run.batches, run.validation]
    rows = [(each(b.target, _shape), tuple(map(_shape, b.inputs)), b.weight is None, b.bounds) for b in batches]
    items = [(name, _shape(item)) for name, item in (*run.module.named_parameters(), *run.module.named_buffers())]
    return repr(run.module), items, run.flat.segments, rows, run.penalties, run.average, run.precision, run.objective


def _alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)


def _shape(tensor: torch.Tensor) -> tuple[Any, ...]:
    return tuple(tensor.shape), tensor.dtype


def _unmapped(runs: list[Run]) -> str:
    """Why modules that are no chains of dense layers cannot be run by vmap."""
    for name, part in runs[0].module.named_modules():
        if isinstance(part, torch.nn.modules.batchnorm._NormBase) and part.track_running_stats:
            return f"{name} keeps statistics of its batches"
    try:
        with torch.no_grad():
            batched(Stack(runs))(Rows(runs).probe(), False)
    except Exception as error:  # whatever torch says to a layer that has no batched form
        return f"torch cannot batch the layers: {' '.join(str(error).split())[:120]}"
    return ""
