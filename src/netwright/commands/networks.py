"""NETWORK of the command line: code such as ``ReLU(8) >> Softmax(3)``, the name of a model such as ``lenet5``, or a
layer pattern such as ``INPUT -> [CONV -> RELU -> POOL]*2 -> FC``: what has arrows is one."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any

from netwright import losses, models, optim
from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown
from netwright.core.registry import listing, names
from netwright.graph import Expression, Shape, parse, parse_value
from netwright.models.pattern_text import is_pattern, read_pattern

KNOWN = (losses, optim)  # loaded so that texts may name what they hold


def named_models() -> dict[str, Callable[..., Expression]]:
    """The functions of `netwright.models` that return a network, by name."""
    public = {name: getattr(models, name) for name in models.__all__}
    return {
        name: thing
        for name, thing in public.items()
        if inspect.isfunction(thing) and inspect.signature(thing).return_annotation in ("Expression", Expression)
    }


def check_network(text: str) -> None:
    """Refuse a text that is no network whatever the data are, before they are read.

    Raises
    ------
    InvalidParameter : as of `read_network`.
    """
    if is_pattern(text):
        read_pattern(text)
    else:
        read_network(text)


def read_network(text: str, classes: int | None = None, input_shape: Shape | None = None) -> Expression:
    """The network of a text.

    Parameters
    ----------
    text : code, a model's name, a model with options, ``lenet5(filters=(20, 50))``, or a layer pattern.
    classes : how many classes the data have; models that have an option `num_classes` get it unless the text does.
    input_shape : of one sample, where it is known; it closes a pattern, and decides what of it fits.

    Raises
    ------
    InvalidParameter : a name that is neither of a layer nor of a model, options that cannot be, a wrong pattern.
    JoinError : a pattern whose layers do not fit the shape.

    Examples
    --------
    >>> read_network("ReLU(8) >> Softmax(3)")
    ReLU(8) >> Softmax(3)
    >>> read_network("lenet5", classes=26).parts[-1]
    Softmax(26)
    """
    if is_pattern(text):
        return models.pattern(text, input_shape, classes)
    name, call = _call(text)
    known = named_models()
    if name in known:
        return _made(known[name], call, text, classes)
    try:
        return parse(text)
    except InvalidParameter:
        if name is None or name in (layers := _layers()):
            raise
        near = did_you_mean(name, [*known, *layers], "netwright list")
        expected = "a network as code, a pattern such as 'INPUT -> FC -> RELU -> FC', or the name of a model"
        raise InvalidParameter(problem(f"network {shown(text)}", expected, repr(name), near)) from None


def _layers() -> list[str]:
    """The names that a network as code may begin with."""
    return ["join", "parallel", "repeat", *names("network"), *names("layer"), *names("user")]


def read_value(text: str | None, family: str, option: str) -> Any:
    """The loss, update rule or penalty that an option's text describes; None where there is none.

    Raises
    ------
    InvalidParameter : code that cannot be read, an unknown name, a value of another family.

    Examples
    --------
    >>> read_value("Adam(0.01)", "optimizer", "--optimizer")
    Adam(0.01)
    """
    if text is None:
        return None
    made = parse_value(text)
    if getattr(made, "family", None) != family:
        known = did_you_mean(text.partition("(")[0], names(family), listing(family))
        raise InvalidParameter(problem(option, f"one of the {family}s", shown(made), known))
    return made


def _call(text: str) -> tuple[str | None, ast.Call | None]:
    """The name that a text calls, if it is one call or one name."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        return None, None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id, node
    return (node.id, None) if isinstance(node, ast.Name) else (None, None)


def _made(model: Callable[..., Expression], call: ast.Call | None, text: str, classes: int | None) -> Expression:
    args = [_literal(item, text) for item in call.args] if call else []
    options: dict[str, Any] = {str(k.arg): _literal(k.value, text) for k in call.keywords} if call else {}
    signature = inspect.signature(model)
    takes = f"{model.__name__}{signature}"
    unknown = next((name for name in options if name not in signature.parameters), None)
    if unknown is not None:
        near = did_you_mean(unknown, signature.parameters)
        raise InvalidParameter(problem(f"network {shown(text)}", takes, f"the option {unknown!r}", near))
    try:
        said = signature.bind_partial(*args, **options).arguments
        if classes is not None and "num_classes" in signature.parameters and "num_classes" not in said:
            options["num_classes"] = classes
        return model(*args, **options)
    except (TypeError, SyntaxError) as error:
        got = " ".join(str(error).split()).removeprefix("got ")
        raise InvalidParameter(problem(f"network {shown(text)}", takes, got)) from error


def _literal(node: ast.expr, text: str) -> Any:
    """A number, a text, a tuple... as it stands in a call."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError) as error:
        remedy = 'Names stand in quotes: mlp(activation="Tanh").'
        expected = "options that are numbers, texts, tuples, True, False or None"
        raise InvalidParameter(problem(f"network {shown(text)}", expected, ast.unparse(node), remedy)) from error
