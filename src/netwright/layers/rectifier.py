"""Layers with a rectifying activation: ReLU, LeakyReLU, ELU, PReLU, Softplus; with units or alone.

================ ==================================== =======================
layer            f(x) for x >= 0                      f(x) for x < 0
================ ==================================== =======================
``ReLU``         x                                    0
``LeakyReLU``    x                                    slope x
``PReLU``        x                                    a x, a learned
``ELU``          x                                    alpha (exp(x) - 1)
``Softplus``     log(1 + exp(x))                      log(1 + exp(x))
================ ==================================== =======================

``ReLU(100)`` is a fully connected layer of 100 units followed by ReLU, y = f(x W^T + b); ``ReLU()`` is f alone.
Weights start by `HeNormal`, for leaky ones with the gain sqrt(2 / (1 + slope^2)); biases start at zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar

import torch

from netwright.core.validation import Constraint, number, one_of
from netwright.core.value import value
from netwright.graph import Layer, Shape
from netwright.layers.dense import DENSE, LEAKY_DENSE, Start, settle, with_units
from netwright.layers.init import HeNormal


@value("layer")
class ReLU(Layer):
    """The rectifier, f(x) = max(x, 0), with units or alone.

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
    >>> from netwright.layers import Input, ReLU
    >>> (Input(4) >> ReLU(8)).build().relu1
    Sequential(
      (linear): Linear(in_features=4, out_features=8, bias=True)
      (activation): ReLU()
    )

    References
    ----------
    Nair, Hinton, *Rectified linear units improve restricted Boltzmann machines*, 2010.
    """

    units: int | None = None
    _: KW_ONLY
    weight: Start = HeNormal()
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = DENSE

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return with_units(self, shapes, torch.nn.ReLU())


@value("layer")
class LeakyReLU(Layer):
    """A rectifier that lets a little through, f(x) = max(x, 0) + slope min(x, 0), with units or alone.

    Parameters
    ----------
    units : number of outputs, >= 1; None for the activation alone.
    slope : factor of negative inputs, >= 0.
    weight : how W starts, an initialisation rule or a number; None is `HeNormal` with the gain of the slope.
    bias : True (starts at zero), False (none), or how it starts.

    Shapes
    ------
    (features,) -> (units,); (steps, features) -> (steps, units); without units any shape is kept

    Raises
    ------
    JoinError : units on an input of rank 3 or more: put Flatten() before it.
    InvalidParameter : a negative slope; `weight` or `bias` without `units`.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Input, LeakyReLU
    >>> (Input(2) >> LeakyReLU(slope=0.1)).build()(torch.tensor([[-1.0, 2.0]]))
    tensor([[-0.1000,  2.0000]])

    References
    ----------
    Maas, Hannun, Ng, *Rectifier nonlinearities improve neural network acoustic models*, 2013.
    """

    units: int | None = None
    slope: float = 0.01
    _: KW_ONLY
    weight: Start | None = None
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = {**LEAKY_DENSE, "slope": number(0)}

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return with_units(self, shapes, torch.nn.LeakyReLU(self.slope), self.slope)


@value("layer")
class ELU(Layer):
    """The exponential linear unit, f(x) = x for x >= 0 and alpha (exp(x) - 1) below, with units or alone.

    Parameters
    ----------
    units : number of outputs, >= 1; None for the activation alone.
    alpha : minus the value that f nears for very negative inputs, > 0.
    weight : how W starts, an initialisation rule or a number.
    bias : True (starts at zero), False (none), or how it starts.

    Shapes
    ------
    (features,) -> (units,); (steps, features) -> (steps, units); without units any shape is kept

    Raises
    ------
    JoinError : units on an input of rank 3 or more: put Flatten() before it.
    InvalidParameter : an alpha that is not positive; `weight` or `bias` without `units`.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import ELU, Input
    >>> (Input(2) >> ELU()).build()(torch.tensor([[-100.0, 2.0]]))
    tensor([[-1.,  2.]])

    References
    ----------
    Clevert, Unterthiner, Hochreiter, *Fast and accurate deep network learning by exponential linear units*, 2016.
    """

    units: int | None = None
    alpha: float = 1.0
    _: KW_ONLY
    weight: Start = HeNormal()
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = {**DENSE, "alpha": number(0, closed="neither")}

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return with_units(self, shapes, torch.nn.ELU(self.alpha))


@value("layer")
class PReLU(Layer):
    """A leaky rectifier whose slope is learned, f(x) = max(x, 0) + a min(x, 0), with units or alone.

    One slope a is shared by all units and places of the layer, as in ``torch.nn.PReLU``, or each has its own, as in the
    paper. As in `BatchNorm`, the channels of an activation alone are the first axis behind the batch.

    Parameters
    ----------
    units : number of outputs, >= 1; None for the activation alone.
    initial : the slope before training.
    slopes : "shared": one for the layer. "channel": one for each unit, or without units for each feature of
        (features,) and each channel of (channels, *space).
    weight : how W starts, an initialisation rule or a number; None is `HeNormal` with the gain of `initial`.
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
    >>> from netwright.layers import Input, PReLU
    >>> (Input(4) >> PReLU(3)).summary().parameters  # 3 x 4 weights, 3 biases, 1 slope
    16
    >>> (Input(8, 5, 5) >> PReLU(slopes="channel")).summary().parameters
    8

    References
    ----------
    He, Zhang, Ren, Sun, *Delving deep into rectifiers*, 2015.
    """

    units: int | None = None
    initial: float = 0.25
    _: KW_ONLY
    slopes: str = "shared"
    weight: Start | None = None
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = {
        **LEAKY_DENSE,
        "initial": number(),
        "slopes": one_of("shared", "channel"),
    }

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        if self.slopes == "shared":
            return with_units(self, shapes, torch.nn.PReLU(init=self.initial), self.initial)
        per_step = self.units is not None and len(shapes[0]) == 2  # units of (steps, features) are its last axis
        kind = UnitSlopes if per_step else torch.nn.PReLU
        return with_units(self, shapes, kind(self.units or shapes[0][0], self.initial), self.initial)


@value("layer")
class Softplus(Layer):
    """The smooth rectifier, f(x) = log(1 + exp(x)), with units or alone; its outputs are positive.

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
    >>> from netwright.layers import Input, Softplus
    >>> (Input(2) >> Softplus()).build()(torch.tensor([[0.0, 100.0]]))
    tensor([[  0.6931, 100.0000]])

    References
    ----------
    Dugas, Bengio, Belisle, Nadeau, Garcia, *Incorporating second-order functional knowledge for better option
    pricing*, 2000.
    """

    units: int | None = None
    _: KW_ONLY
    weight: Start = HeNormal()
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = DENSE

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return with_units(self, shapes, torch.nn.Softplus())


class UnitSlopes(torch.nn.PReLU):
    """``torch.nn.PReLU`` with a slope for each element of the last axis, where torch's are for the first behind it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, steps, units), kept"""
        return super().forward(x.flatten(0, -2)).unflatten(0, x.shape[:-1])
