"""Gauss-Newton: the minimum of the loss with the network replaced by its linearisation, and a step that is shortened.

With residuals r (N,) of weights w (P,), their Jacobian J = dr/dw and the loss L = 1/2 r^T r::

    A = J^T J,   g = J^T r
    d = -(A + gamma I)^-1 g       by Cholesky
    d = -A^+ g                    where that has no digits left: the shortest of all d that solve it
    w <- w + t d                  with t from 1 downwards, until L falls enough (Armijo)

For another loss of outputs z, A = J^T L'' J with J = dz/dw and L'' the Hessian of the loss in z, and g its gradient
(generalised Gauss-Newton). A^+ is the pseudo-inverse in the eigenvectors of A, in which eigenvalues up to 1e-13 of the
greatest count as zero, and negative ones, which only a loss that is not convex in z has, by their size, so that every
step leads downhill. Where no t lowers the loss along d, the step is -t g; where that does not either, the weights stay.

=========== ============ =====================================
symbol      argument     meaning
=========== ============ =====================================
gamma       ``ridge``    added to the diagonal of A, always
=========== ============ =====================================

References: Bjorck: Numerical Methods for Least Squares Problems, 1996, chapter 9; Nocedal, Wright: Numerical
Optimization, 2006, section 10.3; Schraudolph: Fast curvature matrix-vector products for second-order gradient descent,
2002 (other losses).

Levenberg-Marquardt has the same A and chooses gamma anew at every step. It is the better choice where J is nearly
singular, as in most networks; without damping the steps are long there, and t is small.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from netwright.core.validation import Constraint, number
from netwright.core.value import value
from netwright.optim.base import Optimizer
from netwright.optim.curvature.damping import WORST, by_cholesky
from netwright.optim.full_batch import FullBatch, Memory
from netwright.optim.line_search import Line, backtracking
from netwright.optim.objective import Model, Objective, Point, finite_curvature


@final
@value("optimizer")
class GaussNewton(Optimizer):
    """Gauss-Newton for least squares, and its generalised form for other losses of outputs, with a line search.

    With residuals r, their Jacobian J and the ridge gamma::

        d <- -(J^T J + gamma I)^-1 J^T r      the shortest solution where J^T J is singular
        w <- w + t d                          t from 1 downwards, until the loss falls enough

    Converges quadratically where the fit is nearly exact and J has full rank; a step costs N P^2 + P^3 / 3 operations
    and O(P^2) memory.

    Parameters
    ----------
    ridge : gamma, added to the diagonal of J^T J, >= 0, in its units.

    Shapes
    ------
    ``step(residuals)``: residuals() -> (N,) or (n, outputs); or a pair (outputs, loss)

    Raises
    ------
    InvalidParameter : a closure that returns a scalar loss, of which there is no Jacobian.
    InvalidData : residuals or Jacobians that are not finite at the weights as they stand.

    Examples
    --------
    >>> import torch
    >>> rate, scale = torch.tensor(0.4, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    >>> time = torch.linspace(0, 4, 9)
    >>> seen = 2 * torch.exp(-0.5 * time)
    >>> optimizer = GaussNewton().build([rate, scale])
    >>> for _ in range(6):
    ...     _ = optimizer.step(lambda: scale * torch.exp(-rate * time) - seen)
    >>> round(rate.item(), 4), round(scale.item(), 4)
    (0.5, 2.0)

    References
    ----------
    Bjorck: Numerical Methods for Least Squares Problems, 1996, chapter 9.
    Schraudolph: Fast curvature matrix-vector products for second-order gradient descent, 2002.
    """

    ridge: float = 0.0

    takes: ClassVar[str] = "residuals"
    full_batch: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {"ridge": number(0)}

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return FullBatch(params, self, advance, Objective.quadratic)


def advance(rule: GaussNewton, objective: Objective, start: Model, memory: Memory) -> tuple[Point, Memory]:
    """One step; nothing is remembered."""
    here = Point(start.theta, start.loss, start.gradient)
    matrix = finite_curvature(start.matrix, objective.where)
    for step in (direction(matrix, start.gradient, rule.ridge), -start.gradient):
        if float(start.gradient @ step) < 0:
            found = backtracking(Line(objective, here, step))
            if found.point.loss < start.loss:
                return found.point, {}
    return here._replace(gradient=None), {}


def direction(matrix: Tensor, gradient: Tensor, ridge: float) -> Tensor:
    """-(A + gamma I)^-1 g by Cholesky, or the shortest such step; never uphill.

    Parameters
    ----------
    matrix : A, symmetric.
    gradient : g.
    ridge : gamma, >= 0.

    Shapes
    ------
    matrix (P, P), gradient (P,) -> (P,)

    Examples
    --------
    >>> import torch
    >>> direction(torch.ones(2, 2), torch.tensor([-2.0, -2.0]), 0.0).round(decimals=4)
    tensor([1., 1.])
    """
    step = by_cholesky(matrix, torch.ones_like(gradient), ridge, -gradient)
    if step is None:
        values, vectors = torch.linalg.eigh(matrix)
        slopes = vectors.T @ gradient
        sizes = (values + ridge).abs()
        step = vectors @ torch.where(sizes > sizes.max() / WORST, -slopes / sizes, 0.0)
    return step
