"""Pascal VOC: an XML file an image, and lists of the images that belong to a split.

::

    folder/JPEGImages/1.jpg      or  folder/1.jpg
           Annotations/1.xml                1.xml
           ImageSets/Main/train.txt

Pixels. The development kit of VOC counted pixels from 1 and its boxes include their last pixel, so that the box of
the first pixel alone is (1, 1, 1, 1). Most files of today come from tools that write the edges of the box from 0 into
the same fields (some write 1 for 0). By default the numbers are taken as they stand, as edges. With ``one_based=True``
they are the kit's pixels, and the box is (xmin - 1, ymin - 1, xmax, ymax).

Reference: Everingham, Eslami, Van Gool, Williams, Winn, Zisserman, *The Pascal visual object classes challenge: a
retrospective*, 2015.
"""

from __future__ import annotations

import math
import re
import warnings
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from netwright.core.errors import InvalidData, did_you_mean, problem
from netwright.core.validation import boolean, check, instance, nothing, one_of
from netwright.data.images import SUFFIXES
from netwright.vision.readers.files import PathLike, Sizes, Split, Target, files_in, folder_at, images_in, target_of
from netwright.vision.readers.xml import read_xml

CORNERS = ("xmin", "ymin", "xmax", "ymax")
FLAGS = {"0": False, "false": False, "no": False, "unspecified": False, "": False, "1": True, "true": True, "yes": True}
UNLABELLED = ("error", "skip", "empty")


class Layout(NamedTuple):
    """Where the files of a folder lie: of `annotations` the XML, of `images` the pictures, of `lists` the splits."""

    annotations: Path
    images: Path
    lists: Path


def read_voc(
    folder: PathLike, split: str | None = None, *, one_based: bool = False, unlabelled: str = "error"
) -> Split:
    """Images with their boxes from a folder in the layout of Pascal VOC, or one where XML lies beside the images.

    Boxes without an area and reversed ones are kept: detectors leave them out with a count.

    Parameters
    ----------
    folder : it has Annotations and JPEGImages (or images), or both kinds of files itself.
    split : the list ImageSets/Main/<split>.txt, such as "train"; None for all images.
    one_based : whether the files count pixels from 1 and include the last, as the development kit of VOC does: the box
        is then (xmin - 1, ymin - 1, xmax, ymax). False takes the numbers as they stand.
    unlabelled : of images without an XML file: "error", "skip" leaves them out with a warning, "empty" takes them for
        images without objects.

    Shapes
    ------
    n files, and a dict for each: boxes (k, 4) float64 (x1, y1, x2, y2) in pixels, labels, difficult (k,) bool

    Raises
    ------
    InvalidData : no such folder or split, an XML file or an image missing or broken, an object without a name or a
        box, a corner that is no number; with the file's name. InvalidParameter : an option that cannot be.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> Image.new("RGB", (8, 6)).save(folder / "1.png")
    >>> box = "<bndbox><xmin>2</xmin><ymin>1</ymin><xmax>7</xmax><ymax>5</ymax></bndbox>"
    >>> _ = (folder / "1.xml").write_text(f"<annotation><object><name>cat</name>{box}</object></annotation>")
    >>> files, targets = read_voc(folder)
    >>> targets[0]["boxes"].tolist(), targets[0]["labels"]
    ([[2.0, 1.0, 7.0, 5.0]], ['cat'])
    """
    where = f"read_voc({str(folder)!r})"
    check("read_voc(split)", split, instance(str, text="a name") | nothing)
    check("read_voc(one_based)", one_based, boolean)
    check("read_voc(unlabelled)", unlabelled, one_of(*UNLABELLED))
    layout = layout_of(folder_at(where, folder))
    annotated = {file.stem: file for file in files_in(layout.annotations, (".xml",))}
    if not annotated:
        raise InvalidData(problem(where, "XML files in Annotations or beside the images", "none"))
    images = images_in(layout.images)
    names = sorted({*annotated, *images}) if split is None else _listed(where, layout, split, {*annotated, *images})
    sizes, files, targets, left = Sizes(where), [], [], []
    for name in names:
        if name in annotated:
            image, target = _read_one(annotated[name], images, layout.images, one_based, sizes)
        elif unlabelled == "error" or name not in images:
            raise InvalidData(_lacks(where, layout, name, name in images))
        else:
            image, target = images[name], target_of([], [], difficult=np.zeros(0, dtype=bool))
            if unlabelled == "skip":
                left.append(image)
                continue
        files.append(str(image))
        targets.append(target)
    sizes.warn()
    if left:
        text = f"{where}: {len(left)} of {len(names)} images without an XML file left out, the first {left[0].name}."
        warnings.warn(text, UserWarning, stacklevel=2)
    return files, targets


def layout_of(folder: Path) -> Layout:
    """Where the files of a folder lie.

    Parameters
    ----------
    folder : in the layout of Pascal VOC, or with XML beside the images.
    """
    annotations = _first(folder, ("Annotations", "annotations"))
    # with XML in a folder of its own, images may lie in another one or in the folder itself
    images = _first(folder, ("JPEGImages", "images", "Images")) if annotations != folder else folder
    return Layout(annotations, images, folder / "ImageSets" / "Main")


def voc_splits(folder: Path) -> list[str]:
    """The lists of images that a folder has, without those of single classes (cat_train beside train).

    Parameters
    ----------
    folder : in the layout of Pascal VOC.
    """
    names = [file.stem for file in files_in(layout_of(folder).lists, (".txt",))]
    return [name for name in names if not any(name.endswith(f"_{other}") for other in names)]


def _first(folder: Path, names: tuple[str, ...]) -> Path:
    return next((folder / name for name in names if (folder / name).is_dir()), folder)


def _listed(where: str, layout: Layout, split: str, known: set[str]) -> list[str]:
    """The names in the file of a split; in the lists of a class each has a 1, 0 or -1 beside it."""
    file = layout.lists / f"{split}.txt"
    if not file.is_file():
        there = [each.stem for each in files_in(layout.lists, (".txt",))]
        remedy = did_you_mean(split, there) if there else "Leave split out to read all images."
        expected = f"the list {file.name} in {layout.lists}"
        raise InvalidData(problem(f"{where}, split", expected, f"only {', '.join(there)}" if there else "none", remedy))
    lines = [line.strip() for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines()]
    names = []
    for line in filter(None, lines):
        plain = line if line in known else re.sub(r"\s+(-1|0|1)$", "", line)
        names.append(Path(plain).stem if Path(plain).suffix.lower() in (*SUFFIXES, ".xml") else plain)
    if not names:
        raise InvalidData(problem(str(file), "at least one name of an image", "an empty file"))
    return names


def _lacks(where: str, layout: Layout, name: str, has_image: bool) -> str:
    """The text of the error for an image without XML."""
    remedy = "The split names it: mend the list, or add the file."
    if has_image:
        remedy = 'Add it, or give unlabelled="skip" or "empty".'
    return problem(where, f"the file {layout.annotations / f'{name}.xml'}", "nothing of that name", remedy)


def _read_one(file: Path, images: dict[str, Path], folder: Path, one_based: bool, sizes: Sizes) -> tuple[Path, Target]:
    """The image of an XML file, and its target."""
    root = read_xml(file)
    if root.tag != "annotation":
        raise InvalidData(problem(str(file), "<annotation> as its outermost element", f"<{root.tag}>"))
    image = _image_of(file, root, images, folder)
    size = root.find("size")
    stated = None if size is None else (_whole(size.findtext("height")), _whole(size.findtext("width")))
    sizes.compare(image, stated, str(file))
    boxes, labels, difficult = [], [], []
    for number, item in enumerate(root.findall("object"), start=1):
        where = f"{file}, object {number}"
        label = (item.findtext("name") or "").strip()
        if not label:
            raise InvalidData(problem(where, "<name>, the class of the object", "none"))
        flag = (item.findtext("difficult") or "").strip()
        if flag.lower() not in FLAGS:
            raise InvalidData(problem(f"{where}, difficult", "0 or 1", repr(flag)))
        boxes.append(_box(item, where, one_based))
        labels.append(label)
        difficult.append(FLAGS[flag.lower()])
    return image, target_of(boxes, labels, difficult=np.array(difficult, dtype=bool))


def _image_of(file: Path, root: Element, images: dict[str, Path], folder: Path) -> Path:
    """The image that has the name of the XML file, else the one that the XML file names."""
    if file.stem in images:
        return images[file.stem]
    named = re.split(r"[/\\]", (root.findtext("filename") or "").strip())[-1]
    if named and (folder / named).is_file():
        return folder / named
    stems = f"{file.stem}{{{','.join(SUFFIXES)}}}"
    expected = f"its image {stems}{f' or {named}' if named else ''} in {folder}"
    got = "neither" if named else "none"
    raise InvalidData(problem(str(file), expected, got, "Add the image, or remove the file."))


def _box(item: Element, where: str, one_based: bool) -> list[float]:
    """The box of an object."""
    frame = item.find("bndbox")
    if frame is None:
        got = f"only {', '.join(f'<{child.tag}>' for child in item)}"
        raise InvalidData(problem(where, "<bndbox>, the box of the object", got))
    corners = []
    for name in CORNERS:
        text = (frame.findtext(name) or "").strip()
        try:
            corners.append(float(text))
        except ValueError:
            corners.append(math.nan)
        if not math.isfinite(corners[-1]):
            got = repr(text) if frame.find(name) is not None else "no such element"
            raise InvalidData(problem(f"{where}, {name}", "a number of pixels", got))
    if one_based:
        if min(corners) < 1:
            remedy = "The file counts from 0: leave one_based out."
            raise InvalidData(problem(f"{where}, bndbox", "pixels that are counted from 1", f"{corners}", remedy))
        corners[0] -= 1
        corners[1] -= 1
    return corners


def _whole(text: str | None) -> int:
    """A side of an image, 0 where there is none."""
    try:
        return round(float(text or 0))
    except (ValueError, OverflowError):
        return 0
