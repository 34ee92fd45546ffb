"""From a built module to nodes and pieces of code: who has which parts, and how data flow through them."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from netwright.core import registry
from netwright.graph.building import Branches, ManyInputs
from netwright.graph.source.calls import no_source, torch_call
from netwright.graph.source.code import Call, Constant, Items, Name
from netwright.graph.source.copying import OWN, Copies
from netwright.graph.source.nodes import Node

LETTERS = "abcdefghijklmnopqrstuvw"


def parametrized(module: nn.Module, **rules: nn.Module) -> nn.Module:
    """A module some of whose weights follow from others by rules."""
    for name, rule in rules.items():
        nn.utils.parametrize.register_parametrization(module, name, rule)
    return module


class Reader:
    """Reads modules; what is copied from the library gathers in `copies`.

    Attributes
    ----------
    copies : functions and constants that the classes need.
    """

    def __init__(self) -> None:
        self.copies = Copies()
        self._own: list[tuple[Node, nn.Module, str]] = []
        self._within_own = 0  # copied classes that are being read: what is in one is used as it uses it

    def network(self, module: nn.Module) -> Node:
        """The node of a whole network, called Net."""
        if isinstance(module, ManyInputs):
            names = [f"x{number}" for number in range(1, _inputs(module.body) + 1)]
            signature = ", ".join(["self", *names])
            forward = f"def forward({signature}):\n    return self.body(({', '.join(names)}))"
            node = Node("Net", (forward,))
            node.lines.append(("body", self._chain(module.body, "body", "Body")))
        else:
            node = self._chain(module, "", "Net")
        self._settle()
        return node

    def piece(self, module: nn.Module | None, path: str) -> Any:
        """The piece of code, or the node, that makes a module."""
        if module is None:
            return Constant(None)
        if any(type(hook).__module__.split(".")[0] != OWN for hook in module._forward_pre_hooks.values()):
            raise no_source(path, "a layer without hooks", f"{type(module).__name__} with one")
        if parametrize.is_parametrized(module):
            return self._parametrized(module, path)
        if isinstance(module, Branches) or (type(module) is nn.Sequential and not _is_simple(module)):
            return self._chain(module, path, _class_name(path))
        if isinstance(module, nn.ModuleList):
            items = tuple(self.piece(part, _below(path, name)) for name, part in module._modules.items())
            return Call("nn.ModuleList", (("", Items(items)),))
        if type(module) is nn.Sequential:
            named = [(name, self.piece(part, _below(path, name))) for name, part in module._modules.items()]
            if [name for name, _ in named] == [str(place) for place in range(len(named))]:
                return Call("nn.Sequential", tuple(("", part) for _, part in named))
            return Call("nn.Sequential", (("", Call("OrderedDict", tuple(named))),))
        if type(module).__module__.startswith("torch.nn."):
            return torch_call(module, path)
        if type(module).__module__.startswith(f"{OWN}."):
            return self._copied(module, path)
        raise no_source(path, "layers of torch and of the library", f"{type(module).__name__} of yours")

    # chains and branches

    def _chain(self, module: nn.Module, path: str, name: str) -> Node:
        """A class for a chain with branches, with its own forward."""
        node, count = Node(name), _inputs(module)
        values = ["x"] if count == 1 else [f"x{number}" for number in range(1, count + 1)]
        lines = [] if count == 1 else [f"{', '.join(values)} = inputs"]
        children = [("", module)] if isinstance(module, Branches) else list(module._modules.items())
        for child, part in children:
            assert part is not None
            values, line = self._flow(node, child, part, values, _below(path, child))
            lines += [line] if line else []
        result = ", ".join(values)
        if lines and lines[-1].startswith(f"{result} = ") and "\n" not in lines[-1] and len(values) == 1:
            lines[-1] = f"return {lines[-1].removeprefix(f'{result} = ')}"
        else:
            lines.append(f"return {result}")
        head = f"def forward(self, {'x' if count == 1 else 'inputs'}):"
        node.methods = ("\n".join([head, *(f"    {line}" for text in lines for line in text.splitlines())]),)
        return node

    def _flow(self, node: Node, name: str, part: nn.Module, values: list[str], path: str) -> tuple[list[str], str]:
        """What goes out of a part of a chain, and the line of forward that makes it."""
        if isinstance(part, Branches):
            return self._branches(node, name, part, values, path)
        inline = getattr(part, "in_source", None)
        if inline is not None:
            return ["x"], f"x = {inline(values)}"
        if type(part) is nn.Sequential and not len(part):
            return values, ""
        node.lines.append((name, self.piece(part, path)))
        results = _names(_outputs(part, len(values)), [])
        return results, f"{', '.join(results)} = self.{name}({_argument(values)})"

    def _branches(self, node: Node, name: str, part: Branches, values: list[str], path: str) -> tuple[list[str], str]:
        """The branches as a `ModuleDict`, or as attributes where the class is the branches."""
        results: list[str] = []
        lines, made, free = [], [], iter(values)
        for branch, module in part._modules.items():
            assert module is not None
            mine = values if part.takes is None else [next(free) for _ in range(_inputs(module))]
            if _is_nothing(module):
                results += mine
                continue
            made.append((branch, self.piece(module, _below(path, branch))))
            new = _names(_outputs(module, len(mine)), [*values, *results])
            results += new
            owner = f'self.{name}["{branch}"]' if name else f"self.{branch}"
            lines.append(f"{', '.join(new)} = {owner}({_argument(mine)})")
        if not name:
            node.lines += made
        elif made:
            node.lines.append((name, Call("nn.ModuleDict", (("", Call("OrderedDict", tuple(made))),))))
        return results, "\n".join(lines)

    # layers that torch does not have

    def _copied(self, module: nn.Module, path: str) -> Node:
        """A class that is copied; its lines are settled when all are known that use it."""
        reason = getattr(type(module), "not_exported", "")
        if reason:
            raise no_source(path, "a layer that is made of operations of torch", f"{type(module).__name__}: {reason}")
        node = Node(type(module).__name__, own=True)
        base = next(each for each in type(module).__mro__ if each.__module__.startswith("torch.nn."))
        if base is not nn.Module:
            call = torch_call(module, path, base)
            node.base, node.start = f"nn.{base.__name__}", Call("super().__init__", call.arguments)
        node.docstring = (inspect.getdoc(type(module)) or "").splitlines()[0]
        short = "" if self._within_own else getattr(module, "short_forward", str)()
        if short:
            node.methods = (short,)
        else:
            self._own.append((node, module, path))
            self.copies.methods(type(module), path)
        self._within_own += not short
        for name, part in module._modules.items():
            if part is not None or not short:
                node.lines.append((name, self.piece(part, _below(path, name))))
        self._within_own -= not short
        return node

    def _parametrized(self, module: nn.Module, path: str) -> Call:
        self.copies.attributes.add("right_inverse")
        self.copies.function(parametrized, path)
        rules = [(name, self.piece(rules[0], path)) for name, rules in module.parametrizations.items()]  # type: ignore
        plain = torch_call(module, path, type(module).__mro__[1])
        return Call("parametrized", (("", plain), *rules))

    def _settle(self) -> None:
        """Methods and attributes of the copied classes, of which each may use what another has."""
        before = -1
        while before != len(self.copies.attributes):
            before = len(self.copies.attributes)
            for node, module, path in self._own:
                node.methods = tuple(self.copies.methods(type(module), path))
        for node, module, path in self._own:
            node.lines = [*self._attributes(node, module, path), *node.lines]

    def _attributes(self, node: Node, module: nn.Module, path: str) -> Iterator[tuple[str, Any]]:
        """The lines that set weights, buffers and whatever else the methods read."""
        inherited = node.base != "nn.Module"
        for name, parameter in () if inherited else module._parameters.items():
            yield name, Constant(None) if parameter is None else Call("nn.Parameter", (("", _zeros(name, parameter)),))
        for name, buffer in () if inherited else module._buffers.items():
            yield "", _buffer(name, buffer, name not in module._non_persistent_buffers_set)
        for name in sorted(self.copies.attributes):
            kind = type(module)
            owner = next((each for each in kind.__mro__ if name in vars(each)), None)
            if name in vars(module) and not name.startswith("_") and not hasattr(nn.Module(), name):
                if not (inherited and name in torch_names(module)):
                    yield name, self._value(name, vars(module)[name], path)
            elif owner is not None and owner.__module__.startswith(f"{OWN}.") and _is_plain(vars(owner)[name]):
                yield name, self._value(name, vars(owner)[name], path)

    def _value(self, name: str, value: Any, path: str) -> Any:
        """A constant, or what stands for it."""
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            self.copies.imports.add("from types import SimpleNamespace")
            fields = [(each.name, Constant(getattr(value, each.name))) for each in dataclasses.fields(value)]
            return Call("SimpleNamespace", tuple(fields))
        if inspect.isfunction(value) or inspect.isbuiltin(value):
            if inspect.isbuiltin(value):
                return Name(f"torch.{value.__name__}")
            return Name(self.copies.function(value, path))
        value = tuple(value) if isinstance(value, torch.Size) else value
        if not _is_plain(value):
            raise no_source(path, "settings that are numbers and texts", f"{name}={type(value).__name__}")
        return Constant(value, name)


def _is_nothing(module: nn.Module) -> bool:
    """Whether a module gives what it gets."""
    return type(module) is nn.Identity or (type(module) is nn.Sequential and not len(module))


def _argument(values: list[str]) -> str:
    """One tensor, or several as a tuple."""
    return values[0] if len(values) == 1 else f"({', '.join(values)})"


def torch_names(module: nn.Module) -> set[str]:
    """What the constructor of torch's own class sets."""
    base = next(each for each in type(module).__mro__ if each.__module__.startswith("torch.nn."))
    return set(inspect.signature(base).parameters)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return value is None or isinstance(value, (bool, int, float, str, slice))


def _zeros(name: str, tensor: torch.Tensor) -> Call:
    shape = Constant(tuple(tensor.shape), f"{name}_shape")
    return Call("torch.zeros", (("", shape),))


def _buffer(name: str, buffer: torch.Tensor | None, persistent: bool) -> Call:
    if buffer is None:
        content: Any = Constant(None)
    elif persistent:
        content = _zeros(name, buffer)
    else:
        dtype = [] if buffer.dtype in (torch.float32, torch.int64) else [("dtype", Name(str(buffer.dtype)))]
        content = Call("torch.tensor", (("", Constant(buffer.tolist())), *dtype))
    keep = [] if persistent else [("persistent", Constant(False))]
    return Call("self.register_buffer", (("", Constant(name)), ("", content), *keep))


def _is_simple(module: nn.Module) -> bool:
    """Whether data only go straight through a chain."""
    parts = [part for part in module._modules.values() if part is not None]
    return all(not isinstance(part, Branches) and not hasattr(part, "in_source") for part in parts)


def _inputs(module: nn.Module) -> int:
    """How many tensors a module takes."""
    while type(module) is nn.Sequential and len(module):
        module = module[0]
    if isinstance(module, Branches) and module.takes is not None:
        return sum(module.takes)
    return 1


def _outputs(module: nn.Module, count: int) -> int:
    """How many tensors a module gives for so many."""
    if isinstance(module, Branches):
        parts = [part for part in module._modules.values() if part is not None]
        return sum(_outputs(part, count if module.takes is None else _inputs(part)) for part in parts)
    if type(module) is nn.Sequential:
        for part in module:
            count = _outputs(part, count)
        return count
    return 1


def _names(count: int, taken: list[str]) -> list[str]:
    """Names for so many tensors."""
    if count == 1 and not taken:
        return ["x"]
    free = [letter for letter in LETTERS if letter not in taken]
    free += [f"{letter}{number}" for number in range(1, count) for letter in LETTERS]
    return [name for name in free if name not in taken][:count]


def _class_name(path: str) -> str:
    """A class's name from the place of its module: "residual1" is a Residual."""
    word = path.rsplit(".", 1)[-1].rstrip("0123456789")
    known = {name.lower(): name for name in registry.names("layer")}
    return known.get(word, word.capitalize() or "Part")


def _below(path: str, name: str) -> str:
    return ".".join(part for part in (path, name) if part)
