"""A network is a value: layers joined by ``>>`` and ``|`` into an expression that compares, hashes and prints as code.

=========== ======================== ===========================================================
operator    function                 meaning
=========== ======================== ===========================================================
``a >> b``  `join(a, b)`             what a gives goes into b
``a | b``   `parallel(a, b)`         the same input into a and b; one input each if both begin with `Input`
\\           `repeat(a, 3)`           three independent copies of a, one after the other
=========== ======================== ===========================================================

``|`` binds weaker than ``>>``: ``a >> b | c >> d`` is ``(a >> b) | (c >> d)``. Both are associative, and nested chains
are flat, so that two ways of writing one network are equal. An expression holds no weights; `Expression.build` gives
a ``torch.nn.Module``. When the left side is closed (it begins with `Input`) a join that cannot work raises at once.

Where this differs from others: merging is always an explicit layer (``Concat``, ``Add``), never implied.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import torch

from netwright.core.errors import InvalidParameter, JoinError, problem
from netwright.core.validation import Constraint, instance, integer, tuple_of
from netwright.core.value import value
from netwright.graph.table import Shape, Summary

if TYPE_CHECKING:
    import os

F = TypeVar("F", bound=Callable[..., Any])
LAYERS = 100_000  # parts of the longest chain that `repeat` makes

# What expressions can do is in files of their own, which are about expressions and so import this one. Each function
# enters itself here when it is loaded, under its name; the package loads all of them.
_ABILITIES: dict[str, Callable[..., Any]] = {}


def ability(function: F) -> F:
    """Enter a function that `Expression` calls by its name."""
    _ABILITIES[function.__name__] = function
    return function


class Expression(ABC):  # noqa: B024
    """What layers and networks have in common: joining, shapes, a summary, building, saving.

    Shapes never show the batch axis. They are None while the network is open, that is, while it has no `Input`.
    """

    def __rshift__(self, other: Expression) -> Chain:
        return join(self, other)

    def __or__(self, other: Expression) -> Parallel:
        return parallel(self, other)

    @property
    def input_shape(self) -> Any:
        """Shape of one sample, a tuple of shapes for several inputs, None for an open network."""
        return _one_or_all(self.plan().input_shapes) if begins_with_input(self) else None

    @property
    def output_shape(self) -> Any:
        """Shape of the output for one sample, a tuple of shapes for several outputs, None for an open network."""
        return _one_or_all(self.plan().output_shapes) if begins_with_input(self) else None

    def plan(self) -> Plan:
        """The nodes of the network in order with their observed shapes (made once, then kept)."""
        plan: Plan = _ABILITIES["plan_of"](self)
        return plan

    def summary(self) -> Summary:
        """Per layer: output shape, parameters, multiply-accumulates, receptive field; print it or read `.rows`."""
        summary: Summary = _ABILITIES["summarize"](self)
        return summary

    def build(self, seed: int = 0) -> torch.nn.Module:
        """A ``torch.nn.Module`` with fresh weights; the same seed gives the same weights.

        Parameters
        ----------
        seed : integer >= 0. Each layer draws from a stream of its own, so that a change behind it leaves it alone.
        """
        module: torch.nn.Module = _ABILITIES["build"](self, seed)
        return module

    def save(self, path: str | os.PathLike[str], module: torch.nn.Module | None = None) -> None:
        """Write the expression, and the weights of `module` if given, to one file; `netwright.load` reads it."""
        _ABILITIES["save_network"](self, path, module)


class Layer(Expression):
    """One brick of a network. A layer author writes a value with one method, `make`.

    Class attributes: ``merges`` is True for layers that take several inputs as one tuple (``Concat``, ``Add``).
    """

    merges: ClassVar[bool] = False

    @abstractmethod
    def make(self, *shapes: Shape) -> torch.nn.Module:
        """The torch module for inputs of these shapes (no batch axis), weights initialised.

        Raises `JoinError` by `netwright.graph.refuse` when the layer cannot take the shapes.
        """


@dataclass(frozen=True)
class Node:
    """One layer in its place.

    Attributes
    ----------
    path : where its module is in the built module, ``"parallel1.branch2.conv1"``.
    layer : the layer.
    inputs : indices of the nodes that it reads.
    shape : the shape that it gives for one sample.
    """

    path: str
    layer: Layer
    inputs: tuple[int, ...]
    shape: Shape


@dataclass(frozen=True)
class Plan:
    """All nodes of a network in the order in which they run.

    Attributes
    ----------
    nodes : the nodes.
    inputs, outputs : indices of the nodes that are the network's inputs, and of those whose results it gives.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        """The shape of one sample of every input."""
        return tuple(self.nodes[i].shape for i in self.inputs)

    @property
    def output_shapes(self) -> tuple[Shape, ...]:
        """The shape of every output for one sample."""
        return tuple(self.nodes[i].shape for i in self.outputs)

    def node(self, path: str) -> Node:
        """The node at a path such as ``"parallel1.branch2.conv1"``."""
        return next(node for node in self.nodes if node.path == path)

    def shapes_into(self, node: Node) -> tuple[Shape, ...]:
        """The shapes that the node reads."""
        return tuple(self.nodes[i].shape for i in node.inputs)


@value("network")
class Input(Layer):
    """The entrance of a network: the shape of one sample.

    Parameters
    ----------
    axes : axes of one sample without the batch axis, each >= 1: ``Input(10)`` for ten features,
        ``Input(1, 28, 28)`` for (channels, height, width), ``Input(50, 8)`` for (steps, features).
    shape : the same as one tuple, ``Input(shape=(1, 28, 28))``.

    Shapes
    ------
    (batch, *shape) -> (batch, *shape)

    Examples
    --------
    >>> from netwright.layers import Input, ReLU
    >>> (Input(10) >> ReLU(4)).output_shape
    (4,)
    """

    shape: tuple[int, ...]

    constraints: ClassVar[Mapping[str, Constraint]] = {"shape": tuple_of(integer(1), least=1)}

    def __init__(self, *axes: int, shape: tuple[int, ...] | None = None) -> None:
        if shape is None:
            shape = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes  # type: ignore[assignment]
        object.__setattr__(self, "shape", shape)
        self.__post_init__()  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"Input({', '.join(map(str, self.shape))})"

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return torch.nn.Identity()


@value("network")
class Chain(Expression):
    """Layers one after the other; made by ``a >> b``.

    Parameters
    ----------
    parts : the layers and branches in order.
    """

    parts: tuple[Expression, ...]

    constraints: ClassVar[Mapping[str, Constraint]] = {"parts": tuple_of(instance(Expression, text="layers"), least=1)}

    def __repr__(self) -> str:
        return " >> ".join(f"({part})" if isinstance(part, Parallel) else repr(part) for part in self.parts)


@value("network")
class Parallel(Expression):
    """Branches side by side; made by ``a | b``. Its output is the tuple of the branches' outputs.

    Parameters
    ----------
    branches : what stands side by side, at least two.
    """

    branches: tuple[Expression, ...]

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "branches": tuple_of(instance(Expression, text="layers"), least=2)
    }

    def __repr__(self) -> str:
        return " | ".join(map(repr, self.branches))


def join(*parts: Expression) -> Chain:
    """Join expressions one after the other: ``join(a, b)`` is ``a >> b``.

    Parameters
    ----------
    parts : layers and networks, at least one.

    Raises
    ------
    JoinError : a shape that the next layer cannot take (layer, path and both shapes are named).
    InvalidParameter : something that is no layer.

    Examples
    --------
    >>> from netwright.layers import Input, ReLU, Softmax
    >>> join(Input(4), ReLU(8), Softmax(3))
    Input(4) >> ReLU(8) >> Softmax(3)
    """
    flat: list[Expression] = []
    for part in parts:
        _expect_expression(">>", part)
        if flat and begins_with_input(part):
            raise JoinError(
                problem(
                    "a >> b",
                    "Input only at the beginning",
                    f"{part!r} on the right of {flat[-1]!r}",
                    "Leave its Input out, or put the two side by side with |.",
                )
            )
        flat.extend(part.parts if isinstance(part, Chain) else (part,))
    if not flat:
        raise InvalidParameter(problem("join()", "at least one layer", "none"))
    made = Chain(tuple(flat))
    if begins_with_input(made):
        _ABILITIES["plan_join"](made, parts[0])
    return made


def parallel(*branches: Expression) -> Parallel:
    """Put expressions side by side: ``parallel(a, b)`` is ``a | b``.

    Every branch gets the same input; or, when every branch begins with its own `Input`, one input each.

    Parameters
    ----------
    branches : layers and networks, at least two.

    Raises
    ------
    JoinError : some branches begin with `Input` and some do not.

    Examples
    --------
    >>> from netwright.layers import Input, Identity, Tanh, Concat
    >>> (Input(4) >> parallel(Identity(), Tanh(3)) >> Concat()).output_shape
    (7,)
    """
    flat: list[Expression] = []
    for branch in branches:
        _expect_expression("|", branch)
        flat.extend(branch.branches if isinstance(branch, Parallel) else (branch,))
    if len(flat) < 2:
        raise InvalidParameter(problem("parallel()", "at least two branches", str(len(flat))))
    closed = [begins_with_input(branch) for branch in flat]
    if any(closed) and not all(closed):
        raise JoinError(
            problem(
                "a | b",
                "every branch to begin with Input, or none",
                f"{flat[closed.index(True)]!r} with and {flat[closed.index(False)]!r} without",
                "Give each branch its Input, or put one Input before all: Input(...) >> (a | b).",
            )
        )
    return Parallel(tuple(flat))


def repeat(block: Expression, times: int) -> Chain:
    """Chain independent copies of a block: ``repeat(a, 3)`` is ``a >> a >> a``, each with weights of its own.

    Parameters
    ----------
    block : a layer or an open network.
    times : number of copies, an integer >= 1.

    Raises
    ------
    InvalidParameter : a number of copies below 1, or a chain of more than 100,000 parts.

    Examples
    --------
    >>> from netwright.layers import ReLU
    >>> repeat(ReLU(8), 2)
    ReLU(8) >> ReLU(8)
    """
    if not integer(1).accepts(times):
        raise InvalidParameter(problem("repeat(times)", "an integer >= 1", repr(times)))
    _expect_expression(">>", block)
    layers = times * (len(block.parts) if isinstance(block, Chain) else 1)
    if layers > LAYERS:
        raise InvalidParameter(problem("repeat(times)", f"a chain of at most {LAYERS} parts", str(layers)))
    return join(*[block] * times)


def count_inputs(expression: Expression) -> int:
    """The number of `Input` layers that a closed expression begins with."""
    if isinstance(expression, Chain):
        return count_inputs(expression.parts[0])
    if isinstance(expression, Parallel):
        return sum(map(count_inputs, expression.branches))
    return int(isinstance(expression, Input))


def begins_with_input(expression: Expression) -> bool:
    """Whether the expression is closed: its first layer, or that of every branch, is an `Input`.

    Parameters
    ----------
    expression : a layer or a network.
    """
    if isinstance(expression, Chain):
        return begins_with_input(expression.parts[0])
    if isinstance(expression, Parallel):
        return all(begins_with_input(branch) for branch in expression.branches)
    return isinstance(expression, Input)


def refuse(layer: Layer, takes: str, shapes: tuple[Shape, ...], remedy: str = "") -> JoinError:
    """The error of a layer that cannot take the shapes that come; the plan adds where in the network that is.

    Parameters
    ----------
    layer : the layer that refuses.
    takes : what it would take, in words.
    shapes : what came.
    remedy : one sentence that says what to do.
    """
    came = shapes[0] if len(shapes) == 1 else shapes
    return JoinError(problem(repr(layer), takes, f"shape {came}", remedy))


def _expect_expression(operator: str, thing: Any) -> None:
    if isinstance(thing, Expression):
        return
    if isinstance(thing, type) and issubclass(thing, Expression):
        remedy = f"Write {thing.__name__}(...): the class itself is not a layer yet."
    else:
        remedy = "Wrap a torch module as Module(lambda: ...) to use it as a layer."
    raise InvalidParameter(problem(f"a {operator} b", "layers and networks", repr(thing), remedy))


def _one_or_all(shapes: tuple[Shape, ...]) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes
