"""Squeeze and excitation: what all of an image holds says how much each channel counts.

    squeeze     z_c = mean_i x_c[i]
    excitation  s = sigmoid(W_2 relu(W_1 z + b_1) + b_2)
    scale       y_c[i] = s_c x_c[i]

W_1 has C / ratio rows, so that the excitation costs little.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.validation import Constraint, integer
from netwright.core.value import value
from netwright.graph import Block, Expression, Layer, Shape, refuse
from netwright.layers.activation import Sigmoid
from netwright.layers.rectifier import ReLU
from netwright.layers.shape import Identity
from netwright.layers.space.global_pooling import GlobalPool


@value("layer")
class SqueezeExcite(Block):
    """Channels weighed by what all of the input holds: y = x s, s = sigmoid(W_2 relu(W_1 mean(x) + b_1) + b_2).

    It is ``(Identity() | GlobalPool() >> ReLU(C / ratio) >> Sigmoid(C)) >> ScaleChannels()``.

    Parameters
    ----------
    ratio : r, an integer >= 1: of C channels the excitation makes floor(C / r) units, but at least one.

    Shapes
    ------
    (channels, *space), kept

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4.
    InvalidParameter : a ratio below 1.

    Examples
    --------
    >>> from netwright.layers import Input, SqueezeExcite
    >>> (Input(64, 8, 8) >> SqueezeExcite(16)).summary().parameters  # 4 x (64 + 1) + 64 x (4 + 1)
    580

    References
    ----------
    Hu, Shen, Sun, *Squeeze-and-excitation networks*, 2018.
    """

    ratio: int = 16

    constraints: ClassVar[Mapping[str, Constraint]] = {"ratio": integer(1)}

    def expand(self, shape: Shape) -> Expression:
        channels = shape[0]
        excitation = GlobalPool() >> ReLU(max(channels // self.ratio, 1)) >> Sigmoid(channels)
        return (Identity() | excitation) >> ScaleChannels()


@value("layer")
class ScaleChannels(Layer):
    """Each channel of its first input times an element of its second: y_c[i] = s_c x_c[i].

    Shapes
    ------
    (channels, *space) and (channels,) -> (channels, *space)

    Raises
    ------
    JoinError : another number of inputs, a second one that has not one value for each channel.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Input, ScaleChannels
    >>> net = (Input(2, 3) | Input(2)) >> ScaleChannels()
    >>> net.build()(torch.ones(1, 2, 3), torch.tensor([[0.5, 2.0]]))
    tensor([[[0.5000, 0.5000, 0.5000],
             [2.0000, 2.0000, 2.0000]]])

    References
    ----------
    Hu, Shen, Sun, *Squeeze-and-excitation networks*, 2018.
    """

    merges: ClassVar[bool] = True

    def make(self, *shapes: Shape) -> torch.nn.Module:
        if len(shapes) != 2:
            raise refuse(self, "two inputs", shapes, f"Put it behind branches: (a | scale) >> {self!r}.")
        if shapes[1] != shapes[0][:1]:
            remedy = f"Let the second input be {shapes[0][:1]}, one value for each channel of the first."
            raise refuse(self, "inputs (channels, *space) and (channels,)", shapes, remedy)
        return ChannelScale()


class ChannelScale(torch.nn.Module):
    """A tensor times one factor for each of its channels."""

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """(batch, channels, *space) and (batch, channels) -> (batch, channels, *space)"""
        x, scale = inputs
        return x * scale.reshape(*scale.shape, *[1] * (x.ndim - 2))
