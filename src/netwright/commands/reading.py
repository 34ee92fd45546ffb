"""DATA of the command line: a name (digits, mnist), a table in a file, or a folder of images, as one `Dataset`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netwright.core.errors import InvalidData, did_you_mean, problem
from netwright.data import load_digits, load_image_folder, load_images, load_mnist, read_table
from netwright.data.images import SUFFIXES as IMAGES

BUILT_IN = ("digits", "mnist")
TABLES = (".csv", ".tsv", ".parquet", ".pq", ".txt", ".dat", ".data")
BLOCK = 1 << 20  # bytes that are hashed at a time


@dataclass(frozen=True)
class Dataset:
    """What was read.

    Parameters
    ----------
    name : a word for folders and titles. kind : "images" or "table".
    X : images (n, channels, height, width), or a dict of columns with the target still among them.
    y : labels of images; None where there are none, and for tables.
    test : the images and labels of a test split of its own, or None.
    files : names of the samples, where each is a file. source : what DATA said.
    digest : SHA-256 of the file, of all files in order, or of the arrays.
    """

    name: str
    kind: str
    X: Any
    y: np.ndarray | None
    test: tuple[np.ndarray, np.ndarray] | None
    files: tuple[str, ...]
    source: str
    digest: str

    @property
    def rows(self) -> int:
        """How many samples there are, without those of the test split."""
        return len(next(iter(self.X.values()))) if self.kind == "table" else len(self.X)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What identifies the data in run.json."""
        shape = {"columns": list(self.X)} if self.kind == "table" else {"shape": list(self.X.shape[1:])}
        return {"source": self.source, "sha256": self.digest, "rows": self.rows, **shape}


def read(data: str, image_size: tuple[int, int] | None = None) -> Dataset:
    """The data to train on.

    Raises
    ------
    InvalidData : nothing of that name, or a file of another kind; whatever the readers refuse.
    """
    path = Path(data)
    if path.is_dir():
        images, labels, files = load_image_folder(path, size=image_size)
        name = path.resolve().name or "images"
        return Dataset(name, "images", images, labels, None, _relative(files, path), data, digest_of(files))
    if path.is_file():
        _require_table(path)
        return _table(path, data)
    if data == "digits":
        X, y = load_digits()
        return Dataset(data, "images", X, y, None, (), data, _of_arrays(X, y))
    if data == "mnist":
        X, y = load_mnist("train")
        test = load_mnist("test")
        return Dataset(data, "images", X, y, test, (), data, _of_arrays(X, y, *test))
    raise _nothing_there(path, data)


def read_like(data: str, shape: tuple[int, ...]) -> Dataset:
    """The data to predict: images come in the (channels, height, width) that a model takes; labels may be lacking."""
    path = Path(data)
    if path.is_dir() or (path.is_file() and path.suffix.lower() in IMAGES):
        files = [path] if path.is_file() else _images_below(path)
        if len(shape) != 3:
            got = f"{len(files)} image(s) for a model of samples of shape {shape}"
            raise InvalidData(problem(f"data {data!r}", "a table, as in training", got))
        X = load_images(files, size=(shape[1], shape[2]), gray=shape[0] == 1)
        names = tuple(map(str, files)) if path.is_file() else _relative(files, path)
        return Dataset(path.stem, "images", X, None, None, names, data, "")
    if path.is_file():
        _require_table(path)
        return _table(path, data)
    if data == "digits":
        X, y = load_digits()
        return Dataset(data, "images", X, y, None, (), data, "")
    if data == "mnist":
        X, y = load_mnist("test")
        return Dataset(data, "images", X, y, None, (), data, "")
    raise _nothing_there(path, data)


def _table(path: Path, data: str) -> Dataset:
    return Dataset(path.stem, "table", read_table(path), None, None, (), data, digest_of([path]))


def _require_table(path: Path) -> None:
    if path.suffix.lower() in TABLES:
        return
    remedy = "Put images into one sub-folder a class and give the folder." if path.suffix.lower() in IMAGES else ""
    raise InvalidData(
        problem(f"data {str(path)!r}", f"a table ({' '.join(TABLES)})", f"a {path.suffix or 'nameless'} file", remedy)
    )


def _nothing_there(path: Path, data: str) -> InvalidData:
    """The error for a name that is neither a data set nor a file, with the nearest name."""
    folder = path.parent
    there = sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
    near = did_you_mean(path.name, [*BUILT_IN, *there])
    remedy = near if near.startswith("Did you mean") else f"Is the name right, from the folder {str(Path.cwd())!r}?"
    return InvalidData(
        problem(f"data {data!r}", "digits, mnist, a table or a folder of images", "no such thing", remedy)
    )


def _images_below(folder: Path) -> list[Path]:
    found = sorted(file for file in folder.rglob("*") if file.suffix.lower() in IMAGES and file.is_file())
    if not found:
        raise InvalidData(problem(f"data {str(folder)!r}", f"images ({' '.join(IMAGES)})", "a folder without any"))
    return found


def _relative(files: Sequence[str | Path], folder: Path) -> tuple[str, ...]:
    return tuple(Path(file).relative_to(folder).as_posix() for file in files)


def digest_of(files: Sequence[str | Path]) -> str:
    """SHA-256 of one file; of several, of their hashes in order."""
    digests = []
    for file in files:
        digest = hashlib.sha256()
        with Path(file).open("rb") as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
        digests.append(digest.hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _of_arrays(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
