"""Layers behind branches that are not merged as they are: CropConcat for maps of unequal sizes, Pick for one input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.validation import Constraint, integer
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse
from netwright.layers.space.windows import flat


@value("layer")
class CropConcat(Layer):
    """Maps cut to the smallest size among them and joined by their channels: y = (crop(x_1), ..., crop(x_n)).

    The middle of each is kept: of a surplus of d places on an axis floor(d / 2) are cut at its start and the rest at
    its end. Inputs of one size are joined as they are. The sizes are looked at when the module runs.

    Shapes
    ------
    n inputs (channels_j, *space_j) of one rank -> (sum_j channels_j, *smallest)

    Raises
    ------
    JoinError : fewer than two inputs, or inputs that are not all (channels, *space) of one rank.

    Examples
    --------
    >>> from netwright.layers import Conv, CropConcat, Identity, Input
    >>> (Input(3, 9, 9) >> (Identity() | Conv(8, 3)) >> CropConcat()).output_shape
    (11, 7, 7)

    References
    ----------
    Ronneberger, Fischer, Brox, *U-Net: convolutional networks for biomedical image segmentation*, 2015.
    """

    merges: ClassVar[bool] = True

    def make(self, *shapes: Shape) -> torch.nn.Module:
        if len(shapes) < 2:
            raise refuse(self, "at least two inputs", shapes, f"Put it behind branches: (a | b) >> {self!r}.")
        if len({len(shape) for shape in shapes}) > 1 or len(shapes[0]) < 2:
            remedy = "Let every branch end in maps; Concat() joins features."
            raise refuse(self, "inputs (channels, *space) of one rank", shapes, remedy)
        return CroppedConcatenation()


@value("layer")
class Pick(Layer):
    """One of several inputs, y = x_index: what a branch begins with that reads one output of the branches before it.

    Parameters
    ----------
    index : which one, counted from 0.

    Shapes
    ------
    n inputs -> the one at `index`

    Raises
    ------
    JoinError : no input of that number.
    InvalidParameter : a negative index.

    Examples
    --------
    >>> from netwright.layers import Identity, Input, Pick, ReLU, Softmax
    >>> net = Input(4) >> (ReLU(8) | Identity()) >> (Pick(0) >> Softmax(3) | Pick(1) >> Softmax(2))
    >>> net.output_shape
    ((3,), (2,))

    References
    ----------
    Szegedy et al., *Going deeper with convolutions*, 2015.
    """

    index: int

    merges: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {"index": integer(0)}

    def make(self, *shapes: Shape) -> torch.nn.Module:
        if len(shapes) < 2:
            raise refuse(self, "at least two inputs", shapes, f"Put it behind branches: (a | b) >> {self!r}.")
        if self.index >= len(shapes):
            remedy = f"There are {len(shapes)}: the last one is Pick({len(shapes) - 1})."
            raise refuse(self, f"at least {self.index + 1} inputs", shapes, remedy)
        return Item(self.index)


class CroppedConcatenation(torch.nn.Module):
    """The middles of a tuple of maps, one behind the other along the channels."""

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """n x (batch, channels_j, *space_j) -> (batch, channels, *smallest)"""
        smallest = [min(sizes) for sizes in zip(*(x.shape[2:] for x in inputs), strict=True)]
        return torch.cat([middle(x, smallest) for x in inputs], dim=1)


class Item(torch.nn.Module):
    """One tensor of a tuple."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """n tensors -> the one at the index"""
        return inputs[self.index]

    def in_source(self, names: list[str]) -> str:
        """The tensor of that name as code."""
        return names[self.index]

    def extra_repr(self) -> str:
        """The index."""
        return f"{self.index}"


def middle(x: torch.Tensor, size: list[int]) -> torch.Tensor:
    """The middle of a map in a smaller size: (batch, channels, *space) -> (batch, channels, *size).

    By a negative padding: unlike that of a slice, its gradient keeps the memory format.
    """
    cuts = [(have - keep) // 2 for have, keep in zip(x.shape[2:], size, strict=True)]
    pairs = tuple((-cut, cut + keep - have) for cut, have, keep in zip(cuts, x.shape[2:], size, strict=True))
    amounts = flat(pairs)
    return torch.nn.functional.pad(x, amounts) if any(amounts) else x
