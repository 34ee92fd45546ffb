"""Copies of what data are read from, so that reading moves nothing of the user's: counters, caches, positions."""

from __future__ import annotations

import copy
import io
import pickle
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, ModuleType
from typing import Any

import torch
from torch.utils.data import DataLoader

MOST_PARTS = 200_000  # objects in a data set that are copied
MOST_BYTES = 100_000_000  # that they take
ARRAYS = ("__array__", "__array_interface__", "__arrow_c_stream__", "__arrow_c_array__")  # what arrays can be asked for
SHARED = (type, FunctionType, BuiltinFunctionType, MethodDescriptorType, ModuleType, bytes, torch.Generator)
PARTS = ("dataset", "sampler", "batch_sampler", "collate_fn")


class _TooMuch(Exception):
    """More than is worth copying."""


class _File(io.BytesIO):
    """Where a copy is written down, with an end."""

    def write(self, part: Any) -> int:
        """Write a part, if there is room for it."""
        if self.tell() + len(part) > MOST_BYTES:
            raise _TooMuch
        return super().write(part)


class _Writer(pickle.Pickler):
    """Writes an object down, but for what the copy shares with it: functions, and whatever is an array."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.shared: list[Any] = []
        self.seen = 0

    def persistent_id(self, obj: Any) -> int | None:
        """The place of an object among those that are shared; None where it is copied."""
        self.seen += 1
        if self.seen > MOST_PARTS:
            raise _TooMuch
        if not isinstance(obj, SHARED) and not any(hasattr(type(obj), name) for name in ARRAYS):
            return None
        self.shared.append(obj)
        return len(self.shared) - 1


class _Reader(pickle.Unpickler):
    """Reads what a `_Writer` wrote."""

    def __init__(self, file: io.BytesIO, shared: list[Any]) -> None:
        super().__init__(file)
        self.shared = shared

    def persistent_load(self, pid: Any) -> Any:
        """An object that is shared."""
        return self.shared[pid]


def reader_copy(item: Any) -> Any:
    """A copy of a data set, or whatever batches are read from, that shares its arrays, tensors, frames and pictures.

    The object itself where it cannot be copied (an open file, a generator) or has too many parts.

    Parameters
    ----------
    item : a data set, a sampler, a loader; tuples of such refer to one copy of what they have in common.
    """
    try:
        file = _File()
        writer = _Writer(file)
        writer.dump(item)
        file.seek(0)
        return _Reader(file, writer.shared).load()
    except Exception:  # an object of a user's may refuse in any way
        return item


def loader_copy(loader: Any) -> Any:
    """A loader beside the user's, on copies of its data set and samplers, and with no iterator of an epoch under way.

    Parameters
    ----------
    loader : of torch's, or any other object that gives batches.
    """
    if not isinstance(loader, DataLoader):
        return reader_copy(loader)
    own = copy.copy(loader)
    given = tuple(vars(loader)[name] for name in PARTS)
    vars(own).update(zip(PARTS, reader_copy(given), strict=True), _iterator=None)
    return own
