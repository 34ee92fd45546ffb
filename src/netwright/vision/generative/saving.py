"""Generative models in the one model file: parameters and history as JSON, weights as tensors, no pickle."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from netwright.core import storage
from netwright.core.errors import CorruptFile, problem
from netwright.core.value import from_json, to_json
from netwright.estimators.saving import as_record, in_order, plain_param, restored_param
from netwright.train import History, Precision, choose_device
from netwright.vision.generative.reading import Form

WEIGHTS = "module."


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to a file.

    Parameters
    ----------
    estimator : the fitted one.
    path : of the file.

    Raises
    ------
    InvalidParameter : an option or a label that a file cannot hold.
    """
    found, arrays = estimator._to_state()
    content = {
        "params": {name: plain_param(name, item) for name, item in estimator.get_params(deep=False).items()},
        "networks": {name: to_json(network) for name, network in estimator.networks_.items()},
        "form": estimator.form_.to_state(),
        "found": found,
        "history": [in_order(record) for record in estimator.history_.records],
        "seed": estimator.seed_,
        "best_epoch": estimator.best_epoch_,
    }
    state = estimator.module_.state_dict()
    weights = {WEIGHTS + name: tensor.detach().cpu().contiguous().numpy() for name, tensor in state.items()}
    storage.write(path, type(estimator).__name__, content, {**weights, **arrays})


def restore(kind: type[Any], content: dict[str, Any], tensors: dict[str, np.ndarray]) -> Any:
    """The model that a file holds.

    Parameters
    ----------
    kind : its class.
    content, tensors : of the file.

    Raises
    ------
    CorruptFile : weights that do not fit the networks.
    """
    params = {name: restored_param(item) for name, item in content["params"].items()}
    made = kind(**{**params, "random_state": content["seed"]})
    made.form_ = Form.from_state(content["form"])
    made.networks_ = {name: from_json(item) for name, item in content["networks"].items()}
    made.seed_, made.best_epoch_ = content["seed"], content["best_epoch"]
    made._from_state(content["found"], {name: a for name, a in tensors.items() if not name.startswith(WEIGHTS)})
    made.module_ = made._network(0)
    weights = {
        name.removeprefix(WEIGHTS): torch.from_numpy(array.copy())
        for name, array in tensors.items()
        if name.startswith(WEIGHTS)
    }
    try:
        made.module_.load_state_dict(weights)
    except RuntimeError as error:
        raise CorruptFile(problem("file", "the weights of its networks", " ".join(str(error).split()))) from error
    made._precision = Precision(device=choose_device("cpu"), channels_last=len(made.form_.shape) == 3)
    made._precision.place(made.module_)
    made.module_.eval()
    made.history_ = History([as_record(items) for items in content["history"]])
    made.loss_curve_ = made.history_["train_loss"]
    made.n_iter_ = len(made.history_)
    return made
