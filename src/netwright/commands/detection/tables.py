"""Detections as a table: a row a box, in the form that `netwright.vision.read_image_list` reads, and the score."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netwright.commands.run_folder import to_csv

COLUMNS = ("file", "x1", "y1", "x2", "y2", "label", "score")


def to_table(files: Sequence[str], found: Sequence[dict[str, Any]]) -> str:
    """The text of a CSV file; an image in which nothing was found has a row with its file alone.

    Parameters
    ----------
    files : names of the images. found : what a detector predicts for each.

    Examples
    --------
    >>> one = {"boxes": [[1, 2, 30.5, 40]], "labels": ["cat"], "scores": [0.75]}
    >>> print(to_table(["a.png", "b.png"], [one, {"boxes": [], "labels": [], "scores": []}]), end="")
    file,x1,y1,x2,y2,label,score
    a.png,1.00,2.00,30.50,40.00,cat,0.75
    b.png,,,,,,
    """
    rows: list[list[str]] = []
    for file, one in zip(files, found, strict=True):
        boxes = zip(one["boxes"], one["labels"], one["scores"], strict=True)
        lines = [[file, *(f"{x:.2f}" for x in box), str(label), f"{score:.6g}"] for box, label, score in boxes]
        rows += lines or [[file, *[""] * (len(COLUMNS) - 1)]]
    return to_csv(COLUMNS, rows)


def seen_from(folder: Path, files: Sequence[str | Path]) -> list[str]:
    """Names of files from a folder, as a table in that folder has them.

    Parameters
    ----------
    folder : in which the table lies. files : of the images.
    """
    names = []
    for file in files:
        try:
            names.append(Path(os.path.relpath(Path(file).resolve(), folder.resolve())).as_posix())
        except ValueError:  # another drive
            names.append(str(Path(file).resolve()))
    return names
