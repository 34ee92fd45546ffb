"""Questions to the optimizer: whose parameters does it hold, and do they move."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from netwright.checks.context import Context
from netwright.checks.finding import Finding, Remedy, Where, fault, note


def _held(context: Context) -> list[Tensor]:
    return [p for o in context.user_optimizers for group in o.param_groups for p in group["params"]]


def own_parameters(context: Context) -> Iterable[Finding]:
    """An optimizer that holds none of the module's parameters."""
    held = _held(context)
    own = {id(p) for p in context.user_module.parameters()}
    extra = {id(p) for p in context.loss.parameters()} if isinstance(context.loss, nn.Module) else set()
    foreign = [p for p in held if id(p) not in own | extra]
    if not held or not own or not foreign or len(foreign) < len(held):
        return
    like = sorted(tuple(p.shape) for p in foreign) == sorted(tuple(p.shape) for p in context.user_module.parameters())
    yield fault(
        "foreign-optimizer",
        f"none of the {len(held)} tensors that the optimizer holds is a parameter of the module"
        + (", though they have the same shapes: it steers another copy" if like else ""),
        "the module's own parameters",
        "Make the optimizer after the last change of the module, from module.parameters().",
        evidence={"foreign": len(foreign), "same_shapes": like},
        remedy=Remedy("optimizer", "params", "module.parameters()"),
    )


def movable(context: Context) -> Iterable[Finding]:
    """Nothing to move: all parameters that the optimizer holds are frozen."""
    own = list(context.user_module.parameters())
    if not own or not context.user_optimizers or context.intent.frozen is True:
        return
    held = {id(p) for p in _held(context)}
    moving = [p for p in own if p.requires_grad and id(p) in held]
    if moving or not any(id(p) in held for p in own):
        return
    trainable = sum(p.requires_grad for p in own)
    seen = f"all {len(held)} parameters that the optimizer holds have requires_grad=False"
    if trainable:
        seen += f", and the {trainable} that are trainable are not among them"
    yield fault(
        "all-frozen",
        seen,
        "at least one parameter that can move",
        "Set requires_grad_(True) on what is to be trained, and give that to the optimizer.",
        evidence={"held": len(held), "trainable": trainable},
        remedy=Remedy("module", "requires_grad", True),
    )


def complete(context: Context) -> Iterable[Finding]:
    """Trainable parameters that get a gradient and that no optimizer holds."""
    held = {id(p) for p in _held(context)}
    named = [(n, p) for n, p in context.user_module.named_parameters() if p.requires_grad]
    if not any(id(p) in held for _, p in named):
        return
    gradients = context.gradients
    missed = [
        (name, p)
        for name, p in named
        if id(p) not in held and gradients.get(name) is not None and not context.intent.freezes(name)
    ]
    if not missed:
        return
    names = [name for name, _ in missed]
    learned = all(_looks_learned(p) for _, p in missed if p.ndim > 1) and any(p.ndim > 1 for _, p in missed)
    count = sum(p.numel() for _, p in missed)
    level = note if learned else fault
    yield level(
        "missing-parameters",
        f"{len(names)} trainable parameters ({_listed(names)}; {count:,} numbers) are in no optimizer"
        + (", and their weights look trained" if learned else ", and their weights are as they were drawn"),
        "every trainable parameter in an optimizer",
        "Pass module.parameters() to the optimizer; freeze on purpose with requires_grad_(False) or frozen=[...].",
        evidence={"parameters": names[:50], "numbers": count},
        remedy=Remedy("optimizer", "params", "module.parameters()"),
        where=Where(layer=names[0].rpartition(".")[0] or names[0]),
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _looks_learned(weight: Tensor) -> bool:
    """Whether a matrix is unlike a fresh draw, which is uniform or normal with independent entries.

    A fresh draw of m x n numbers has a largest singular value near sd (sqrt m + sqrt n) (Marchenko and Pastur 1967);
    training adds directions that stand out.
    """
    matrix = weight.detach().double().reshape(len(weight), -1)
    if min(matrix.shape) < 4:
        return False
    edge = float(matrix.std()) * (math.sqrt(matrix.shape[0]) + math.sqrt(matrix.shape[1]))
    return bool(float(torch.linalg.matrix_norm(matrix, 2)) > 1.3 * edge)
