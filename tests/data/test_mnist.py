"""MNIST and idx files: real ones, made ones, and damaged ones."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import sys
import types

import numpy as np
import pytest

from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter
from netwright.data import load_mnist, read_idx
from netwright.data import mnist as module


def idx(array: np.ndarray, code: int) -> bytes:
    header = struct.pack(f">HBB{array.ndim}i", 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def images(n: int = 5) -> np.ndarray:
    return (np.arange(n * 784) % 256).astype(np.uint8).reshape(n, 28, 28)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NETWRIGHT_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "pooch", None)
    (tmp_path / "mnist").mkdir()
    return tmp_path / "mnist"


CODES = [("u1", 8), ("i1", 9), ("i2", 11), ("i4", 12), ("f4", 13), ("f8", 14)]


@pytest.mark.parametrize(("dtype", "code"), CODES)
@pytest.mark.parametrize("packed", [False, True])
def test_every_type_of_number_and_both_packings(tmp_path, dtype, code, packed):
    array = np.arange(24).astype(dtype).reshape(2, 3, 4)
    content = idx(array, code)
    (tmp_path / "a").write_bytes(gzip.compress(content, mtime=0) if packed else content)
    read = read_idx(tmp_path / "a")
    assert read.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(read, array)
    assert read.flags.writeable


def test_no_rows_is_an_array_of_no_rows(tmp_path):
    (tmp_path / "a").write_bytes(idx(np.zeros((0, 28), np.uint8), 8))
    assert read_idx(tmp_path / "a").shape == (0, 28)


WHOLE = idx(images(2), 8)
DAMAGED = {
    "cut in the numbers": (WHOLE[:-1], r"1568 bytes for the shape \(2, 28, 28\), got 1567 bytes"),
    "cut in the lengths": (WHOLE[:9], "the lengths of 3 axes, got the file ends before them"),
    "cut in the magic": (WHOLE[:2], "an idx file"),
    "longer": (WHOLE + b"x", "1568 bytes .* got more"),
    "another magic": (b"PK\3\4" + WHOLE[4:], "an idx file .*begins with"),
    "unknown type": (b"\0\0\7\3" + WHOLE[4:], "an idx file"),
    "no axes": (b"\0\0\10\0", "an idx file"),
    "negative length": (b"\0\0\10\1\xff\xff\xff\xff", "axes of length 0 or more"),
    "a length of two thousand million": (b"\0\0\10\1\x7f\xff\xff\xff", "2147483647 bytes .* got 0 bytes"),
    "cut gzip": (gzip.compress(WHOLE, mtime=0)[:-9], "a whole gzip file"),
    "changed gzip": (
        gzip.compress(WHOLE, mtime=0)[:20] + b"\xff\xff" + gzip.compress(WHOLE, mtime=0)[22:],
        "file|gzip",
    ),
}


@pytest.mark.parametrize("block", [1, 1 << 20])
@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused(tmp_path, monkeypatch, name, block):
    monkeypatch.setattr(module, "BLOCK", block)
    content, message = DAMAGED[name]
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(CorruptFile, match=message):
        read_idx(tmp_path / "a")


def test_no_file(tmp_path):
    with pytest.raises(InvalidData, match="no file of that name"):
        read_idx(tmp_path / "a")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_load_from_the_named_folder(folder, suffix):
    pack = gzip.compress if suffix else bytes
    (folder / f"t10k-images-idx3-ubyte{suffix}").write_bytes(pack(idx(images(), 8)))
    (folder / f"t10k-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(np.arange(5, dtype=np.uint8), 8)))
    X, y = load_mnist("test")
    np.testing.assert_array_equal(X, (images()[:, None] / 255).astype(np.float32))
    np.testing.assert_array_equal(y, np.arange(5))
    assert (X.dtype, y.dtype) == (np.float32, np.int64)


@pytest.mark.parametrize(
    ("pictures", "labels", "message"),
    [
        (images()[:, :, :27], np.arange(5, dtype=np.uint8), "images of 28x28 pixels"),
        (images(), np.arange(4, dtype=np.uint8), "5 labels, one an image"),
        (images(), np.arange(6, 11, dtype=np.uint8), "labels from 0 to 9"),
    ],
)
def test_idx_files_that_are_not_mnist(folder, pictures, labels, message):
    (folder / "train-images-idx3-ubyte").write_bytes(idx(pictures, 8))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels, 8))
    with pytest.raises(CorruptFile, match=message):
        load_mnist()


def test_unknown_split():
    with pytest.raises(InvalidParameter, match=r"load_mnist\(split\).*'train' or 'test'"):
        load_mnist("tests")


def test_nowhere_and_no_pooch(folder):
    with pytest.raises(InvalidData, match=r"nothing there.*NETWRIGHT_DATA.*pip install pooch"):
        load_mnist()


def fake_pooch(content: bytes) -> types.ModuleType:
    def retrieve(url: str, known_hash: str | None, fname: str, path: os.PathLike[str]) -> str:
        os.makedirs(path, exist_ok=True)
        target = os.path.join(path, fname)
        with open(target, "wb") as file:
            file.write(content)
        return target

    pooch = types.ModuleType("pooch")
    pooch.retrieve = retrieve
    return pooch


def test_download_is_checked_and_kept(folder, monkeypatch):
    content = idx(np.zeros(3, np.uint8), 8)
    name = "train-labels-idx1-ubyte"
    monkeypatch.setitem(sys.modules, "pooch", fake_pooch(gzip.compress(content, mtime=0)))
    monkeypatch.setitem(module.SHA256, name, hashlib.sha256(content).hexdigest())
    assert module._find(name) == folder.parent / "cache" / "netwright" / "mnist" / f"{name}.gz"
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert read_idx(module._find(name)).tolist() == [0, 0, 0]


PACKED = [gzip.compress(text, mtime=0) for text in (b"something else", b"cut")]  # mtime: names of tests stay the same


@pytest.mark.parametrize("content", [PACKED[0], b"<html>", PACKED[1][:-4]])
def test_a_download_of_other_content_is_refused_and_removed(folder, monkeypatch, content):
    monkeypatch.setitem(sys.modules, "pooch", fake_pooch(content))
    with pytest.raises(CorruptFile, match="the published content"):
        load_mnist()
    assert not list((folder.parent / "cache" / "netwright" / "mnist").iterdir())


@pytest.mark.slow
@pytest.mark.data
def test_the_real_files():
    if not os.environ.get("NETWRIGHT_DATA"):
        pytest.skip("NETWRIGHT_DATA is not set")
    X, y = load_mnist("test")
    assert X.shape == (10000, 1, 28, 28)
    assert y[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert (float(X.min()), float(X.max())) == (0.0, 1.0)
    X, y = load_mnist("train")
    pixels = np.rint(X * 255).astype(np.uint8)
    digest = hashlib.sha256(struct.pack(">4i", 2051, *pixels[:, 0].shape) + pixels.tobytes()).hexdigest()
    assert digest == "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    assert np.bincount(y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
