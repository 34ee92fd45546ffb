"""COCO: one JSON file with all images, categories and objects ("instances").

An object's ``bbox`` is (x, y, width, height) from the upper left corner, in pixels from 0, and becomes
(x, y, x + width, y + height). Segmentations are not read.

Reference: Lin, Maire, Belongie, Hays, Perona, Ramanan, Dollár, Zitnick, *Microsoft COCO: common objects in context*,
2014.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from netwright.core.errors import InvalidData, problem, shown
from netwright.vision.readers.files import PathLike, Sizes, Split, Target, folder_at, target_of

PARTS = ("images", "annotations", "categories")


def read_coco(json_file: PathLike, images_folder: PathLike | None = None) -> Split:
    """Images with their boxes from a JSON file in COCO's form; images without objects are kept.

    Boxes without an area and reversed ones are kept: detectors leave them out with a count.

    Parameters
    ----------
    json_file : with the lists images, annotations and categories.
    images_folder : from which each ``file_name`` is taken; None for the folder of the JSON file.

    Shapes
    ------
    n files in the order of the JSON file, and a dict for each: boxes (k, 4) float64 (x1, y1, x2, y2) in pixels, labels
    (names of categories), iscrowd (k,) bool, area (k,) float64 (that of the box where none is given)

    Raises
    ------
    InvalidData : no such file or folder, no JSON (with line and column) or another form of it, an image that is
        missing or broken, an annotation without a box or whose image or category there is not; with the file's name.

    Examples
    --------
    >>> import json, pathlib, tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> Image.new("RGB", (8, 6)).save(folder / "1.png")
    >>> content = {"images": [{"id": 7, "file_name": "1.png"}], "categories": [{"id": 3, "name": "cat"}],
    ...            "annotations": [{"image_id": 7, "category_id": 3, "bbox": [2, 1, 5, 4]}]}
    >>> _ = (folder / "instances.json").write_text(json.dumps(content))
    >>> files, targets = read_coco(folder / "instances.json")
    >>> targets[0]["boxes"].tolist(), targets[0]["labels"], targets[0]["area"].tolist()
    ([[2.0, 1.0, 7.0, 5.0]], ['cat'], [20.0])
    """
    file = Path(json_file)
    folder = folder_at("read_coco(images_folder)", file.parent if images_folder is None else images_folder)
    return read_instances(load_json(file), file, folder)


def read_instances(content: Any, file: Path, folder: Path) -> Split:
    """`read_coco` of what is loaded.

    Parameters
    ----------
    content : of the JSON file.
    file : its path.
    folder : of the images.

    Raises
    ------
    InvalidData : as `read_coco`.
    """
    where = str(file)
    if not is_instances(content):
        keys = ", ".join(map(str, content)) if isinstance(content, Mapping) else shown(content)
        raise InvalidData(problem(where, f"an object with the lists {', '.join(PARTS)}", keys or "an empty object"))
    names = {_field(row, "id", f"{where}, category {i}"): row for i, row in enumerate(content["categories"])}
    labels = {key: str(_field(row, "name", f"{where}, category {key}")) for key, row in names.items()}
    rows: dict[Any, list[list[Any]]] = {}
    sizes, files = Sizes("read_coco"), []
    for place, image in enumerate(content["images"]):
        key = _field(image, "id", f"{where}, image {place}")
        if key in rows:
            raise InvalidData(problem(f"{where}, image {place}", "an id of its own", shown(key)))
        rows[key] = []
        path = folder / str(_field(image, "file_name", f"{where}, image {key}"))
        if not path.is_file():
            remedy = "Give the folder in which the images are, images_folder."
            raise InvalidData(problem(f"{where}, image {key}", f"the file {path}", "nothing of that name", remedy))
        sizes.compare(path, (_side(image.get("height")), _side(image.get("width"))), f"{file.name}, image {key},")
        files.append(str(path))
    for place, item in enumerate(content["annotations"]):
        here = f"{where}, annotation {item.get('id', place) if isinstance(item, Mapping) else place}"
        key, row = _annotation(item, labels, here)
        if key not in rows:
            raise InvalidData(problem(here, "the image_id of an image in the list", shown(key)))
        rows[key].append(row)
    sizes.warn()
    return files, [_target(found) for found in rows.values()]


def load_json(file: Path) -> Any:
    """What a JSON file holds.

    Parameters
    ----------
    file : its path.

    Raises
    ------
    InvalidData : it is missing or broken, with its name.
    """
    try:
        return json.loads(file.read_bytes())
    except OSError as error:
        raise InvalidData(problem(str(file), "a JSON file", error.strerror or str(error))) from error
    except (ValueError, RecursionError) as error:
        raise InvalidData(problem(str(file), "a JSON file", str(error))) from error


def is_instances(content: Any) -> bool:
    """Whether what a JSON file holds has COCO's lists.

    Parameters
    ----------
    content : what `load_json` gives.

    Examples
    --------
    >>> is_instances({"images": [], "annotations": [], "categories": []}), is_instances({"images": []})
    (True, False)
    """
    return isinstance(content, Mapping) and all(isinstance(content.get(part), list) for part in PARTS)


def _field(row: Any, name: str, where: str) -> Any:
    """A field that each row has."""
    if not isinstance(row, Mapping) or not isinstance(row.get(name), (str, int)):
        got = shown(row.get(name)) if isinstance(row, Mapping) and name in row else f"none in {shown(row)}"
        raise InvalidData(problem(f"{where}, {name}", "a number or a text", got))
    return row[name]


def _annotation(item: Any, labels: dict[Any, str], where: str) -> tuple[Any, list[Any]]:
    """The id of the image of an annotation, and its box, label, whether it is a crowd, and area."""
    image, category = _field(item, "image_id", where), _field(item, "category_id", where)
    if category not in labels:
        raise InvalidData(problem(where, "the category_id of a category in the list", shown(category)))
    box = item.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        raise InvalidData(problem(f"{where}, bbox", "[x, y, width, height], four numbers", shown(box)))
    x, y, width, height = box
    area = item.get("area", width * height)
    if not _is_number(area):
        raise InvalidData(problem(f"{where}, area", "a number of pixels", shown(area)))
    return image, [[x, y, x + width, y + height], labels[category], bool(item.get("iscrowd", 0)), area]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _side(value: Any) -> int:
    return round(value) if _is_number(value) else 0


def _target(rows: list[list[Any]]) -> Target:
    boxes, labels, crowd, area = zip(*rows, strict=True) if rows else ((), (), (), ())
    return target_of(boxes, labels, iscrowd=np.array(crowd, dtype=bool), area=np.array(area, dtype=np.float64))
