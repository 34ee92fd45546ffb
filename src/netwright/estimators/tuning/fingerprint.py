"""What tells one search from another: estimator, space, data, settings; as texts and digests that a storage keeps.

A worker with other data would mix its scores with those of the others, and nothing would look wrong. So whoever joins
a search is compared with what the first one wrote.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from netwright.core.errors import InvalidData, problem, shown

TEXT = 160  # characters of an option that are kept to be shown
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_SILENT = {"verbose", "n_jobs", "callbacks", "device"}  # options that change no score


def digest(*things: Any) -> str:
    """SHA-256 of arrays, frames, dicts of columns, tuples and lists, by what they hold.

    Examples
    --------
    >>> digest(np.arange(3)) == digest(np.array([0, 1, 2])), digest([0, 1]) == digest([0, 2])
    (True, False)
    """
    found = hashlib.sha256()
    for thing in things:
        for part in _bytes(thing):
            found.update(part)
    return found.hexdigest()


def _bytes(thing: Any) -> Iterable[bytes]:
    if hasattr(thing, "detach"):
        thing = thing.detach().cpu().numpy()
    if hasattr(thing, "columns") and hasattr(thing, "__getitem__"):  # a frame
        thing = {str(name): thing[name] for name in thing.columns}
    if isinstance(thing, Mapping):
        for name, column in thing.items():
            yield f"column {name!r}".encode()
            yield from _bytes(column)
        return
    if isinstance(thing, (tuple, list)) and any(np.ndim(part) for part in thing):
        yield f"{len(thing)} parts".encode()
        for part in thing:
            yield from _bytes(part)
        return
    if hasattr(thing, "tocsr"):  # a sparse matrix
        rows = thing.tocsr()
        yield from _bytes((rows.data, rows.indices, rows.indptr))
        return
    array = thing.to_numpy() if hasattr(thing, "to_numpy") else np.asarray(thing)
    yield f"{array.dtype.str if array.dtype.kind not in 'OT' else 'objects'} {array.shape}".encode()
    if array.dtype.kind in "OT":  # texts, or mixed
        for item in array.ravel().tolist():
            yield repr(item).encode()
        return
    yield np.ascontiguousarray(array).tobytes()


def options_of(estimator: Any) -> dict[str, str]:
    """The options of an estimator as texts that are equal in another process."""
    texts = {"": type(estimator).__qualname__}
    for name, item in sorted(estimator.get_params(deep=True).items()):
        if name.rpartition("__")[2] not in _SILENT and not hasattr(item, "get_params"):
            texts[name] = _text(item)
    return texts


def _text(item: Any) -> str:
    """An option in at most TEXT characters and a digest of the rest."""
    if callable(item) and hasattr(item, "__qualname__"):
        return str(item.__qualname__)
    if isinstance(item, (tuple, list)) and any(np.ndim(part) for part in item):
        return f"data {digest(item)[:16]}"
    if isinstance(item, np.ndarray):
        return f"array {digest(item)[:16]}"
    whole = _ADDRESS.sub("", repr(item))
    short = shown(whole, TEXT) if len(whole) > TEXT else whole
    return whole if len(whole) <= TEXT else f"{short} {hashlib.sha256(whole.encode()).hexdigest()[:16]}"


def compare(where: str, stored: Mapping[str, Any], mine: Mapping[str, Any]) -> None:
    """Raise unless this search is the one that a storage has.

    Raises
    ------
    InvalidData : the first thing in which they differ, and what to do.
    """
    remedy = "Give the same call to go on with that search, or another storage for a new one."
    for name, item in mine.items():
        was = stored.get(name)
        if item is None or was == item:
            continue
        if isinstance(item, Mapping) and isinstance(was, Mapping):
            for key in [*item, *was]:
                if was.get(key) != item.get(key):
                    what = f"{name} {key!r}" if key else name
                    expected = f"the {what} of the search that it has, {shown(was.get(key))}"
                    raise InvalidData(problem(where, expected, shown(item.get(key)), remedy))
        raise InvalidData(problem(where, f"the {name} of the search that it has, {shown(was)}", shown(item), remedy))
