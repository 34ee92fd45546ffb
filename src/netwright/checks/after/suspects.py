"""Labels that are probably wrong, row by row, by confident learning.

    t_j = mean of p_j over the rows labelled j
    a row labelled i is suspicious if p_j >= t_j for some j, and the j of the largest such p_j is not i

The probabilities must come from something that did not learn the row: the network for held-out rows, the nearest other
rows for training rows. What one of them suggests the other must suggest as well; but not a network that has learned its
training rows by heart, which says their labels.

From one row nobody can tell whether its label is wrong or whether it lies between two classes. From all rows one can:
where classes overlap, the surest answers are right; wrong labels contradict the surest as often as the others. So
nothing is said unless the surest quarter of the answers is contradicted nearly as often as the surest three quarters.

Reference: Northcutt, Jiang, Chuang, *Confident learning: estimating uncertainty in dataset labels*, 2021.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from netwright.checks.after.certainty import best_temperature
from netwright.checks.after.trained import Part, Trained
from netwright.checks.finding import Finding, Where, fault, note
from netwright.checks.neighbours import nearest

LISTED = 20
NAMED = 6  # rows that the message names
LEAST = 100  # rows
RIGHT = 0.7  # accuracy of what labels are contradicted by
RIGHT_OF_TWO = 0.93  # the same with two classes, of which one is soon taken for the other
SURE = 0.8  # probability of the class that is suggested
NEAR, WIDE = 10, 30  # neighbours that vote on a label, and that tell how sure such votes are
BY_HEART = 0.995  # accuracy on training rows above which the network says their labels and not its mind
FLAT = 0.7  # share of contradicted labels in the surest quarter, over that in the surest three quarters
SEEN = 0.01  # share of contradicted labels in the surest half below which nothing is said
FAULTY = 0.1  # share of contradicted labels in the surest half


def wrong_labels(context: Trained) -> Iterable[Finding]:
    """Rows whose label is probably another one: training rows, then held-out rows."""
    if context.task != "classes":
        return
    own, held = context.learned, context.held_out
    if own is not None and own.X is not None and len(own) >= LEAST and context.data.shuffled is not True:
        yield from _of_training(context, own)
    if held is not None and len(held) >= LEAST and context.likelihood and not context.poor:
        p = (held.answers / best_temperature(held.answers, held.truth)).softmax(1)
        likely = suspicious(p, held.truth)
        if context.neighbours is not None:
            witness = context.neighbours.argmax(1)
            likely = {row: other for row, other in likely.items() if int(witness[row]) == other}
        yield from _told(context, held, p, p.amax(1), likely)


def _of_training(context: Trained, part: Part) -> Iterable[Finding]:
    """By the votes of the nearest other rows; also by the network, if it does not know the rows by heart."""
    assert part.X is not None
    wide = max(NEAR, min(WIDE, len(part) // 12))
    around = torch.nn.functional.one_hot(part.truth[nearest(part.X.float(), wide)], part.answers.shape[1]).double()
    votes, sureness = around[:, :NEAR].mean(1), around.mean(1).amax(1)
    likely = suspicious(votes, part.truth)
    answers = part.answers.argmax(1)
    if float((answers == part.truth).double().mean()) < BY_HEART:
        likely = {row: other for row, other in likely.items() if int(answers[row]) == other}
    yield from _told(context, part, votes, sureness, likely)


def suspicious(p: Tensor, truth: Tensor) -> dict[int, int]:
    """The suspicious rows, the worst first, and the classes that are suggested in the place of theirs.

    Parameters
    ----------
    p : probabilities of the classes from what did not learn these rows. truth : their labels.

    Shapes
    ------
    p (n, k), truth (n,)

    Examples
    --------
    >>> import torch
    >>> p = torch.tensor([[0.9, 0.1]] * 20 + [[0.1, 0.9]] * 20)
    >>> truth = torch.tensor([0] * 20 + [1] * 19 + [0])
    >>> suspicious(p, truth)
    {39: 1}
    """
    counts = torch.bincount(truth, minlength=p.shape[1])
    own = p.gather(1, truth[:, None])[:, 0]
    threshold = torch.zeros(p.shape[1], dtype=p.dtype).index_add_(0, truth, own) / counts.clamp_min(1)
    sure = torch.where((p >= threshold.clamp_min(SURE)) & (counts > 1), p, -1.0)
    best, which = sure.max(1)
    rows = torch.nonzero((best > 0) & (which != truth))[:, 0]
    order = (own[rows] - best[rows]).argsort(stable=True)
    return {int(row): int(which[row]) for row in rows[order]}


def _told(context: Trained, part: Part, p: Tensor, sureness: Tensor, likely: dict[int, int]) -> Iterable[Finding]:
    """The finding, if what contradicts the labels is mostly right and its surest answers are contradicted as well."""
    wrong = (p.argmax(1) != part.truth)[sureness.argsort(descending=True, stable=True)].double()
    right = 1 - float(wrong.mean())
    several = int((torch.bincount(part.truth) > 0).sum()) > 2
    if right < (RIGHT if several else RIGHT_OF_TWO) or len(likely) < 2:
        return
    quarter, half, more = (wrong[: int(share * len(wrong))] for share in (0.25, 0.5, 0.75))
    name = f"share of the surest {'held-out' if part.held else 'training'} answers that labels contradict"
    floor = context.signal(name, float(half.mean()), FAULTY, "noisy-labels")
    first = float(quarter.mean())
    if floor < SEEN or first * len(quarter) < 2 or first + math.sqrt(first / len(quarter)) < FLAT * float(more.mean()):
        return
    given = {int(part.truth[row]) for row in likely}
    enough = several and len(given) >= max(2, len(part.truth.unique()) // 2)
    often = floor > FAULTY + 3 * math.sqrt(FAULTY / len(half))
    yield _finding(part, p, likely, floor, often and enough)


def _finding(part: Part, p: Tensor, likely: dict[int, int], floor: float, faulty: bool) -> Finding:
    table = [
        (int(part.numbers[row]), int(part.truth[row]), other, round(float(p[row, other]), 3))
        for row, other in likely.items()
    ]
    named = ", ".join(f"{row} (given {given}, looks like {other})" for row, given, other, _ in table[:NAMED])
    rows, given, suggested, probability = (list(column) for column in zip(*table[:LISTED], strict=True))
    where = "held-out" if part.held else "training"
    return (fault if faulty else note)(
        "noisy-labels",
        f"{len(table)} of {len(part)} {where} labels contradict answers that are sure and did not learn them; so do "
        f"{floor:.1%} of the labels of the surer half, which is no overlap of classes",
        f"next to none of the surer half, and at most {FAULTY:.0%}",
        f"Look at these {where} rows first: {named}{_more(len(table) - NAMED)}.",
        evidence={
            "suspicious": len(table),
            "of": f"{len(part)} {where} rows",
            "rows": rows,
            "given": given,
            "suggested": suggested,
            "probability": probability,
        },
        where=Where(row=rows[0]),
    )


def _more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""
