"""A folder of images with boxes, whatever the format: which one it is is told by what lies in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import check, nothing, one_of
from netwright.data.images import SUFFIXES
from netwright.vision.readers.coco import is_instances, load_json, read_instances
from netwright.vision.readers.files import PathLike, Split, files_in, folder_at, folders_in
from netwright.vision.readers.image_list import is_image_list, read_image_list
from netwright.vision.readers.voc import layout_of, read_voc, voc_splits
from netwright.vision.readers.yolo import WHOLE, read_yolo, yolo_splits

Reader = Callable[[], Split]
LOOKED_FOR = {
    "voc": "Pascal VOC (XML files in Annotations, beside the images, or in a folder a split)",
    "coco": "COCO (a JSON file with images, annotations and categories in the folder, in annotations, or in a folder a "
    "split)",
    "yolo": "YOLO (text files in labels beside images, or among the images)",
    "list": "a list (a CSV file with the columns file, x1, y1, x2, y2, label)",
}
VALIDATION = ("valid", "validation")  # other names of the split "val"
OTHER_JSON = ("captions", "person_keypoints", "stuff", "panoptic", "image_info")  # of COCO, without boxes of objects


def read_detection_folder(folder: PathLike, format: str | None = None) -> dict[str, Split]:
    """All images of a folder with their boxes, by split; the format is told by the files in it.

    Parameters
    ----------
    folder : of images with Pascal-VOC, COCO or YOLO files, or with a table; see `read_voc`, `read_coco`, `read_yolo`
        and `read_image_list`.
    format : "voc", "coco", "yolo", "list", or None for the one that the folder has.

    Returns
    -------
    files and targets of each split, named as in the folder, but "val" for valid and validation; of a folder without
    splits the only one is "all". Folders of images without labels are no splits.

    Raises
    ------
    InvalidData : no such folder, none of the formats (the message says what was looked for), several of them, or files
        that cannot be read. InvalidParameter : no such format.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for split in ("train", "valid"):
    ...     (folder / split).mkdir()
    ...     Image.new("RGB", (8, 6)).save(folder / split / "1.png")
    ...     _ = (folder / split / "1.txt").write_text("0 0.5 0.5 0.5 1")
    >>> {split: targets[0]["labels"] for split, (files, targets) in read_detection_folder(folder).items()}
    {'train': [0], 'val': [0]}
    """
    where = f"read_detection_folder({str(folder)!r})"
    check("read_detection_folder(format)", format, one_of(*LOOKED_FOR) | nothing)
    root = folder_at(where, folder)
    finders = {"voc": _voc, "coco": _coco, "yolo": _yolo, "list": _lists}
    wanted = [format] if format else [*finders]
    found = {name: readers for name in wanted if (readers := finders[name](root))}
    if not found:
        expected = "; or ".join(LOOKED_FOR[name] for name in wanted)
        raise InvalidData(problem(where, expected, _contents(root)))
    if len(found) > 1:
        remedy = f"Say which one to read: format={next(iter(found))!r}."
        raise InvalidData(problem(where, "one format", f"files of {len(found)}: {', '.join(found)}", remedy))
    [readers] = found.values()
    common = {name: "val" for name in readers if name.lower() in VALIDATION and "val" not in readers}
    return {common.get(name, name): read() for name, read in readers.items()}


def _voc(root: Path) -> dict[str, Reader]:
    if files_in(layout_of(root).annotations, (".xml",)):
        splits = voc_splits(root)
        if splits:
            return {name: lambda name=name: read_voc(root, name) for name in splits}  # type: ignore[misc]
        return {WHOLE: lambda: read_voc(root)}
    below = [each for each in folders_in(root) if files_in(each, (".xml",))]
    return {each.name: lambda each=each: read_voc(each) for each in below}  # type: ignore[misc]


def _coco(root: Path) -> dict[str, Reader]:
    """Each JSON file of boxes, and the folder in which its first image lies."""
    places = [root, root / "annotations", *(each for each in folders_in(root) if each.name != "annotations")]
    files = [file for place in places for file in files_in(place, (".json",))]
    found = {}
    for file in files:
        if file.name.startswith(OTHER_JSON):
            continue
        content = load_json(file)
        if is_instances(content):
            split = _split_of(file, root)
            found[split] = (content, file, _images_of(file, root, split, content["images"]))
    if len(found) == 1 and next(iter(found.values()))[1].parent in (root, root / "annotations"):
        [(name, only)] = found.items()
        found = {name if re.match("train|val|test", name) else WHOLE: only}
    return {name: lambda parts=parts: read_instances(*parts) for name, parts in found.items()}  # type: ignore[misc]


def _split_of(file: Path, root: Path) -> str:
    """The split of a JSON file: the name of its folder, or its own without what all have in common."""
    if file.parent not in (root, root / "annotations"):
        return file.parent.name
    return re.sub(r"^(_?annotations|instances)[._-]|[._-](annotations|coco|instances)(?=[._-]|$)", "", file.stem)


def _images_of(file: Path, root: Path, split: str, images: list[object]) -> Path:
    """The folder that has the first image."""
    first = images[0] if images else {}
    name = first.get("file_name") if isinstance(first, dict) else None
    places = [file.parent, root / split, root / "images" / split, root / "images", root / "JPEGImages", root]
    held = [place for place in places if isinstance(name, str) and (place / name).is_file()]
    return next(iter([*held, *(place for place in places[1:] if place.is_dir())]))


def _yolo(root: Path) -> dict[str, Reader]:
    pairs = yolo_splits(root)
    if [*pairs] == [WHOLE]:
        return {WHOLE: lambda: read_yolo(root)}
    return {name: lambda name=name: read_yolo(root, name) for name in pairs}  # type: ignore[misc]


def _lists(root: Path) -> dict[str, Reader]:
    files = [file for file in files_in(root, (".csv",)) if is_image_list(file)]
    if len(files) == 1:
        return {WHOLE: lambda: read_image_list(files[0])}
    return {file.stem: lambda file=file: read_image_list(file) for file in files}  # type: ignore[misc]


def _contents(root: Path) -> str:
    """What lies in a folder, in a few words."""
    images = len(files_in(root, SUFFIXES))
    names = [child.name + "/" * child.is_dir() for child in sorted(root.iterdir()) if not child.name.startswith(".")]
    listed = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    return f"{len(names)} entries, {images} of them images: {listed}" if names else "an empty folder"
