"""Imports go only down the floors; rooms on one floor do not import each other; nothing goes round in a circle."""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

FLOORS: dict[str, float] = {
    "core": 0,
    "graph": 1,
    "losses": 1,
    "optim": 1,
    "data": 1,
    "classical": 1,
    "layers": 2,
    "train": 3,
    "checks": 3,
    "models": 3,
    "estimators": 4,
    "plots": 5,
    "vision": 5,
    "sequence": 5,
    # One floor in the plan, with an order of its own: each may use those before it.
    "files": 6.0,
    "report": 6.1,
    "serving": 6.1,
    "commands": 6.2,
    "cli": 6.3,
    "__main__": 6.4,
}
DRAWS = {"report", "commands", "cli"}  # nobody else imports plots
# the last two come with scikit-learn
RUNTIME = {"torch", "numpy", "scipy", "sklearn", "numba", "safetensors", "joblib", "threadpoolctl"}
OPTIONAL = {
    "networkx",
    "matplotlib",
    "pandas",
    "polars",
    "pyarrow",
    "PIL",
    "tensorboard",
    "h5py",
    "narwhals",
    "pooch",
    "optuna",
    "onnx",
    "onnxscript",
}
FRONT_DOOR = "__init__"


def is_optional(module: str) -> bool:
    """Whether a module belongs to an extra; torch's own door to TensorBoard does too."""
    return module.split(".")[0] in OPTIONAL or module == "torch.utils.tensorboard"


@cache
def imports(source: Any) -> list[tuple[ast.stmt, str, str]]:
    """Every import of a module: the statement, the module, and the name taken from it ("" for the module)."""
    found = []
    for node in source.nodes:
        if isinstance(node, ast.Import):
            found += [(node, alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            found += [(node, node.module or "", alias.name) for alias in node.names]
    return found


def own_imports(source: Any, modules: set[str]) -> Iterator[tuple[int, str]]:
    """The line and the dotted name of everything of the package that a source imports."""
    for node, module, name in imports(source):
        if module.split(".")[0] == "netwright":
            deeper = f"{module}.{name}"
            yield node.lineno, deeper if deeper in modules or (module == "netwright" and name) else module


def below(source: Any, *blocks: Callable[[ast.AST], bool]) -> set[ast.AST]:
    """The imports of a module that stand inside blocks of some kinds."""
    if not any(node.col_offset for node, _, _ in imports(source)):
        return set()
    kept = [node for node in source.nodes if any(is_block(node) for is_block in blocks)]
    return {inner for node in kept for inner in ast.walk(node) if isinstance(inner, (ast.Import, ast.ImportFrom))}


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def is_function(node: ast.AST) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


@pytest.fixture(scope="module")
def modules(sources: list[Any]) -> set[str]:
    return {source.name for source in sources}


def test_every_room_has_a_floor(source: Any) -> None:
    assert source.room == FRONT_DOOR or source.room in FLOORS, (
        f"{source.label}: give {source.room!r} a floor, or a room"
    )


def test_imports_go_down(source: Any, modules: set[str]) -> None:
    if source.room == FRONT_DOOR:
        return
    floor = FLOORS[source.room]
    wrong = []
    for line, target in own_imports(source, modules):
        room = target.split(".")[1] if "." in target else FRONT_DOOR
        if room in (source.room, "__version__"):
            continue
        if room not in FLOORS:  # the lazy front door leads to every room: only the commands may go in by it
            if floor < FLOORS["commands"]:
                wrong.append(f"line {line}: {target} by the front door")
        elif FLOORS[room] >= floor or (room == "plots" and source.room not in DRAWS):
            wrong.append(f"line {line}: {target} (floor {FLOORS[room]})")
    assert not wrong, f"{source.label} (floor {floor}) imports {'; '.join(wrong)}"


def test_no_circles(sources: list[Any]) -> None:
    modules = {source.name for source in sources}
    modules.discard("netwright")  # its imports are lazy
    graph = {s.name: {t for _, t in own_imports(s, modules) if t in modules} for s in sources if s.name in modules}
    graphlib.TopologicalSorter(graph).prepare()  # CycleError names the circle


def test_functions_import_only_optional_packages(source: Any) -> None:
    if source.room == FRONT_DOOR:
        return
    inside = below(source, is_function)
    wrong = [
        f"line {node.lineno}: {module}"
        for node, module, _ in imports(source)
        if node in inside and not is_optional(module)
    ]
    assert not wrong, f"{source.label} imports inside a function: {'; '.join(wrong)}. Put it at the top of the file"


def test_modules_import_only_what_is_always_installed(source: Any) -> None:
    always = RUNTIME | {"netwright"} | set(sys.stdlib_module_names)
    exempt = below(source, is_function, is_type_checking)
    wrong = [
        f"line {node.lineno}: {module}"
        for node, module, _ in imports(source)
        if node not in exempt and module.split(".")[0] not in always
    ]
    assert not wrong, f"{source.label} needs an extra when it is loaded: {'; '.join(wrong)}. Import it where it is used"


def test_the_classical_half_is_free_of_torch(sources: list[Any]) -> None:
    users = [
        source.label
        for source in sources
        if source.room in ("core", "classical") and any(m.split(".")[0] == "torch" for _, m, _ in imports(source))
    ]
    assert not users
