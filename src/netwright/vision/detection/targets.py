"""True boxes of images, read for training: what has no area or lies outside is left out with a count, or refused.

An image's target is a mapping with ``boxes`` (n, 4) as (x1, y1, x2, y2) in pixels and ``labels`` (n,) of any hashable
type; a flag (n,) named ``difficult``, ``ignore`` or ``iscrowd`` marks objects that are there but are not asked for:
finding them is neither right nor wrong.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem, shown
from netwright.vision.metrics.reading import class_order

FLAGS = ("difficult", "ignore", "iscrowd")
REMEDY = 'Mend them, or let bad_boxes="drop" leave them out or cut them.'


@dataclass(frozen=True)
class Objects:
    """The objects of one image.

    Parameters
    ----------
    boxes : (n, 4) float64 within the image, each with an area.
    labels : of each.
    ignored : (n,), which are not asked for.
    crowd : (n,), which of these stand around many.
    """

    boxes: NDArray[np.float64]
    labels: list[Any]
    ignored: NDArray[np.bool_]
    crowd: NDArray[np.bool_] | None = None

    @property
    def target(self) -> dict[str, Any]:
        """As a user writes them."""
        crowd = np.zeros(len(self.labels), dtype=bool) if self.crowd is None else self.crowd
        return {"boxes": self.boxes, "labels": self.labels, "ignore": self.ignored, "iscrowd": crowd}


@dataclass
class Dropped:
    """What was left out of the targets, and where the first of each kind stood.

    Attributes
    ----------
    counts : how many boxes of each kind. first : image and row of the first. total : of all boxes that were read.
    """

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    total: int = 0

    def note(self, kind: str, image: str, rows: NDArray[np.int64]) -> None:
        """Count boxes of an image that are left out."""
        if len(rows):
            self.counts[kind] += len(rows)
            self.first.setdefault(kind, f"{image}, row {rows[0]}")

    def warn(self, where: str) -> None:
        """Say once what was left out, where something was."""
        if self.counts:
            kinds = [f"{n} {kind} (the first: {self.first[kind]})" for kind, n in self.counts.items()]
            text = f"{where}: {sum(self.counts.values())} of {self.total} boxes left out: {', '.join(kinds)}."
            warnings.warn(f"{text} The images stay.", UserWarning, stacklevel=5)


def read_targets(
    targets: Any,
    sizes: Sequence[tuple[int, int]],
    where: str,
    bad: str = "drop",
    most: int | None = None,
    called: Callable[[int], str] = "image {}".format,
) -> tuple[list[Objects], Dropped]:
    """The objects of all images.

    Parameters
    ----------
    targets : a mapping an image. sizes : (height, width) of each image. where : how an error names the targets.
    bad : "drop" leaves boxes out that have no area or lie outside of their image, and cuts those that reach out of it;
        "error" refuses them.
    most : objects that an image may have, those that are not asked for left aside; None for any number.
    called : the name of an image by its number.

    Raises
    ------
    InvalidData : another number of targets than images, columns that lack or do not match, numbers that are not
        finite, labels that do not hash, too many objects; with "error" a bad box; with image and row.

    Examples
    --------
    >>> (one,), left = read_targets([{"boxes": [[2, 2, 9, 12], [3, 3, 3, 8]], "labels": ["a", "b"]}], [(10, 10)], "y",
    ...                             bad="drop")
    >>> one.boxes.tolist(), one.labels, dict(left.counts)
    ([[2.0, 2.0, 9.0, 10.0]], ['a'], {'without an area': 1})
    """
    if isinstance(targets, (Mapping, str, bytes)) or not hasattr(targets, "__len__"):
        raise InvalidData(problem(where, "a list of dicts, one an image", shown(targets), "Put it in a list."))
    if len(targets) != len(sizes):
        remedy = "Give an image without objects empty lists."
        raise InvalidData(problem(where, f"{len(sizes)}, one an image", str(len(targets)), remedy))
    dropped = Dropped()
    found = [
        _read_one(each, called(i), size, where, bad, dropped)
        for i, (each, size) in enumerate(zip(targets, sizes, strict=True))
    ]
    for i, each in enumerate(found):
        count = int((~each.ignored).sum())
        if most is not None and count > most:
            remedy = "Mark others as difficult, or take a detector that finds several."
            expected = f"at most {most} object{'s' * (most > 1)}"
            raise InvalidData(problem(f"{where}, {called(i)}", expected, str(count), remedy))
    return found, dropped


def _read_one(target: Any, image: str, size: tuple[int, int], where: str, bad: str, dropped: Dropped) -> Objects:
    here = f"{where}, {image}"
    if not isinstance(target, Mapping) or not {"boxes", "labels"} <= set(target):
        got = f"the keys {', '.join(map(str, target))}" if isinstance(target, Mapping) else shown(target)
        raise InvalidData(problem(here, "a dict with boxes and labels", got))
    boxes = boxes_of(target["boxes"], here)
    labels = labels_of(target["labels"], here)
    if len(labels) != len(boxes):
        raise InvalidData(problem(f"{here}, labels", f"{len(boxes)}, one a box", str(len(labels))))
    flags = {name: _flag(target.get(name), len(boxes), f"{here}, {name}") for name in FLAGS}
    height, width = size
    inside = np.clip(boxes, 0, [width, height, width, height])
    reversed_ = (boxes[:, 2:] < boxes[:, :2]).any(1)
    flat = ~reversed_ & (boxes[:, 2:] == boxes[:, :2]).any(1)
    outside = ~reversed_ & ~flat & (inside[:, 2:] <= inside[:, :2]).any(1)
    dropped.total += len(boxes)
    kinds = {"reversed": reversed_, "without an area": flat, "outside of the image": outside}
    if bad == "error":
        for kind, which in {**kinds, "partly outside of the image": (inside != boxes).any(1)}.items():
            for row in np.flatnonzero(which)[:1]:
                expected = f"0 <= x1 < x2 <= {width}, 0 <= y1 < y2 <= {height}"
                got = f"{boxes[row].tolist()}, {kind}"
                raise InvalidData(problem(f"{here}, boxes, row {row}", expected, got, REMEDY))
    for kind, which in kinds.items():
        dropped.note(kind, image, np.flatnonzero(which))
    good = np.flatnonzero(~(reversed_ | flat | outside))
    ignored = np.any(list(flags.values()), axis=0)
    return Objects(inside[good], [labels[row] for row in good], ignored[good], flags["iscrowd"][good])


def _flag(given: Any, n: int, where: str) -> NDArray[np.bool_]:
    """One yes or no for each box; no where it is not given."""
    if given is None:
        return np.zeros(n, dtype=bool)
    flag = as_array(given, where)
    if flag.shape != (n,):
        raise InvalidData(problem(where, f"shape ({n},), one a box", f"{flag.shape}"))
    return flag.astype(bool)


def boxes_of(given: Any, where: str) -> NDArray[np.float64]:
    """Boxes as an array (n, 4) of finite numbers.

    Raises
    ------
    InvalidData : another shape, no numbers, NaN; with the row.
    """
    boxes = as_array(given, f"{where}, boxes")
    if not boxes.size:
        return np.zeros((0, 4))
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InvalidData(problem(f"{where}, boxes", "shape (n, 4): x1, y1, x2, y2", f"shape {boxes.shape}"))
    wrong = np.flatnonzero(~np.isfinite(boxes).all(1))
    if len(wrong):
        raise InvalidData(problem(f"{where}, boxes, row {wrong[0]}", "finite numbers", f"{boxes[wrong[0]].tolist()}"))
    return boxes


def labels_of(given: Any, where: str) -> list[Any]:
    """Labels as a list of plain objects that hash.

    Raises
    ------
    InvalidData : no list, NaN, a label that does not hash; with its row.
    """
    if isinstance(given, (torch.Tensor, np.ndarray)):
        given = given.tolist()
    if isinstance(given, (str, bytes, Mapping)) or not hasattr(given, "__iter__"):
        raise InvalidData(problem(f"{where}, labels", "a list, one a box", shown(given)))
    labels = [label.item() if isinstance(label, np.generic) else label for label in given]
    for row, label in enumerate(labels):
        try:
            hash(label)
        except TypeError as error:
            got = shown(label)
            raise InvalidData(problem(f"{where}, labels, row {row}", "a label that hashes", got)) from error
        if label is not None and is_missing(label):
            raise InvalidData(problem(f"{where}, labels, row {row}", "a label", shown(label)))
    return labels


def is_missing(label: Any) -> bool:
    """Whether there is no label: None, NaN, or what pandas writes in its place.

    Parameters
    ----------
    label : of one sample.

    Examples
    --------
    >>> is_missing(float("nan")), is_missing(0)
    (True, False)
    """
    try:
        return label is None or bool(label != label)
    except (TypeError, ValueError):  # NA of pandas is neither true nor false; of an array it is asked later
        return type(label).__name__ == "NAType"


def classes_of(objects: Sequence[Objects], where: str) -> list[Any]:
    """The labels that occur, sorted: numbers by size before others by their text.

    Raises
    ------
    InvalidData : none occurs.
    """
    found = sorted({label for each in objects for label in each.labels}, key=class_order)
    if not found:
        raise InvalidData(problem(where, "at least one object in all images", "none"))
    return found


def as_array(given: Any, where: str) -> NDArray[np.float64]:
    """Numbers of a tensor, an array or a list, as float64.

    Raises
    ------
    InvalidData : something else.
    """
    try:
        plain = given.detach().cpu().numpy() if isinstance(given, torch.Tensor) else given
        return np.asarray(plain, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidData(problem(where, "numbers", shown(given))) from error
