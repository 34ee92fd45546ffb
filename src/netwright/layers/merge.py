"""Layers that make one tensor of several: Add, Concat. They stand behind branches, ``(a | b) >> Add()``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.errors import JoinError
from netwright.core.validation import Constraint, integer, satisfies
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse


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
        _expect_several(self, shapes)
        if len(set(shapes)) > 1:
            remedy = "Give the branches the same shape, for instance by Conv(channels, 1) or Linear(units)."
            raise refuse(self, "inputs of one shape", shapes, remedy)
        return Sum()


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
    """The sum of a tuple of tensors."""

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """n x (batch, *shape) -> (batch, *shape)"""
        total = inputs[0]
        for x in inputs[1:]:
            total = total + x
        return total


class Concatenation(torch.nn.Module):
    """A tuple of tensors, one behind the other along an axis."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """n x (batch, *shape) -> (batch, *joined)"""
        return torch.cat(inputs, dim=self.axis)

    def extra_repr(self) -> str:
        """The axis."""
        return f"axis={self.axis}"


def _expect_several(layer: Layer, shapes: tuple[Shape, ...]) -> None:
    if len(shapes) < 2:
        raise _alone(layer, shapes)


def _alone(layer: Layer, shapes: tuple[Shape, ...]) -> JoinError:
    return refuse(layer, "at least two inputs", shapes, f"Put it behind branches: (a | b) >> {layer!r}.")
