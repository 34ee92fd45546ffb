"""The manifest of a model file: everything that is not an array, as canonical JSON.

::

    {"kind": "network",                                 what the file describes: a name that a loader knows
     "content": {...},                                  plain data: objects, lists, numbers, text, true, false, null
     "versions": {"netwright": "0.1.0", ...},           what wrote it
     "tensors": {"conv1.weight": {"dtype": "F32", "shape": [32, 1, 3, 3], "sha256": "..."}},
     "aliases": {"tied.weight": "conv1.weight"}}        names that share the memory of a stored tensor

Canonical means that equal manifests are equal texts: keys sorted, no spaces, UTF-8, no doubled keys, no NaN literals.
`loads` refuses a text that is not the one that `dumps` would write. NaN and the infinities, which JSON lacks but the
history of a diverged run may hold, are objects ``{"$float": "nan"}``. Tuples become lists and NumPy scalars numbers.

=============== =============== ============================================================
limit           value           why
=============== =============== ============================================================
`DEPTH`         64              levels of nesting: no stack is exhausted
`SIZE`          16 MiB          of text: large data belong among the tensors
`ITEMS`         1,000,000       elements: bounds the memory that a small hostile text can ask for
`TENSORS`       100,000         names of tensors and aliases
`WHOLE`         2**128          magnitude of integers: room for the states of random generators
=============== =============== ============================================================
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from netwright.core.errors import CorruptFile, InvalidParameter, problem, shown

DEPTH = 64
SIZE = 16 * 2**20
ITEMS = 1_000_000
TENSORS = 100_000
WHOLE = 2**128
AXES = 32
FETCH = "The file is damaged: fetch it or copy it again."
DTYPES = {
    "BOOL": np.dtype("?"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "F16": np.dtype("<f2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "F32": np.dtype("<f4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
}
_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_KEYS = {"kind", "content", "versions", "tensors", "aliases"}


def plain(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a manifest in the types that JSON has.

    Raises
    ------
    InvalidParameter : a key or an item that a file cannot hold; its place is named.

    Examples
    --------
    >>> plain({"kind": "a", "content": {"loss": (0.5, float("inf")), "best": np.float32(0.5)}})
    {'kind': 'a', 'content': {'loss': [0.5, {'$float': 'inf'}], 'best': 0.5}}
    """
    return {key: _encoded(item, key, 2) for key, item in manifest.items()}


def dumps(manifest: dict[str, Any]) -> str:
    """The canonical text of what `plain` gives.

    Raises
    ------
    InvalidParameter : a text beyond the limits.
    """
    text = _canonical(manifest)
    if len(text.encode()) > SIZE or _items(text) > ITEMS:
        got = f"{len(text.encode())} bytes and {_items(text)} elements"
        remedy = "Put long lists of numbers among the tensors, as arrays."
        raise InvalidParameter(problem("content", f"at most {SIZE} bytes of JSON and {ITEMS} elements", got, remedy))
    return text


def loads(text: str, where: str) -> dict[str, Any]:
    """The manifest of a text: the inverse of ``dumps(plain(manifest))``.

    Parameters
    ----------
    text : the canonical text.
    where : the file it is from, for messages.

    Raises
    ------
    CorruptFile : anything that `dumps` does not write.
    """
    if len(text) > SIZE or _items(text) > ITEMS:
        got = f"{len(text)} bytes and {_items(text)} elements"
        raise CorruptFile(problem(where, f"a manifest of at most {SIZE} bytes and {ITEMS} elements", got, FETCH))
    try:
        text.encode()  # half of a surrogate pair is no text
        raw = json.loads(text)
        canonical = _canonical(raw) == text
    except (ValueError, RecursionError) as error:
        raise CorruptFile(problem(where, "a manifest in JSON", shown(str(error)), FETCH)) from error
    if not canonical:
        got = "doubled keys, unsorted keys, spaces or unusual numbers"
        raise CorruptFile(problem(where, "a manifest in canonical JSON", got, FETCH))
    if not isinstance(raw, dict) or set(raw) != _KEYS:
        raise CorruptFile(problem(where, f"a manifest with {', '.join(sorted(_KEYS))}", shown(_outline(raw)), FETCH))
    manifest = {key: _decoded(item, where, 2) for key, item in raw.items()}
    _check_head(manifest, where)
    _check_tensors(manifest["tensors"], manifest["aliases"], where)
    return manifest


def _canonical(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _items(text: str) -> int:
    """An upper bound of the number of elements, without parsing."""
    return text.count(",") + text.count("[") + text.count("{")


def _outline(raw: Any) -> Any:
    return sorted(raw) if isinstance(raw, dict) else raw


def _encoded(item: Any, path: str, depth: int) -> Any:
    """Plain data as what JSON has; `path` is the item's place, for messages."""
    if depth > DEPTH:
        raise InvalidParameter(problem(path, f"at most {DEPTH} levels of nesting", "more", "Nest it less deeply."))
    if isinstance(item, Mapping):
        return {_key(key, path): _encoded(part, f"{path}.{key}", depth + 1) for key, part in item.items()}
    if isinstance(item, (list, tuple)):
        return [_encoded(part, f"{path}[{number}]", depth + 1) for number, part in enumerate(item)]
    if isinstance(item, np.generic):
        item = item.item()
    if item is None or isinstance(item, bool):
        return item
    if isinstance(item, int) and abs(item) < WHOLE:
        return int(item)
    if isinstance(item, float):
        return float(item) if math.isfinite(item) else {"$float": str(float(item))}
    if isinstance(item, str):
        return _text(item, path)
    if isinstance(item, int):
        raise InvalidParameter(problem(path, "an integer below 2**128", f"one of {item.bit_length()} bits"))
    got = f"{shown(item)} of type {type(item).__name__}"
    remedy = "Arrays go among the tensors; anything else as numbers, text, lists and dicts."
    raise InvalidParameter(problem(path, "numbers, text, lists and dicts", got, remedy))


def _key(key: Any, path: str) -> str:
    if not isinstance(key, str) or key == "$float":
        raise InvalidParameter(problem(path, "keys that are text, not '$float'", f"the key {shown(key)}", "Rename it."))
    return _text(key, path)


def _text(item: str, path: str) -> str:
    try:
        item.encode()
    except UnicodeEncodeError:
        remedy = "Decode it with the encoding that it was written in."
        raise InvalidParameter(problem(path, "text that UTF-8 can hold", shown(item), remedy)) from None
    return str.__str__(item)


def _decoded(item: Any, where: str, depth: int) -> Any:
    """The inverse of `_encoded`, in place."""
    if depth > DEPTH:
        raise CorruptFile(problem(where, f"at most {DEPTH} levels of nesting", "more", FETCH))
    if isinstance(item, list):
        for number, part in enumerate(item):
            item[number] = _decoded(part, where, depth + 1)
        return item
    if isinstance(item, dict):
        if "$float" not in item:
            for key, part in item.items():  # in place: a second copy of a long history would double the memory
                item[key] = _decoded(part, where, depth + 1)
            return item
        name = item["$float"]
        if len(item) != 1 or not isinstance(name, str) or name not in _FLOATS:
            raise CorruptFile(problem(where, "$float to be nan, inf or -inf", shown(item), FETCH))
        return _FLOATS[name]
    if isinstance(item, int) and abs(item) >= WHOLE:
        raise CorruptFile(problem(where, "integers below 2**128", f"one of {item.bit_length()} bits", FETCH))
    return item


def _check_head(manifest: dict[str, Any], where: str) -> None:
    if not isinstance(manifest["kind"], str) or not manifest["kind"]:
        raise CorruptFile(problem(where, "a kind that is a name", shown(manifest["kind"]), FETCH))
    for key in ("content", "versions", "tensors", "aliases"):
        if not isinstance(manifest[key], dict):
            raise CorruptFile(problem(where, f"{key} to be an object", shown(manifest[key]), FETCH))
    if not all(isinstance(version, str) for version in manifest["versions"].values()):
        raise CorruptFile(problem(where, "versions that are text", shown(manifest["versions"]), FETCH))


def _check_tensors(tensors: dict[str, Any], aliases: dict[str, Any], where: str) -> None:
    if len(tensors) + len(aliases) > TENSORS:
        raise CorruptFile(problem(where, f"at most {TENSORS} tensors", str(len(tensors) + len(aliases)), FETCH))
    for name, entry in tensors.items():
        if not _is_entry(entry) or name == "__metadata__":
            raise CorruptFile(problem(where, f"dtype, shape and sha256 of tensor {name!r}", shown(entry), FETCH))
    for alias, name in aliases.items():
        if alias in tensors or alias == "__metadata__" or not isinstance(name, str) or name not in tensors:
            got = f"{shown(name)} for {shown(alias)}"
            raise CorruptFile(problem(where, "aliases of tensors that are in the file", got, FETCH))


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "sha256"}:
        return False
    dtype, shape, digest = entry["dtype"], entry["shape"], entry["sha256"]
    if not isinstance(dtype, str) or dtype not in DTYPES or not isinstance(digest, str) or len(digest) != 64:
        return False
    if not isinstance(shape, list) or len(shape) > AXES or not all(type(axis) is int and axis >= 0 for axis in shape):
        return False
    # NumPy bounds the product of the axes that are not zero, even for an array without elements
    return math.prod(axis or 1 for axis in shape) * DTYPES[dtype].itemsize < 2**63
