"""Maxout: units that are the largest of several affine maps."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar

import torch

from netwright.core.validation import Constraint, integer
from netwright.core.value import value
from netwright.graph import Layer, Shape
from netwright.layers.dense import WEIGHTS, Start, fully_connected, settle
from netwright.layers.init import HeNormal


@value("layer")
class Maxout(Layer):
    """Each unit is the largest of several affine maps: y_u = max_p (x W_up^T + b_up).

    A unit learns its own convex activation, piecewise linear with at most `pieces` pieces. The default weight rule
    has gain 1: the larger of two independent normals has the second moment of one.

    Parameters
    ----------
    units : number of outputs, >= 1.
    pieces : affine maps of each unit, >= 1.
    weight : how W starts, an initialisation rule or a number.
    bias : True (starts at zero), False (none), or how it starts.

    Shapes
    ------
    (features,) -> (units,); (steps, features) -> (steps, units)

    Raises
    ------
    JoinError : an input of rank 3 or more: put Flatten() before it.
    InvalidParameter : units or pieces below 1.

    Examples
    --------
    >>> from netwright.layers import Input, Maxout
    >>> (Input(4) >> Maxout(3, pieces=2)).summary().parameters  # 2 x 3 x (4 + 1)
    30

    References
    ----------
    Goodfellow, Warde-Farley, Mirza, Courville, Bengio, *Maxout networks*, 2013.
    """

    units: int
    pieces: int = 2
    _: KW_ONLY
    weight: Start = HeNormal(1.0)
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = {"units": integer(1), "pieces": integer(1), **WEIGHTS}

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        linear = fully_connected(self, shapes, self.units * self.pieces, self.weight, self.bias)
        return torch.nn.Sequential(OrderedDict(linear=linear, activation=LargestPiece(self.pieces)))


class LargestPiece(torch.nn.Module):
    """The largest of each `pieces` neighbours on the last axis."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., units pieces) -> (..., units)"""
        pieces: torch.Tensor = x.unflatten(-1, (-1, self.pieces))  # (..., units, pieces)
        return pieces.amax(-1)

    def extra_repr(self) -> str:
        """The number of pieces."""
        return f"pieces={self.pieces}"
