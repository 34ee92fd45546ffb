"""NETWORK of the command line: code such as ``ReLU(8) >> Softmax(3)``, or the name of a model such as ``lenet5``."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any

from netwright import losses, models, optim
from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown
from netwright.core.registry import names
from netwright.graph import Expression, parse, parse_value

KNOWN = (losses, optim)  # loaded so that texts may name what they hold


def named_models() -> dict[str, Callable[..., Expression]]:
    """The functions of `netwright.models` that return a network, by name."""
    public = {name: getattr(models, name) for name in models.__all__}
    return {
        name: thing
        for name, thing in public.items()
        if inspect.isfunction(thing) and inspect.signature(thing).return_annotation in ("Expression", Expression)
    }


def read_network(text: str, classes: int | None = None) -> Expression:
    """The network of a text.

    Parameters
    ----------
    text : code, a model's name, or a model with options: ``lenet5(filters=(20, 50))``.
    classes : how many classes the data have; models that have an option `classes` get it unless the text does.

    Raises
    ------
    InvalidParameter : a name that is neither of a layer nor of a model, options that cannot be.

    Examples
    --------
    >>> read_network("ReLU(8) >> Softmax(3)")
    ReLU(8) >> Softmax(3)
    >>> read_network("lenet5", classes=26).parts[-1]
    Softmax(26)
    """
    name, call = _call(text)
    known = named_models()
    if name in known:
        return _made(known[name], call, text, classes)
    try:
        return parse(text)
    except InvalidParameter:
        near = did_you_mean(str(name), known)
        if not near.startswith("Did you mean"):
            raise
        text = problem(f"network {shown(text)}", "a network as code or the name of a model", repr(name), near)
        raise InvalidParameter(text) from None


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
        known = did_you_mean(text.partition("(")[0], names(family))
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
    try:
        args = [ast.literal_eval(item) for item in call.args] if call else []
        options: dict[str, Any] = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords} if call else {}
        if classes is not None and not args and "classes" in inspect.signature(model).parameters:
            options.setdefault("classes", classes)
        return model(*args, **options)
    except (TypeError, SyntaxError) as error:
        takes = f"{model.__name__}{inspect.signature(model)}"
        raise InvalidParameter(problem(f"network {shown(text)}", takes, " ".join(str(error).split()))) from error
