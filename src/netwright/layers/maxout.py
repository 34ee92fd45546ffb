"""Maxout: units that are the largest of several affine maps, or the largest of neighbouring features or channels."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, integer, nothing, satisfies
from netwright.core.value import value
from netwright.graph import Layer, Shape, Sliding, refuse
from netwright.layers.dense import WEIGHTS, Start, fully_connected, settle
from netwright.layers.init import HeNormal


@value("layer")
class Maxout(Layer):
    """Each unit is the largest of several affine maps: y_u = max_p (x W_up^T + b_up).

    A unit learns its own convex activation, piecewise linear with at most `pieces` pieces. The default weight rule
    has gain 1: the larger of two independent normals has the second moment of one.

    Without `units` it is the reduction alone, y_u = max_p x_{u pieces + p}, over neighbours on one axis: the last one
    of (features,) and (steps, features), the channels of (channels, height, width) and (channels, depth, height,
    width). For the channels of (channels, length), which cannot be told from (steps, features), give ``axis=1``.

    Parameters
    ----------
    units : number of outputs, >= 1; None for the reduction alone.
    pieces : affine maps of each unit, or neighbours that are reduced to one, >= 1.
    axis : of the reduction alone, counted with the batch axis, as in torch, and not 0; None as above.
    weight : how W starts, an initialisation rule or a number.
    bias : True (starts at zero), False (none), or how it starts.

    Shapes
    ------
    (features,) -> (units,); (steps, features) -> (steps, units); without units that axis is divided by `pieces`

    Raises
    ------
    JoinError : units on an input of rank 3 or more: put Flatten() before it; without units an axis that is not there
        or that `pieces` does not divide.
    InvalidParameter : options out of range, `weight` or `bias` without `units`, `axis` with them.

    Examples
    --------
    >>> from netwright.layers import Conv, Input, Maxout
    >>> (Input(4) >> Maxout(3, pieces=2)).summary().parameters  # 2 x 3 x (4 + 1)
    30
    >>> (Input(3, 32, 32) >> Conv(64, 3) >> Maxout(pieces=2)).output_shape
    (32, 30, 30)

    References
    ----------
    Goodfellow, Warde-Farley, Mirza, Courville, Bengio, *Maxout networks*, 2013.
    """

    units: int | None = None
    pieces: int = 2
    _: KW_ONLY
    axis: int | None = None
    weight: Start = HeNormal(1.0)
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "units": integer(1) | nothing,
        "pieces": integer(1),
        "axis": satisfies("an integer other than 0, the batch axis", lambda a: integer().accepts(a) and a != 0)
        | nothing,
        **WEIGHTS,
    }

    def __post_init__(self) -> None:
        settle(self)
        if self.units is not None and self.axis is not None:
            remedy = "With units it acts on the last axis."
            raise InvalidParameter(problem("Maxout(axis)", "None with units", f"axis={self.axis}", remedy))

    def make(self, *shapes: Shape) -> torch.nn.Module:
        if self.units is None:
            return LargestPiece(self.pieces, self._divided_axis(shapes), len(shapes[0]) - 1)
        linear = fully_connected(self, shapes, self.units * self.pieces, self.weight, self.bias)
        return torch.nn.Sequential(OrderedDict(linear=linear, activation=LargestPiece(self.pieces)))

    def _divided_axis(self, shapes: tuple[Shape, ...]) -> int:
        """The axis of the reduction, counted from the front with the batch axis."""
        shape = shapes[0]
        rank = len(shape)
        axis = self.axis if self.axis is not None else rank if rank <= 2 else 1
        axis += rank + 1 if axis < 0 else 0
        if not 1 <= axis <= rank:
            remedy = f"It has the axes 1 to {rank}, counted with the batch axis."
            raise refuse(self, f"an input that has the axis {self.axis}", shapes, remedy)
        if shape[axis - 1] % self.pieces:
            size = shape[axis - 1]
            fitting = ", ".join(str(n) for n in range(2, size + 1) if size % n == 0)
            remedy = f"The {size} on axis {axis} can be cut into pieces of {fitting or '1'}."
            raise refuse(self, f"a multiple of {self.pieces} on axis {axis}", shapes, remedy)
        return axis


class LargestPiece(torch.nn.Module):
    """The largest of each `pieces` neighbours on an axis.

    Parameters
    ----------
    pieces : how many.
    axis : counted with the batch axis.
    space : the number of axes behind the channels.

    Attributes
    ----------
    sliding : for the receptive field: where channels are reduced a place sees itself; else None.
    """

    def __init__(self, pieces: int, axis: int = -1, space: int = 0) -> None:
        super().__init__()
        one, zero = (1,) * space, (0,) * space
        self.sliding = Sliding(one, one, zero, zero, one) if axis == 1 and space else None
        self.pieces = pieces
        self.axis = axis

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., units pieces, ...) -> (..., units, ...)"""
        pieces: torch.Tensor = x.movedim(self.axis, -1).unflatten(-1, (-1, self.pieces))  # (..., units, pieces)
        return pieces.amax(-1).movedim(-1, self.axis)  # so channels-last images stay in that layout

    def extra_repr(self) -> str:
        """The options."""
        return f"pieces={self.pieces}, axis={self.axis}"
