"""From the house's form of docstrings to reStructuredText.

The form is numpydoc's with two differences: behind the colon stands what a parameter means, not its type, which is
taken from the annotation; and there is a section for shapes (of estimators it is called Notes: scikit-learn reads their
docstrings for its pictures, and knows the sections of numpydoc alone). Equations stand in plain text, so that asterisks
and trailing underscores are characters there, but for titles of works, ``*Deep learning*``.
"""

from __future__ import annotations

import inspect
import re
import sys
import types
from typing import Any

HEADED = ("Parameters", "Attributes", "Raises")  # sections whose entries are "name : text"
TEXTS = ("Returns", "Shapes", "Notes", "References", "Examples")
_ENTRY = re.compile(r"^(\*{0,2}[A-Za-z_][\w.]*(?:, \*{0,2}[A-Za-z_]\w*)*) : (.*)$")
_SECOND = re.compile(r"(?<=[.)]) (?=[A-Za-z_]\w*(?:, [A-Za-z_]\w*)* : )")
_CODE = re.compile(r"(``.+?``|`[^`]+`)")
_TITLE = re.compile(r"\*([A-Z][^*]*)\*")
_RULE = re.compile(r"^\s*=+( +=+)+\s*$")


def convert(lines: list[str], thing: Any = None) -> list[str]:
    """A docstring's lines as reStructuredText."""
    out: list[str] = []
    for name, body in _sections(lines):
        if name in HEADED:
            out += _entries(name, body, _annotations(thing) if name == "Parameters" else {})
        elif name == "Examples":
            out += [".. rubric:: Examples", "", *escaped(body), ""]
        elif name == "References":
            out += [
                f":{name}:",
                "",
                *(f"    | {line}" for line in escaped(_paragraphs(body))),
                "",
            ]
        elif name:
            out += [f":{name}:", "", *(f"    {line}" for line in escaped(body)), ""]
        else:
            out += escaped(body)
    return out


def _sections(lines: list[str]) -> list[tuple[str, list[str]]]:
    """(name, body) of each section; the text before the first has the name ""."""
    found: list[tuple[str, list[str]]] = [("", [])]
    skip = False
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if skip:
            skip = False
            continue
        if line.strip() in (*HEADED, *TEXTS) and re.fullmatch(r"-{3,}", after.strip()):
            found.append((line.strip(), []))
            skip = True
            continue
        found[-1][1].append(line)
    return found


def _entries(section: str, body: list[str], annotations: dict[str, str]) -> list[str]:
    """A list of definitions."""
    entries: list[tuple[str, list[str]]] = []
    for line in (part for text in _paragraphs(body) for part in _SECOND.split(text)):
        match = _ENTRY.match(line)
        if match:
            entries.append((match.group(1), [match.group(2)]))
        elif entries:
            entries[-1][1].append(line.strip())
        else:
            entries.append(("", [line.strip()]))
    out = [f":{section}:", ""]
    for names, text in entries:
        words = [
            f":obj:`{n}`" if section == "Raises" else f"**{_plain(n)}**"
            for n in names.split(", ")
            if n
        ]
        kind = annotations.get(names.split(", ")[0].lstrip("*"), "")
        head = ", ".join(words) + (f" : ``{kind}``" if kind else "")
        out += [f"    {head}", *(f"        {line}" for line in escaped([" ".join(text)])), ""]
    return out


def _plain(name: str) -> str:
    return re.sub(r"([*_])", r"\\\1", name)


def _paragraphs(body: list[str]) -> list[str]:
    """The logical lines of a section: a line that is indented, or begins no entry, continues the one before."""
    found: list[str] = []
    for line in filter(str.strip, body):
        if found and (
            line.startswith(" ") or not (_ENTRY.match(line) or _looks_new(line, found[-1]))
        ):
            found[-1] = f"{found[-1]} {line.strip()}"
        else:
            found.append(line.strip())
    return found


def _looks_new(line: str, before: str) -> bool:
    """In a list of references: the line before ended one."""
    return before.endswith(".") and line[:1].isupper()


def escaped(lines: list[str]) -> list[str]:
    """Text whose characters mean themselves; literal blocks, examples and tables stay as they are."""
    out, literal, table, base = [], False, False, 0
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if literal and line.strip() and indent <= base:
            literal = False
        if _RULE.match(line):
            table = True
        elif not line.strip():
            table = False
        if literal or table or line.lstrip().startswith(">>>") or _RULE.match(line):
            out.append(line)
            continue
        out.append(_escaped(line) if not _in_example(out) else line)
        if line.rstrip().endswith("::"):
            literal, base = True, indent
    return out


def _in_example(before: list[str]) -> bool:
    """Whether the lines since the last blank one begin with a prompt."""
    block: list[str] = []
    for line in reversed(before):
        if not line.strip():
            break
        block.append(line)
    return bool(block) and any(line.lstrip().startswith(">>>") for line in block)


def _escaped(line: str) -> str:
    parts = _CODE.split(line)
    return "".join(part if i % 2 else _prose(part) for i, part in enumerate(parts))


def _prose(text: str) -> str:
    titles: list[str] = []

    def keep(match: re.Match[str]) -> str:
        titles.append(match.group(0))
        return f"\0{len(titles) - 1}\0"

    bullet = re.match(r"\s*[*-] ", text)
    if bullet:  # an item of a list
        return bullet.group(0) + _prose(text[bullet.end() :])
    text = _TITLE.sub(keep, text).replace("\\", "\\\\").replace("*", r"\*").replace("|", r"\|")
    text = re.sub(r"(?<=\w)_(?!\w)", r"\\_", text)
    return re.sub("\0(\\d+)\0", lambda match: titles[int(match.group(1))], text)


def _annotations(thing: Any) -> dict[str, str]:
    """The annotations of the parameters of a function or constructor, as they are written; aliases are opened."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return {}
    module = sys.modules.get(getattr(thing, "__module__", None) or "")
    names = vars(module) if module else {}
    found = {}
    for name, parameter in signature.parameters.items():
        text = parameter.annotation
        if isinstance(text, str) and text != "Any":
            found[name] = re.sub(
                r"[A-Za-z_]\w*", lambda match: _opened(match.group(0), names), text
            )
    return found


def _opened(name: str, names: Any) -> str:
    """What an alias such as ``PerAxis`` stands for; any other name as it is."""
    item = names.get(name)
    if isinstance(item, (types.UnionType, types.GenericAlias)):
        return re.sub(r"\b(?:\w+\.)+(?=\w)", "", str(item))
    return name


def _on_docstring(
    app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    if str(getattr(thing, "__module__", name)).startswith("netwright") or name.startswith(
        "netwright"
    ):
        lines[:] = convert(lines, thing)


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("autodoc-process-docstring", _on_docstring)
    return {"parallel_read_safe": True}
