"""How the gradient grows on its way back through the steps of a sequence, at the start.

For a loss L and the input x_t of a recurrent layer at step t::

    growth = |dL/dx| of the first tenth of the steps / that of the last tenth

It is near or below 1 where the gradient stays or fades, and a power of the length of the sequence where it explodes
(Pascanu et al. 2013). A loss of every step adds up to a growth by the number of steps; that is no power, and the first
steps then have at most twice the gradient of the middle ones.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.reading import each
from netwright.checks.trial import call

FEWEST = 4  # steps of a sequence


def growth_through_time(context: Context) -> float:
    """The largest growth through a recurrent layer or cell of the module; 1 where there is none.

    Parameters
    ----------
    context : the program.
    """
    module, _, loss = context.copies()
    recurrent = [part for part in module.train().modules() if isinstance(part, nn.RNNBase | nn.RNNCellBase)]
    seen: list[tuple[Any, Tensor, Any]] = []

    def watched(part: nn.Module, inputs: Any) -> Any:
        packed = isinstance(inputs[0], PackedSequence)
        x = inputs[0].data if packed else inputs[0]
        x = x if x.requires_grad else x.detach().requires_grad_()
        x.retain_grad()
        seen.append((part, x, inputs[0].batch_sizes.tolist() if packed else None))
        return (inputs[0]._replace(data=x) if packed else x, *inputs[1:])

    hooks = [part.register_forward_pre_hook(watched) for part in recurrent]
    try:
        with quiet(), torch.enable_grad():
            value = torch.as_tensor(loss(call(module, context.batch), each(context.batch.target, torch.clone))).sum()
            inputs = [x for _, x, _ in seen]
            if not value.requires_grad or not inputs:
                return 1.0
            found = torch.autograd.grad(value, inputs, allow_unused=True)
    finally:
        for hook in hooks:
            hook.remove()
    sizes: dict[int, list[Tensor]] = {}
    for (part, x, lengths), gradient in zip(seen, found, strict=True):
        steps = _by_step(part, torch.zeros_like(x) if gradient is None else gradient, lengths)
        sizes.setdefault(id(part), []).extend(steps)
    return max(map(_growth, sizes.values()), default=1.0)


def _by_step(part: nn.Module, gradient: Tensor, lengths: list[int] | None) -> list[Tensor]:
    """The size of the gradient of each step, row by row: of a layer those of all steps, of a cell that of a call."""
    gradient = gradient.double()
    if lengths is not None:
        steps = [step.norm(dim=1) for step in gradient.split(lengths)]
        return [nn.functional.pad(step, (0, lengths[0] - len(step))) for step in steps]
    if isinstance(part, nn.RNNBase) and gradient.ndim == 3:
        return list(gradient.movedim(1 if part.batch_first else 0, 0).norm(dim=2))
    return [gradient.reshape(-1, gradient.shape[-1]).norm(dim=1)]


def _growth(steps: list[Tensor]) -> float:
    """The growth of all rows together; after its last step a row has no gradient."""
    if len({len(step) for step in steps}) != 1:
        return 1.0
    sizes = torch.stack(steps, 1)
    if not bool(torch.isfinite(sizes).all()):
        return math.inf
    rows = [row[: int(row.nonzero().amax()) + 1] for row in sizes if bool((row != 0).any())]
    parts = torch.stack([_parts(row) for row in rows if len(row) >= FEWEST] or [torch.ones(3)])
    first, middle, last = parts.square().sum(0).sqrt().clamp_min(1e-30).tolist()
    return first / last if first <= last else min(first / last, (first / middle) ** 2)


def _parts(row: Tensor) -> Tensor:
    """The mean over the first tenth of the steps, over as many in the middle, and over the last tenth."""
    few = max(1, len(row) // 10)
    return torch.stack([row[:few].mean(), row[len(row) // 2 :][:few].mean(), row[-few:].mean()])
