"""Pooling to a size: as many windows as places are wanted, of whatever width that takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from netwright.core.validation import Constraint, one_of
from netwright.core.value import value
from netwright.graph import Layer, Shape
from netwright.layers.space.windows import PerAxis, channels_and_space, per_axis, sizes

_POOLS: dict[tuple[str, int], Any] = {
    ("avg", 1): torch.nn.AdaptiveAvgPool1d,
    ("avg", 2): torch.nn.AdaptiveAvgPool2d,
    ("avg", 3): torch.nn.AdaptiveAvgPool3d,
    ("max", 1): torch.nn.AdaptiveMaxPool1d,
    ("max", 2): torch.nn.AdaptiveMaxPool2d,
    ("max", 3): torch.nn.AdaptiveMaxPool3d,
}


@value("layer")
class AdaptivePool(Layer):
    """Windows that leave a given size O: y_c[i] = mean of x_c[floor(i I / O)] ... x_c[ceil((i + 1) I / O) - 1].

    Where O divides the input's size I it is a pool with windows of I / O; where it does not, windows overlap; where
    I < O places are repeated. It stands before fully connected layers, so that they take images of other sizes.

    Parameters
    ----------
    size : O, one integer >= 1 for all space axes or one for each.
    kind : "avg", or "max" for the largest value of each window.

    Shapes
    ------
    (channels, *space) -> (channels, *size)

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4, a size for another number of axes.
    InvalidParameter : a size below 1, an unknown kind.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import AdaptivePool, Input
    >>> (Input(1, 4) >> AdaptivePool(3)).build()(torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]))
    tensor([[[1.5000, 2.5000, 3.5000]]])

    References
    ----------
    He, Zhang, Ren, Sun, *Spatial pyramid pooling in deep convolutional networks for visual recognition*, 2015.
    """

    size: PerAxis
    kind: str = "avg"

    constraints: ClassVar[Mapping[str, Constraint]] = {"size": sizes, "kind": one_of("avg", "max")}

    def make(self, *shapes: Shape) -> torch.nn.Module:
        _, space = channels_and_space(self, shapes)
        size = per_axis(self, "size", self.size, shapes)
        return _POOLS[self.kind, len(space)](size[0] if len(size) == 1 else size)  # type: ignore[no-any-return]
