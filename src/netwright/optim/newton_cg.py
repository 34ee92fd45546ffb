"""Newton's rule without the Hessian: conjugate gradients on products with it, ended as early as the gradient allows.

With the gradient g, B = H + mu I for the Hessian H (or the generalised Gauss-Newton matrix G in its place), conjugate
gradients solve B d = -g from d = 0, with no more of B than products B p::

    r <- g,  p <- -g
    alpha = r^T r / p^T B p,   d <- d + alpha p,   r' <- r + alpha B p
    p <- -r' + (r'^T r' / r^T r) p

until norm(r) <= min(phi, sqrt(norm(g))) norm(g), so that steps are cheap far away and convergence is faster than linear
near the end; or until p^T B p <= 0, negative curvature: then d is what there is so far, or -g if there is nothing yet.
Every such d leads downhill::

    w <- w + t d                  with t from 1 downwards, until L falls enough (Armijo)

The damping mu moves by Levenberg and Marquardt's heuristic: with rho = (L(w) - L(w + t d)) / (m(0) - m(t d)) and the
model m(d) = L + g^T d + 1/2 d^T B d::

    rho < 1/4   mu <- 3/2 mu              rho > 3/4   mu <- 2/3 mu

=========== ============== ===============================================================
symbol      argument       meaning
=========== ============== ===============================================================
H or G      ``curvature``  "hessian", of any loss, or "gauss_newton", never negative
mu          ``damping``    of the first step; 0 stays 0
phi         ``forcing``    greatest share of the gradient that may be left
            ``iterations`` greatest number of products for one step
=========== ============== ===============================================================

At a point where g is zero (a minimum, or exactly a saddle) the weights stay; `Newton` leaves a saddle.

References: Dembo, Eisenstat, Steihaug: Inexact Newton methods, 1982; Martens: Deep learning via Hessian-free
optimization, 2010; Nocedal, Wright: Numerical Optimization, 2006, algorithm 7.1.

It differs from Martens's recipe in the end of the inner loop (the residual, not the progress of the model), and in
starting each one from zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, NamedTuple, final

import torch
from torch import Tensor

from netwright.core.validation import Constraint, integer, number, one_of
from netwright.core.value import value
from netwright.optim.base import Optimizer
from netwright.optim.curvature.products import Product
from netwright.optim.full_batch import FullBatch, Memory
from netwright.optim.line_search import Line, backtracking
from netwright.optim.objective import Objective, Point, finite_curvature

EPS = torch.finfo(torch.float64).eps
POOR, GOOD = 0.25, 0.75  # shares of the foretold fall
RISE = 1.5  # of the damping after a poor step; it falls by as much after a good one


@final
@value("optimizer")
class NewtonCG(Optimizer):
    """Hessian-free Newton: the Newton step by conjugate gradients on products, with a line search.

    With gradient g, B = H + mu I and its products B p only::

        d ~ -B^-1 g               until norm(B d + g) <= min(phi, sqrt(norm(g))) norm(g), or negative curvature
        w <- w + t d              t from 1 downwards, until the loss falls enough
        mu <- 3/2 mu or 2/3 mu    by how well the model foretold the loss

    For networks with more weights than a P x P matrix may have: a step costs about two gradients for each product, and
    O(P) memory.

    Parameters
    ----------
    curvature : "hessian" H, for any closure, or "gauss_newton", the matrix J^T L'' J: for closures that return
        residuals or (outputs, loss), and never of negative curvature where the loss is convex in the outputs.
    damping : mu of the first step, >= 0; 0 for none at any step.
    forcing : phi, in (0, 1): the greatest residual of the inner loop, as a share of the gradient.
    iterations : greatest number of products for one step, >= 1.

    Shapes
    ------
    ``step(closure)``: closure() -> a scalar loss, residuals (N,) or (n, outputs), or a pair (outputs, loss)

    Raises
    ------
    InvalidParameter : "gauss_newton" with a closure that returns a scalar loss.
    InvalidData : second derivatives that are not finite at the weights as they stand.

    Examples
    --------
    >>> import torch
    >>> w = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = NewtonCG(forcing=0.01).build([w])
    >>> for _ in range(30):
    ...     _ = optimizer.step(lambda: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2)
    >>> w.detach().round(decimals=6)
    tensor([1., 1.], dtype=torch.float64)

    References
    ----------
    Dembo, Eisenstat, Steihaug: Inexact Newton methods, 1982.
    Martens: Deep learning via Hessian-free optimization, 2010.
    Nocedal, Wright: Numerical Optimization, 2006, algorithm 7.1.
    """

    curvature: str = "hessian"
    damping: float = 0.0
    _: KW_ONLY
    forcing: float = 0.5
    iterations: int = 250

    takes: ClassVar[str] = "objective"
    full_batch: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "curvature": one_of("hessian", "gauss_newton"),
        "damping": number(0),
        "forcing": number(0, 1, closed="neither"),
        "iterations": integer(1),
    }

    def __post_init__(self) -> None:
        if self.curvature == "gauss_newton":
            object.__setattr__(self, "takes", "residuals")

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return FullBatch(params, self, advance)


class Inner(NamedTuple):
    """What conjugate gradients found: the step d and the residual B d + g."""

    step: Tensor
    residual: Tensor


def advance(rule: NewtonCG, objective: Objective, start: Point, memory: Memory) -> tuple[Point, Memory]:
    """One step; the damping is remembered where there is one."""
    gradient, damping = start.gradient, memory.get("mu", rule.damping)
    assert gradient is not None
    kept: Memory = {"mu": damping} if rule.damping > 0 else {}
    length = float(gradient.norm())
    if length == 0:
        return start, kept
    ask = objective.hessian_product if rule.curvature == "hessian" else objective.gauss_newton_product
    tolerance = min(rule.forcing, math.sqrt(length)) * length
    inner = conjugate_gradients(damped(ask(start.theta), damping), gradient, tolerance, rule.iterations)
    finite_curvature(inner.residual, objective.where)
    if not float(gradient @ inner.step) < 0:
        return start, kept
    found = backtracking(Line(objective, start, inner.step))
    if kept:
        fall = foretold(inner, gradient, found.step)
        kept["mu"] = moved(damping, (start.loss - found.point.loss) / fall if fall > 0 else 0.0)
    return found.point, kept


def conjugate_gradients(product: Product, gradient: Tensor, tolerance: float, iterations: int) -> Inner:
    """d with norm(B d + g) <= tolerance, or what there is of it where B has negative curvature or the count is full.

    Parameters
    ----------
    product : p -> B p.
    gradient : g, not zero.
    tolerance : for the norm of the residual, >= 0.
    iterations : greatest number of products, >= 1.

    Shapes
    ------
    gradient (P,) -> step (P,), residual (P,)

    Examples
    --------
    >>> import torch
    >>> scale = torch.tensor([1.0, 4.0])
    >>> conjugate_gradients(lambda p: scale * p, scale, 1e-6, 10).step.round(decimals=4)
    tensor([-1., -1.])
    """
    step, residual, direction = torch.zeros_like(gradient), gradient, -gradient
    square = float(residual @ residual)
    for count in range(iterations):
        pushed = product(direction)
        bend = float(direction @ pushed)
        if not bend > EPS * float(direction.norm()) * float(pushed.norm()):
            return Inner(step, residual) if count else Inner(direction, residual + pushed)
        step = step + (square / bend) * direction
        residual = residual + (square / bend) * pushed
        before, square = square, float(residual @ residual)
        if math.sqrt(square) <= tolerance:
            break
        direction = (square / before) * direction - residual
    return Inner(step, residual)


def damped(product: Product, damping: float) -> Product:
    """p -> (B + mu I) p."""
    return product if damping == 0 else lambda vector: product(vector) + damping * vector


def foretold(inner: Inner, gradient: Tensor, length: float) -> float:
    """By how much the model falls along t d: -(t g^T d + t^2 / 2 d^T B d), with B d = residual - g."""
    slope, bend = float(inner.step @ gradient), float(inner.step @ (inner.residual - gradient))
    return -length * (slope + 0.5 * length * bend)


def moved(damping: float, gain: float) -> float:
    """The damping after a step; `gain` is the fall of the loss over the fall foretold."""
    if gain < POOR:
        return damping * RISE
    return damping / RISE if gain > GOOD else damping
