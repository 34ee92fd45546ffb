"""One front for all formats: which a folder has, its splits, and what is said where there is none."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import read_detection_folder

DATA = os.environ.get("NETWRIGHT_DATA", "")
OBJECT = "<object><name>cat</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>"
XML = f"<annotation>{OBJECT}</annotation>"


def instances(name: str) -> str:
    made = {
        "images": [{"id": 1, "file_name": name}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 2, 2]}],
    }
    return json.dumps(made)


LAYOUTS: dict[str, tuple[dict[str, str], list[str]]] = {
    "voc, lists": (
        {
            "JPEGImages/1.jpg": "",
            "JPEGImages/2.jpg": "",
            "Annotations/1.xml": XML,
            "Annotations/2.xml": XML,
            "ImageSets/Main/train.txt": "1",
            "ImageSets/Main/val.txt": "2",
            "ImageSets/Main/cat_val.txt": "2 1",
        },
        ["train", "val"],
    ),
    "voc, no lists": ({"images/1.png": "", "annotations/1.xml": XML}, ["all"]),
    "voc, flat": ({"1.png": "", "1.xml": XML}, ["all"]),
    "voc, folders": (
        {"train/1.jpg": "", "train/1.xml": XML, "valid/2.jpg": "", "valid/2.xml": XML},
        ["train", "val"],
    ),
    "coco": (
        {
            "train2017/1.jpg": "",
            "val2017/2.jpg": "",
            "annotations/instances_train2017.json": instances("1.jpg"),
            "annotations/instances_val2017.json": instances("2.jpg"),
            "annotations/captions_val2017.json": "{}",
        },
        ["train2017", "val2017"],
    ),
    "coco, folders": (
        {
            "train/1.jpg": "",
            "train/_annotations.coco.json": instances("1.jpg"),
            "valid/2.jpg": "",
            "valid/_annotations.coco.json": instances("2.jpg"),
        },
        ["train", "val"],
    ),
    "coco, one": ({"images/1.jpg": "", "result.json": instances("1.jpg"), "info.json": "{}"}, ["all"]),
    "coco, one split": ({"train/1.jpg": "", "annotations/instances_train.json": instances("1.jpg")}, ["train"]),
    "yolo": (
        {
            "images/train/1.jpg": "",
            "labels/train/1.txt": "0 .05 .1 .05 .0666",
            "images/val/2.jpg": "",
            "labels/val/2.txt": "0 .05 .1 .05 .0666",
            "images/test/3.jpg": "",
            "data.yaml": "names: [cat]",
        },
        ["train", "val"],
    ),
    "yolo, one": ({"1.jpg": "", "1.txt": "0 .05 .1 .05 .0666", "classes.txt": "cat"}, ["all"]),
    "list": ({"images/1.jpg": "", "boxes.csv": "file,x1,y1,x2,y2,label\nimages/1.jpg,1,2,3,4,cat"}, ["all"]),
    "lists": (
        {
            "1.jpg": "",
            "train.csv": "file,x1,y1,x2,y2,label\n1.jpg,1,2,3,4,cat",
            "test.csv": "file;x1;y1;x2;y2;label\n1.jpg;1;2;3;4;cat",
            "notes.csv": "a,b\n1,2",
        },
        ["test", "train"],
    ),
}


def fill(layout: dict[str, str], image: Any, text: Any) -> None:
    for name, content in layout.items():
        image(name) if name.endswith((".jpg", ".png")) else text(name, content)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_layouts(tmp_path: Path, image: Any, text: Any, kind: str) -> None:
    layout, splits = LAYOUTS[kind]
    fill(layout, image, text)
    found = read_detection_folder(tmp_path)
    assert [*found] == splits
    for files, targets in found.values():
        assert len(files) == len(targets) == 1
        assert Path(files[0]).is_file()
        assert targets[0]["labels"] == ["cat"]
        assert targets[0]["boxes"].ravel().tolist() == pytest.approx([1, 2, 3, 4], abs=0.01)


def test_nothing_to_find(tmp_path: Path, image: Any, text: Any) -> None:
    with pytest.raises(InvalidData, match=r"expected Pascal VOC .*COCO .*YOLO .*CSV.*, got an empty folder"):
        read_detection_folder(tmp_path)
    image("a.jpg")
    text("data.csv", "x,y\n1,2")
    with pytest.raises(InvalidData, match=r"got 2 entries, 1 of them images: a\.jpg, data\.csv"):
        read_detection_folder(tmp_path)
    with pytest.raises(InvalidData, match="expected a folder, got nothing of that name"):
        read_detection_folder(tmp_path / "no")
    with pytest.raises(InvalidParameter, match=r"format.*Did you mean 'coco'"):
        read_detection_folder(tmp_path, "cocoa")


def test_two_formats(tmp_path: Path, image: Any, text: Any) -> None:
    fill(LAYOUTS["voc, flat"][0] | {"1.txt": "0 .5 .5 1 1"}, image, text)
    with pytest.raises(InvalidData, match=r"expected one format, got files of 2: voc, yolo.*format='voc'"):
        read_detection_folder(tmp_path)
    assert read_detection_folder(tmp_path, "yolo")["all"][1][0]["labels"] == [0]
    assert read_detection_folder(tmp_path, "voc")["all"][1][0]["labels"] == ["cat"]
    with pytest.raises(InvalidData, match="expected COCO"):
        read_detection_folder(tmp_path, "coco")


def test_both_valid_and_val_stay(tmp_path: Path, image: Any, text: Any) -> None:
    fill({f"{split}/1.jpg": "" for split in ("val", "valid")}, image, text)
    fill({f"{split}/1.txt": "0 .5 .5 1 1" for split in ("val", "valid")}, image, text)
    assert [*read_detection_folder(tmp_path)] == ["val", "valid"]


@pytest.mark.data
@pytest.mark.skipif(not (Path(DATA) / "bccd").is_dir(), reason="needs NETWRIGHT_DATA")
def test_bccd() -> None:
    found = read_detection_folder(Path(DATA) / "bccd")
    assert {split: len(files) for split, (files, _) in found.items()} == {
        "test": 72,
        "train": 205,
        "trainval": 292,
        "val": 87,
    }
