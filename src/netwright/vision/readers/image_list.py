"""Lists of images with frames: a table with one row a box."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem, shown
from netwright.core.validation import check, instance, nothing
from netwright.data.columns import to_columns
from netwright.data.images import image_size
from netwright.data.table_file import read_table
from netwright.vision.readers.files import PathLike, Split, Target, folder_at, target_of

CORNERS = ("x1", "y1", "x2", "y2")
NEEDED = ("file", *CORNERS, "label")
FLAGS = ("difficult", "iscrowd")


def read_image_list(table: Any, folder: PathLike | None = None, *, columns: Mapping[str, str] | None = None) -> Split:
    """Images with their boxes from a table that has one row a box: file, x1, y1, x2, y2, label.

    A row with a file alone says that its image has no objects. Boxes without an area and reversed ones are kept:
    detectors leave them out with a count.

    Parameters
    ----------
    table : a CSV or Parquet file, a data frame, or a mapping from names to columns. The corners are in pixels; columns
        difficult, iscrowd (0 or 1) and area are read where there are such; others are left alone.
    folder : from which files with relative names are taken; None for the folder of the CSV file, and for the current
        folder where there is none.
    columns : names of the table for ours, such as ``{"file": "filename", "x1": "xmin"}``.

    Shapes
    ------
    n files in the order in which they first come, and a dict for each: boxes (k, 4) float64 (x1, y1, x2, y2), labels

    Raises
    ------
    InvalidData : no such table, a column that it lacks, a corner that is no number, a box without a label, an image
        that is missing or broken; with the file's name and the row. InvalidParameter : columns that are none of ours.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> Image.new("RGB", (8, 6)).save(folder / "1.png")
    >>> Image.new("RGB", (8, 6)).save(folder / "2.png")
    >>> _ = (folder / "boxes.csv").write_text("file,x1,y1,x2,y2,label\\n1.png,2,1,7,5,cat\\n2.png,,,,,\\n")
    >>> files, targets = read_image_list(folder / "boxes.csv")
    >>> [(target["boxes"].tolist(), target["labels"]) for target in targets]
    [([[2.0, 1.0, 7.0, 5.0]], ['cat']), ([], [])]
    """
    named = isinstance(table, (str, os.PathLike))
    where = f"read_image_list({os.fspath(table)!r})" if named else "read_image_list"
    check("read_image_list(columns)", columns, instance(Mapping, text="a mapping") | nothing)
    found = read_table(table, missing=("",)) if named else to_columns(table)
    found = _chosen(where, found, columns or {})
    base = Path(table).parent if named and folder is None else folder_at(f"{where}, folder", folder or ".")
    numbers, filled = _corners(where, found)
    extra = {name: _extra(where, name, found[name], filled) for name in (*FLAGS, "area") if name in found}
    rows: dict[str, list[int]] = {}
    for row, file in enumerate(found["file"].tolist()):
        if not isinstance(file, str) or not file.strip():
            raise InvalidData(problem(f"{where}, row {row}, file", "the name of a file", shown(file)))
        rows.setdefault(str(base / file.strip()), []).append(row)
    labels = found["label"].tolist()
    files, targets = [], []
    for path, mine in rows.items():
        if not Path(path).is_file():
            raise InvalidData(problem(f"{where}, row {mine[0]}", f"the image {path}", "nothing of that name"))
        image_size(path)  # a broken image is named here, not later
        files.append(path)
        targets.append(_target(where, [row for row in mine if filled[row]], numbers, labels, extra))
    return files, targets


def is_image_list(file: Path) -> bool:
    """Whether a CSV file begins with the names of our columns.

    Parameters
    ----------
    file : its path.
    """
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        first = next(lines, "")
    for delimiter in (",", ";", "\t"):
        if set(NEEDED) <= {cell.strip().strip('"') for cell in first.split(delimiter)}:
            return True
    return False


def _chosen(where: str, found: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """The columns of a table under our names."""
    ours = (*NEEDED, *FLAGS, "area")
    for name, theirs in columns.items():
        if name not in ours:
            expected, hint = f"names out of {', '.join(ours)}", did_you_mean(str(name), ours)
            raise InvalidParameter(problem("read_image_list(columns)", expected, shown(name), hint))
        if theirs not in found:
            hint = did_you_mean(str(theirs), found)
            raise InvalidData(problem(f"{where}, columns, {name}", "a column of the table", shown(theirs), hint))
    chosen = {name: found[columns.get(name, name)] for name in ours if columns.get(name, name) in found}
    lacking = [name for name in NEEDED if name not in chosen]
    if lacking:
        expected, got = f"the columns {', '.join(NEEDED)}", f"none named {', '.join(lacking)} in {', '.join(found)}"
        raise InvalidData(problem(where, expected, got, 'Say which they are: columns={"file": "filename"}.'))
    return chosen


def _corners(where: str, found: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The corners (rows, 4), and which rows have a box: the others have neither corners nor a label."""
    read = [_floats(found[name]) for name in CORNERS]
    numbers = np.stack([values for values, _ in read], axis=1)
    empty = np.stack([blank for _, blank in read], axis=1)
    nameless = np.array([_is_missing(label) for label in found["label"].tolist()], dtype=bool)
    filled = ~(empty.all(axis=1) & nameless)
    wrong = np.argwhere(filled[:, None] & ~np.isfinite(numbers))
    if len(wrong):
        row, place = (int(i) for i in wrong[0])
        got = shown(found[CORNERS[place]].tolist()[row])
        remedy = "Rows are counted from 0, below the names."
        raise InvalidData(problem(f"{where}, row {row}, {CORNERS[place]}", "a number of pixels", got, remedy))
    if (filled & nameless).any():
        row = int(np.argmax(filled & nameless))
        raise InvalidData(problem(f"{where}, row {row}, label", "the class of the box", "an empty cell"))
    return numbers, filled


def _floats(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A column as floats, NaN for what is no number, and which cells are empty."""
    if column.dtype.kind in "iuf":
        numbers = column.astype(np.float64)
        return numbers, np.isnan(numbers)
    values = column.tolist()
    numbers = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        try:
            numbers[row] = float(value) if isinstance(value, str) else np.nan
        except ValueError:
            continue
    return numbers, np.array([_is_missing(value) for value in values], dtype=bool)


def _is_missing(value: Any) -> bool:
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def _extra(where: str, name: str, column: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """A further column: flags as bool, areas as float64."""
    if column.dtype.kind == "b":
        column = column.astype(np.int64)
    numbers, _ = _floats(column)
    good = np.isfinite(numbers) if name == "area" else np.isin(numbers, (0, 1))
    if (filled & ~good).any():
        row = int(np.argmax(filled & ~good))
        expected = "a number of pixels" if name == "area" else "0 or 1"
        raise InvalidData(problem(f"{where}, row {row}, {name}", expected, shown(column.tolist()[row])))
    return numbers if name == "area" else numbers == 1


def _target(
    where: str, rows: list[int], numbers: np.ndarray, labels: list[Any], extra: Mapping[str, np.ndarray]
) -> Target:
    return target_of(numbers[rows], [labels[row] for row in rows], **{name: extra[name][rows] for name in extra})
