"""What the rows alone say about the target: simple learners without the user's network, out of fold.

The question is whether there is any relation at all, so the best of several learners counts: nearest neighbours, a
ridge regression on the columns and their squares, on the spectrum of a sequence, on counts of tokens, and random trees.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.model_selection import cross_val_predict
from torch import Tensor

from netwright.checks.context import Context
from netwright.checks.facts import MOST_ROWS, thinned
from netwright.checks.reading import leaves

ROWS = 800
NEIGHBOURS = 10
FOLDS = 4
MOST_PAIRED = 24  # columns whose products are looked at
MOST_CATEGORIES = 1500  # of all columns of integers


@dataclass
class Guess:
    """Out-of-fold guesses of one learner.

    Attributes
    ----------
    learner : its name. scores : (n, k) one number a class, or (n, m) predictions of numbers. quality : accuracy or R^2.
    """

    learner: str
    scores: Tensor
    quality: float


@dataclass
class Relation:
    """What simple learners find between inputs and target.

    Attributes
    ----------
    quality : the best accuracy or R^2. chance : what no relation gives. error : the standard error of quality.
    guesses : of all learners that were asked. answers : what they guess, one column a class or a number.
    """

    quality: float
    chance: float
    error: float
    best: Guess | None
    guesses: tuple[Guess, ...] = ()
    answers: Tensor | None = None

    @property
    def exists(self) -> bool:
        """Whether the best learner is better than chance by more than three standard errors."""
        return self.quality > self.chance + 3 * self.error


def matrix(context: Context, most: int = ROWS) -> tuple[Tensor, Tensor] | None:
    """Rows of all inputs as one standardised matrix, and the target's rows; None where there is no single target."""
    if not isinstance(context.rows.target, Tensor) or len(context.rows.target) != len(context.rows):
        return None  # several targets, or as many as there are pairs or nodes and not as there are rows
    rows = thinned(context.rows, most)
    parts = [tensor.reshape(len(tensor), -1).double() for tensor in leaves(rows.inputs) if len(tensor) == len(rows)]
    if not parts:
        return None
    X = torch.cat(parts, 1)
    if not bool(torch.isfinite(X).all()) or X.shape[1] > 20_000:
        return None
    deviation = X.std(0)
    return (X - X.mean(0)) / torch.where(deviation > 1e-9, deviation, 1.0), rows.target


def nearest(X: Tensor, k: int = NEIGHBOURS) -> Tensor:
    """The indices (n, k) of the k nearest other rows."""
    distance = torch.cdist(X, X)
    distance.fill_diagonal_(float("inf"))
    return distance.topk(min(k, len(X) - 1), largest=False).indices


def relation(context: Context, classes: Tensor | None) -> Relation | None:
    """What simple learners find; they are asked one after the other until one finds a relation.

    Parameters
    ----------
    context : the program. classes : class numbers of ``context.rows``, or None for a target of numbers.
    """
    read = matrix(context)
    if read is None:
        return None
    X, target = read
    if classes is not None:
        _, labels = torch.unique(thinned_like(context, classes), return_inverse=True)
        Y = torch.nn.functional.one_hot(labels).double()
        chance = float(Y.mean(0).max())
        error = float(np.sqrt(chance * (1 - chance) / len(Y)))
    else:
        Y, chance, error = target.reshape(len(target), -1).double(), 0.0, 1 / np.sqrt(len(target))
        if not bool(torch.isfinite(Y).all()):
            return None
    best: Guess | None = None
    guesses: list[Guess] = []
    for guess in _guesses(context, X, Y, classes is not None):
        guesses.append(guess)
        best = guess if best is None or guess.quality > best.quality else best
        if best.quality > chance + 3 * error:
            break
    return Relation(best.quality if best else chance, chance, error, best, tuple(guesses), Y)


def kept_rows(context: Context, most: int = ROWS) -> Tensor:
    """The numbers, in the data as the user has them, of the rows that `matrix` keeps."""
    return thinned_like(context, context.data.numbers_of(MOST_ROWS), most)


def thinned_like(context: Context, values: Tensor, most: int = ROWS) -> Tensor:
    """Values that belong to ``context.rows``, for the rows that `matrix` keeps."""
    return evenly(values, most)


def evenly(values: Tensor, most: int = ROWS) -> Tensor:
    """At most so many values, evenly spaced."""
    n = len(values)
    return values if n <= most else values[torch.linspace(0, n - 1, most).round().long()]


def told_by(X: Tensor, Y: Tensor, classes: bool, enough: float) -> float:
    """The accuracy or R^2 of the best of several learners out of fold; once one is good enough no more are asked.

    Parameters
    ----------
    X : standardised columns, (n, d). Y : one column a class or a number, (n, m). classes : which of both.
    enough : accuracy or R^2.
    """
    best = -math.inf
    for guess in chain(_of_columns(X, Y, classes), _of_trees(X, Y, classes)):
        best = max(best, guess.quality)
        if best >= enough:
            break
    return best


def _rated(name: str, scores: Tensor, Y: Tensor, classes: bool) -> Guess:
    if classes:
        return Guess(name, scores, float((scores.argmax(1) == Y.argmax(1)).double().mean()))
    spread = (Y - Y.mean(0)).square().mean()
    return Guess(name, scores, 1 - float((scores - Y).square().mean() / spread.clamp_min(1e-12)))


def _guesses(context: Context, X: Tensor, Y: Tensor, classes: bool) -> Iterator[Guess]:
    def rated(name: str, scores: Tensor) -> Guess:
        return _rated(name, scores, Y, classes)

    yield from _of_columns(X, Y, classes)
    rows = thinned(context.rows, ROWS)
    floats = [tensor for tensor in leaves(rows.inputs) if tensor.ndim == 3]
    if floats and floats[0].is_floating_point():
        spectrum = torch.fft.rfft(floats[0].double(), dim=1).abs().reshape(len(X), -1)
        yield rated("ridge regression of the spectrum", ridge(standard(spectrum), Y))
        yield rated("nearest neighbours in the spectrum", Y[nearest(standard(spectrum))].mean(1))
    tokens = [tensor for tensor in leaves(rows.inputs) if not tensor.is_floating_point()]
    if tokens and tokens[0].ndim == 2 and int(tokens[0].min()) >= 0 and int(tokens[0].max()) < 20_000:
        yield rated("ridge regression of tokens", ridge(standard(_bags(tokens[0])), Y))
    integers = [tensor.reshape(len(X), -1) for tensor in leaves(rows.inputs) if not tensor.is_floating_point()]
    if integers and (known := _categories(torch.cat(integers, 1))) is not None:
        yield rated("ridge regression of categories", ridge(standard(known), Y))
    yield from _of_trees(X, Y, classes)


def _of_columns(X: Tensor, Y: Tensor, classes: bool) -> Iterator[Guess]:
    yield _rated("nearest neighbours", Y[nearest(X)].mean(1), Y, classes)
    yield _rated("ridge regression", ridge(X, Y), Y, classes)
    yield _rated("ridge regression with squares", ridge(torch.cat([X, X * X], 1), Y), Y, classes)
    if 2 <= X.shape[1] <= MOST_PAIRED:
        first, second = torch.triu_indices(X.shape[1], X.shape[1], 1)
        pairs = torch.cat([X, standard(X[:, first] * X[:, second])], 1)
        yield _rated("ridge regression with products", ridge(pairs, Y), Y, classes)


def _of_trees(X: Tensor, Y: Tensor, classes: bool) -> Iterator[Guess]:
    yield _rated("random trees", _trees(X, Y, classes), Y, classes)


def standard(X: Tensor) -> Tensor:
    """Columns with mean 0 and standard deviation 1; constant ones 0."""
    deviation = X.std(0)
    return (X - X.mean(0)) / torch.where(deviation > 1e-9, deviation, 1.0)


def _bags(tokens: Tensor) -> Tensor:
    """How often each token is there, and where it is first; the 200 commonest."""
    values, counts = torch.unique(tokens, return_counts=True)
    values = values[counts.argsort(descending=True)[:200]]
    here = tokens[:, :, None] == values
    steps = torch.arange(tokens.shape[1])[None, :, None].double()
    places = torch.where(here, steps, float(tokens.shape[1])).amin(1)
    return torch.cat([here.double().sum(1), places], 1)


def _categories(codes: Tensor) -> Tensor | None:
    """One column for each value of each column; None where there are too many."""
    found = [torch.unique(column, return_inverse=True) for column in codes.T[:64]]
    if codes.shape[1] > 64 or sum(len(values) for values, _ in found) > MOST_CATEGORIES:
        return None
    return torch.cat([torch.nn.functional.one_hot(place, len(values)) for values, place in found], 1).double()


def ridge(X: Tensor, Y: Tensor, strength: float = 1.0) -> Tensor:
    """Out-of-fold answers of a ridge regression.

    Shapes
    ------
    X (n, d), Y (n, m) -> (n, m)
    """
    n = len(X)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    answers = torch.zeros_like(Y)
    for held in order.chunk(FOLDS):
        kept = torch.ones(n, dtype=torch.bool)
        kept[held] = False
        answers[held] = fitted_ridge(X[kept], Y[kept], X[held], strength * max(1.0, n / 100))
    return answers


def fitted_ridge(X: Tensor, Y: Tensor, others: Tensor, strength: float | None = None) -> Tensor:
    """Answers of a ridge regression for other rows than those that it learned from.

    Parameters
    ----------
    X, Y : to learn from; columns of X with mean 0. others : rows to answer for. strength : of the penalty; None for 1,
    or a hundredth of the rows where that is more.

    Shapes
    ------
    X (n, d), Y (n, m), others (k, d) -> (k, m)
    """
    strength = max(1.0, len(X) / 100) if strength is None else strength
    mean = Y.mean(0)
    if X.shape[1] <= X.shape[0]:
        gram = X.T @ X + strength * torch.eye(X.shape[1], dtype=X.dtype)
        weights = torch.linalg.solve(gram, X.T @ (Y - mean))
    else:
        gram = X @ X.T + strength * torch.eye(X.shape[0], dtype=X.dtype)
        weights = X.T @ torch.linalg.solve(gram, Y - mean)
    return others @ weights + mean


def _trees(X: Tensor, Y: Tensor, classes: bool) -> Tensor:
    if classes:
        labels = Y.argmax(1).numpy()
        common = int(np.bincount(labels).min()) >= FOLDS
        model = ExtraTreesClassifier(40, random_state=0) if common else ExtraTreesRegressor(40, random_state=0)
        method, goal = ("predict_proba", labels) if common else ("predict", Y.numpy())
    else:
        model, method, goal = ExtraTreesRegressor(40, random_state=0), "predict", Y.numpy()
    found = cross_val_predict(model, X.numpy(), goal.squeeze(), cv=FOLDS, method=method)
    return torch.from_numpy(np.asarray(found, dtype=float)).reshape(len(X), -1)
