"""Dropout: units that are left out at random while training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.validation import Constraint, number
from netwright.core.value import value
from netwright.graph import Layer, Shape


@value("layer")
class Dropout(Layer):
    """Sets each element to zero with probability p while training: y = x m / (1 - p), m ~ Bernoulli(1 - p).

    The scale keeps the mean; in eval mode y = x.

    Parameters
    ----------
    p : the share of elements that are dropped, in [0, 1).

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

    constraints: ClassVar[Mapping[str, Constraint]] = {"p": number(0, 1, closed="left")}

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return torch.nn.Dropout(self.p)
