"""Detections and true boxes of a list of images, read into flat arrays; what cannot be used is named by its place.

An image is a mapping of columns: ``boxes`` (n, 4) as (x1, y1, x2, y2), ``labels`` (n,) of any hashable type, and
``scores`` (n,) of predictions; true boxes may have ``area`` (n,), ``iscrowd`` (n,), and ``ignore`` or ``difficult``
(n,). Arrays, tensors and lists are taken; other keys are left alone. Labels 1, 1.0 and True are one class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, did_you_mean, problem, shown

FLAGS = ("ignore", "difficult")  # two names of one thing


class Predictions(NamedTuple):
    """Predicted boxes of all images, image by image.

    Attributes
    ----------
    boxes : (n, 4), corners.
    codes : the place of each label among the classes, (n,).
    image, row : where each box stands, (n,).
    scores : how sure the detector is, (n,).
    """

    boxes: NDArray[np.float64]
    codes: NDArray[np.int64]
    image: NDArray[np.int64]
    row: NDArray[np.int64]
    scores: NDArray[np.float64]


class Targets(NamedTuple):
    """True boxes of all images, image by image.

    Attributes
    ----------
    boxes : (n, 4), corners.
    codes : the place of each label among the classes, (n,).
    image, row : where each box stands, (n,).
    area : by which a box is small or large, (n,).
    crowd : whether the box is around many, (n,).
    ignored : whether it neither counts as missed nor what finds it as wrong, (n,); crowds are.
    """

    boxes: NDArray[np.float64]
    codes: NDArray[np.int64]
    image: NDArray[np.int64]
    row: NDArray[np.int64]
    area: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    ignored: NDArray[np.bool_]


class Pairs(NamedTuple):
    """Both, and what they have in common.

    Attributes
    ----------
    classes : the labels that occur, numbers by size before others by their text.
    images : how many there are.
    predictions, targets : the boxes.
    """

    classes: tuple[Any, ...]
    images: int
    predictions: Predictions
    targets: Targets


def read(predictions: Any, targets: Any) -> Pairs:
    """Both lists in flat arrays.

    Parameters
    ----------
    predictions, targets : an image each, in the same order.

    Raises
    ------
    InvalidData : lists of unequal length, columns that lack or do not match, boxes that are not four finite numbers
        in order, scores or areas that are no numbers, labels that do not hash (with image and row).
    """
    found, there = _images(predictions, "predictions"), _images(targets, "targets")
    if len(found) != len(there):
        remedy = "Give an image without boxes empty lists."
        raise InvalidData(problem("predictions", f"{len(there)} images as in targets", str(len(found)), remedy))
    table: dict[Any, int] = {}
    first = _predictions(found, table)
    second = _targets(there, table)
    names = sorted(table, key=class_order)
    places = np.zeros(len(names), dtype=np.int64)
    places[[table[name] for name in names]] = np.arange(len(names))
    first, second = first._replace(codes=places[first.codes]), second._replace(codes=places[second.codes])
    return Pairs(tuple(names), len(found), first, second)


def class_order(label: Any) -> tuple[int, float, str]:
    """What labels are sorted by: numbers by size, then everything else by its text."""
    return (0, float(label), "") if isinstance(label, (int, float)) else (1, 0.0, str(label))


def box_areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Width times height, (n, 4) -> (n,)."""
    area: NDArray[np.float64] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area


def _predictions(images: list[Any], table: dict[Any, int]) -> Predictions:
    boxes, codes, places = _columns(images, "predictions", ("boxes", "labels", "scores"), table)
    scores = np.concatenate([np.zeros(0), *(_numbers(images, i, "predictions", "scores") for i in range(len(images)))])
    _require(np.isfinite(scores), "predictions", "a finite score", scores, places)
    return Predictions(boxes, codes, places[0], places[1], scores)


def _targets(images: list[Any], table: dict[Any, int]) -> Targets:
    boxes, codes, places = _columns(images, "targets", ("boxes", "labels"), table)
    area, bounds = box_areas(boxes), np.searchsorted(places[0], np.arange(len(images) + 1))
    crowd, ignored = np.zeros(len(boxes), dtype=bool), np.zeros(len(boxes), dtype=bool)
    for index, each in enumerate(images):
        span = slice(bounds[index], bounds[index + 1])
        if each.get("area") is not None:
            area[span] = _numbers(images, index, "targets", "area")
        if each.get("iscrowd") is not None:
            crowd[span] = _numbers(images, index, "targets", "iscrowd") != 0
        for name in FLAGS:
            if each.get(name) is not None:
                ignored[span] |= _numbers(images, index, "targets", name) != 0
    _require(np.isfinite(area) & (area >= 0), "targets", "a finite area >= 0", area, places)
    return Targets(boxes, codes, places[0], places[1], area, crowd, ignored | crowd)


def _images(given: Any, where: str) -> list[Any]:
    if isinstance(given, (Mapping, str, bytes)) or not isinstance(given, Iterable):
        remedy = "Put a single image in a list."
        raise InvalidData(problem(where, "a list of dicts, one an image", shown(given), remedy))
    return list(given)


def _columns(
    images: list[Any], where: str, keys: tuple[str, ...], table: dict[Any, int]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Boxes, codes and (image, row) of all images; labels are added to the table."""
    boxes, codes = [np.zeros((0, 4))], [np.zeros(0, dtype=np.int64)]
    for index, each in enumerate(images):
        _require_keys(each, f"{where}, image {index}", keys)
        boxes.append(_boxes(each["boxes"], f"{where}, image {index}"))
        codes.append(_codes(each["labels"], f"{where}, image {index}", len(boxes[-1]), table))
    counts = np.array([len(part) for part in boxes[1:]], dtype=np.int64)
    image = np.repeat(np.arange(len(images)), counts)
    places = np.stack([image, np.arange(len(image)) - np.repeat(np.cumsum(counts) - counts, counts)])
    corners = np.concatenate(boxes)
    _require(np.isfinite(corners).all(axis=1), where, "a box of finite numbers", corners, places)
    ordered = (corners[:, :2] <= corners[:, 2:]).all(axis=1)
    remedy = "Give corners; boxes of other forms (x, y, w, h) are converted first."
    _require(ordered, where, "a box (x1, y1, x2, y2) with x1 <= x2 and y1 <= y2", corners, places, remedy)
    return corners, np.concatenate(codes), places


def _require_keys(image: Any, where: str, keys: tuple[str, ...]) -> None:
    if not isinstance(image, Mapping):
        raise InvalidData(problem(where, f"a dict with {', '.join(keys)}", shown(image)))
    lacking = [key for key in keys if image.get(key) is None]
    if lacking:
        names = [str(name) for name in image]
        remedy = did_you_mean(lacking[0], names) if names else "Without boxes, give empty lists."
        if lacking == ["scores"]:
            remedy = "Give each box a score; the first argument are the predictions, the second the targets."
        raise InvalidData(problem(where, f"the keys {', '.join(keys)}", ", ".join(names) or "none", remedy))


def _plain(column: Any) -> Any:
    return column.detach().cpu() if hasattr(column, "detach") else column


def _boxes(column: Any, where: str) -> NDArray[np.float64]:
    column = _plain(column)
    try:
        array = np.asarray(column.double() if hasattr(column, "double") else column, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidData(_no_box(column, where)) from error
    if array.ndim <= 2 and array.shape[:1] == (0,):
        return np.zeros((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        remedy = "Put a single box in a list." if array.shape == (4,) else ""
        raise InvalidData(problem(f"{where}, boxes", "four numbers a row, (n, 4)", f"shape {array.shape}", remedy))
    return array


def _no_box(column: Any, where: str) -> str:
    """The message that names the first row that is not four numbers."""
    for row, box in enumerate(column if isinstance(column, Iterable) else ()):
        try:
            array = np.asarray(_plain(box), dtype=np.float64)
        except (TypeError, ValueError):
            return problem(f"{where}, row {row}", "a box of four numbers", shown(box))
        if array.shape != (4,):
            return problem(f"{where}, row {row}", "a box of four numbers", shown(box))
    return problem(f"{where}, boxes", "four numbers a row, (n, 4)", shown(column))


def _codes(column: Any, where: str, count: int, table: dict[Any, int]) -> NDArray[np.int64]:
    column = _plain(column)
    if isinstance(column, (str, bytes, Mapping)) or not isinstance(column, Iterable) or getattr(column, "ndim", 1) != 1:
        got = f"shape {tuple(column.shape)}" if hasattr(column, "shape") else shown(column)
        raise InvalidData(problem(f"{where}, labels", "a label a box, (n,)", got))
    labels = column.tolist() if hasattr(column, "tolist") else [_scalar(label) for label in column]
    _require_count(len(labels), count, f"{where}, labels")
    try:
        codes = [table.setdefault(label, len(table)) for label in labels]
    except TypeError as error:
        row, label = next((row, label) for row, label in enumerate(labels) if not _hashes(label))
        expected = "a label that can be hashed, such as a number, a text or a tuple"
        raise InvalidData(problem(f"{where}, row {row}", expected, shown(label))) from error
    for row, label in enumerate(labels):
        if label != label:  # NaN
            raise InvalidData(problem(f"{where}, row {row}", "a label", shown(label)))
    return np.array(codes, dtype=np.int64)


def _scalar(label: Any) -> Any:
    """A label that is a number, out of an array or a tensor of one; of several: a list, which does not hash."""
    rank = getattr(label, "ndim", None)
    return label if rank is None else label.item() if rank == 0 else _plain(label).tolist()


def _hashes(label: Any) -> bool:
    try:
        hash(label)
    except TypeError:
        return False
    return True


def _numbers(images: list[Any], index: int, where: str, name: str) -> NDArray[np.float64]:
    """One column of numbers of one image."""
    column, place = _plain(images[index][name]), f"{where}, image {index}, {name}"
    try:
        array = np.asarray(column.double() if hasattr(column, "double") else column, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidData(problem(place, "a number a box, (n,)", shown(column))) from error
    if array.ndim != 1:
        raise InvalidData(problem(place, "a number a box, (n,)", f"shape {array.shape}"))
    _require_count(len(array), len(images[index]["boxes"]), place)
    return array


def _require_count(got: int, count: int, where: str) -> None:
    if got != count:
        raise InvalidData(problem(where, f"as many as there are boxes, {count}", str(got)))


def _require(good: Any, where: str, expected: str, column: Any, places: NDArray[np.int64], remedy: str = "") -> None:
    """Raise with the first row that is not good."""
    if not good.all():
        at = int(good.argmin())
        image, row = places[:, at].tolist()
        raise InvalidData(problem(f"{where}, image {image}, row {row}", expected, shown(column[at].tolist()), remedy))
