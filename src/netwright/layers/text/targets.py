"""Targets of a head over many classes: which of them count, and what becomes of their losses."""

from __future__ import annotations

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown

IGNORED = -100  # the target of a place that has none, as in torch
REDUCTIONS = ("mean", "sum", "none")


def counted(layer: str, x: Tensor, target: Tensor, features: int, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """The features and the classes of the places that have a target, in a row, and which places these are.

    Parameters
    ----------
    layer : how an error names the layer.
    x : features of each place.
    target : the class of each place, -100 where there is none; what x holds there is not read.
    features, classes : how many there have to be.

    Shapes
    ------
    (*places, features), (*places) -> (m, features), (m,), (*places)

    Raises
    ------
    InvalidData : shapes that do not go together; on the CPU also a target that is no class.
    """
    if x.ndim < 1 or x.shape[-1] != features:
        raise InvalidData(problem(f"{layer}, x", f"{features} features on the last axis", f"shape {tuple(x.shape)}"))
    if target.shape != x.shape[:-1]:
        got = f"{tuple(target.shape)} with x of shape {tuple(x.shape)}"
        raise InvalidData(problem(f"{layer}, target", f"shape {tuple(x.shape[:-1])}", got, "Give one class a place."))
    keep = target != IGNORED
    if target.device.type == "cpu":  # elsewhere a look at the values would have to be waited for
        wrong = keep & ((target < 0) | (target >= classes) | (target != target.long()))
        if bool(wrong.any()):
            place = tuple(torch.nonzero(wrong)[0].tolist())
            got = f"{target[place].item():.12g} at {place}"
            remedy = f"Classes count from 0; a place without one has the target {IGNORED}."
            raise InvalidData(problem(f"{layer}, target", f"integers from 0 to {classes - 1}", got, remedy))
    return x[keep], target[keep].long(), keep


def reduced(each: Tensor, keep: Tensor, reduction: str) -> Tensor:
    """The mean or the sum of the losses of the places that count, or all with 0 at the others.

    Parameters
    ----------
    each : the losses in a row.
    keep : which places they are of.
    reduction : "mean" (0 where no place counts), "sum" or "none".

    Shapes
    ------
    (m,), (*places) -> (), with "none" (*places)
    """
    if reduction == "none":
        return each.new_zeros(keep.shape).masked_scatter(keep, each)
    total = each.sum()
    return total / max(len(each), 1) if reduction == "mean" else total


def expect_reduction(layer: str, reduction: str) -> None:
    """Refuse a reduction that is none of these."""
    if reduction not in REDUCTIONS:
        raise InvalidParameter(problem(f"{layer}, reduction", f"one of {', '.join(REDUCTIONS)}", shown(reduction)))


def full(scores: Tensor) -> Tensor:
    """Scores in a format that has digits enough for sums of logarithms."""
    return scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores
