"""Whether inputs and target would show a relation if there were one: what rows look like, and what a network learns.

Labels that nothing foretells are a fault where simple learners would see any plain relation. They do for pictures, and
for rows of real numbers that lie together: nearer to each other than rows would whose columns know nothing of each
other. There classes that have a name live in places of their own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from netwright.checks.context import Context, affordable
from netwright.checks.copies import program_copy
from netwright.checks.neighbours import matrix, ridge, standard, thinned_like
from netwright.checks.reading import leaves
from netwright.checks.trial import dropout_off
from netwright.checks.trial import train as training

FEW_CODES = 6  # whole numbers in a row, which are no text
LONG = 10  # times the steps of a trial
SECONDS = 2.4  # of the processor, as they are counted, that a trial may take
PARTS = 8  # of a trial, after each of which it may be clear
CLEARLY = 0.8  # of the loss of ignorance, beneath which rows are learned beyond doubt
WORSE = 1.1  # of it, above which what is learned is wrong for other rows
ENOUGH = 500  # rows
CLASSES = 6  # of which nearly all can be told where they have places of their own
LEVELS = 8  # of a column of numbers
RICH = 8  # such columns
NEAR = 0.75  # distance of the nearest row, of that without what columns have to do with each other


def images(context: Context) -> bool:
    """Whether the rows are images, of which neighbours and trees see any plain relation.

    Parameters
    ----------
    context : the program.
    """
    inputs = list(leaves(context.rows.inputs))
    return len(context.rows) >= ENOUGH and len(inputs) == 1 and inputs[0].is_floating_point() and inputs[0].ndim == 4


def categories(context: Context) -> bool:
    """Whether inputs are a few numbers of users, items or places, which may say something only together.

    Parameters
    ----------
    context : the program.
    """
    integers = [each for each in leaves(context.rows.inputs) if not each.is_floating_point()]
    return bool(integers) and all(each.ndim < 3 and each.numel() <= FEW_CODES * len(each) for each in integers)


def clustered(context: Context) -> bool:
    """Whether rows of real numbers lie together in places, labels are of several classes, and a spectrum says nothing.

    Parameters
    ----------
    context : the program.
    """
    inputs, read = list(leaves(context.rows.inputs)), matrix(context)
    if len(inputs) != 1 or not inputs[0].is_floating_point() or inputs[0].ndim != 2 or len(inputs[0]) < ENOUGH:
        return False
    if read is None or context.classes is None:
        return False
    rich = sum(len(torch.unique(column)) >= LEVELS for column in inputs[0].T)
    labels = torch.unique(thinned_like(context, context.classes), return_inverse=True)[1]
    Y = torch.nn.functional.one_hot(labels).double()
    if rich < RICH or Y.shape[1] < CLASSES or float(Y.mean(0).max()) > 0.5 or not _together(read[0]):
        return False
    told = ridge(standard(torch.fft.rfft(read[0], dim=1).abs()), Y)
    chance = float(Y.mean(0).max())
    right = float((told.argmax(1) == labels).double().mean())
    return right < chance + 2.5 * math.sqrt(chance * (1 - chance) / len(Y))


def _together(X: Tensor) -> bool:
    """Whether the nearest row is nearer than where each column is drawn by itself."""
    draw = torch.Generator().manual_seed(0)
    mixed = torch.stack([column[torch.randperm(len(X), generator=draw)] for column in X.T], 1)
    nearest = []
    for rows in (X, mixed):
        distance = torch.cdist(rows, rows)
        distance.fill_diagonal_(math.inf)
        nearest.append(float(distance.amin(1).median()))
    return 0 < nearest[0] < NEAR * nearest[1]


def on_unseen(context: Context, times: int = 4) -> tuple[float, float]:
    """What the network leaves of the loss of ignorance on rows that it was trained on, and on rows held out.

    Without an optimizer or a loss of ignorance nothing is left.

    Parameters
    ----------
    context : the program. times : the steps of a trial; of a long one the rate is that of what begins slowly.
    """
    return learned(context, times)[:2]


def learned(context: Context, times: int = 4) -> tuple[float, float, float]:
    """What `on_unseen` says, and by how many standard errors more rows held out are answered rightly than by chance.

    NaN stands for answers that are neither right nor wrong. The trial ends early where it is clear that what is learned
    carries over, or that rows are learned by heart. A long one drops no unit.

    Parameters
    ----------
    context : the program. times : the steps of a trial.
    """
    rows = context.rows
    half = len(rows) * 3 // 4
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    train, held = rows.rows(order[:half]), rows.rows(order[half:])
    if not context.steps or not math.isfinite(context.prior):
        return 0.0, 0.0, math.nan
    size = min(context.data.batch_size, half)
    steps = affordable(context, times * context.steps, SECONDS)
    batches = [train.rows(torch.arange(at * size, (at + 1) * size) % half) for at in range(steps)]
    long = times >= LONG
    module = context.fresh()
    adam = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], lr=1e-2 if long else 3e-3)
    program = program_copy(module, [adam], context.loss)
    for part in range(PARTS):
        some = batches[part * len(batches) // PARTS : (part + 1) * len(batches) // PARTS]
        trial = training(program, some, dropout_off if long else None)
        outputs = [context.answer(trial.module, rows) for rows in (train, held)]
        seen, unseen = (
            context.value(output, rows.target) / max(context.prior, 1e-12)
            for output, rows in zip(outputs, (train, held), strict=True)
        )
        if unseen < CLEARLY or (seen < CLEARLY and unseen > WORSE):
            break
    return seen, unseen, _above_chance(context, outputs[1], held.target)


def _above_chance(context: Context, output: object, target: object) -> float:
    """By how many standard errors more rows are answered rightly than have the commonest class."""
    if not isinstance(output, Tensor) or not isinstance(target, Tensor) or context.classes is None or output.ndim != 2:
        return math.nan
    labels = target.reshape(-1).long()
    if output.shape[1] < 2 or len(labels) != len(output):
        return math.nan
    chance = float(torch.unique(labels, return_counts=True)[1].max()) / len(labels)
    right = float((output.argmax(1) == labels).double().mean())
    return (right - chance) / max(math.sqrt(chance * (1 - chance) / len(labels)), 1e-12)
