"""Affine warps: shift, rotation, scaling and shear, each a 2x3 matrix that says where a new pixel is read.

========= ============================== ================================= ==================================
value     drawn for each image           the image's point moves to        read at (x right, y down, from the centre)
========= ============================== ================================= ==================================
`Shift`   a, b in [-pixels, pixels]      (x + b, y + a)                    (x - b, y - a)
`Rotate`  t in [-degrees, degrees]       R(t) (x, y), anticlockwise        (x cos t - y sin t, x sin t + y cos t)
`Scale`   log s in [-log f, log f]       (s x, s y)                        (x / s, y / s)
`Shear`   t in [-degrees, degrees]       (x - y tan t, y)                  (x + y tan t, y)
========= ============================== ================================= ==================================

All draws are uniform. The functions `shifted`, `rotated`, `scaled` and `sheared` are the same with numbers that are
given, one for all images or one for each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar, final

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, boolean, number, tuple_of
from netwright.core.value import value
from netwright.data.augment.base import each, exact_dtype, uniform
from netwright.data.augment.warp import FILL, Warp, warped

Numbers = float | torch.Tensor


@final
@value("augmentation")
class Shift(Warp):
    """Moves each image by up to so many pixels: y(p) = x(p - t), t uniform in [-pixels, pixels] on each axis.

    Shifts are not whole pixels; values in between are interpolated.

    Parameters
    ----------
    pixels : the largest shift, >= 0: one number for both axes, or (vertical, horizontal).
    fill : what comes in from outside: "zeros", "border" or "reflection".

    Shapes
    ------
    (n, channels, height, width), kept

    Raises
    ------
    InvalidParameter : a negative shift, or not one or two of them.

    Examples
    --------
    >>> x = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    >>> Shift(2)(x, torch.Generator().manual_seed(1)).shape
    torch.Size([8, 1, 28, 28])

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, 1998.
    """

    pixels: float | tuple[float, float] = 2.0
    _: KW_ONLY
    fill: str = "zeros"

    constraints: ClassVar[Mapping[str, Constraint]] = {"pixels": number(0) | tuple_of(number(0)), "fill": FILL}

    def __post_init__(self) -> None:
        if isinstance(self.pixels, tuple) and len(self.pixels) != 2:
            raise InvalidParameter(problem("Shift(pixels)", "one number or (vertical, horizontal)", repr(self.pixels)))

    def draw(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        down, right = self.pixels if isinstance(self.pixels, tuple) else (self.pixels, self.pixels)
        u = uniform(x, generator, 2)
        return shift_matrix(x, down * u[:, 0], right * u[:, 1])


@final
@value("augmentation")
class Rotate(Warp):
    """Turns each image about its centre by an angle t, y(p) = x(R(t) p), t uniform in [-degrees, degrees].

    Parameters
    ----------
    degrees : the largest angle, in [0, 180].
    fill : what comes in from outside: "zeros", "border" or "reflection".

    Shapes
    ------
    (n, channels, height, width), kept

    Raises
    ------
    InvalidParameter : an angle outside [0, 180].

    Examples
    --------
    >>> x = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    >>> turned = Rotate(10)(x, torch.Generator().manual_seed(1))
    >>> turned.equal(Rotate(10)(x, torch.Generator().manual_seed(1)))
    True

    References
    ----------
    Simard, Steinkraus, Platt, *Best practices for convolutional neural networks applied to visual document analysis*,
    2003.
    """

    degrees: float = 10.0
    _: KW_ONLY
    fill: str = "zeros"

    constraints: ClassVar[Mapping[str, Constraint]] = {"degrees": number(0, 180), "fill": FILL}

    def draw(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return rotation_matrix(x, self.degrees * uniform(x, generator))


@final
@value("augmentation")
class Scale(Warp):
    """Enlarges or shrinks each image about its centre, y(p) = x(p / s), log s uniform in [-log factor, log factor].

    Parameters
    ----------
    factor : the largest enlargement, >= 1; 1.1 draws s between 1 / 1.1 and 1.1.
    stretch : draw the factors of height and width apart, so that proportions change too.
    fill : what comes in from outside: "zeros", "border" or "reflection".

    Shapes
    ------
    (n, channels, height, width), kept

    Raises
    ------
    InvalidParameter : a factor below 1.

    Examples
    --------
    >>> x = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    >>> Scale(1.1, stretch=True)(x, torch.Generator().manual_seed(1)).shape
    torch.Size([8, 1, 28, 28])

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, 1998.
    """

    factor: float = 1.1
    _: KW_ONLY
    stretch: bool = False
    fill: str = "zeros"

    constraints: ClassVar[Mapping[str, Constraint]] = {"factor": number(1), "stretch": boolean, "fill": FILL}

    def draw(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        s = (math.log(self.factor) * uniform(x, generator, 2 if self.stretch else 1)).exp()
        return scale_matrix(x, s[:, 0], s[:, -1])


@final
@value("augmentation")
class Shear(Warp):
    """Slants each image by an angle t, y(p) = x(p_x + p_y tan t, p_y), t uniform in [-degrees, degrees].

    A positive angle moves what is above the centre to the right, as in italics.

    Parameters
    ----------
    degrees : the largest angle, in [0, 90).
    fill : what comes in from outside: "zeros", "border" or "reflection".

    Shapes
    ------
    (n, channels, height, width), kept

    Raises
    ------
    InvalidParameter : an angle outside [0, 90).

    Examples
    --------
    >>> x = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    >>> Shear(10)(x, torch.Generator().manual_seed(1)).shape
    torch.Size([8, 1, 28, 28])

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, 1998.
    """

    degrees: float = 10.0
    _: KW_ONLY
    fill: str = "zeros"

    constraints: ClassVar[Mapping[str, Constraint]] = {"degrees": number(0, 90, closed="left"), "fill": FILL}

    def draw(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return shear_matrix(x, self.degrees * uniform(x, generator))


def shifted(x: torch.Tensor, down: Numbers = 0.0, right: Numbers = 0.0, fill: str = "zeros") -> torch.Tensor:
    """Images moved by given distances: y(i, j) = x(i - down, j - right).

    Parameters
    ----------
    x : images (n, channels, height, width).
    down, right : pixels, one number or (n,).
    fill : what comes in from outside: "zeros", "border" or "reflection".

    Shapes
    ------
    (n, channels, height, width), kept

    Examples
    --------
    >>> shifted(torch.tensor([[[[1.0, 2.0, 3.0]]]]), right=1)[0, 0].tolist()
    [[0.0, 1.0, 2.0]]
    """
    return warped(x, [shift_matrix(x, each(x, down), each(x, right))], fill)


def rotated(x: torch.Tensor, degrees: Numbers, fill: str = "zeros") -> torch.Tensor:
    """Images turned anticlockwise about their centres by given angles: y(p) = x(R p).

    Parameters
    ----------
    x : images (n, channels, height, width).
    degrees : one angle or (n,).
    fill : what comes in from outside: "zeros", "border" or "reflection".

    Shapes
    ------
    (n, channels, height, width), kept

    Examples
    --------
    >>> rotated(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), 90)[0, 0].round().tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """
    return warped(x, [rotation_matrix(x, each(x, degrees))], fill)


def scaled(x: torch.Tensor, vertical: Numbers, horizontal: Numbers | None = None, fill: str = "zeros") -> torch.Tensor:
    """Images enlarged about their centres by given factors: y(p) = x(p / s).

    Parameters
    ----------
    x : images (n, channels, height, width).
    vertical : factor of the height, > 0, one number or (n,).
    horizontal : factor of the width; None for the same.
    fill : what comes in from outside: "zeros", "border" or "reflection".

    Shapes
    ------
    (n, channels, height, width), kept

    Examples
    --------
    >>> scaled(torch.tensor([[[[0.0, 4.0, 0.0]]]]), 1, 2)[0, 0].round().tolist()
    [[2.0, 4.0, 2.0]]
    """
    return warped(
        x, [scale_matrix(x, each(x, vertical), each(x, vertical if horizontal is None else horizontal))], fill
    )


def sheared(x: torch.Tensor, degrees: Numbers, fill: str = "zeros") -> torch.Tensor:
    """Images slanted by given angles, the upper part to the right: y(p) = x(p_x + p_y tan t, p_y).

    Parameters
    ----------
    x : images (n, channels, height, width).
    degrees : one angle in (-90, 90), or (n,).
    fill : what comes in from outside: "zeros", "border" or "reflection".

    Shapes
    ------
    (n, channels, height, width), kept

    Examples
    --------
    >>> bar = torch.tensor([[[[0.0, 1.0, 0.0]] * 3]])
    >>> sheared(bar, 45)[0, 0].round().tolist()
    [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    return warped(x, [shear_matrix(x, each(x, degrees))], fill)


def shift_matrix(x: torch.Tensor, down: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """The matrices of shifts, each (n,): (x - right, y - down)."""
    made = _identity(x)
    made[:, 0, 2] = -right
    made[:, 1, 2] = -down
    return made


def rotation_matrix(x: torch.Tensor, degrees: torch.Tensor) -> torch.Tensor:
    """The matrices of anticlockwise rotations by angles (n,)."""
    cos, sin = torch.cos(torch.deg2rad(degrees)), torch.sin(torch.deg2rad(degrees))
    made = _identity(x)
    made[:, 0, 0] = made[:, 1, 1] = cos
    made[:, 0, 1], made[:, 1, 0] = -sin, sin
    return made


def scale_matrix(x: torch.Tensor, vertical: torch.Tensor, horizontal: torch.Tensor) -> torch.Tensor:
    """The matrices of enlargements, each (n,): (x / horizontal, y / vertical)."""
    made = _identity(x)
    made[:, 0, 0], made[:, 1, 1] = 1 / horizontal, 1 / vertical
    return made


def shear_matrix(x: torch.Tensor, degrees: torch.Tensor) -> torch.Tensor:
    """The matrices of slants by angles (n,)."""
    made = _identity(x)
    made[:, 0, 1] = torch.tan(torch.deg2rad(degrees))
    return made


def _identity(x: torch.Tensor) -> torch.Tensor:
    return torch.eye(2, 3, dtype=exact_dtype(x), device=x.device).repeat(len(x), 1, 1)
