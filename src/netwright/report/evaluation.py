"""What a model said about rows that it was not trained on, and how well: predictions, scores, and some of the samples.

For n rows with true values t and predictions p:

=========== ============================== =========== ========================================
classify                                   regress
========================================== ====================================================
accuracy    mean [p_i = t_i]               rmse        sqrt(mean (p_i - t_i)^2)
error       1 - accuracy                   mae         mean |p_i - t_i|
log_loss    -mean ln P_i(t_i)              r2          1 - sum (p_i - t_i)^2 / sum (t_i - t)^2
=========== ============================== =========== ========================================

An evaluation goes to a file of kind "evaluation" in the one format of `netwright.core.storage`, so that a report can be
written again without the data.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidData, problem, shown
from netwright.data import is_table, to_columns

KIND = "evaluation"
WORST, TYPICAL = 16, 8  # samples that are kept to be shown
TINY = 1e-15  # probabilities below it count as it
PIXELS = 128  # images that are kept are thinned out to at most so many rows and columns
CELL = 60  # characters of a table's cell that are kept


@dataclass(frozen=True)
class Evaluation:
    """Predictions for n rows.

    Parameters
    ----------
    task : "classify" or "regress".
    target : what is predicted, its name.
    classes : the labels as text, for classification.
    true, predicted : numbers of classes (n,) int64, or values (n,) float64.
    probability : of the predicted class, and of the true one, (n, 2); None where the model gives none.
    rows : which rows of the data these are, (n,) int64.
    shown : which of the n rows are kept as samples, the worst first, (k,) int64.
    images : these samples as images, (k, channels, height, width) uint8, or None.
    cells : these samples as {column: texts}; for files, their names in the column "file".
    """

    task: str
    target: str
    classes: tuple[str, ...]
    true: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray | None
    rows: np.ndarray
    shown: np.ndarray
    images: np.ndarray | None = None
    cells: dict[str, list[str]] = field(default_factory=dict)

    @property
    def scores(self) -> dict[str, float]:
        """The figures at the head of this file."""
        return scores_of(self.task, self.true, self.predicted, self.probability)

    @property
    def badness(self) -> np.ndarray:
        """How wrong each row is, (n,): the absolute residual, or how far a wrong class was before the true one."""
        if self.task == "regress":
            return np.abs(self.predicted - self.true)
        wrong = (self.predicted != self.true).astype(np.float64)
        return wrong if self.probability is None else wrong * (1 + self.probability[:, 0] - self.probability[:, 1])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the evaluation to a file."""
        cells = [[name, column] for name, column in self.cells.items()]  # a dict would lose its order in the file
        content = {"task": self.task, "target": self.target, "classes": list(self.classes), "cells": cells}
        arrays = {"true": self.true, "predicted": self.predicted, "rows": self.rows, "shown": self.shown}
        optional = {"probability": self.probability, "images": self.images}
        present = {name: array for name, array in optional.items() if array is not None}
        storage.write(path, KIND, content, {**arrays, **present})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Evaluation:
        """The evaluation in a file.

        Raises
        ------
        CorruptFile : a file that is damaged, or of another kind.
        """
        kind, content, arrays = storage.read(path)
        where = os.fspath(path)
        if kind != KIND:
            raise CorruptFile(problem(where, "an evaluation", f"a file of kind {kind!r}", "Is it the model file?"))
        try:
            made = cls(
                task=str(content["task"]),
                target=str(content["target"]),
                classes=tuple(map(str, content["classes"])),
                **{name: arrays[name] for name in ("true", "predicted", "rows", "shown")},
                probability=arrays.get("probability"),
                images=arrays.get("images"),
                cells={str(name): [str(cell) for cell in column] for name, column in content["cells"]},
            )
            made._check()
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CorruptFile(problem(where, "the fields of an evaluation", f"{error!r}")) from error
        return made

    def _check(self) -> None:
        """That the arrays belong together; an error tells that they do not."""
        n, k = len(self.true), len(self.shown)
        lengths = {len(self.predicted), len(self.rows), n if self.probability is None else len(self.probability)}
        samples = {k if self.images is None else len(self.images), *map(len, self.cells.values()), k}
        if lengths != {n} or samples != {k} or self.task not in ("classify", "regress"):
            raise ValueError(f"arrays of {n} rows and of {sorted(lengths)}, samples of {k} and of {sorted(samples)}")
        self.rows[self.shown]
        if self.task == "classify":
            names = np.array(self.classes)
            names[self.true], names[self.predicted]


def scores_of(
    task: str, true: np.ndarray, predicted: np.ndarray, probability: np.ndarray | None = None
) -> dict[str, float]:
    """The scores of predictions; see the head of this file.

    Shapes
    ------
    true (n,), predicted (n,), probability (n, 2) or None

    Examples
    --------
    >>> scores_of("regress", np.array([1.0, 3.0]), np.array([2.0, 3.0]))
    {'rmse': 0.7071067811865476, 'mae': 0.5, 'r2': 0.5}
    """
    if task == "classify":
        accuracy = float((true == predicted).mean())
        scores = {"accuracy": accuracy, "error": 1 - accuracy}
        if probability is not None:
            scores["log_loss"] = float(-np.log(np.maximum(probability[:, 1].astype(np.float64), TINY)).mean())
        return scores
    residual = predicted.astype(np.float64) - true
    total = float(((true - true.mean()) ** 2).sum())
    squares = float((residual**2).sum())
    r2 = 1 - squares / total if total > 0 else float("nan")
    return {"rmse": float(np.sqrt((residual**2).mean())), "mae": float(np.abs(residual).mean()), "r2": r2}


def evaluate(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    target: str = "target",
    rows: np.ndarray | None = None,
    files: tuple[str, ...] = (),
) -> Evaluation:
    """Predict rows whose target is known.

    Parameters
    ----------
    estimator : a fitted `Classifier` of one question, or a fitted `Regressor` of one number.
    X : the rows: an array, a frame, or a dict of columns.
    y : their labels or numbers, (n,).
    target : what is predicted, for tables and titles.
    rows : the numbers of these rows in the data; 0 to n - 1 by default.
    files : names of the samples, where each is a file.

    Raises
    ------
    InvalidData : labels that the classifier does not know, or X that it cannot take.

    Examples
    --------
    >>> import netwright as nw
    >>> X, y = nw.data.load_digits()
    >>> clf = nw.Classifier("Flatten() >> Softmax(10)", epochs=1, random_state=0).fit(X, y)
    >>> sorted(evaluate(clf, X[:100], y[:100]).scores)
    ['accuracy', 'error', 'log_loss']
    """
    y = np.asarray(y)
    rows = np.arange(len(y)) if rows is None else np.asarray(rows)
    if hasattr(estimator, "classes_"):
        classes, true, predicted, probability = _classified(estimator, X, y)
        task = "classify"
    else:
        classes, true, predicted, probability = (), y.astype(np.float64), estimator.predict(X).astype(np.float64), None
        task = "regress"
    bare = Evaluation(task, target, classes, true, predicted, probability, rows.astype(np.int64), np.arange(0))
    chosen = _worth_showing(bare)
    images, cells = _samples(X, chosen, files)
    return replace(bare, shown=chosen, images=images, cells=cells)


def _classified(
    estimator: Any, X: Any, y: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray | None]:
    """Class names, numbers of the true and of the predicted classes, and the probabilities of both."""
    labels = np.asarray(estimator.classes_)
    true = _codes(labels, y)
    classes = tuple(str(label) for label in labels.tolist())
    if not hasattr(estimator, "predict_proba"):
        return classes, true, np.searchsorted(labels, estimator.predict(X)), None
    matrix = estimator.predict_proba(X)
    predicted = matrix.argmax(1)
    line = np.arange(len(y))
    return classes, true, predicted, np.stack([matrix[line, predicted], matrix[line, true]], axis=1).astype(np.float32)


def _codes(labels: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The numbers of labels among the sorted ones of a classifier."""
    places = np.searchsorted(labels, y).clip(0, len(labels) - 1)
    strange = np.flatnonzero(labels[places] != y)
    if strange.size:
        row = int(strange[0])
        got = f"{shown(y[row].item())} in row {row}"
        raise InvalidData(problem("y", "labels that the model was trained on", got, "Leave those rows out."))
    return places.astype(np.int64)


def _worth_showing(evaluation: Evaluation) -> np.ndarray:
    """The worst rows, worst first, and then some that are right (for numbers: some others), spread evenly."""
    badness = evaluation.badness
    order = np.argsort(-badness, kind="stable")[:WORST]
    worst = order[badness[order] > 0]
    others = np.setdiff1d(np.arange(len(badness)), worst)
    others = others[badness[others] == 0] if evaluation.task == "classify" else others
    typical = others[np.linspace(0, len(others) - 1, min(TYPICAL, len(others))).astype(int)] if len(others) else others
    return np.concatenate([worst, typical]).astype(np.int64)


def _samples(X: Any, shown: np.ndarray, files: tuple[str, ...]) -> tuple[np.ndarray | None, dict[str, list[str]]]:
    """The samples as images, or as texts by column."""
    if is_table(X):
        return None, {name: list(map(_text, column[shown].tolist())) for name, column in to_columns(X).items()}
    X = np.asarray(X)
    cells = {"file": [files[row] for row in shown]} if files else {}
    if X.ndim != 4 or X.shape[1] not in (1, 3):
        return None, cells
    step = max(1, -(-max(X.shape[2:]) // PIXELS))
    images = X[shown][:, :, ::step, ::step].astype(np.float64)
    low, high = (0.0, 1.0) if images.size and images.min() >= 0 and images.max() <= 1 else _range(images)
    return np.round((images - low) / (high - low) * 255).clip(0, 255).astype(np.uint8), cells


def _range(images: np.ndarray) -> tuple[float, float]:
    low, high = (float(images.min()), float(images.max())) if images.size else (0.0, 1.0)
    return low, high if high > low else low + 1


def _text(cell: Any) -> str:
    if cell is None or cell != cell:
        return ""
    text = f"{cell:.6g}" if isinstance(cell, float) else str(cell)
    return text if len(text) <= CELL else f"{text[: CELL - 3]}..."
