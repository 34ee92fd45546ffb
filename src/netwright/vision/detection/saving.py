"""Detectors in the one model file: parameters and history as JSON, weights as tensors, no pickle."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidParameter, problem, shown
from netwright.core.value import from_json, to_json
from netwright.estimators.saving import as_record, in_order, plain_param, restored_param
from netwright.train import History, Precision, choose_device


def save(detector: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted detector to a file.

    Parameters
    ----------
    detector : the fitted one. path : of the file.

    Raises
    ------
    InvalidParameter : an option or a label that a file cannot hold.
    """
    content = {
        "params": {name: plain_param(name, item) for name, item in detector.get_params(deep=False).items()},
        "backbone": to_json(detector.backbone_),
        "classes": [_plain(label) for label in detector.classes_.tolist()] if hasattr(detector, "classes_") else None,
        "found": detector._to_state(),
        "history": [in_order(record) for record in detector.history_.records],
        "seed": detector.seed_,
        "best_epoch": detector.best_epoch_,
        "dropped": detector.dropped_,
    }
    tensors = {
        name: tensor.detach().cpu().contiguous().numpy() for name, tensor in detector.module_.state_dict().items()
    }
    storage.write(path, type(detector).__name__, content, tensors)


def restore(kind: type[Any], content: dict[str, Any], tensors: dict[str, np.ndarray]) -> Any:
    """The detector that a file holds.

    Parameters
    ----------
    kind : its class. content, tensors : of the file.

    Raises
    ------
    CorruptFile : weights that do not fit the network.
    """
    params = {name: restored_param(item) for name, item in content["params"].items()}
    detector = kind(**{**params, "random_state": content["seed"]})
    detector.backbone_ = from_json(content["backbone"])
    if content["classes"] is not None:
        detector.classes_ = labels_array([_label(item) for item in content["classes"]])
    detector._from_state(content["found"])
    detector.seed_, detector.best_epoch_, detector.dropped_ = content["seed"], content["best_epoch"], content["dropped"]
    detector.module_ = detector._network(0)
    weights = {name: torch.from_numpy(array.copy()) for name, array in tensors.items()}
    try:
        detector.module_.load_state_dict(weights)
    except RuntimeError as error:
        raise CorruptFile(problem("file", "the weights of its network", " ".join(str(error).split()))) from error
    detector._precision = Precision(device=choose_device("cpu"), channels_last=True)
    detector._precision.place(detector.module_)
    detector.history_ = History([as_record(items) for items in content["history"]])
    detector.loss_curve_ = detector.history_["train_loss"]
    detector.n_iter_ = len(detector.history_)
    return detector


def labels_array(labels: list[Any]) -> Any:
    """Labels as an array that gives them back as they came.

    Parameters
    ----------
    labels : of any type.

    Examples
    --------
    >>> labels_array(["a", "b"]).tolist(), labels_array([1, "b", (2, 3)]).tolist()
    (['a', 'b'], [1, 'b', (2, 3)])
    """
    if all(isinstance(label, str) for label in labels) or all(type(label) is int for label in labels):
        return np.array(labels)
    found = np.empty(len(labels), dtype=object)
    found[:] = labels
    return found


def _plain(label: Any) -> Any:
    """A label as JSON."""
    if isinstance(label, tuple):
        return {"tuple": [_plain(part) for part in label]}
    if not (label is None or isinstance(label, (str, int, float))):
        expected = "labels that a file can hold: texts, numbers, None, and tuples of them"
        raise InvalidParameter(problem("save", expected, shown(label), "Train with such labels, or pickle it."))
    return to_json(label)


def _label(item: Any) -> Any:
    """The inverse of `_plain`."""
    return tuple(_label(part) for part in item["tuple"]) if isinstance(item, dict) else item
