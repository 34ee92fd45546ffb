"""The program of a run for trials: the user's module with the batches that were kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netwright.checks.context import Context, Intent
from netwright.checks.reading import Batch, Keywords, Material, leaves

Loss = Callable[..., Any]


class Whole(Context):
    """A program whose batches cannot be taken apart, as of a graph or of a state that is handed on.

    All that is asked of some of the rows is asked of the first batch.
    """

    @cached_property
    def rows(self) -> Batch:
        """The first batch."""
        return self.data.whole

    @cached_property
    def probe(self) -> Batch:
        """The first batch."""
        return self.data.whole

    @cached_property
    def many(self) -> Batch:
        """The first batch."""
        return self.data.whole


def program(
    module: nn.Module, optimizers: list[Any], loss: Loss, batches: list[Batch], intent: Intent
) -> Context | None:
    """The program of a module with batches; None where it cannot be called on any of them.

    Rows of several batches are put together where the module can be called on some of them; otherwise batches stay as
    they came.

    Parameters
    ----------
    module, optimizers : the user's, or copies of them. loss : ``loss(output, target)``. batches : that were kept.
    intent : what is declared.
    """
    alike = [batch for batch in batches if isinstance(batch.target, Tensor) and _form(batch) == _form(batches[0])]
    if not alike:
        return None
    sizes = [len(batch) for batch in alike]
    if all(map(_of_rows, alike)):
        whole = Batch(_joined([batch.inputs for batch in alike]), _joined([batch.target for batch in alike]))
        material = Material(_once(whole, sizes[0]), alike, max(sizes), min(sizes), None, complete=False)
        apart = Context(module, optimizers, loss, material, None, intent)
        if _answers(apart):
            return apart
    material = Material(alike[0], alike, max(sizes), min(sizes), None, complete=False)
    together = Whole(module, optimizers, loss, material, None, intent)
    return together if _answers(together) else None


def _once(whole: Batch, first: int) -> Batch:
    """Rows that came again in later epochs taken once; rows of few values, which repeat within a batch, as they are."""
    parts = [part.detach().cpu().reshape(len(whole), -1).contiguous() for part in leaves((whole.inputs, whole.target))]
    rows = np.hstack([part.view(torch.uint8).numpy() for part in parts if part.shape[1]])
    _, place = np.unique(rows.view([("", rows.dtype, rows.shape[1])]).reshape(-1), return_index=True)
    if len(place) == len(whole) or (place < first).sum() < first:
        return whole
    return whole.rows(torch.from_numpy(np.sort(place)))


def _answers(context: Context) -> bool:
    """Whether the module can be called on the rows that questions are asked of."""
    try:
        return context.output is not None and len(context.probe) > 0
    except Exception:  # a module of anybody's may refuse any rows but those of training
        return False


def _form(batch: Batch) -> Any:
    """What two batches have in common whose rows can be put together."""
    return _shape(batch.inputs), _shape(batch.target)


def _shape(structure: Any) -> Any:
    if isinstance(structure, Tensor):
        return structure.ndim > 0, structure.shape[1:]
    if isinstance(structure, dict):
        return {name: _shape(part) for name, part in structure.items()}
    if isinstance(structure, (tuple, list)):
        return [_shape(part) for part in structure]
    return type(structure)


def _of_rows(batch: Batch) -> bool:
    """Whether every tensor of a batch has an entry for each row."""
    return all(part.ndim and len(part) == len(batch) for part in leaves((batch.inputs, batch.target)))


def _joined(structures: list[Any]) -> Any:
    """The rows of several structures of one form, each tensor by itself; what is no tensor is that of the first."""
    head = structures[0]
    if isinstance(head, Tensor):
        return torch.cat(structures)
    if isinstance(head, dict):
        named = {name: _joined([each[name] for each in structures]) for name in head}
        return Keywords(named) if isinstance(head, Keywords) else named
    if isinstance(head, (tuple, list)):
        parts = [_joined(list(several)) for several in zip(*structures, strict=True)]
        return type(head)(*parts) if hasattr(head, "_fields") else type(head)(parts)
    return head
