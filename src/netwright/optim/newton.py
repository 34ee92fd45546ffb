"""Newton's rule: the minimum of the quadratic model that the Hessian makes, as far as the model is to be trusted.

With the gradient g and the Hessian H of the loss L at w, B = H + gamma I and the model m(d) = L + g^T d + 1/2 d^T B d::

    trust region:   d <- argmin m(d) with norm(d) <= Delta
                    w <- w + d                  where L(w + d) < L; otherwise Delta <- norm(d) / 4, and again
    line search:    d <- -(B + lambda I)^-1 g   with lambda = 0, or raised until the matrix is positive definite
                    w <- w + t d                with t from 1 downwards, until L falls enough (Armijo)

The trust region is solved exactly (More and Sorensen), in the eigenvectors of B: d_i = -c_i / (b_i + lambda), with
c = Q^T g and the only lambda >= max(0, -b_1) for which norm(d) is Delta, or lambda = 0 where norm(d) is below it. With
rho = (L - L(w + d)) / (m(0) - m(d))::

    rho < 1/4                         Delta <- norm(d) / 4
    rho > 3/4 and norm(d) = Delta     Delta <- 2 Delta
    rho > 9/10 and norm(d) = Delta    Delta <- 2 Delta at once, and another trial with the same H; the better is taken

so that a quadratic loss ends in one step from any distance. A Hessian costs as much as P gradients, a trial one loss.

On a saddle, where g vanishes, the way down is the eigenvector v of the most negative eigenvalue b_1: the trust region
goes Delta v, with either sign where both are equal (the greatest entry of v is made positive). The line search goes
along v, with lengths Delta, Delta / 2..., wherever that foretells the greater fall::

    -b_1 Delta^2 / 2 + |g^T v| Delta > m(0) - m(d)

or where d does not lead down. A minimum, and a flat saddle (no negative eigenvalue), stay.

=========== ============ ================================================
symbol      argument     meaning
=========== ============ ================================================
gamma       ``damping``  added to the diagonal of H, always
Delta       ``radius``   of the first trust region; how far down a saddle
=========== ============ ================================================

References: More, Sorensen: Computing a trust region step, 1983; Nocedal, Wright: Numerical Optimization, 2006,
algorithms 3.3, 4.1 and 4.3; Goldfarb: Curvilinear path steplength algorithms for minimization which use directions of
negative curvature, 1980 (when to take v); Dennis, Schnabel: Numerical Methods for Unconstrained Optimization, 1983,
section 6.4.3 (the radius that is doubled at once).

NeuPy's Hessian rule is -(H + gamma I)^-1 g without a search, and goes to saddles and maxima as readily as down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, NamedTuple, final

import torch
from torch import Tensor

from netwright.core.validation import Constraint, number, one_of
from netwright.core.value import value
from netwright.optim.base import Optimizer
from netwright.optim.curvature.damping import by_cholesky
from netwright.optim.full_batch import FullBatch, Memory
from netwright.optim.line_search import Line, backtracking
from netwright.optim.objective import Objective, Point, finite_curvature

POOR, GOOD, EXCELLENT = 0.25, 0.75, 0.9  # shares of the foretold fall
ARMIJO = 1e-4  # share of the foretold fall that is enough
TRIALS = 60
EPS = torch.finfo(torch.float64).eps
FIRST_SHIFT = 1e-3  # of the greatest entry on the diagonal


@final
@value("optimizer")
class Newton(Optimizer):
    """Newton's rule with the whole Hessian, safe on saddles: a trust region, or damping with a line search.

    With gradient g, B = H + gamma I for the Hessian H, and the radius Delta of the trust region::

        d <- argmin g^T d + 1/2 d^T B d with norm(d) <= Delta     "trust_region"
        d <- -t (B + lambda I)^-1 g, lambda >= 0, t <= 1          "line_search"
        w <- w + d                                                where that lowers the loss

    For networks of up to about a thousand weights: a step takes P products with the Hessian and P^3 operations. On a
    saddle it follows the direction of most negative curvature; where nothing lowers the loss, the weights stay.

    Parameters
    ----------
    damping : gamma, added to the diagonal of the Hessian, >= 0.
    search : "trust_region", whose radius moves by how well the model foretells the loss, or "line_search", where
        lambda is raised until B + lambda I is positive definite and the step is shortened until the loss falls enough.
    radius : length of the longest first step of "trust_region", and of the first step off a saddle of "line_search",
        > 0.

    Shapes
    ------
    ``step(closure)``: closure() -> a scalar loss, residuals (N,) or (n, outputs), or a pair (outputs, loss)

    Raises
    ------
    InvalidData : second derivatives that are not finite at the weights as they stand.

    Examples
    --------
    >>> import torch
    >>> w = torch.tensor([3.0, 0.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = Newton().build([w])
    >>> for _ in range(12):  # past the saddle at (0, 0)
    ...     _ = optimizer.step(lambda: w[0] ** 2 - w[1] ** 2 + w[1] ** 4)
    >>> w.detach().abs().round(decimals=4)
    tensor([0.0000, 0.7071], dtype=torch.float64)

    References
    ----------
    More, Sorensen: Computing a trust region step, 1983.
    Nocedal, Wright: Numerical Optimization, 2006, chapters 3 and 4.
    """

    damping: float = 0.0
    _: KW_ONLY
    search: str = "trust_region"
    radius: float = 1.0

    takes: ClassVar[str] = "objective"
    full_batch: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "damping": number(0),
        "search": one_of("trust_region", "line_search"),
        "radius": number(0, closed="neither"),
    }

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return FullBatch(params, self, advance)


def advance(rule: Newton, objective: Objective, start: Point, memory: Memory) -> tuple[Point, Memory]:
    """One step by the rule's search."""
    matrix = finite_curvature(objective.hessian(start.theta), objective.where)
    matrix = 0.5 * (matrix + matrix.T)
    matrix.diagonal().add_(rule.damping)
    if rule.search == "line_search":
        return by_line_search(rule, objective, start, matrix), {}
    point, radius = by_trust_region(objective, start, matrix, memory.get("radius", rule.radius))
    return point or start, {"radius": radius if point is not None else rule.radius}


def by_trust_region(objective: Objective, start: Point, matrix: Tensor, radius: float) -> tuple[Point | None, float]:
    """The first trial that lowers the loss, or one of twice the radius if that is better; with the next radius."""
    assert start.gradient is not None
    values, vectors = eigenvectors(matrix)
    slopes = vectors.T @ start.gradient
    best: Point | None = None
    following = radius
    for _ in range(TRIALS):
        step, bounded = minimiser(values, slopes, radius)
        foretold = -float(step @ (slopes + 0.5 * values * step))
        if not foretold > 0:
            break
        theta = start.theta + vectors @ step
        loss = objective.loss(theta)
        if not loss < (start.loss if best is None else best.loss):
            if best is not None:
                return best, radius / 2
            radius = float(step.norm()) / 4
            continue
        gain, shrunk = (start.loss - loss) / foretold, radius < following
        best, following = Point(theta, loss, None), next_radius(radius, float(step.norm()), gain, bounded)
        if not bounded or shrunk or gain <= EXCELLENT:
            break
        radius = following
    return best, following


def next_radius(radius: float, length: float, gain: float, bounded: bool) -> float:
    """The radius after a step of this length; `gain` is the fall of the loss over the fall foretold."""
    if gain < POOR:
        return length / 4
    return 2 * radius if gain > GOOD and bounded else radius


def eigenvectors(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (P,), rising, and eigenvectors (P, P) in columns, the first with a positive greatest entry."""
    values, vectors = torch.linalg.eigh(matrix)
    first = vectors[:, 0]
    if float(first[first.abs().argmax()]) < 0:
        first.neg_()
    return values, vectors


def minimiser(values: Tensor, slopes: Tensor, radius: float) -> tuple[Tensor, bool]:
    """The minimum of c^T d + 1/2 sum b_i d_i^2 with norm(d) <= radius, and whether the radius binds.

    Parameters
    ----------
    values : eigenvalues b, rising.
    slopes : c, the gradient in the eigenvectors.
    radius : Delta, > 0.

    Shapes
    ------
    values (P,), slopes (P,) -> (P,)

    Examples
    --------
    >>> import torch
    >>> minimiser(torch.tensor([-2.0, 1.0]), torch.tensor([0.0, 3.0]), 5.0)
    (tensor([ 4.8990, -1.0000]), True)
    """
    least, noise = float(values[0]), rounding(values)
    gaps = values - min(least, 0.0)  # of B + lambda I for the smallest lambda that there may be
    flat = gaps <= noise
    inner = torch.where(flat, 0.0, -slopes / gaps)
    rest = radius**2 - float(inner.square().sum())
    if rest >= 0 and float(slopes[flat].norm()) <= EPS * float(slopes.norm()):
        if least >= -noise:
            return inner, False
        inner[0] = rest**0.5 if float(slopes[0]) <= 0 else -(rest**0.5)
        return inner, True
    return -slopes / (gaps + secular_root(gaps, slopes, radius)), True


def secular_root(gaps: Tensor, slopes: Tensor, radius: float) -> float:
    """The s > 0 with norm(c / (gaps + s)) = radius, by Newton's method on 1 / norm, which comes from below."""
    length = slopes.abs()
    root = max(float((length / radius - gaps).max()), 0.0)
    for _ in range(TRIALS):
        shifted = torch.where(length > 0, length / (gaps + root), 0.0)
        norm = float(shifted.norm())
        slope = float((shifted.square() / (gaps + root).clamp_min(torch.finfo(gaps.dtype).tiny)).sum())
        step = norm * norm / slope * (norm - radius) / radius
        if not step > EPS * root:
            break
        root += step
    return root


def by_line_search(rule: Newton, objective: Objective, start: Point, matrix: Tensor) -> Point:
    """Along the damped Newton direction or along the most negative curvature; where neither leads down, the start."""
    assert start.gradient is not None
    step, definite = damped_direction(matrix, start.gradient)
    slope = float(start.gradient @ step)
    downhill = None if definite else lowest(matrix, start.gradient)
    foretold = -slope - 0.5 * float(step @ matrix @ step)
    if downhill is not None and downhill.foretold(rule.radius) > foretold:
        point = down_a_saddle(objective, start, downhill, rule.radius)
        if point is not None:
            return point
    if slope < 0:
        found = backtracking(Line(objective, start, step))
        if found.point.loss < start.loss:
            return found.point
    return start if downhill is None else down_a_saddle(objective, start, downhill, rule.radius) or start


def damped_direction(matrix: Tensor, gradient: Tensor) -> tuple[Tensor, bool]:
    """-(B + lambda I)^-1 g for the first of a series of lambda for which that exists, and whether it is lambda = 0."""
    diagonal = matrix.diagonal()
    least = FIRST_SHIFT * (float(diagonal.abs().max()) or 1.0)
    low = float(diagonal.min())
    shift = 0.0 if low > 0 else least - low
    while True:
        step = by_cholesky(matrix, torch.ones_like(gradient), shift, -gradient)
        if step is not None:
            return step, shift == 0
        shift = max(2 * shift, least)


class Downhill(NamedTuple):
    """The direction of most negative curvature: v with g^T v <= 0, its eigenvalue, and |g^T v|."""

    direction: Tensor
    curvature: float
    slope: float

    def foretold(self, length: float) -> float:
        """By how much the model falls along this direction."""
        return length * (self.slope - 0.5 * length * self.curvature)


def lowest(matrix: Tensor, gradient: Tensor) -> Downhill | None:
    """The direction of the lowest eigenvalue; None where that is not negative."""
    values, vectors = eigenvectors(matrix)
    if float(values[0]) >= -rounding(values):
        return None
    slope = float(vectors[:, 0] @ gradient)
    return Downhill(vectors[:, 0] if slope <= 0 else -vectors[:, 0], float(values[0]), abs(slope))


def down_a_saddle(objective: Objective, start: Point, downhill: Downhill, length: float) -> Point | None:
    """Along negative curvature, half as far until the loss falls enough; None where it does not."""
    for _ in range(TRIALS):
        theta = start.theta + length * downhill.direction
        loss = objective.loss(theta)
        if loss < start.loss - ARMIJO * downhill.foretold(length):
            return Point(theta, loss, None)
        length /= 2
    return None


def rounding(values: Tensor) -> float:
    """The size below which an eigenvalue of a matrix cannot be told from zero."""
    return float(torch.finfo(values.dtype).eps * len(values) * values.abs().max())
