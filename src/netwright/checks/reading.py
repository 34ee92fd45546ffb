"""Reading data as a training program has them: arrays, tensors, frames, data sets or a loader, as rows and batches.

A batch is ``(inputs, target)``: inputs are a tuple of tensors, one an argument of the module; the target is a tensor
or a tuple or dict of tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from netwright.checks.copies import quiet, same_generators
from netwright.core.errors import InvalidData, problem

MOST_BATCHES = 400  # of a loader that are read
MOST_NUMBERS = 20_000_000  # of a loader's inputs that are read
KEPT = 64  # batches that are kept as they came


@dataclass
class Batch:
    """Inputs, one a tensor (or a structure of tensors), and the target."""

    inputs: tuple[Any, ...]
    target: Any

    def __len__(self) -> int:
        return len(first(self.inputs))

    def rows(self, which: Any) -> Batch:
        """Some of the rows; a slice or indices."""
        return Batch(each(self.inputs, lambda tensor: tensor[which]), each(self.target, lambda tensor: tensor[which]))


@dataclass
class Material:
    """Data as the checks look at them.

    Attributes
    ----------
    whole : all rows that were read, in the order in which they came. batches : as they came, the first ones.
    batch_size : rows of a typical batch. smallest : rows of the smallest batch.
    shuffled : whether the loader draws an order; None where that is not known, as of arrays.
    names : of columns, where the data have them. complete : whether all rows were read.
    repeats : whether a second pass over the loader can be made.
    """

    whole: Batch
    batches: list[Batch]
    batch_size: int
    smallest: int
    shuffled: bool | None = None
    names: tuple[str, ...] = ()
    complete: bool = True
    weighted: bool = False
    arrays: bool = field(default=False)

    def stream(self, steps: int, seed: int = 0) -> Iterator[Batch]:
        """Batches for a number of steps: those of the loader over and over, or rows drawn anew each epoch."""
        if not self.arrays:
            yield from (self.batches[step % len(self.batches)] for step in range(steps))
            return
        generator, left = torch.Generator().manual_seed(seed), steps
        while left > 0:
            parts = torch.randperm(len(self.whole), generator=generator).split(self.batch_size)
            if len(parts) > 1 and len(parts[-1]) < 2:
                parts = parts[:-1]
            yield from (self.whole.rows(rows) for rows in parts[:left])
            left -= len(parts)


def first(structure: Any) -> Tensor:
    """The first tensor of a structure of tensors."""
    if isinstance(structure, Tensor):
        return structure
    parts = list(structure.values()) if isinstance(structure, dict) else list(structure)
    return first(parts[0])


def leaves(structure: Any) -> Iterator[Tensor]:
    """All tensors of a structure, in order."""
    if isinstance(structure, Tensor):
        yield structure
    elif isinstance(structure, dict):
        for part in structure.values():
            yield from leaves(part)
    elif isinstance(structure, (tuple, list)):
        for part in structure:
            yield from leaves(part)


def each(structure: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A structure with every tensor changed."""
    if isinstance(structure, Tensor):
        return change(structure)
    if isinstance(structure, dict):
        return {name: each(part, change) for name, part in structure.items()}
    if isinstance(structure, (tuple, list)):
        parts = [each(part, change) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    return structure


def read(data: Any, batch_size: int | None, like: torch.dtype, where: str = "data") -> Material:
    """The rows and batches of whatever a user trains on.

    Parameters
    ----------
    data : ``(X, y)`` or ``(X1, X2, ..., y)`` of arrays, tensors or frames; a ``Dataset``; a ``DataLoader``.
    batch_size : rows of a batch where the data do not say; None for 32.
    like : the floating dtype of the module; NumPy's numbers become such, tensors stay what they are.
    where : the name of the data in errors.

    Raises
    ------
    InvalidData : no rows, or inputs and targets of different length.
    """
    if isinstance(data, (DataLoader,)):
        return _from_loader(data, where)
    if isinstance(data, Dataset):
        loader: DataLoader[Any] = DataLoader(data, batch_size=batch_size or 32)
        material = _from_loader(loader, where)
        material.shuffled, material.arrays = None, True
        return material
    if not isinstance(data, (tuple, list)) or len(data) < 2:
        expected = "(X, y), a Dataset or a DataLoader"
        raise InvalidData(problem(f"nw.check({where})", expected, type(data).__name__, "Give inputs and targets."))
    *parts, target = data
    inputs = parts[0] if len(parts) == 1 and isinstance(parts[0], (tuple, list)) else parts
    names = tuple(map(str, getattr(inputs[0], "columns", ())))
    tensors = tuple(to_tensors(part, like) for part in inputs)
    batch = Batch(tensors, each(to_tensors(target, like), torch.clone))  # a loss may write into its target
    lengths = sorted({len(tensor) for tensor in (*leaves(batch.inputs), *leaves(batch.target))})
    if len(lengths) != 1 or not lengths[0]:
        expected = "inputs and targets with one length, at least 1"
        raise InvalidData(problem(f"nw.check({where})", expected, f"lengths {', '.join(map(str, lengths))}"))
    size = min(batch_size or 32, len(batch))
    smallest = len(batch) % size or size
    batches = [batch.rows(slice(at, at + size)) for at in range(0, min(len(batch), KEPT * size), size)]
    return Material(batch, batches, size, smallest, None, names, arrays=True)


def to_tensors(item: Any, like: torch.dtype) -> Any:
    """Tensors as they are; arrays, lists and frames as tensors, real numbers in the module's own dtype."""
    if isinstance(item, Tensor):
        return item
    if isinstance(item, dict):
        return {name: to_tensors(part, like) for name, part in item.items()}
    if isinstance(item, tuple):
        return tuple(to_tensors(part, like) for part in item)
    array = np.asarray(item.to_numpy() if hasattr(item, "to_numpy") else item)
    if array.dtype.kind in "OUS":
        array = array.astype(np.float64) if array.dtype.kind == "O" else np.unique(array, return_inverse=True)[1]
    tensor = torch.from_numpy(np.array(array))
    return tensor.to(like) if tensor.is_floating_point() else tensor


def _from_loader(loader: DataLoader[Any], where: str) -> Material:
    sampler = getattr(loader, "sampler", None)
    if type(getattr(loader, "batch_sampler", None)) not in (BatchSampler, type(None)):
        sampler = None  # torch leaves an idle one beside a batch sampler of the user's
    inner = getattr(getattr(loader, "batch_sampler", None), "sampler", None)
    found: list[Batch] = []
    numbers = 0
    with quiet(), same_generators([loader, sampler, inner]):
        for raw in islice(iter(loader), MOST_BATCHES):
            found.append(_batch(raw, where))
            numbers += sum(tensor.numel() for tensor in leaves(found[-1].inputs))
            if numbers > MOST_NUMBERS:
                break
    if not found:
        raise InvalidData(problem(f"nw.check({where})", "a loader with at least one batch", "none"))
    known = {RandomSampler: True, SequentialSampler: False}
    shuffled = next((known[type(each)] for each in (inner, sampler) if type(each) in known), None)
    sizes = [len(batch) for batch in found]
    try:
        complete = len(loader) <= len(found)
    except TypeError:
        complete = False
    weighted = type(sampler).__name__ == "WeightedRandomSampler"
    return Material(_joined(found), found[:KEPT], max(sizes), min(sizes), shuffled, (), complete, weighted)


def _batch(raw: Any, where: str) -> Batch:
    if isinstance(raw, (tuple, list)) and len(raw) >= 2:
        *inputs, target = raw
        if len(inputs) == 1 and isinstance(inputs[0], (tuple, list)):
            inputs = list(inputs[0])
        return Batch(tuple(inputs), target)
    expected = "batches (inputs, target)"
    raise InvalidData(problem(f"nw.check({where})", expected, f"a batch of type {type(raw).__name__}"))


def _joined(found: list[Batch]) -> Batch:
    """All rows of batches as one; only those batches whose rows have the shape of the first (sequences vary)."""

    def shapes(batch: Batch) -> list[torch.Size]:
        return [tensor.shape[1:] for tensor in (*leaves(batch.inputs), *leaves(batch.target))]

    alike = [batch for batch in found if shapes(batch) == shapes(found[0])]
    return Batch(_cat([batch.inputs for batch in alike]), _cat([batch.target for batch in alike]))


def _cat(structures: list[Any]) -> Any:
    head = structures[0]
    if isinstance(head, Tensor):
        return torch.cat(structures) if head.ndim else torch.stack(structures)
    if isinstance(head, dict):
        return {name: _cat([each[name] for each in structures]) for name in head}
    if isinstance(head, (tuple, list)):
        return type(head)(_cat(list(parts)) for parts in zip(*structures, strict=True))
    return head
