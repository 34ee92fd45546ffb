"""What tells one search from another: estimator, space, data, settings; as texts and digests that a storage keeps.

A worker with other data would mix its scores with those of the others, and nothing would look wrong. So whoever joins
a search is compared with what the first one wrote.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from netwright.core.errors import InvalidData, problem, shown
from netwright.data.streams.source import Stream
from netwright.estimators.tuning.marks import ADDRESS, LENGTH, is_array, mark

TEXT = 160  # characters of an option that are kept to be shown
ROWS = 64  # of a dataset that is not in memory, first and last and evenly between, that stand for all
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
    if isinstance(thing, (tuple, list)) and any(map(_is_data, thing)):
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
            texts[name] = text_of(item)
    return texts


def text_of(item: Any, marked: bool = False) -> str:
    """An option in at most TEXT characters, and a digest of what they do not say.

    Parameters
    ----------
    item : of an estimator, a space or a search.
    marked : whether its mark is added in any case, and not only where its repr is an address, as of functions.

    Examples
    --------
    >>> text_of(0.5), text_of(lambda x: x).startswith("<function <lambda>> ")
    ('0.5', True)
    """
    if is_array(item) or hasattr(item, "tocsr"):
        return f"array {digest(item)[:LENGTH]}"
    if isinstance(item, (tuple, list)) and any(map(_is_data, item)):
        return f"data {digest(item)[:LENGTH]}"
    whole = repr(item)
    text = ADDRESS.sub("", whole)
    short = text if len(text) <= TEXT else shown(text, TEXT)
    if marked or text != whole:
        return f"{short} {mark(item)}"
    return short if short == text else f"{short} {hashlib.sha256(text.encode()).hexdigest()[:LENGTH]}"


def _is_data(part: Any) -> bool:
    return is_array(part) or isinstance(part, (list, tuple))


def texts_of_data(X: Any, y: Any) -> dict[str, str]:
    """Samples and targets as texts; of a torch Dataset and of a stream some rows stand for all.

    Parameters
    ----------
    X, y : as an estimator's `fit` takes them.
    """
    if not isinstance(X, (torch.utils.data.Dataset, Stream)):
        return {"X": digest(X)[:LENGTH], "y": digest(y)[:LENGTH]}
    count = len(X)  # type: ignore[arg-type]
    some = np.unique(np.linspace(0, max(count - 1, 0), min(ROWS, count)).round().astype(np.int64))
    if isinstance(X, Stream):
        marks, y = [mark(X[some].read())], X.target if y is None else y
    else:
        twice = [[mark(X[row]) for row in some.tolist()] for _ in range(2)]
        marks = [one for one, again in zip(*twice, strict=True) if one == again]  # not what is drawn at each reading
    own = "its own" if y is None else digest(y)[:LENGTH]
    return {"X": f"{type(X).__name__} of {count} {mark(marks)}", "y": own}


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
