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
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import torch

from netwright.core.errors import LONG, JoinError, problem, shown
from netwright.core.validation import Constraint, instance, integer, nothing, tuple_of
from netwright.core.value import value
from netwright.graph.card import Card
from netwright.graph.table import Shape, Summary

if TYPE_CHECKING:
    import os

F = TypeVar("F", bound=Callable[..., Any])

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
        chain: Chain = _ABILITIES["join"](self, other)
        return chain

    def __or__(self, other: Expression) -> Parallel:
        branches: Parallel = _ABILITIES["parallel"](self, other)
        return branches

    @property
    def input_shape(self) -> Any:
        """Shape of one sample, a tuple of shapes for several inputs, None for an open network."""
        return _one_or_all(self.plan().input_shapes) if begins_with_input(self) else None

    @property
    def output_shape(self) -> Any:
        """Shape of the output for one sample, a tuple of shapes for several outputs, None for an open network."""
        return _one_or_all(self.plan().output_shapes) if begins_with_input(self) else None

    def __getitem__(self, place: str | slice) -> Expression:
        """A part by its name, ``net["conv1"]``, or from one to another inclusive, ``net["conv1":"conv3"]``."""
        part: Expression = _ABILITIES["cut"](self, place)
        return part

    def __iter__(self) -> Any:
        raise TypeError(
            problem("a network", "a name such as net['conv1']", "iteration", "Its layers: net.plan().nodes.")
        )

    def plan(self) -> Plan:
        """The nodes of the network in order with their observed shapes (made once, then kept)."""
        plan: Plan = _ABILITIES["plan_of"](self)
        return plan

    def summary(self, input_shape: Shape | None = None, explain: bool = False) -> Summary:
        """Per layer: output shape, parameters, MACs, receptive field; print it or read ``.rows``.

        Parameters
        ----------
        input_shape : closes an open network; None: a named architecture is taken on the size that it was made for.
        explain : whether printing shows how sizes and parameters come about.
        """
        summary: Summary = _ABILITIES["summarize"](self, input_shape, explain)
        return summary

    def receptive_field(self, layer: str | int | None = None) -> Any:
        """How far an output of a layer sees on the network's input, R_k = 1 + sum_j (F_j - 1) prod_{i < j} S_i.

        Parameters
        ----------
        layer : its path, such as ``"conv2"``, or its number k, 0 being the input; None: the last layer.
        """
        return _ABILITIES["receptive_field"](self, layer)

    def build(self, seed: int = 0, inplace: bool = True) -> torch.nn.Module:
        """A ``torch.nn.Module`` with fresh weights; the same seed gives the same weights.

        Parameters
        ----------
        seed : integer >= 0. Each layer draws from a stream of its own, so that a change behind it leaves it alone.
        inplace : whether ReLUs and sums may work in place where no other layer reads, as people write it by hand. A
            forward hook that keeps what a convolution gives without a copy needs False.
        """
        module: torch.nn.Module = _ABILITIES["build"](self, seed, inplace)
        return module

    def save(self, path: str | os.PathLike[str], module: torch.nn.Module | None = None) -> None:
        """Write the expression, and the weights of `module` if given, to one file; `netwright.load` reads it."""
        _ABILITIES["save_network"](self, path, module)

    def export(self, path: str | os.PathLike[str], module: torch.nn.Module) -> None:
        """Write the network with the weights of `module` to one ONNX file, which other programs run."""
        _ABILITIES["export_network"](self, path, module)

    def to_torch_source(self) -> str:
        """Python code of a ``torch.nn.Module`` that needs torch alone and takes the weights of the built one."""
        source: str = _ABILITIES["to_torch_source"](self)
        return source


class Layer(Expression):
    """One brick of a network. A layer author writes a value with one method, `make`.

    Class attributes: ``merges`` is True for layers that take several inputs as one tuple (``Concat``, ``Add``);
    ``takes`` is the shape of the input of a layer that knows it by itself (``CRF``) and is built alone, else None.
    """

    merges: ClassVar[bool] = False
    takes: ClassVar[tuple[int, ...] | None] = None

    @abstractmethod
    def make(self, *shapes: Shape) -> torch.nn.Module:
        """The torch module for inputs of these shapes (no batch axis), weights initialised.

        Raises `JoinError` by `netwright.graph.refuse` when the layer cannot take the shapes.
        """


class Block(Expression):
    """A layer that is made of layers, such as a residual block. Its author writes a value with one method, `expand`.

    The plan opens it where it stands: its inner layers have rows, paths and weights of their own below its name.
    """

    @abstractmethod
    def expand(self, shape: Shape) -> Expression:
        """The open network that the block is for an input of this shape (no batch axis).

        Raises `JoinError` by `netwright.graph.refuse` when the block cannot take the shape.
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
    blocks : what each `Block` was opened to, by its path.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    blocks: Mapping[str, Expression] = field(default_factory=dict)

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
        return self._by_path[path]

    @cached_property
    def _by_path(self) -> dict[str, Node]:
        return {node.path: node for node in self.nodes}

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
    card : what a named architecture says of itself; two networks that differ in it only are equal.
    """

    parts: tuple[Expression, ...]
    card: Card | None = field(default=None, compare=False)

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "parts": tuple_of(instance(Expression, text="layers"), least=1),
        "card": instance(Card, text="a card") | nothing,
    }

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


def close(expression: Expression, input_shape: Shape | None = None) -> Expression:
    """An open expression behind an `Input`, closed ones as they are.

    Parameters
    ----------
    expression : a layer or a network.
    input_shape : shape of one sample; None is that on the card of a named architecture.

    Raises
    ------
    JoinError : an open network without a card, or a closed one of another shape.
    """
    if begins_with_input(expression):
        if input_shape is not None and input_shape != expression.input_shape:
            got = f"input_shape {input_shape}"
            raise JoinError(problem(shown(expression, LONG), f"its own input shape {expression.input_shape}", got))
        return expression
    card = expression.card if isinstance(expression, Chain) else None
    shape = input_shape or (card.input_shape if card else None)
    if shape is None:
        remedy = "Put Input(...) before it, or hand it to an estimator, which closes it from the data."
        raise JoinError(problem(shown(expression, LONG), "a closed network", "one without Input", remedy))
    chain: Chain = _ABILITIES["join"](Input(shape=shape), expression)
    return chain


def refuse(layer: Expression, takes: str, shapes: tuple[Shape, ...], remedy: str = "") -> JoinError:
    """The error of a layer that cannot take the shapes that come; the plan adds where in the network that is.

    Parameters
    ----------
    layer : the layer that refuses.
    takes : what it would take, in words.
    shapes : what came.
    remedy : one sentence that says what to do.
    """
    came = shapes[0] if len(shapes) == 1 else shapes
    return JoinError(problem(shown(layer, LONG), takes, f"shape {came}", remedy))


def _one_or_all(shapes: tuple[Shape, ...]) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes
