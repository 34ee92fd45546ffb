"""Chains of fully connected layers: loss and gradient by the equations of backpropagation, without autograd.

For layers a_l = f_l(W_l a_{l-1} + b_l), a_0 the inputs, a_L the outputs z, and delta_L = dL/dz::

    dL/dW_l = d_l a_{l-1}^T        d_l = delta_l * f_l'
    dL/db_l = d_l 1
    delta_{l-1} = W_l^T d_l

and for the Jacobian of an output, row by row, the same products without the sums over rows, with delta_L = 1.

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

from netwright.optim.curvature.jacobian import BLOCK, pieces
from netwright.optim.curvature.layout import Layout
from netwright.optim.curvature.quadratic import add_square_

CACHE = 2**19  # bytes of one layer's outputs
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


class Stage(NamedTuple):
    """What a layer's part of an evaluation takes: views of its parameters, and the arrays that are written."""

    weight: Tensor  # (units, features)
    turned: Tensor  # its transpose
    offset: Tensor | None  # the bias as a column (units, 1)
    unit: Unit | None
    given: Tensor  # (features, n)
    before: Tensor  # its transpose
    output: Tensor  # (units, n)
    weights: Tensor | None  # places of the gradient
    biases: Tensor | None
    delta: Tensor | None  # of the layer before, (features, n)


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
    >>> slope, layout = HalfSquares(torch.ones(2, 1)), Layout(module.parameters())
    >>> chain = DenseChain(parts_of_chain(module), torch.eye(2), slope, layout)
    >>> loss, gradient = chain.gradient()
    >>> reference = 0.5 * (module(torch.eye(2)) - 1).square().sum()
    >>> abs(loss - reference.item()) < 1e-6, gradient.shape
    (True, torch.Size([3]))
    """

    def __init__(self, parts: Sequence[Part], inputs: Tensor, slope: Slope, layout: Layout) -> None:
        self._parts, self._inputs, self._slope, self._layout = list(parts), inputs, slope, layout
        n = len(inputs)
        self._outputs = [inputs.new_empty(part.linear.out_features, n) for part in self._parts]
        self._deltas = [torch.empty_like(output) for output in self._outputs[:-1]]
        self._ones = inputs.new_ones(n)
        self._vector = inputs.new_zeros(layout.size)
        places = {id(p): bounds for p, bounds in zip(layout.parameters, layout.bounds, strict=True)}
        self._bounds = [
            (self._place(part.linear.weight, places), self._place(part.linear.bias, places)) for part in self._parts
        ]
        self._parameters = [p for part in self._parts for p in (part.linear.weight, part.linear.bias) if p is not None]
        self._found: list[int] = []
        self._stages: list[Stage] = []

    def loss(self) -> float:
        """The loss at the weights as they stand."""
        return self._slope(self._forward())[0]

    def gradient(self) -> tuple[float, Tensor]:
        """The loss and its gradient (P,) at the weights as they stand."""
        loss, slope = self._slope(self._forward())
        delta = slope.T  # (K, n)
        for stage in reversed(self._stages):
            if stage.unit is not None:
                stage.unit.scale(delta, stage.output)
            if stage.weights is not None:
                torch.mm(delta, stage.before, out=stage.weights)
            if stage.biases is not None:
                torch.mv(delta, self._ones, out=stage.biases)
            if stage.delta is not None:
                delta = torch.mm(stage.turned, delta, out=stage.delta)
        return loss, self._vector.to(torch.float64, copy=True)

    @property
    def squares(self) -> bool:
        """Whether the loss is half a sum of squares, so that `add_quadratic_` can be asked for."""
        return isinstance(self._slope, HalfSquares)

    def add_quadratic_(self, matrix: Tensor, gradient: Tensor) -> float:
        """Add J^T J to the upper triangle of a matrix (P, P) and J^T r to a gradient (P,); returns the loss 1/2 r^T r.

        The Jacobian of the residuals is put together in blocks (P, m) of rows that stay in the cache.
        """
        assert isinstance(self._slope, HalfSquares)
        loss, _ = self._slope(self._forward())
        residuals, roots = self._slope.residuals()  # (K, n), (n,) or None
        befores = [self._inputs.T.double(), *(output.double() for output in self._outputs[:-1])]
        for k, residual in enumerate(residuals):
            deltas = self._deltas_of(k, roots)
            for rows in pieces(len(self._inputs), BLOCK // (8 * self._layout.size)):
                block = self._layout.scratch(self._layout.size, rows.stop - rows.start)
                self._write(block, befores, deltas, rows)
                gradient.addmv_(block, residual[rows])
                add_square_(matrix, block.T)
        return loss

    def _deltas_of(self, k: int, roots: Tensor | None) -> list[Tensor]:
        """The derivatives of one residual in what each layer's linear part gives, (units, n) by layer."""
        delta = torch.zeros_like(self._outputs[-1])
        delta[k] = 1.0 if roots is None else roots
        deltas: list[Tensor] = []
        for stage in reversed(self._stages):
            if stage.unit is not None:
                stage.unit.scale(delta, stage.output)
            deltas.insert(0, delta.double())
            delta = stage.turned @ delta
        return deltas

    def _write(self, block: Tensor, befores: list[Tensor], deltas: list[Tensor], rows: slice) -> None:
        """Write the Jacobian of some rows into a block (P, m)."""
        for before, delta, (weights, biases) in zip(befores, deltas, self._bounds, strict=True):
            part = delta[:, rows]
            if weights is not None:
                target = block[weights].view(len(part), len(before), -1)
                torch.mul(part.unsqueeze(1), before[:, rows].unsqueeze(0), out=target)
            if biases is not None:
                block[biases] = part

    def _forward(self) -> Tensor:
        """The outputs (n, K)."""
        if self._found != [parameter.data_ptr() for parameter in self._parameters]:
            self._find()
        for stage in self._stages:
            if stage.offset is None:
                torch.mm(stage.weight, stage.given, out=stage.output)
            else:
                torch.addmm(stage.offset, stage.weight, stage.given, out=stage.output)
            if stage.unit is not None:
                stage.unit.apply(stage.output)
        return self._outputs[-1].T

    def _find(self) -> None:
        """Views of everything that an evaluation takes, which hold until the parameters get other memory."""
        self._found = [parameter.data_ptr() for parameter in self._parameters]
        self._stages = []
        given = self._inputs.T
        for i, ((linear, unit), output, (weights, biases)) in enumerate(
            zip(self._parts, self._outputs, self._bounds, strict=True)
        ):
            weight = linear.weight.detach()
            stage = Stage(
                weight,
                weight.T,
                None if linear.bias is None else linear.bias.detach().unsqueeze(1),
                unit,
                given,
                given.T,
                output,
                None if weights is None else self._vector[weights].view(weight.shape),
                None if biases is None else self._vector[biases],
                self._deltas[i - 1] if i else None,
            )
            self._stages.append(stage)
            given = output

    def _place(self, parameter: Tensor | None, places: dict[int, tuple[int, int]]) -> slice | None:
        """The part of the vector that belongs to a parameter."""
        return slice(*places[id(parameter)]) if parameter is not None and id(parameter) in places else None


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
    return pieces(n, max(LEAST, CACHE // widest))


@final
class HalfSquares:
    """The slope of a loss 1/2 scale sum_n w_n (z_n - t_n)^2.

    Parameters
    ----------
    targets : t, (n, K).
    scale : a factor of the whole, > 0.
    weight : w, (n,) numbers >= 0, or None for ones.
    """

    def __init__(self, targets: Tensor, scale: float = 1.0, weight: Tensor | None = None) -> None:
        self._targets, self._scale, self._weight = targets, scale, weight
        self._difference = torch.empty_like(targets.T, memory_format=torch.contiguous_format)  # rows in columns
        self._turned, self._flat = targets.T, self._difference.view(-1)

    def __call__(self, outputs: Tensor) -> tuple[float, Tensor]:
        """The loss of outputs (n, K) and its derivative, which the next call overwrites."""
        difference = torch.sub(outputs.T, self._turned, out=self._difference)
        weighted = difference if self._weight is None else difference * self._weight
        loss = 0.5 * self._scale * float(self._flat.dot(weighted.view(-1)))
        return loss, (weighted if self._scale == 1.0 else weighted * self._scale).T

    def residuals(self) -> tuple[Tensor, Tensor | None]:
        """The residuals (K, n) of the last call in double precision, and the root of each row's factor, None for 1."""
        difference = self._difference.double()
        if self._weight is None and self._scale == 1.0:
            return difference, None
        factor = self._difference.new_full((len(self._targets),), self._scale)
        roots = (factor if self._weight is None else factor * self._weight).sqrt()
        return difference * roots, roots


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
