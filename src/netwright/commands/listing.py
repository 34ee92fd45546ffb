"""``netwright list FAMILY``: what there is, with the first line of its documentation."""

from __future__ import annotations

import inspect
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

from netwright import classical, data, layers, losses, optim, plots
from netwright.checks import CODES
from netwright.commands.networks import named_models
from netwright.commands.printing import bold
from netwright.core.registry import look_up, names
from netwright.data import augment

KNOWN = (augment, classical, layers, losses, optim)  # loaded so that the registry has them


def run(options: Namespace) -> int:
    """Run the command."""
    families = [options.family] if options.family else list(FAMILIES)
    for place, family in enumerate(families):
        entries = FAMILIES[family]() if family != "commands" else dict(options.commands)
        if options.family is None:
            print(f"{chr(10) if place else ''}{bold(family)}")
        print(table(entries, "" if options.family else "  "))
    return 0


def table(entries: Mapping[str, str], indent: str = "") -> str:
    """Names and sentences in two columns.

    Examples
    --------
    >>> print(table({"a": "First.", "long": "Second."}))
    a     First.
    long  Second.
    """
    width = max(map(len, entries), default=0)
    return "\n".join(f"{indent}{name.ljust(width)}  {line}".rstrip() for name, line in entries.items())


def first_line(thing: Any) -> str:
    """The first line of a docstring, in the words of the reader: without backticks, which are for the documentation."""
    return (inspect.getdoc(thing) or "").partition("\n")[0].replace("``", "'").replace("`", "")


def _registered(*families: str) -> Callable[[], dict[str, str]]:
    """The classes of some families of the registry, by name."""
    return lambda: {name: first_line(look_up(family, name)) for family in families for name in names(family)}


def _public(room: Any, *prefixes: str) -> Callable[[], dict[str, str]]:
    """The public functions and classes of a room whose names begin so."""
    chosen = sorted(name for name in room.__all__ if name.startswith(prefixes or ("",)))
    return lambda: {name: first_line(getattr(room, name)) for name in chosen}


def _layers() -> dict[str, str]:
    return {"Input": first_line(layers.Input), **_registered("layer")()}


FAMILIES: dict[str, Callable[[], dict[str, str]]] = {
    "layers": _layers,
    "optimizers": _registered("optimizer"),
    "losses": _registered("loss"),
    "regularizers": _registered("regularizer"),
    "schedules": _registered("schedule"),
    "init": _registered("init"),
    "classical": _registered("classical"),
    "models": lambda: {name: first_line(model) for name, model in sorted(named_models().items())},
    "plots": _public(plots),
    "augmentations": _registered("augmentation"),
    "data": _public(data, "load_", "make_", "read_", "Table"),
    "checks": lambda: {name: code.title for name, code in CODES.items()},
    "commands": dict,
}
