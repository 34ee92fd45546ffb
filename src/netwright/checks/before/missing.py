"""Whether a program takes care of numbers that are missing: it fills or masks them, so that nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.reading import Batch, Material, each, leaves
from netwright.checks.trial import call


def copes(context: Context, material: Material, bad: Tensor, others: Tensor) -> bool:
    """Whether outputs, loss and gradients are finite for a batch of which up to half the rows have missing numbers.

    Parameters
    ----------
    context : the program. material : its training or held-out rows. bad : the rows with missing numbers that are asked
    about. others : rows that are left out, if there are enough without them, since they have missing numbers elsewhere.
    """
    try:
        with quiet():
            return _finite_throughout(context, _mixed(material, bad, others), material is context.data)
    except Exception:  # a module or loss that raises does not take care of them
        return False


def _mixed(material: Material, bad: Tensor, others: Tensor) -> Batch:
    n = len(bad)
    other = others[:n] if len(others) >= n else torch.zeros(n, dtype=torch.bool)
    asked = (bad & ~other).nonzero()[:, 0]
    asked = asked if len(asked) else bad.nonzero()[:, 0]
    whole = (~bad & ~other).nonzero()[:, 0]
    half = max(1, material.batch_size // 2)
    rows = torch.cat([_spread(asked, half), _spread(whole, max(material.batch_size - half, 1))])
    return material.whole.rows(rows.sort().values)


def _spread(rows: Tensor, most: int) -> Tensor:
    return rows if len(rows) <= most else rows[torch.linspace(0, len(rows) - 1, most).round().long()]


def _finite_throughout(context: Context, batch: Batch, training: bool) -> bool:
    if not all(map(_finite, _reals(context.answer(context.fresh(), batch)))):
        return False
    module = context.fresh().train(training)
    with torch.set_grad_enabled(training):
        value = torch.as_tensor(context.loss(call(module, batch), each(batch.target, torch.clone))).sum()
        if not _finite(value):
            return False
        parameters = [p for p in module.parameters() if p.requires_grad]
        if not training or not value.requires_grad or not parameters:
            return True
        found = torch.autograd.grad(value, parameters, allow_unused=True)
    return all(_finite(gradient) for gradient in found if gradient is not None and not gradient.is_sparse)


def _reals(output: object) -> Iterator[Tensor]:
    return (tensor for tensor in leaves(output) if tensor.is_floating_point())


def _finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())
