"""`check`: a training program examined before it trains, by all questions in the order from root to symptom."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from netwright.checks.before import (
    data,
    gradient,
    graph,
    labels,
    loss,
    optimizer,
    order,
    output,
    rate,
    sequences,
    split,
    start,
    structure,
)
from netwright.checks.context import Context, Intent
from netwright.checks.copies import quiet
from netwright.checks.diagnosis import Diagnosis, diagnose, known_codes
from netwright.checks.finding import FAULT, Finding, note
from netwright.checks.reading import read
from netwright.core.errors import InvalidParameter, problem, shown

Check = Callable[[Context], Iterable[Finding]]

# The stage of a finding, and the checks that make it, root causes first.
STAGES: tuple[tuple[str, tuple[Check, ...]], ...] = (
    ("data", (data.finite, labels.in_range)),
    ("data", (data.varying, split.shared_rows, split.leaking_column, split.scales_alike, split.enough_rows)),
    ("data", (order.shuffled, order.rows_for_statistics, labels.even, labels.agreeing)),
    ("start", (graph.owned, optimizer.own_parameters, optimizer.movable, loss.slope)),
    ("start", (graph.reached, graph.steps_have_slopes)),
    ("start", (optimizer.complete, graph.repeatable, graph.rows_apart, graph.depends, data.axes)),
    ("start", (sequences.future, sequences.padding, graph.statistics_in_two_places, gradient.gradients_agree)),
    ("start", (output.applied_twice, loss.suits, loss.shapes, loss.sign, output.reaches)),
    ("start", (start.units_differ,)),
    ("steps", (data.scale_of_inputs, data.scale_of_targets, start.scale_of_weights, structure.bends)),
    ("steps", (start.units_alive, start.slopes, start.gradients_arrive, start.through_time, structure.dropped)),
    ("steps", (rate.epsilon, rate.penalty, loss.summed, rate.too_high, rate.too_low, structure.holds_a_few)),
    ("steps", (labels.related,)),
)
ENDS = {"non-finite-data", "label-range"}  # after a stage with one of these nothing else can be asked


def check(
    module: nn.Module,
    loss: Callable[..., Any],
    optimizer: Any,
    data: Any,
    *,
    validation: Any = None,
    batch_size: int | None = None,
    epochs: int | None = None,
    frozen: Any = (),
    imbalanced: bool = False,
    ignore: Iterable[str] = (),
) -> Diagnosis:
    """Examine a training program before it trains: data, graph, loss, optimizer and first steps.

    Nothing of the user's is changed: module, optimizer and random states are copied, and no step is made on them.

    Parameters
    ----------
    module : any torch module; it is called with the inputs of a batch.
    loss : ``loss(output, target)``, a module or a function.
    optimizer : a torch optimizer, a list of them, or None where there is none yet.
    data : ``(X, y)`` (or ``(X1, X2, ..., y)``) of arrays or tensors, a ``Dataset``, or the ``DataLoader`` of the
        training with its own order and batch size.
    validation : held-out data of the same kinds, or None.
    batch_size : rows of a batch where the data do not say; None for 32.
    epochs : passes that the training will make, if known.
    frozen : names of modules or parameters that are not to be trained, or True.
    imbalanced : whether classes of very different size are meant.
    ignore : codes of findings to leave out.

    Returns
    -------
    Diagnosis : findings, root cause first; see `Diagnosis.faults` and `Diagnosis.ok`.

    Raises
    ------
    InvalidData : data that cannot be read as inputs and targets.
    InvalidParameter : a module, loss, optimizer or option that cannot be.

    Examples
    --------
    >>> import torch
    >>> X, y = torch.randn(200, 4), torch.randint(0, 3, (200,))
    >>> module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Softmax(1))
    >>> optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    >>> check(module, torch.nn.CrossEntropyLoss(), optimizer, (X, y)).codes[0]
    'double-softmax'
    """
    intent = declared(frozen, imbalanced, ignore)
    _require(module, loss)
    like = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.get_default_dtype())
    material = read(data, batch_size, like)
    held = None if validation is None else read(validation, batch_size, like, "validation")
    context = Context(module, optimizers_of(optimizer), loss, material, held, intent, epochs)
    findings = list(examine(context))
    return diagnose(findings, intent.ignore, context.signals)


def examine(context: Context) -> Iterable[Finding]:
    """All findings of a program, each with its stage, in the order of the questions.

    Parameters
    ----------
    context : the program.
    """
    found: list[Finding] = []
    for stage, checks in STAGES:
        for question in checks:
            found += [replace(each, stage=stage) for each in ask(question, context)]
        if any(each.level == FAULT and each.code in ENDS and each.code not in context.intent.ignore for each in found):
            break
    return found


def ask(question: Check, context: Context) -> list[Finding]:
    """What one check finds; where it cannot be asked, a note says so.

    Parameters
    ----------
    question : the check. context : the program.
    """
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(question(context))
    except Exception as error:  # a check of anybody's program must never be what stops it
        text = shown(str(error) or type(error).__name__, 200)
        name = f"{question.__module__.rpartition('.')[2]}.{question.__name__}"
        return [
            note(
                "not-examined",
                f"the check {name} ended in {type(error).__name__}: {text}",
                "a program that can be copied, called and differentiated",
                "Call the module once on a batch by hand, and look whether it raises.",
                evidence={"check": name},
            )
        ]


def optimizers_of(optimizer: Any) -> list[torch.optim.Optimizer]:
    """One optimizer, several, or none, as a list.

    Parameters
    ----------
    optimizer : of torch, a list of them, or None.

    Raises
    ------
    InvalidParameter : anything else.
    """
    several = [] if optimizer is None else list(optimizer) if isinstance(optimizer, (list, tuple)) else [optimizer]
    for each in several:
        if not isinstance(each, torch.optim.Optimizer):
            raise InvalidParameter(
                problem(
                    "nw.check(optimizer)",
                    "a torch.optim.Optimizer, a list of them, or None",
                    shown(each),
                    "Build a netwright rule with .build(module.parameters()).",
                )
            )
    return several


def _require(module: Any, loss: Any) -> None:
    if not isinstance(module, nn.Module):
        remedy = "Build a network with .build()." if hasattr(module, "build") else "Give the module itself."
        raise InvalidParameter(problem("nw.check(module)", "a torch.nn.Module", shown(module), remedy))
    if not callable(loss):
        raise InvalidParameter(problem("nw.check(loss)", "loss(output, target) -> scalar", shown(loss)))


def declared(frozen: Any = (), imbalanced: bool = False, ignore: Iterable[str] = ()) -> Intent:
    """What a user declares to be on purpose, read.

    Parameters
    ----------
    frozen : a name, names, or True. imbalanced : whether classes of different size are meant. ignore : codes.

    Raises
    ------
    InvalidParameter : a code that does not exist.
    """
    if not isinstance(frozen, bool):
        frozen = (frozen,) if isinstance(frozen, str) else tuple(map(str, frozen))
    return Intent(frozen, bool(imbalanced), known_codes(ignore))
