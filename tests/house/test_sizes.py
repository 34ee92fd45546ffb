"""Sizes that fit on a screen or two: files, functions, folders, classes, signatures.

Where a rule makes the code worse, break it in the table of exceptions, with the reason.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import tokenize
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

FILE_LINES = 400
FUNCTION_LINES = 40
FOLDER_FILES = 25
PUBLIC_METHODS = 20
ANCESTORS = 2
PARAMETERS = 10
LOOP_LINES = 120

# "folder/file.py:function" -> why it is longer. At most a handful.
LONGER: dict[str, str] = {}
# "folder/file.py:Class" -> why it takes more.
WIDER: dict[str, str] = {
    "checks/faults/program.py:Program": "a training program is all that a script has in its hands, each with its name",
}

_TREES = ("src", "tests", "examples", "benchmarks", "docs")
_NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(text: str) -> set[int]:
    """The numbers of the lines that hold more than a comment."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines


def docstring_lines(source: Any) -> set[int]:
    """The numbers of the lines that docstrings take, nested ones too."""
    lines: set[int] = set()
    for node in source.nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            first = node.body[0]
            lines.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines


def functions(nodes: Iterable[ast.AST]) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def own_classes(source: Any) -> list[type]:
    """The classes that a module defines at its top."""
    names = [node.name for node in source.tree.body if isinstance(node, ast.ClassDef)]
    module = importlib.import_module(source.name) if names else None
    return [getattr(module, name) for name in names]


def own_ancestors(cls: type) -> list[type]:
    return [base for base in cls.__mro__[1:] if base.__module__.split(".")[0] == "netwright"]


@pytest.mark.parametrize("tree", _TREES)
def test_files_are_short(root: Path, tree: str) -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (root / tree).rglob("*.py")}
    long = {str(path.relative_to(root)): length for path, length in lengths.items() if length > FILE_LINES}
    assert not long, f"more than {FILE_LINES} lines: {long}"


@pytest.mark.parametrize("tree", _TREES)
def test_folders_are_small(root: Path, tree: str) -> None:
    folders = [path for path in [root / tree, *(root / tree).rglob("*")] if path.is_dir() and path.name[0] not in "._"]
    counts = {str(path.relative_to(root)): len(list(path.glob("*.py"))) for path in folders}
    assert not {name: count for name, count in counts.items() if count > FOLDER_FILES}


def test_functions_are_short(source: Any) -> None:
    code = code_lines(source.text) - docstring_lines(source)
    long = {}
    for function in functions(source.nodes):
        length = len(code & set(range(function.lineno, (function.end_lineno or function.lineno) + 1)))
        if length > FUNCTION_LINES and f"{source.label}:{function.name}" not in LONGER:
            long[f"{source.label}:{function.name} (line {function.lineno})"] = length
    assert not long, f"more than {FUNCTION_LINES} code lines: {long}"


def test_exceptions_are_still_needed(sources: list[Any]) -> None:
    known = {f"{source.label}:{function.name}" for source in sources for function in functions(source.nodes)}
    assert not set(LONGER) - known


def test_classes_have_few_public_methods(source: Any) -> None:
    for node in source.nodes:
        if isinstance(node, ast.ClassDef):
            methods = [item.name for item in functions(node.body) if not item.name.startswith("_")]
            assert len(methods) <= PUBLIC_METHODS, f"{source.label}: {node.name} has {len(methods)} public methods"


def test_inheritance_is_shallow(source: Any) -> None:
    for cls in own_classes(source):
        names = [base.__name__ for base in own_ancestors(cls)]
        assert len(names) <= ANCESTORS, f"{source.label}: {cls.__name__} has the ancestors {names}"


def has_body(function: Any) -> bool:
    """Whether a method does something: more than a docstring, ``...`` or ``pass``, and not abstract."""
    if not inspect.isfunction(function) or getattr(function, "__isabstractmethod__", False):
        return False
    node = ast.parse(inspect.cleandoc("\n" + inspect.getsource(function))).body[0]
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    empty = [item for item in node.body if isinstance(item, ast.Pass) or _is_constant(item)]
    return len(empty) < len(node.body)


def is_written_in(cls: type, name: str) -> bool:
    """Whether a class's source has a method of its own; torch sets a hooked copy of the inherited ``step``."""
    return str(getattr(vars(cls)[name], "__qualname__", cls.__qualname__)).startswith(cls.__qualname__)


def _is_constant(item: ast.stmt) -> bool:
    return isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant)


def test_nobody_overrides_a_method_that_has_a_body(source: Any) -> None:
    for cls in own_classes(source):
        for base in own_ancestors(cls):
            shared = {name for name in vars(cls).keys() & vars(base).keys() if not name.startswith("__")}
            wrong = [name for name in sorted(shared) if has_body(vars(base)[name]) and is_written_in(cls, name)]
            assert not wrong, f"{source.label}: {cls.__name__} overrides {wrong} of {base.__name__}"


def test_signatures_are_short(source: Any) -> None:
    for cls in own_classes(source):
        if any(base.__module__ == "sklearn.base" for base in cls.__mro__):
            continue  # an estimator has one parameter for each thing that a search may vary
        try:
            parameters = inspect.signature(cls).parameters
        except ValueError:
            continue  # a built-in type's own
        if f"{source.label}:{cls.__name__}" in WIDER:
            continue
        assert len(parameters) <= PARAMETERS, f"{source.label}: {cls.__name__} takes {len(parameters)} parameters"


def test_the_loop_is_one_page(package: Path) -> None:
    loop = package / "train" / "loop.py"
    if not any((package / "train").glob("[!_]*.py")):
        pytest.skip("the room train is still empty")
    text = loop.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LOOP_LINES
    for step in ("zero_grad", "loss", "backward", "step"):
        assert step in text
