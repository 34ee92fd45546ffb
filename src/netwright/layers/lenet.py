"""The layers of LeNet-5 in its paper's form: ScaledTanh, Subsampling, RadialBasis.

================ ======================================== ============================================
layer            y                                        parameters
================ ======================================== ============================================
``ScaledTanh``   A tanh(S x), A = 1.7159, S = 2 / 3       none; with units a weight and a bias for each
``Subsampling``  a_c sum of a window + b_c                two for each channel
``RadialBasis``  -|x - w_k|^2                             none: the codes w_k are fixed
================ ======================================== ============================================

With these A and S the squashing has f(1) = 1, f(-1) = -1, and its curvature is largest there. The paper's outputs are
the squared distances themselves, the smallest of which wins; with the minus sign they are logits, log-likelihoods of
codes in noise of variance 1/2 up to a constant, so that ``RadialBasis(10) >> Softmax()`` gives probabilities.

References
----------
LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, Proc. IEEE 86, 1998.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.seeds import derive
from netwright.core.validation import Constraint, integer, number, one_of
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse
from netwright.layers.dense import DENSE, Start, settle, with_units
from netwright.layers.init import HeNormal
from netwright.layers.space.windows import PerAxis, channels_and_space, expect_room, per_axis, sizes

_AVERAGE: dict[int, Any] = {1: torch.nn.AvgPool1d, 2: torch.nn.AvgPool2d, 3: torch.nn.AvgPool3d}

# The ten digits as images of 7 x 12, a row a word.
DIGITS = """
..###.. ...#... .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
.##.##. ..##... ##...## ##...## ...###. ##..... .##.... .....## ##...## ##...##
##...## .###... .....## .....## ..####. ##..... ##..... .....## ##...## ##...##
##...## ...#... .....## .....## .##.##. ##..... ##..... ....##. ##...## ##...##
##...## ...#... ....##. .....## ##..##. ######. ######. ....##. .##.##. ##...##
##...## ...#... ....##. ..####. ##..##. .....## ##...## ...##.. ..###.. .######
##...## ...#... ...##.. .....## ####### .....## ##...## ...##.. .##.##. .....##
##...## ...#... ..##... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...#... ..##... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...#... .##.... .....## ....##. .....## ##...## .##.... ##...## .....##
.##.##. ...#... ##..... ##...## ....##. ##...## .##.##. .##.... ##...## ....##.
..###.. .#####. ####### .#####. ....##. .#####. ..###.. .##.... .#####. .####..
"""
BITS = 84  # of one digit


@value("layer")
class ScaledTanh(Layer):
    """A tanh of amplitude A and slope S at the origin A S, f(x) = A tanh(S x), with units or alone.

    Parameters
    ----------
    units : number of outputs, >= 1; None for the activation alone.
    amplitude : A, > 0.
    slope : S, > 0.
    weight : how W starts, an initialisation rule or a number; by default with the variance 1 / fan_in.
    bias : True (starts at zero), False (none), or how it starts.

    Shapes
    ------
    (features,) -> (units,); (steps, features) -> (steps, units); without units any shape is kept

    Raises
    ------
    JoinError : units on an input of rank 3 or more: put Flatten() before it.
    InvalidParameter : `weight` or `bias` without `units`, options out of range.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Input, ScaledTanh
    >>> (Input(3) >> ScaledTanh()).build()(torch.tensor([[0.0, 1.0, 9.0]]))
    tensor([[0.0000, 1.0000, 1.7159]])

    References
    ----------
    LeCun, Bottou, Orr, Mueller, *Efficient BackProp*, 1998.
    """

    units: int | None = None
    _: KW_ONLY
    amplitude: float = 1.7159
    slope: float = 2.0 / 3.0
    weight: Start = HeNormal(1.0)
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = {
        **DENSE,
        "amplitude": number(0, closed="neither"),
        "slope": number(0, closed="neither"),
    }

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return with_units(self, shapes, Squash(self.amplitude, self.slope))


@value("layer")
class Subsampling(Layer):
    """The sum of each window, by a learned coefficient and bias of its channel: y_c[i] = a_c sum_k x_c[i F + k] + b_c.

    The windows do not overlap. a_c starts at one over the number of places in a window, which makes it a mean, and b_c
    at zero. In the paper a squashing follows: ``Subsampling(2) >> ScaledTanh()``.

    Parameters
    ----------
    size : F, size of the window and step, one integer >= 1 for all space axes or one for each.

    Shapes
    ------
    (channels, *space) -> (channels, *places), places = floor(I / F)

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4, a size for another number of axes, a window
        that does not fit.
    InvalidParameter : a size below 1.

    Examples
    --------
    >>> from netwright.layers import Input, Subsampling
    >>> net = Input(6, 28, 28) >> Subsampling(2)
    >>> net.output_shape, net.summary().parameters
    ((6, 14, 14), 12)

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, 1998.
    """

    size: PerAxis = 2

    constraints: ClassVar[Mapping[str, Constraint]] = {"size": sizes}

    def make(self, *shapes: Shape) -> torch.nn.Module:
        channels, space = channels_and_space(self, shapes)
        size = per_axis(self, "size", self.size, shapes)
        expect_room(self, shapes, size, ((0, 0),) * len(space))
        return WeightedSum(channels, size)


@value("layer")
class RadialBasis(Layer):
    """Minus the squared distance to fixed codes of +1 and -1, one a class: y_k = -sum_j (x_j - w_kj)^2.

    The codes are no parameters and are not in the state dict: the layer makes them again.

    Parameters
    ----------
    units : number of codes, >= 1.
    codes : "random": signs that depend on `units`, on the number of features and on `seed` alone. "digits": images of
        the digits 0 ... 9 of 7 x 12 places, as in the paper, for 84 features and at most 10 units.
    seed : of random codes, an integer >= 0.

    Shapes
    ------
    (features,) -> (units,)

    Raises
    ------
    JoinError : an input that is not (features,), for digits another number of features than 84.
    InvalidParameter : more than 10 units for digits, options out of range.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Input, RadialBasis
    >>> module = (Input(84) >> RadialBasis(10, "digits")).build()
    >>> module(module.radialbasis1.codes).argmax(1)
    tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, 1998.
    """

    units: int
    codes: str = "random"
    seed: int = 0

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "units": integer(1),
        "codes": one_of("random", "digits"),
        "seed": integer(0),
    }

    def __post_init__(self) -> None:
        if self.codes == "digits" and self.units > 10:
            remedy = 'Use codes="random" for more classes.'
            raise InvalidParameter(problem("RadialBasis(units)", "at most 10 with digits", f"{self.units}", remedy))

    def make(self, *shapes: Shape) -> torch.nn.Module:
        shape = shapes[0]
        if len(shape) != 1:
            raise refuse(self, "an input (features,)", shapes, "Put Flatten() before it.")
        if self.codes == "random":
            return Distances(_random_codes(self.units, shape[0], self.seed))
        if shape[0] != BITS:
            raise refuse(self, f"{BITS} features, 7 x 12 as a digit", shapes, f"Put ScaledTanh({BITS}) before it.")
        return Distances(digit_codes()[: self.units])


class Squash(torch.nn.Module):
    """A tanh(S x)."""

    def __init__(self, amplitude: float, slope: float) -> None:
        super().__init__()
        self.amplitude = amplitude
        self.slope = slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """any shape, kept"""
        return self.amplitude * torch.tanh(self.slope * x)

    def extra_repr(self) -> str:
        """Amplitude and slope."""
        return f"{self.amplitude}, {self.slope:.4g}"


class WeightedSum(torch.nn.Module):
    """The sums of windows by a coefficient and a bias a channel."""

    def __init__(self, channels: int, size: Shape) -> None:
        super().__init__()
        self.places = math.prod(size)
        self.mean = _AVERAGE[len(size)](size)
        self.coefficient = torch.nn.Parameter(torch.full((channels,), 1.0 / self.places))
        self.bias = torch.nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, *space) -> (batch, channels, *places)"""
        mean = self.mean(x)
        channel = (-1, *[1] * (x.ndim - 2))
        result: torch.Tensor = (self.places * self.coefficient).view(channel) * mean + self.bias.view(channel)
        return result


class Distances(torch.nn.Module):
    """Minus the squared distances to codes, which are a buffer that the state dict leaves out."""

    codes: torch.Tensor

    def __init__(self, codes: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("codes", codes, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, features) -> (batch, units)"""
        return -(x.unsqueeze(1) - self.codes).square().sum(-1)


def digit_codes() -> torch.Tensor:
    """The images of the digits as +1 (ink) and -1: (10, 84)."""
    rows = [row.split() for row in DIGITS.split("\n") if row]
    signs = [[1.0 if place == "#" else -1.0 for row in rows for place in row[digit]] for digit in range(10)]
    return torch.tensor(signs)


def _random_codes(units: int, features: int, seed: int) -> torch.Tensor:
    """Signs from a seed, the same on every device: (units, features)."""
    generator = torch.Generator(device="cpu").manual_seed(derive(seed, "codes", units, features))
    bits = torch.randint(2, (units, features), generator=generator, device="cpu")
    return (2.0 * bits - 1.0).to(torch.get_default_device())
