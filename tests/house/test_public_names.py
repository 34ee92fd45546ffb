"""What a room exports is what its ``__init__`` imports; the front door leads to its table and nowhere else."""

from __future__ import annotations

import ast
import importlib
import re
import types
from pathlib import Path
from typing import Any

import pytest

import netwright as nw


def imported_names(tree: ast.Module) -> list[str]:
    """The names that an ``__init__`` takes from the package's modules."""
    return [
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "netwright"
        for alias in node.names
    ]


def is_filled(package: Path, module: str) -> bool:
    """Whether there is code in the module or room of that dotted name."""
    path = package.joinpath(*module.split(".")[1:])
    return path.with_suffix(".py").is_file() or len(list(path.glob("*.py"))) > 1


def test_all_is_what_is_imported(room: Any) -> None:
    imported = imported_names(room.front.tree)
    assert room.names is not None, f"{room.name}/__init__.py: __all__ must be a plain list of names"
    assert room.names, f"{room.name}: a room with modules exports at least one name"
    assert len(set(room.names)) == len(room.names)
    assert set(room.names) == {name for name in imported if not name.startswith("_")}


def test_a_room_imports_names_and_does_nothing_else(room: Any) -> None:
    extra = [
        ast.unparse(node)
        for node in room.front.tree.body
        if not isinstance(node, ast.ImportFrom)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
        and not (isinstance(node, ast.FunctionDef) and node.name == "__getattr__")  # a room inside, loaded late
    ]
    assert not extra, f"{room.name}/__init__.py does more than re-export: {extra}"
    assert ast.get_docstring(room.front.tree), f"{room.name}/__init__.py: say in a docstring what the room holds"


def test_public_names_exist_and_are_public(public: Any) -> None:
    assert not public.name.startswith("_")
    thing = getattr(importlib.import_module(f"netwright.{public.room}"), public.name)
    assert not isinstance(thing, types.ModuleType), "a room exports things, not its modules"


def test_the_front_door_has_exactly_its_table() -> None:
    assert set(nw.__all__) == {*nw._ROOMS, *nw._NAMES}
    assert set(dir(nw)) == {*nw.__all__, "__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", nw.__version__)


def test_type_checkers_see_the_same_names(package: Path) -> None:
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == {**dict.fromkeys(nw._ROOMS, "netwright"), **nw._NAMES}


@pytest.mark.parametrize("name", nw._ROOMS)
def test_rooms_open(name: str, package: Path) -> None:
    assert (package / name / "__init__.py").is_file()
    assert getattr(nw, name) is importlib.import_module(f"netwright.{name}")


@pytest.mark.parametrize("name", nw._NAMES)
def test_names_open(name: str, package: Path) -> None:
    module = nw._NAMES[name]
    if not is_filled(package, module):
        pytest.skip(f"{module} is still empty")
    assert getattr(nw, name) is getattr(importlib.import_module(module), name)


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(AttributeError, match=r"got 'Clasifier'\. Did you mean 'Classifier'\?"):
        nw.Clasifier  # noqa: B018
    assert not hasattr(nw, "numpy")
