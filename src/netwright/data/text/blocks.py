"""Text files of sentences: their lines, in blocks between blank lines, each with the number of its first line."""

from __future__ import annotations

import codecs
import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from netwright.core.atomic import replacing, write_all
from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter, problem, shown

GZIP = b"\x1f\x8b"
PathLike = str | os.PathLike[str]


def read_blocks(path: PathLike, where: str, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """The blocks of lines of a file: (number of the first line, lines without their ends).

    Lines end with LF or CRLF, a byte order mark is left out, and the last block needs no blank line behind it.

    Raises
    ------
    InvalidData : no file, bytes that are not of the encoding (with their line), nothing but blank lines.
    CorruptFile : a damaged gzip file.
    InvalidParameter : no such encoding.
    """
    lines = _text(read_bytes(path, where), where, encoding).replace("\r\n", "\n").split("\n")
    block: list[str] = []
    some = False
    for number, line in enumerate(lines, start=1):
        if line and not line.isspace():
            block.append(line)
        elif block:
            some = True
            yield number - len(block), block
            block = []
    if block:
        yield len(lines) + 1 - len(block), block
    elif not some:
        raise InvalidData(problem(where, "at least one sentence", "an empty file"))


def read_bytes(path: PathLike, where: str) -> bytes:
    """The bytes of a file, unpacked where it is packed with gzip."""
    path = Path(path)
    if not path.is_file():
        raise InvalidData(problem(where, "a file", "a folder" if path.is_dir() else "no file of that name"))
    content = path.read_bytes()
    if content[:2] != GZIP:
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise CorruptFile(problem(where, "a gzip file that is whole", str(error), "Copy the file again.")) from error


def write_blocks(path: PathLike, blocks: Iterable[str], where: str, encoding: str) -> None:
    """Write blocks with a blank line behind each, whole or not at all; packed where the name ends in .gz."""
    text = "".join(f"{block}\n\n" for block in blocks)
    try:
        content = text.encode(known_encoding(encoding, where))
    except UnicodeEncodeError as error:
        got = f"{error.object[error.start]!r} on line {text.count(chr(10), 0, error.start) + 1}"
        raise InvalidData(problem(where, f"characters of {encoding}", got, "Write it in utf-8.")) from error
    if os.fspath(path).endswith(".gz"):
        content = gzip.compress(content, compresslevel=6, mtime=0)
    with replacing(path) as file:
        write_all(file, content)


def known_encoding(encoding: str, where: str) -> str:
    """The name of an encoding that Python knows."""
    try:
        return codecs.lookup(encoding).name
    except (LookupError, TypeError) as error:
        raise InvalidParameter(problem(f"{where}: encoding", "one as utf-8 or latin-1", shown(encoding))) from error


def _text(content: bytes, where: str, encoding: str) -> str:
    name = known_encoding(encoding, where)
    if name == "utf-8" and content.startswith(codecs.BOM_UTF8):
        content = content[len(codecs.BOM_UTF8) :]
    try:
        return content.decode(name)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        got = f"the byte 0x{content[error.start]:02x}"
        remedy = "Name the encoding of the file by encoding=, or save it as UTF-8."
        raise InvalidData(problem(f"{where}, line {line}", f"text in {encoding}", got, remedy)) from error
