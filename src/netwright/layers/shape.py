"""Layers that change the shape of a sample and nothing else: Flatten, Reshape, Identity."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.validation import Constraint, integer, satisfies
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse


@value("layer")
class Flatten(Layer):
    """All axes of a sample in one: y_{(i n_2 + j) n_3 + k} = x_ijk, the last axis fastest.

    Shapes
    ------
    (n_1, ..., n_r) -> (n_1 ... n_r,)

    Raises
    ------
    InvalidParameter : any option: it takes none.

    Examples
    --------
    >>> from netwright.layers import Flatten, Input
    >>> (Input(8, 5, 5) >> Flatten()).output_shape
    (200,)

    References
    ----------
    PyTorch, *torch.nn.Flatten*.
    """

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return torch.nn.Flatten()


@value("layer")
class Identity(Layer):
    """The input itself, y = x: the short cut of a residual block.

    Shapes
    ------
    any, kept

    Raises
    ------
    InvalidParameter : any option: it takes none.

    Examples
    --------
    >>> from netwright.layers import Add, Identity, Input, ReLU
    >>> (Input(4) >> (ReLU(4) | Identity()) >> Add()).output_shape
    (4,)

    References
    ----------
    He, Zhang, Ren, Sun, *Identity mappings in deep residual networks*, 2016.
    """

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return torch.nn.Identity()


@value("layer")
class Reshape(Layer):
    """The same numbers in other axes, the last axis fastest: ``Reshape(1, 8, 8)`` makes 64 features an image.

    Parameters
    ----------
    axes : the axes of a sample, each >= 1; one may be -1 and is what is left.
    shape : the same as one tuple, ``Reshape(shape=(1, 8, 8))``.

    Shapes
    ------
    (n_1, ..., n_r) -> shape, of the same number of elements

    Raises
    ------
    JoinError : an input with another number of elements.
    InvalidParameter : no axes, an axis of 0, more than one -1.

    Examples
    --------
    >>> from netwright.layers import Input, Reshape
    >>> (Input(64) >> Reshape(1, 8, -1)).output_shape
    (1, 8, 8)

    References
    ----------
    PyTorch, *torch.nn.Unflatten*.
    """

    shape: tuple[int, ...]

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "shape": satisfies(
            "at least one axis, each an integer >= 1, at most one of them -1",
            lambda axes: (
                isinstance(axes, tuple)
                and len(axes) > 0
                and all(integer(1).accepts(axis) or (integer().accepts(axis) and axis == -1) for axis in axes)
                and axes.count(-1) <= 1
            ),
        )
    }

    def __init__(self, *axes: int, shape: tuple[int, ...] | None = None) -> None:
        if shape is None:
            shape = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes  # type: ignore[assignment]
        object.__setattr__(self, "shape", shape)
        self.__post_init__()  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"Reshape({', '.join(map(str, self.shape))})"

    def make(self, *shapes: Shape) -> torch.nn.Module:
        have, known = math.prod(shapes[0]), math.prod(axis for axis in self.shape if axis != -1)
        if have % known or (-1 not in self.shape and have != known):
            takes = f"{known} elements" if -1 not in self.shape else f"a multiple of {known} elements"
            raise refuse(self, takes, shapes, f"The input has {have}.")
        target = tuple(have // known if axis == -1 else axis for axis in self.shape)
        flatten = torch.nn.Flatten()
        if len(target) == 1:
            return flatten
        unflatten = torch.nn.Unflatten(1, target)
        if len(shapes[0]) == 1:
            return unflatten
        return torch.nn.Sequential(OrderedDict(flatten=flatten, unflatten=unflatten))
