"""What a model file says of itself, as plain data: read from its manifest, with nothing built and nothing looked up.

A hostile file is described like any other: fields of unexpected forms are left out, and texts are for the caller to
escape (`netwright.core.errors.shown` on a terminal, `netwright.core.model_card` in Markdown).
"""

from __future__ import annotations

import math
from typing import Any

from netwright.core.manifest import DTYPES

_HIDDEN = {"$", "$network"}


def describe(manifest: dict[str, Any]) -> dict[str, Any]:
    """The description of a file.

    Parameters
    ----------
    manifest : as `netwright.core.storage.read_manifest` gives it.

    Returns
    -------
    A dict of ``kind``, ``versions``, ``params`` (None: as the class has it), ``layers`` (name and fields), ``arrays``
    (name, dtype, shape, bytes), ``aliases``, ``parameters`` (elements of all arrays), ``history`` (epochs, and the last
    line) and ``card`` where there is one, and ``parts``, a description each, of a file that holds other models.

    Examples
    --------
    >>> content = {"params": {"epochs": 5}, "history": [[["epoch", 1], ["train_loss", 0.5]]]}
    >>> found = describe({"kind": "a", "content": content, "versions": {}, "tensors": {}, "aliases": {}})
    >>> found["params"], found["history"]
    ({'epochs': 5}, {'epochs': 1, 'last': {'epoch': 1, 'train_loss': 0.5}})
    """
    arrays = [
        {"name": name, "dtype": entry["dtype"], "shape": entry["shape"], "bytes": _bytes(entry)}
        for name, entry in manifest["tensors"].items()
    ]
    whole = _described(manifest["kind"], manifest["content"])
    return {
        "kind": whole.pop("kind"),
        "versions": manifest["versions"],
        **whole,
        "arrays": arrays,
        "aliases": manifest["aliases"],
        "parameters": sum(math.prod(array["shape"]) for array in arrays),
        "bytes": sum(array["bytes"] for array in arrays),
    }


def _described(kind: Any, content: Any) -> dict[str, Any]:
    """What the content of a file or of one of its parts says."""
    content = _table(content)
    own = _table(content.get("own"))
    networks = [content[key] for key in ("network", "backbone", "networks") if key in content]
    params = content.get("params", own.get("params"))
    cards = [item for item in _values(networks) if item.get("$") == "card.Card"]
    return {
        "kind": kind,
        "params": {name: plain_value(item) for name, item in _table(params).items()},
        "layers": [layer for network in networks for layer in _layers(network)],
        "history": _history(content.get("history", own.get("history"))),
        "card": plain_value(cards[0]) if cards else None,
        "parts": [_described(part.get("kind"), part.get("content")) for part in _tables(content.get("parts"))],
    }


def plain_value(item: Any) -> Any:
    """An item of a manifest without the marks that tell its type: tuples as lists, values by name and fields.

    Parameters
    ----------
    item : plain data.

    Examples
    --------
    >>> plain_value({"$": "optimizer.Adam", "rate": 0.1}), plain_value({"$tuple": [1, 2]})
    ({'name': 'Adam', 'rate': 0.1}, [1, 2])
    """
    if isinstance(item, list):
        return [plain_value(part) for part in item]
    if not isinstance(item, dict):
        return item
    if "$tuple" in item:
        return plain_value(item["$tuple"])
    if isinstance(item.get("$dict"), list):
        return [plain_value(part) for part in item["$dict"]]
    name = item.get("$", item.get("$network"))
    fields = {key: plain_value(part) for key, part in item.items() if key not in _HIDDEN}
    return fields if name is None else {"name": str(name).rpartition(".")[2], **fields}


def _layers(network: Any) -> list[dict[str, Any]]:
    """The layers of an expression in the order in which they are written, each with its fields."""
    known = ("layer.", "network.Input")
    return [plain_value(item) for item in _values(network) if str(item["$"]).startswith(known)]


def _values(item: Any) -> list[dict[str, Any]]:
    """All objects with a name, in order; a layer's own options are not looked into."""
    found: list[dict[str, Any]] = []
    if isinstance(item, list):
        for part in item:
            found += _values(part)
    elif isinstance(item, dict):
        name = str(item.get("$", ""))
        if name:
            found.append(item)
        for part in item.values() if not name.startswith("layer.") else ():
            found += _values(part)
    return found


def _history(records: Any) -> dict[str, Any] | None:
    """How many epochs there were, and the plain numbers of the last."""
    if not isinstance(records, list) or not records:
        return None
    pairs = records[-1] if isinstance(records[-1], list) else []
    last = {
        pair[0]: pair[1]
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and _is_number(pair[1])
    }
    return {"epochs": len(records), "last": last}


def _is_number(item: Any) -> bool:
    return isinstance(item, (int, float)) and not isinstance(item, bool)


def _bytes(entry: dict[str, Any]) -> int:
    return math.prod(entry["shape"]) * DTYPES[entry["dtype"]].itemsize


def _table(item: Any) -> dict[str, Any]:
    return item if isinstance(item, dict) else {}


def _tables(item: Any) -> list[dict[str, Any]]:
    return [part for part in item if isinstance(part, dict)] if isinstance(item, list) else []
