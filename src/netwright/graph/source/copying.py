"""What is copied from the library for layers that torch does not have: their methods, and all that these need."""

from __future__ import annotations

import ast
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from netwright.graph.source.calls import no_source
from netwright.graph.source.stripping import only_checks, stripped

OWN = "netwright"
_HIDDEN = set(dir(nn.Module)) - {"forward"}


class Copies:
    """Functions, classes and constants by name, in an order in which they can be defined.

    Attributes
    ----------
    texts : the definitions. imports : the statements that they need. attributes : all names of attributes that they
    read.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.imports: set[str] = set()
        self.attributes: set[str] = set()
        self._things: dict[str, Any] = {}

    def methods(self, kind: type, path: str) -> list[str]:
        """The texts of the methods of a module's class that are used, `forward` first.

        Parameters
        ----------
        kind : the class. path : where its module stands, for an error.
        """
        found: dict[str, str] = {}
        while True:
            new = [name for name in ("forward", *self.attributes) if name not in found and name not in _HIDDEN]
            new = [name for name in new if _is_method(kind, name)]
            if not new:
                order = sorted(found, key=lambda name: (name != "forward", _line(kind, name)))
                return [found[name] for name in order]
            for name in new:
                found[name] = self._copied(_method(kind, name), path)

    def function(self, function: Any, path: str) -> str:
        """The name under which a function is there, once it is copied."""
        return self._define(function.__name__, function, path)

    def _copied(self, thing: Any, path: str) -> str:
        """The text of a function, with all that it needs taken along."""
        scope = _scope(thing)
        text = stripped(thing, lambda name: only_checks(scope.get(name)))
        tree = ast.parse(text)
        self.attributes |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        for name in _free(tree, scope):
            self._define(name, scope[name], path, scope)
        return text

    def _define(self, name: str, thing: Any, path: str, scope: dict[str, Any] | None = None) -> str:
        """See to it that a name means a thing in the code."""
        if name in self._things:
            if self._things[name] is not thing:
                raise no_source(path, "names that mean one thing", f"two things that are called {name}")
            return name
        self._things[name] = thing
        statement = _imported(name, thing)
        if statement is not None:
            self.imports.add(statement)
        elif inspect.isfunction(thing) or inspect.isclass(thing):
            if not thing.__module__.startswith(f"{OWN}."):
                raise no_source(path, "layers and functions of the library", f"{thing.__qualname__} of yours")
            text = self._copied(thing, path)
            self.texts[name] = text
        else:
            assert scope is not None
            self.texts[name] = self._constant(name, scope, path)
        return name

    def _constant(self, name: str, scope: dict[str, Any], path: str) -> str:
        """The line that defines a name of a module."""
        module = sys.modules[scope["__name__"]]
        for node in ast.parse(inspect.getsource(module)).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                value: Any = node.value  # type: ignore[attr-defined]
                text = f"{name} = {ast.get_source_segment(inspect.getsource(module), value)}"
                for used in _free(ast.parse(text), scope):
                    self._define(used, scope[used], path, scope)
                return text
            if isinstance(node, ast.ImportFrom) and any((a.asname or a.name) == name for a in node.names):
                return self._constant(name, vars(sys.modules[node.module or ""]), path)
        raise no_source(path, "names that are defined in one line", name)


def _imported(name: str, thing: Any) -> str | None:
    """The statement that imports a thing of torch or of the standard library, None for what is our own."""
    if isinstance(thing, types.ModuleType):
        if thing is torch.nn.functional:
            return f"from torch.nn import functional{'' if name == 'functional' else f' as {name}'}"
        if thing is torch:
            return "import torch"
        return f"import {thing.__name__}" if name == thing.__name__ else f"import {thing.__name__} as {name}"
    module = getattr(thing, "__module__", None) or ""
    if thing is torch.Tensor:
        return "from torch import Tensor"
    if getattr(torch.nn.functional, name, None) is thing:
        return f"from torch.nn.functional import {name}"
    root = module.split(".")[0]
    if callable(thing) and (root == "torch" or root in sys.stdlib_module_names) and root != "builtins":
        return f"from {module} import {name}"
    return None


def _scope(thing: Any) -> dict[str, Any]:
    if isinstance(thing, property):
        thing = thing.fget
    if inspect.isclass(thing):
        return vars(sys.modules[thing.__module__])
    scope: dict[str, Any] = inspect.unwrap(thing).__globals__
    return scope


def _free(tree: ast.AST, scope: dict[str, Any]) -> Iterator[str]:
    """The names of a module that code reads, in order."""
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    seen: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in scope and node.id not in bound | seen:
            seen.add(node.id)
            yield node.id


def _method(kind: type, name: str) -> Any:
    for base in kind.__mro__:
        if name in vars(base):
            thing = vars(base)[name]
            return thing.fget if isinstance(thing, property) else getattr(thing, "__func__", thing)
    return None


def _is_method(kind: type, name: str) -> bool:
    """Whether a class of the library, and not one of torch, says what a name does."""
    owner = next((base for base in kind.__mro__ if name in vars(base)), None)
    own = owner is not None and owner.__module__.startswith(f"{OWN}.")
    return own and isinstance(_method(kind, name), Callable)  # type: ignore[arg-type]


def _line(kind: type, name: str) -> int:
    return int(inspect.unwrap(_method(kind, name)).__code__.co_firstlineno)
