"""Upsampling by interpolation, without weights, in 1-D, 2-D and 3-D: the rank of the input decides.

Along an axis of I places, with the factor f, place j of the output looks at the input position

    p = (j + 1/2) / f - 1/2                centres of places lie on centres (the default), or
    p = j (I - 1) / (f I - 1)              with `align_corners`: the first and last places lie on each other

and takes the sum of its neighbours x[i] with the weights h(p - i), p outside of [0, I - 1] meaning that the nearest
place at the border is repeated. Axes are done one after the other.

========= ============================================================================================
mode      h(t)
========= ============================================================================================
nearest   1 for the place that holds it: i = floor(j / f)
linear    max(1 - |t|, 0); bilinear and trilinear are the same for two and three axes
bicubic   (a + 2)|t|^3 - (a + 3)|t|^2 + 1 for |t| <= 1; a|t|^3 - 5a|t|^2 + 8a|t| - 4a for |t| < 2; a = -3/4
========= ============================================================================================

References
----------
Keys, *Cubic convolution interpolation for digital image processing*, 1981.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, boolean, one_of
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse
from netwright.layers.space.windows import PerAxis, channels_and_space, per_axis, sizes

_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
_AXES = {"bilinear": 2, "bicubic": 2, "trilinear": 3}  # modes that are for one number of space axes


@value("layer")
class Upsample(Layer):
    """Makes every space axis f times as long by interpolation: y[j] = sum_i h(p_j - i) x[i], p_j = (j + 1/2) / f - 1/2.

    The module is ``torch.nn.Upsample``. For upsampling that is learned see `ConvTranspose`.

    Parameters
    ----------
    factor : f, one integer >= 1 for all space axes or one for each.
    mode : "nearest" repeats every place f times; "linear" goes straight from place to place, along every axis.
        "bilinear" (2 space axes) and "trilinear" (3) are torch's names for it; "bicubic" (2 space axes) is smooth.
    align_corners : whether the first and last places of input and output lie on each other, and not their outer
        borders: p_j = j (I - 1) / (f I - 1); not for "nearest".

    Shapes
    ------
    (channels, *space) -> (channels, *places), places = f I

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4, factors for another number of axes, a mode for
        another number of axes.
    InvalidParameter : options out of range, `align_corners` with "nearest".

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Input, Upsample
    >>> (Input(1, 2) >> Upsample(2)).build()(torch.tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    >>> (Input(8, 7, 5) >> Upsample((2, 3), "linear")).output_shape
    (8, 14, 15)

    References
    ----------
    Keys, *Cubic convolution interpolation for digital image processing*, 1981.
    """

    factor: PerAxis = 2
    mode: str = "nearest"
    align_corners: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "factor": sizes,
        "mode": one_of("nearest", "linear", "bilinear", "bicubic", "trilinear"),
        "align_corners": boolean,
    }

    def __post_init__(self) -> None:
        if self.align_corners and self.mode == "nearest":
            remedy = 'Leave it out, or choose "linear".'
            raise InvalidParameter(problem("Upsample(align_corners)", 'False with mode="nearest"', "True", remedy))

    def make(self, *shapes: Shape) -> torch.nn.Module:
        _, space = channels_and_space(self, shapes)
        axes = _AXES.get(self.mode, len(space))
        if axes != len(space):
            fitting = ["nearest", "linear", *(mode for mode, needed in _AXES.items() if needed == len(space))]
            remedy = f"Use {' or '.join(map(repr, fitting))}."
            raise refuse(self, f"an input with {axes} space axes, as {self.mode!r} says", shapes, remedy)
        factor = per_axis(self, "factor", self.factor, shapes)
        if self.mode == "nearest":  # torch's own "nearest" is off by one place for factors such as 41, by rounding
            return torch.nn.Upsample(scale_factor=tuple(map(float, factor)), mode="nearest-exact")
        mode = _LINEAR[len(space)] if self.mode == "linear" else self.mode
        return torch.nn.Upsample(scale_factor=tuple(map(float, factor)), mode=mode, align_corners=self.align_corners)
