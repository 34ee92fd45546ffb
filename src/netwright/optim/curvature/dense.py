"""Chains of fully connected layers: loss and gradient by the equations of backpropagation, without autograd.

For layers a_l = f_l(W_l a_{l-1} + b_l), a_0 the inputs, a_L the outputs z, and delta_L = dL/dz::

    dL/dW_l = d_l a_{l-1}^T        d_l = delta_l * f_l'
    dL/db_l = d_l 1
    delta_{l-1} = W_l^T d_l

On small networks half of a backward pass is autograd's own work; here all arrays are made once, and rows stand in
columns (units, n), so that the sums over rows run through memory in its order. f' is had from f: 1 - a^2 for tanh,
a (1 - a) for the logistic function, and so on.

Reference: Rumelhart, Hinton, Williams: Learning representations by back-propagating errors, 1986.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from netwright.optim.curvature.layout import Layout

CACHE = 2**18  # bytes of one layer's outputs
LEAST = 512  # rows of a piece

Slope = Callable[[Tensor], tuple[float, Tensor]]


class Unit(NamedTuple):
    """An activation: `apply` works in place; `scale` multiplies delta, in place, by the derivative, had from f."""

    apply: Callable[[Tensor], Any]
    scale: Callable[[Tensor, Tensor], Any]


class Part(NamedTuple):
    """A linear layer with the activation behind it, None for none."""

    linear: torch.nn.Linear
    unit: Unit | None


@final
class DenseChain:
    """Loss and gradient of a chain of fully connected layers on some rows.

    Parameters
    ----------
    parts : the layers, as `parts_of_chain` gives them.
    inputs : (n, features).
    slope : ``outputs (n, K) -> (loss, dL/dz (n, K))`` for these rows; what it gives is overwritten.
    layout : where the parameters stand in the vector; all of the chain's, and no others.

    Shapes
    ------
    inputs (n, features) -> loss, gradient (P,) in double precision

    Examples
    --------
    >>> import torch
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 1))
    >>> slope, layout = half_squares(torch.ones(2, 1)), Layout(module.parameters())
    >>> chain = DenseChain(parts_of_chain(module), torch.eye(2), slope, layout)
    >>> loss, gradient = chain.gradient()
    >>> reference = 0.5 * (module(torch.eye(2)) - 1).square().sum()
    >>> abs(loss - reference.item()) < 1e-6, gradient.shape
    (True, torch.Size([3]))
    """

    def __init__(self, parts: Sequence[Part], inputs: Tensor, slope: Slope, layout: Layout) -> None:
        self._parts, self._inputs, self._slope = list(parts), inputs, slope
        n = len(inputs)
        self._outputs = [inputs.new_empty(part.linear.out_features, n) for part in self._parts]
        self._deltas = [torch.empty_like(output) for output in self._outputs[:-1]]
        self._ones = inputs.new_ones(n)
        self._vector = inputs.new_zeros(layout.size)
        places = {id(p): bounds for p, bounds in zip(layout.parameters, layout.bounds, strict=True)}
        self._weights = [self._place(part.linear.weight, places) for part in self._parts]
        self._biases = [self._place(part.linear.bias, places) for part in self._parts]

    def loss(self) -> float:
        """The loss at the weights as they stand."""
        return self._slope(self._forward())[0]

    def gradient(self) -> tuple[float, Tensor]:
        """The loss and its gradient (P,) at the weights as they stand."""
        loss, slope = self._slope(self._forward())
        delta = slope.T  # (K, n)
        for i in reversed(range(len(self._parts))):
            linear, unit = self._parts[i]
            if unit is not None:
                unit.scale(delta, self._outputs[i])
            before = self._inputs if i == 0 else self._outputs[i - 1].T
            weights, biases = self._weights[i], self._biases[i]
            if weights is not None:
                torch.mm(delta, before, out=weights)
            if biases is not None:
                torch.mv(delta, self._ones, out=biases)
            if i:
                delta = torch.mm(linear.weight.detach().T, delta, out=self._deltas[i - 1])
        return loss, self._vector.to(torch.float64, copy=True)

    def _forward(self) -> Tensor:
        """The outputs (n, K)."""
        given = self._inputs.T
        for (linear, unit), output in zip(self._parts, self._outputs, strict=True):
            weight = linear.weight.detach()
            if linear.bias is None:
                torch.mm(weight, given, out=output)
            else:
                torch.addmm(linear.bias.detach().unsqueeze(1), weight, given, out=output)
            if unit is not None:
                unit.apply(output)
            given = output
        return given.T

    def _place(self, parameter: Tensor | None, places: dict[int, tuple[int, int]]) -> Tensor | None:
        """The part of the gradient that belongs to a parameter, in its shape."""
        if parameter is None or id(parameter) not in places:
            return None
        start, stop = places[id(parameter)]
        return self._vector[start:stop].view(parameter.shape)


def parts_of_chain(module: torch.nn.Module) -> list[Part] | None:
    """The layers of a chain of `Linear` and the activations below, or None for any other module.

    Parameters
    ----------
    module : any torch module; chains in chains are followed, hooks and shared layers make it another module.

    Examples
    --------
    >>> import torch
    >>> len(parts_of_chain(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))))
    2
    >>> parts_of_chain(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Dropout())) is None
    True
    """
    leaves = list(_leaves(module))
    parts: list[Part] = []
    for leaf in leaves:
        if type(leaf) is torch.nn.Linear:
            parts.append(Part(leaf, None))
        elif type(leaf) in UNITS and parts and parts[-1].unit is None:
            parts[-1] = Part(parts[-1].linear, UNITS[type(leaf)])
        elif type(leaf) is not torch.nn.Identity:
            return None
    watched = any(_is_watched(part) for part in module.modules())
    parameters = [id(p) for part in parts for p in part.linear.parameters()]
    if watched or not parts or len(parameters) != len(set(parameters)):
        return None
    return parts


def rows_of_chain(parts: Sequence[Part], n: int) -> list[slice]:
    """Rows in pieces whose arrays stay in the cache of a core."""
    widest = max(part.linear.out_features * part.linear.weight.element_size() for part in parts)
    size = max(LEAST, CACHE // widest)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def half_squares(targets: Tensor, scale: float = 1.0, weight: Tensor | None = None) -> Slope:
    """The slope of a loss 1/2 scale sum_n w_n (z_n - t_n)^2, for targets (n, K) and weights (n,) or None for ones."""

    difference = torch.empty_like(targets.T, memory_format=torch.contiguous_format)  # rows stand in columns

    def slope(outputs: Tensor) -> tuple[float, Tensor]:
        torch.sub(outputs.T, targets.T, out=difference)
        weighted = difference if weight is None else difference * weight
        loss = 0.5 * scale * float(difference.view(-1).dot(weighted.view(-1)))
        return loss, (weighted if scale == 1.0 else weighted.mul_(scale)).T

    return slope


def slope_of(loss: Callable[[Tensor], Tensor]) -> Slope:
    """The slope of any loss of the outputs (n, K), by autograd on the outputs alone."""

    def slope(outputs: Tensor) -> tuple[float, Tensor]:
        leaf = outputs.contiguous().requires_grad_()
        with torch.enable_grad():
            found = loss(leaf)
        (slopes,) = torch.autograd.grad(found, leaf)
        return float(found.detach()), slopes

    return slope


def _leaves(module: torch.nn.Module) -> Iterator[torch.nn.Module]:
    if type(module) is torch.nn.Sequential:
        for child in module:
            yield from _leaves(child)
    else:
        yield module


def _is_watched(module: torch.nn.Module) -> bool:
    """Whether hooks or parametrisations change what the module computes."""
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    return any(hooks) or hasattr(module, "parametrizations")


UNITS: dict[type, Unit] = {
    torch.nn.Tanh: Unit(torch.tanh_, lambda delta, a: delta.addcmul_(delta * a, a, value=-1)),
    torch.nn.Sigmoid: Unit(torch.sigmoid_, lambda delta, a: delta.mul_(a).addcmul_(delta, a, value=-1)),
    torch.nn.ReLU: Unit(torch.relu_, lambda delta, a: delta.mul_(a.sign())),
}
