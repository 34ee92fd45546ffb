"""The pages of the API reference, made from the `__all__` of each room of the package.

Nothing is listed by hand: a name that enters an ``__all__`` has a page when the site is built again. The groups on a
room's page are those of its ``__init__.py``, where a comment stands above each group of imports. Short names such as
`ReLU` or ``nw.ReLU``, in docstrings and pages, are links where they are unambiguous.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import netwright
from docstrings import escaped

PACKAGE = Path(netwright.__file__).parent
FIRST = (
    "estimators",
    "layers",
    "graph",
    "losses",
    "optim",
    "optim.curvature",
    "train",
    "data",
    "data.augment",
    "classical",
    "models",
    "plots",
    "report",
)
CORE = {  # what an author of a layer, a loss or an update rule uses
    "Errors": (
        "errors",
        "InvalidParameter InvalidData JoinError CorruptFile DivergenceWarning problem did_you_mean",
    ),
    "Values": ("value", "value is_value to_json from_json"),
    "Names": ("registry", "register look_up names families"),
    "Validation": (
        "validation",
        "Constraint integer number one_of instance satisfies tuple_of check check_all",
    ),
    "Seeds": ("seeds", "derive to_seed"),
}

ALONE = {  # public modules that are no rooms
    "netwright.files": "load",
    "netwright.optim.line_search": "Line Found backtracking strong_wolfe exact_quadratic golden_section",
}
AUTHORS = "What an author of a layer, a loss or an update rule uses."


def _listed() -> Iterator[tuple[str, list[str]]]:
    """The modules that are described name by name."""
    for module, names in CORE.values():
        yield f"netwright.core.{module}", names.split()
    for module, names in ALONE.items():
        yield module, names.split()


@dataclass(frozen=True)
class Room:
    """A folder of the package whose ``__init__`` says what is public in it."""

    name: str
    groups: dict[str, list[str]]

    @property
    def module(self) -> str:
        return f"netwright.{self.name}"

    @property
    def names(self) -> list[str]:
        return [name for group in self.groups.values() for name in group]

    @property
    def line(self) -> str:
        """The first line of its docstring."""
        return (importlib.import_module(self.module).__doc__ or "").strip().splitlines()[0]


def rooms() -> list[Room]:
    """All rooms that have an ``__all__``, those for users first."""
    found = {}
    for front in sorted(PACKAGE.rglob("*/__init__.py")):
        groups = groups_of(front.read_text(encoding="utf-8"))
        name = ".".join(front.parent.relative_to(PACKAGE).parts)
        if groups and name:
            found[name] = Room(name, groups)
    order = [*FIRST, *(name for name in found if name not in FIRST)]
    return [found[name] for name in order if name in found]


def groups_of(text: str) -> dict[str, list[str]]:
    """The public names of a room by the comment above their imports."""
    lines = text.splitlines()
    public: list[str] = []
    imports: list[tuple[int, list[str]]] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            public = list(ast.literal_eval(node.value))
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            imports.append((node.lineno, [alias.asname or alias.name for alias in node.names]))
    groups: dict[str, list[str]] = {}
    title = ""
    for line, names in imports:
        above = lines[line - 2].strip() if line >= 2 else ""
        title = above.lstrip("# ") if above.startswith("#") else title
        groups.setdefault(title, []).extend(name for name in names if name in public)
    rest = [name for name in public if not any(name in names for names in groups.values())]
    return {title: names for title, names in {**groups, "more": rest}.items() if names}


def _title(text: str, line: str = "=") -> list[str]:
    return [text, line * len(text), ""]


def _table(names: list[str], module: str, pages: dict[str, str]) -> list[str]:
    """Names with the first lines of their docstrings, and their pages for the navigation."""
    out = [".. list-table::", "   :widths: 22 78", "   :class: names", ""]
    for name in names:
        out += [
            f"   * - :py:obj:`{name} <{_home(module, name, pages)}>`",
            f"     - {first_line(module, name)}",
        ]
    own = [f"generated/{module}.{name}" for name in names if f"{module}.{name}" in pages]
    return [*out, "", ".. toctree::", "   :hidden:", "", *(f"   {page}" for page in own), ""]


def _home(module: str, name: str, pages: dict[str, str]) -> str:
    """Where a name is described: a thing that two rooms have is described in the first."""
    thing = getattr(importlib.import_module(module), name)
    for full in pages:
        if full.rpartition(".")[2] == name and _thing(full) is thing:
            return full
    return f"{module}.{name}"


def _thing(full: str) -> Any:
    module, _, name = full.rpartition(".")
    return getattr(importlib.import_module(module), name)


def first_line(module: str, name: str) -> str:
    """The first line of a docstring; of plain data, what they are."""
    thing = getattr(importlib.import_module(module), name)
    if not callable(thing) or not str(getattr(thing, "__module__", "")).startswith("netwright"):
        return f"``{escape(repr(thing), 70)}``"
    return " ".join(escaped([(inspect.getdoc(thing) or "").partition("\n\n")[0]])).replace(
        "\n", " "
    )


def escape(text: str, limit: int) -> str:
    """A repr that is not too long."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def page_of(module: str, name: str) -> str:
    """The page of one name: a class with the methods that are its own, a function, or data."""
    thing = getattr(importlib.import_module(module), name)
    out = [*_title(name), f".. currentmodule:: {module}", ""]
    if inspect.isclass(thing):
        members = methods(thing)
        out += [
            f".. autoclass:: {name}",
            *([f"   :members: {', '.join(members)}"] if members else []),
        ]
        return "\n".join([*out, "   :show-inheritance:" if _public_base(thing) else "", ""])
    if inspect.isroutine(thing):
        return "\n".join([*out, f".. autofunction:: {name}", ""])
    return "\n".join([*out, f".. py:data:: {name}", f"   :value: {thing!r}", ""])


def methods(cls: type) -> list[str]:
    """The public methods that a class documents itself, or inherits from a base that has no page of its own."""
    found: dict[str, None] = {}
    for kind in cls.__mro__:
        if not kind.__module__.startswith("netwright") or (
            kind is not cls and kind.__name__ in _public_names()
        ):
            continue
        for name, item in vars(kind).items():
            item = getattr(item, "fn", None) or getattr(
                item, "__func__", item
            )  # behind available_if, classmethod
            said = (callable(item) or isinstance(item, property)) and item.__doc__
            if said and not name.startswith("_") and name not in ("make", "merges"):
                found.setdefault(name)
    return list(found)


def _public_base(cls: type) -> bool:
    return any(base.__name__ in _public_names() for base in cls.__bases__)


@functools.lru_cache(maxsize=1)
def _public_names() -> frozenset[str]:
    return frozenset(name for room in rooms() for name in room.names)


def room_page(room: Room, pages: dict[str, str]) -> str:
    """The page of a room."""
    out = [*_title(room.module), f".. automodule:: {room.module}", ""]
    for title, names in room.groups.items():
        out += [
            *(_title(title[:1].upper() + title[1:], "-") if title else []),
            *_table(names, room.module, pages),
        ]
    return "\n".join(out)


def core_page(pages: dict[str, str]) -> str:
    """The page of what authors of extensions use."""
    out = [
        *_title("netwright.core"),
        AUTHORS,
        "",
    ]
    for title, (module, names) in CORE.items():
        name = f"netwright.core.{module}"
        out += [
            *_title(title, "-"),
            f".. automodule:: {name}",
            "",
            *_table(names.split(), name, pages),
        ]
    return "\n".join(out)


def index_page(found: list[Room], pages: dict[str, str]) -> str:
    """The first page: the front door and the rooms."""
    out = [
        *_title("API reference"),
        "By convention ``import netwright as nw``. A room is loaded when it is first used. The front door has",
        "all rooms, and",
        ", ".join(f":py:obj:`nw.{name}`" for name in sorted(netwright._NAMES)) + ".",
        "",
        ".. list-table::",
        "   :widths: 25 75",
        "   :class: rooms",
        "",
    ]
    for room in found:
        out += [f"   * - :doc:`{room.module} <{room.name}>`", f"     - {room.line}"]
    out += ["   * - :doc:`netwright.core <core>`", f"     - {AUTHORS}"]
    names = [room.name for room in found] + ["core"]
    out += [
        "",
        ".. toctree::",
        "   :hidden:",
        "   :maxdepth: 2",
        "",
        *(f"   {name}" for name in names),
    ]
    for module, own in ALONE.items():
        out += ["", *_title(module, "-"), *_table(own.split(), module, pages)]
    return "\n".join(out)


def homes(found: list[Room]) -> dict[str, str]:
    """The full name of each short name; of one that several rooms have, the first."""
    known: dict[str, str] = {}
    for room in found:
        for name in room.names:
            known.setdefault(name, f"{room.module}.{name}")
    for module, names in _listed():
        for name in names:
            known.setdefault(name, f"{module}.{name}")
    return known


def name_pages(found: list[Room]) -> dict[str, str]:
    """The pages of all names, by full name."""
    made: dict[str, str] = {}
    listed = [(room.module, name) for room in found for name in room.names]
    listed += [(module, name) for module, names in _listed() for name in names]
    for module, name in listed:
        if _home(module, name, made) == f"{module}.{name}":
            made[f"{module}.{name}"] = page_of(module, name)
    return made


def write_pages(folder: Path) -> None:
    """Write all pages; one that has not changed is left alone, so that Sphinx does not read it again."""
    found = rooms()
    own = name_pages(found)
    pages = {"index": index_page(found, own), "core": core_page(own)}
    pages |= {room.name: room_page(room, own) for room in found}
    pages |= {f"generated/{name}": text for name, text in own.items()}
    (folder / "generated").mkdir(parents=True, exist_ok=True)
    for stale in {*folder.rglob("*.rst")} - {folder / f"{name}.rst" for name in pages}:
        stale.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _resolve(app: Any, env: Any, node: Any, content: Any) -> Any:
    """The link of a short name, such as `ReLU`, ``nw.ReLU`` or ``netwright.graph.Expression.build``."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py":
        return None
    short = re.sub(r"^(nw|netwright)\.", "", target)
    first, _, rest = short.partition(".")
    full = app.netwright_homes.get(first)
    tries = [full + (f".{rest}" if rest else "")] if full else []
    if rest and rest in app.netwright_homes:  # optim.Adam
        tries.append(f"netwright.{short}")
    domain = env.get_domain("py")
    for name in tries:
        made = domain.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, content)
        if made is not None:
            return made
    return None


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx, and write the pages before it looks for pages."""
    app.netwright_homes = homes(rooms())
    write_pages(Path(app.srcdir) / "api")
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True}
