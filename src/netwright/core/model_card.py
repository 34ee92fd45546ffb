"""The card of a model as Markdown: what its file says and what it does not, in the form that model hubs read.

The head is YAML between two lines of ``---``, the body a page of tables. All texts of the file are escaped: in the head
they are quoted ASCII, in the body they stand in code, where nothing is HTML, Markdown or a line of its own.
"""

from __future__ import annotations

import html
import math
from typing import Any
from unicodedata import category

from netwright.core.errors import shown

LONGEST = 200  # characters of a value
ROWS = 200  # of a table


class Words(str):
    """A text of this file, which needs no escaping."""


_UNKNOWN = ("who made it", "the licence", "the data it learned from", "what it is meant for, and what it is not")


def model_card(description: dict[str, Any], file: str, sha256: str | None = None) -> str:
    """The text of a README.md.

    Parameters
    ----------
    description : what `netwright.core.describing.describe` gives.
    file : the name of the model file. sha256 : of the whole file, in hexadecimal, where it is known.

    Examples
    --------
    >>> empty = {"versions": {}, "params": {}, "layers": [], "arrays": [], "parts": [], "history": None, "card": None}
    >>> print(model_card({"kind": "SOFM", "parameters": 0, "bytes": 0, **empty}, "map.nw")[:72])
    ---
    library_name: "netwright"
    tags:
    - "netwright"
    - "SOFM"
    ---
    <BLANKLINE>
    # `SOFM`
    """
    history = description["history"]
    last = history["last"] if history else {}
    tags = ["netwright", description["kind"], *_architecture(description)]
    head = ["---", 'library_name: "netwright"', "tags:", *(f"- {_quoted(tag)}" for tag in tags)]
    names = [name for name in last if name.endswith(("loss", "score"))]
    if names:
        head += ["metrics:", *(f"- {_quoted(name)}" for name in names)]
    parts = [
        f"# {_escaped(description['kind'])}",
        f"A model of netwright in the file {_escaped(file)}, which `netwright.load` reads.",
        _numbers(description, sha256),
        _section("Last epoch of the training", [[name, item] for name, item in last.items()]),
        _section("Parameters", [[n, item] for n, item in description["params"].items() if item is not None]),
        _section("Layers", [_row(layer) for layer in description["layers"]]),
        _section("Models in it", [[n, part["kind"]] for n, part in enumerate(description["parts"])]),
        _section("Written with", list(map(list, description["versions"].items()))),
        "## What the file does not say\n\n" + "\n".join(f"- {words}" for words in _UNKNOWN),
        _closing(last),
    ]
    return "\n".join([*head, "---", ""]) + "\n" + "\n\n".join(part for part in parts if part) + "\n"


def _architecture(description: dict[str, Any]) -> list[Any]:
    card = description["card"]
    return [card["name"]] if isinstance(card, dict) and isinstance(card.get("name"), str) else []


def _numbers(description: dict[str, Any], sha256: str | None) -> str:
    rows: list[list[Any]] = [
        [Words("Numbers in it"), f"{description['parameters']:,}"],
        [Words("Arrays"), len(description["arrays"])],
        [Words("Bytes of arrays"), f"{description['bytes']:,}"],
    ]
    if description["history"]:
        rows.append([Words("Epochs"), description["history"]["epochs"]])
    if sha256 is not None:
        rows.append([Words("SHA-256 of the file"), sha256])
    return _table(rows)


def _section(title: str, rows: list[list[Any]]) -> str:
    return f"## {title}\n\n{_table(rows)}" if rows else ""


def _table(rows: list[list[Any]]) -> str:
    lines = [f"| {_words(name)} | {_escaped(item)} |" for name, item in rows[:ROWS]]
    more = [f"| ... | {len(rows) - ROWS} more |"] if len(rows) > ROWS else []
    return "\n".join(["| | |", "|---|---|", *lines, *more])


def _words(name: Any) -> str:
    """A name of ours as it is, one of the file in code."""
    return name if isinstance(name, Words) else _escaped(name)


def _row(layer: Any) -> list[Any]:
    fields = dict(layer) if isinstance(layer, dict) else {}
    name = fields.pop("name", "?")
    return [name, ", ".join(f"{key}={_text(item)}" for key, item in fields.items() if item is not None)]


def _closing(last: dict[str, Any]) -> str:
    scored = any(name.startswith("validation") for name in last)
    said = "" if scored else " None of the figures above is of data that the model had not seen."
    return f"The figures are what its own training told; no test score is in a model file.{said}"


def _text(item: Any) -> str:
    if isinstance(item, float) and math.isfinite(item):
        return f"{item:.6g}"
    return item if isinstance(item, str) else shown(item, LONGEST)


def _escaped(item: Any) -> str:
    """A text in code, on one line: there it is neither HTML nor Markdown, no link and no cell of a table."""
    text = _text(item)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}..."
    letters = (_code(c) if not c.isprintable() or category(c) in ("So", "Co") else c for c in text)
    made = html.escape("".join(letters), quote=False).replace("`", "'").replace("|", "\\|").strip()
    return f"`{made}`" if made else ""


def _quoted(item: Any) -> str:
    """A text as a YAML scalar in double quotes and ASCII."""
    text = _text(item)[:LONGEST]
    letters = (f"\\{c}" if c in '"\\' else c if " " <= c <= "~" else f"\\U{ord(c):08X}" for c in text)
    return f'"{"".join(letters)}"'


def _code(letter: str) -> str:
    return f"U+{ord(letter):04X}"
