"""Levenberg-Marquardt: Gauss-Newton steps damped towards the gradient, each tried before it is taken.

With residuals r (N,) of weights w (P,), their Jacobian J = dr/dw and the loss L = 1/2 r^T r::

    A = J^T J,   g = J^T r                    the model L + g^T d + 1/2 d^T A d, put together in chunks of rows
    d = -(A + mu D)^-1 g                      D = I, or the greatest diagonal of A so far
    L(w + d) < L:   w <- w + d, mu falls      the trial is taken
    otherwise:      w stays,    mu rises      and the next trial is made with the same A and g

For another loss of outputs z, A = J^T L'' J with J = dz/dw and L'' the Hessian of the loss in z, and g its gradient
(generalised Gauss-Newton). How mu moves::

    "factor"      falls to mu / factor, rises to mu * factor
    "gain_ratio"  with rho = (L - L(w + d)) / (1/2 d^T (mu D d - g)): falls by max(1/3, 1 - (2 rho - 1)^3), and rises
                  by 2, 4, 8... while trials fail

With geodesic acceleration the step is d + a / 2, where (A + mu D) a = -J^T r_vv and r_vv is the second derivative of r
along d, by finite differences; it is taken only where norm(a) <= 3/4 norm(d), as the trial fails otherwise.

=========== ============ ==========================================
symbol      argument     meaning
=========== ============ ==========================================
mu          ``mu``       damping at the first step
            ``factor``   by which it moves
            ``minimum``  floor, so that A + mu D keeps its inverse
            ``maximum``  ceiling; a step that would need more stays
=========== ============ ==========================================

References: Levenberg 1944; Marquardt 1963; Hagan, Menhaj: Training feedforward networks with the Marquardt algorithm,
1994; Nielsen: Damping parameter in Marquardt's method, 1999; Transtrum, Sethna: Improvements to the
Levenberg-Marquardt algorithm for nonlinear least-squares minimization, 2012.

It differs from MATLAB's ``trainlm`` in the floor of mu and the choices of scaling and acceleration, and from NeuPy's
rule in taking the Jacobian of the residuals (not of their squares) and in rejecting steps that raise the loss.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, NamedTuple, final

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, boolean, number, one_of
from netwright.core.value import value
from netwright.optim.base import Optimizer
from netwright.optim.curvature.damping import by_cholesky, by_qr
from netwright.optim.full_batch import FullBatch, Memory
from netwright.optim.objective import Model, Objective, Point, finite_curvature

STRETCH = 0.1  # of a step along which the second derivative is taken by finite differences
BEND = 0.75  # greatest acceleration against velocity that is followed


@final
@value("optimizer")
class LevenbergMarquardt(Optimizer):
    """Levenberg-Marquardt for least squares, and generalised Gauss-Newton with damping for other losses.

    With residuals r, their Jacobian J and the damping mu::

        d = -(J^T J + mu D)^-1 J^T r
        w <- w + d, mu <- mu / factor      where that lowers the loss
        mu <- mu * factor, and again       where it does not

    The rule for networks of up to a few thousand weights on data that is looked at as a whole: an iteration costs
    N P^2 + P^3 / 3 operations and O(P^2) memory. Where no damping up to `maximum` lowers the loss, the weights stay.

    Parameters
    ----------
    mu : damping of the first step, in (0, maximum]; in units of the diagonal of J^T J with `scaling` "none".
    factor : by which mu falls and rises, > 1.
    minimum : floor of mu, in [0, maximum].
    maximum : ceiling of mu, > 0; where it is passed, the step is given up.
    damping : how mu moves: "factor", or "gain_ratio" by how well the model foretold the loss.
    scaling : "none": D = I; "diagonal": the greatest diagonal of J^T J so far, which makes steps independent of units.
    acceleration : add the geodesic second-order correction; least squares only.
    solver : "cholesky" of J^T J, "qr" of J (for ill-conditioned J, at twice the cost), or "auto": Cholesky, and QR
        where it leaves no digits.

    Shapes
    ------
    ``step(residuals)``: residuals() -> (N,) or (n, outputs); or a pair (outputs, loss)

    Raises
    ------
    InvalidParameter : `mu` or `minimum` above `maximum`; a closure that returns a scalar loss, of which there is no
        Jacobian.
    InvalidData : residuals that are not finite at the weights as they stand, or that change at the same weights.

    Examples
    --------
    >>> import torch
    >>> rate, scale = torch.tensor(0.1, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    >>> time = torch.linspace(0, 4, 9)
    >>> seen = 2 * torch.exp(-0.5 * time)
    >>> optimizer = LevenbergMarquardt().build([rate, scale])
    >>> for _ in range(10):
    ...     _ = optimizer.step(lambda: scale * torch.exp(-rate * time) - seen)
    >>> round(rate.item(), 4), round(scale.item(), 4)
    (0.5, 2.0)

    References
    ----------
    Levenberg: A method for the solution of certain non-linear problems in least squares, 1944.
    Marquardt: An algorithm for least-squares estimation of nonlinear parameters, 1963.
    Nielsen: Damping parameter in Marquardt's method, 1999.
    Transtrum, Sethna: Improvements to the Levenberg-Marquardt algorithm for nonlinear least-squares minimization, 2012.
    """

    mu: float = 0.001
    factor: float = 10.0
    minimum: float = 1e-12
    _: KW_ONLY
    maximum: float = 1e10
    damping: str = "gain_ratio"
    scaling: str = "none"
    acceleration: bool = False
    solver: str = "auto"

    takes: ClassVar[str] = "residuals"
    full_batch: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "mu": number(0, closed="neither"),
        "factor": number(1, closed="neither"),
        "minimum": number(0),
        "maximum": number(0, closed="neither"),
        "damping": one_of("factor", "gain_ratio"),
        "scaling": one_of("none", "diagonal"),
        "acceleration": boolean,
        "solver": one_of("auto", "cholesky", "qr"),
    }

    def __post_init__(self) -> None:
        for name in ("mu", "minimum"):
            given = getattr(self, name)
            if given > self.maximum:
                most, remedy = f"a number up to maximum = {self.maximum:g}", "Raise maximum, or take less."
                raise InvalidParameter(problem(f"LevenbergMarquardt({name})", most, f"{given:g}", remedy))

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return FullBatch(params, self, advance, Objective.quadratic)


class Damping(NamedTuple):
    """The damping mu and the factor by which it rises next."""

    mu: float
    rise: float


def advance(rule: LevenbergMarquardt, objective: Objective, start: Model, memory: Memory) -> tuple[Point, Memory]:
    """One step: trials with growing damping until one lowers the loss, or the damping passes its ceiling."""
    damping = Damping(memory.get("mu", rule.mu), memory.get("rise", _first_rise(rule)))
    scale = _scale(rule, finite_curvature(start.matrix, objective.where), memory.get("scale"))
    system = System(rule, objective, start, scale)
    kept: Memory = {} if rule.scaling == "none" else {"scale": scale}
    while damping.mu <= rule.maximum:
        step = system.step(damping.mu)
        if step is not None:
            theta = start.theta + step
            loss = objective.loss(theta)
            if loss < start.loss:
                gain = (start.loss - loss) / system.foretold(step, damping.mu)
                damping = lowered(rule, damping, gain)
                return Point(theta, loss, None), {**kept, "mu": damping.mu, "rise": damping.rise}
        damping = raised(rule, damping)
    return Point(start.theta, start.loss, None), {**kept, "mu": rule.maximum, "rise": _first_rise(rule)}


def lowered(rule: LevenbergMarquardt, damping: Damping, gain: float) -> Damping:
    """The damping after a trial that lowered the loss; `gain` is the fall of the loss over the fall foretold."""
    share = 1 / rule.factor if rule.damping == "factor" else max(1 / 3, 1 - (2 * gain - 1) ** 3)
    return Damping(max(damping.mu * share, rule.minimum), _first_rise(rule))


def raised(rule: LevenbergMarquardt, damping: Damping) -> Damping:
    """The damping after a trial that did not."""
    mu = max(damping.mu, torch.finfo(torch.float64).tiny) * damping.rise
    return Damping(mu, damping.rise if rule.damping == "factor" else 2 * damping.rise)


@final
class System:
    """The damped system of one step, solved for one damping after another."""

    def __init__(self, rule: LevenbergMarquardt, objective: Objective, start: Model, scale: Tensor) -> None:
        self._rule, self._objective, self._start, self._scale = rule, objective, start, scale
        self._triangle: Tensor | None = None

    def step(self, mu: float) -> Tensor | None:
        """The step for this damping, (P,); None where the system has no solution or the path bends too much."""
        velocity = self._solve(mu, -self._start.gradient)
        if velocity is None or not self._rule.acceleration:
            return velocity
        acceleration = self._solve(mu, -self._bend(velocity))
        if acceleration is None or 2 * float(acceleration.norm()) > BEND * float(velocity.norm()):
            return None
        return velocity + 0.5 * acceleration

    def foretold(self, step: Tensor, mu: float) -> float:
        """By how much the damped model falls along a step."""
        return max(0.5 * float(step @ (mu * self._scale * step - self._start.gradient)), math.ulp(self._start.loss))

    def _solve(self, mu: float, right: Tensor) -> Tensor | None:
        if self._rule.solver != "qr":
            found = by_cholesky(self._start.matrix, self._scale, mu, right)
            if found is not None or self._rule.solver == "cholesky":
                return found
        if self._triangle is None:
            self._triangle = self._objective.triangle(self._start.theta)
        return by_qr(self._triangle, self._scale, mu, right)

    def _bend(self, velocity: Tensor) -> Tensor:
        """J^T r_vv, with r_vv = 2 / h ((r(w + h v) - r(w)) / h - J v)."""
        theta = self._start.theta
        here, there = self._objective.residuals(theta), self._objective.residuals(theta + STRETCH * velocity)
        push, pull = self._objective.residual_products(theta)
        return pull(2 / STRETCH * ((there - here) / STRETCH - push(velocity).double()))


def _first_rise(rule: LevenbergMarquardt) -> float:
    return rule.factor if rule.damping == "factor" else 2.0


def _scale(rule: LevenbergMarquardt, matrix: Tensor, before: Tensor | None) -> Tensor:
    """The diagonal of D: ones, or the greatest diagonal of A so far, where it is not zero."""
    diagonal = matrix.diagonal()
    if rule.scaling == "none":
        return torch.ones_like(diagonal)
    greatest = diagonal.clone() if before is None else torch.maximum(before, diagonal)
    return torch.where(greatest > 0, greatest, torch.ones_like(greatest))
