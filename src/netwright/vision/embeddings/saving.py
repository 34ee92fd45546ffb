"""Networks of embeddings in the one model file: parameters and history as JSON, weights as tensors, no pickle."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidParameter, problem, shown
from netwright.core.value import from_json, to_json
from netwright.estimators.ensemble.saving import save_parts
from netwright.estimators.saving import as_record, in_order, plain_param, restored_param
from netwright.train import History, Precision, choose_device
from netwright.vision.detection.saving import labels_array
from netwright.vision.embeddings.reading import Form


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted network to a file.

    Parameters
    ----------
    estimator : the fitted one.
    path : of the file.

    Raises
    ------
    InvalidParameter : an option or a label that a file cannot hold.
    """
    storage.write(path, type(estimator).__name__, *to_content(estimator))


def to_content(estimator: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """All that a fitted network knows, as JSON and arrays.

    Parameters
    ----------
    estimator : the fitted one.
    """
    classes = getattr(estimator, "classes_", None)
    content = {
        "params": {name: plain_param(name, item) for name, item in estimator.get_params(deep=False).items()},
        "given": to_json(estimator.network),
        "network": to_json(estimator.network_),
        "classes": None if classes is None else [plain_label(label) for label in classes.tolist()],
        "form": {
            "shape": list(estimator.form_.shape),
            "size": estimator.form_.size,
            "top": estimator.form_.top,
            **({"names": list(estimator.form_.names)} if estimator.form_.names else {}),
        },
        "found": estimator._to_state(),
        "history": [in_order(record) for record in estimator.history_.records],
        "seed": estimator.seed_,
        "best_epoch": estimator.best_epoch_,
        "spread": getattr(estimator, "spread_", None),
    }
    state = estimator._net.state_dict()
    return content, {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in state.items()}


def restore(kind: type[Any], content: dict[str, Any], tensors: dict[str, np.ndarray]) -> Any:
    """The network that a file holds.

    Parameters
    ----------
    kind : its class.
    content, tensors : of the file.

    Raises
    ------
    CorruptFile : weights that do not fit the network.
    """
    params = {name: restored_param(item) for name, item in content["params"].items()}
    made = kind(**{**params, "network": from_json(content["given"]), "random_state": content["seed"]})
    form = content["form"]
    size = None if form["size"] is None else tuple(form["size"])
    made.form_ = Form(tuple(form["shape"]), size, form.get("top"), tuple(form.get("names", ())))
    if content["classes"] is not None:
        made.classes_ = labels_array([restored_label(item) for item in content["classes"]])
    made.network_ = from_json(content["network"])
    made.seed_, made.best_epoch_ = content["seed"], content["best_epoch"]
    if content["spread"] is not None:
        made.spread_ = content["spread"]
    made._from_state(content["found"])
    made._build(0)
    weights = {name: torch.from_numpy(array.copy()) for name, array in tensors.items()}
    try:
        made._net.load_state_dict(weights)
    except RuntimeError as error:
        raise CorruptFile(problem("file", "the weights of its network", " ".join(str(error).split()))) from error
    made._precision = Precision(device=choose_device("cpu"), channels_last=len(made.form_.shape) == 3)
    made._precision.place(made._net)
    made.history_ = History([as_record(items) for items in content["history"]])
    made.loss_curve_ = made.history_["train_loss"]
    made.n_iter_ = len(made.history_)
    return made


def save_around(
    path: str | os.PathLike[str], kind: str, own: dict[str, Any], embedder: Any, arrays: dict[str, np.ndarray]
) -> None:
    """Write what is built on an embedder to a file, with the embedder in it.

    Parameters
    ----------
    path : of the file.
    kind : of what is built.
    own : its plain data.
    embedder : fitted; None for none.
    arrays : its own.

    Raises
    ------
    InvalidParameter : an embedder that cannot be saved.
    """
    if embedder is not None and not hasattr(embedder, "save"):
        remedy = "Embedders of scikit-learn have no model file: keep theirs and the embeddings apart."
        raise InvalidParameter(problem(f"{kind}.save", "an embedder that can be saved", shown(embedder), remedy))
    save_parts(path, kind, own, [] if embedder is None else [embedder], arrays)


def plain_label(label: Any) -> Any:
    """A label as JSON.

    Examples
    --------
    >>> plain_label(("a", 1)), restored_label(plain_label(("a", (1, "b"))))
    ({'tuple': ['a', 1]}, ('a', (1, 'b')))
    """
    return {"tuple": [plain_label(part) for part in label]} if isinstance(label, tuple) else to_json(label)


def restored_label(item: Any) -> Any:
    """The inverse of `plain_label`."""
    return tuple(restored_label(part) for part in item["tuple"]) if isinstance(item, dict) else item
