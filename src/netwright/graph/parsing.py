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
from typing import Any

from netwright.core import registry
from netwright.core.errors import InvalidParameter, did_you_mean, problem
from netwright.graph.expression import Expression, join, parallel, repeat

_FAMILIES = ("network", "layer", "init", "optimizer", "schedule", "loss", "regularizer", "user")
_FUNCTIONS = {"join": join, "parallel": parallel, "repeat": repeat}


def parse(text: str) -> Expression:
    """The network that a text such as ``"Conv(32, 3) >> Flatten() >> Softmax(10)"`` describes.

    Raises
    ------
    InvalidParameter : a text that is no such expression, or an unknown name (the nearest is named).
    """
    made = parse_value(text)
    if not isinstance(made, Expression):
        raise InvalidParameter(problem(f"network {text!r}", "layers joined by >> and |", repr(made)))
    return made


def parse_value(text: str) -> Any:
    """Any value written as code: a layer, a network, an optimizer such as ``"Adam(0.001)"``, a loss, a penalty."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        raise InvalidParameter(problem("expression", "calls joined by >> and |", repr(text), str(error.msg))) from None
    return _made(tree.body, text)


def _made(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(_made(item, text) for item in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_made(node.operand, text)
    if isinstance(node, ast.BinOp):
        return _operated(node, text)
    if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        args = [_made(item, text) for item in node.args]
        kwargs = {str(item.arg): _made(item.value, text) for item in node.keywords}
        return _named(name, text)(*args, **kwargs)
    if isinstance(node, ast.Name):
        return _named(node.id, text)() if node.id not in _FUNCTIONS else _FUNCTIONS[node.id]
    raise _unreadable(text, ast.unparse(node))


def _operated(node: ast.BinOp, text: str) -> Any:
    left, right = _made(node.left, text), _made(node.right, text)
    if isinstance(node.op, ast.RShift):
        return join(left, right)
    if isinstance(node.op, ast.BitOr):
        return parallel(left, right)
    if isinstance(node.op, ast.Add) and hasattr(left, "family"):
        return left + right
    raise _unreadable(text, ast.unparse(node))


def _named(name: str, text: str) -> Any:
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    for family in _FAMILIES:
        if name in registry.names(family):
            return registry.look_up(family, name)
    known = [*_FUNCTIONS, *(name for family in _FAMILIES for name in registry.names(family))]
    raise InvalidParameter(problem(f"expression {text!r}", "known names", repr(name), did_you_mean(name, known)))


def _unreadable(text: str, part: str) -> InvalidParameter:
    return InvalidParameter(problem(f"expression {text!r}", "calls joined by >>, | and +, with plain numbers", part))
