"""Layers that move numbers and compute nothing: Flatten, Reshape, Transpose, Select, Identity."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from netwright.core.validation import Constraint, integer, satisfies, tuple_of
from netwright.core.value import value
from netwright.graph import Layer, Shape, Sliding, refuse


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
            shape = axes_given(axes)
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


@value("layer")
class Transpose(Layer):
    """The axes of a sample in another order, y_ji = x_ij: ``Transpose()`` makes a sequence of (channels, length).

    Parameters
    ----------
    order : for each axis of the result which axis of the input it is, counted with the batch axis, as in torch: the
        numbers 1 to r in any order. None given: the last two axes change places.
    axes : the same as one tuple, ``Transpose(axes=(2, 1))``.

    Shapes
    ------
    (n_1, ..., n_r) -> (n_axes[0], ..., n_axes[r-1])

    Raises
    ------
    JoinError : an input of another rank, or of rank 1 when the last two axes are to change places.
    InvalidParameter : axes that are not the numbers 1 to r.

    Examples
    --------
    >>> from netwright.layers import Input, Transpose
    >>> (Input(3, 28, 20) >> Transpose(2, 3, 1)).output_shape, (Input(50, 8) >> Transpose()).output_shape
    ((28, 20, 3), (8, 50))

    References
    ----------
    PyTorch, *torch.permute*.
    """

    axes: tuple[int, ...] = ()

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "axes": satisfies(
            "the numbers 1 to r of the axes of a sample, each once",
            lambda axes: (
                isinstance(axes, tuple)
                and all(integer(1).accepts(axis) for axis in axes)
                and sorted(axes) == list(range(1, len(axes) + 1))
            ),
        )
    }

    def __init__(self, *order: int, axes: tuple[int, ...] | None = None) -> None:
        if axes is None:
            axes = axes_given(order)
        object.__setattr__(self, "axes", axes)
        self.__post_init__()  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"Transpose({', '.join(map(str, self.axes))})"

    def make(self, *shapes: Shape) -> torch.nn.Module:
        rank = len(shapes[0])
        if self.axes and len(self.axes) != rank:
            remedy = f"Give the numbers 1 to {rank} in the order that you want."
            raise refuse(self, f"an input of rank {len(self.axes)}, one axis for each number", shapes, remedy)
        if rank < 2 and not self.axes:
            raise refuse(self, "an input of rank 2 or more", shapes, "Put Reshape(1, -1) before it, or leave it out.")
        axes = self.axes or (*range(1, rank - 1), rank, rank - 1)
        return Permutation(axes)


@value("layer")
class Select(Layer):
    """Some of the channels or features, in a given order: y_i = x_{indices[i]}.

    So each branch gets some of a table's columns, ``Select((0, 3)) >> ... | Select((1, 2)) >> ...``, and the filters of
    a convolution see some of the maps only, as in the third layer of LeNet-5.

    Parameters
    ----------
    indices : which ones, counted from 0; they may repeat.
    axis : where, counted with the batch axis, as in torch, and not 0. 1 is the features of (features,) and the
        channels of (channels, *space); -1 is the features of (steps, features).

    Shapes
    ------
    (channels, *space) -> (len(indices), *space); likewise on another axis

    Raises
    ------
    JoinError : an input that has not this axis or too few elements on it.
    InvalidParameter : no indices or negative ones, axis 0.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Input, Select
    >>> (Input(4) >> Select((3, 0, 0))).build()(torch.tensor([[10.0, 11.0, 12.0, 13.0]]))
    tensor([[13., 10., 10.]])

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, 1998 (table I).
    """

    indices: tuple[int, ...]
    axis: int = 1

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "indices": tuple_of(integer(0), least=1),
        "axis": satisfies("an integer other than 0, the batch axis", lambda a: integer().accepts(a) and a != 0),
    }

    def make(self, *shapes: Shape) -> torch.nn.Module:
        rank = len(shapes[0])
        axis = self.axis if self.axis > 0 else self.axis + rank + 1
        if not 1 <= axis <= rank:
            remedy = f"It has the axes 1 to {rank}, counted with the batch axis."
            raise refuse(self, f"an input that has the axis {self.axis}", shapes, remedy)
        have, most = shapes[0][axis - 1], max(self.indices)
        if most >= have:
            remedy = f"The indices on axis {axis} are 0 to {have - 1}."
            raise refuse(self, f"at least {most + 1} elements on axis {axis}", shapes, remedy)
        return Selection(self.indices, axis, rank - 1)


def axes_given(axes: tuple[Any, ...]) -> Any:
    """What was given one by one, or as one sequence: ``f(1, 2)``, ``f((1, 2))``, ``f(range(1, 3))``."""
    return axes[0] if len(axes) == 1 and isinstance(axes[0], (Sequence, np.ndarray)) else axes


class Permutation(torch.nn.Module):
    """The axes behind the batch axis in another order.

    Parameters
    ----------
    axes : counted with the batch axis.
    """

    def __init__(self, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, *shape) -> (batch, *permuted)"""
        return x.permute(0, *self.axes)

    def extra_repr(self) -> str:
        """The axes."""
        return f"axes={self.axes}"


class Selection(torch.nn.Module):
    """The elements at some places of an axis; neighbours in their order are a view.

    Parameters
    ----------
    indices : the places.
    axis : counted with the batch axis.
    space : the number of axes behind the channels.

    Attributes
    ----------
    sliding : for the receptive field: where channels are selected a place sees itself; else None.
    """

    indices: torch.Tensor

    def __init__(self, indices: tuple[int, ...], axis: int, space: int) -> None:
        super().__init__()
        one, zero = (1,) * space, (0,) * space
        self.sliding = Sliding(one, one, zero, zero, one) if axis == 1 and space else None
        self.axis, self.places = axis, indices
        self.first, self.count = indices[0], len(indices)
        self.neighbours = indices == tuple(range(self.first, self.first + self.count))
        self.register_buffer("indices", torch.tensor(indices), persistent=False)  # the layer says them

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, *shape) -> the same with the selected elements on that axis"""
        if self.neighbours:
            return x.narrow(self.axis, self.first, self.count)
        return x.index_select(self.axis, self.indices)

    def extra_repr(self) -> str:
        """The options."""
        return f"indices={self.places}, axis={self.axis}"
