"""A function's own text without what only the library needs: annotations, long docstrings, checks of what comes.

The text stays as it was written, with its comments; pieces of it are cut out. A check is an ``if`` that ends in
``raise``, with all that was worked out for it alone, and a function that does nothing but raise, with its calls.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

_REMARK = re.compile(r" *# (type: ignore|noqa)[^#\n]*")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def stripped(thing: Any, is_check: Callable[[str], bool] = lambda name: False) -> str:
    """The text of a function or class without annotations, checks, and docstrings behind their first lines.

    Parameters
    ----------
    thing : a function or a class. is_check : whether a function of a name only checks, so that its calls go too.

    Examples
    --------
    >>> print(stripped(on_one_line))
    def on_one_line(text):
        \"\"\"A text without line breaks.\"\"\"
        return " ".join(text.split())
    """
    text = textwrap.dedent(inspect.getsource(thing))
    tree = ast.parse(text)
    cuts = [*_annotations(text, tree), *_docstrings(text, tree)]
    gone: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, Function):
            gone |= _checks(node, is_check)
    cuts += [_lines(text, node) for node in gone]
    cuts = [cut for cut in cuts if not any(o is not cut and o[0] <= cut[0] and cut[1] <= o[1] for o in cuts)]
    for first, last, new in sorted(cuts, reverse=True):
        text = text[:first] + new + text[last:]
    text = "\n".join(_REMARK.sub("", line).rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"(\"\"\"\n)\n+( +(?!def|@))", r"\1\2", text))


def only_checks(function: Any) -> bool:
    """Whether a function gives nothing back and has nothing left without its checks."""
    try:
        node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError):
        return False
    if not isinstance(node, Function):
        return False
    raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    return raises and not any(isinstance(inner, ast.Return) and inner.value is not None for inner in ast.walk(node))


def on_one_line(text: str) -> str:
    """A text without line breaks."""
    return " ".join(text.split())


def _checks(function: Function, is_check: Callable[[str], bool]) -> set[ast.AST]:
    """The statements of a function that check, and those that only they need."""
    gone: set[ast.AST] = set()
    while True:
        new = {node for node in _statements(function, gone) if _goes(node, function, gone, is_check)}
        if not new:
            return gone
        gone |= new


def _goes(node: ast.stmt, function: Function, gone: set[ast.AST], is_check: Callable[[str], bool]) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if isinstance(node, ast.If) and not node.orelse:
        return all(inner in gone or isinstance(inner, ast.Raise) for inner in node.body)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name):
        return is_check(node.value.func.id)
    if isinstance(node, ast.Assign):
        names = [part.id for part in ast.walk(ast.Tuple(node.targets)) if isinstance(part, ast.Name)]
        plain = all(isinstance(part, (ast.Name, ast.Tuple)) for part in node.targets)
        return plain and not set(names) & set(_loaded(function, gone))
    return False


def _statements(node: ast.AST, gone: set[ast.AST]) -> Iterator[ast.stmt]:
    """All statements below a node but those within what is gone."""
    for inner in ast.iter_child_nodes(node):
        if inner in gone:
            continue
        if isinstance(inner, ast.stmt):
            yield inner
        yield from _statements(inner, gone)


def _loaded(node: ast.AST, gone: set[ast.AST]) -> Iterator[str]:
    """The names that are read below a node, but for what is gone and for what leads to raises."""
    for inner in ast.iter_child_nodes(node):
        if inner in gone or isinstance(inner, ast.Raise):
            continue
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
            yield inner.id
        yield from _loaded(inner, gone)


def _place(text: str, line: int, column: int) -> int:
    lines = text.splitlines(keepends=True)
    return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())


def _span(text: str, node: Any) -> tuple[int, int]:
    return _place(text, node.lineno, node.col_offset), _place(text, node.end_lineno, node.end_col_offset)


def _lines(text: str, node: Any) -> tuple[int, int, str]:
    """The lines of a statement, with the comments right above it."""
    lines = text.splitlines(keepends=True)
    first = node.lineno - 1
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return sum(map(len, lines[:first])), sum(map(len, lines[: node.end_lineno])), ""


def _annotations(text: str, tree: ast.AST) -> Iterator[tuple[int, int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield from _of_arguments(text, node.args)
            if node.returns is not None:
                start, end = _span(text, node.returns)
                arrow = text.rindex("->", 0, start)
                yield len(text[:arrow].rstrip()), end, ""
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield _span(text, node.target)[1], _span(text, node.value)[0], " = "


def _of_arguments(text: str, arguments: ast.arguments) -> Iterator[tuple[int, int, str]]:
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: dict[ast.arg, ast.expr | None] = dict(
        zip(plain[len(plain) - len(arguments.defaults) :], arguments.defaults, strict=True)
    )
    defaults |= dict(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    others = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    for each in [*plain, *arguments.kwonlyargs, *others]:
        if each.annotation is None:
            continue
        start = _place(text, each.lineno, each.col_offset) + len(each.arg)
        default = defaults.get(each)
        yield (start, _span(text, each.annotation)[1], "") if default is None else (start, _span(text, default)[0], "=")


def _docstrings(text: str, tree: ast.AST) -> Iterator[tuple[int, int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            start, end = _span(text, node.body[0])
            first = (ast.get_docstring(node) or "").splitlines()[0]
            quotes = 'r"""' if text[start] == "r" else '"""'
            yield start, end, f'{quotes}{first}"""'
