"""What a model is asked and answers, as plain data: rows, images or texts in, predictions and probabilities out.

========= ============================================= ======================================================
it takes  a question                                    models
========= ============================================= ======================================================
rows      {"rows": [[1.5, 2], ...]} or                  classifiers and regressors of rows, classical networks
          {"rows": [{"age": 31, "town": "Rome"}, ...]}
images    {"images": ["<base64 of an image file>"]}     classifiers of images, detectors
texts     {"texts": ["one text", ...]}                  classifiers of texts, taggers (words apart by spaces)
========= ============================================= ======================================================

A date is a text such as "2024-12-31" or "2024-12-31T12:00:00"; null stands for what is missing.
An answer has ``predictions``, one for each; of a classifier also ``classes`` and ``probabilities``.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from netwright.core.errors import InvalidData, did_you_mean, problem, shown
from netwright.data.images import decode_image, fitted_to
from netwright.sequence import SequenceTagger, TextClassifier
from netwright.vision.detection.detector import Detector
from netwright.vision.single.image_classifier import ImageClassifier


class Answering:
    """A model that answers questions in plain data.

    Parameters
    ----------
    model : a fitted estimator, as `netwright.load` gives it.

    Raises
    ------
    InvalidData : a model that cannot be asked so.

    Examples
    --------
    >>> import netwright as nw
    >>> knows = nw.classical.GRNN(0.5).fit([[0.0], [1.0]], [1.0, 3.0])
    >>> Answering(knows).answer({"rows": [[0.5]]})
    {'predictions': [2.0]}
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.takes, self._read = _reading(model)

    def describe(self) -> dict[str, Any]:
        """What the model is and takes: kind, classes, columns or the shape of an image."""
        found: dict[str, Any] = {"model": type(self.model).__name__, "takes": self.takes}
        if hasattr(self.model, "classes_"):
            found["classes"] = plain(self.model.classes_)
        if self.takes == "rows":
            found["columns"] = columns_of(self.model)
        shape = _image_shape(self.model)
        if shape is not None:
            found["shape"] = list(shape)
        return found

    def answer(self, question: Any, most: int = 10_000) -> dict[str, Any]:
        """The answer to a question.

        Parameters
        ----------
        question : plain data, as in the table of this module.
        most : how many rows, images or texts there may be.

        Raises
        ------
        InvalidData : a question of another form, and what the model itself refuses.
        """
        if not isinstance(question, dict) or set(question) != {self.takes}:
            got = f"the keys {sorted(map(str, question))}" if isinstance(question, dict) else shown(question)
            raise InvalidData(problem("question", f'{{"{self.takes}": [...]}}', got))
        given = question[self.takes]
        if not isinstance(given, list) or not given:
            raise InvalidData(problem(f"question, {self.takes}", "a list with one at least", shown(given)))
        if len(given) > most:
            raise InvalidData(problem(f"question, {self.takes}", f"at most {most}", str(len(given)), "Ask in parts."))
        X = self._read(given)
        if isinstance(self.model, ImageClassifier):
            found: dict[str, Any] = {"predictions": plain(self.model.classify(X))}
        else:
            found = {"predictions": plain(self.model.predict(X))}
        if hasattr(self.model, "predict_proba") and hasattr(self.model, "classes_"):
            found |= {"classes": plain(self.model.classes_), "probabilities": plain(self.model.predict_proba(X))}
        return found


def _reading(model: Any) -> tuple[str, Callable[[list[Any]], Any]]:
    """What a model takes, and how a list of it becomes what `predict` takes."""
    if isinstance(model, (Detector, ImageClassifier)):
        return "images", lambda given: [_image(item, place) for place, item in enumerate(given)]
    if isinstance(model, TextClassifier):
        return "texts", lambda given: [_text(item, place) for place, item in enumerate(given)]
    if isinstance(model, SequenceTagger) and not getattr(model, "n_features_in_", 0):
        return "texts", lambda given: [_text(item, place).split() for place, item in enumerate(given)]
    shape = _image_shape(model)
    if shape is not None:
        return "images", lambda given: np.stack([_fitted(item, place, shape) for place, item in enumerate(given)])
    if hasattr(model, "predict") and getattr(model, "n_features_in_", None):
        return "rows", lambda given: _rows(given, model)
    expected = "a model that predicts from rows, images or texts"
    raise InvalidData(problem("serving", expected, type(model).__name__, "Use it in Python: netwright.load."))


def _image_shape(model: Any) -> tuple[int, ...] | None:
    """(channels, height, width) of a model of images in arrays, else None."""
    shape = tuple(getattr(getattr(model, "network_", None), "input_shape", ()) or ())
    whole = len(shape) == 3 and all(isinstance(size, int) for size in shape) and shape[0] in (1, 3)
    return shape if whole and not hasattr(model, "feature_names_in_") else None


def columns_of(model: Any) -> list[str]:
    """The names of a model's columns: those of the frame it learned from, or x0, x1, ...

    Parameters
    ----------
    model : fitted, with ``n_features_in_``.
    """
    return [str(name) for name in getattr(model, "feature_names_in_", [f"x{i}" for i in range(model.n_features_in_)])]


def _rows(given: list[Any], model: Any) -> Any:
    """Rows as lists or as objects; of a model that learned from a frame, its columns by name."""
    names = columns_of(model)
    table = [_row(row, place, names) for place, row in enumerate(given)]
    if not hasattr(model, "feature_names_in_"):
        return np.array(
            [
                [_number(item, place, name) for item, name in zip(row, names, strict=True)]
                for place, row in enumerate(table)
            ]
        )
    return {name: _column([row[i] for row in table]) for i, name in enumerate(names)}


def _row(row: Any, place: int, names: Sequence[str]) -> list[Any]:
    where = f"question, row {place}"
    if isinstance(row, dict):
        unknown = next((str(name) for name in row if name not in names), None)
        absent = next((name for name in names if name not in row), None)
        if unknown is not None or absent is not None:
            got = f"no {absent!r}" if unknown is None else repr(unknown)
            remedy = did_you_mean(unknown, list(names)) if unknown is not None else "null stands for what is missing."
            raise InvalidData(problem(where, f"the {len(names)} columns of training", got, remedy))
        row = [row[name] for name in names]
    if not isinstance(row, list) or len(row) != len(names):
        got = f"{len(row)} numbers" if isinstance(row, list) else shown(row)
        raise InvalidData(problem(where, f"a list of {len(names)}, or an object by names", got))
    for item, name in zip(row, names, strict=True):
        if isinstance(item, (list, dict)):
            raise InvalidData(problem(f"{where}, column {name!r}", "a number, a text or null", shown(item)))
    return row


def _number(item: Any, place: int, name: str) -> float:
    if isinstance(item, bool) or not isinstance(item, (int, float)):
        raise InvalidData(problem(f"question, row {place}, column {name!r}", "a number", shown(item)))
    return _float(item)


def _float(item: float) -> float:
    try:
        return float(item)
    except OverflowError:  # an integer of many digits
        return math.inf if item > 0 else -math.inf  # the model says what is wrong with it


def _column(items: list[Any]) -> np.ndarray[Any, Any]:
    """Numbers as such, null as missing; with a text (of a date, too) among them all are texts."""
    if any(isinstance(item, str) for item in items):
        return np.array([item if item is None or isinstance(item, str) else str(item) for item in items], dtype=object)
    return np.array([math.nan if item is None else _float(item) for item in items])


def _text(item: Any, place: int) -> str:
    if not isinstance(item, str):
        raise InvalidData(problem(f"question, text {place}", "a text", shown(item)))
    return item


def _image(item: Any, place: int) -> np.ndarray[Any, Any]:
    """(height, width, 3) uint8 from the base64 of a file."""
    text = _text(item, place)
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidData(problem(f"question, image {place}", "base64 of an image file", f"{error}")) from error
    return decode_image(content)


def _fitted(item: Any, place: int, shape: Sequence[int]) -> np.ndarray[Any, Any]:
    """An image in the channels and the size of the network, in [0, 1]."""
    return fitted_to(_image(item, place), shape)


def plain(item: Any) -> Any:
    """Arrays, numbers of NumPy and dicts of them as JSON has them; what is not finite as null.

    Parameters
    ----------
    item : what a model gives.
    """
    if isinstance(item, dict):
        return {str(name): plain(part) for name, part in item.items()}
    if isinstance(item, (list, tuple)):
        return [plain(part) for part in item]
    if isinstance(item, np.ndarray):
        return plain(item.tolist())
    if isinstance(item, np.generic):
        return plain(item.item())
    if isinstance(item, float) and not math.isfinite(item):
        return None
    return item if isinstance(item, (str, int, float, bool)) or item is None else str(item)
