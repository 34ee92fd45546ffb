"""Losses and scores of several members at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netwright.estimators.classes import Classes
from netwright.estimators.numbers import Numbers
from netwright.estimators.objective import NetworkLoss
from netwright.losses import apply_link
from netwright.train import Run
from netwright.train.evaluation import score_of


def is_common(run: Run) -> bool:
    """Whether the loss of a run is a mean over rows, so that one call gives those of all members.

    Parameters
    ----------
    run : of a member.
    """
    return isinstance(run.objective, NetworkLoss) and not run.objective.loss.root


def common_loss(runs: list[Run], output: Any, target: Any, weight: Tensor | None) -> Tensor:
    """The sum of the losses of all members in one call, where `is_common`.

    Parameters
    ----------
    runs : whose objectives they are.
    output, target : (M, rows, ...) or a tuple of such.
    weight : (M, rows), or None.
    """
    objective: Any = runs[0].objective
    flat = None if weight is None else weight.flatten()
    mean = objective(each(output, _all_rows), each(target, _all_rows), flat)
    return mean * len(runs)


def member_losses(runs: list[Run], output: Any, target: Any, weight: Tensor | None) -> Tensor:
    """The loss of each member, (M,).

    Parameters
    ----------
    runs : whose objectives they are.
    output, target : (M, rows, ...) or a tuple of such.
    weight : (M, rows), or None.
    """
    if not is_common(runs[0]):
        return torch.stack([_one_loss(run, output, target, weight, place) for place, run in enumerate(runs)])
    objective: Any = runs[0].objective
    pairs = zip(output, target, strict=True) if isinstance(output, tuple) else ((output, target),)
    total: Any = 0.0
    for part, wanted in pairs:
        terms = objective.loss.terms(_all_rows(part), _all_rows(wanted), objective.link).view(len(runs), -1)
        total = total + (terms if weight is None else terms * weight).mean(1)
    losses: Tensor = total
    return losses


def member_scores(runs: list[Run], output: Any, target: Any, weight: Tensor | None) -> list[float]:
    """The score of each member, as each gives it by itself.

    Parameters
    ----------
    runs : whose scores they are.
    output, target : (M, rows, ...) or a tuple of such.
    weight : (M, rows), or None.
    """
    owner = getattr(runs[0].score, "__self__", None)
    known = getattr(owner, "_target", None)
    if weight is None and type(known) is Numbers:
        return _determination(apply_link(owner._link, output), target)  # type: ignore[union-attr]
    if weight is None and type(known) is Classes and known.kind == "multiclass" and not (known.single or known.one_hot):
        return (output.argmax(-1) == target).double().mean(1).tolist()
    found = []
    for place, run in enumerate(runs):
        own = None if weight is None else weight[place]
        found.append(score_of(run, of_member(output, place), of_member(target, place), own))
    return found


def _determination(output: Tensor, target: Tensor) -> list[float]:
    """The coefficient of determination, averaged over outputs, of each member; see `Numbers.r2`."""
    z, t = output.double().flatten(2), target.double().flatten(2)  # (M, rows, outputs)
    residual, total = (t - z).square().sum(1), (t - t.mean(1, keepdim=True)).square().sum(1)
    ratio = torch.where(total > 0, residual / total.clamp_min(1e-300), (residual > 0).double())
    scores: list[float] = (1 - ratio).mean(1).tolist()
    return scores


def _one_loss(run: Run, output: Any, target: Any, weight: Tensor | None, place: int) -> Tensor:
    own = None if weight is None else weight[place]
    return run.objective(of_member(output, place), of_member(target, place), own)


def _all_rows(tensor: Tensor) -> Tensor:
    return tensor.flatten(0, 1)


def each(item: Any, change: Any) -> Any:
    """A tensor, or each of a tuple of tensors, changed."""
    return tuple(map(change, item)) if isinstance(item, tuple) else change(item)


def of_member(item: Any, place: int) -> Any:
    """What is one member's of a tensor, or of each of a tuple of tensors."""
    return each(item, lambda part: part[place])


def each_of(items: list[Any], change: Any) -> Any:
    """Several tensors as one, or several tuples of tensors as one tuple."""
    if isinstance(items[0], tuple):
        return tuple(change(list(column)) for column in zip(*items, strict=True))
    return change(items)
