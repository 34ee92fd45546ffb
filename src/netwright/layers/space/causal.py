"""Causal convolutions over sequences: a step sees itself and the steps before it, never those behind it.

    y_t = b + sum_{k = 0}^{F - 1} W_k x_{t - (F - 1 - k) D}        x_t = 0 for t < 0

A stack of L levels with the dilations 1, 2, 4, ..., 2^(L - 1) and two convolutions each sees 1 + 2 (F - 1) (2^L - 1)
steps. Where sequences of unequal lengths are padded at the end, what stands there changes no valid step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import Constraint, boolean, integer, number
from netwright.core.value import value
from netwright.graph import Block, Expression, Layer, Shape, refuse
from netwright.layers.activation import Linear
from netwright.layers.blocks.residual import Residual
from netwright.layers.dense import WEIGHTS, Start, fresh, settle, start
from netwright.layers.dropout import SpatialDropout
from netwright.layers.init import Constant, HeNormal
from netwright.layers.rectifier import ReLU
from netwright.layers.shape import Identity, Transpose

_OPTIONS: Mapping[str, Constraint] = {"weight_norm": boolean, **WEIGHTS}


@value("layer")
class CausalConv(Layer):
    """A convolution over time that sees no later step: y_t = b + sum_k W_k x_{t - (F - 1 - k) D}.

    Inputs are sequences, (steps, features), as embeddings and recurrent layers have them; the steps before the first
    are zeros. It is a ``torch.nn.Conv1d`` behind (F - 1) D zeros, with the same weights.

    Parameters
    ----------
    channels : number of features of the output, >= 1.
    size : F, how many steps each window has, >= 1.
    dilation : D, distance of neighbouring steps of a window, >= 1.
    weight_norm : whether W is g v / ||v||, with the length g of each filter and its direction v as the parameters.
    weight : how the weights start, an initialisation rule or a number.
    bias : True (starts at zero), False (none), or how it starts.

    Shapes
    ------
    (steps, features) -> (steps, channels)

    Raises
    ------
    JoinError : an input that is not (steps, features).
    InvalidParameter : options out of range, weights of 0 with `weight_norm`, which have no direction.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import CausalConv, Input
    >>> module = (Input(4, 1) >> CausalConv(1, 2, dilation=2, weight=1.0)).build()
    >>> module(torch.tensor([[[1.0], [2.0], [4.0], [8.0]]])).flatten().tolist()  # x_{t - 2} + x_t
    [1.0, 2.0, 5.0, 10.0]

    References
    ----------
    van den Oord et al., *WaveNet: a generative model for raw audio*, 2016.
    Salimans, Kingma, *Weight normalization*, 2016.
    """

    channels: int
    size: int
    dilation: int = 1
    _: KW_ONLY
    weight_norm: bool = False
    weight: Start = HeNormal()
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "channels": integer(1),
        "size": integer(1),
        "dilation": integer(1),
        **_OPTIONS,
    }

    def __post_init__(self) -> None:
        settle(self)
        _expect_directions(self, self.weight_norm, self.weight)

    @property
    def units(self) -> int:
        """The features of each step of the output: by it blocks know that they are given sequences."""
        return self.channels

    def make(self, *shapes: Shape) -> torch.nn.Module:
        _, features = _steps_and_features(self, shapes)
        conv = fresh(
            torch.nn.Conv1d,
            features,
            self.channels,
            self.size,
            dilation=self.dilation,
            bias=self.bias is not False,
        )
        start(conv, self.weight, self.bias)
        if self.weight_norm:
            parametrize.register_parametrization(conv, "weight", Directions())
        return CausalWindows(conv, (self.size - 1) * self.dilation)


@value("layer")
class CausalStack(Block):
    """A temporal convolutional network: levels l = 0 ... L - 1 of y = ReLU(x + F_l(x)), with the dilations 2^l.

    F_l is ``CausalConv >> ReLU >> dropout``, twice. Where the features change, x goes through a convolution of one
    step, Linear. It sees 1 + 2 (F - 1) (2^L - 1) steps back.

    Parameters
    ----------
    channels : number of features of each level, >= 1.
    size : F, how many steps each window has, >= 1.
    levels : L, in [1, 30]: the window of level 30 reaches back 2**30 steps.
    residual : whether x is added; False: y = F_l(x).
    dropout : the share of features that is left out behind each convolution while training, for all steps of a sequence
        at once, in [0, 1).
    weight_norm : whether the weights of the windows are g v / ||v||.
    weight : how the windows start, an initialisation rule or a number.
    bias : that of the windows: True (starts at zero), False (none), or how it starts.

    Shapes
    ------
    (steps, features) -> (steps, channels)

    Raises
    ------
    JoinError : an input that is not (steps, features).
    InvalidParameter : options out of range, weights of 0 with `weight_norm`.

    Examples
    --------
    >>> from netwright.layers import CausalStack, Embedding, Input, Softmax
    >>> net = Input(100) >> Embedding(50, 16) >> CausalStack(32, 3, 4) >> Softmax(50)
    >>> net.output_shape
    (100, 50)
    >>> (Input(100, 16) >> CausalStack(32, 3, 4)).receptive_field()  # 1 + 2 x 2 x 15
    (61,)

    References
    ----------
    Bai, Kolter, Koltun, *An empirical evaluation of generic convolutional and recurrent networks for sequence
    modeling*, 2018.
    """

    channels: int
    size: int
    levels: int
    residual: bool = True
    dropout: float = 0.0
    _: KW_ONLY
    weight_norm: bool = False
    weight: Start = HeNormal()
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "channels": integer(1),
        "size": integer(1),
        "levels": integer(1, 30),
        "residual": boolean,
        "dropout": number(0, 1, closed="left"),
        **_OPTIONS,
    }

    def __post_init__(self) -> None:
        settle(self)
        _expect_directions(self, self.weight_norm, self.weight)

    def expand(self, shape: Shape) -> Expression:
        _, features = _steps_and_features(self, (shape,))
        network = self._level(features, 0)
        for level in range(1, self.levels):
            network = network >> self._level(self.channels, level)
        return network

    def _level(self, features: int, level: int) -> Expression:
        half: Expression = CausalConv(
            self.channels,
            self.size,
            2**level,
            weight_norm=self.weight_norm,
            weight=self.weight,
            bias=self.bias,
        )
        half = half >> ReLU()
        if self.dropout:
            half = half >> Transpose() >> SpatialDropout(self.dropout) >> Transpose()
        block = half >> half
        if not self.residual:
            return block
        shortcut = Identity() if features == self.channels else Linear(self.channels)
        return Residual(block, shortcut) >> ReLU()


class CausalWindows(torch.nn.Module):
    """Windows over the steps of sequences that end at each step.

    Parameters
    ----------
    conv : slides them, without padding.
    back : how many steps a window reaches back.
    """

    def __init__(self, conv: torch.nn.Conv1d, back: int) -> None:
        super().__init__()
        self.conv, self.back = conv, back

    def forward(self, x: Tensor) -> Tensor:
        """(batch, steps, features) -> (batch, steps, channels)"""
        series = torch.nn.functional.pad(x.transpose(1, 2), (self.back, 0))  # (batch, features, back + steps)
        made: Tensor = self.conv(series).transpose(1, 2)
        return made

    def extra_repr(self) -> str:
        """How far back."""
        return f"back={self.back}"


class Directions(torch.nn.Module):
    """A weight as g v / ||v|| for each filter, with torch's names for g and v, original0 and original1."""

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        """(channels, 1, 1), (channels, features, size) -> (channels, features, size)"""
        return g * v / _norms(v)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The g and v of a weight: (channels, features, size) -> (channels, 1, 1), (channels, features, size)

        Parameters
        ----------
        weight : filters, none of them 0.
        """
        return _norms(weight), weight


def _norms(v: Tensor) -> Tensor:
    """||v|| of each filter: (channels, features, size) -> (channels, 1, 1)."""
    return v.square().sum((1, 2), keepdim=True).sqrt()


def _steps_and_features(layer: Expression, shapes: tuple[Shape, ...]) -> tuple[int, int]:
    if len(shapes[0]) != 2:
        remedy = "Put Reshape(steps, features) before it; maps (channels, *space) go into Conv(filters, kernel)."
        raise refuse(layer, "an input (steps, features)", shapes, remedy)
    steps, features = shapes[0]
    return steps, features


def _expect_directions(layer: Expression, weight_norm: bool, weight: Start) -> None:
    """Refuse weights of 0 that are to have a direction."""
    if weight_norm and isinstance(weight, Constant) and weight.value == 0:
        where, remedy = f"{type(layer).__name__}(weight)", "Weights of 0 have no direction."
        raise InvalidParameter(problem(where, "weights other than 0 with weight_norm", shown(weight), remedy))
