"""COCO: boxes by corner and size, images without objects, crowds, broken files, and what pycocotools reads."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.core.errors import InvalidData
from netwright.vision import read_coco


def content() -> dict[str, Any]:
    return {
        "images": [
            {"id": 7, "file_name": "b.jpg", "width": 40, "height": 30},
            {"id": 3, "file_name": "sub/a.jpg"},
            {"id": 9, "file_name": "empty.png", "width": 40, "height": 30},
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 18, "name": "dog", "supercategory": "pet"}],
        "annotations": [
            {"id": 1, "image_id": 3, "category_id": 18, "bbox": [1, 2, 10.5, 4], "iscrowd": 0, "area": 30.5},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [0, 0, 40, 30], "iscrowd": 1, "segmentation": {}},
            {"id": 3, "image_id": 3, "category_id": 1, "bbox": [5, 5, 0, 0]},
        ],
    }


@pytest.fixture
def folder(tmp_path: Path, image: Any) -> Path:
    for name in ("b.jpg", "sub/a.jpg", "empty.png"):
        image(f"images/{name}")
    return tmp_path


def write(folder: Path, what: Any) -> Path:
    file = folder / "instances.json"
    file.write_text(what if isinstance(what, str) else json.dumps(what))
    return file


def test_boxes_labels_crowds_areas(folder: Path) -> None:
    files, targets = read_coco(write(folder, content()), folder / "images")
    assert files == [str(folder / "images" / name) for name in ("b.jpg", "sub/a.jpg", "empty.png")]
    assert targets[1]["boxes"].tolist() == [[1, 2, 11.5, 6], [5, 5, 5, 5]]
    assert targets[1]["labels"] == ["dog", "cat"]
    assert targets[1]["area"].tolist() == [30.5, 0]
    assert targets[0]["iscrowd"].tolist() == [True]
    assert targets[0]["area"].tolist() == [1200]
    assert targets[2]["boxes"].shape == (0, 4)
    assert targets[2]["labels"] == []
    assert targets[2]["iscrowd"].dtype == bool


def test_the_folder_of_the_file_is_the_default(folder: Path) -> None:
    file = write(folder, content())
    assert read_coco(file.rename(folder / "images" / "_annotations.coco.json"))[0][0].endswith("b.jpg")


def test_the_same_as_pycocotools(folder: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    rng = np.random.default_rng(1)
    made = content()
    made["annotations"] = [
        {
            "id": i,
            "image_id": int(rng.choice([3, 7])),
            "category_id": int(rng.choice([1, 18])),
            "bbox": rng.uniform(0, 20, 4).tolist(),
            "area": float(rng.uniform(1, 9)),
            "iscrowd": int(rng.integers(2)),
        }
        for i in range(1, 40)
    ]
    file = write(folder, made)
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = coco.COCO(str(file))
    for image, target in zip(made["images"], read_coco(file, folder / "images")[1], strict=True):
        rows = theirs.loadAnns(theirs.getAnnIds(imgIds=[image["id"]]))
        expected = np.array([row["bbox"] for row in rows]).reshape(-1, 4)
        np.testing.assert_allclose(target["boxes"][:, :2], expected[:, :2])
        np.testing.assert_allclose(target["boxes"][:, 2:] - target["boxes"][:, :2], expected[:, 2:])
        assert target["labels"] == [theirs.cats[row["category_id"]]["name"] for row in rows]
        assert target["area"].tolist() == [row["area"] for row in rows]
        assert target["iscrowd"].tolist() == [bool(row["iscrowd"]) for row in rows]


def changed(part: str, place: int, **values: Any) -> dict[str, Any]:
    made = content()
    made[part][place] = {key: value for key, value in (made[part][place] | values).items() if value is not None}
    return made


BROKEN: dict[str, tuple[Any, str]] = {
    "cut": ("{", "a JSON file, got Expecting property name.*line 1"),
    "list": ([1, 2], r"the lists images, annotations, categories, got \[1, 2\]"),
    "parts": ({"images": []}, "the lists images, annotations, categories, got images"),
    "box": (changed("annotations", 0, bbox=None), r"annotation 1, bbox: expected \[x, y, width, height\].*got None"),
    "words": (changed("annotations", 1, bbox=[1, 2, "3", 4]), "annotation 2, bbox: expected"),
    "infinite": (changed("annotations", 1, bbox=[1, 2, float("inf"), 4]), "annotation 2, bbox: expected"),
    "category": (changed("annotations", 1, category_id=5), "annotation 2: expected the category_id.*got 5"),
    "image": (changed("annotations", 1, image_id=5), "annotation 2: expected the image_id.*got 5"),
    "no image": (changed("annotations", 1, image_id=None), "annotation 2, image_id: expected"),
    "twice": (changed("images", 1, id=7), "image 1: expected an id of its own, got 7"),
    "nameless": (changed("images", 1, file_name=None), "image 3, file_name: expected"),
    "missing": (changed("images", 1, file_name="no.jpg"), r"image 3: expected the file .*no\.jpg, got nothing"),
    "area": (changed("annotations", 0, area="big"), "annotation 1, area: expected a number"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_is_named(folder: Path, kind: str) -> None:
    made, message = BROKEN[kind]
    file = write(folder, made)
    with pytest.raises(InvalidData, match=rf"{file.name}.*{message}"):
        read_coco(file, folder / "images")


def test_missing_files(folder: Path) -> None:
    with pytest.raises(InvalidData, match=r"no\.json: expected a JSON file, got No such file"):
        read_coco(folder / "no.json")
    with pytest.raises(InvalidData, match=r"images_folder.*expected a folder"):
        read_coco(write(folder, content()), folder / "no")


def test_sizes_that_contradict_the_image_are_named(folder: Path) -> None:
    file = write(folder, changed("images", 0, width=41))
    with pytest.warns(UserWarning, match=r"image 7, says 41 x 30, .*b\.jpg has 40 x 30"):
        read_coco(file, folder / "images")
