"""What readers share: folders and the images in them, targets, and sizes that contradict the images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from netwright.core.errors import InvalidData, problem
from netwright.data.images import SUFFIXES, image_size

Target = dict[str, Any]
Split = tuple[list[str], list[Target]]
PathLike = str | os.PathLike[str]
NAMED = 3  # images that a warning names


def folder_at(where: str, path: PathLike) -> Path:
    """A folder that exists.

    Parameters
    ----------
    where : how an error names it.
    path : of the folder.

    Raises
    ------
    InvalidData : it does not.
    """
    folder = Path(path)
    if not folder.is_dir():
        got = f"{'a file' if folder.exists() else 'nothing of that name'}, {str(folder)!r}"
        raise InvalidData(problem(where, "a folder", got))
    return folder


def images_in(folder: Path) -> dict[str, Path]:
    """The images that lie in a folder, by their names without suffix, sorted; hidden ones are passed over.

    Parameters
    ----------
    folder : it may be absent, and then holds none.

    Raises
    ------
    InvalidData : two have one name with two suffixes: nothing says which of them is meant.
    """
    found: dict[str, Path] = {}
    for file in files_in(folder, SUFFIXES):
        other = found.setdefault(file.stem, file)
        if other != file:
            got = f"{other.name} and {file.name}"
            raise InvalidData(problem(str(folder), "images whose names differ before the suffix", got, "Rename one."))
    return found


def files_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """The files in a folder that have one of the suffixes (lower case), sorted; hidden ones are passed over.

    Parameters
    ----------
    folder : it may be absent, and then holds none.
    suffixes : such as ``(".xml",)``.
    """
    if not folder.is_dir():
        return []
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    return [folder / name for name in names if not name.startswith(".") and Path(name).suffix.lower() in suffixes]


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, sorted; hidden ones are passed over.

    Parameters
    ----------
    folder : it may be absent, and then holds none.
    """
    children = folder.iterdir() if folder.is_dir() else ()
    return sorted(child for child in children if child.is_dir() and not child.name.startswith("."))


def target_of(boxes: Any, labels: Iterable[Any], **columns: Any) -> Target:
    """The target of one image.

    Parameters
    ----------
    boxes : n rows (x1, y1, x2, y2) in pixels.
    labels : of each.
    columns : further ones, as arrays (n,).

    Examples
    --------
    >>> target_of([], [])["boxes"].shape
    (0, 4)
    """
    return {"boxes": np.asarray(boxes, dtype=np.float64).reshape(-1, 4), "labels": list(labels), **columns}


class Sizes:
    """Sizes of images that a file states, held against the images.

    Parameters
    ----------
    where : who reads.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._wrong: list[str] = []
        self._seen = 0

    def compare(self, image: Path, stated: tuple[int, int] | None, source: str) -> None:
        """Take note where a stated size is another than the image's.

        Parameters
        ----------
        image : its file, whose header is read.
        stated : (height, width); None or zeros where nothing is stated.
        source : what states it.

        Raises
        ------
        InvalidData : the image is missing or broken.
        """
        height, width = image_size(image)
        self._seen += 1
        if stated and all(stated) and stated != (height, width):
            self._wrong.append(f"{source} says {stated[1]} x {stated[0]}, {image} has {width} x {height}")

    def warn(self) -> None:
        """One warning for all of them, which names the first."""
        if self._wrong:
            named = "; ".join(self._wrong[:NAMED]) + ("; ..." if len(self._wrong) > NAMED else "")
            text = f"{self._where}: {len(self._wrong)} of {self._seen} images have another size than is said of them"
            advice = "The boxes are taken as they are: look at a few with draw_boxes."
            warnings.warn(f"{text} (width x height): {named}. {advice}", UserWarning, stacklevel=3)
