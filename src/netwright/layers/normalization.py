"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from netwright.core.validation import Constraint, boolean, number
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse

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
