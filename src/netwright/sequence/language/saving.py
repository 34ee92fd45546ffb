"""Language models in the one model file: parameters, vocabulary and history as JSON, weights as tensors."""

from __future__ import annotations

import os
from typing import Any

import torch

from netwright.core import storage
from netwright.core.errors import CorruptFile, problem
from netwright.core.value import from_json, to_json
from netwright.data.text.vocabulary import Vocabulary
from netwright.estimators.saving import as_record, in_order, plain_param
from netwright.sequence.language.reader import carried
from netwright.train import History, Precision, choose_device


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to a file; held-out texts and callbacks belong to the user's program and are left out.

    Raises
    ------
    InvalidParameter : an option that has no name in the registry.
    """
    params = model.get_params(deep=False)
    if not isinstance(model.validation, (int, float)):
        params["validation"] = None
    content = {
        "params": {name: plain_param(name, item) for name, item in params.items()},
        "network": to_json(model.network_),
        "vocabulary": model.vocabulary_.to_state(),
        "history": [in_order(record) for record in model.history_.records],
        "seed": model.seed_,
        "best_epoch": model.best_epoch_,
    }
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in model.module_.state_dict().items()}
    storage.write(path, type(model).__name__, content, tensors)


def restore(model: Any, content: dict[str, Any], tensors: dict[str, Any]) -> Any:
    """Give an unfitted model what a file holds.

    Parameters
    ----------
    model : a fresh instance with the parameters of the file. content, tensors : of the file.

    Raises
    ------
    CorruptFile : weights that do not fit the network.
    """
    model.vocabulary_ = Vocabulary.from_state(content["vocabulary"])
    model.seed_, model.best_epoch_ = content["seed"], content["best_epoch"]
    model.network_ = from_json(content["network"])
    model.module_ = model.network_.build(0)
    try:
        model.module_.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in tensors.items()})
    except RuntimeError as error:
        raise CorruptFile(problem("file", "the weights of its network", " ".join(str(error).split()))) from error
    model._precision = Precision(torch.float32, choose_device("cpu"))
    model._net = carried(model.module_, len(model.vocabulary_))
    model.history_ = History([as_record(items) for items in content["history"]])
    model.loss_curve_, model.n_iter_ = model.history_["train_loss"], len(model.history_)
    return model
