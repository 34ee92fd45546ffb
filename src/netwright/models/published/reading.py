"""Tensors by name, from any file of weights: what is in it is seen from its first bytes, not from its name.

=================== =================================================================================
first bytes         what is read
=================== =================================================================================
``PK``, a zip       ``torch.save`` (with a ``data.pkl``) or ``numpy.savez`` (``.npy`` files only)
``\\x80``            ``torch.save`` of torch before 1.6
``\\x89HDF``         Keras, by h5py (`netwright.models.published.keras_file`)
a length, then {    safetensors (`netwright.models.published.safetensors_file`); netwright's own model files too
=================== =================================================================================

Nothing is executed: pickles go through torch's weights-only reader, which makes tensors and plain data and refuses all
else, and ``.npz`` files with objects are refused. Tensors are mapped into memory where the format allows it, and read
when they are used. The members of a zip archive are read before and their checksums compared; safetensors files, and
those of torch before 1.6, have none: there a changed number is not noticed.
"""

from __future__ import annotations

import os
import pickle
import re
import stat
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from netwright.core import storage
from netwright.core.atomic import PathLike, in_one_form
from netwright.core.errors import CorruptFile, InvalidParameter, problem, shown
from netwright.core.manifest import FETCH
from netwright.models.published.keras_file import read_keras
from netwright.models.published.safetensors_file import read_safetensors

Source = PathLike | Mapping[str, Any]
WRAPPERS = ("state_dict", "model", "model_state_dict", "net", "weights")  # keys under which training scripts save
NESTING = 3  # wrappers in wrappers at most
LONGEST = 1000  # letters in a name
LARGEST = 2**30  # numbers in one tensor: a hostile file can make one of any size from a single number
_START = 64  # bytes
_CHUNK = 2**20  # bytes
_OURS = b'{"__metadata__":{"netwright":'


def read_tensors(source: Source) -> tuple[str, dict[str, torch.Tensor]]:
    """What a file, or a dict in its place, holds: its name for messages, and its tensors by name.

    Parameters
    ----------
    source : the file, or a dict of tensors or arrays by name. Dicts around the tensors (``{"state_dict": ...}``) are
        taken off.

    Raises
    ------
    InvalidParameter : neither a path nor a dict; an HDF5 file where h5py is not installed.
    CorruptFile : a file that is cut, that is none of these kinds, or that holds more than tensors.
    OSError : a file that cannot be read.
    """
    if isinstance(source, Mapping):
        where, loaded = "the state dict", source
    elif isinstance(source, (str, os.PathLike)):
        where = str(os.fspath(source))
        try:
            loaded = _read_file(source, where)
        except OSError as error:
            remedy = "Check the name and that you may read it."
            raise in_one_form(error, where, "a file that can be read", remedy) from error
    else:
        got = f"{shown(source)} of type {type(source).__name__}"
        raise InvalidParameter(problem("load_weights(source)", "the name of a file, or a dict of tensors", got))
    return where, {name: _tensor(where, name, item) for name, item in _unwrapped(where, loaded)}


def _read_file(path: PathLike, where: str) -> Mapping[str, Any]:
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # a pipe would be waited for
        raise CorruptFile(problem(where, "a file of weights", "a device or a pipe", "Give the name of a file."))
    with open(path, "rb") as file:
        start = file.read(_START)
    if start.startswith(b"PK"):
        return _read_zip(path, where)
    if start.startswith(b"\x80"):
        return _read_torch(path, where, mmap=False)
    if start.startswith(b"\x89HDF"):
        return read_keras(path)
    if start[8:].startswith(_OURS):
        return _read_ours(path, where)
    if start[8:9] == b"{":
        return read_safetensors(path)
    remedy = "Give a .safetensors, .pth, .npz or Keras .h5 file."
    got = f"one that begins with {shown(start[:16])}" if start else "an empty file"
    raise CorruptFile(problem(where, "a file of weights", got, remedy))


def _read_ours(path: PathLike, where: str) -> dict[str, np.ndarray]:
    """The weights in a model file of netwright, every byte checked."""
    stored = storage.read(path)
    own = {name[len("module.") :]: array for name, array in stored.tensors.items() if name.startswith("module.")}
    if not own and stored.kind != "module":
        remedy = "Save it with its module: net.save(path, module)."
        raise CorruptFile(problem(where, "a model file with weights", f"one of the kind {stored.kind!r}", remedy))
    return own or stored.tensors


def _read_zip(path: PathLike, where: str) -> Mapping[str, Any]:
    """What torch or NumPy put into a zip archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise CorruptFile(problem(where, "a whole zip archive", shown(str(error)), FETCH)) from error
    if any(entry.filename.endswith("data.pkl") for entry in entries):
        packed = next((entry for entry in entries if entry.compress_type != zipfile.ZIP_STORED), None)
        if packed is not None:
            got = f"{shown(packed.filename)}, which is compressed"
            raise CorruptFile(problem(where, "tensors as torch.save stores them", got, "Save it with torch.save."))
        _check_sums(path, where, entries)
        return _read_torch(path, where, mmap=True)
    if entries and all(entry.filename.endswith(".npy") for entry in entries):
        return _read_npz(path, where)
    got = f"a zip archive with {shown([entry.filename for entry in entries[:3]])}"
    remedy = 'Of a .keras file save the weights: model.save_weights("....weights.h5").'
    raise CorruptFile(problem(where, "a file of torch.save or numpy.savez", got, remedy))


def _check_sums(path: PathLike, where: str, entries: Sequence[zipfile.ZipInfo]) -> None:
    """Whether every member has the bytes that it was written with; torch itself does not compare them."""
    if not any(entry.CRC for entry in entries):  # torch.serialization.set_crc32_options(False): none were computed
        return
    size, whole = sum(entry.file_size for entry in entries), os.stat(path).st_size
    if size > whole:  # members that share their bytes would be read again and again
        raise CorruptFile(problem(where, "members that fit into the file", f"{size} bytes in {whole}", FETCH))
    with zipfile.ZipFile(path) as archive:
        for entry in entries:
            try:
                with archive.open(entry) as member:
                    while member.read(_CHUNK):
                        pass
            except OSError:
                raise
            except Exception as error:  # whatever zipfile says to a member that is damaged
                got = f"{shown(entry.filename)}, whose bytes do not match it"
                raise CorruptFile(
                    problem(where, "members with the checksums they were saved with", got, FETCH)
                ) from error


def _read_torch(path: PathLike, where: str, mmap: bool) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of pickles that it then refuses
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except Exception as error:  # whatever torch says to a file that is damaged or hostile
        remedy = "It is damaged or holds more than tensors: save torch.save(module.state_dict(), path)."
        raise CorruptFile(problem(where, "a state dict", _reason(error), remedy)) from error


def _reason(error: Exception) -> str:
    """What torch refuses, without its advice to run the code in the file."""
    called = re.search(r"GLOBAL (\S+)", str(error))
    if called:
        return f"a pickle that calls {called[1]}"
    if isinstance(error, pickle.UnpicklingError):
        return "a pickle that torch.save did not write"
    return shown(str(error).split(". ")[0] or type(error).__name__)


def _read_npz(path: PathLike, where: str) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except Exception as error:  # whatever NumPy says to a file that is damaged or hostile
        got = shown(str(error) or type(error).__name__)
        raise CorruptFile(problem(where, "arrays of numbers as numpy.savez writes them", got, FETCH)) from error


def _unwrapped(where: str, loaded: Any) -> list[tuple[str, Any]]:
    """The names and tensors of a dict, or of the dict that it wraps."""
    for _ in range(NESTING):
        if not isinstance(loaded, Mapping):
            break
        inner = next((loaded[key] for key in WRAPPERS if isinstance(loaded.get(key), Mapping)), None)
        if inner is None:
            break
        loaded = inner
    if not isinstance(loaded, Mapping) or not loaded:
        got = shown(loaded) if isinstance(loaded, Mapping) else f"a {type(loaded).__name__}"
        raise CorruptFile(problem(where, "tensors by name", got, "Save module.state_dict()."))
    return list(loaded.items())


def _tensor(where: str, name: Any, item: Any) -> torch.Tensor:
    """One entry as a tensor, when it is one of numbers."""
    if not isinstance(name, str) or len(name) > LONGEST:
        expected = f"names that are text of at most {LONGEST} letters"
        raise CorruptFile(problem(where, expected, shown(name), "Save module.state_dict()."))
    if isinstance(item, np.ndarray) and item.dtype.kind in "fiub":
        item = torch.from_numpy(np.array(item, dtype=item.dtype.newbyteorder("="), order="C"))
    if not isinstance(item, torch.Tensor):
        got = f"{shown(item, 60)} of type {type(item).__name__} under {shown(name)}"
        remedy = f"Save module.state_dict() alone, or under one of {', '.join(WRAPPERS)}."
        raise CorruptFile(problem(where, "tensors by name, nothing else", got, remedy))
    item = item.detach()
    if item.layout is not torch.strided or item.is_quantized or item.is_complex() or item.is_meta:
        got = f"{shown(name)} of type {item.dtype}, {item.layout} on {item.device}"
        raise CorruptFile(problem(where, "plain tensors of real numbers", got, "Save the weights before quantising."))
    if item.numel() > LARGEST:
        raise CorruptFile(problem(where, f"at most {LARGEST} numbers in {shown(name)}", str(item.numel()), FETCH))
    return item
