"""Omniglot: characters of many alphabets, each drawn once by each of 20 people, 105x105 pixels, and the one-shot runs.

The archives are those of the authors, as zip files of PNG in ``omniglot/``:

============================== ======================================================
``images_background_small1``   5 alphabets, 136 characters, 2,720 drawings
``images_background_small2``   5 alphabets, 156 characters, 3,120 drawings
``images_background``          30 alphabets, 964 characters, 19,280 drawings
``images_evaluation``          20 alphabets, 659 characters, 13,180 drawings
``all_runs``                   20 runs: 20 characters of one alphabet, once each by two
                               people, of the alphabets of ``images_evaluation``
============================== ======================================================

Ink is 255 and paper 0, so that what a shift brings in from outside is paper.

References
----------
B. Lake, R. Salakhutdinov, J. Tenenbaum, "Human-level concept learning through probabilistic program induction",
Science, 2015.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import CorruptFile, InvalidParameter, problem
from netwright.core.validation import check, one_of
from netwright.data.locate import find_data

PARTS = ("background_small1", "background_small2", "background", "evaluation")
SIDE = 105


@dataclass(frozen=True)
class OneShotRun:
    """One of the published runs: which of 20 characters, each shown once, is each of 20 drawings.

    Attributes
    ----------
    support : the characters, shown once each (20, 105, 105) uint8.
    queries : the drawings, of the same shape.
    answers : for each drawing the place of its character in `support`, (20,).
    """

    support: NDArray[np.uint8]
    queries: NDArray[np.uint8]
    answers: NDArray[np.int64]


def load_omniglot(part: str = "background_small1") -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    """The drawings of a part of Omniglot.

    The archive is looked for in ``$NETWRIGHT_DATA/omniglot`` and in the user's cache.

    Parameters
    ----------
    part : ``"background_small1"``, ``"background_small2"`` (the minimal sets), ``"background"`` or ``"evaluation"``.

    Shapes
    ------
    X (n, 105, 105) uint8, ink 255; y (n,) str such as ``"Balinese/character01"``.

    Raises
    ------
    InvalidData : there is no such archive. CorruptFile : it is cut, or holds something else.
    InvalidParameter : another part, or Pillow is not installed.

    Examples
    --------
    >>> X, y = load_omniglot("background_small1")  # doctest: +SKIP
    """
    check("load_omniglot(part)", part, one_of(*PARTS))
    path = find_data(f"omniglot/images_{part}.zip", "The authors' archives are at github.com/brendenlake/omniglot.")
    with _opened(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png") and "__MACOSX" not in name)
        if not names:
            raise CorruptFile(_damaged(path, "drawings", "no PNG"))
        X = np.stack([_drawing(archive, name, path) for name in names])
    return X, np.array(["/".join(name.split("/")[-3:-1]) for name in names])


def load_omniglot_runs() -> list[OneShotRun]:
    """The 20 published one-shot runs; people are wrong in 4.5 % of their answers.

    The archive ``all_runs.zip`` is looked for in ``$NETWRIGHT_DATA/omniglot`` and in the user's cache.

    Raises
    ------
    InvalidData : there is no such archive. CorruptFile : it is cut, or holds something else.
    InvalidParameter : Pillow is not installed.

    Examples
    --------
    >>> runs = load_omniglot_runs()  # doctest: +SKIP
    """
    path = find_data("omniglot/all_runs.zip", "The authors' archives are at github.com/brendenlake/omniglot.")
    with _opened(path) as archive:
        tables = sorted(name for name in archive.namelist() if name.endswith("class_labels.txt"))
        if not tables:
            raise CorruptFile(_damaged(path, "runs with class_labels.txt", "none"))
        return [_run(archive, name, path) for name in tables]


def _run(archive: zipfile.ZipFile, table: str, path: Path) -> OneShotRun:
    """One run, by its table of (query, character)."""
    run = table.rsplit("/", 1)[0].rsplit("/", 1)[-1]
    start = table[: len(table) - len(f"{run}/class_labels.txt")]
    rows = [
        line.split() for line in _read(archive, table, path).decode("ascii", "replace").splitlines() if line.strip()
    ]
    if not rows or any(len(row) != 2 for row in rows):
        raise CorruptFile(_damaged(path, f"two names a line in {table}", f"{len(rows)} lines"))
    shown = sorted({character for _, character in rows})
    support = np.stack([_drawing(archive, start + name, path) for name in shown])
    queries = np.stack([_drawing(archive, start + query, path) for query, _ in rows])
    return OneShotRun(support, queries, np.array([shown.index(character) for _, character in rows], dtype=np.int64))


def _drawing(archive: zipfile.ZipFile, name: str, path: Path) -> NDArray[np.uint8]:
    """One drawing, ink 255."""
    try:
        from PIL import Image
    except ImportError as error:
        text = problem("reading images", "Pillow", "an environment without it", "pip install netwright[images]")
        raise InvalidParameter(text) from error
    content = _read(archive, name, path)
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            if image.size != (SIDE, SIDE):
                raise ValueError(f"{image.width} x {image.height} pixels")
            return 255 - np.asarray(image.convert("L"))
    except Exception as error:  # decoders have errors of their own
        expected = f"a drawing of {SIDE} x {SIDE} pixels named {name}"
        raise CorruptFile(_damaged(path, expected, f"{type(error).__name__}: {error}")) from error


def _opened(path: Path) -> Any:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise CorruptFile(_damaged(path, "a whole zip file", str(error))) from error


def _read(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    try:
        return archive.read(name)
    except (KeyError, zipfile.BadZipFile, OSError) as error:
        raise CorruptFile(_damaged(path, f"a member {name}", str(error))) from error


def _damaged(path: Path, expected: str, got: str) -> str:
    return problem(f"file {str(path)!r}", expected, got, "Fetch the file again.")
