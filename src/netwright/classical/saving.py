"""Classical networks in the one model file: options and what was learned as JSON, arrays as tensors, no pickle.

======================== ===========================================
in memory                 in the file
======================== ===========================================
number, text, None        itself
array of numbers          ``{"$array": name}`` and a tensor of that name
array of texts, objects   ``{"$objects": [...], "dtype": ..., "shape": ...}``
list, tuple, dict         a list, ``{"$tuple": [...]}``, ``{"$dict": [[key, item], ...]}``
another network           ``{"$network": its kind, ...}``
value, registered name    as `netwright.core.value.to_json`
======================== ===========================================
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from netwright.core import registry, storage
from netwright.core.errors import CorruptFile, problem, shown
from netwright.core.value import from_json, to_json

_LEFT_OUT = (np.random.RandomState, np.random.Generator, np.random.SeedSequence)
_FIELDS = {"params", "learned"}


def save_network(network: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted network to a file.

    Raises
    ------
    InvalidParameter : something that a file cannot hold.
    """
    tensors: dict[str, np.ndarray] = {}
    content = _content(network, "", tensors)
    storage.write(path, type(network).__name__, content, tensors)


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, np.ndarray]) -> Any:
    """The network that a file holds.

    Raises
    ------
    CorruptFile : fields that do not fit the network.
    """
    if not isinstance(content, dict) or set(content) != _FIELDS:
        raise CorruptFile(problem("file", "the fields params and learned", shown(content), "Fetch it again."))
    network = registry.look_up("classical", kind)(**_named(content["params"], tensors))
    take_up(network, content["learned"], tensors)
    return network


def learned_of(network: Any, tensors: dict[str, np.ndarray], path: str = "") -> dict[str, Any]:
    """Everything that a network has learned as plain data, its arrays put into `tensors`."""
    params = network.get_params(deep=False)
    learned = {name: item for name, item in vars(network).items() if name not in params}
    return {name: _encoded(item, f"{path}{name}", tensors) for name, item in learned.items()}


def take_up(network: Any, learned: dict[str, Any], tensors: dict[str, np.ndarray]) -> None:
    """Give a network what `learned_of` has told of one."""
    vars(network).update(_named(learned, tensors))


def _content(network: Any, path: str, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    params = {name: None if name == "checkpoint" else item for name, item in network.get_params(deep=False).items()}
    return {
        "params": {name: _encoded(item, f"{path}params.{name}", tensors) for name, item in params.items()},
        "learned": learned_of(network, tensors, path),
    }


def _named(fields: dict[str, Any], tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    return {name: _decoded(item, tensors) for name, item in fields.items()}


def _encoded(item: Any, path: str, tensors: dict[str, np.ndarray]) -> Any:
    if isinstance(item, np.ndarray):
        return _array(item, path, tensors)
    if type(item) is dict:
        return {"$dict": [[to_json(key), _encoded(part, f"{path}.{key}", tensors)] for key, part in item.items()]}
    if type(item) in (list, tuple):
        parts = [_encoded(part, f"{path}.{number}", tensors) for number, part in enumerate(item)]
        return parts if type(item) is list else {"$tuple": parts}
    if isinstance(item, _LEFT_OUT):  # the seed that was drawn from it is among what was learned
        return None
    if type(item).__name__ in registry.names("classical"):
        return {"$network": type(item).__name__, **_content(item, f"{path}.", tensors)}
    return to_json(item)


def _array(item: np.ndarray, path: str, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    if item.dtype.kind in "biuf":
        tensors[path] = item
        return {"$array": path}
    objects = [to_json(part) for part in item.ravel().tolist()]
    return {"$objects": objects, "dtype": item.dtype.str, "shape": list(item.shape)}


def _decoded(item: Any, tensors: dict[str, np.ndarray]) -> Any:
    if isinstance(item, list):
        return [_decoded(part, tensors) for part in item]
    if not isinstance(item, dict):
        return item
    if "$array" in item:
        return tensors[item["$array"]]
    if "$objects" in item:
        array = np.empty(len(item["$objects"]), dtype=np.dtype(item["dtype"]))
        array[:] = [from_json(part) for part in item["$objects"]]
        return array.reshape(item["shape"])
    if "$tuple" in item:
        return tuple(_decoded(part, tensors) for part in item["$tuple"])
    if "$dict" in item:
        return {from_json(key): _decoded(part, tensors) for key, part in item["$dict"]}
    if "$network" in item:
        inner = {name: item[name] for name in _FIELDS}
        return from_content(item["$network"], inner, tensors)
    return from_json(item)
