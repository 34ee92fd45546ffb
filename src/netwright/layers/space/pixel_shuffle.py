"""Sub-pixel rearrangement: channels become places, so that a convolution before it learns to enlarge.

References
----------
Shi et al., *Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
network*, 2016.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.validation import Constraint, integer
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse


@value("layer")
class PixelShuffle(Layer):
    """Makes an image r times as high and wide out of its channels: y[c, r i + a, r j + b] = x[c r^2 + a r + b, i, j].

    ``Conv(c * r**2, 3, padding="same") >> PixelShuffle(r)`` is the sub-pixel convolution: it works on the small image,
    and no place of the large one gets more terms than another, so it makes no pattern of squares by itself. The module
    is ``torch.nn.PixelShuffle``. The other way round is ``Conv(c, r, stride=r)``.

    Parameters
    ----------
    factor : r, an integer >= 1.

    Shapes
    ------
    (c r^2, height, width) -> (c, r height, r width)

    Raises
    ------
    JoinError : an input that is not (channels, height, width), channels that r^2 does not divide.
    InvalidParameter : a factor out of range.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Input, PixelShuffle
    >>> (Input(4, 1, 1) >> PixelShuffle(2)).build()(torch.arange(4.0).reshape(1, 4, 1, 1))
    tensor([[[[0., 1.],
              [2., 3.]]]])
    >>> (Input(27, 8, 5) >> PixelShuffle(3)).output_shape
    (3, 24, 15)

    References
    ----------
    Shi et al., *Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
    network*, 2016.
    """

    factor: int = 2

    constraints: ClassVar[Mapping[str, Constraint]] = {"factor": integer(1)}

    def make(self, *shapes: Shape) -> torch.nn.Module:
        if len(shapes[0]) != 3:
            raise refuse(self, "an input (channels, height, width)", shapes)
        share = self.factor**2
        if shapes[0][0] % share:
            remedy = f"Put Conv(channels * {share}, 3, padding='same') before it."
            raise refuse(self, f"a multiple of {share} channels, {self.factor}²", shapes, remedy)
        return torch.nn.PixelShuffle(self.factor)
