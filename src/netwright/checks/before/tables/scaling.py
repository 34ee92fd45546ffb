"""Whether held-out rows on another scale were scaled wrongly, or are other rows: later ones of a series, say.

Two questions tell. Simple learners of the training rows answer for the held-out rows as they are, and with the mean and
the deviation of every column made those of training: wrongly scaled rows are foretold better so, and rows that are
quieter, or that have moved, are foretold better as they are. And a scaler of its own leaves its mark on a part: of
columns of real numbers that it was fitted to the mean is exactly 0 and the deviation exactly 1, or the one smallest and
the one largest number lie exactly where those of the other part lie. Rows of one subject may be scaled by themselves on
purpose; so it is a fault only where what the training rows tell is lost on the held-out rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from netwright.checks.context import Context
from netwright.checks.neighbours import NEIGHBOURS, evenly, fitted_ridge, nearest, ridge
from netwright.checks.reading import Batch, leaves

EXACT = 1e-4  # of a deviation, to which a mean is 0, a deviation 1 and two ends are the same
COLUMNS = 3  # that have the mark, at least
NEARLY_ALL = 0.8  # of the columns of real numbers
REAL = 0.5  # share of the rows that have a number of their own in a column of real numbers
LOST = 0.5  # share of what is told about training rows that must be lost on the others
SHARED = 0.01  # share of numbers of the first such column that are in both parts, as of rows that are
WIDEST = 3000  # numbers of a row


@dataclass(frozen=True)
class Told:
    """What simple learners of the training rows tell: accuracy or R^2 above that of one answer for all.

    Attributes
    ----------
    own : of training rows that they did not learn from. as_is : of held-out rows. scaled : of these with the mean and
    deviation of training. error : the standard error.
    """

    own: float
    as_is: float
    scaled: float
    error: float

    @property
    def wrongly_scaled(self) -> bool:
        """Whether held-out rows are foretold clearly better on the scale of training."""
        gain = self.scaled - max(self.as_is, 0.0)
        return self.scaled > 3 * self.error and gain > max(3 * self.error, 0.05)

    @property
    def others(self) -> bool:
        """Whether held-out rows are foretold as they are, and no better on the scale of training."""
        return self.as_is > 3 * self.error and not self.scaled > self.as_is

    @property
    def lost(self) -> bool:
        """Whether less than half of what is told about training rows is told about held-out rows."""
        return self.own > max(6 * self.error, 0.1) and self.as_is < LOST * self.own


def told(context: Context) -> Told | None:
    """What simple learners of the training rows tell; None where rows have no class or number each to be told.

    Parameters
    ----------
    context : the program, with held-out rows.
    """
    if context.held is None or (targets := _targets(context)) is None:
        return None
    tables = _table(context.rows), _table(context.held)
    if tables[0] is None or tables[1] is None or tables[0].shape[1] != tables[1].shape[1]:
        return None
    X, H, Y, Z = map(evenly, (tables[0], tables[1], *targets))
    mean, deviation = X.mean(0), _above_zero(X.std(0))
    other, spread = H.mean(0), _above_zero(H.std(0))
    X, as_is, scaled = (X - mean) / deviation, (H - mean) / deviation, (H - other) / spread
    classes = context.classes is not None
    share = float(Z.mean(0).max()) if classes else 0.0
    error = math.sqrt(share * (1 - share) / len(Z)) if classes else 1 / math.sqrt(len(Z))
    own = max(_above(answers, Y, classes) for answers in (ridge(X, Y), ridge(_curved(X), Y), Y[nearest(X)].mean(1)))
    return Told(own, _told_of((X, Y), as_is, Z, classes), _told_of((X, Y), scaled, Z, classes), error)


def _table(rows: Batch) -> Tensor | None:
    parts = [tensor.reshape(len(tensor), -1).double() for tensor in leaves(rows.inputs) if len(tensor) == len(rows)]
    X = torch.cat(parts, 1) if parts else torch.empty(0, 0)
    return X if 0 < X.shape[1] <= WIDEST and bool(torch.isfinite(X).all()) else None


def _targets(context: Context) -> tuple[Tensor, Tensor] | None:
    """A column a class or a number for the rows of both parts."""
    held = None if context.held is None else context.held.target
    if not isinstance(held, Tensor) or context.target is None:
        return None
    if context.classes is not None:
        both = torch.cat([context.classes, held.reshape(-1).long()])
        if len(both) != len(context.rows) + len(held):
            return None
        columns = torch.nn.functional.one_hot(torch.unique(both, return_inverse=True)[1]).double()
    elif context.numeric and held.shape[1:] == context.target.shape[1:]:
        columns = torch.cat([context.target, held]).reshape(len(context.rows) + len(held), -1).double()
    else:
        return None
    return (columns[: len(context.rows)], columns[len(context.rows) :]) if bool(columns.isfinite().all()) else None


def _above_zero(deviation: Tensor) -> Tensor:
    return torch.where(deviation > 1e-9, deviation, 1.0)


def _curved(X: Tensor) -> Tensor:
    return torch.cat([X, X * X - 1], 1)


def _told_of(lesson: tuple[Tensor, Tensor], rows: Tensor, truth: Tensor, classes: bool) -> float:
    X, Y = lesson
    near = torch.cdist(rows, X).topk(min(NEIGHBOURS, len(X)), largest=False).indices
    answers = fitted_ridge(X, Y, rows), fitted_ridge(_curved(X), Y, _curved(rows)), Y[near].mean(1)
    return max(_above(each, truth, classes) for each in answers)


def _above(answers: Tensor, truth: Tensor, classes: bool) -> float:
    """Accuracy less the share of the commonest class, or R^2."""
    if classes:
        return float((answers.argmax(1) == truth.argmax(1)).double().mean() - truth.mean(0).max())
    spread = (truth - truth.mean(0)).square().mean().clamp_min(1e-12)
    return 1 - float((answers - truth).square().mean() / spread)


def of_its_own(context: Context) -> str:
    """How it is seen that each part was scaled by a scaler of its own; "" where it is not.

    Parameters
    ----------
    context : the program.
    """
    if context.validation is None or not context.data.complete or not context.validation.complete:
        return ""
    parts = [_real_numbers(material.whole) for material in (context.data, context.validation)]
    a, b = parts
    if a is None or b is None or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 20:
        return ""
    real = [k for k in range(a.shape[1]) if _real(a[:, k]) and _real(b[:, k])]
    if len(real) < COLUMNS or float(torch.isin(b[:, real[0]], a[:, real[0]]).double().mean()) > SHARED:
        return ""
    a, b = a[:, real], b[:, real]
    if float((_is_standard(a) & _is_standard(b)).double().mean()) >= NEARLY_ALL:
        return "a mean of exactly 0 and a deviation of exactly 1"
    if float(_same_ends(a, b).double().mean()) >= NEARLY_ALL:
        low, high = (float(pick(a[:, 0])) for pick in (torch.min, torch.max))
        return f"the same ends, exactly (the first column {low:.4g} and {high:.4g}), each met by one row"
    return ""


def _real_numbers(rows: Batch) -> Tensor | None:
    tables = [tensor for tensor in leaves(rows.inputs) if tensor.is_floating_point() and tensor.ndim == 2]
    X = torch.cat([tensor.double() for tensor in tables], 1) if tables else torch.empty(0, 0)
    return X if 0 < X.shape[1] <= WIDEST and bool(torch.isfinite(X).all()) else None


def _real(column: Tensor) -> bool:
    return len(torch.unique(column)) > REAL * len(column)


def _is_standard(X: Tensor) -> Tensor:
    """Whether each column has mean 0 and deviation 1, by n or by n - 1, as no sample of others has."""
    tolerance = min(EXACT, 0.01 / math.sqrt(len(X)))
    deviations = torch.stack([X.std(0, correction=c) for c in (0, 1)])
    return (X.mean(0).abs() < tolerance) & ((deviations - 1).abs().amin(0) < tolerance)


def _same_ends(a: Tensor, b: Tensor) -> Tensor:
    """Whether each column has the same smallest and the same largest number in both parts, met once in each."""
    size = a.std(0).clamp_min(1e-12)
    ends = [(part.amin(0), part.amax(0)) for part in (a, b)]
    near = [(one - other).abs() < EXACT * size for one, other in zip(*ends, strict=True)]
    once = [(part == end).sum(0) == 1 for part, both in zip((a, b), ends, strict=True) for end in both]
    return torch.stack([*near, *once]).all(0)
