"""Lists of images: CSV files and frames, images without objects, other names of columns, broken rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import read_image_list

HEAD = "file,x1,y1,x2,y2,label"


@pytest.fixture
def folder(tmp_path: Path, image: Any) -> Path:
    for name in ("a.png", "sub/b.png", "c.png"):
        image(name)
    return tmp_path


def test_a_csv_file(folder: Path, text: Any) -> None:
    file = text("boxes.csv", f"{HEAD}\nc.png,1,2,3.5,4,cat\nsub/b.png,,,,,\nc.png,5,6,7,8,NA\na.png,9,9,3,9,7\n")
    files, targets = read_image_list(file)
    assert files == [str(folder / name) for name in ("c.png", "sub/b.png", "a.png")]
    assert targets[0]["boxes"].tolist() == [[1, 2, 3.5, 4], [5, 6, 7, 8]]
    assert targets[0]["labels"] == ["cat", "NA"]
    assert targets[1]["boxes"].shape == (0, 4)
    assert targets[2]["boxes"].tolist() == [[9, 9, 3, 9]]  # reversed ones stay


@pytest.mark.parametrize("kind", ["pandas", "polars", "dict"])
def test_frames(folder: Path, kind: str) -> None:
    columns: dict[str, list[Any]] = {
        "file": ["a.png", "c.png", "a.png"],
        "x1": [1, None, 2],
        "y1": [1.5, None, 2],
        "x2": [3, None, 4],
        "y2": [3, None, 4],
        "label": ["cat", None, "dog"],
        "difficult": [0, None, 1],
    }
    table = columns if kind == "dict" else pytest.importorskip(kind).DataFrame(columns)
    files, targets = read_image_list(table, folder)
    assert [Path(file).name for file in files] == ["a.png", "c.png"]
    assert targets[0]["boxes"].tolist() == [[1, 1.5, 3, 3], [2, 2, 4, 4]]
    assert targets[0]["labels"] == ["cat", "dog"]
    assert targets[0]["difficult"].tolist() == [False, True]
    assert targets[1]["difficult"].shape == (0,)


def test_numbers_as_labels_and_areas(folder: Path) -> None:
    made = {
        "file": ["a.png"],
        "x1": [1],
        "y1": [1],
        "x2": [3],
        "y2": [3],
        "label": [4],
        "area": [2.5],
        "iscrowd": [True],
    }
    _, [target] = read_image_list(made, folder)
    assert target["labels"] == [4]
    assert target["area"].tolist() == [2.5]
    assert target["iscrowd"].tolist() == [True]


def test_other_names(folder: Path, text: Any) -> None:
    file = text("boxes.csv", "filename;xmin;ymin;xmax;ymax;class;width\na.png;1;2;3;4;cat;40\n")
    names = {"file": "filename", "x1": "xmin", "y1": "ymin", "x2": "xmax", "y2": "ymax", "label": "class"}
    np.testing.assert_array_equal(read_image_list(file, columns=names)[1][0]["boxes"], [[1, 2, 3, 4]])
    with pytest.raises(InvalidData, match="none named file, x1, y1, x2, y2, label in filename, xmin"):
        read_image_list(file)
    with pytest.raises(InvalidData, match=r"columns, x1: expected a column.*'xmn'.*Did you mean 'xmin'"):
        read_image_list(file, columns={**names, "x1": "xmn"})
    with pytest.raises(InvalidParameter, match=r"names out of file, x1.*got 'files'.*Did you mean 'file'"):
        read_image_list(file, columns={"files": "filename"})


BROKEN = {
    "word": ("a.png,1,2,3,4,cat\na.png,1,two,3,4,cat", "row 1, y1: expected a number of pixels, got 'two'"),
    "nan": ("a.png,1,2,nan,4,cat", "row 0, x2: expected a number"),
    "hole": ("a.png,1,2,,4,cat", "row 0, x2: expected a number"),
    "nameless": ("a.png,1,2,3,4,", "row 0, label: expected the class of the box, got an empty cell"),
    "boxless": ("a.png,,,,,cat", "row 0, x1: expected a number"),
    "file": (",1,2,3,4,cat", "row 0, file: expected the name of a file"),
    "missing": ("a.png,1,2,3,4,cat\nno.png,1,2,3,4,cat", r"row 1: expected the image .*no\.png, got nothing"),
    "broken": ("broken.png,1,2,3,4,cat", r"broken\.png.*an image that can be read"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_is_named(folder: Path, text: Any, kind: str) -> None:
    text("broken.png", "text")
    file = text("boxes.csv", f"{HEAD}\n{BROKEN[kind][0]}\n")
    with pytest.raises(InvalidData, match=BROKEN[kind][1]) as error:
        read_image_list(file)
    assert "boxes.csv" in str(error.value) or kind == "broken"


def test_flags_are_zero_or_one(folder: Path) -> None:
    made = {"file": ["a.png"], "x1": [1], "y1": [1], "x2": [3], "y2": [3], "label": ["cat"], "difficult": [2]}
    with pytest.raises(InvalidData, match="row 0, difficult: expected 0 or 1, got 2"):
        read_image_list(made, folder)
