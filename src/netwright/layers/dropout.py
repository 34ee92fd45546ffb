"""Chance while training: Dropout, SpatialDropout, GaussianNoise; see `netwright.layers.dropblock` for blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar

import torch

from netwright.core.validation import Constraint, boolean, number
from netwright.core.value import value
from netwright.graph import Layer, Shape
from netwright.layers.space.windows import channels_and_space

_CHANNELS: dict[int, Any] = {1: torch.nn.Dropout1d, 2: torch.nn.Dropout2d, 3: torch.nn.Dropout3d}
_SHARE = number(0, 1, closed="left")


@value("layer")
class Dropout(Layer):
    """Sets each element to zero with probability p while training: y = x m / (1 - p), m ~ Bernoulli(1 - p).

    The scale keeps the mean; in eval mode y = x. The first papers had it the other way round (``inverted=False``):
    y = x m while training, and in eval mode y = (1 - p) x.

    Parameters
    ----------
    p : the share of elements that are dropped, in [0, 1).
    inverted : whether the elements that are kept are scaled while training, or all of them in eval mode.

    Shapes
    ------
    any, kept

    Raises
    ------
    InvalidParameter : a share outside [0, 1).

    Examples
    --------
    >>> from netwright.layers import Dropout, Input, ReLU
    >>> Input(4) >> ReLU(8) >> Dropout(0.2)
    Input(4) >> ReLU(8) >> Dropout(0.2)

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, *Dropout: a simple way to prevent neural networks from
    overfitting*, 2014.
    """

    p: float = 0.5
    inverted: bool = True

    constraints: ClassVar[Mapping[str, Constraint]] = {"p": _SHARE, "inverted": boolean}

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return torch.nn.Dropout(self.p) if self.inverted else ClassicDropout(self.p)


@value("layer")
class SpatialDropout(Layer):
    """Sets whole channels to zero with probability p while training: y_c = x_c m_c / (1 - p), m_c ~ Bernoulli(1 - p).

    Neighbouring places of a channel say nearly the same, so that dropping single ones leaves out little. In eval mode
    y = x. Of a sequence (steps, features) it would drop whole steps; for whole features put `Transpose` round it.

    Parameters
    ----------
    p : the share of channels that are dropped, in [0, 1).

    Shapes
    ------
    (channels, *space), kept

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4.
    InvalidParameter : a share outside [0, 1).

    Examples
    --------
    >>> from netwright.layers import Input, SpatialDropout
    >>> (Input(8, 5, 5) >> SpatialDropout(0.2)).build()
    Sequential(
      (spatialdropout1): Dropout2d(p=0.2, inplace=False)
    )

    References
    ----------
    Tompson, Goroshin, Jain, LeCun, Bregler, *Efficient object localization using convolutional networks*, 2015.
    """

    p: float = 0.5

    constraints: ClassVar[Mapping[str, Constraint]] = {"p": _SHARE}

    def make(self, *shapes: Shape) -> torch.nn.Module:
        _, space = channels_and_space(self, shapes)
        made: torch.nn.Module = _CHANNELS[len(space)](self.p)
        return made


@value("layer")
class GaussianNoise(Layer):
    """Adds normal noise to each element while training: y = x + e, e ~ N(mean, std^2); in eval mode y = x.

    Parameters
    ----------
    std : standard deviation of the noise, >= 0, in the units of x.
    mean : its mean.

    Shapes
    ------
    any, kept

    Raises
    ------
    InvalidParameter : a standard deviation below 0, or options that are no finite numbers.

    Examples
    --------
    >>> from netwright.layers import GaussianNoise, Input, ReLU
    >>> Input(4) >> GaussianNoise(0.1) >> ReLU(8)
    Input(4) >> GaussianNoise(0.1) >> ReLU(8)

    References
    ----------
    Bishop, *Training with noise is equivalent to Tikhonov regularization*, 1995.
    """

    std: float = 1.0
    _: KW_ONLY
    mean: float = 0.0

    constraints: ClassVar[Mapping[str, Constraint]] = {"std": number(0), "mean": number()}

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return AddedNoise(self.mean, self.std)


class ClassicDropout(torch.nn.Module):
    """Dropout that does not scale while training; in eval mode everything is scaled by 1 - p.

    Parameters
    ----------
    p : the share of elements that are dropped.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """any shape, kept"""
        if not self.training:
            return x * (1 - self.p)
        return x.masked_fill(torch.empty_like(x, dtype=torch.bool).bernoulli_(self.p), 0.0)

    def extra_repr(self) -> str:
        """The share."""
        return f"p={self.p}"


class AddedNoise(torch.nn.Module):
    """Adds normal noise while training.

    Parameters
    ----------
    mean, std : of the noise.
    """

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.mean = mean
        self.std = std

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """any shape, kept"""
        return x + torch.randn_like(x).mul_(self.std).add_(self.mean) if self.training else x

    def extra_repr(self) -> str:
        """The options."""
        return f"mean={self.mean}, std={self.std}"
