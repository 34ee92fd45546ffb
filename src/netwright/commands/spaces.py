"""NAME=RANGE of the command line: read as code, never evaluated; and the space for people who give none.

============ ==================================================================================================
data         default space
============ ==================================================================================================
all          learning rate 1e-4 to 0.03, l2 penalty 1e-6 to 1e-2, batches of 16 to 128
tables       and a network of 1 to 3 dense layers of 16 to 256 rectifiers, with dropout up to 0.5
images       and a network of 1 or 2 blocks of convolutions of 8 to 32 filters, one dense layer of 32 to 256
             rectifiers, with dropout up to 0.5
============ ==================================================================================================
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown
from netwright.estimators import Classifier, Regressor, integers, log_uniform, uniform, varied
from netwright.estimators.tuning.space import Space
from netwright.graph import parse_value

Maker = Callable[..., Any]
MAKERS: dict[str, Maker] = {maker.__name__: maker for maker in (uniform, log_uniform, integers, varied)}
TABLE = "INPUT -> [FC{width} -> RELU -> DROP{dropout}]*{depth} -> FC"
IMAGES = "INPUT -> [CONV3x{filters} -> RELU -> POOL?]*{blocks} -> FC{width} -> RELU -> DROP{dropout} -> FC"
_FORMS = "uniform(a, b), log_uniform(a, b), integers(a, b), 2 ** integers(a, b), varied(...) or a list of choices"


def default_space(kind: str, with_network: bool) -> dict[str, Any]:
    """The space where the user gave none.

    Parameters
    ----------
    kind : of the data, "images" or "table". with_network : whether the network is searched.

    Examples
    --------
    >>> list(default_space("table", with_network=True))
    ['optimizer__lr', 'regularizer', 'batch_size', 'network']
    """
    space: dict[str, Any] = {
        "optimizer__lr": log_uniform(1e-4, 3e-2),
        "regularizer": varied("l2({l2})", l2=log_uniform(1e-6, 1e-2)),
        "batch_size": 2 ** integers(4, 7),
    }
    if with_network:
        width, dropout = integers(16, 256, log=True), uniform(0, 0.5)
        space["network"] = (
            varied(TABLE, width=width, depth=integers(1, 3), dropout=dropout)
            if kind == "table"
            else varied(IMAGES, filters=2 ** integers(3, 5), blocks=[1, 2], width=width, dropout=dropout)
        )
    return space


def read_space(entries: Sequence[str]) -> dict[str, Any]:
    """The space of texts such as ``optimizer__lr=log_uniform(1e-5, 0.1)``.

    Raises
    ------
    InvalidParameter : a text that is no NAME=RANGE, a range that cannot be, a name that comes twice.

    Examples
    --------
    >>> read_space(["optimizer__lr=10 ** uniform(-5, -1)", "optimizer=['Adam()', SGD(momentum=0.9)]"])
    {'optimizer__lr': log_uniform(1e-05, 0.1), 'optimizer': ['Adam()', SGD(momentum=0.9)]}
    """
    space: dict[str, Any] = {}
    for entry in entries:
        name, mark, text = entry.partition("=")
        name = name.strip()
        if not mark or not name or not text.strip():
            remedy = "Such as 'optimizer__lr=log_uniform(1e-5, 1e-1)', in quotation marks."
            raise InvalidParameter(problem("--space", "NAME=RANGE", shown(entry), remedy))
        if name in space:
            raise InvalidParameter(problem("--space", "each name once", f"{name!r} twice"))
        try:
            node = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
            raise _wrong(name, text) from error
        space[name] = _read(node, name, text)
    return space


def require_names(space: Mapping[str, Any]) -> None:
    """Refuse a space that no estimator of the command can have, before any data are read.

    Parameters
    ----------
    space : as `read_space` gives it.

    Raises
    ------
    InvalidParameter : an empty list of choices, or a name that is no parameter of a classifier or regressor.
    """
    if not space:
        return
    known = sorted({**Classifier().get_params(deep=False), **Regressor().get_params(deep=False)})
    for name in Space.read(space).names:
        outer = name.partition("__")[0]
        if outer not in known:
            expected = "a parameter of the classifier or regressor"
            raise InvalidParameter(problem(f"--space {name}", expected, repr(outer), did_you_mean(outer, known)))


def _read(node: ast.expr, name: str, text: str) -> Any:
    """A range, choices or a single value."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        base, power = _literal(node.left, name, text), _read(node.right, name, text)
        if not hasattr(power, "low"):
            raise _wrong(name, text)
        return base**power
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
        maker = MAKERS[node.func.id]
        try:
            if maker is varied:
                args = [_literal(item, name, text) for item in node.args]
                return varied(*args, **{str(k.arg): _read(k.value, name, text) for k in node.keywords})
            args = [_literal(item, name, text) for item in node.args]
            return maker(*args, **{str(k.arg): _literal(k.value, name, text) for k in node.keywords})
        except TypeError as error:  # too many numbers, or too few
            raise _wrong(name, text, " ".join(str(error).split())) from error
    if isinstance(node, ast.List):
        return [_choice(item, name, text) for item in node.elts]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.islower():
        near = did_you_mean(node.func.id, MAKERS)
        if near.startswith("Did"):
            raise InvalidParameter(problem(f"--space {name}", _FORMS, repr(node.func.id), near))
    return [_choice(node, name, text)]


def _choice(node: ast.expr, name: str, text: str) -> Any:
    """A number, a text, True, False, None or a tuple; else a value or a network as code."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        pass
    try:
        return parse_value(ast.unparse(node))
    except InvalidParameter as error:
        raise _wrong(name, text, str(error)) from error


def _literal(node: ast.expr, name: str, text: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError) as error:
        raise _wrong(name, text) from error


def _wrong(name: str, text: str, reason: str = "") -> InvalidParameter:
    return InvalidParameter(problem(f"--space {name}", _FORMS, shown(text.strip()), reason))
