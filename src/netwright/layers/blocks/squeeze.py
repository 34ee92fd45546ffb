"""Fire blocks: few 1x1 filters squeeze the channels before 1x1 and 3x3 filters expand them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from netwright.core.validation import Constraint, integer
from netwright.core.value import value
from netwright.graph import Block, Expression, Shape
from netwright.layers.merge import Concat
from netwright.layers.rectifier import ReLU
from netwright.layers.space.convolution import Conv


@value("layer")
class Fire(Block):
    """A squeeze and two ways to expand it: z = relu(f_squeeze(x)), y = (relu(f_1x1(z)), relu(f_3x3(z))).

    All f are convolutions that keep the size, f_squeeze is 1x1. With s, o and t filters and on c channels of images it
    has s (c + 1) + o (s + 1) + t (9 s + 1) parameters.

    Parameters
    ----------
    squeeze : s, filters of the 1x1 convolution that squeezes, >= 1.
    ones : o, filters of the 1x1 convolution that expands, >= 1.
    threes : t, filters of the 3x3 convolution that expands, >= 1.

    Shapes
    ------
    (channels, *space) -> (ones + threes, *space)

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4.
    InvalidParameter : a number of filters below 1.

    Examples
    --------
    >>> from netwright.layers import Fire, Input
    >>> net = Input(96, 54, 54) >> Fire(16, 64, 64)
    >>> net.output_shape, net.summary().parameters
    ((128, 54, 54), 11920)

    References
    ----------
    Iandola et al., *SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size*, 2016.
    """

    squeeze: int
    ones: int
    threes: int

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "squeeze": integer(1),
        "ones": integer(1),
        "threes": integer(1),
    }

    def expand(self, shape: Shape) -> Expression:
        squeeze = Conv(self.squeeze, 1) >> ReLU()
        expand = Conv(self.ones, 1) >> ReLU() | Conv(self.threes, 3, padding=1) >> ReLU()
        return squeeze >> expand >> Concat()
