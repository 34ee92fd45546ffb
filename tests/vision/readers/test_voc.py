"""Pascal VOC: layouts, splits, pixels from 1, what is broken by file, and a real data set."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import read_voc

DATA = os.environ.get("NETWRIGHT_DATA", "")


def box(*corners: Any) -> str:
    names = ("xmin", "ymin", "xmax", "ymax")
    return "<bndbox>" + "".join(f"<{n}>{c}</{n}>" for n, c in zip(names, corners, strict=False)) + "</bndbox>"


def thing(name: str = "cat", frame: str = box(2, 3, 20, 25), more: str = "") -> str:
    return f"<object><name>{name}</name>{more}{frame}</object>"


def document(*things: str, size: tuple[int, int] = (40, 30), head: str = "") -> str:
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>"
    return f"{head}<annotation>{sides}{''.join(things)}</annotation>"


@pytest.fixture
def folder(tmp_path: Path, image: Any, text: Any) -> Path:
    """Three images in the layout of VOC, in the splits train (1, 3) and val (2)."""
    for name in "123":
        image(f"JPEGImages/{name}.jpg")
    text("Annotations/1.xml", document(thing(), thing("dog", box(1, 1, 40, 30), "<difficult>1</difficult>")))
    text("Annotations/2.xml", document())
    text("Annotations/3.xml", document(thing("dog", box(5.5, 6, 5.5, 6)), thing("cat", box(9, 9, 4, 5))))
    text("ImageSets/Main/train.txt", "1\n3\n\n")
    text("ImageSets/Main/val.txt", "2\n")
    text("ImageSets/Main/cat_train.txt", "1  1\n3 -1\n")
    return tmp_path


def test_all_images(folder: Path) -> None:
    files, targets = read_voc(folder)
    assert files == [str(folder / "JPEGImages" / f"{name}.jpg") for name in "123"]
    assert targets[0]["boxes"].tolist() == [[2, 3, 20, 25], [1, 1, 40, 30]]
    assert targets[0]["labels"] == ["cat", "dog"]
    assert targets[0]["difficult"].tolist() == [False, True]
    assert targets[0]["boxes"].dtype == np.float64
    assert targets[1]["boxes"].shape == (0, 4)
    assert targets[1]["labels"] == []
    assert targets[1]["difficult"].dtype == bool


def test_boxes_without_area_and_reversed_ones_stay(folder: Path) -> None:
    assert read_voc(folder)[1][2]["boxes"].tolist() == [[5.5, 6, 5.5, 6], [9, 9, 4, 5]]


def test_pixels_from_one_become_edges(folder: Path) -> None:
    plain, kit = read_voc(folder, "train"), read_voc(folder, "train", one_based=True)
    assert kit[1][0]["boxes"].tolist() == [[1, 2, 20, 25], [0, 0, 40, 30]]  # the last covers the image
    np.testing.assert_array_equal(kit[1][0]["boxes"] + [1, 1, 0, 0], plain[1][0]["boxes"])


def test_a_file_that_counts_from_zero_is_not_one_based(folder: Path, text: Any) -> None:
    text("Annotations/1.xml", document(thing(frame=box(0, 3, 20, 25))))
    assert read_voc(folder)[1][0]["boxes"].tolist() == [[0, 3, 20, 25]]
    with pytest.raises(InvalidData, match=r"1\.xml, object 1, bndbox: expected pixels that are counted from 1"):
        read_voc(folder, one_based=True)


@pytest.mark.parametrize(("split", "names"), [("train", "13"), ("val", "2"), ("cat_train", "13")])
def test_splits(folder: Path, split: str, names: str) -> None:
    assert [Path(file).stem for file in read_voc(folder, split)[0]] == list(names)


def test_beside_each_other(tmp_path: Path, image: Any, text: Any) -> None:
    image("a b.rf.1.png")
    text("a b.rf.1.xml", document(thing()))
    image("photo.JPG")
    text("other.xml", document(thing("dog"), head="").replace("<size>", "<filename>C:\\x\\photo.JPG</filename><size>"))
    with pytest.raises(InvalidData, match=r"expected the file .*photo\.xml, got nothing"):
        read_voc(tmp_path)
    (tmp_path / "photo.JPG").rename(tmp_path / "other.JPG")
    files, targets = read_voc(tmp_path)
    assert [Path(file).name for file in files] == ["a b.rf.1.png", "other.JPG"]
    assert [target["labels"] for target in targets] == [["cat"], ["dog"]]


def test_the_image_that_the_file_names(folder: Path, image: Any, text: Any) -> None:
    image("JPEGImages/far.png")
    text("Annotations/4.xml", document(thing()).replace("<size>", "<filename>/a/far.png</filename><size>"))
    text("ImageSets/Main/one.txt", "4\n")
    assert Path(read_voc(folder, "one")[0][0]).name == "far.png"


def test_images_without_annotation(folder: Path, image: Any) -> None:
    image("JPEGImages/9.jpg")
    with pytest.raises(InvalidData, match=r"expected the file .*9\.xml, got nothing.*unlabelled"):
        read_voc(folder)
    with pytest.warns(UserWarning, match=r"1 of 4 images without an XML file left out, the first 9\.jpg"):
        assert len(read_voc(folder, unlabelled="skip")[0]) == 3
    files, targets = read_voc(folder, unlabelled="empty")
    assert Path(files[3]).name == "9.jpg"
    assert targets[3]["boxes"].shape == (0, 4)


BROKEN = {
    "cut": ("<annotation><object>", r"expected well-formed XML, got no element found: line 1"),
    "empty": ("", "expected well-formed XML"),
    "bytes": ("\x00\x01", "expected well-formed XML"),
    "other": ("<svg/>", "expected <annotation> as its outermost element, got <svg>"),
    "no box": (document("<object><name>cat</name></object>"), "object 1: expected <bndbox>.*got only <name>"),
    "part": (document(f"<object><name>a</name><part>{box(1, 2, 3, 4)}</part></object>"), "object 1: expected <bndbox>"),
    "no name": (document(thing("")), "object 1: expected <name>, the class of the object, got none"),
    "words": (document(thing(), thing(frame=box(1, "two", 3, 4))), "object 2, ymin: expected a number.*got 'two'"),
    "nan": (document(thing(frame=box(1, 2, "nan", 4))), "object 1, xmax: expected a number.*got 'nan'"),
    "three": (document(thing(frame=box(1, 2, 3))), "object 1, ymax: expected a number.*got no such element"),
    "flag": (document(thing(more="<difficult>2</difficult>")), "object 1, difficult: expected 0 or 1, got '2'"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_is_named(folder: Path, text: Any, kind: str) -> None:
    content, message = BROKEN[kind]
    file = text("Annotations/3.xml", content)
    with pytest.raises(InvalidData, match=re.escape(str(file)) + ".*" + message):
        read_voc(folder)


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))


@pytest.mark.parametrize("declared", [f'<!ENTITY l0 "ha">{LAUGHS}', '<!ENTITY l0 SYSTEM "file:///etc/passwd">'])
def test_entities_are_refused(folder: Path, text: Any, declared: str) -> None:
    head = f'<?xml version="1.0"?><!DOCTYPE annotation [{declared}]>'
    file = text("Annotations/1.xml", document(thing("&l0;"), head=head))
    with pytest.raises(InvalidData, match=re.escape(str(file)) + ".*declares no entities, got the entity 'l0'"):
        read_voc(folder)


def test_a_document_type_alone_is_fine_and_so_are_other_encodings(folder: Path) -> None:
    head = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE annotation>'
    (folder / "Annotations/1.xml").write_bytes(document(thing("Kätzchen &lt;3"), head=head).encode("utf-16"))
    assert read_voc(folder)[1][0]["labels"] == ["Kätzchen <3"]


def test_missing_files(folder: Path) -> None:
    with pytest.raises(InvalidData, match=r"split: expected the list test\.txt in .*, got only cat_train, train, val"):
        read_voc(folder, "test")
    with pytest.raises(InvalidData, match="expected a folder, got nothing of that name"):
        read_voc(folder / "no")
    with pytest.raises(InvalidData, match="expected XML files"):
        read_voc(folder / "JPEGImages")
    with pytest.raises(InvalidParameter, match="unlabelled"):
        read_voc(folder, unlabelled="drop")
    (folder / "ImageSets/Main/val.txt").write_text("2\n7\n")
    with pytest.raises(InvalidData, match=r"expected the file .*7\.xml, got nothing.*The split names it"):
        read_voc(folder, "val")
    (folder / "ImageSets/Main/val.txt").write_text(" \n")
    with pytest.raises(InvalidData, match=r"val\.txt: expected at least one name"):
        read_voc(folder, "val")
    (folder / "JPEGImages/2.jpg").unlink()
    with pytest.raises(InvalidData, match=r"2\.xml: expected its image 2\{\.png"):
        read_voc(folder)


def test_a_broken_image_is_named(folder: Path) -> None:
    (folder / "JPEGImages/2.jpg").write_bytes(b"no image")
    with pytest.raises(InvalidData, match=r"2\.jpg.*expected an image that can be read"):
        read_voc(folder)


def test_sizes_that_contradict_the_image_are_named(folder: Path, text: Any) -> None:
    text("Annotations/1.xml", document(thing(), size=(30, 40)))
    text("Annotations/2.xml", document(size=(0, 0)))  # nothing stated
    with pytest.warns(UserWarning, match=r"1 of 3 images.*1\.xml says 30 x 40, .*1\.jpg has 40 x 30") as seen:
        read_voc(folder)
    assert len(seen) == 1


def test_what_is_written_is_read(tmp_path: Path, image: Any) -> None:
    rng = np.random.default_rng(0)
    image("1.png")
    boxes, labels = rng.uniform(0, 30, (20, 4)), rng.choice(["a", "<b> & c", "ü"], 20).tolist()
    root = ET.Element("annotation")
    for frame, label in zip(boxes, labels, strict=True):
        item = ET.SubElement(root, "object")
        ET.SubElement(item, "name").text = label
        for name, value in zip(("xmin", "ymin", "xmax", "ymax"), frame, strict=True):
            inner = item.find("bndbox")
            inner = ET.SubElement(item, "bndbox") if inner is None else inner
            ET.SubElement(inner, name).text = repr(float(value))
    ET.ElementTree(root).write(tmp_path / "1.xml", encoding="utf-8")
    _, [target] = read_voc(tmp_path)
    np.testing.assert_array_equal(target["boxes"], boxes)
    assert target["labels"] == labels


@pytest.mark.data
@pytest.mark.skipif(not (Path(DATA) / "bccd").is_dir(), reason="needs NETWRIGHT_DATA")
def test_bccd() -> None:
    folder = Path(DATA) / "bccd"
    files, targets = read_voc(folder)
    counts = Counter(label for target in targets for label in target["labels"])
    assert len(files) == 364
    assert counts == {"RBC": 4155, "WBC": 372, "Platelets": 361}
    flat = [
        Path(file).stem
        for file, target in zip(files, targets, strict=True)
        if (target["boxes"][:, 2:] <= target["boxes"][:, :2]).any()
    ]
    assert flat == ["BloodImage_00338", "BloodImage_00343"]
    parts = {split: read_voc(folder, split)[0] for split in ("train", "val", "test")}
    assert [len(part) for part in parts.values()] == [205, 87, 72]
    assert sorted(file for part in parts.values() for file in part) == files
    kit = read_voc(folder, one_based=True)[1]
    assert min(target["boxes"].min() for target in kit if len(target["boxes"])) == 0
    assert all((target["boxes"][:, 2:] > target["boxes"][:, :2]).all() for target in kit)  # the flat ones are a pixel
