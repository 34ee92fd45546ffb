"""A network from its text: what a repr gives, or what a command line says. Nothing is evaluated.

The text is parsed by Python's own grammar into calls of registered names, ``>>``, ``|`` and plain literals; each name
is looked up in the registry (layers, initialisation rules), and anything else is refused.

>>> from netwright.graph.parsing import parse
>>> import netwright.layers
>>> parse("Input(4) >> ReLU(8) >> Softmax(3)").output_shape
(3,)
"""

from __future__ import annotations

import ast
import functools
import operator
from typing import Any

from netwright.core import registry
from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown
from netwright.core.value import is_value
from netwright.graph.expression import Expression
from netwright.graph.joining import join, parallel, repeat

LONGEST = 100_000  # characters of a text
_FAMILIES = ("network", "layer", "init", "optimizer", "schedule", "loss", "regularizer", "augmentation", "user")
_FUNCTIONS = {"join": join, "parallel": parallel, "repeat": repeat}


def parse(text: str) -> Expression:
    """The network that a text such as ``"Conv(32, 3) >> Flatten() >> Softmax(10)"`` describes.

    Parameters
    ----------
    text : what the repr of a network gives.

    Raises
    ------
    InvalidParameter : a text that is no such expression, or an unknown name (the nearest is named).
    """
    made = parse_value(text)
    if not isinstance(made, Expression):
        raise InvalidParameter(problem(f"network {shown(text)}", "layers joined by >> and |", shown(made)))
    return made


def parse_value(text: str) -> Any:
    """Any value written as code: a layer, a network, an optimizer such as ``"Adam(0.001)"``, a loss, a penalty.

    Parameters
    ----------
    text : what the repr of a value gives.

    Raises
    ------
    InvalidParameter : a text that is no such code, an unknown name (the nearest is named), an option that cannot be.
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        got = f"{len(text)} characters" if isinstance(text, str) else shown(text)
        raise InvalidParameter(problem("expression", f"a text of at most {LONGEST} characters", got))
    try:
        return _made(ast.parse(text.strip(), mode="eval").body, text)
    except SyntaxError as error:
        got = f"{shown(text)} ({error.msg})"
        raise InvalidParameter(problem("expression", "calls joined by >> and |", got)) from None
    except (RecursionError, MemoryError):
        remedy = "Name parts of it in Python and join those."
        raise InvalidParameter(problem("expression", "fewer levels of nesting", shown(text), remedy)) from None


def _made(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(_made(item, text) for item in node.elts)
    if isinstance(node, ast.Dict):
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        if len(keys) == len(node.values):
            return {key: _made(item, text) for key, item in zip(keys, node.values, strict=True)}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _made(node.operand, text)
        if isinstance(number, (int, float)):
            return -number
    if isinstance(node, ast.BinOp):
        return _operated(node, text)
    if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
        return _called(node, node.func.id if isinstance(node.func, ast.Name) else node.func.attr, text)
    if isinstance(node, ast.Name):
        named = _named(node.id, text)
        if not isinstance(named, type) or node.id in registry.names("user"):
            return named
        return _called(ast.Call(func=node, args=[], keywords=[]), node.id, text)  # ReLU is short for ReLU()
    raise _unreadable(text, ast.unparse(node))


def _called(node: ast.Call, name: str, text: str) -> Any:
    """The call of a registered name; what it does not take is said in the house's form."""
    thing = _named(name, text)
    args = [_option(item, name, text) for item in node.args]
    kwargs = {str(item.arg): _option(item.value, name, text) for item in node.keywords}
    try:
        return thing(*args, **kwargs)
    except TypeError as error:
        raise InvalidParameter(
            problem(f"expression {shown(text)}", f"options that {name} takes", f"{ast.unparse(node)} ({error})")
        ) from error


def _option(node: ast.expr, name: str, text: str) -> Any:
    """What stands in the brackets of a call; a word there that is no name was meant as a number or as a text."""
    if isinstance(node, ast.Name) and node.id not in _known():
        where, got = f"expression {shown(text)}", f"{node.id} in {name}({node.id})"
        remedy = f"A text stands in quotes: {node.id!r}."
        raise InvalidParameter(problem(where, "options that are numbers, texts in quotes or known names", got, remedy))
    return _made(node, text)


def _operated(node: ast.BinOp, text: str) -> Any:
    """A row of one operator, ``a >> b >> c``, is taken as a whole: a deep network is no deep nesting."""
    kind, first = type(node.op), node.left
    parts = [node.right]
    while isinstance(first, ast.BinOp) and isinstance(first.op, kind):
        parts.append(first.right)
        first = first.left
    made = [_made(part, text) for part in (first, *reversed(parts))]
    if kind is ast.RShift:
        return join(*made)
    if kind is ast.BitOr:
        return parallel(*made)
    if kind is ast.Add and all(is_value(part) and hasattr(part, "__add__") for part in made):
        return functools.reduce(operator.add, made)
    raise _unreadable(text, ast.unparse(node))


def _named(name: str, text: str) -> Any:
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    for family in _FAMILIES:
        if name in registry.names(family):
            return registry.look_up(family, name)
    near = did_you_mean(name, _known(), "netwright list")
    raise InvalidParameter(problem(f"expression {shown(text)}", "known names", repr(name), near))


def _known() -> list[str]:
    """All names that a text may use."""
    return [*_FUNCTIONS, *(name for family in _FAMILIES for name in registry.names(family))]


def _unreadable(text: str, part: str) -> InvalidParameter:
    expected = "calls joined by >>, | and +, with plain numbers"
    return InvalidParameter(problem(f"expression {shown(text)}", expected, shown(part)))
