"""What the resilient rules share: steps whose sizes follow from the signs of the gradient alone.

With the sign s of a weight's gradient, the sign s' that is remembered of the step before (0 at the first), and the size
Delta of its steps::

    s s' > 0:   Delta <- min(eta_plus Delta, maximum)
    s s' < 0:   Delta <- max(eta_minus Delta, minimum),   s <- 0
    w <- w - s Delta,   s' <- s

Where the sign has turned the weight has jumped over a minimum. It waits for one step, since s is 0; with backtracking
it goes back by what it moved one step before.

Products are taken of signs, not of gradients: those of gradients below 1e-23 would be zero in single precision, and
the sizes would stand still.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, number
from netwright.optim.elementwise.shell import Options, Tensors

SIZES: dict[str, Constraint] = {
    "step": number(0, closed="neither"),
    "eta_minus": number(0, 1, closed="neither"),
    "eta_plus": number(1, closed="neither"),
    "minimum": number(0),
    "maximum": number(0, closed="neither"),
}


def check_sizes(rule: Any) -> None:
    """Raise unless the first step is between the least and the greatest."""
    if not rule.minimum <= rule.step <= rule.maximum:
        raise InvalidParameter(
            problem(
                f"{type(rule).__name__}(step)",
                f"a number in [minimum, maximum] = [{rule.minimum:g}, {rule.maximum:g}]",
                repr(rule.step),
                "Widen the bounds, or start between them.",
            )
        )


def options_of(rule: Any) -> dict[str, float]:
    """The options of a parameter group: the rule's own, and a factor of all steps."""
    return {"lr": 1.0, **{name: float(getattr(rule, name)) for name in SIZES}}


def signs_and_sizes(options: Options) -> Mapping[str, float]:
    """What a rule without backtracking remembers of each weight."""
    return {"sign": 0.0, "size": options["step"]}


def signs_sizes_and_moves(options: Options) -> Mapping[str, float]:
    """What a rule with backtracking remembers of each weight."""
    return {**signs_and_sizes(options), "move": 0.0}


def resilient_step_(options: Options, tensors: Tensors, backtrack: bool) -> None:
    """One step of all weights; with `backtrack` those whose sign has turned take their last move back."""
    weights, gradients, memory = tensors
    signs = torch._foreach_sign(gradients)
    agreement = torch._foreach_mul(signs, memory["sign"])  # 1: as before, -1: turned, 0: no sign, now or before
    turned = torch._foreach_clamp_max(agreement, 0)  # -1 or 0
    resize_(options, memory["size"], agreement, turned)
    signs = torch._foreach_addcmul(signs, signs, turned)
    torch._foreach_copy_(memory["sign"], signs)
    if "move" not in memory:
        torch._foreach_addcmul_(weights, signs, memory["size"], value=-options["lr"])
        return
    if backtrack:
        torch._foreach_mul_(memory["move"], turned)
    else:
        torch._foreach_zero_(memory["move"])
    torch._foreach_addcmul_(memory["move"], signs, memory["size"], value=-options["lr"])
    torch._foreach_add_(weights, memory["move"])


def resize_(options: Options, sizes: Any, agreement: Any, turned: Any) -> None:
    """Let the sizes of steps grow by `eta_plus` where signs agree, and shrink by `eta_minus` where they have turned."""
    factors = torch._foreach_mul(turned, 1 - options["eta_minus"])
    torch._foreach_add_(factors, 1)  # eta_minus where the sign has turned, 1 elsewhere
    torch._foreach_mul_(agreement, options["eta_plus"])
    torch._foreach_maximum_(factors, agreement)
    torch._foreach_mul_(sizes, factors)
    torch._foreach_clamp_min_(sizes, options["minimum"])
    torch._foreach_clamp_max_(sizes, options["maximum"])
