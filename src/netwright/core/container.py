"""The container of a model file: safetensors with one header for one manifest.

::

    8 bytes          length of the header, little-endian
    header           JSON, padded with spaces to a multiple of 8:
                     {"__metadata__": {"netwright": "1", "manifest": "...", "manifest_sha256": "..."},
                      "conv1.weight": {"dtype": "F32", "shape": [32, 1, 3, 3], "data_offsets": [0, 1152]}, ...}
    data             the arrays, little-endian, in C order, largest element type first, then by name

The header follows from the manifest: `header_of` makes it, and `read_header` makes it again and compares, so that
doubled keys, overlaps, holes, other orders and tensors that the manifest does not name are all refused by one rule.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import FileIO
from typing import Any

from netwright.core.errors import CorruptFile, problem, shown
from netwright.core.manifest import DTYPES, FETCH, ITEMS, loads

VERSION = "1"
READERS = {"1": loads}  # one reader of the manifest for every format version that was ever released
HEADER = 40 * 2**20  # bytes at most; the manifest's limit, escaped, and the table of tensors
_METADATA = {"netwright", "manifest", "manifest_sha256"}
_BEGINNING = b'{"__metadata__":{"netwright":'
_OTHERS = {b"PK": "a zip archive", b"\x80": "a pickle", b"\x89HDF": "an HDF5 file", b"\x93NUMPY": "a NumPy file"}


@dataclass(frozen=True)
class Slot:
    """The place of one tensor in the data."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    def entry(self) -> dict[str, Any]:
        """What the header says of the tensor."""
        return {"dtype": self.dtype, "shape": list(self.shape), "data_offsets": [self.begin, self.end]}


@dataclass
class Source:
    """A file that is being read; `digest` is the hash of what was read of it, where that is wanted."""

    file: FileIO
    where: str
    size: int
    hashed: bool
    digest: Any

    def take(self, view: memoryview) -> None:
        """Fill the view with the next bytes."""
        while view:
            count = self.file.readinto(view)
            if not count:
                raise self.refused(f"{self.size} bytes", "an end before that")
            if self.hashed:
                self.digest.update(view[:count])
            view = view[count:]

    def refused(self, expected: str, got: str, remedy: str = FETCH) -> CorruptFile:
        """The error for this file."""
        return CorruptFile(problem(self.where, expected, got, remedy))

    def foreign(self, start: bytes) -> CorruptFile:
        """The error for a file that begins like none of ours; `start` is its first bytes."""
        if start[8:].startswith(_BEGINNING[: max(1, len(start) - 8)]):
            return self.refused("a whole netwright file", f"{self.size} bytes, cut or changed in the header")
        found = next((words for magic, words in _OTHERS.items() if start.startswith(magic)), "something else")
        remedy = "Open it with what wrote it; if netwright wrote it, it is damaged: fetch it or copy it again."
        got = f"{found} of {self.size} bytes" if self.size else "an empty file"
        return self.refused("a netwright file", got, remedy)


def layout(table: Mapping[str, Mapping[str, Any]]) -> list[Slot]:
    """Places without holes, largest elements first so that all are aligned."""
    slots, begin = [], 0
    for name in sorted(table, key=lambda name: (-DTYPES[table[name]["dtype"]].itemsize, name)):
        dtype, shape = table[name]["dtype"], tuple(table[name]["shape"])
        end = begin + math.prod(shape) * DTYPES[dtype].itemsize
        slots.append(Slot(name, dtype, shape, begin, end))
        begin = end
    return slots


def header_of(manifest: str, slots: list[Slot]) -> bytes:
    """The file up to its data."""
    digest = hashlib.sha256(manifest.encode()).hexdigest()
    metadata = {"netwright": VERSION, "manifest": manifest, "manifest_sha256": digest}
    fields = {"__metadata__": metadata, **{slot.name: slot.entry() for slot in slots}}
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def read_header(source: Source) -> tuple[dict[str, Any], list[Slot]]:
    """The manifest and the places of the tensors, all checks made that need no data."""
    start = bytearray(min(source.size, 8 + len(_BEGINNING)))
    source.take(memoryview(start))
    length = int.from_bytes(start[:8], "little")
    if len(start) < 8 + len(_BEGINNING) or length > min(HEADER, source.size - 8) or length < len(_BEGINNING):
        raise source.foreign(bytes(start))
    header = bytearray(8 + length)
    header[: len(start)] = start
    source.take(memoryview(header)[len(start) :])
    fields = _parse(source, header)
    text = _manifest_text(source, fields["__metadata__"])
    manifest = READERS[fields["__metadata__"]["netwright"]](text, source.where)
    slots = layout(manifest["tensors"])
    if header != header_of(text, slots):
        raise source.refused("a header that follows from the manifest", _difference(fields, slots))
    size = len(header) + (slots[-1].end if slots else 0)
    if size != source.size:
        missing = size - source.size
        got = f"{source.size}: {missing} are missing" if missing > 0 else f"{source.size}: {-missing} too many"
        raise source.refused(f"{size} bytes", got)
    return manifest, slots


def _parse(source: Source, header: bytearray) -> dict[str, Any]:
    """The header as JSON, when it is one of ours."""
    ours = header[8:].startswith(_BEGINNING)
    try:
        if header.count(b",") + header.count(b"[") + header.count(b"{") > 2 * ITEMS:
            raise ValueError(f"more than {2 * ITEMS} elements")
        fields = json.loads(str(memoryview(header)[8:], "utf-8"))
    except (ValueError, RecursionError) as error:
        raise (
            source.refused("a header in JSON", shown(str(error))) if ours else source.foreign(bytes(header[:40]))
        ) from error
    metadata = fields.get("__metadata__") if isinstance(fields, dict) else None
    if isinstance(metadata, dict) and "netwright" in metadata:
        return dict(fields)
    if isinstance(fields, dict):
        got = "a safetensors file that netwright did not write"
        raise source.refused("a netwright file", got, "Read its arrays with safetensors.numpy.load_file.")
    raise source.foreign(bytes(header[:40]))


def _manifest_text(source: Source, metadata: dict[str, Any]) -> str:
    """The manifest, when the metadata are whole."""
    version = metadata["netwright"]
    if not isinstance(version, str) or not re.fullmatch("[1-9][0-9]{0,8}", version):
        raise source.refused("a format version", shown(version))
    if int(version) > int(VERSION):
        remedy = "It needs a newer netwright: pip install --upgrade netwright."
        raise source.refused(f"format version {VERSION} or older", f"version {version}", remedy)
    if set(metadata) != _METADATA or not all(isinstance(item, str) for item in metadata.values()):
        raise source.refused(f"metadata with the texts {', '.join(sorted(_METADATA))}", shown(sorted(metadata)))
    text: str = metadata["manifest"]
    if hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest() != metadata["manifest_sha256"]:
        raise source.refused("a manifest with the SHA-256 in the file", "another one: it was changed")
    return text


def _difference(fields: dict[str, Any], slots: list[Slot]) -> str:
    """What a header says that the manifest does not."""
    expected = {slot.name: slot.entry() for slot in slots}
    for name in fields:
        if name not in expected and name != "__metadata__":
            return f"a tensor {shown(name)} that the manifest does not name"
    for name, entry in expected.items():
        if name not in fields:
            return f"none for tensor {shown(name)}"
        if fields[name] != entry:
            return f"{shown(fields[name])} instead of {shown(entry)} for tensor {shown(name)}"
    return "spaces, doubled keys or another order"
