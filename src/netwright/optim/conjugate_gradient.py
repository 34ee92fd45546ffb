"""Nonlinear conjugate gradients: each direction keeps what the last ones have gained, in the memory of two vectors.

With the gradients g and g+ before and after a step along d, and y = g+ - g::

    w <- w + a d,   d <- -g+ + beta d        a with the strong Wolfe conditions

    fletcher_reeves    beta = g+^T g+ / g^T g
    polak_ribiere      beta = g+^T y / g^T g
    hestenes_stiefel   beta = g+^T y / d^T y
    liu_storey         beta = -g+^T y / d^T g
    dai_yuan           beta = g+^T g+ / d^T y
    hager_zhang        beta = max((y - 2 d y^T y / d^T y)^T g+ / d^T y, -1 / (norm(d) min(0.01, norm(g))))

On a quadratic with exact searches all of them are the same. With ``positive``, a beta of Polak-Ribiere (PR+),
Hestenes-Stiefel or Liu-Storey below 0 counts as 0. The rule begins anew, with d = -g+, where

    abs(g+^T g) >= nu g+^T g+                successive gradients are far from orthogonal (Powell)
    g+^T d >= 0                              the direction does not lead downhill
    P steps have been made since             or as many as `every` says
    the search along d finds nothing lower   and then once more from the same weights

The first trial of a search foretells the fall of the last step, a+ g+^T d+ = a g^T d; the very first one is
a = 1 / max(1, norm(g)).

=========== ============= ==================================================
symbol      argument      meaning
=========== ============= ==================================================
nu          ``nu``        share of g+^T g+ from which the rule begins anew
c1          ``c1``        share of the foretold fall that a step must reach
c2          ``c2``        share of the slope that a step may leave
=========== ============= ==================================================

References: Fletcher, Reeves 1964; Polak, Ribiere 1969; Hestenes, Stiefel 1952; Liu, Storey 1991; Dai, Yuan 1999;
Hager, Zhang: A new conjugate gradient method with guaranteed descent and an efficient line search, 2005; Gilbert,
Nocedal 1992 (positive betas); Powell: Restart procedures for the conjugate gradient method, 1977; Nocedal, Wright:
Numerical Optimization, 2006, section 5.2 and, for the first trial, 3.5.

Powell's own nu is 0.2. On networks gradients are seldom so orthogonal: the rule then begins anew at every tenth step or
so and takes a quarter to two fifths more evaluations than with 1, the default (8-20-1 tanh on Friedman #1). NeuPy's
rule has no positive betas, no condition of Powell, and takes steps that raise the loss.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, boolean, integer, nothing, number, one_of
from netwright.core.value import value
from netwright.optim.base import Optimizer
from netwright.optim.full_batch import FullBatch, Memory
from netwright.optim.line_search import Found, Line, strong_wolfe
from netwright.optim.objective import Objective, Point

ETA = 0.01  # of the least beta of Hager and Zhang
MAY_BE_CUT = ("polak_ribiere", "hestenes_stiefel", "liu_storey")


@final
@value("optimizer")
class ConjugateGradient(Optimizer):
    """Nonlinear conjugate gradients with six choices of beta, restarts and a strong Wolfe line search.

    With the gradients g and g+ before and after a step along d, and y = g+ - g::

        w <- w + a d                    phi(a) lower, abs(phi'(a)) <= c2 abs(phi'(0))
        d <- -g+ + beta d               beta = max(0, g+^T y / d^T y) for "hestenes_stiefel"; the others: file's header

    For losses of any kind over all rows at once, on networks too large for a matrix of P x P: a step costs two or three
    evaluations and keeps two vectors. `QuasiNewton` needs fewer evaluations, and in limited memory hardly more space.
    No step raises the loss.

    Parameters
    ----------
    beta : "fletcher_reeves", "polak_ribiere", "hestenes_stiefel", "liu_storey", "dai_yuan" or "hager_zhang".
    positive : whether a beta of the second to fourth of these below 0 counts as 0.
    nu : share of norm(g+)^2 from which abs(g+^T g) makes the rule begin anew, > 0; Powell took 0.2.
    every : steps after which it begins anew in any case, >= 1; None: as many as there are weights.
    c1 : share of the foretold fall that a step must reach, in (0, c2).
    c2 : share of the slope that a step may leave, in (c1, 1); below 1/2 for directions downhill.
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
    >>> optimizer = ConjugateGradient("polak_ribiere").build([w])
    >>> for _ in range(40):
    ...     _ = optimizer.step(lambda: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2)
    >>> w.detach().round(decimals=6)
    tensor([1., 1.], dtype=torch.float64)

    References
    ----------
    Nocedal, Wright: Numerical Optimization, 2006, section 5.2.
    Hager, Zhang: A new conjugate gradient method with guaranteed descent and an efficient line search, 2005.
    Powell: Restart procedures for the conjugate gradient method, 1977.
    """

    beta: str = "hestenes_stiefel"
    _: KW_ONLY
    positive: bool = True
    nu: float = 1.0
    every: int | None = None
    c1: float = 1e-4
    c2: float = 0.1
    trials: int = 20

    takes: ClassVar[str] = "objective"
    full_batch: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "beta": one_of(*MAY_BE_CUT, "fletcher_reeves", "dai_yuan", "hager_zhang"),
        "positive": boolean,
        "nu": number(0, closed="neither"),
        "every": nothing | integer(1),
        "c1": number(0, 1, closed="neither"),
        "c2": number(0, 1, closed="neither"),
        "trials": integer(1),
    }

    def __post_init__(self) -> None:
        if not self.c1 < self.c2:
            remedy, least = "Take c1=1e-4.", f"a number below c2 = {self.c2:g}"
            raise InvalidParameter(problem("ConjugateGradient(c1)", least, f"{self.c1:g}", remedy))

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return FullBatch(params, self, advance)


def advance(rule: ConjugateGradient, objective: Objective, start: Point, memory: Memory) -> tuple[Point, Memory]:
    """One step: along the direction that the last one left, or along -g."""
    gradient = start.gradient
    assert gradient is not None
    if memory and torch.equal(memory["gradient"], gradient):
        direction, slope = memory["direction"], memory["slope"]
        found = _search(rule, objective, start, direction, slope, memory["first"])
        if found is not None:
            return found.point, learnt(rule, start, found, direction, slope, memory["count"] + 1)
    direction = -gradient
    slope = float(gradient @ direction)
    found = _search(rule, objective, start, direction, slope, 1 / max(1.0, math.sqrt(-slope)))
    if found is None:
        return start, {}
    return found.point, learnt(rule, start, found, direction, slope, 1)


def learnt(rule: ConjugateGradient, start: Point, found: Found, direction: Tensor, slope: float, count: int) -> Memory:
    """The next direction with its slope and first trial; `count` steps have been made since the last beginning."""
    before, after = start.gradient, found.point.gradient
    assert before is not None
    assert after is not None
    rows = torch.stack((before, after, direction))
    (gg, gn, _), (_, nn, nd), (_, _, dd) = (rows @ rows.T).tolist()
    beta = beta_of(rule.beta, gg, gn, nn, slope, nd, dd)
    if rule.positive and rule.beta in MAY_BE_CUT:
        beta = max(beta, 0.0)
    below = beta * nd - nn
    spent = abs(gn) >= rule.nu * nn or count >= (rule.every or len(after))
    if spent or not -math.inf < below < 0:
        ahead, below, count = -after, -nn, 0
    else:
        ahead = torch.add(-after, direction, alpha=beta)
    first = found.step * slope / below if below < 0 else math.inf
    if not 0 < first < math.inf:
        return {}
    return {"direction": ahead, "slope": below, "gradient": after, "first": first, "count": count}


def beta_of(name: str, gg: float, gn: float, nn: float, gd: float, nd: float, dd: float) -> float:
    """Beta by its name, from the products of g, the new gradient n = g+, and d; NaN where it divides by zero.

    Examples
    --------
    >>> beta_of("fletcher_reeves", gg=4.0, gn=0.0, nn=1.0, gd=-4.0, nd=0.0, dd=4.0)
    0.25
    """
    y_n, d_y = nn - gn, nd - gd
    over = {"fletcher_reeves": (nn, gg), "polak_ribiere": (y_n, gg), "liu_storey": (-y_n, gd), "dai_yuan": (nn, d_y)}
    above, under = over.get(name, (y_n, d_y))
    if under == 0:
        return math.nan
    if name != "hager_zhang":
        return above / under
    y_y = nn - 2 * gn + gg
    least = -1 / (math.sqrt(dd) * min(ETA, math.sqrt(gg)))
    return max((y_n - 2 * nd * y_y / d_y) / d_y, least)


def _search(
    rule: ConjugateGradient, objective: Objective, start: Point, direction: Tensor, slope: float, first: float
) -> Found | None:
    """A step along a direction; None where it does not lead downhill, or to nothing lower."""
    if not -math.inf < slope < 0:
        return None
    line = Line(objective, start, direction, slope)
    found = strong_wolfe(line, first, c1=rule.c1, c2=rule.c2, most=rule.trials)
    return found if found.step > 0 else None
