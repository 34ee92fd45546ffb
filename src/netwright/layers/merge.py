"""Layers that make one tensor of several: Add, Multiply, Elementwise, Concat.

They stand behind branches, ``(a | b) >> Add()``. Shapes are never broadcast: inputs of unequal shapes are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import torch

from netwright.core import registry
from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import Constraint, integer, one_of, satisfies
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse

Merging = Callable[..., torch.Tensor]


@value("layer")
class Add(Layer):
    """The sum of its inputs, element by element: y = x_1 + ... + x_n.

    Shapes
    ------
    n inputs of one shape -> that shape

    Raises
    ------
    JoinError : fewer than two inputs, or inputs of unequal shapes (they are not broadcast).

    Examples
    --------
    >>> from netwright.layers import Add, Conv, Identity, Input
    >>> (Input(8, 5, 5) >> (Conv(8, 3, padding="same") | Identity()) >> Add()).output_shape
    (8, 5, 5)

    References
    ----------
    He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2016.
    """

    merges: ClassVar[bool] = True

    def make(self, *shapes: Shape) -> torch.nn.Module:
        _expect_one_shape(self, shapes)
        return Sum()


@value("layer")
class Multiply(Layer):
    """The product of its inputs, element by element: y = x_1 x_2 ... x_n.

    Shapes
    ------
    n inputs of one shape -> that shape

    Raises
    ------
    JoinError : fewer than two inputs, or inputs of unequal shapes (they are not broadcast).

    Examples
    --------
    >>> from netwright.layers import Input, Linear, Multiply, Sigmoid
    >>> (Input(6) >> (Linear(4) | Sigmoid(4)) >> Multiply()).output_shape  # a gated linear unit
    (4,)

    References
    ----------
    Dauphin, Fan, Auli, Grangier, *Language modeling with gated convolutional networks*, 2017.
    """

    merges: ClassVar[bool] = True

    def make(self, *shapes: Shape) -> torch.nn.Module:
        _expect_one_shape(self, shapes)
        return Product()


@value("layer")
class Elementwise(Layer):
    """Any function of its inputs that keeps their shape: y = f(x_1, ..., x_n).

    Parameters
    ----------
    function : "add" (x_1 + ... + x_n), "multiply", "subtract" (x_1 - x_2, of two inputs), "maximum", "minimum",
        "average" (their sum / n), or a function that takes n tensors and gives one of their shape. To save a network
        that has one, give it a name with ``nw.register``. A function has no weights: what has some is a `Module`.

    Shapes
    ------
    n inputs of one shape -> that shape

    Raises
    ------
    JoinError : fewer than two inputs, inputs of unequal shapes (they are not broadcast), more than two to subtract, a
        function that does not run on them.
    InvalidParameter : an unknown name, something that is no function, a function that gives another shape.

    Examples
    --------
    >>> from netwright.layers import Elementwise, Input
    >>> module = ((Input(3) | Input(3)) >> Elementwise("maximum")).build()
    >>> import torch
    >>> module(torch.tensor([[1.0, 5.0, 3.0]]), torch.tensor([[4.0, 2.0, 3.0]]))
    tensor([[4., 5., 3.]])

    References
    ----------
    Shevchuk, *NeuPy: neural networks and deep learning in Python*, layer *Elementwise*, 2019.
    """

    function: str | Merging = "add"

    merges: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "function": one_of("add", "multiply", "subtract", "maximum", "minimum", "average")
        | satisfies(
            "a function of n tensors without weights",
            lambda thing: callable(thing) and not isinstance(thing, (torch.nn.Module, Layer, type)),
        ),
    }

    def __repr__(self) -> str:
        if isinstance(self.function, str):
            return "Elementwise()" if self.function == "add" else f"Elementwise({self.function!r})"
        name = registry.registered_name(self.function) or getattr(self.function, "__name__", None)
        return f"Elementwise({name or shown(self.function)})"

    def make(self, *shapes: Shape) -> torch.nn.Module:
        _expect_one_shape(self, shapes)
        if self.function == "subtract" and len(shapes) > 2:
            raise refuse(self, "two inputs", shapes, 'Add up what is to be subtracted first, by Elementwise("add").')
        if self.function == "add":
            return Sum()
        if self.function == "multiply":
            return Product()
        function = _FUNCTIONS[self.function] if isinstance(self.function, str) else self.function
        return Applied(function, repr(self))


@value("layer")
class Concat(Layer):
    """Its inputs one behind the other along an axis: y = (x_1, ..., x_n).

    Parameters
    ----------
    axis : counted with the batch axis, as in torch, and not 0. 1 joins the features of (features,) and the channels
        of (channels, *space); -1 joins the features of sequences (steps, features).

    Shapes
    ------
    n inputs that are equal but for that axis -> the same with the sum of them there

    Raises
    ------
    JoinError : fewer than two inputs, or inputs that differ in another axis.
    InvalidParameter : axis 0, the batch axis.

    Examples
    --------
    >>> from netwright.layers import Concat, Conv, Input
    >>> (Input(3, 9, 9) >> (Conv(4, 1) | Conv(8, 3, padding="same")) >> Concat()).output_shape
    (12, 9, 9)

    References
    ----------
    Szegedy et al., *Going deeper with convolutions*, 2015.
    """

    axis: int = 1

    merges: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "axis": satisfies("an integer other than 0, the batch axis", lambda a: integer().accepts(a) and a != 0)
    }

    def make(self, *shapes: Shape) -> torch.nn.Module:
        _expect_several(self, shapes)
        rank = len(shapes[0])
        if not (1 <= self.axis <= rank or -rank <= self.axis < 0):
            raise refuse(
                self, f"inputs that have the axis {self.axis}", shapes, "Axes are counted with the batch axis."
            )
        place = self.axis - 1 if self.axis > 0 else self.axis + rank
        if len({(len(shape), *shape[:place], 0, *shape[place + 1 :]) for shape in shapes}) > 1:
            remedy = "Make the other axes equal, for instance by the same padding and stride in all branches."
            raise refuse(self, f"inputs that are equal but for axis {self.axis}", shapes, remedy)
        return Concatenation(self.axis)


class Sum(torch.nn.Module):
    """The sum of a tuple of tensors; in place of the first where `inplace` says that nobody else needs it.

    Attributes
    ----------
    overwrites : a mark for the builder of networks, which sets `inplace`.
    """

    overwrites = True

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """n x (batch, *shape) -> (batch, *shape)"""
        total = inputs[0]
        for x in inputs[1:]:
            total = total.add_(x) if self.inplace and total.dtype == x.dtype else total + x
        return total

    def in_source(self, names: list[str]) -> str:
        """The sum of named tensors as code."""
        return " + ".join(names)

    def extra_repr(self) -> str:
        """Whether it works in place."""
        return "inplace=True" if self.inplace else ""


class Product(torch.nn.Module):
    """The product of a tuple of tensors."""

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """n x (batch, *shape) -> (batch, *shape)"""
        product = inputs[0]
        for x in inputs[1:]:
            product = product * x
        return product

    def in_source(self, names: list[str]) -> str:
        """The product of named tensors as code."""
        return " * ".join(names)


class Applied(torch.nn.Module):
    """A function of a tuple of tensors that keeps their shape.

    Parameters
    ----------
    function : takes the tensors one by one.
    layer : how an error names the layer.
    """

    def __init__(self, function: Merging, layer: str) -> None:
        super().__init__()
        self.function = function
        self.layer = layer

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """n x (batch, *shape) -> (batch, *shape)"""
        y = self.function(*inputs)
        if not isinstance(y, torch.Tensor) or y.shape != inputs[0].shape:
            got = f"one of shape {tuple(y.shape)}" if isinstance(y, torch.Tensor) else shown(y)
            expected = f"a function that gives a tensor of the shape of its inputs, {tuple(inputs[0].shape)}"
            remedy = "What changes the shape is a Module(factory, inputs=n)."
            raise InvalidParameter(problem(self.layer, expected, got, remedy))
        return y

    def extra_repr(self) -> str:
        """The layer."""
        return self.layer


class Concatenation(torch.nn.Module):
    """A tuple of tensors, one behind the other along an axis."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """n x (batch, *shape) -> (batch, *joined)"""
        return torch.cat(inputs, dim=self.axis)

    def in_source(self, names: list[str]) -> str:
        """Named tensors one behind the other as code."""
        return f"torch.cat([{', '.join(names)}], dim={self.axis})"

    def extra_repr(self) -> str:
        """The axis."""
        return f"axis={self.axis}"


def _maximum(first: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
    for x in others:
        first = torch.maximum(first, x)
    return first


def _minimum(first: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
    for x in others:
        first = torch.minimum(first, x)
    return first


def _average(*inputs: torch.Tensor) -> torch.Tensor:
    return sum(inputs[1:], inputs[0]) / len(inputs)


_FUNCTIONS: Mapping[str, Merging] = {
    "subtract": torch.sub,
    "maximum": _maximum,
    "minimum": _minimum,
    "average": _average,
}


def _expect_several(layer: Layer, shapes: tuple[Shape, ...]) -> None:
    if len(shapes) < 2:
        raise refuse(layer, "at least two inputs", shapes, f"Put it behind branches: (a | b) >> {layer!r}.")


def _expect_one_shape(layer: Layer, shapes: tuple[Shape, ...]) -> None:
    _expect_several(layer, shapes)
    if len(set(shapes)) > 1:
        remedy = "Give the branches the same shape, for instance by Conv(channels, 1) or Linear(units)."
        raise refuse(layer, "inputs of one shape", shapes, remedy)
