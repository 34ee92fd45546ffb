"""Estimators in the one model file: parameters and history as JSON, weights and scales as tensors, no pickle."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidParameter, problem
from netwright.core.value import from_json, to_json
from netwright.estimators.inputs import Inputs
from netwright.estimators.networks import build_module, split_heads
from netwright.graph import Expression
from netwright.train import History, Precision, choose_device

# objects of the user, or kept elsewhere in the file
_LEFT_OUT = ("checkpoint", "callbacks", "random_state", "network", "vectors")


def save_estimator(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to a file.

    Raises
    ------
    InvalidParameter : a network or option that has no name in the registry.
    """
    content, tensors = to_content(estimator)
    storage.write(path, type(estimator).__name__, content, tensors)


def to_content(estimator: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """All that an estimator knows, as JSON and arrays."""
    if not isinstance(estimator.network_, Expression):
        raise InvalidParameter(
            problem(
                f"{type(estimator).__name__}.save",
                "a network made of layers",
                f"a {type(estimator.network_).__name__} module",
                "If netwright built it, give network=load_weights(expression, module.state_dict()); if not, give it "
                'as Module(factory), with the factory named by nw.register("..."), or save its state_dict().',
            )
        )
    inputs, arrays = estimator._inputs.to_state()
    tensors = {f"inputs.{name}": array for name, array in arrays.items()}
    for name, tensor in estimator.module_.state_dict().items():
        tensors[f"module.{name}"] = tensor.detach().cpu().contiguous().numpy()
    content = {
        "params": {name: plain_param(name, item) for name, item in estimator.get_params(deep=False).items()},
        "network": to_json(estimator.network_),
        "loss": to_json(estimator.loss_function_),
        "inputs": inputs,
        "target": estimator._target.to_state(),
        "precision": {"autocast": estimator._precision.autocast, "channels_last": estimator._precision.channels_last},
        "history": [in_order(record) for record in estimator.history_.records],
        "output_shapes": estimator._output_shapes,
        "seed": estimator.seed_,
        "best_epoch": estimator.best_epoch_,
        "n_features_in": int(estimator.n_features_in_),
        "feature_names_in": list(getattr(estimator, "feature_names_in_", [])) or None,
    }
    return content, tensors


def restore(estimator: Any, content: dict[str, Any], tensors: dict[str, np.ndarray], target: Any) -> Any:
    """Give an unfitted estimator what a file holds.

    Parameters
    ----------
    estimator : a fresh instance with the parameters of the file.
    target : the restored target, such as `Classes` or `Numbers`.

    Raises
    ------
    CorruptFile : weights that do not fit the network.
    """
    network = from_json(content["network"])
    module = build_module(network, 0)
    dtype = torch.float64 if content["inputs"]["dtype"] == "float64" else torch.float32
    precision = Precision(dtype, choose_device("cpu"), **content["precision"])
    precision.place(module)
    weights = {name[7:]: torch.from_numpy(a.copy()) for name, a in tensors.items() if name.startswith("module.")}
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise CorruptFile(problem("file", "the weights of its network", " ".join(str(error).split()))) from error
    arrays = {name[7:]: array for name, array in tensors.items() if name.startswith("inputs.")}
    estimator._inputs = Inputs.from_state(content["inputs"], arrays)
    estimator._target, estimator._precision = target, precision
    estimator.network_, estimator.module_ = network, module
    estimator.loss_function_ = from_json(content["loss"])
    estimator._link = split_heads(module)[1]
    target.expect(tuple(tuple(shape) for shape in content["output_shapes"]), estimator._link)
    estimator.history_ = History([as_record(items) for items in content["history"]])
    estimator.notes_ = [*estimator._inputs.notes, *target.notes]
    estimator.n_iter_ = len(estimator.history_)
    estimator.loss_curve_ = estimator.history_["train_loss"]
    estimator._remember()
    estimator._output_shapes = tuple(tuple(shape) for shape in content["output_shapes"])
    estimator.seed_, estimator.best_epoch_ = content["seed"], content["best_epoch"]
    estimator.n_features_in_ = content["n_features_in"]
    if content["feature_names_in"]:
        estimator.feature_names_in_ = np.array(content["feature_names_in"], dtype=object)
    return estimator


def params_of(content: dict[str, Any]) -> dict[str, Any]:
    """The constructor's parameters that a file holds."""
    params = {name: restored_param(item) for name, item in content["params"].items()}
    return {**params, "network": from_json(content["network"]), "random_state": content["seed"]}


def plain_param(name: str, item: Any) -> Any:
    """A parameter as JSON; data and callbacks belong to the user's program, not to the model."""
    if name == "devices":  # those of the fit, not of whoever loads it
        return "auto"
    if name in _LEFT_OUT or (name == "validation" and isinstance(item, (tuple, list))):
        return None
    if isinstance(item, dict):
        return {"$dict": [[to_json(_native(k)), float(v)] for k, v in item.items()]}
    return to_json(str(item) if isinstance(item, torch.device) else _native(item))


def restored_param(item: Any) -> Any:
    if isinstance(item, dict) and "$dict" in item:
        return dict(item["$dict"])
    return from_json(item)


def in_order(record: dict[str, Any]) -> list[Any]:
    """A record as pairs, because JSON in canonical form sorts keys and the order of layers would be lost."""
    return [[name, in_order(item) if isinstance(item, dict) else item] for name, item in record.items()]


def as_record(pairs: list[Any]) -> dict[str, Any]:
    return {name: as_record(item) if isinstance(item, list) else item for name, item in pairs}


def _native(item: Any) -> Any:
    if isinstance(item, np.ndarray):
        return item.tolist()
    return item.item() if isinstance(item, np.generic) else item
