"""Estimators of sequences in the one model file: parameters and history as JSON, weights as tensors, no pickle."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from netwright.core import storage
from netwright.core.errors import CorruptFile, problem
from netwright.core.value import from_json, to_json
from netwright.estimators.saving import as_record, in_order, plain_param, restored_param
from netwright.sequence.encoding import ENCODERS
from netwright.train import History, Precision, choose_device


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to a file.

    Raises
    ------
    InvalidParameter : an option that has no name in the registry.
    """
    storage.write(path, type(estimator).__name__, *to_content(estimator))


def to_content(estimator: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """All that a fitted estimator knows, as JSON and arrays.

    Parameters
    ----------
    estimator : one of sequences.
    """
    content = {
        "params": plain_params(estimator),
        "given": to_json(estimator.network),
        "network": to_json(estimator.network_),
        "input": {"kind": type(estimator._input).__name__, **estimator._input.to_state()},
        "target": estimator._target.to_state(),
        "history": [in_order(record) for record in estimator.history_.records],
        "seed": estimator.seed_,
        "forecasts": getattr(estimator, "forecasts_", None),
        "best_epoch": estimator.best_epoch_,
    }
    return content, {f"module.{name}": _array(tensor) for name, tensor in estimator._whole().state_dict().items()}


def restore(estimator: Any, target: Any, content: dict[str, Any], tensors: dict[str, np.ndarray]) -> Any:
    """Give an unfitted estimator what a file holds.

    Parameters
    ----------
    estimator : a fresh instance with the parameters of the file. target : its restored target. content, tensors : of
        the file.

    Raises
    ------
    CorruptFile : weights that do not fit the network.
    """
    state = dict(content["input"])
    estimator._input = ENCODERS[state.pop("kind")].from_state(state)
    estimator._target = target
    estimator.seed_ = content["seed"]
    estimator.network_ = from_json(content["network"])
    if estimator._input.kind == "numbers":
        estimator.n_features_in_ = estimator._input.shape[0]
    estimator.module_ = estimator.network_.build(0)
    estimator._precision = Precision(torch.float32, choose_device("cpu"))
    estimator._net = estimator._task(estimator.module_)[0]
    weights = {name[7:]: torch.from_numpy(array.copy()) for name, array in tensors.items()}
    try:
        estimator._whole().load_state_dict(weights)
    except RuntimeError as error:
        raise CorruptFile(problem("file", "the weights of its network", " ".join(str(error).split()))) from error
    estimator.history_ = History([as_record(items) for items in content["history"]])
    estimator.loss_curve_ = estimator.history_["train_loss"]
    estimator.n_iter_, estimator.best_epoch_ = len(estimator.history_), content["best_epoch"]
    return estimator


def plain_params(estimator: Any) -> dict[str, Any]:
    """The constructor's parameters as JSON; data, callbacks and word vectors belong to the user's program.

    Parameters
    ----------
    estimator : one of sequences or texts.
    """
    params = estimator.get_params(deep=False)
    if isinstance(params.get("vectors"), tuple):
        params["vectors"] = None
    return {name: plain_param(name, item) for name, item in params.items()}


def params_of(content: dict[str, Any]) -> dict[str, Any]:
    """The constructor's parameters that a file holds."""
    params = {name: restored_param(item) for name, item in content["params"].items()}
    if "given" in content:
        params["network"] = from_json(content["given"])
    return {**params, "random_state": content["seed"]}


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().contiguous().numpy()
