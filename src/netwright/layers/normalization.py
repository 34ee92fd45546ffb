"""Normalisation, y = a (x - m) / sqrt(v + epsilon) + b: what differs is over which elements m and v are taken.

=============== ======================================================= =================================
layer           mean m and (biased) variance v over                     a and b for each
=============== ======================================================= =================================
``BatchNorm``   the batch and all places of a channel                   channel
``GroupNorm``   the channels of a group and all their places            channel
``LayerNorm``   the features of a step, the channels of a place         feature, channel
=============== ======================================================= =================================

``GroupNorm(1)`` is over a whole sample, ``GroupNorm(channels)`` over each channel by itself (instance normalisation).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from netwright.core.validation import Constraint, boolean, integer, nothing, number, satisfies
from netwright.core.value import value
from netwright.graph import Layer, Shape, Sliding, refuse

_NORMS: dict[int, Any] = {
    1: torch.nn.BatchNorm1d,
    2: torch.nn.BatchNorm1d,
    3: torch.nn.BatchNorm2d,
    4: torch.nn.BatchNorm3d,
}


@value("layer")
class BatchNorm(Layer):
    """Each channel with mean 0 and variance 1 over the batch: y = a (x - m) / sqrt(v + epsilon) + b.

    While training m and v are the mean and the (biased) variance over the batch and all space axes; in eval mode they
    are running averages, updated by m_run <- (1 - momentum) m_run + momentum m. The axis that is kept is the first
    behind the batch, as in torch: the features of (features,), the channels of (channels, *space). Sequences are
    (steps, features): there it would normalise each step, which is rarely what is meant.

    Parameters
    ----------
    momentum : the weight of the newest batch in the running averages, in [0, 1] (elsewhere often 1 minus this).
    epsilon : what is added to the variance, > 0.
    affine : whether scale a (starts at 1) and shift b (starts at 0) are learned.

    Shapes
    ------
    (features,) or (channels, *space), kept

    Raises
    ------
    JoinError : an input of rank 5 or more.
    InvalidParameter : options out of range.

    Examples
    --------
    >>> from netwright.layers import BatchNorm, Conv, Input, ReLU
    >>> (Input(1, 8, 8) >> Conv(16, 3, bias=False) >> BatchNorm() >> ReLU()).summary().parameters  # 16 x 9 + 2 x 16
    176

    References
    ----------
    Ioffe, Szegedy, *Batch normalization: accelerating deep network training by reducing internal covariate shift*,
    2015.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5
    affine: bool = True

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "momentum": number(0, 1),
        "epsilon": number(0, closed="neither"),
        "affine": boolean,
    }

    def make(self, *shapes: Shape) -> torch.nn.Module:
        shape = shapes[0]
        if len(shape) not in _NORMS:
            raise refuse(self, "an input of rank 1 to 4", shapes, "Put Reshape(channels, ...) before it.")
        made = _NORMS[len(shape)](shape[0], eps=self.epsilon, momentum=self.momentum, affine=self.affine)
        return made  # type: ignore[no-any-return]


@value("layer")
class GroupNorm(Layer):
    """Each group of channels with mean 0 and variance 1 in each sample: y = a (x - m) / sqrt(v + epsilon) + b.

    Channels are cut into groups of neighbours; m and the (biased) variance v are over the channels of a group and all
    places of one sample, in training and in eval mode alike. As in torch the axis that is grouped is the first behind
    the batch: of sequences (steps, features) that are the steps, for which `LayerNorm` is meant.

    Parameters
    ----------
    groups : number of groups, >= 1; divides the channels.
    epsilon : what is added to the variance, > 0.
    affine : whether scale a (starts at 1) and shift b (starts at 0) are learned, one of each for a channel.

    Shapes
    ------
    (channels, *space) or (features,), kept

    Raises
    ------
    JoinError : channels that the groups do not divide, groups of one element, which would all be 0.
    InvalidParameter : options out of range.

    Examples
    --------
    >>> from netwright.layers import Conv, GroupNorm, Input, ReLU
    >>> (Input(3, 8, 8) >> Conv(32, 3) >> GroupNorm(8) >> ReLU()).summary().parameters  # 32 x 28 + 2 x 32
    960

    References
    ----------
    Wu, He, *Group normalization*, 2018.
    """

    groups: int
    epsilon: float = 1e-5
    affine: bool = True

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "groups": integer(1),
        "epsilon": number(0, closed="neither"),
        "affine": boolean,
    }

    def make(self, *shapes: Shape) -> torch.nn.Module:
        channels, elements = shapes[0][0], math.prod(shapes[0])
        if channels % self.groups:
            fitting = ", ".join(str(n) for n in range(1, channels + 1) if channels % n == 0)
            raise refuse(self, f"channels that {self.groups} groups divide", shapes, f"Groups that fit: {fitting}.")
        if elements == self.groups:
            raise refuse(
                self, "groups of at least 2 elements", shapes, "Use fewer groups: one element is its own mean."
            )
        return torch.nn.GroupNorm(self.groups, channels, eps=self.epsilon, affine=self.affine)


@value("layer")
class LayerNorm(Layer):
    """The features of each step, or the channels of each place: y = a (x - m) / sqrt(v + epsilon) + b.

    m and the (biased) variance v are over the features, in training and in eval mode alike: the last axis of
    (features,) and (steps, features), the channels of (channels, height, width) and (channels, depth, height, width),
    place by place. For the channels of (channels, length), which cannot be told from (steps, features), give
    ``axes=1``; to normalise over all elements of an image, as the paper does, ``axes=(1, 2, 3)``.

    Parameters
    ----------
    epsilon : what is added to the variance, > 0.
    affine : whether scale a (starts at 1) and shift b (starts at 0) are learned, one of each for an element of `axes`.
    axes : the axes that m and v are over, one or several, counted with the batch axis, as in torch, and not 0; None as
        above.

    Shapes
    ------
    any, kept

    Raises
    ------
    JoinError : an input that has not these axes, axes of one element, which would be 0.
    InvalidParameter : options out of range, axis 0.

    Examples
    --------
    >>> from netwright.layers import Input, LayerNorm
    >>> (Input(10, 16) >> LayerNorm()).build()
    Sequential(
      (layernorm1): LayerNorm((16,), eps=1e-05, elementwise_affine=True, bias=True)
    )

    References
    ----------
    Ba, Kiros, Hinton, *Layer normalization*, 2016.
    Liu, Mao, Wu, Feichtenhofer, Darrell, Xie, *A ConvNet for the 2020s*, 2022 (place by place).
    """

    epsilon: float = 1e-5
    affine: bool = True
    axes: int | tuple[int, ...] | None = None

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "epsilon": number(0, closed="neither"),
        "affine": boolean,
        "axes": satisfies(
            "an integer other than 0, the batch axis, or a tuple of such",
            lambda axes: (
                all(integer().accepts(a) and a != 0 for a in (axes if isinstance(axes, tuple) else (axes,)))
                and axes != ()
            ),
        )
        | nothing,
    }

    def make(self, *shapes: Shape) -> torch.nn.Module:
        shape = shapes[0]
        rank = len(shape)
        default = rank if rank <= 2 else 1
        given = default if self.axes is None else self.axes
        axes = tuple(sorted(a if a > 0 else a + rank + 1 for a in (given if isinstance(given, tuple) else (given,))))
        if axes[0] < 1 or axes[-1] > rank or len(set(axes)) < len(axes):
            remedy = f"It has the axes 1 to {rank}, each may be named once; they are counted with the batch axis."
            raise refuse(self, f"an input that has the axes {self.axes}", shapes, remedy)
        sizes = tuple(shape[a - 1] for a in axes)
        if math.prod(sizes) == 1:
            remedy = "One element is its own mean: normalise over other axes."
            raise refuse(self, f"at least 2 elements on the axes {axes}", shapes, remedy)
        norm = torch.nn.LayerNorm(sizes, eps=self.epsilon, elementwise_affine=self.affine)
        last = tuple(range(rank - len(axes) + 1, rank + 1))
        return norm if axes == last else AxesNorm(norm, axes, rank - 1)


class AxesNorm(torch.nn.Module):
    """Normalisation over axes that are not the last ones.

    Parameters
    ----------
    norm : what normalises these axes when they are the last ones.
    axes : which they are, counted with the batch axis.
    space : the number of axes behind the channels.

    Attributes
    ----------
    sliding : for the receptive field: a place that is normalised over its channels sees itself; None: it sees more.
    """

    def __init__(self, norm: torch.nn.LayerNorm, axes: tuple[int, ...], space: int) -> None:
        super().__init__()
        one, zero = (1,) * space, (0,) * space
        self.sliding = Sliding(one, one, zero, zero, one) if axes == (1,) else None
        self.norm = norm
        self.axes = axes
        self.last = tuple(range(-len(axes), 0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """any shape, kept"""
        normed: torch.Tensor = self.norm(x.movedim(self.axes, self.last))  # of channels-last images no copy
        return normed.movedim(self.last, self.axes)

    def extra_repr(self) -> str:
        """The axes."""
        return f"axes={self.axes}"
