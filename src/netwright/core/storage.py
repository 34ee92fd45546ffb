"""Model files: one safetensors file for every model, checked to the last byte, never half written, never executable.

The manifest (`netwright.core.manifest`) holds a SHA-256 of every tensor, the metadata hold that of the manifest, and
the rest of the file's header (`netwright.core.container`) follows from the manifest: `read` makes it again and
compares. So every byte of a file is checked, and one description gives one file. Any safetensors reader can open it.

Three rules keep files safe to open: a name in a file is only ever looked up in a closed list, never imported; nothing
is unpickled; sizes are compared with the size of the file before memory is asked for.

`write` never harms the file that was there (`netwright.core.atomic`).

Where this differs from ``safetensors.numpy.save_file``: arrays are hashed as they are written, without a copy of the
whole; the order of the metadata is fixed; data reach the disk; permissions are those of any new file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from netwright.core.atomic import PathLike, in_one_form, replacing, write_all
from netwright.core.container import HEADER, Slot, Source, header_of, layout, read_header
from netwright.core.errors import CorruptFile, InvalidParameter, problem, shown
from netwright.core.manifest import AXES, DTYPES, TENSORS, dumps, plain

CHUNK = 2**20  # bytes that are read or written, and hashed, at a time
_CODES = {dtype.str: code for code, dtype in DTYPES.items()}


class Stored(NamedTuple):
    """What a file holds."""

    kind: str
    content: dict[str, Any]
    tensors: dict[str, np.ndarray]


def write(path: PathLike, kind: str, content: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> None:
    """Write a file, whole or not at all.

    Parameters
    ----------
    path : the file; one that exists is replaced, the target of a link where it is one.
    kind : what the file describes, a name that a loader knows.
    content : plain data: dicts with text as keys, lists, tuples (they come back as lists), numbers, text, None.
    tensors : arrays of booleans, integers or floats of 16, 32 or 64 bits, by name. Names that share one array (the same
        memory, shape and strides) share it again when the file is read.

    Raises
    ------
    InvalidParameter : something that a file cannot hold.
    OSError : the file cannot be written; the one that was there before is whole.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "a.nw"
    ...     write(file, "example", {"rate": 0.5}, {"w": np.zeros((2, 3))})
    ...     kind, content, tensors = read(file)
    >>> kind, content, tensors["w"].shape
    ('example', {'rate': 0.5}, (2, 3))
    """
    if not isinstance(kind, str) or not kind:
        raise InvalidParameter(problem("write(kind)", "a name", shown(kind)))
    if not isinstance(content, Mapping):
        raise InvalidParameter(problem("write(content)", "a dict", shown(content)))
    arrays, aliases = _stored_once(tensors)
    described = {name: _describe(name, array) for name, array in arrays.items()}
    manifest = plain(  # a copy: content that changes while it is saved does no harm
        {"kind": kind, "content": content, "versions": _versions(), "tensors": described, "aliases": aliases}
    )
    slots = layout(manifest["tensors"])
    start = len(header_of(dumps(manifest), slots))  # hashes have a fixed length, so the final header is as long
    if start > HEADER:
        raise InvalidParameter(
            problem("write()", f"a header of at most {HEADER} bytes", f"{start}", "Use fewer names.")
        )
    with replacing(path) as file:
        os.lseek(file, start, os.SEEK_SET)
        for slot in slots:
            manifest["tensors"][slot.name]["sha256"] = _write_array(file, arrays[slot.name])
        os.lseek(file, 0, os.SEEK_SET)
        write_all(file, header_of(dumps(manifest), slots))


def read(path: PathLike, expected_sha256: str | None = None) -> Stored:
    """Read a file, having checked all of it.

    Parameters
    ----------
    path : the file.
    expected_sha256 : SHA-256 of the whole file in hexadecimal, where you have it from whoever made the file. The hashes
        inside a file show that it is undamaged; only this one shows that it is theirs.

    Raises
    ------
    CorruptFile : a file that is cut, changed, of a newer version, or no netwright file.
    OSError : a file that cannot be read, or with more arrays than there is memory; `FileNotFoundError` where there is
        none.
    """
    with _opened(path, expected_sha256, hashed=expected_sha256 is not None) as source:
        manifest, slots = read_header(source)
        _require_memory(slots[-1].end if slots else 0)
        tensors = {slot.name: array for slot, array in _read_arrays(source, manifest, slots)}
    tensors |= {alias: tensors[name] for alias, name in manifest["aliases"].items()}
    return Stored(manifest["kind"], manifest["content"], tensors)


def read_manifest(path: PathLike) -> dict[str, Any]:
    """The manifest of a file: ``kind, content, versions, tensors, aliases``; its arrays are neither read nor checked.

    Raises
    ------
    CorruptFile, OSError : as `read`.
    """
    with _opened(path) as source:
        manifest, _ = read_header(source)
    return manifest


def verify(path: PathLike, expected_sha256: str | None = None) -> str:
    """Check all of a file, keeping none of its arrays in memory, and give the SHA-256 of the whole.

    Raises
    ------
    CorruptFile, OSError : as `read`.
    """
    with _opened(path, expected_sha256, hashed=True) as source:
        manifest, slots = read_header(source)
        for slot in slots:
            _take_array(source, manifest, slot, None)
        _at_end(source)
    return str(source.digest.hexdigest())


def _stored_once(tensors: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays to store by name, and the other names of those that share all their memory."""
    if not isinstance(tensors, Mapping) or len(tensors) > TENSORS:
        raise InvalidParameter(problem("write(tensors)", f"a dict of at most {TENSORS} arrays", shown(tensors)))
    arrays: dict[str, np.ndarray] = {}
    aliases: dict[str, str] = {}
    first: dict[Any, str] = {}
    for name, array in tensors.items():
        if not isinstance(name, str) or name == "__metadata__":
            raise InvalidParameter(problem("write(tensors)", "names that are text", shown(name), "Rename it."))
        if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
            got = f"{shown(array)} of type {type(array).__name__}"
            raise InvalidParameter(problem(f"tensor {name!r}", "a NumPy array", got, "Use np.asarray."))
        memory = (array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str)
        known = first.setdefault(memory, name) if array.size else name
        if known == name:
            arrays[name] = array
        else:
            aliases[name] = known
    return arrays, aliases


def _describe(name: str, array: np.ndarray) -> dict[str, Any]:
    """The entry of an array in the manifest, its hash still to be filled in."""
    code = _CODES.get(array.dtype.newbyteorder("<").str)
    if code is None:
        listed = ", ".join(str(dtype) for dtype in DTYPES.values())
        raise InvalidParameter(problem(f"tensor {name!r}", f"one of {listed}", f"dtype {array.dtype}", "Convert it."))
    if array.ndim > AXES:
        raise InvalidParameter(problem(f"tensor {name!r}", f"at most {AXES} axes", str(array.ndim), "Reshape it."))
    return {"dtype": code, "shape": list(array.shape), "sha256": "0" * 64}


def _versions() -> dict[str, str]:
    """Versions of what is loaded; nothing is imported to ask."""
    versions = {"python": platform.python_version()}
    for name in ("netwright", "numpy", "sklearn", "torch"):
        if name in sys.modules:
            versions[name] = str(getattr(sys.modules[name], "__version__", "unknown"))
    return versions


def _write_array(file: int, array: np.ndarray) -> str:
    """Append an array's bytes and give their SHA-256."""
    ordered = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    numbers, digest = ordered.reshape(-1).view(np.uint8), hashlib.sha256()
    for start in range(0, len(numbers), CHUNK):
        piece = numbers[start : start + CHUNK].tobytes()  # a copy: what is hashed is written, even if it changes now
        digest.update(piece)
        write_all(file, piece)
    return digest.hexdigest()


@contextmanager
def _opened(path: PathLike, expected_sha256: str | None = None, hashed: bool = False) -> Iterator[Source]:
    """The file, open; at the end of the block the hash of what was read is compared with the expected one."""
    where = str(os.fspath(path))
    if expected_sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", str(expected_sha256)):
        raise InvalidParameter(problem("expected_sha256", "64 hexadecimal digits", shown(expected_sha256)))
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # a pipe would be waited for
            raise CorruptFile(problem(where, "a netwright file", "a device or a pipe", "Give the name of a file."))
        with open(path, "rb", buffering=0) as file:
            source = Source(file, where, os.fstat(file.fileno()).st_size, hashed, hashlib.sha256())
            yield source
    except OSError as error:
        raise in_one_form(error, path, "a file that can be read", "Check the name and that you may read it.") from error
    if expected_sha256 is not None and source.digest.hexdigest() != expected_sha256.lower():
        got = f"one with {source.digest.hexdigest()}"
        raise source.refused(f"the file with SHA-256 {expected_sha256.lower()}", got, "Fetch it from who made it.")


def _read_arrays(source: Source, manifest: dict[str, Any], slots: list[Slot]) -> Iterator[tuple[Slot, np.ndarray]]:
    """Every tensor, read and checked."""
    for slot in slots:
        array = np.empty(slot.shape, DTYPES[slot.dtype])
        _take_array(source, manifest, slot, array.reshape(-1).view(np.uint8))
        yield slot, array
    _at_end(source)


def _require_memory(size: int) -> None:
    """An error before memory is asked for that the machine does not have: a file with holes may say any size."""
    if hasattr(os, "sysconf") and size > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
        raise OSError(errno.ENOMEM, f"{size} bytes of arrays, more than all memory of this machine")


def _take_array(source: Source, manifest: dict[str, Any], slot: Slot, numbers: np.ndarray | None) -> None:
    """Read the bytes of a tensor and check them; they are kept in `numbers` where that is given."""
    digest, length = hashlib.sha256(), slot.end - slot.begin
    buffer = np.empty(min(CHUNK, length) if numbers is None else 0, np.uint8)
    strange = False
    for start in range(0, length, CHUNK):
        piece = buffer[: length - start] if numbers is None else numbers[start : start + CHUNK]
        source.take(piece.data)
        digest.update(piece.data)
        strange |= slot.dtype == "BOOL" and piece.max() > 1
    if digest.hexdigest() != manifest["tensors"][slot.name]["sha256"]:
        raise source.refused(f"tensor {shown(slot.name)} as its SHA-256 says", "other bytes: it was changed")
    if strange:
        raise source.refused(f"tensor {shown(slot.name)} of booleans", "bytes other than 0 and 1")


def _at_end(source: Source) -> None:
    if source.file.read(1):
        raise source.refused(f"{source.size} bytes", "more: it grew while it was read")
