"""Questions to the optimizers of a run: can they move anything, and are they those that make the steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch

from netwright.checks.before import graph, optimizer
from netwright.checks.context import Context
from netwright.checks.finding import FAULT, Finding, Remedy, Where, fault

FEW = 10


def frozen_inside(watched: Any) -> Iterable[Finding]:
    """Updates that move nothing, because the loop froze all that the optimizers hold."""
    tape, held = (
        watched.tape,
        [p for each in watched.optimizers for group in each.param_groups for p in group["params"]],
    )
    own = {id(parameter) for parameter in watched.module.parameters()}
    if tape.steps < FEW or not held or watched.intent.frozen is True or watched.beginning is None:
        return
    frozen = sum(not p.requires_grad for p in held)
    watched.signal("parameters that the optimizer can still move", len(held) - frozen, 1, "all-frozen")
    if frozen < len(held) or not all(id(p) in own for p in held) or watched.moved:
        return
    free = sum(p.requires_grad for p in watched.beginning[0].parameters())
    if not free:  # they came frozen, which is asked of the program as it began
        return
    yield fault(
        "all-frozen",
        f"{tape.steps} updates moved no weight: requires_grad is off for all {len(held)} parameters of the optimizer, "
        f"and was on for {free} when the run began",
        "parameters that take a gradient as backward() is called",
        "Set them free again with module.requires_grad_(True) after what froze them for a while.",
        evidence={"steps": tape.steps, "frozen": frozen, "free": free},
        remedy=Remedy("module", "requires_grad", True),
        where=Where(line=tape.line),
    )


def made_anew(watched: Any) -> Iterable[Finding]:
    """Optimizers that are made for one step each, so that what they would remember is lost."""
    tape = watched.tape
    if tape.steps or tape.strange < FEW:
        return
    watched.signal("optimizers that made one step each", tape.strangers / tape.strange, 1, "foreign-optimizer")
    if tape.strangers < tape.strange or not tape.remembered:
        return
    names = ", ".join(sorted(tape.remembered))
    yield fault(
        "foreign-optimizer",
        f"the optimizer that was given made no step in {tape.backwards} backward passes, and {tape.strangers} others "
        f"made one each: what they remember of the steps before ({names}) is thrown away every time",
        "one optimizer for all steps",
        "Make the optimizer once, before the loop.",
        evidence={"optimizers": tape.strangers, "steps": tape.strange},
        remedy=Remedy("optimizer", "params", "module.parameters()"),
        where=Where(line=tape.line),
    )


def left_behind(watched: Any, context: Context) -> Iterable[Finding]:
    """Trainable parameters that no optimizer holds or no gradient reaches, and that the run did not move.

    Parameters
    ----------
    watched : the run. context : the program as it began.
    """
    if watched.tape.steps < FEW or watched.intent.frozen is True or not watched.moved:
        return
    began = dict(context.user_module.named_parameters())
    still = {
        name
        for name, p in watched.module.named_parameters()
        if p.requires_grad and name in began and torch.equal(p.detach(), began[name].detach())
    }
    for question in (optimizer.complete, graph.reached) if still else ():
        for each in question(context):
            if each.level == FAULT and still.issuperset(each.evidence["parameters"]):
                yield replace(each, seen=f"{each.seen}; {watched.tape.steps} updates did not move them")
