"""Initialisation rules: values that fill a fresh weight in place from a random state.

A weight has the shape (out, in, *kernel), `in` per group. With the receptive size k = prod(kernel), as torch counts,

    fan_in = in k,    fan_out = out k

============= ====================================== =============================================
rule          draws                                  with
============= ====================================== =============================================
Constant      w = value
Normal        w ~ N(mean, std^2)
Uniform       w ~ U(low, high)
Orthogonal    W W^T = gain^2 I (or W^T W)            W of shape (out, in k), from a QR of N(0, 1)
HeNormal      w ~ N(0, std^2)                        std = gain / sqrt(fan_in)
HeUniform     w ~ U(-b, b)                           b = sqrt(3) std of HeNormal
XavierNormal  w ~ N(0, std^2)                        std = gain sqrt(2 / (fan_in + fan_out))
XavierUniform w ~ U(-b, b)                           b = sqrt(3) std of XavierNormal
============= ====================================== =============================================

The gain of ReLU is sqrt(2), the default of the He rules; that of a leaky ReLU is `leaky_gain`. Where this differs from
others: a rule holds numbers, never the name of an activation, and a normal is never truncated.

References
----------
Glorot, Bengio, *Understanding the difficulty of training deep feedforward neural networks*, 2010.
He, Zhang, Ren, Sun, *Delving deep into rectifiers*, 2015.
Saxe, McClelland, Ganguli, *Exact solutions to the nonlinear dynamics of learning in deep linear networks*, 2014.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, instance, number
from netwright.core.value import value

SQRT2 = math.sqrt(2.0)


class InitRule(ABC):
    """What initialisation rules have in common: they fill a tensor in place."""

    @abstractmethod
    def fill_(self, tensor: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Fill the tensor in place and return it.

        Parameters
        ----------
        tensor : a floating-point tensor; on the meta device nothing is drawn.
        generator : where the numbers come from; None for torch's global state, which `build` forks.
        """


rule_or_number = instance(InitRule, text="an initialisation rule") | number()


@value("init")
class Constant(InitRule):
    """Every element is the same number: w = value.

    Parameters
    ----------
    value : any finite number.

    Shapes
    ------
    any

    Raises
    ------
    InvalidParameter : a value that is no finite number.

    Examples
    --------
    >>> import torch
    >>> Constant(0.5).fill_(torch.empty(3))
    tensor([0.5000, 0.5000, 0.5000])
    """

    value: float = 0.0

    constraints: ClassVar[Mapping[str, Constraint]] = {"value": number()}

    def fill_(self, tensor: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        with torch.no_grad():
            return tensor if tensor.is_meta else tensor.fill_(self.value)


@value("init")
class Normal(InitRule):
    """A normal law with given moments: w ~ N(mean, std^2).

    Parameters
    ----------
    mean : any finite number.
    std : standard deviation, >= 0.

    Shapes
    ------
    any

    Raises
    ------
    InvalidParameter : a negative standard deviation.

    Examples
    --------
    >>> import torch
    >>> g = torch.Generator().manual_seed(0)
    >>> Normal(std=0.1).fill_(torch.empty(100, 100), g).std().round(decimals=2)
    tensor(0.1000)
    """

    mean: float = 0.0
    std: float = 0.01

    constraints: ClassVar[Mapping[str, Constraint]] = {"mean": number(), "std": number(0)}

    def fill_(self, tensor: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        with torch.no_grad():
            return tensor if tensor.is_meta else tensor.normal_(self.mean, self.std, generator=generator)


@value("init")
class Uniform(InitRule):
    """A uniform law between two bounds: w ~ U(low, high).

    Parameters
    ----------
    low, high : the bounds, low < high.

    Shapes
    ------
    any

    Raises
    ------
    InvalidParameter : bounds in the wrong order.

    Examples
    --------
    >>> import torch
    >>> g = torch.Generator().manual_seed(0)
    >>> float(Uniform(-0.1, 0.1).fill_(torch.empty(1000), g).abs().max()) <= 0.1
    True
    """

    low: float
    high: float

    constraints: ClassVar[Mapping[str, Constraint]] = {"low": number(), "high": number()}

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InvalidParameter(
                problem("Uniform(low, high)", "low < high", f"({self.low}, {self.high})", "Swap the bounds.")
            )

    def fill_(self, tensor: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        with torch.no_grad():
            return tensor if tensor.is_meta else tensor.uniform_(self.low, self.high, generator=generator)


@value("init")
class Orthogonal(InitRule):
    """A random matrix with orthogonal rows or columns: W W^T = gain^2 I for out <= in k, else W^T W = gain^2 I.

    Parameters
    ----------
    gain : the singular value of every direction, > 0.

    Shapes
    ------
    (out, in, *kernel), at least 2 axes; those behind the first are flattened to in k columns

    Raises
    ------
    InvalidParameter : a tensor with fewer than 2 axes.

    Examples
    --------
    >>> import torch
    >>> g = torch.Generator().manual_seed(0)
    >>> w = Orthogonal().fill_(torch.empty(3, 8), g)
    >>> torch.allclose(w @ w.T, torch.eye(3), atol=1e-6)
    True

    References
    ----------
    Saxe, McClelland, Ganguli, *Exact solutions to the nonlinear dynamics of learning in deep linear networks*, 2014.
    """

    gain: float = 1.0

    constraints: ClassVar[Mapping[str, Constraint]] = {"gain": number(0, closed="neither")}

    def fill_(self, tensor: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        fans(self, tensor)
        return tensor if tensor.is_meta else torch.nn.init.orthogonal_(tensor, self.gain, generator)


@value("init")
class HeNormal(InitRule):
    """The normal law that keeps the second moment through a rectifier: std = gain / sqrt(fan_in).

    Parameters
    ----------
    gain : > 0; sqrt(2) for ReLU, `leaky_gain(slope)` for leaky ones, 1 for linear layers (LeCun's rule).

    Shapes
    ------
    (out, in, *kernel), at least 2 axes

    Raises
    ------
    InvalidParameter : a tensor with fewer than 2 axes.

    Examples
    --------
    >>> import torch
    >>> g = torch.Generator().manual_seed(0)
    >>> HeNormal().fill_(torch.empty(100, 200), g).std().round(decimals=2)
    tensor(0.1000)

    References
    ----------
    He, Zhang, Ren, Sun, *Delving deep into rectifiers*, 2015.
    """

    gain: float = SQRT2

    constraints: ClassVar[Mapping[str, Constraint]] = {"gain": number(0, closed="neither")}

    def fill_(self, tensor: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        fan_in, _ = fans(self, tensor)
        return Normal(0.0, self.gain / math.sqrt(fan_in)).fill_(tensor, generator)


@value("init")
class HeUniform(InitRule):
    """The uniform law of `HeNormal`'s variance: w ~ U(-b, b), b = gain sqrt(3 / fan_in).

    Parameters
    ----------
    gain : > 0; sqrt(2) for ReLU.

    Shapes
    ------
    (out, in, *kernel), at least 2 axes

    Raises
    ------
    InvalidParameter : a tensor with fewer than 2 axes.

    Examples
    --------
    >>> import torch
    >>> g = torch.Generator().manual_seed(0)
    >>> float(HeUniform().fill_(torch.empty(10, 600), g).abs().max()) <= 0.1
    True

    References
    ----------
    He, Zhang, Ren, Sun, *Delving deep into rectifiers*, 2015.
    """

    gain: float = SQRT2

    constraints: ClassVar[Mapping[str, Constraint]] = {"gain": number(0, closed="neither")}

    def fill_(self, tensor: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        fan_in, _ = fans(self, tensor)
        bound = self.gain * math.sqrt(3.0 / fan_in)
        return Uniform(-bound, bound).fill_(tensor, generator)


@value("init")
class XavierNormal(InitRule):
    """The normal law that balances forward and backward variance: std = gain sqrt(2 / (fan_in + fan_out)).

    Parameters
    ----------
    gain : > 0; 1 for linear, sigmoid, tanh and softmax layers.

    Shapes
    ------
    (out, in, *kernel), at least 2 axes

    Raises
    ------
    InvalidParameter : a tensor with fewer than 2 axes.

    Examples
    --------
    >>> import torch
    >>> g = torch.Generator().manual_seed(0)
    >>> XavierNormal().fill_(torch.empty(100, 100), g).std().round(decimals=2)
    tensor(0.1000)

    References
    ----------
    Glorot, Bengio, *Understanding the difficulty of training deep feedforward neural networks*, 2010.
    """

    gain: float = 1.0

    constraints: ClassVar[Mapping[str, Constraint]] = {"gain": number(0, closed="neither")}

    def fill_(self, tensor: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        fan_in, fan_out = fans(self, tensor)
        return Normal(0.0, self.gain * math.sqrt(2.0 / (fan_in + fan_out))).fill_(tensor, generator)


@value("init")
class XavierUniform(InitRule):
    """The uniform law of `XavierNormal`'s variance: w ~ U(-b, b), b = gain sqrt(6 / (fan_in + fan_out)).

    Parameters
    ----------
    gain : > 0; 1 for linear, sigmoid, tanh and softmax layers.

    Shapes
    ------
    (out, in, *kernel), at least 2 axes

    Raises
    ------
    InvalidParameter : a tensor with fewer than 2 axes.

    Examples
    --------
    >>> import torch
    >>> g = torch.Generator().manual_seed(0)
    >>> float(XavierUniform().fill_(torch.empty(200, 400), g).abs().max()) <= 0.1
    True

    References
    ----------
    Glorot, Bengio, *Understanding the difficulty of training deep feedforward neural networks*, 2010.
    """

    gain: float = 1.0

    constraints: ClassVar[Mapping[str, Constraint]] = {"gain": number(0, closed="neither")}

    def fill_(self, tensor: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        fan_in, fan_out = fans(self, tensor)
        bound = self.gain * math.sqrt(6.0 / (fan_in + fan_out))
        return Uniform(-bound, bound).fill_(tensor, generator)


def leaky_gain(slope: float) -> float:
    """The gain of a leaky ReLU, sqrt(2 / (1 + slope^2)): a slope of 0 is ReLU's, a slope of 1 the identity's.

    Parameters
    ----------
    slope : the factor of negative inputs.

    Examples
    --------
    >>> leaky_gain(1.0), leaky_gain(0.0) == 2**0.5
    (1.0, True)
    """
    return math.sqrt(2.0 / (1.0 + slope * slope))


def fans(rule: InitRule, tensor: torch.Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (out, in per group, *kernel)."""
    if tensor.ndim < 2:
        raise InvalidParameter(
            problem(
                repr(rule),
                "a weight with at least 2 axes (out, in, *kernel)",
                f"shape {tuple(tensor.shape)}",
                "Use Constant, Normal or Uniform for biases.",
            )
        )
    size = math.prod(tensor.shape[2:])
    return tensor.shape[1] * size, tensor.shape[0] * size
