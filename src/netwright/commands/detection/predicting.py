"""``netwright predict MODEL IMAGES...`` with a detector: a row a box, and each image with its boxes drawn."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netwright.commands.detection.tables import seen_from, to_table
from netwright.commands.run_folder import PREDICTIONS, write_text
from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem
from netwright.data.images import SUFFIXES
from netwright.report.detection.evaluation import sure
from netwright.report.words import counted
from netwright.vision import class_colors, draw_boxes

FORMATS = {"png": "pillow", "svg": "svg"}


def predict(detector: Any, options: Namespace) -> int:
    """Find objects in images.

    Parameters
    ----------
    detector : the fitted one. options : of the command line.

    Raises
    ------
    InvalidData : a file that is not there, is broken or is no image. InvalidParameter : an option that cannot be.
    """
    if options.proba:
        raise InvalidParameter(problem("--proba", "none for a detector", "it", "The table has a column of scores."))
    if options.out is None and options.pictures is not None:
        raise InvalidParameter(problem("--pictures", "a folder for them", "none", "Add --out FOLDER."))
    files = images_of(options.data)
    folder = None if options.out is None else _folder_for(options.out, files)
    least = sure(detector) if options.score is None else options.score
    found = detector.predict(files, score_threshold=least)
    boxes = counted(sum(len(one["boxes"]) for one in found), "object")
    if folder is None:
        sys.stdout.write(to_table(list(map(str, files)), found))
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / PREDICTIONS, to_table(seen_from(folder, files), found))
    colours = class_colors(detector.classes_.tolist())
    kind = options.pictures or "png"
    for file, name, one in zip(files, names_of(files, kind), found, strict=True):
        draw_boxes(file, one, colors=colours, format=FORMATS[kind]).save(folder / name)
    where = f"{boxes} in {counted(len(files), 'image')}"
    print(f"{folder}: {where} with a score from {least:g} on, {PREDICTIONS} and the pictures", file=sys.stderr)
    return 0


def images_of(given: Sequence[str]) -> list[Path]:
    """The images that some words name: files, and all images in and below folders; each once.

    Parameters
    ----------
    given : names of files and folders.

    Raises
    ------
    InvalidData : nothing of that name, a file that is no image, a folder without any.
    """
    found: list[Path] = []
    for word in given:
        path = Path(word)
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
            if not inside:
                got = "a folder without any"
                raise InvalidData(problem(f"data {word!r}", f"images ({' '.join(SUFFIXES)})", got))
            found += inside
        elif path.is_file():
            if path.suffix.lower() not in SUFFIXES:
                got, remedy = f"a {path.suffix or 'nameless'} file", "The model finds objects in images."
                raise InvalidData(problem(f"data {word!r}", f"an image ({' '.join(SUFFIXES)})", got, remedy))
            found.append(path)
        else:
            there = sorted(item.name for item in path.parent.iterdir()) if path.parent.is_dir() else []
            near = did_you_mean(path.name, there)
            remedy = near if near.startswith("Did you mean") else f"Is the name right, from {str(Path.cwd())!r}?"
            raise InvalidData(problem(f"data {word!r}", "images or a folder of images", "no such thing", remedy))
    return list(dict.fromkeys(found))


def names_of(files: Sequence[Path], suffix: str) -> list[str]:
    """Names of pictures, those of the images; with a number where two images have the same.

    Parameters
    ----------
    files : the images. suffix : of the pictures.

    Examples
    --------
    >>> names_of([Path("a/1.jpg"), Path("b/1.jpg"), Path("b/2.png")], "png")
    ['1.png', '1-2.png', '2.png']
    """
    taken: set[str] = set()
    names = []
    for file in files:
        name, number = f"{file.stem}.{suffix}", 2
        while name.lower() in taken:
            name, number = f"{file.stem}-{number}.{suffix}", number + 1
        taken.add(name.lower())
        names.append(name)
    return names


def _folder_for(out: str, files: Sequence[Path]) -> Path:
    """The folder of the pictures, in which none of the images lies."""
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        remedy = "A detector writes a folder: a table, and a picture an image."
        raise InvalidParameter(problem("--out", "a folder", f"the file {out!r}", remedy))
    inside = next((file for file in files if file.resolve().parent == folder.resolve()), None)
    if inside is not None:
        remedy = "Choose another folder, so that no image is written over."
        raise InvalidParameter(
            problem("--out", "a folder without the images", f"{out!r}, which has {inside.name}", remedy)
        )
    return folder
