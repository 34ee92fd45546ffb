"""Which numbers of the inputs are symbols: a table may hold codes among its real numbers, which are looked up.

A code is a whole number in every row and has no slope, for a table of vectors is asked for its row and not for what
lies between two rows. A probe may change a real number as it likes; of a code only such are known that were seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import torch
from torch import Tensor, nn

from netwright.checks.copies import quiet
from netwright.checks.reading import Batch, each, leaves
from netwright.checks.trial import called

Masks = Sequence[Tensor | None]  # for each tensor of the inputs, which places of a row hold symbols; None for none


def symbols_of(module: nn.Module, rows: Batch, probe: Batch) -> Masks:
    """The places of the inputs that hold whole numbers in all rows, and on which no answer depends smoothly.

    Parameters
    ----------
    module : a copy, which is put into eval mode. rows : by which whole numbers are told. probe : for a pass.
    """
    masks = [_whole(tensor) for tensor in leaves(rows.inputs)]
    if not any(mask is not None for mask in masks):
        return masks
    slopes = _slopes(module, probe)
    for place, slope in enumerate(slopes):
        mask = masks[place]
        if mask is not None and slope is not None and slope.shape[1:] == mask.shape:
            mask = mask & ~(slope != 0).any(0)
            masks[place] = mask if bool(mask.any()) else None
    return masks


def kept(batch: Batch, changed: Batch, masks: Masks) -> Batch:
    """A changed batch with the symbols that it had before.

    Parameters
    ----------
    batch, changed : the same rows before and after. masks : the places of the symbols.
    """
    if not any(mask is not None for mask in masks):
        return changed
    old, number = list(leaves(batch.inputs)), count()

    def back(tensor: Tensor) -> Tensor:
        at = next(number)
        mask = masks[at] if at < len(masks) else None
        if mask is None:
            return tensor
        return torch.where(mask, old[at], tensor) if old[at].shape[1:] == mask.shape else old[at]

    return Batch(each(changed.inputs, back), changed.target)


def _whole(tensor: Tensor) -> Tensor | None:
    """The places of a row of real numbers that hold whole numbers in all rows."""
    if not tensor.is_floating_point() or tensor.ndim < 2 or not len(tensor):
        return None
    mask = (tensor == tensor.round()).all(0)
    return mask if bool(mask.any()) else None


def _slopes(module: nn.Module, probe: Batch) -> Masks:
    """The slope of the outputs in each real input; zeros where there is none, None where that is not known."""
    inputs = each(probe.inputs, lambda t: t.detach().clone().requires_grad_() if t.is_floating_point() else t)
    wanted = [tensor for tensor in leaves(inputs) if tensor.requires_grad]
    module.eval()
    try:
        with quiet(), torch.enable_grad():
            outputs = [t for t in leaves(called(module, each(inputs, torch.clone))) if t.requires_grad]
            if not outputs:
                return [torch.zeros_like(t) for t in leaves(inputs)]
            slopes = torch.autograd.grad(outputs, wanted, list(map(torch.randn_like, outputs)), allow_unused=True)
    except RuntimeError:  # a layer that has no backward pass
        return [None for _ in leaves(inputs)]
    given = iter(zip(wanted, slopes, strict=True))
    pairs = (next(given) if tensor.requires_grad else (None, None) for tensor in leaves(inputs))
    return [torch.zeros_like(t) if t is not None and slope is None else slope for t, slope in pairs]
