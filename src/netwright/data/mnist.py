"""MNIST: handwritten digits, 28x28 pixels, and the idx format in which they are published.

An idx file is big-endian: two zero bytes, one byte for the type of the numbers, one for the number of axes, the
length of each axis as int32, and then the numbers, the last axis fastest.

References
----------
Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE, 1998.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import CorruptFile, InvalidData, problem
from netwright.core.validation import check, one_of
from netwright.data.locate import cache_folder, find_data

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
BLOCK = 1 << 20
SOURCE = "https://ossci-datasets.s3.amazonaws.com/mnist/"
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
# SHA-256 of the unpacked files: it stays the same however a file is packed
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def load_mnist(split: str = "train") -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Gray images of the digits 0 to 9, 28x28 pixels: 60,000 for training or 10,000 for testing.

    The four files (``train-images-idx3-ubyte`` and so on, with or without ``.gz``) are looked for in
    ``$NETWRIGHT_DATA/mnist`` and in the user's cache; where pooch is installed they are downloaded into the cache.

    Parameters
    ----------
    split : ``"train"`` or ``"test"``.

    Shapes
    ------
    X (n, 1, 28, 28) float32 in [0, 1], y (n,) int64.

    Raises
    ------
    InvalidData : the files are nowhere, and pooch is not installed.
    CorruptFile : a file is cut, is no idx file, or is not MNIST.

    Examples
    --------
    >>> X, y = load_mnist("test")  # doctest: +SKIP
    """
    check("load_mnist(split)", split, one_of("train", "test"))
    images_path, labels_path = (_find(name) for name in FILES[split])
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
        raise CorruptFile(_unlike(images_path, "uint8 images of 28x28 pixels", images))
    if labels.dtype != np.uint8 or labels.ndim != 1 or labels.max(initial=0) > 9:
        raise CorruptFile(_unlike(labels_path, "uint8 labels from 0 to 9", labels))
    if len(images) != len(labels):
        raise CorruptFile(_unlike(labels_path, f"{len(images)} labels, one an image", labels))
    pixels = images[:, None].astype(np.float32)  # (n, 1, 28, 28)
    pixels /= 255
    return pixels, labels.astype(np.int64)


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """The array in an idx file, plain or packed by gzip.

    Parameters
    ----------
    path : the file; whether it is packed is told from its first bytes.

    Shapes
    ------
    the shape and the type of numbers that the file's header says

    Raises
    ------
    InvalidData : there is no such file.
    CorruptFile : the file is cut, longer than its header says, or no idx file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "labels-idx1"
    >>> _ = file.write_bytes(bytes([0, 0, 8, 1]) + (3).to_bytes(4, "big") + bytes([7, 2, 1]))
    >>> read_idx(file)
    array([7, 2, 1], dtype=uint8)
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidData(problem(f"read_idx({str(path)!r})", "a file", "no file of that name"))
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not packed:
                return _parse(path, raw)
            with gzip.GzipFile(fileobj=raw) as stream:
                return _parse(path, stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CorruptFile(_damaged(path, "a whole gzip file", str(error))) from error


def _parse(path: Path, stream: BinaryIO | gzip.GzipFile) -> NDArray[Any]:
    """The array of an open idx stream; its header is believed only as far as the bytes bear it out."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or magic[3] == 0:
        raise CorruptFile(_damaged(path, "an idx file (magic number 00 00 type axes)", f"it begins with {magic!r}"))
    lengths = stream.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise CorruptFile(_damaged(path, f"the lengths of {magic[3]} axes", "the file ends before them"))
    shape = tuple(int(length) for length in np.frombuffer(lengths, ">i4"))
    dtype = np.dtype(TYPES[magic[2]])
    if min(shape) < 0:
        raise CorruptFile(_damaged(path, "axes of length 0 or more", f"{shape}"))
    wanted = math.prod(shape) * dtype.itemsize
    content = bytearray()
    while len(content) <= wanted:  # by blocks: a false header must not reserve memory
        block = stream.read(min(BLOCK, wanted + 1 - len(content)))
        if not block:
            break
        content += block
    if len(content) != wanted:
        found = f"{len(content)} bytes" if len(content) < wanted else "more"
        raise CorruptFile(_damaged(path, f"{wanted} bytes for the shape {shape}", found))
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _find(name: str) -> Path:
    """The path of one of the four files, downloaded where need be and pooch is there."""
    for suffix in ("", ".gz"):
        try:
            return find_data(f"mnist/{name}{suffix}")
        except InvalidData:
            continue
    try:
        import pooch
    except ImportError:
        return find_data(f"mnist/{name}.gz", "Or install pooch (pip install pooch), which downloads it once.")
    folder = cache_folder() / "mnist"
    path = Path(pooch.retrieve(f"{SOURCE}{name}.gz", known_hash=None, fname=f"{name}.gz", path=folder))
    try:
        content = gzip.decompress(path.read_bytes())
    except (EOFError, zlib.error, gzip.BadGzipFile):
        content = b""
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        path.unlink()
        raise CorruptFile(_damaged(path, f"the published content (SHA-256 {SHA256[name][:12]}...)", "another one"))
    return path


def _damaged(path: Path, expected: str, got: str) -> str:
    return problem(f"file {str(path)!r}", expected, got, "Fetch the file again.")


def _unlike(path: Path, expected: str, got: NDArray[Any]) -> str:
    return problem(f"file {str(path)!r}", expected, f"{got.dtype} numbers of shape {got.shape}", "Is it MNIST?")
