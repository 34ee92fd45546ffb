"""The tables of a report: layers, classes, mistakes, settings."""

from __future__ import annotations

from typing import Any

import numpy as np

from netwright.report.evaluation import Evaluation
from netwright.report.page import Cell, table
from netwright.report.words import figures, percent

CLASSES = 30  # classes that the table of classes lists, those with the lowest recall
CELLS = 7  # columns of a data table that the table of mistakes shows
_HIDDEN = ("network", "callbacks", "validation", "verbose", "warm_start")


def network_table(summary: Any) -> str:
    """A row a layer, with the totals below."""
    rows = []
    size = _size(summary)
    most = max((row.parameters for row in summary.rows), default=0)
    for row in summary.rows:
        seen = "-" if row.receptive_field is None else " × ".join(map(str, _within(row.receptive_field, size)))
        share = Cell.of(f"{row.parameters:,}", row.parameters / most if most else 0.0)
        shape = " × ".join(map(str, row.output_shape or ()))
        rows.append((row.path, row.layer, shape, share, f"{row.macs:,}", seen))
    headings = ("layer", "what it is", "output shape", "parameters", "MACs", "sees of the input")
    foot = ("total", "", "", f"{summary.parameters:,}", f"{summary.macs:,}", "")
    return table(headings, rows, numeric=(2, 3, 4, 5), foot=foot)


def _size(summary: Any) -> tuple[int, ...]:
    """The axes of space of the only input; none where there are several."""
    shapes = [row.output_shape for row in summary.rows if row.layer.startswith("Input(")]
    return tuple(shapes[0][1:]) if len(shapes) == 1 else ()


def _within(field: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, ...]:
    """A receptive field without what lies in the padding: there is no more to be seen than the input has."""
    return tuple(map(min, field, size)) if len(field) == len(size) else field


def class_table(evaluation: Evaluation) -> str:
    """Precision, recall and F1 of each class, from its counts.

    precision = right among those called so, recall = right among those that are so, F1 = their harmonic mean.
    """
    k = len(evaluation.classes)
    counts = np.bincount(evaluation.true * k + evaluation.predicted, minlength=k * k).reshape(k, k)
    right, rows, called = counts.diagonal(), counts.sum(1), counts.sum(0)
    recall = right / np.maximum(rows, 1)
    precision = right / np.maximum(called, 1)
    listed = np.sort(np.argsort(recall + (rows == 0) * 2, kind="stable")[:CLASSES])
    body = []
    for code in listed.tolist():
        f1 = 2 * right[code] / max(rows[code] + called[code], 1)
        shares = [Cell.of(percent(float(share), 1), float(share)) for share in (precision[code], recall[code], f1)]
        body.append((evaluation.classes[code], *shares, f"{rows[code]:,}"))
    name = "class" if k <= CLASSES else f"class (the {CLASSES} of {k} with the lowest recall)"
    return table((name, "precision", "recall", "F1", "rows"), body, numeric=(1, 2, 3, 4))


def mistake_table(evaluation: Evaluation, which: np.ndarray) -> str:
    """Rows of a table with what is true, what was said, and their first columns."""
    names = list(evaluation.cells)[:CELLS]
    body = []
    for place in which.tolist():
        row = int(evaluation.shown[place])
        cells = [evaluation.cells[name][place] for name in names]
        body.append((f"{evaluation.rows[row]:,}", *_outcome(evaluation, row), *cells))
    if evaluation.task == "regress":
        return table(("row", "true", "said", "residual", *names), body, numeric=(0, 1, 2, 3))
    return table(("row", "true", "said", "probability", *names), body, numeric=(0, 3))


def _outcome(evaluation: Evaluation, row: int) -> tuple[str, str, str]:
    true, said = evaluation.true[row], evaluation.predicted[row]
    if evaluation.task == "regress":
        return figures(float(true)), figures(float(said)), figures(float(true - said))
    sure = "-" if evaluation.probability is None else percent(float(evaluation.probability[row, 0]), 1)
    return evaluation.classes[int(true)], evaluation.classes[int(said)], sure


def settings_table(estimator: Any) -> str:
    """What the estimator was made with, as code."""
    rows = [("estimator", type(estimator).__name__)]
    for name, item in estimator.get_params(deep=False).items():
        if name not in _HIDDEN and item is not None:
            rows.append((name, item if isinstance(item, str) else repr(item)))
    if getattr(estimator, "loss", "") is None and hasattr(estimator, "loss_function_"):
        rows.append(("loss", f"{estimator.loss_function_!r} (by default)"))
    return table(("setting", "value"), rows)
