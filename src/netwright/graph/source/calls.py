"""The call that makes a module of torch again, read off its constructor's arguments and its own attributes."""

from __future__ import annotations

import inspect
import re
from typing import Any

import torch
from torch import nn

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.graph.source.code import Call, Constant

_SKIPPED = ("device", "dtype", "self", "args", "kwargs", "_weight", "_freeze")
_ONE_FOR_ALL = ("kernel_size", "stride", "padding", "dilation", "output_padding")
_OTHERS = {"cutoffs": lambda module: list(module.cutoffs[:-1])}  # attributes that are not what was given
_BY_NAME = (nn.Softmax, nn.LogSoftmax, nn.Flatten)  # whose first argument says little without its name


def torch_call(module: nn.Module, path: str, kind: type[nn.Module] | None = None) -> Call:
    """The code that makes a module of torch like this one, weights aside.

    Parameters
    ----------
    module : of ``torch.nn``, or of a class that is made of one. path : where it stands, for an error.
    kind : the class of torch; None is the module's own.

    Raises
    ------
    InvalidParameter : what it was made with cannot be read off it.

    Examples
    --------
    >>> from netwright.graph.source.code import written
    >>> written(torch_call(nn.Conv2d(1, 8, (3, 3), padding=1), "conv1"))
    'nn.Conv2d(1, 8, 3, padding=1)'
    """
    own, kind = kind is None, kind or type(module)
    given, plain = [], True
    for name, parameter in _parameters(kind).items():
        value = _value(module, name, path)
        required = parameter.default is parameter.empty
        if name == "stride" and parameter.default is None and _same(value, module.kernel_size):
            value = None  # a pool's own step
        if not required and _same(value, parameter.default):
            plain = False
            continue
        plain = plain and (required or name in ("kernel_size",)) and not isinstance(module, _BY_NAME)
        short = _short(value) if name in _ONE_FOR_ALL else value
        given.append(("" if plain else name, Constant(short, name)))
    call = Call(_public(kind), tuple(given))
    if own:
        _expect_same(module, call, path)
    return call


def _parameters(kind: type[nn.Module]) -> dict[str, inspect.Parameter]:
    """The arguments of a constructor; those of a recurrent layer stand in its base."""
    own = inspect.signature(kind.__init__).parameters
    if issubclass(kind, nn.RNNBase):
        own = inspect.signature(nn.RNNBase.__init__).parameters
        names = ["nonlinearity"] if kind is nn.RNN else []
        extra = {name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default="tanh") for name in names}
        own = {name: item for name, item in own.items() if name != "mode"} | extra  # type: ignore[assignment]
    return {name: item for name, item in own.items() if name not in _SKIPPED}


def _value(module: nn.Module, name: str, path: str) -> Any:
    if name in _OTHERS:
        return _OTHERS[name](module)
    value = getattr(module, name, _SKIPPED)
    if name in ("bias", "head_bias") and (value is None or isinstance(value, torch.Tensor)):
        return value is not None
    if value is _SKIPPED and name == "bias":
        return "bias" in dict(module.named_parameters())
    if value is _SKIPPED or isinstance(value, (torch.Tensor, nn.Module)):
        got = f"a {type(module).__name__} that does not tell its {name}"
        raise no_source(path, "a layer whose arguments can be read", got)
    return tuple(value) if isinstance(value, torch.Size) else value


def _same(value: Any, default: Any) -> bool:
    return bool(_short(value) == _short(default)) and type(_short(value)) is type(_short(default))


def _short(value: Any) -> Any:
    """One number for a tuple of equal ones."""
    if isinstance(value, tuple) and value and len(set(value)) == 1 and isinstance(value[0], int):
        return value[0]
    return value


def _shortened(module: nn.Module) -> str:
    return re.sub(r"\((\d+)(, \1)+,?\)|\((\d+),\)", r"\1\3", repr(module))


def _public(kind: type) -> str:
    return f"nn.{kind.__name__}"


def _expect_same(module: nn.Module, call: Call, path: str) -> None:
    """Make the module that the call makes, and compare."""
    arguments = [part.value for keyword, part in call.arguments if not keyword]  # type: ignore[union-attr]
    named = {keyword: part.value for keyword, part in call.arguments if keyword}  # type: ignore[union-attr]
    with torch.device("meta"):
        made = type(module)(*arguments, **named)
    shapes = [{name: tuple(each.shape) for name, each in some.state_dict().items()} for some in (module, made)]
    if (
        shapes[0] != shapes[1]
        or _shortened(made) != _shortened(module)
        or getattr(nn, type(module).__name__, None) is not type(module)
    ):
        raise no_source(path, "a layer that its arguments make again", shown(module))


def no_source(path: str, expected: str, got: str) -> InvalidParameter:
    """The error of what cannot be written out."""
    remedy = "Keep netwright for it: net.build() makes the module, net.save(path, module) a file."
    return InvalidParameter(problem(f"to_torch_source, at {path}", expected, got, remedy))
