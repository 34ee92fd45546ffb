"""A question to what forward does to its input: is it regrouped by a view where its axes were to change places.

A view keeps the order of the numbers in memory. Of an input (n, a, b) whose layer gets (n, b, a) with the numbers in
the same order, rows are cut up anew where a permutation was meant. A copy is trained with one.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.context import Context, steps_in_the_end
from netwright.checks.finding import Finding, Remedy, Where, fault
from netwright.checks.reading import leaves

HELPS = 0.75  # of the loss left as it is, where the axes change places
GAIN = 0.1  # of the loss of guessing, at least

Axes = tuple[int, ...]


def regrouped(context: Context) -> Iterable[Finding]:
    """A layer that gets the input's numbers in another shape of the same sizes, and learns more from a permutation."""
    found = _viewed(context)
    if found is None or not context.steps:
        return
    path, shape, given, order = found
    steps = max(context.steps, steps_in_the_end(context))
    as_is = context.left(context.trial(steps=steps))
    turned = context.left(context.trial(_turned(path, shape, order), steps=steps))
    context.signal(
        "loss left where axes change places, of that as it is", turned / max(as_is, 1e-12), HELPS, "wrong-axes"
    )
    if not (turned < HELPS * as_is and as_is - turned > GAIN):
        return
    yield fault(
        "wrong-axes",
        f"rows of shape {shape} come to {path or 'the first layer'} as {given} with their numbers in the same order, "
        f"so they are cut up anew; with permute(0, {', '.join(str(1 + axis) for axis in order)}) {steps} steps leave "
        f"{turned:.2g} of the loss, not {as_is:.2g}",
        "axes that change places",
        "Use permute or transpose to change the order of axes; view and reshape only regroup the numbers.",
        evidence={"given": list(given), "shape": list(shape), "left_as_is": as_is, "left_permuted": turned},
        remedy=Remedy("data", "permute", list(order)),
        where=Where(layer=path or None),
    )


def _viewed(context: Context) -> tuple[str, Axes, Axes, Axes] | None:
    """A layer, the shape of a row, that in which the layer gets it, and the order of axes that was meant."""
    sources = [tensor for tensor in context.floats if tensor.ndim > 2]
    for path, _, inputs in context.seen[0].calls:
        tensor = inputs[0] if inputs else None
        if not isinstance(tensor, Tensor):
            continue
        for source in sources:
            shape, given = tuple(source.shape[1:]), tuple(tensor.shape[1:])
            if _same_sizes(shape, given) and _same_order(context, source, tensor):
                orders = permutations(range(len(shape)))
                return path, shape, given, next(o for o in orders if tuple(shape[axis] for axis in o) == given)
    return None


def _same_sizes(shape: Axes, given: Axes) -> bool:
    """Whether the sizes are the same in another order, axes of one number aside."""
    wide, other = ([size for size in sizes if size > 1] for sizes in (shape, given))
    return len(shape) == len(given) and sorted(wide) == sorted(other) and wide != other


def _same_order(context: Context, source: Tensor, tensor: Tensor) -> bool:
    rows = context.many.inputs
    wide = next((part for part in leaves(rows) if part.shape[1:] == source.shape[1:]), None)
    return wide is not None and wide.shape[0] == len(tensor) and bool(torch.equal(wide.flatten(), tensor.flatten()))


def _turned(path: str, shape: Axes, order: Axes) -> Any:
    """A change: the layer gets its input with the axes in another order, not regrouped."""

    def permuted(layer: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        first = inputs[0].reshape(len(inputs[0]), *shape).permute(0, *(1 + axis for axis in order))
        return (first.contiguous(), *inputs[1:])

    return lambda module, optimizers: module.get_submodule(path).register_forward_pre_hook(permuted)
