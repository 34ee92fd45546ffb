"""`check`: a training program examined before it trains, by all questions in the order from root to symptom."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from torch import nn

from netwright.checks.after.trained import Trained
from netwright.checks.budget import OutOfTime
from netwright.checks.context import Context
from netwright.checks.copies import plainly, quiet, unchanged
from netwright.checks.diagnosis import Diagnosis, diagnose
from netwright.checks.finding import FAULT, Finding, note
from netwright.checks.fitting import fit, number_format
from netwright.checks.options import counted, declared, loss_of, module_of, optimizers_of
from netwright.checks.reading import read
from netwright.checks.stages import AFTER, ENDS, STAGES, Check
from netwright.core.errors import shown


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
    trained: bool = False,
) -> Diagnosis:
    """Examine a training program before it trains: data, graph, loss, optimizer and first steps; or what it learned.

    Nothing of the user's is changed: module, optimizer and random states are copied, and no step is made on them.

    Parameters
    ----------
    module : any torch module; it is called with the inputs of a batch.
    loss : ``loss(output, target)``, a module or a function.
    optimizer : a torch optimizer, a list of them, or None where there is none yet.
    data : ``(X, y)`` (or ``(X1, X2, ..., y)``) of arrays, frames, lists or tensors, a ``Dataset``, or the
        ``DataLoader`` of the training with its own order and batch size. Of a batch that is a dict, ``labels``,
        ``label``, ``targets``, ``target`` or ``y`` is the target; the module is called with the others by name.
    validation : held-out data of the same kinds, or None.
    batch_size : rows of a batch where the data do not say; None for 32.
    epochs : passes that the training will make, if known.
    frozen : names of modules or parameters that are not to be trained, or True.
    imbalanced : whether classes of very different size are meant.
    ignore : codes of findings to leave out.
    trained : whether the module has been trained; the questions are then those to its data and to its answers, above
        all for the held-out rows, and none to its start.

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
    module, loss, optimizers = module_of(module), loss_of(loss), optimizers_of(optimizer)
    intent = declared(frozen, imbalanced, ignore, module)
    counted(batch_size, epochs)
    with plainly(), unchanged(loss):
        like = number_format(module)
        material = read(data, batch_size, like)
        held = None if validation is None else read(validation, batch_size, like, "validation")
        program, material, held = fit((module, optimizers, loss), material, held)
    kind = Trained if trained else Context
    context = kind(*program, material, held, intent, epochs)
    findings = list(examine(context))
    return diagnose(findings, intent.ignore, context.signals)


def examine(context: Context) -> Iterable[Finding]:
    """All findings of a program, each with its stage, in the order of the questions.

    Parameters
    ----------
    context : the program; of a `Trained` one other questions are asked.
    """
    found: list[Finding] = []
    for stage, checks in AFTER if isinstance(context, Trained) else STAGES:
        for question in checks:
            found += [replace(each, stage=stage) for each in ask(question, context)]
            context.budget.hurried |= any(
                each.level == FAULT and each.code not in context.intent.ignore for each in found
            )
        if any(each.level == FAULT and each.code in ENDS and each.code not in context.intent.ignore for each in found):
            break
    return _gathered(found)


def _gathered(found: list[Finding]) -> list[Finding]:
    """The findings, of those that say that a check ended in the same error one for all of them."""
    same: dict[str, list[Finding]] = {}
    for each in found:
        if each.code == "not-examined" and "error" in each.evidence:
            same.setdefault(re.sub(r"\d+", "0", each.evidence["error"]), []).append(each)
    first = {id(group[0]): group for group in same.values() if len(group) > 1}
    rest = {id(each) for group in same.values() for each in group[1:]}
    return [_for_all(first[id(each)]) if id(each) in first else each for each in found if id(each) not in rest]


def _for_all(group: list[Finding]) -> Finding:
    names = [each.evidence["check"] for each in group]
    shown_names = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    error = group[0].evidence["error"]
    return replace(
        group[0],
        seen=f"{len(names)} checks ({shown_names}) ended in {error}",
        evidence={"checks": names, "error": error},
    )


def ask(question: Check, context: Context) -> list[Finding]:
    """What one check finds; where it cannot be asked, a note says so.

    Parameters
    ----------
    question : the check. context : the program.
    """
    try:
        loss = vars(context).get("user_loss", vars(context).get("loss"))  # of a program, and of a run that is watched
        with plainly(), quiet(), unchanged(loss), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(question(context))
    except OutOfTime as error:  # after a fault what is left out may well follow from it; of a run the rest is seen
        hurried = not isinstance(context, Context) or context.budget.hurried
        do = "Look at the other findings; a smaller model, or fewer rows in a batch, takes less time."
        return [] if hurried else [_not_examined(question, f"was left out: {error}", "steps that take less time", do)]
    except Exception as error:  # a check of anybody's program must never be what stops it
        text = f"{type(error).__name__}: {shown(str(error) or type(error).__name__, 200)}"
        do = "Call the module on a batch as it is given here; what your loop does to a batch, do to the data first."
        found = _not_examined(
            question, f"ended in {text}", "a program that can be copied, called and differentiated", do
        )
        return [replace(found, evidence={**found.evidence, "error": text})]


def _not_examined(question: Check, how: str, expected: str, do: str) -> Finding:
    name = f"{question.__module__.rpartition('.')[2]}.{question.__name__}"
    return note("not-examined", f"the check {name} {how}", expected, do, evidence={"check": name})
