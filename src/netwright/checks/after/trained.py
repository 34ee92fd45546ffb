"""A program after its training: what its network answers, row by row, and what simple learners answer for these rows.

All questions after training compare these: the answers with the truth, and both with a linear model and with nearest
neighbours that learned from the training rows and are asked about others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.facts import thinned
from netwright.checks.loss_kind import NUMBERS
from netwright.checks.neighbours import fitted_ridge, nearest, ridge
from netwright.checks.reading import Batch, Material, leaves
from netwright.checks.work import seconds_of

MOST = 1000  # rows of either part that are asked about
LEAST = 60  # held-out rows without which the training rows are judged
SECONDS = 0.5  # that the answers for either part may take
WIDEST = 4096  # columns of a table that simple learners are given
OUTPUTS = 200  # columns of the output, and an autoencoder has as many as its input
NEAR = 5  # neighbours
BEHIND = 0.05  # of accuracy or R^2 by which a rival must be better, to be spoken of
SINGLE = ("logits", "probabilities")  # kinds of loss that take one output for two classes
CHOICES = ("cross-entropy", "nll", *SINGLE)  # for which the largest output is the answer

Rows = tuple[Tensor, Tensor]  # of simple learners: X (n, d) and one-hot classes or numbers (n, m)


@dataclass(frozen=True)
class Part:
    """Some rows and what the network answers for them.

    Attributes
    ----------
    numbers : of the rows, in the data as they were given. held : whether they are held out. truth : class numbers
    (n,), or numbers (n, m). answers : logits (n, k), the largest is the answer; or numbers (n, m). X : the inputs
    (n, d) as one matrix on the scale of the training rows; None where they do not make one.
    """

    numbers: Tensor
    held: bool
    truth: Tensor
    answers: Tensor
    X: Tensor | None

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True)
class Gap:
    """By how much the errors of the network are larger than those of a rival, for the same rows.

    Attributes
    ----------
    mean : of the differences. error : its standard error.
    """

    mean: float
    error: float

    def above(self, margin: float, errors: float = 3.0) -> bool:
        """Whether the network is worse by more than a margin and by more than so many standard errors."""
        return self.mean > margin and self.mean > errors * self.error


class Trained(Context):
    """A program whose module has been trained; parameters as of `Context`.

    Attributes
    ----------
    at_most : rows of either part that are asked about.
    """

    at_most: int = MOST

    @cached_property
    def task(self) -> str:
        """What a row is to be given: "classes" (one of several), "numbers", or "" for anything else."""
        target, output = self.probe.target, self.output
        if not isinstance(target, Tensor) or not isinstance(output, Tensor) or not output.is_floating_point():
            return ""
        width = output.numel() // max(len(output), 1)
        if len(output) != len(self.probe) or not width or width > OUTPUTS:
            return ""
        if self.classes is not None:
            return "classes" if self.kind in CHOICES and (width > 1 or self.kind in SINGLE) else ""
        same = self.numeric and target.numel() == output.numel() and self.kind in NUMBERS
        return "numbers" if same and 2 * width <= max(2, _width(self.probe)) else ""

    @cached_property
    def most(self) -> int:
        """How many rows of either part can be asked about."""
        each = seconds_of(self._answer) / max(1, len(self.probe))
        return int(min(self.at_most, max(2 * LEAST, SECONDS / max(each, 1e-9))))

    def _answer(self, times: int) -> None:
        for _ in range(times):
            self.answer(self.module, self.probe)

    @cached_property
    def learned(self) -> Part | None:
        """Rows that the network was trained on."""
        return self._part(self.data, False)

    @cached_property
    def held_out(self) -> Part | None:
        """Rows that it was not trained on; None where there are not enough."""
        found = None if self.validation is None else self._part(self.validation, True)
        return found if found is not None and len(found) >= LEAST else None

    @property
    def judged(self) -> Part | None:
        """The rows by which the network is judged: held-out rows, and training rows where there are none."""
        return self.held_out or self.learned

    def _part(self, material: Material, held: bool) -> Part | None:
        if not self.task:
            return None
        rows = thinned(material.whole, self.most)
        numbers = material.numbers_of(self.most)
        output, truth = self.answer(self.module, rows), rows.target
        if not isinstance(output, Tensor) or not isinstance(truth, Tensor) or not bool(torch.isfinite(output).all()):
            return None
        X = self._table(rows)
        if self.task == "numbers":
            truth = truth.detach().reshape(len(truth), -1).double().cpu()
            return Part(numbers, held, truth, output.reshape(truth.shape).double().cpu(), X)
        logits = _logits(output, self.kind, self.class_axis)
        truth = truth.detach().reshape(-1).long().cpu()
        there = (truth >= 0) & (truth < logits.shape[1])
        if not bool(there.any()):
            return None
        return Part(numbers[there], held, truth[there], logits[there], None if X is None else X[there])

    @cached_property
    def _scale(self) -> tuple[Tensor, Tensor] | None:
        rows = thinned(self.data.whole, self.most)
        X = _matrix(rows)
        if X is None:
            return None
        deviation = X.std(0, correction=0)
        if any(tensor.ndim > 2 for tensor in leaves(rows.inputs)):  # pixels and steps have one scale
            deviation = deviation.square().mean().sqrt().expand_as(deviation)
        return X.mean(0), torch.where(deviation > 1e-9, deviation, 1.0)

    def _table(self, rows: Batch) -> Tensor | None:
        X, scale = _matrix(rows), self._scale
        return None if X is None or scale is None or X.shape[1] != len(scale[0]) else (X - scale[0]) / scale[1]

    # what the network and its rivals make of the rows

    def errors(self, part: Part, answers: Tensor) -> Tensor:
        """The error of each row (n,): 1 for a wrong class; of numbers, as a share of what their mean leaves.

        Parameters
        ----------
        part : the rows. answers : as the part has them.
        """
        if self.task == "classes":
            return (answers.argmax(1) != part.truth).double()
        middle, away = (part.truth.mean(0), 2) if self.kind == "squares" else (part.truth.median(0).values, 1)
        left = (answers - part.truth).abs().pow(away).mean(1)
        return left / (part.truth - middle).abs().pow(away).mean().clamp_min(1e-12)

    @property
    def score(self) -> str:
        """What 1 less the mean error is called."""
        if self.task == "classes":
            return "accuracy"
        return "R^2" if self.kind == "squares" else "share of the absolute deviation explained"

    def quality(self, part: Part, answers: Tensor) -> float:
        """1 less the mean error: accuracy, R^2 or the share of the absolute deviation that is explained.

        Parameters
        ----------
        part : the rows. answers : as the part has them.
        """
        return 1 - float(self.errors(part, answers).mean())

    def behind(self, part: Part, rival: Tensor, other: Tensor | None = None) -> Gap:
        """How far the network is behind a rival; of classes by accuracy or balanced accuracy, whichever is less.

        Parameters
        ----------
        part : the rows. rival : its answers for them. other : answers that are compared in the place of the network's.
        """
        differences = self.errors(part, part.answers if other is None else other) - self.errors(part, rival)
        gaps = [_gap(differences)]
        if self.task == "classes":
            counts = torch.bincount(part.truth, minlength=part.answers.shape[1]).clamp_min(1)
            weights = 1.0 / counts[part.truth]
            gaps.append(_gap(differences * weights * (len(part) / weights.sum())))
        return min(gaps, key=lambda gap: gap.mean - 3 * gap.error)

    @property
    def poor(self) -> bool:
        """Whether a linear model or neighbours are clearly better for the judged rows."""
        part = self.judged
        rivals = [each for each in (self.line, self.neighbours) if each is not None]
        return part is not None and any(self.behind(part, each).above(BEHIND) for each in rivals)

    @cached_property
    def _lesson(self) -> Rows | None:
        """What simple learners learn from."""
        part = self.learned
        if part is None or part.X is None or len(part) < LEAST:
            return None
        return part.X, self._as_columns(part)

    def _as_columns(self, part: Part) -> Tensor:
        if self.task == "numbers":
            return part.truth
        return torch.nn.functional.one_hot(part.truth, part.answers.shape[1]).double()

    @cached_property
    def line(self) -> Tensor | None:
        """What a linear model answers for the judged rows, none of which it learned from."""
        part, lesson = self.judged, self._lesson
        if part is None or part.X is None or lesson is None:
            return None
        return fitted_ridge(*lesson, part.X) if part.held else self.own_line

    @cached_property
    def own_line(self) -> Tensor | None:
        """What linear models answer for training rows that they did not learn from."""
        return None if self._lesson is None else ridge(*self._lesson)

    @cached_property
    def neighbours(self) -> Tensor | None:
        """What the nearest training rows answer for the judged rows."""
        part, lesson = self.judged, self._lesson
        if part is None or part.X is None or lesson is None:
            return None
        if not part.held:
            return self.own_neighbours
        which = torch.cdist(part.X.float(), lesson[0].float()).topk(NEAR, largest=False).indices
        return lesson[1][which].mean(1)

    @cached_property
    def own_neighbours(self) -> Tensor | None:
        """What the nearest other training rows answer for training rows."""
        return None if self._lesson is None else self._lesson[1][nearest(self._lesson[0].float(), NEAR)].mean(1)

    # the loss

    @cached_property
    def even(self) -> bool:
        """Whether the loss minds a mistake of one kind as much as any other: classes, or too much and too little."""
        if self.intent.imbalanced or self.data.weighted or not isinstance(self.output, Tensor):
            return False
        target, output = self.probe.target, self.output
        if self.task == "numbers":
            step = max(float(target.double().std()), 1e-6)
            more, less = (self.value(target.reshape(output.shape) + each * step, target) for each in (1, -1))
            return math.isfinite(more) and abs(more - less) <= 1e-3 * max(abs(more), abs(less))
        slopes = self._slopes(torch.zeros_like(output) + (0.5 if self.kind == "probabilities" else 0.0), target)
        return slopes is not None and float(slopes.max() - slopes.min()) <= 1e-3 * float(slopes.max())

    def _slopes(self, output: Tensor, target: Any) -> Tensor | None:
        """The length of the gradient of the loss with respect to each row of an output."""
        output = output.detach().clone().requires_grad_()
        with quiet(), torch.enable_grad():
            value = torch.as_tensor(self.loss(output, target)).sum()
        if not value.requires_grad:
            return None
        (slope,) = torch.autograd.grad(value, output)
        return slope.reshape(len(slope), -1).double().norm(dim=1)

    @cached_property
    def likelihood(self) -> bool:
        """Whether the loss is the mean (or sum) of -log p of the true class, so that p is meant as a probability."""
        rows = self.probe
        if self.task != "classes" or not self.even or not isinstance(rows.target, Tensor):
            return False
        own = self.value(self.output, rows.target)
        logits = _logits(self.output, self.kind, self.class_axis)
        truth = rows.target.reshape(-1).long().cpu()
        if int(truth.min()) < 0 or int(truth.max()) >= logits.shape[1]:
            return False
        plain = float(torch.nn.functional.cross_entropy(logits, truth))
        return any(abs(own - plain * times) <= 1e-3 * abs(own) + 1e-6 for times in (1, len(truth)))


def _gap(differences: Tensor) -> Gap:
    """Mean and standard error; one more row that differs is added, so that few rows are not taken for certain."""
    n = len(differences)
    spread = (differences - differences.mean()).square().sum() + differences.abs().amax().square()
    return Gap(float(differences.mean()), float(spread.sqrt()) / n)


def _width(batch: Batch) -> int:
    """Numbers of a row of the inputs."""
    return sum(tensor.numel() // max(1, len(tensor)) for tensor in leaves(batch.inputs))


def _matrix(rows: Batch) -> Tensor | None:
    """All inputs as one matrix; None where they are too wide or not finite."""
    tensors = list(leaves(rows.inputs))
    if any(len(tensor) != len(rows) for tensor in tensors) or not 0 < _width(rows) <= WIDEST:
        return None
    X = torch.cat([tensor.detach().reshape(len(tensor), -1).double().cpu() for tensor in tensors], 1)
    return X if bool(torch.isfinite(X).all()) else None


def _logits(output: Tensor, kind: str, axis: int) -> Tensor:
    """One number a class (n, k), of which the softmax is what the output says of the classes."""
    output = output.detach().double().cpu()
    if output.numel() == len(output):
        one = output.reshape(-1)
        one = one.clamp(1e-9, 1 - 1e-9).logit() if kind == "probabilities" else one
        return torch.stack([torch.zeros_like(one), one], 1)
    rows = output.movedim(axis, -1).reshape(-1, output.shape[axis])
    return rows.clamp_min(1e-12).log() if kind == "probabilities" else rows
