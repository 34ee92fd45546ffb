"""What blocks ask of their parts: the plan of a part on a shape, and what would keep its size.

A block asks for the plan of each part that it is given. Where a part cannot take the shape the block stands back: the
network's own plan, which opens the block, refuses that part with its path.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache

from netwright.core.errors import LONG, JoinError, problem, shown
from netwright.core.validation import Constraint, satisfies
from netwright.graph import Chain, Expression, Input, Parallel, Plan, Shape, begins_with_input
from netwright.layers.space.convolution import Conv
from netwright.layers.space.pooling import AvgPool, MaxPool

open_network: Constraint = satisfies(
    "a layer or a network without Input",
    lambda thing: isinstance(thing, Expression) and not begins_with_input(thing),
)


@lru_cache(maxsize=256)
def planned(part: Expression, shape: Shape) -> Plan | None:
    """The plan of a part on an input of this shape; None where it cannot take it."""
    try:
        return (Input(shape=shape) >> part).plan()
    except JoinError:
        return None


def one_output(block: Expression, name: str, plan: Plan) -> Shape:
    """The output shape of the part called `name`, or the refusal of a part that gives several."""
    shapes = plan.output_shapes
    if len(shapes) == 1:
        return shapes[0]
    remedy = f"End the {name} in Concat() or Add(), which make one of {len(shapes)}."
    raise JoinError(
        problem(shown(block, LONG), f"one output of its {name}", f"{len(shapes)} of shapes {shapes}", remedy)
    )


def is_sequence(plan: Plan | None, shape: Shape) -> bool:
    """Whether an input of rank 2 is (steps, features) to a part: it has layers of units, and no windows that slide."""
    layers = [node.layer for node in plan.nodes] if plan else []
    has_units = any(getattr(layer, "units", None) is not None for layer in layers)
    return len(shape) == 2 and has_units and not any(hasattr(layer, "stride") for layer in layers)


def beside(*branches: Expression) -> Parallel:
    """Branches side by side, each one branch even if it has branches of its own (``|`` would make them one row)."""
    return Parallel(branches)


def padded(part: Expression) -> Expression:
    """A part whose windows have the padding that keeps sizes at stride 1: what would fit, for a message."""
    if isinstance(part, Chain):
        return Chain(tuple(map(padded, part.parts)))
    if isinstance(part, Parallel):
        return Parallel(tuple(map(padded, part.branches)))
    if isinstance(part, Conv):
        return dataclasses.replace(part, padding=_half(part.kernel, part.dilation))
    if isinstance(part, (MaxPool, AvgPool)):
        return dataclasses.replace(part, padding=_half(part.size, 1))
    return part


def _half(window: object, dilation: object) -> int | str:
    """Half of an odd window as a number, any other padding that keeps sizes as "same"."""
    if isinstance(window, int) and isinstance(dilation, int) and (window - 1) * dilation % 2 == 0:
        return (window - 1) * dilation // 2
    return "same"
