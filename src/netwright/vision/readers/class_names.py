"""Names of classes beside YOLO labels: a line each in ``classes.txt``, or the entry ``names`` of ``data.yaml``.

Of YAML only what such files hold is read::

    names: [cat, 'big dog']      names:            names:          nc: 2
                                   - cat             0: cat        names: {0: cat, 1: "big dog"}
                                   - big dog         1: big dog
"""

from __future__ import annotations

import re
from pathlib import Path

from netwright.core.errors import InvalidData, problem, shown
from netwright.vision.readers.files import files_in

LISTS = ("classes.txt", "obj.names", "labels.txt", "names.txt")
_QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\""
_BARE = re.compile(
    rf"(?:(?<![^\s,:\[{{-])(?:{_QUOTED})|(?<!\s)#|[^#])*"
)  # quotes count at the beginning of a word only
_ITEM = re.compile(rf"\s*(?:(\d+)\s*:\s*)?({_QUOTED}|[^,'\"\[\]{{}}\s][^,\[\]{{}}]*?)\s*(?=[,\]}}])")
_ROW = re.compile(rf"^\s*(?:-\s+|(?:(\d+)|'(\d+)'|\"(\d+)\")\s*:\s+)({_QUOTED}|.*?)\s*$")


def class_names(folders: list[Path], only: tuple[str, ...] = ()) -> dict[int, str]:
    """The names of classes by number, from the first of some folders that has them; empty where none has.

    Parameters
    ----------
    folders : in which ``data.yaml`` (or another ``.yaml`` with names), ``classes.txt`` or the like is looked for.
    only : names of files that are asked, where others are not.

    Raises
    ------
    InvalidData : a file whose names cannot be read, with its name.
    """
    for folder in folders:
        for file in sorted(files_in(folder, (".yaml", ".yml")), key=lambda file: file.stem != "data"):
            names = names_of_yaml(_text(file), str(file)) if not only or file.name in only else {}
            if names:
                return names
        for name in LISTS:
            if (folder / name).is_file() and (not only or name in only):
                lines = _text(folder / name).rstrip().splitlines()
                return {number: line.strip() for number, line in enumerate(lines)}
    return {}


def names_of_yaml(text: str, where: str) -> dict[int, str]:
    """The names of classes in the text of a YAML file; empty where it has no entry ``names``.

    Parameters
    ----------
    text : of the file.
    where : its name.

    Raises
    ------
    InvalidData : the entry has another form than those in the head of this file.

    Examples
    --------
    >>> names_of_yaml("nc: 2\\nnames: [cat, 'big, dog']  # two", "data.yaml")
    {0: 'cat', 1: 'big, dog'}
    >>> names_of_yaml("names:\\n  0: cat\\n  4: dog\\ntrain: images", "data.yaml")
    {0: 'cat', 4: 'dog'}
    """
    entry = re.search(r"^names\s*:(.*)$", text, flags=re.MULTILINE)
    if entry is None:
        return {}
    first, below = _bare(entry[1]), text[entry.end() :].splitlines()
    if first[:1] in ("[", "{"):
        names = _flow(" ".join([first, *map(_bare, below)]))
    else:
        names = {} if first else _block(below)
    if not names:
        got = shown(" ".join([first, *(_bare(line) for line in below[:3])]).strip())
        expected = "a list of names, [a, b] or one a line after -, or numbers with names, 0: a"
        raise InvalidData(problem(f"{where}, names", expected, got, "Write them so, or one a line in classes.txt."))
    return names


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8-sig", errors="replace")


def _bare(line: str) -> str:
    """A line without the comment at its end; a # in quotes or inside of a word is none."""
    kept = _BARE.match(f" {line}")
    return (kept[0] if kept else line).strip()


def _flow(text: str) -> dict[int, str]:
    """The items between brackets or braces; none where something is wrong."""
    close = "]" if text[0] == "[" else "}"
    found: dict[int, str] = {}
    place = 1
    while text[place:].lstrip()[:1] != close:
        item = _ITEM.match(text, place)
        if item is None or (item[1] is None) == (close == "}"):
            return {}
        found[len(found) if item[1] is None else int(item[1])] = _plain(item[2])
        place = item.end() + (text[item.end()] == ",")
    return found


def _block(lines: list[str]) -> dict[int, str]:
    """The rows below the key, to the first line that is none of them."""
    found: dict[int, str] = {}
    for line in map(_bare, lines):
        row = _ROW.match(line)
        if row is None:
            if line:
                break
            continue
        number = row[1] or row[2] or row[3]
        found[len(found) if number is None else int(number)] = _plain(row[4])
    return found


def _plain(text: str) -> str:
    """A name without its quotation marks."""
    if text[:1] == "'":
        return text[1:-1].replace("''", "'")
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] == '"' else text.strip()
