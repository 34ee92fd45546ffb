"""Steps scaled weight by weight by the diagonal of the Hessian, exact or as a stated estimate of it.

With gradient g, Hessian H, its diagonal h, learning rate eta and the floor c::

    h_i = H_ii                                       "exact": P products with H, 64 at a time
    h   = 1/S sum over S probes z of z * (H z)       "hutchinson": S products, z_i = +1 or -1 with even odds
    d   = -g / max(|h|, c)
    w  <- w + t d                                    t from eta downwards, until the loss falls enough (Armijo)

The estimate is right on average, with the variance sum over j != i of H_ij^2 / S for h_i. Where the loss curves
downwards, |h| keeps the step downhill (-g / h would climb), and d is a direction of descent for every h, so that no
step raises the loss; at a point without a gradient (a minimum or a saddle) the weights stay.

=========== ================= ==================================================
symbol      argument          meaning
=========== ================= ==================================================
eta         ``learning_rate`` the longest t; 1 is Newton's step where H is diagonal
c           ``floor``         least curvature that a gradient is divided by
S           ``samples``       probes for one estimate
=========== ================= ==================================================

References: Becker, LeCun: Improving the convergence of back-propagation learning with second order methods, 1989;
Bekas, Kokiopoulou, Saad: An estimator for the diagonal of a matrix, 2007; Yao and others: AdaHessian: an adaptive
second order optimizer for machine learning, 2021 (which averages the estimate over steps and coordinates; here it is
new at each).

It differs from NeuPy's rule of this name, whose h are row sums of H within a tensor of weights, and which climbs where
the loss curves downwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from netwright.core.schedules import Schedule
from netwright.core.validation import Constraint, integer, number, one_of
from netwright.core.value import value
from netwright.optim.base import LEARNING_RATE, Optimizer
from netwright.optim.curvature.products import Product
from netwright.optim.full_batch import FullBatch, Memory
from netwright.optim.line_search import Line, backtracking
from netwright.optim.objective import Objective, Point, finite_curvature

PROBES = 64  # that go through the graph together


@final
@value("optimizer")
class HessianDiagonal(Optimizer):
    """Newton's rule weight by weight: the gradient over the diagonal of the Hessian, and a step that is shortened.

    With gradient g, the diagonal h of the Hessian, learning rate eta and floor c::

        d <- -g / max(|h|, c)
        w <- w + t d              t from eta downwards, until the loss falls enough

    Parameters
    ----------
    learning_rate : eta, the longest step in units of d, > 0, or a schedule.
    floor : least curvature c that a gradient is divided by, > 0, in units of the Hessian.
    estimate : "exact": the diagonal itself, by P products with the Hessian in O(P) memory; "hutchinson": the estimate
        of Bekas and others by random probes, for networks of any size.
    samples : probes for one estimate, >= 1; each costs about two gradients.
    seed : of the generator of probes, >= 0. Its state is part of `state_dict`.

    Shapes
    ------
    ``step(closure)``: closure() -> a scalar loss, residuals (N,) or (n, outputs), or a pair (outputs, loss)

    Raises
    ------
    InvalidData : second derivatives that are not finite at the weights as they stand.

    Examples
    --------
    >>> import torch
    >>> w = torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = HessianDiagonal().build([w])
    >>> loss = optimizer.step(lambda: 5 * w[0] ** 2 + 0.1 * w[1] ** 2)
    >>> w.detach()
    tensor([0., 0.], dtype=torch.float64)

    References
    ----------
    Becker, LeCun: Improving the convergence of back-propagation learning with second order methods, 1989.
    Bekas, Kokiopoulou, Saad: An estimator for the diagonal of a matrix, 2007.
    Yao, Gholami, Shen, Mustafa, Keutzer, Mahoney: AdaHessian: an adaptive second order optimizer for machine learning,
    2021.
    """

    learning_rate: float | Schedule = 1.0
    floor: float = 0.01
    _: KW_ONLY
    estimate: str = "exact"
    samples: int = 1
    seed: int = 0

    takes: ClassVar[str] = "objective"
    full_batch: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "learning_rate": LEARNING_RATE,
        "floor": number(0, closed="neither"),
        "estimate": one_of("exact", "hutchinson"),
        "samples": integer(1),
        "seed": integer(0, 2**63 - 1),
    }

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        return FullBatch(params, self, advance, lr=lr)


def advance(rule: HessianDiagonal, objective: Objective, start: Point, memory: Memory) -> tuple[Point, Memory]:
    """One step; ``memory["lr"]`` is the learning rate of this step, a number or one for each weight (P,)."""
    assert start.gradient is not None
    kept: Memory = {}
    if rule.estimate == "exact":
        diagonal = objective.hessian_diagonal(start.theta)
    else:
        generator = probes(rule.seed, memory.get("generator"))
        diagonal = estimated(objective.hessian_product(start.theta), objective, rule.samples, generator)
        kept["generator"] = generator.get_state()
    diagonal = finite_curvature(diagonal, objective.where)
    step = memory["lr"] * direction(start.gradient, diagonal, rule.floor)
    if not float(start.gradient @ step) < 0:
        return start, kept
    return backtracking(Line(objective, start, step)).point, kept


def direction(gradient: Tensor, diagonal: Tensor, floor: float) -> Tensor:
    """-g / max(|h|, c), which leads downhill whatever h is."""
    return -gradient / diagonal.abs().clamp_min(floor)


def estimated(product: Product, objective: Objective, samples: int, generator: torch.Generator) -> Tensor:
    """The mean of z * (H z) over random signs z."""
    total = torch.zeros(objective.size, dtype=torch.float64, device=objective.layout.device)
    for first in range(0, samples, PROBES):
        count = min(PROBES, samples - first)
        signs = torch.randint(0, 2, (count, objective.size), generator=generator, dtype=torch.float64)
        signs = signs.mul_(2).sub_(1).to(total.device)
        total += (signs * product(signs)).sum(0)
    return total / samples


def probes(seed: int, state: Tensor | None) -> torch.Generator:
    """The generator of probes, where it stood."""
    generator = torch.Generator()
    if state is None:
        return generator.manual_seed(seed)
    generator.set_state(state.cpu())
    return generator
