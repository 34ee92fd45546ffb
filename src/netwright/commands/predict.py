"""``netwright predict MODEL DATA``: a CSV table with a row for each sample; sentences with their tags; boxes, drawn."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from netwright.commands import sequences
from netwright.commands.detection import predicting as detection
from netwright.commands.reading import Dataset, read_like
from netwright.commands.run_folder import model_path, to_csv, write_text
from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem
from netwright.estimators import Classifier, Regressor
from netwright.files import load
from netwright.report.words import counted
from netwright.sequence import SequenceTagger, TextClassifier
from netwright.vision.detection.detector import Detector


def run(options: Namespace) -> int:
    """Run the command."""
    path = model_path(options.model)
    estimator = load(path)
    if isinstance(estimator, Detector):
        return detection.predict(estimator, options)
    options.data = _only(options)
    if isinstance(estimator, (SequenceTagger, TextClassifier)):
        return sequences.predict(estimator, path, options)
    if not isinstance(estimator, (Classifier, Regressor)):
        expected = "a trained Classifier, Regressor, tagger, text classifier or detector"
        remedy = "In Python, netwright.load gives it with its own methods."
        raise InvalidData(problem(f"model {options.model!r}", expected, type(estimator).__name__, remedy))
    if options.proba and not hasattr(estimator, "predict_proba"):
        remedy = "Leave --proba out."
        raise InvalidParameter(problem("--proba", "a classifier with probabilities", type(estimator).__name__, remedy))
    data = read_like(options.data, tuple(estimator.network_.input_shape))
    names, columns = predictions(estimator, data, options.proba)
    text = to_csv(names, zip(*columns, strict=True))
    if options.out is None:
        sys.stdout.write(text)
    else:
        write_text(Path(options.out), text)
        print(f"{options.out}: {counted(data.rows, 'prediction')}", file=sys.stderr)
    return 0


def _only(options: Namespace) -> str:
    """The one DATA of a model that is no detector.

    Raises
    ------
    InvalidParameter : several, or an option of detectors.
    """
    for name in ("pictures", "score"):
        if getattr(options, name) is not None:
            expected = "a model that finds objects in images"
            raise InvalidParameter(problem(f"--{name}", expected, "another", "Leave it out."))
    if len(options.data) > 1:
        remedy = "Give the folder in which they lie."
        raise InvalidParameter(problem("DATA", "one", f"{len(options.data)}: {', '.join(options.data)}", remedy))
    return str(options.data[0])


def predictions(estimator: Any, data: Dataset, proba: bool) -> tuple[list[str], list[list[Any]]]:
    """Names and columns of the table: the row or the file, the prediction, and a column a class where asked for."""
    X = _features(estimator, data)
    names = ["file" if data.files else "row", "prediction"]
    first: list[Any] = list(data.files) if data.files else list(range(data.rows))
    predicted = estimator.predict(X)
    if predicted.ndim != 1:
        got = f"{predicted.shape[1]} targets a row"
        raise InvalidData(
            problem("predict", "a model of one target", got, "Load it in Python: nw.load(path).predict(X).")
        )
    columns = [first, predicted.tolist()]
    if proba:
        matrix = np.asarray(estimator.predict_proba(X))
        for place, label in enumerate(estimator.classes_.tolist()):
            names.append(f"p({label})")
            columns.append([f"{p:.6g}" for p in matrix[:, place].tolist()])
    return names, columns


def _features(estimator: Any, data: Dataset) -> Any:
    """What the model takes: the images, or the columns that it was trained on.

    Raises
    ------
    InvalidData : data of the other kind, or a column that is not there.
    """
    wanted = list(getattr(estimator, "feature_names_in_", []))
    if data.kind == "images":
        if wanted:
            got = f"images of shape {data.X.shape[1:]}"
            raise InvalidData(problem(f"data {data.source!r}", "a table, as in training", got, "Give a table."))
        return data.X
    if not wanted:
        shape = tuple(estimator.network_.input_shape)
        raise InvalidData(problem(f"data {data.source!r}", f"images of shape {shape}, as in training", "a table"))
    absent = [name for name in wanted if name not in data.X]
    if absent:
        got = f"no column {', '.join(map(repr, absent[:5]))}{', ...' if len(absent) > 5 else ''}"
        raise InvalidData(
            problem(f"data {data.source!r}", "the columns of training", got, did_you_mean(absent[0], data.X))
        )
    return {name: data.X[name] for name in wanted}
