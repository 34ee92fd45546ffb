"""Quasi-Newton rules: the inverse Hessian as a model learnt from gradients, and a step length by line search.

With the gradient g, s = w+ - w, y = g+ - g, and the model H of the inverse Hessian::

    d = -H g,   w <- w + a d                                a with the strong Wolfe conditions, tried at 1 first

    bfgs     H <- (I - r s y^T) H (I - r y s^T) + r s s^T   r = 1 / s^T y
    dfp      H <- H - H y y^T H / y^T H y + s s^T / s^T y
    sr1      H <- H + q q^T / q^T y                         q = s - H y
    lbfgs    H = bfgs of the last m pairs (s, y) from gamma I, without putting it together

The first step goes along d = -g / max(1, norm(g)). Then H begins as k gamma I with gamma = s^T y / y^T y and k = 5: a
direction in which H is too small has to be learnt, one in which it is too large costs a shorter trial. All dense
updates are H <- H + A^T M A with the rows A = (s, H y) and M of 2 x 2. lbfgs takes gamma of its last pair and k = 1;
with pairs as columns of S and Y, R the upper triangle of S^T Y and D its diagonal (compact representation)::

    H g = gamma g + S b - gamma Y a,   a = R^-1 S^T g,   b = R^-T ((D + gamma Y^T Y) a - gamma Y^T g)

What keeps steps downhill::

    "skip"   bfgs, dfp and lbfgs leave out a pair without positive curvature, s^T y <= 1e-8 abs(s^T g)
    "damp"   where s^T y < 0.2 s^T B s, y is replaced by t y + (1 - t) B s, t = 0.8 s^T B s / (s^T B s - s^T y), which
             has s^T y = 0.2 s^T B s (Powell); B = H^-1 needs no inverse, since B s = -a g
    sr1      leaves out abs(q^T y) <= 1e-8 norm(q) norm(y); its H may be indefinite: where -H g leads uphill, +H g leads
             downhill and is taken

Where a search along -H g finds nothing lower, H is forgotten and the step is made along -g.

=========== ============= ==================================================
symbol      argument      meaning
=========== ============= ==================================================
m           ``memory``    pairs that lbfgs keeps
k           ``scale``     how far the first H is above the book's, k = 1
c1          ``c1``        share of the foretold fall that a step must reach
c2          ``c2``        share of the slope that a step may leave
=========== ============= ==================================================

References: Nocedal, Wright: Numerical Optimization, 2006, chapters 6 and 7 and procedure 18.2; Broyden, Fletcher,
Goldfarb and Shanno, each 1970; Davidon 1959, Fletcher and Powell 1963; Byrd, Nocedal, Schnabel: Representations of
quasi-Newton matrices and their use in limited memory methods, 1994.

It differs from SciPy's BFGS in how H begins, and from NeuPy's rule in all of what keeps steps downhill.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, NamedTuple, final

import numpy as np
import torch
from scipy.linalg.blas import dtrsv
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, integer, nothing, number, one_of
from netwright.core.value import value
from netwright.optim.base import Optimizer
from netwright.optim.full_batch import FullBatch, Memory
from netwright.optim.line_search import Found, Line, strong_wolfe
from netwright.optim.objective import Objective, Point

DENSE = 1000  # weights up to which "auto" keeps the whole matrix
FLAT = 1e-8  # curvature against the model's, and cosines, below which a pair says nothing
DAMPED = 0.2  # share of the model's curvature that Powell's y has at least
C2 = {"bfgs": 0.9, "dfp": 0.1, "sr1": 0.9, "lbfgs": 0.9}  # dfp needs the minimum along the line


@final
@value("optimizer")
class QuasiNewton(Optimizer):
    """Quasi-Newton with a strong Wolfe line search: BFGS, DFP, SR1, or BFGS in limited memory.

    With the gradient g, the model H of the inverse Hessian, and s and y the last changes of weights and gradient::

        d = -H g
        w <- w + a d                                               phi(a) lower, abs(phi'(a)) <= c2 abs(phi'(0))
        H <- (I - s y^T / s^T y) H (I - y s^T / s^T y) + s s^T / s^T y    "bfgs"; the others see the file's header

    For losses of any kind over all rows at once, when a Jacobian is not to be had or too large. A step costs one or two
    evaluations and O(P^2) operations (dense) or O(m P) (limited memory). No step raises the loss.

    Parameters
    ----------
    update : "bfgs", "dfp", "sr1", "lbfgs", or "auto": bfgs up to 1,000 weights, lbfgs beyond.
    memory : pairs that lbfgs keeps, >= 1.
    curvature : what becomes of pairs with too little curvature: "skip" or "damp"; sr1 has its own rule.
    scale : k > 0, of the first dense H = k (s^T y / y^T y) I; 1 is the textbook's. 5 saves a fifth of the steps on
        networks; on a quadratic of condition 1e8 it costs more than it saves.
    c1 : share of the foretold fall that a step must reach, in (0, c2).
    c2 : share of the slope that a step may leave, in (c1, 1); None: 0.9, and 0.1 for dfp.
    trials : evaluations after which a line search ends, >= 1.

    Shapes
    ------
    ``step(closure)``: closure() -> scalar loss, residuals (N,) or a pair (outputs, loss)

    Raises
    ------
    InvalidParameter : c1 and c2 in the wrong order; a closure that returns nothing that can be used.
    InvalidData : a loss that is not finite at the weights as they stand, or that changes at the same weights.

    Examples
    --------
    >>> import torch
    >>> w = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = QuasiNewton().build([w])
    >>> for _ in range(40):
    ...     _ = optimizer.step(lambda: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2)
    >>> w.detach().round(decimals=6)
    tensor([1., 1.], dtype=torch.float64)

    References
    ----------
    Nocedal, Wright: Numerical Optimization, 2006, chapters 6 and 7.
    Byrd, Nocedal, Schnabel: Representations of quasi-Newton matrices and their use in limited memory methods, 1994.
    Powell: Algorithms for nonlinear constraints that use Lagrangian functions, 1978.
    """

    update: str = "auto"
    _: KW_ONLY
    memory: int = 10
    curvature: str = "skip"
    scale: float = 5.0
    c1: float = 1e-4
    c2: float | None = None
    trials: int = 20

    takes: ClassVar[str] = "objective"
    full_batch: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "update": one_of("auto", "bfgs", "dfp", "sr1", "lbfgs"),
        "memory": integer(1),
        "curvature": one_of("skip", "damp"),
        "scale": number(0, closed="neither"),
        "c1": number(0, 1, closed="neither"),
        "c2": nothing | number(0, 1, closed="neither"),
        "trials": integer(1),
    }

    def __post_init__(self) -> None:
        least = C2.get(self.update, C2["bfgs"]) if self.c2 is None else self.c2
        if not self.c1 < least:
            remedy = "Take c1=1e-4."
            raise InvalidParameter(problem("QuasiNewton(c1)", f"a number below c2 = {least:g}", f"{self.c1:g}", remedy))

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return FullBatch(params, self, advance)


class Move(NamedTuple):
    """A step taken: s and y, gradients before and after, and a and H g where it went along -H g (or 0 and None)."""

    s: Tensor
    y: Tensor
    before: Tensor
    after: Tensor
    length: float
    pull: Tensor | None


def advance(rule: QuasiNewton, objective: Objective, start: Point, memory: Memory) -> tuple[Point, Memory]:
    """One step: along -H g, or along -g where there is no H or nothing lower that way. H is updated in place."""
    update = rule.update if rule.update != "auto" else ("bfgs" if objective.size <= DENSE else "lbfgs")
    gradient = start.gradient
    assert gradient is not None
    pull = pull_of(memory, gradient) if memory else None
    if pull is not None:
        slope, turned = -float(gradient @ pull), False
        if update == "sr1" and slope >= 0:
            turned = _leads_uphill(slope, gradient, pull)
        found = _search(rule, update, objective, start, pull if turned else -pull, -slope if turned else slope)
        if found is not None:
            length = 0.0 if turned else found.step
            return found.point, learnt(rule, update, memory, _move(start, found.point, length, pull))
    direction = gradient / -max(1.0, float(torch.linalg.vector_norm(gradient)))
    found = _search(rule, update, objective, start, direction, float(gradient @ direction))
    if found is None:
        return start, {}
    return found.point, learnt(rule, update, {}, _move(start, found.point, 0.0, None))


def pull_of(memory: Memory, gradient: Tensor) -> Tensor:
    """H g; known from the last step, unless the weights have been moved since."""
    if torch.equal(memory["gradient"], gradient):
        return memory["pull"]
    if "inverse" in memory:
        return memory["inverse"] @ gradient
    pairs, products = memory["pairs"], memory["products"].cpu().numpy()
    count = min(memory["count"], len(pairs) // 2)
    order = _by_age(memory["count"], count)
    met = (pairs[: 2 * count] @ gradient).cpu().numpy().reshape(count, 2)[order]
    return compact(pairs, products[:, -count:, -count:], order, met, gradient)


def learnt(rule: QuasiNewton, update: str, memory: Memory, move: Move) -> Memory:
    """The memory after a step, with H g at its end."""
    y, share = (move.y, 1.0) if rule.curvature == "skip" or update == "sr1" else damped(move)
    if update == "lbfgs":
        return learnt_pairs(rule.memory, memory, move, y)
    return learnt_matrix(update, memory, move, y, share, rule.scale)


def damped(move: Move) -> tuple[Tensor, float]:
    """Powell's y and the share t of the real one in it; where H is not known yet, the real one."""
    model = -move.length * float(move.s @ move.before)  # s^T B s, with B s = -a g
    seen = float(move.s @ move.y)
    if move.length == 0 or seen >= DAMPED * model:
        return move.y, 1.0
    share = (1 - DAMPED) * model / (model - seen)
    return share * move.y - ((1 - share) * move.length) * move.before, share


def learnt_matrix(update: str, memory: Memory, move: Move, y: Tensor, share: float, scale: float) -> Memory:
    """A dense H <- H + A^T M A with the rows A = (s, H y), and H g+ from H g and A g+."""
    s, after = move.s, move.after
    if memory:
        inverse, pull = memory["inverse"], memory["inverse"] @ after
        hy = pull - move.pull
        if share < 1:
            hy = share * hy + (1 - share) * s
    else:
        seen = float(s @ y)
        if not seen > 0:
            return {}
        gamma = scale * seen / float(y @ y)
        inverse, pull, hy = torch.diag(torch.full_like(s, gamma)), gamma * after, gamma * y
    rows = torch.stack((s, hy))
    (sy, sg), (vy, vg) = (rows @ torch.stack((y, after)).T).tolist()
    found = middle(update, sy, vy, sg)
    if found is not None and (update != "sr1" or _says_something(sy - vy, s - hy, y)):
        (a, b), (_, c) = found
        inverse.addmm_(rows.T, torch.tensor(found, dtype=s.dtype, device=s.device) @ rows)
        pull.add_(s, alpha=a * sg + b * vg).add_(hy, alpha=b * sg + c * vg)
    return {"inverse": inverse, "pull": pull, "gradient": after}


def middle(update: str, sy: float, vy: float, sg: float) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """M of an update by s^T y, y^T H y and s^T g+; None where the pair has no positive curvature."""
    if update == "sr1":
        r = 1 / (sy - vy) if sy != vy else 0.0
        return ((r, -r), (-r, r))
    if not sy > FLAT * abs(sg - sy):
        return None
    if update == "dfp":
        return ((1 / sy, 0.0), (0.0, -1 / vy))
    return (((1 + vy / sy) / sy, -1 / sy), (-1 / sy, 0.0))


def learnt_pairs(kept: int, memory: Memory, move: Move, y: Tensor) -> Memory:
    """The pairs with (s, y) in the place of the oldest, their products, and H g+.

    ``pairs`` (2 m, P) has s and y of each pair as rows; ``products`` (2, m, m) has S^T Y and Y^T Y, the youngest last.
    """
    s, after = move.s, move.after
    if not float(s @ y) > FLAT * abs(float(s @ move.before)):
        return {**memory, "pull": pull_of(memory, after), "gradient": after} if memory else {}
    pairs = memory["pairs"] if memory else torch.zeros(2 * kept, len(s), dtype=s.dtype, device=s.device)
    kept, count = len(pairs) // 2, memory.get("count", 0) + 1
    slot, filled = (count - 1) % kept, min(count, kept)
    torch.stack((s, y), out=pairs[2 * slot : 2 * slot + 2])
    order = _by_age(count, filled)
    met = (pairs[: 2 * filled] @ torch.stack((y, after)).T).cpu().numpy().reshape(filled, 2, 2)[order]
    products = np.zeros((2, kept, kept))
    if memory:
        products[:, :-1, :-1] = memory["products"].cpu().numpy()[:, 1:, 1:]
    products[:, -filled:, -1] = met[:, :, 0].T
    products[1, -1, -filled:] = met[:, 1, 0]
    pull = compact(pairs, products[:, -filled:, -filled:], order, met[:, :, 1], after)
    known = torch.from_numpy(products)
    return {"pairs": pairs, "products": known, "count": count, "pull": pull, "gradient": after}


def compact(pairs: Tensor, products: np.ndarray, order: Any, met: np.ndarray, gradient: Tensor) -> Tensor:
    """H g by the compact representation, from S^T g and Y^T g (the columns of `met`)."""
    triangle, squares = products
    gamma = triangle[-1, -1] / squares[-1, -1]
    a = dtrsv(triangle.T, met[:, 0], lower=1, trans=1)
    b = dtrsv(triangle.T, triangle.diagonal() * a + gamma * (squares @ a - met[:, 1]), lower=1, trans=0)
    weights = np.empty_like(met)
    weights[order, 0], weights[order, 1] = b, -gamma * a
    back = torch.from_numpy(weights.reshape(-1)).to(gradient.device)
    return torch.addmv(gradient, pairs[: len(back)].T, back, beta=gamma)


def _by_age(count: int, filled: int) -> Any:
    """The places of the pairs, the oldest first."""
    return slice(None) if count == filled else (np.arange(filled) + count) % filled


def _move(start: Point, point: Point, length: float, pull: Tensor | None) -> Move:
    assert start.gradient is not None
    assert point.gradient is not None
    s, y = point.theta - start.theta, point.gradient - start.gradient
    return Move(s, y, start.gradient, point.gradient, length, pull)


def _search(
    rule: QuasiNewton, update: str, objective: Objective, start: Point, direction: Tensor, slope: float
) -> Found | None:
    """A step along a direction; None where it does not lead downhill, or to nothing lower."""
    if not -math.inf < slope < 0:
        return None
    c2 = C2[update] if rule.c2 is None else rule.c2
    found = strong_wolfe(Line(objective, start, direction, slope), c1=rule.c1, c2=c2, most=rule.trials)
    return found if found.step > 0 else None


def _leads_uphill(slope: float, gradient: Tensor, pull: Tensor) -> bool:
    """Whether -H g leads uphill, and not just along the level."""
    return slope > FLAT * float(torch.linalg.vector_norm(gradient) * torch.linalg.vector_norm(pull))


def _says_something(qy: float, q: Tensor, y: Tensor) -> bool:
    """The condition of SR1: q and y are not orthogonal."""
    return abs(qy) > FLAT * float(torch.linalg.vector_norm(q) * torch.linalg.vector_norm(y))
