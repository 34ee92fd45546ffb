"""Discovery for the tests of the house: a test that names `source`, `public` or `text_file` is asked of each of them.

There are ten thousand such questions, so those about one room are one test, which tells all that is wrong. Everything
is found by reading files, so that one module that cannot be imported fails its own tests only.
"""

from __future__ import annotations

import ast
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src"
PACKAGE = SOURCES / "netwright"
NO_FRONT = {"core", "commands"}  # used file by file


@dataclass(frozen=True)
class Source:
    """One module of the package, read and parsed once."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes of the tree, in the order of `ast.walk`."""
        return list(ast.walk(self.tree))

    @cached_property
    def name(self) -> str:
        """The dotted name, of a package's ``__init__`` the package's own."""
        parts = self.path.relative_to(SOURCES).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def room(self) -> str:
        """The folder under src/netwright, or the name of a file that stands there by itself."""
        return self.path.relative_to(PACKAGE).with_suffix("").parts[0]

    @property
    def label(self) -> str:
        return str(self.path.relative_to(PACKAGE))


@dataclass(frozen=True)
class Room:
    """A room with a public front: its ``__init__`` and the names in its ``__all__``."""

    name: str
    front: Source

    @cached_property
    def names(self) -> list[str] | None:
        """``__all__`` where it is a plain list or tuple of texts, else None."""
        for node in self.front.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                try:
                    return list(ast.literal_eval(node.value))
                except ValueError:
                    return None
        return None


@dataclass(frozen=True)
class Public:
    """One name in the ``__all__`` of a room."""

    room: str
    name: str


@lru_cache(maxsize=1)  # all tests ask the same ones: their trees take 185 MB
def all_sources() -> list[Source]:
    return [Source(path) for path in sorted(PACKAGE.rglob("*.py"))]


def all_rooms() -> list[Room]:
    """Every room that holds at least one module beside its ``__init__``; NO_FRONT apart."""
    several = Counter(source.room for source in all_sources())
    fronts = [source for source in all_sources() if source.path == PACKAGE / source.room / "__init__.py"]
    return [Room(front.room, front) for front in fronts if several[front.room] > 1 and front.room not in NO_FRONT]


def _public_names() -> Iterator[Public]:
    for room in all_rooms():
        yield from (Public(room.name, name) for name in room.names or [])


def _text_files() -> list[Path]:
    """Files that are tracked, or would be after ``git add``; in an unpacked archive, those with text suffixes."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    suffixes = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".cfg", ".rst", ".html", ".svg", ".css", ".json"}
    if listed.returncode != 0:
        found = sorted(path for path in ROOT.rglob("*") if path.suffix in suffixes)
        return [path for path in found if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)]
    paths = [ROOT / name for name in sorted(set(listed.stdout.split("\0"))) if name]
    return [path for path in paths if path.is_file() and (path.suffix in suffixes or not path.suffix)]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def package() -> Path:
    return PACKAGE


@pytest.fixture(scope="session")
def sources() -> list[Source]:
    return all_sources()


@dataclass(frozen=True)
class Many:
    """What one test is asked of, each by its label."""

    items: tuple[tuple[str, Any], ...]


def _by_room(items: list[Any], room: Callable[[Any], str], label: Callable[[Any], str]) -> dict[str, Many]:
    found: dict[str, list[tuple[str, Any]]] = {}
    for item in items:
        found.setdefault(room(item), []).append((label(item), item))
    return {name: Many(tuple(some)) for name, some in found.items()}


def _top(path: Path) -> str:
    return "/".join(path.relative_to(ROOT).parent.parts[:2]) or "."


EACH: dict[str, Callable[[], dict[str, Many]]] = {
    "source": lambda: _by_room(all_sources(), lambda source: source.room, lambda source: source.label),
    "public": lambda: _by_room(list(_public_names()), lambda p: p.room, lambda p: f"{p.room}.{p.name}"),
    "text_file": lambda: _by_room(_text_files(), _top, lambda path: str(path.relative_to(ROOT))),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    wanted = set(metafunc.fixturenames)
    if "room" in wanted:
        metafunc.parametrize("room", all_rooms(), ids=lambda room: room.name)
    for name in wanted & set(EACH):
        many = EACH[name]()
        metafunc.parametrize(name, list(many.values()), ids=list(many))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Ask a test of each of many, and tell all that is wrong."""
    names = [name for name, item in pyfuncitem.funcargs.items() if isinstance(item, Many)]
    if not names:
        return None
    (name,) = names
    wanted = {arg: pyfuncitem.funcargs[arg] for arg in pyfuncitem._fixtureinfo.argnames}
    wrong = []
    for label, item in wanted[name].items:
        try:
            pyfuncitem.obj(**{**wanted, name: item})
        except pytest.skip.Exception:
            continue
        except Exception as error:
            wrong.append(f"{label}: {type(error).__name__}: {error}")
    if wrong:
        pytest.fail(f"{len(wrong)} of {len(wanted[name].items)}\n" + "\n".join(wrong), pytrace=False)
    return True
