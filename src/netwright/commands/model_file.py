"""``netwright inspect FILE`` and ``netwright verify FILE``: what a model file says, and whether it is whole.

Nothing is built and nothing is looked up: neither torch nor scikit-learn is loaded. `run` loads `netwright.files`, so
that the options alone load nothing either. Texts of the file are printed escaped.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from netwright.core.errors import shown

INSPECT = "say what a model file holds, with nothing of it built"
INSPECT_EXAMPLES = (
    "inspect model.nw",
    "inspect model.nw --json | jq .params",
    "inspect model.nw --card > README.md",
)
VERIFY = "check every byte of a model file"
VERIFY_EXAMPLES = ("verify model.nw", "verify model.nw --sha256 $(cut -c1-64 model.nw.sha256)")
MARGIN = 12
ROWS = 60  # of layers or arrays that are printed


def add_inspect(parser: argparse.ArgumentParser) -> None:
    """Say which file, and in which form."""
    parser.add_argument("file", metavar="FILE", help="a model file")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print all of it as JSON")
    form.add_argument("--card", action="store_true", help="print a model card: Markdown with a head in YAML")


def add_verify(parser: argparse.ArgumentParser) -> None:
    """Say which file, and what is known of it."""
    parser.add_argument("file", metavar="FILE", help="a model file")
    parser.add_argument("--sha256", metavar="HEX", help="of the whole file, from whoever made it")


def run(options: argparse.Namespace) -> int:
    """Run either command."""
    files = import_module("netwright.files")
    if options.command == "verify":
        print(f"{shown(options.file)[1:-1]}: whole, SHA-256 {files.verify(options.file, options.sha256)}")
    elif options.card:
        sys.stdout.write(files.card(options.file))
    elif options.json:
        print(json.dumps(_strict(files.inspect(options.file)), indent=1, sort_keys=True))
    else:
        print("\n".join(lines(files.inspect(options.file))))
    return 0


def lines(found: dict[str, Any]) -> Iterator[str]:
    """What `netwright.files.inspect` gives, as lines.

    Parameters
    ----------
    found : the description of a file.
    """
    yield _fact("file", f"{_word(found['file'])}, {found['size']:,} bytes, format {found['format']}")
    yield _fact("kind", _word(found["kind"]))
    yield _fact("written by", ", ".join(f"{_word(n)} {_word(v)}" for n, v in found["versions"].items()))
    yield from _described(found)
    total = f"{len(found['arrays'])} with {found['parameters']:,} numbers, {found['bytes']:,} bytes"
    yield _fact("arrays", total)
    rows = [[a["name"], a["dtype"], _shape(a["shape"]), f"{a['bytes']:,}"] for a in found["arrays"]]
    yield from _table(rows)
    for alias, name in list(found["aliases"].items())[:ROWS]:
        yield _fact("", f"{_word(alias)} is {_word(name)}")


def _described(found: dict[str, Any]) -> Iterator[str]:
    """What a file, or a model in it, says: options, layers, training, card, parts."""
    params = {name: item for name, item in found["params"].items() if item is not None}
    for place, (name, item) in enumerate(params.items()):
        yield _fact("" if place else "parameters", f"{_word(name)}={shown(item, 80)}")
    layers = [layer if isinstance(layer, dict) else {} for layer in found["layers"]]
    if layers:
        yield _fact("layers", str(len(layers)))
        yield from _table([[layer.get("name", "?"), _fields(layer)] for layer in layers])
    if found["history"]:
        last = ", ".join(f"{_word(name)} {item:.6g}" for name, item in found["history"]["last"].items())
        yield _fact("history", f"{found['history']['epochs']} epochs, the last: {last}")
    if found["card"]:
        yield _fact("card", shown(found["card"], 90))
    for number, part in enumerate(found["parts"][:ROWS]):
        yield _fact("part", f"{number}: {_word(part['kind'])}")
        yield from (f"  {line}" for line in _described(part))


def _fields(layer: dict[str, Any]) -> str:
    kept = {name: item for name, item in layer.items() if name != "name" and item is not None}
    return ", ".join(f"{_word(name)}={shown(item, 60)}" for name, item in kept.items())


def _table(rows: list[list[Any]]) -> Iterator[str]:
    cells = [[_word(cell) for cell in row] for row in rows[:ROWS]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))] if cells else []
    for row in cells:
        yield _fact("", "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if len(rows) > ROWS:
        yield _fact("", f"and {len(rows) - ROWS} more; --json has all")


def _shape(shape: list[int]) -> str:
    return "x".join(map(str, shape)) or "one"


def _fact(name: str, text: str) -> str:
    return f"{name.ljust(MARGIN)}{text}".rstrip()


def _word(item: Any) -> str:
    """A text of the file on one line, without what a terminal would obey."""
    return shown(item, 200)[1:-1] if isinstance(item, str) else shown(item, 200)


def _strict(item: Any) -> Any:
    """The same for JSON, which has no NaN: texts in their place."""
    if isinstance(item, dict):
        return {key: _strict(part) for key, part in item.items()}
    if isinstance(item, (list, tuple)):
        return [_strict(part) for part in item]
    return str(item) if isinstance(item, float) and not math.isfinite(item) else item
