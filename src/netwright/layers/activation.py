"""Layers with a saturating activation: Linear, Sigmoid, HardSigmoid, Tanh, Softmax; with units or alone.

======================= =================================
layer                   f(x)
======================= =================================
``Linear``              x
``Sigmoid``             1 / (1 + exp(-x))
``HardSigmoid``         min(max(x + 3, 0), 6) / 6
``Tanh``                (exp(2x) - 1) / (exp(2x) + 1)
``Softmax``             exp(x_k) / sum_j exp(x_j)
======================= =================================

``Tanh(100)`` is a fully connected layer of 100 units followed by tanh, y = f(x W^T + b); ``Tanh()`` is f alone.
Weights start by `XavierUniform`, biases at zero. The rectifiers are in `netwright.layers.rectifier`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar

import torch

from netwright.core.validation import Constraint
from netwright.core.value import value
from netwright.graph import Layer, Shape
from netwright.layers.dense import DENSE, Start, fully_connected, settle, with_units
from netwright.layers.init import XavierUniform


@value("layer")
class Linear(Layer):
    """A fully connected layer without activation: y = x W^T + b.

    Parameters
    ----------
    units : number of outputs, >= 1; None makes it the identity, f(x) = x.
    weight : how W starts, an initialisation rule or a number.
    bias : True (starts at zero), False (none), or how it starts.

    Shapes
    ------
    (features,) -> (units,); (steps, features) -> (steps, units)

    Raises
    ------
    JoinError : an input (channels, *space) of rank 3 or more: put Flatten() before it.
    InvalidParameter : `weight` or `bias` without `units`.

    Examples
    --------
    >>> from netwright.layers import Input, Linear
    >>> (Input(4) >> Linear(3)).build()
    Sequential(
      (linear1): Linear(in_features=4, out_features=3, bias=True)
    )

    References
    ----------
    Widrow, Hoff, *Adaptive switching circuits*, 1960.
    """

    units: int | None = None
    _: KW_ONLY
    weight: Start = XavierUniform()
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = DENSE

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        if self.units is None:
            return torch.nn.Identity()
        return fully_connected(self, shapes, self.units, self.weight, self.bias)


@value("layer")
class Sigmoid(Layer):
    """The logistic function, f(x) = 1 / (1 + exp(-x)), with units or alone.

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
    >>> from netwright.layers import Input, Sigmoid
    >>> (Input(4) >> Sigmoid(3)).output_shape
    (3,)

    References
    ----------
    Rumelhart, Hinton, Williams, *Learning representations by back-propagating errors*, 1986.
    """

    units: int | None = None
    _: KW_ONLY
    weight: Start = XavierUniform()
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = DENSE

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return with_units(self, shapes, torch.nn.Sigmoid())


@value("layer")
class HardSigmoid(Layer):
    """A piecewise linear sigmoid, f(x) = min(max(x + 3, 0), 6) / 6, with units or alone.

    This is ``torch.nn.Hardsigmoid``, of slope 1/6 at zero; elsewhere the name stands for min(max(0.2 x + 0.5, 0), 1).

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
    >>> from netwright.layers import HardSigmoid, Input
    >>> (Input(4) >> HardSigmoid()).build()(torch.tensor([[-3.0, 0.0, 1.5, 9.0]]))
    tensor([[0.0000, 0.5000, 0.7500, 1.0000]])

    References
    ----------
    Howard et al., *Searching for MobileNetV3*, 2019.
    """

    units: int | None = None
    _: KW_ONLY
    weight: Start = XavierUniform()
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = DENSE

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return with_units(self, shapes, torch.nn.Hardsigmoid())


@value("layer")
class Tanh(Layer):
    """The hyperbolic tangent, f(x) = tanh(x), with units or alone.

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
    >>> from netwright.layers import Input, Tanh
    >>> (Input(4) >> Tanh(3) >> Tanh(2)).output_shape
    (2,)

    References
    ----------
    LeCun, Bottou, Orr, Mueller, *Efficient BackProp*, 1998.
    """

    units: int | None = None
    _: KW_ONLY
    weight: Start = XavierUniform()
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = DENSE

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        return with_units(self, shapes, torch.nn.Tanh())


@value("layer")
class Softmax(Layer):
    """Probabilities of classes, f(x)_k = exp(x_k) / sum_j exp(x_j), with units or alone.

    The sum runs over the classes: the channels of (channels, *space) inputs of rank 3 or more, else the last axis.
    A network that ends in Softmax is trained on its logits, so that it is exact for logits of any size.

    Parameters
    ----------
    units : number of classes, >= 1; None for the activation alone.
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
    >>> from netwright.layers import Input, Softmax
    >>> (Input(4) >> Softmax()).build()(torch.zeros(1, 4))
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])

    References
    ----------
    Bridle, *Probabilistic interpretation of feedforward classification network outputs*, 1990.
    """

    units: int | None = None
    _: KW_ONLY
    weight: Start = XavierUniform()
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = DENSE

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        axis = 1 if len(shapes[0]) >= 3 else -1  # counted with the batch axis
        return with_units(self, shapes, torch.nn.Softmax(dim=axis))
