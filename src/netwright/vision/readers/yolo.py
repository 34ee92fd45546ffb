"""YOLO: a text file an image, a line an object: class, middle and size as shares of the image's width and height.

::

    class cx cy width height      x1 = (cx - width/2) W,  x2 = (cx + width/2) W,  y alike with H

An outline (class x1 y1 x2 y2 x3 y3 ...) becomes the box round it. An image without a text file, or with an empty one,
has no objects. Layouts::

    folder/images/train/1.jpg     folder/train/images/1.jpg     folder/images/1.jpg     folder/1.jpg
           labels/train/1.txt            train/labels/1.txt            labels/1.txt            1.txt

Reference: Redmon, Divvala, Girshick, Farhadi, *You only look once: unified, real-time object detection*, 2016.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

from netwright.core.errors import InvalidData, did_you_mean, problem
from netwright.core.validation import check, instance, nothing
from netwright.data.images import image_size
from netwright.vision.readers.class_names import LISTS, class_names
from netwright.vision.readers.files import (
    PathLike,
    Split,
    Target,
    files_in,
    folder_at,
    folders_in,
    images_in,
    target_of,
)

SLACK = 0.01  # by which a share may leave [0, 1]: rounding of boxes that touch a border
WHOLE = "all"  # the only split of a folder without splits


class Pair(NamedTuple):
    """A folder of images and the folder of their labels."""

    images: Path
    labels: Path


def read_yolo(folder: PathLike, split: str | None = None) -> Split:
    """Images with their boxes from a folder with YOLO labels, a text file an image.

    Boxes without an area and reversed ones are kept: detectors leave them out with a count.

    Parameters
    ----------
    folder : in one of the layouts of the head of this file; the names of classes are in ``data.yaml`` or
        ``classes.txt`` in it or beside the labels, or in ``data.yaml`` one folder up. Without names the labels
        are the numbers.
    split : the name of its folder, such as "train"; None for all images.

    Shapes
    ------
    n files, and a dict for each: boxes (k, 4) float64 (x1, y1, x2, y2) in pixels, labels

    Raises
    ------
    InvalidData : no such folder or split, no labels, an image that is missing or broken, a line that is not a class
        and shares of the image, a class without a name; with the file's name and the line.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> Image.new("RGB", (8, 6)).save(folder / "1.png")
    >>> _ = (folder / "1.txt").write_text("1 0.5 0.5 0.5 1")
    >>> _ = (folder / "data.yaml").write_text("names: [cat, dog]")
    >>> files, targets = read_yolo(folder)
    >>> targets[0]["boxes"].tolist(), targets[0]["labels"]
    ([[2.0, 0.0, 6.0, 6.0]], ['dog'])
    """
    where = f"read_yolo({str(folder)!r})"
    check("read_yolo(split)", split, instance(str, text="a name") | nothing)
    root = folder_at(where, folder)
    pairs = yolo_splits(root)
    if not pairs:
        for pair in _whole(root):  # a text with the name of an image says what is wrong with it
            images = images_in(pair.images)
            for file in _texts(pair.labels) if images else []:
                if file.stem in images:
                    _read_one(images[file.stem], file, {})
        remedy = "Labels are text files with the names of the images, in labels, beside images, or among the images."
        raise InvalidData(problem(where, "images with YOLO labels", "none in any of the usual layouts", remedy))
    if split is not None and split not in pairs:
        raise InvalidData(problem(f"{where}, split", "a split of the folder", repr(split), did_you_mean(split, pairs)))
    files: list[str] = []
    targets: list[Target] = []
    for pair in pairs.values() if split is None else [pairs[split]]:
        names = class_names([root, pair.labels, pair.labels.parent])
        names = names or class_names([root.parent], ("data.yaml",))
        images = images_in(pair.images)
        _complain_of_strays(pair.labels, images)
        files += [str(image) for image in images.values()]
        targets += [_read_one(image, pair.labels / f"{name}.txt", names) for name, image in images.items()]
    return files, targets


def yolo_splits(folder: Path) -> dict[str, Pair]:
    """The folders of images and labels by split; the split "all" where there is only one; empty where none is.

    Parameters
    ----------
    folder : in one of the layouts of the head of this file.
    """
    for pair in _whole(folder):
        if _is_labelled(pair):
            return {WHOLE: pair}
    below = {each.name: Pair(each, folder / "labels" / each.name) for each in folders_in(folder / "images")}
    beside = {each.name: Pair(each / "images", each / "labels") for each in folders_in(folder)}
    among = {each.name: Pair(each, each) for each in folders_in(folder)}
    for pairs in (below, beside, among):
        found = {name: pair for name, pair in pairs.items() if _is_labelled(pair)}
        if found:
            return found
    return {}


def _whole(folder: Path) -> list[Pair]:
    """Where all images and labels may be, where there are no splits."""
    return [Pair(folder / "images", folder / "labels"), Pair(folder, folder)]


def _is_labelled(pair: Pair) -> bool:
    """Whether there are images and, for at least one of them, a label file, which may be empty."""
    images = images_in(pair.images)
    texts = _texts(pair.labels) if images else []
    return any(_is_label_file(file) or (file.stem in images and not file.stat().st_size) for file in texts)


def _texts(folder: Path) -> list[Path]:
    return [file for file in files_in(folder, (".txt",)) if file.name not in LISTS]


def _is_label_file(file: Path) -> bool:
    """Whether the first line that is not blank is a row of five numbers or more."""
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        first = next((line for line in lines if line.strip()), "")
    return len(first.split()) >= 5 and all(math.isfinite(_number(cell)) for cell in first.split())


def _complain_of_strays(folder: Path, images: dict[str, Path]) -> None:
    """Raise for labels without an image; other texts are passed over."""
    for file in _texts(folder):
        if file.stem not in images and _is_label_file(file):
            raise InvalidData(problem(str(file), "an image of that name", "none", "Add the image, or remove the file."))


def _read_one(image: Path, file: Path, names: dict[int, str]) -> Target:
    height, width = image_size(image)
    boxes, labels = [], []
    lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines() if file.is_file() else []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            label, (x1, y1, x2, y2) = _object(line.split(), names, f"{file}, line {number}")
            boxes.append([x1 * width, y1 * height, x2 * width, y2 * height])
            labels.append(label)
    return target_of(boxes, labels)


def _object(cells: list[str], names: dict[int, str], where: str) -> tuple[Any, tuple[float, float, float, float]]:
    """The label and the corners, as shares, of an object."""
    values = [_number(cell) for cell in cells]
    if (len(values) != 5 and (len(values) < 7 or not len(values) % 2)) or not all(map(math.isfinite, values)):
        got = f"{len(cells)} cells, {' '.join(cells[:8])!r}"
        remedy = "The sixth is a score: these are predictions." if len(values) == 6 else ""
        expected = "class cx cy width height, five numbers, or class x1 y1 x2 y2 x3 y3 ..., an outline"
        raise InvalidData(problem(where, expected, got, remedy))
    code, shares = values[0], values[1:]
    if code != int(code) or code < 0 or (names and int(code) not in names):
        expected = f"a class of {shown_classes(names)}" if names else "the number of a class, 0 or more"
        raise InvalidData(problem(where, expected, cells[0]))
    if max(map(abs, shares)) > 1 + SLACK:
        remedy = "Divide pixels by the width and height of the image."
        raise InvalidData(problem(where, "shares of the image in [0, 1]", " ".join(cells[1:9]), remedy))
    label = names.get(int(code), int(code))
    if len(shares) == 4:
        x, y, width, height = shares
        return label, (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return label, (min(shares[::2]), min(shares[1::2]), max(shares[::2]), max(shares[1::2]))


def shown_classes(names: dict[int, str]) -> str:
    """The numbers of classes, and the names of the first, for a message.

    Parameters
    ----------
    names : by number.

    Examples
    --------
    >>> shown_classes({0: "cat", 1: "dog"})
    '0 to 1 (cat, dog)'
    """
    first = [*names.values()][:5]
    return f"{min(names)} to {max(names)} ({', '.join(first)}{', ...' if len(names) > len(first) else ''})"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
