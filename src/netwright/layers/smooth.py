"""Layers with a smooth activation that is a gated identity, f(x) = x g(x): GELU, SiLU; with units or alone.

=========================== =====================================================================
layer                       f(x)
=========================== =====================================================================
``GELU``                    x (1 + erf(x / sqrt(2))) / 2
``GELU(approximate=True)``  x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
``SiLU``                    x / (1 + exp(-x))
=========================== =====================================================================

``GELU(100)`` is a fully connected layer of 100 units followed by GELU, y = f(x W^T + b); ``GELU()`` is f alone.
Weights start by `HeNormal`, biases at zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar

import torch

from netwright.core.validation import Constraint, boolean
from netwright.core.value import value
from netwright.graph import Layer, Shape
from netwright.layers.dense import DENSE, Start, settle, with_units
from netwright.layers.init import HeNormal


@value("layer")
class GELU(Layer):
    """The Gaussian error linear unit, f(x) = x P(N(0, 1) <= x) = x (1 + erf(x / sqrt(2))) / 2, with units or alone.

    Parameters
    ----------
    units : number of outputs, >= 1; None for the activation alone.
    approximate : whether f is x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, at most 5e-4 away, as in GPT-2.
    weight : how W starts, an initialisation rule or a number.
    bias : True (starts at zero), False (none), or how it starts.

    Shapes
    ------
    (features,) -> (units,); (steps, features) -> (steps, units); without units any shape is kept

    Raises
    ------
    JoinError : units on an input of rank 3 or more: put Flatten() before it.
    InvalidParameter : `weight` or `bias` without `units`.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import GELU, Input
    >>> (Input(3) >> GELU()).build()(torch.tensor([[-1.0, 0.0, 1.0]]))
    tensor([[-0.1587,  0.0000,  0.8413]])

    References
    ----------
    Hendrycks, Gimpel, *Gaussian error linear units (GELUs)*, 2016.
    """

    units: int | None = None
    approximate: bool = False
    _: KW_ONLY
    weight: Start = HeNormal()
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = {**DENSE, "approximate": boolean}

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return with_units(self, shapes, torch.nn.GELU(approximate="tanh" if self.approximate else "none"))


@value("layer")
class SiLU(Layer):
    """The sigmoid linear unit, f(x) = x / (1 + exp(-x)), also called swish, with units or alone.

    Parameters
    ----------
    units : number of outputs, >= 1; None for the activation alone.
    weight : how W starts, an initialisation rule or a number.
    bias : True (starts at zero), False (none), or how it starts.

    Shapes
    ------
    (features,) -> (units,); (steps, features) -> (steps, units); without units any shape is kept

    Raises
    ------
    JoinError : units on an input of rank 3 or more: put Flatten() before it.
    InvalidParameter : `weight` or `bias` without `units`.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Input, SiLU
    >>> (Input(3) >> SiLU()).build()(torch.tensor([[-1.0, 0.0, 1.0]]))
    tensor([[-0.2689,  0.0000,  0.7311]])

    References
    ----------
    Elfwing, Uchibe, Doya, *Sigmoid-weighted linear units for neural network function approximation in reinforcement
    learning*, 2018.
    """

    units: int | None = None
    _: KW_ONLY
    weight: Start = HeNormal()
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = DENSE

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return with_units(self, shapes, torch.nn.SiLU())
