"""Every error says where, what was expected, what was got and what to do; none is a tuple or a bare constant."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from typing import Any

import pytest

OURS = {"InvalidParameter", "InvalidData", "JoinError", "CorruptFile", "DivergenceWarning"}
BARE = {"StopIteration", "KeyboardInterrupt", "SystemExit"}  # signals, not messages


def called(node: ast.AST) -> str:
    """The last name of what a call calls: "problem" of ``errors.problem(...)``; "" of anything else."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def is_constant_text(node: ast.AST) -> bool:
    """A text that holds no value: a constant, an f-string without fields, a sum of such."""
    if isinstance(node, ast.BinOp):
        return is_constant_text(node.left) and is_constant_text(node.right)
    if isinstance(node, ast.JoinedStr):
        return not any(isinstance(part, ast.FormattedValue) for part in node.values)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def takes_many(name: str) -> bool:
    """Whether an error is made of several things by its nature: OSError(errno, text, file name) and its kinds."""
    error = getattr(builtins, name, None)
    return isinstance(error, type) and issubclass(error, OSError)


def raise_faults(tree: ast.AST) -> Iterator[str]:
    """What is wrong with the raises of a module."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Raise) or node.exc is None:
            continue
        error, line = node.exc, f"line {node.lineno}"
        if isinstance(error, ast.Name) and error.id[0].isupper() and error.id not in BARE:
            yield f"{line}: {error.id} is raised without a text"
        if not isinstance(error, ast.Call) or not called(error)[:1].isupper():
            continue
        if not error.args and called(error) not in BARE:
            yield f"{line}: {called(error)}() is raised without a text"
        if len(error.args) > 1 and not takes_many(called(error)):
            yield f"{line}: {called(error)} gets {len(error.args)} arguments: its text would be a tuple"
        if any(isinstance(argument, ast.Tuple) for argument in error.args):
            yield f"{line}: {called(error)} gets a tuple as its text"
        if error.args and is_constant_text(error.args[0]):
            yield f"{line}: {called(error)} has a constant text; it must name the value that came"


def writers(tree: ast.AST) -> set[str]:
    """`problem`, and the functions of the module that return nothing but what a writer wrote."""
    found = {"problem"}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            returned = [item.value for item in ast.walk(node) if isinstance(item, ast.Return)]
            if returned and all(value is not None and called(value) in found for value in returned):
                found.add(node.name)
    return found


def form_faults(tree: ast.AST) -> Iterator[str]:
    """Errors of ours whose text is not written by `problem` (or by adding context to a caught error's text)."""
    wrote = writers(tree)
    good = {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and called(node.value) in wrote:
            good.update(target.id for target in node.targets if isinstance(target, ast.Name))
    for node in ast.walk(tree):
        if called(node) not in OURS:
            continue
        assert isinstance(node, ast.Call)
        text = node.args[0] if node.args else None
        inner = {name.id for name in ast.walk(text) if isinstance(name, ast.Name)} if text is not None else set()
        if text is None or (called(text) not in wrote and not inner & good):
            yield f"line {node.lineno}: the text of {called(node)} is not written by problem(...)"


def test_raises_have_one_text_with_a_value(source: Any) -> None:
    faults = list(raise_faults(source.tree))
    assert not faults, f"{source.label}: {'; '.join(faults)}"


def test_errors_of_ours_have_the_one_form(source: Any) -> None:
    faults = list(form_faults(source.tree))
    assert not faults, f"{source.label}: {'; '.join(faults)}"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("raise ValueError('a', b)", "would be a tuple"),
        ("raise ValueError(('a', b))", "a tuple as its text"),
        ("raise ValueError('too big')", "constant text"),
        ("raise ValueError(f'too ' 'big')", "constant text"),
        ("raise ValueError", "without a text"),
        ("raise InvalidData()", "without a text"),
    ],
)
def test_the_lint_sees_bad_raises(line: str, fault: str) -> None:
    assert any(fault in found for found in raise_faults(ast.parse(line)))


def test_the_lint_sees_another_form() -> None:
    assert list(form_faults(ast.parse("raise InvalidData(f'{x} is bad')")))
    assert list(form_faults(ast.parse("def f(x):\n    return x\nraise InvalidData(f(1))")))
    assert list(form_faults(ast.parse("warnings.warn(DivergenceWarning(text))")))


@pytest.mark.parametrize(
    "line",
    ["raise", "raise error", "raise SystemExit(2)", "raise ValueError(f'{x} is bad')", "raise make_error(1, 2)"],
)
def test_the_lint_lets_good_raises_pass(line: str) -> None:
    assert not list(raise_faults(ast.parse(line)))


def test_the_lint_lets_the_form_and_context_pass() -> None:
    assert not list(form_faults(ast.parse("raise InvalidData(problem('X', 'a', 'b'))")))
    assert not list(form_faults(ast.parse("text = problem(a, b, c)\nraise InvalidData(text)")))
    assert not list(form_faults(ast.parse("def f(x):\n    return problem(x, b, c)\nraise InvalidData(f(1))")))
    context = "try:\n    f()\nexcept ValueError as error:\n    raise JoinError(f'{path}: {error}') from error"
    assert not list(form_faults(ast.parse(context)))
