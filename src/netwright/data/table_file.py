"""Tables in files: CSV and its kin, columns of numbers in plain text, and Parquet.

A CSV file is read as it comes: UTF-8 with or without a byte order mark, UTF-16 with one, else Latin-1; cells between
commas, semicolons or tabs, whichever gives rows of one width; the first line has the names; each column gets the
narrowest kind that its cells meet (`netwright.data.infer`). Text files whose first line is all numbers have no
names: their columns are x0, x1, ... and target, the last.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter, problem
from netwright.core.validation import boolean, check, nothing, satisfies
from netwright.data.columns import Columns, to_columns
from netwright.data.infer import MISSING, infer, is_number

DELIMITERS = (",", ";", "\t")
SAMPLE = 1 << 16  # characters from which the delimiter is told
_one_character = satisfies("one character", lambda value: isinstance(value, str) and len(value) == 1)


def read_table(
    path: str | os.PathLike[str],
    *,
    delimiter: str | None = None,
    header: bool = True,
    missing: Iterable[str] = MISSING,
) -> Columns:
    """The columns of a table in a file, by name.

    Parameters
    ----------
    path : a CSV file, a text file (``.txt``, ``.dat``, ``.data``) of numbers between blanks, or a ``.parquet`` file.
    delimiter : the character between cells; None tells it from the first rows.
    header : whether the first line of a CSV file has the names.
    missing : the texts that mean "no value here".

    Shapes
    ------
    n rows -> a dict of arrays (n,): int64, float64 (NaN), bool, datetime64 (NaT), or object (str and None, or True,
    False and None).

    Raises
    ------
    InvalidData : no file, no text, no rows, a row of another width (with its line), a name that comes twice.
    InvalidParameter : a Parquet file where nothing that reads it is installed.
    CorruptFile : a damaged Parquet file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "table.csv"
    >>> _ = file.write_text("age;sex\\n22;male\\n;female\\n")
    >>> read_table(file)
    {'age': array([22., nan]), 'sex': array(['male', 'female'], dtype=object)}
    """
    where = f"read_table({os.fspath(path)!r})"
    check(f"{where}: delimiter", delimiter, _one_character | nothing)
    check(f"{where}: header", header, boolean)
    path = Path(path)
    if not path.is_file():
        raise InvalidData(problem(where, "a file", "a folder" if path.is_dir() else "no file of that name"))
    if path.suffix.lower() in (".parquet", ".pq"):
        return _parquet(where, path)
    text = _text(where, path.read_bytes())
    plain = path.suffix.lower() in (".txt", ".dat", ".data") and delimiter is None
    numbered = _numbered_rows(where, text) if plain else None
    if numbered is not None:
        rows, names = numbered, None
    else:
        rows = _csv_rows(where, text, delimiter or _sniff(text))
        names = _names(where, rows[0]) if header else None
        rows = rows[1:] if header else rows
    if not rows:
        raise InvalidData(problem(where, "at least one row below the names", "0 rows"))
    width = len(rows[0])
    names = names or [*(f"x{place}" for place in range(width - 1)), "target"]
    markers = frozenset(missing)
    return {name: infer(cells, markers) for name, cells in zip(names, zip(*rows, strict=True), strict=True)}


def _text(where: str, content: bytes) -> str:
    """The text of a file by its byte order mark, else as UTF-8, else as Latin-1."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError as error:
            raise InvalidData(problem(where, "text in UTF-16, as its first bytes say", str(error))) from error
    if b"\0" in content:
        raise InvalidData(problem(where, "a text file", "bytes that are no text", "Save the table as CSV or Parquet."))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if not text.strip():
        raise InvalidData(problem(where, "names and rows", "an empty file"))
    return text


def _numbered_rows(where: str, text: str) -> list[list[str]] | None:
    """The rows of a text of numbers between blanks, # begins a comment; None where the first line is no such row."""
    rows: list[list[str]] = []
    for line, content in enumerate(text.splitlines(), start=1):
        cells = content.partition("#")[0].split()
        if not cells:
            continue
        if not rows and not all(is_number(cell) or cell in MISSING for cell in cells):
            return None
        if rows and len(cells) != len(rows[0]):
            raise InvalidData(_ragged(where, line, len(rows[0]), len(cells)))
        rows.append(cells)
    return rows or None


def _sniff(text: str) -> str:
    """The delimiter that gives the first rows one width, the widest where several do, else the one most in use."""
    best, choice = (False, 1), ","
    for delimiter in DELIMITERS:
        try:
            reader = csv.reader(io.StringIO(text[:SAMPLE], newline=""), delimiter=delimiter)
            rows = list(itertools.islice(filter(None, reader), 20))
        except csv.Error:
            continue
        if len(rows) < 20 and len(text) > SAMPLE:
            rows = rows[:-1]  # cut by the end of the sample
        widths = {len(row) for row in rows}
        score = (len(widths) == 1 and max(widths) > 1, max(widths, default=1))
        if score > best:
            best, choice = score, delimiter
    return choice


def _csv_rows(where: str, text: str, delimiter: str) -> list[list[str]]:
    """All rows that are not blank, the names first; every row has the width of the first."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows = [row for row in reader if not _blank(row)]
        if rows and len(rows[0]) > 1:  # of one column "" is an empty cell
            rows = [row for row in rows if row != [""]]
    except csv.Error as error:
        raise InvalidData(problem(f"{where}, line {reader.line_num}", "cells of a CSV file", str(error))) from error
    if len(set(map(len, rows))) > 1:
        _complain(where, text, delimiter)
    return rows


def _blank(row: list[str]) -> bool:
    """Whether there is nothing on a line; two quotation marks are a cell."""
    return not row or (len(row) == 1 and row[0] != "" and not row[0].strip())


def _complain(where: str, text: str, delimiter: str) -> None:
    """Raise for the first row of another width, with the line on which it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    width, begins = 0, 1
    for row in reader:
        if not _blank(row) and not (width > 1 and row == [""]):
            width = width or len(row)
            if len(row) != width:
                raise InvalidData(_ragged(where, begins, width, len(row)))
        begins = reader.line_num + 1


def _ragged(where: str, line: int, expected: int, got: int) -> str:
    advice = "Is a quotation mark open, or a delimiter inside a cell without quotes?"
    return problem(f"{where}, line {line}", f"{expected} cells as in the first row", f"{got}", advice)


def _names(where: str, cells: list[str]) -> list[str]:
    """The names in the first row; a cell without one gets "column 3" for the third."""
    names = [cell.strip() or f"column {place}" for place, cell in enumerate(cells, start=1)]
    if all(map(is_number, names)):
        advice = "Write a line of names above the rows, or read it with header=False."
        raise InvalidData(problem(where, "column names in the first row", f"numbers, {cells[:3]}", advice))
    for place, name in enumerate(names):
        if name in names[:place]:
            got = f"{name!r} for columns {names.index(name) + 1} and {place + 1}"
            raise InvalidData(problem(where, "each column name once", got, "Rename one."))
    return names


def _parquet(where: str, path: Path) -> Columns:
    """The columns of a Parquet file, by whichever package is installed."""
    try:
        return to_columns(_parquet_frame(where, path))
    except (InvalidData, InvalidParameter):
        raise
    except Exception as error:  # each package has errors of its own
        raise CorruptFile(problem(where, "a Parquet file", f"{type(error).__name__}: {error}")) from error


def _parquet_frame(where: str, path: Path) -> Any:
    if importlib.util.find_spec("polars") is not None:
        import polars

        return polars.read_parquet(path)
    if importlib.util.find_spec("pyarrow") is not None:
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path)
    got = "neither polars nor pyarrow"
    raise InvalidParameter(problem(where, "a package that reads Parquet", got, "pip install netwright[frames]"))
