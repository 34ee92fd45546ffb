"""Tensors of a safetensors file of any origin, mapped into memory and not read before they are used.

::

    8 bytes          length of the header, little-endian
    header           JSON: {"__metadata__": {...}, "conv1.weight": {"dtype": "F32", "shape": [64, 3, 7, 7],
                     "data_offsets": [0, 37632]}, ...}
    data             the tensors, little-endian, in C order; together they are all of it, without holes or overlaps

`netwright.core.container` reads the files that netwright writes, and nothing else: there every byte is hashed. The
format of others holds no checksums, so that here only what the format says can be checked: a byte that changed within
the data gives another number, and nobody notices.
"""

from __future__ import annotations

import json
import math
import os
from typing import Any

import numpy as np
import torch

from netwright.core.errors import CorruptFile, problem, shown
from netwright.core.manifest import AXES, DTYPES, FETCH, TENSORS

HEADER = 16 * 2**20  # bytes at most, room for `TENSORS` names
BFLOAT16 = "BF16"  # the one type that NumPy lacks: its bytes are read as integers
_KNOWN = {**DTYPES, BFLOAT16: np.dtype("<i2")}


def read_safetensors(path: str | os.PathLike[str]) -> dict[str, torch.Tensor]:
    """The tensors of a file by name; the mapping is private, so that writing to one leaves the file alone.

    Parameters
    ----------
    path : the file.

    Raises
    ------
    CorruptFile : a header or data that the format forbids, a type of number that torch or NumPy lack.
    OSError : a file that cannot be read.
    """
    where = os.fspath(path)
    size = os.stat(path).st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= size - 8 or length > HEADER:
            got = f"{length} bytes of {size}"
            raise _refused(where, f"a header within the file, of at most {HEADER} bytes", got)
        entries = _entries(where, file.read(length))
    begin = 8 + length
    _check_places(where, entries, size - begin)
    if not any(math.prod(entry["shape"]) for entry in entries.values()):
        return {name: _tensor(np.empty(0, np.uint8), entry) for name, entry in entries.items()}
    data = np.memmap(path, np.uint8, mode="c", offset=begin)
    return {name: _tensor(data, entry) for name, entry in entries.items()}


def _entries(where: str, header: bytes) -> dict[str, dict[str, Any]]:
    """What the header says of every tensor, each entry checked by itself."""
    try:
        if header.count(b",") + header.count(b"[") + header.count(b"{") > 16 * TENSORS:
            raise ValueError(f"more than {16 * TENSORS} elements")
        fields = json.loads(header.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _refused(where, "a header in JSON", shown(str(error))) from error
    if not isinstance(fields, dict):
        raise _refused(where, "a header with the tensors by name", shown(fields))
    entries = {name: entry for name, entry in fields.items() if name != "__metadata__"}
    for name, entry in entries.items():
        _check_entry(where, name, entry)
    return entries


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys all differ: of two entries one would be believed and the other shown."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"doubled keys among {shown([key for key, _ in pairs])}")
    return found


def _check_entry(where: str, name: str, entry: Any) -> None:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _refused(where, f"dtype, shape and data_offsets of tensor {shown(name)}", shown(entry))
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in _KNOWN:
        got = f"{shown(entry['dtype'])} for tensor {shown(name)}"
        raise _refused(where, f"one of the types {', '.join(_KNOWN)}", got, "Convert it to F32 with what wrote it.")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _whole(shape) or not _whole(offsets) or len(offsets) != 2 or len(shape) > AXES:
        raise _refused(where, f"a shape and two offsets of tensor {shown(name)}", shown(entry))
    size = math.prod(shape) * _KNOWN[entry["dtype"]].itemsize
    if size != offsets[1] - offsets[0] or math.prod(axis or 1 for axis in shape) >= 2**60:
        got = f"the offsets {offsets}"
        raise _refused(where, f"{shown(size)} bytes of tensor {shown(name)} with the shape {shown(shape)}", got)


def _whole(numbers: Any) -> bool:
    return isinstance(numbers, list) and all(type(number) is int and number >= 0 for number in numbers)


def _check_places(where: str, entries: dict[str, dict[str, Any]], size: int) -> None:
    """Whether the tensors, in the order of their places, are the whole of the data."""
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"]):
        if entry["data_offsets"][0] != end:
            raise _refused(where, f"tensor {shown(name)} to begin at byte {end}", f"{entry['data_offsets'][0]}")
        end = entry["data_offsets"][1]
    if end != size:
        missing = end - size
        got = f"{size}: {missing} are missing" if missing > 0 else f"{size}: {-missing} too many"
        raise _refused(where, f"{end} bytes of data", got)


def _tensor(data: np.ndarray, entry: dict[str, Any]) -> torch.Tensor:
    first, last = entry["data_offsets"]
    array = data[first:last].view(_KNOWN[entry["dtype"]]).reshape(entry["shape"])
    if not array.flags.aligned or not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="), copy=True)
    tensor = torch.from_numpy(array)
    return tensor.view(torch.bfloat16) if entry["dtype"] == BFLOAT16 else tensor


def _refused(where: str, expected: str, got: str, remedy: str = FETCH) -> CorruptFile:
    return CorruptFile(problem(where, expected, got, remedy))
