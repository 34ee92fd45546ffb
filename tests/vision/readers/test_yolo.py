"""YOLO labels: shares to pixels, the four layouts, names in their forms against a YAML parser, broken lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidData
from netwright.vision import read_yolo
from netwright.vision.readers.class_names import names_of_yaml


def test_shares_become_pixels(tmp_path: Path, image: Any, text: Any) -> None:
    image("1.png")
    image("2.png")
    image("3.png")
    rng = np.random.default_rng(0)
    shares = rng.uniform(0.2, 0.4, (5, 4))
    text("1.txt", "\n".join(f"{i % 2} " + " ".join(map(repr, row.tolist())) for i, row in enumerate(shares)))
    text("2.txt", "\n")
    text("classes.txt", "cat\nbig dog\n")
    files, targets = read_yolo(tmp_path)
    assert [Path(file).name for file in files] == ["1.png", "2.png", "3.png"]
    x, y, w, h = shares.T * np.array([[40], [30], [40], [30]])
    expected = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)
    np.testing.assert_allclose(targets[0]["boxes"], expected, rtol=0, atol=1e-12)
    assert targets[0]["labels"] == ["cat", "big dog", "cat", "big dog", "cat"]
    assert [target["boxes"].shape for target in targets[1:]] == [(0, 4), (0, 4)]


LAYOUTS = {
    "ultralytics": ("images/{split}/{n}.jpg", "labels/{split}/{n}.txt", "data.yaml"),
    "roboflow": ("{split}/images/{n}.jpg", "{split}/labels/{n}.txt", "data.yaml"),
    "folders": ("{split}/{n}.jpg", "{split}/{n}.txt", "classes.txt"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_with_splits(tmp_path: Path, image: Any, text: Any, layout: str) -> None:
    picture, labels, names = LAYOUTS[layout]
    for split, numbers in (("train", (1, 2)), ("val", (3,))):
        for n in numbers:
            image(picture.format(split=split, n=n))
            text(labels.format(split=split, n=n), f"{n % 2} .5 .5 1 1\n")
    text(names, "names: [cat, dog]" if names == "data.yaml" else "cat\ndog")
    assert [target["labels"] for target in read_yolo(tmp_path)[1]] == [["dog"], ["cat"], ["dog"]]
    files, targets = read_yolo(tmp_path, "val")
    assert [Path(file).name for file in files] == ["3.jpg"]
    assert targets[0]["boxes"].tolist() == [[0, 0, 40, 30]]
    with pytest.raises(InvalidData, match=r"expected a split of the folder, got 'test'.*train, val"):
        read_yolo(tmp_path, "test")


def test_one_split_alone_finds_the_names_above(tmp_path: Path, image: Any, text: Any) -> None:
    image("train/images/1.jpg")
    text("train/labels/1.txt", "1 .5 .5 1 1")
    text("data.yaml", "names:\n- cat\n- dog\n")
    assert read_yolo(tmp_path / "train")[1][0]["labels"] == ["dog"]


def test_numbers_where_there_are_no_names(tmp_path: Path, image: Any, text: Any) -> None:
    image("images/1.jpg")
    text("labels/1.txt", "17 .5 .5 .5 .5")
    assert read_yolo(tmp_path)[1][0]["labels"] == [17]


def test_outlines_become_boxes_and_negative_sizes_stay(tmp_path: Path, image: Any, text: Any) -> None:
    image("1.png")
    text("1.txt", "0 0.5 0.1 0.75 0.5 0.25 0.9\n0 0.5 0.5 -0.5 0\n")
    assert read_yolo(tmp_path)[1][0]["boxes"].tolist() == [[10, 3, 30, 27], [30, 15, 10, 15]]


BROKEN = {
    "four": ("0 .5 .5 .5", "line 1: expected class cx cy width height, five numbers.*got 4 cells"),
    "score": ("0 .5 .5 .5 .5 .9", "The sixth is a score"),
    "words": ("0 .5 .5 .5 wide", "line 1: expected class cx cy"),
    "nan": ("0 .5 .5 .5 nan", "line 1: expected class cx cy"),
    "pixels": ("\n0 20 15 10 10", r"line 2: expected shares of the image in \[0, 1\], got 20 15 10 10"),
    "class": ("2 .5 .5 .5 .5", r"line 1: expected a class of 0 to 1 \(cat, dog\), got 2"),
    "negative": ("-1 .5 .5 .5 .5", "line 1: expected a class of 0 to 1"),
    "half": ("0.5 .5 .5 .5 .5", "line 1: expected a class of 0 to 1"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_is_named(tmp_path: Path, image: Any, text: Any, kind: str) -> None:
    image("images/1.png")
    image("images/2.png")
    text("labels/1.txt", "0 .5 .5 .5 .5")
    text("labels/2.txt", BROKEN[kind][0])
    text("labels/classes.txt", "cat\ndog")
    with pytest.raises(
        InvalidData, match=rf"2\.txt, {BROKEN[kind][1]}" if "line" in BROKEN[kind][1] else BROKEN[kind][1]
    ):
        read_yolo(tmp_path)


def test_missing_images_and_labels(tmp_path: Path, image: Any, text: Any) -> None:
    with pytest.raises(InvalidData, match="expected images with YOLO labels, got none"):
        read_yolo(tmp_path)
    image("1.png")
    text("readme.txt", "These are pictures.")
    with pytest.raises(InvalidData, match="expected images with YOLO labels, got none"):
        read_yolo(tmp_path)
    text("1.txt", "0 .5 .5 .5 .5")
    text("2.txt", "0 .5 .5 .5 .5")
    with pytest.raises(InvalidData, match=r"2\.txt: expected an image of that name, got none"):
        read_yolo(tmp_path)
    text("2.txt", "")
    (tmp_path / "1.png").write_bytes(b"GIF")
    with pytest.raises(InvalidData, match=r"1\.png.*an image that can be read"):
        read_yolo(tmp_path)
    with pytest.raises(InvalidData, match="expected a folder, got nothing"):
        read_yolo(tmp_path / "no")


YAML = [
    "names: ['a', \"b\", c d]\n",
    "path: ../x # names: no\nnames:\n  0: person # the first\n  1: 'it''s'\n\n  2: \"a \\\" b\"\nnc: 3\n",
    "nc: 2\nnames:\n- cat\n- traffic light\ntrain: images\n",
    "names:\n    - cat\n    # a remark\n    - 'dog # 1'\nroboflow:\n  license: MIT\n",
    "names: {0: cat, 1: 'big, dog', 5: \"x: y\"}\n",
    "names: [\n  cat,\n  dog,   # the last\n]\nval: x\n",
    "names:  # of classes\n  0: C#\n  1: a-b\n",
    "names: ['[x]', '{y}']",
    "train: images\n",
]


@pytest.mark.parametrize("content", YAML)
def test_names_as_a_yaml_parser_reads_them(content: str) -> None:
    yaml = pytest.importorskip("yaml")
    theirs = yaml.safe_load(content).get("names", {})
    theirs = dict(enumerate(theirs)) if isinstance(theirs, list) else theirs
    assert names_of_yaml(content, "data.yaml") == theirs


@given(st.lists(st.text("abc ,:#'\"[]{}-ü1\\", min_size=1, max_size=8), min_size=1, max_size=5), st.booleans())
@settings(max_examples=200, deadline=None)
def test_names_that_a_yaml_writer_quotes(names: list[str], flow: bool) -> None:
    yaml = pytest.importorskip("yaml")
    content = yaml.safe_dump({"names": names, "nc": len(names)}, default_flow_style=flow, allow_unicode=True, width=999)
    if flow:
        content = content.strip().removeprefix("{").removesuffix("}").replace(", nc:", "\nnc:")
    assert names_of_yaml(content, "data.yaml") == dict(enumerate(names))


@pytest.mark.parametrize("content", ["names: cat", "names:\nnc: 3", "names: [a, b", "names: [[a], b]", "names: &x [a]"])
def test_names_in_other_forms_are_refused(content: str) -> None:
    with pytest.raises(InvalidData, match=r"data\.yaml, names: expected a list of names"):
        names_of_yaml(content, "data.yaml")
