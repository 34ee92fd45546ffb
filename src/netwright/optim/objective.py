"""An objective: what a rule of curvature asks of a loss, as a function of one vector of weights.

A rule hands it a vector theta (P,) and gets a loss, a gradient, products with the Hessian, or the quadratic model of
Gauss and Newton. What computes them is a closure, as in torch, or several closures whose sum is the loss (pieces of
data that do not fit together); `netwright.optim.curvature.closures` has the table of what they may return.

A loss that is NaN counts as infinite, so that a search turns back from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.optim.curvature.closures import Asked, Closure
from netwright.optim.curvature.damping import triangular_factor
from netwright.optim.curvature.dense import DenseChain, HalfSquares, parts_of_chain, rows_of_chain
from netwright.optim.curvature.jacobian import recorded
from netwright.optim.curvature.layout import Layout, real
from netwright.optim.curvature.products import (
    Product,
    gauss_newton_product,
    jacobian_product,
    product_of_gradients,
    transposed_jacobian_product,
)
from netwright.optim.curvature.quadratic import Linear, add_gauss_newton_, jacobian_blocks, mirrored


class Point(NamedTuple):
    """Weights (P,) with the loss and its gradient (P,) there, in double precision; None: it was not evaluated."""

    theta: Tensor
    loss: float
    gradient: Tensor | None


class Model(NamedTuple):
    """A point with the matrix (P, P) of the quadratic model there."""

    theta: Tensor
    loss: float
    gradient: Tensor
    matrix: Tensor


class Extra(NamedTuple):
    """What is added by formula, such as a penalty: functions of theta (P,).

    `value` gives a number, `slope` its gradient (P,), `curvature` its second derivatives (P,), the diagonal of a
    Hessian that has nothing beside it.
    """

    value: Callable[[Tensor], float]
    slope: Callable[[Tensor], Tensor]
    curvature: Callable[[Tensor], Tensor]


@final
class Objective:
    """A loss as a function of the weights.

    Products are those of the weights that they were asked for; they are used before the weights are written to again.

    Parameters
    ----------
    parameters : leaf tensors, in the order of the vector.
    closures : a closure or several, whose losses are added up.
    extra : what is added to their losses by formula; None for nothing.
    where : how messages call the place, such as ``"QuasiNewton.step(closure)"``.
    quick : chains of dense layers whose losses are together those of the closures; loss and gradient are then theirs.
    goes_backward : whether the closures go backward themselves; None: each is looked at. With False, the parameters'
        ``.grad`` is left alone.
    single : whether a tensor (1,) is a loss, and not the residual of one row.

    Attributes
    ----------
    at : the vector that the parameters were given last, None before. evaluations : how often they were.

    Raises
    ------
    InvalidParameter : a closure that returns something else than the table above says; no parameters, or complex ones.

    Examples
    --------
    >>> import torch
    >>> w = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> objective = Objective([w], lambda: w)  # the residuals are the weights themselves
    >>> objective.loss(objective.theta())
    12.5
    >>> objective.point(torch.tensor([1.0, 2.0])).gradient
    tensor([1., 2.], dtype=torch.float64)
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        closures: Closure | Sequence[Closure],
        extra: Extra | None = None,
        where: str = "step(closure)",
        quick: Sequence[DenseChain] = (),
        goes_backward: bool | None = None,
        single: bool = False,
    ) -> None:
        self.layout = Layout(real(parameters, where))
        self.closures = list(closures) if isinstance(closures, Sequence) else [closures]
        self.extra, self.where, self.quick = extra, where, quick
        self.evaluations = 0
        self.at: Tensor | None = None
        self._asked = [Asked(closure, where, goes_backward, single) for closure in self.closures]
        self._trusted = [False] * len(self.closures)

    @property
    def size(self) -> int:
        """The number P of weights."""
        return self.layout.size

    def theta(self) -> Tensor:
        """The weights as they stand, a new vector (P,)."""
        return self.layout.read()

    def write(self, theta: Tensor) -> Tensor:
        """Give the parameters these values; returns what they are in their own number format, as a vector (P,)."""
        self.at = self.layout.write(theta)
        return self.at

    def loss(self, theta: Tensor) -> float:
        """The loss at theta; infinite where it is NaN."""
        self.write(theta)
        self.evaluations += 1
        total = sum(chain.loss() for chain in self.quick)
        for asked in () if self.quick else self._asked:
            total += float(asked.value().loss)
        if self.extra is not None:
            total += self.extra.value(theta)
        return math.inf if math.isnan(total) else total

    def point(self, theta: Tensor) -> Point:
        """Loss and gradient at theta, which becomes what it is in the parameters' number format."""
        theta = self.write(theta)
        self.evaluations += 1
        loss, gradient = self._evaluated() if not self.quick else self._summed_up()
        if self.extra is not None:
            loss, gradient = loss + self.extra.value(theta), gradient + self.extra.slope(theta)
        return Point(theta, math.inf if math.isnan(loss) else loss, gradient)

    def hessian_product(self, theta: Tensor) -> Product:
        """The function v -> Hv at theta, for v (P,) or rows (count, P); it ends with the next evaluation elsewhere."""
        self.write(theta)
        self.evaluations += 1
        slopes = [asked.slopes(self.layout.parameters) for asked in self._asked]
        products = [product_of_gradients(slope, self.layout) for slope in slopes]
        return self._summed(theta, products)

    def hessian(self, theta: Tensor, columns: int = 32) -> Tensor:
        """The Hessian at theta, (P, P), `columns` products at a time."""
        return torch.cat(list(self._columns(self.hessian_product(theta), columns)))

    def hessian_diagonal(self, theta: Tensor, columns: int = 32) -> Tensor:
        """The diagonal of the Hessian, (P,), exact, in memory that does not grow with P^2."""
        found = [
            block[torch.arange(len(block)), torch.arange(len(block)) + i * columns]
            for i, block in enumerate(self._columns(self.hessian_product(theta), columns))
        ]
        return torch.cat(found)

    def gauss_newton_product(self, theta: Tensor) -> Product:
        """The function v -> Gv at theta for the generalised Gauss-Newton matrix G."""
        self.write(theta)
        self.evaluations += 1
        products = []
        for asked in self._asked:
            linear = self._linear(asked)
            products.append(gauss_newton_product(linear.loss, linear.outputs, self.layout.parameters))
        return self._summed(theta, products)

    def quadratic(self, theta: Tensor) -> Model:
        """The quadratic model of Gauss and Newton at theta: loss, gradient and J^T L'' J."""
        theta = self.write(theta)
        self.evaluations += 1
        matrix = torch.zeros(self.size, self.size, dtype=torch.float64, device=self.layout.device)
        gradient = torch.zeros(self.size, dtype=torch.float64, device=self.layout.device)
        if self.quick and all(chain.squares for chain in self.quick):
            loss = sum(chain.add_quadratic_(matrix, gradient) for chain in self.quick)
        else:
            loss = sum(self._add_quadratic_(i, matrix, gradient) for i in range(len(self.closures)))
        matrix = mirrored(matrix)
        if self.extra is not None:
            loss, gradient = loss + self.extra.value(theta), gradient + self.extra.slope(theta)
            matrix.diagonal().add_(self.extra.curvature(theta))
        return Model(theta, math.inf if math.isnan(loss) else loss, gradient, matrix)

    def _add_quadratic_(self, i: int, matrix: Tensor, gradient: Tensor) -> float:
        """Add one closure's part of the model, and return its loss."""
        linear = self._linear(self._asked[i])
        self._trusted[i] = add_gauss_newton_(matrix, gradient, linear, self.layout, self._trusted[i])
        return float(linear.loss.detach())

    def triangle(self, theta: Tensor) -> Tensor:
        """R with R^T R = J^T L'' J at theta, without squaring the condition of J."""
        self.write(theta)
        self.evaluations += 1
        return triangular_factor(self._rows(theta), self.size, self.layout.device)

    def residuals(self, theta: Tensor) -> Tensor:
        """All residuals at theta as one vector (N,)."""
        self.write(theta)
        self.evaluations += 1
        found = [asked.value().outputs for asked in self._asked]
        return torch.cat([outputs.reshape(-1) for outputs in found if outputs is not None]).double()

    def residual_products(self, theta: Tensor) -> tuple[Product, Product]:
        """The functions v -> Jv and u -> J^T u of all residuals (N,) at theta."""
        self.write(theta)
        self.evaluations += 1
        with torch.enable_grad():
            outputs = torch.cat([self._linear(asked).outputs.reshape(-1) for asked in self._asked])
        return (
            jacobian_product(outputs, self.layout.parameters),
            transposed_jacobian_product(outputs, self.layout.parameters),
        )

    def _rows(self, theta: Tensor) -> Iterator[Tensor]:
        for asked in self._asked:
            yield from jacobian_blocks(self._linear(asked), self.layout)
        if self.extra is not None:
            yield torch.diag(self.extra.curvature(theta).clamp_min(0).sqrt())

    def _columns(self, product: Product, columns: int) -> Iterator[Tensor]:
        for start in range(0, self.size, columns):
            count = min(columns, self.size - start)
            basis = torch.zeros(count, self.size, dtype=torch.float64, device=self.layout.device)
            basis[torch.arange(count), torch.arange(count) + start] = 1
            yield product(basis)

    def _summed(self, theta: Tensor, products: list[Product]) -> Product:
        extra = None if self.extra is None else self.extra.curvature(theta)

        def product(vector: Tensor) -> Tensor:
            vector = vector.to(device=self.layout.device, dtype=torch.float64)
            total = sum((each(vector) for each in products[1:]), products[0](vector))
            return total if extra is None else total + extra * vector

        return product

    def _summed_up(self) -> tuple[float, Tensor]:
        """Loss and gradient by the chains."""
        loss, gradient = self.quick[0].gradient()
        for chain in self.quick[1:]:
            more, slope = chain.gradient()
            loss, gradient = loss + more, gradient.add_(slope)
        return loss, gradient

    def _evaluated(self) -> tuple[float, Tensor]:
        """Loss and gradient by the closures."""
        total, gradient = 0.0, None
        for asked in self._asked:
            loss, found = asked.gradients(self.layout.parameters)
            part = self.layout.join(found)
            total += float(loss)
            gradient = part if gradient is None else gradient + part
        assert gradient is not None
        return total, gradient

    def _linear(self, asked: Asked) -> Linear:
        """A forward pass with what its outputs and residuals are, for models of Gauss and Newton."""
        with recorded(self.layout) as calls:
            answer = asked.graph()
        if answer.outputs is None:
            raise InvalidParameter(
                problem(
                    self.where,
                    "a closure that returns residuals, a tensor with one number for each row and output, or a pair "
                    "(outputs, loss)",
                    "a scalar loss, of which no Jacobian can be had",
                    "Return outputs - targets for least squares; (outputs, loss) for another loss of outputs.",
                )
            )
        if not answer.outputs.requires_grad:
            raise InvalidParameter(
                problem(
                    self.where,
                    "residuals or outputs that depend on the parameters",
                    "ones without a graph",
                    "Compute them from the parameters, without detach() or numpy().",
                )
            )
        return Linear(answer.outputs, answer.loss, answer.squares, calls)


def least_squares(module: torch.nn.Module, inputs: Tensor, targets: Tensor) -> Objective:
    """Half the sum of squares of what a module gives for its inputs, less the targets, as an objective for any rule.

    The same as a closure that returns ``module(inputs) - targets``; for a chain of dense layers loss and gradient are
    computed without autograd, at about half the time on small networks.

    Parameters
    ----------
    module : a torch module whose output is one tensor, without noise: dropout in ``eval()``.
    inputs : (n, ...).
    targets : of the outputs' shape.

    Raises
    ------
    InvalidData : targets of another shape than the outputs.
    InvalidParameter : a module with noise, or without parameters that can be trained.

    Examples
    --------
    >>> import torch
    >>> from netwright.optim import QuasiNewton, least_squares
    >>> module = torch.nn.Linear(1, 1)
    >>> x = torch.linspace(-1, 1, 20)[:, None]
    >>> objective = least_squares(module, x, 3 * x - 1)
    >>> optimizer = QuasiNewton().build(module.parameters())
    >>> for _ in range(10):
    ...     _ = optimizer.step(objective)
    >>> round(module.weight.item(), 3), round(module.bias.item(), 3)
    (3.0, -1.0)
    """
    parameters = real((item for item in module.parameters() if item.requires_grad), "least_squares(module)")
    with torch.no_grad():
        outputs, again = module(inputs), module(inputs)
    if not torch.equal(outputs, again):
        raise InvalidParameter(
            problem(
                "least_squares(module)",
                "a module that gives the same outputs for the same inputs",
                "one with dropout or other noise",
                "Call module.eval() before, or train with a rule for mini-batches such as Adam.",
            )
        )
    if targets.shape != outputs.shape:
        raise InvalidData(
            problem(
                "least_squares(targets)",
                f"the shape {tuple(outputs.shape)} of the outputs",
                f"{tuple(targets.shape)}",
                "Reshape them, such as targets[:, None].",
            )
        )
    targets = targets.to(outputs.dtype)
    parts = parts_of_chain(module) if inputs.ndim == 2 == targets.ndim else None
    rows = [] if parts is None else rows_of_chain(parts, len(inputs))
    layout = Layout(parameters)
    chains = [DenseChain(parts or [], inputs[here], HalfSquares(targets[here]), layout) for here in rows]
    return Objective(
        parameters, lambda: module(inputs) - targets, where="least_squares", quick=chains, goes_backward=False
    )


def finite(point: Any, where: str) -> Any:
    """The point or model, if its loss and gradient are finite.

    Raises
    ------
    InvalidData : they are not; the weights are as they were.
    """
    if math.isfinite(point.loss) and bool(torch.isfinite(point.gradient).all()):
        return point
    what = "a gradient with NaN or infinite entries" if math.isfinite(point.loss) else "NaN or infinity"
    raise InvalidData(
        problem(
            where,
            "a finite loss and gradient at the weights as they stand",
            what,
            "Check inputs and targets; the weights are as they were.",
        )
    )


def finite_curvature(curvature: Tensor, where: str) -> Tensor:
    """Second derivatives, if they are finite.

    Raises
    ------
    InvalidData : they are not; the weights are as they were.
    """
    if bool(torch.isfinite(curvature).all()):
        return curvature
    raise InvalidData(
        problem(
            where,
            "finite second derivatives at the weights as they stand",
            "NaN or infinite ones",
            "Take functions that have them (a root at 0 has none), or a rule of gradients such as QuasiNewton; "
            "the weights are as they were.",
        )
    )
