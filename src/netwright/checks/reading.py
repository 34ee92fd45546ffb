"""Reading data as a training program has them: arrays, tensors, frames, data sets or a loader, as rows and batches.

A batch is ``(inputs, target)``: inputs are a tuple of tensors, one an argument of the module; the target is a tensor
or a tuple or dict of tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import NoneType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from netwright.checks.arrays import parts_of, to_tensors
from netwright.checks.copies import quiet, same_generators
from netwright.checks.readers import loader_copy
from netwright.core.errors import InvalidData, problem

MOST_BATCHES = 400  # of a loader that are read
MOST_NUMBERS = 20_000_000  # of a loader's inputs that are read
KEPT = 64  # batches that are kept as they came
TARGETS = ("labels", "label", "targets", "target", "y")  # names of the target in a batch that is a dict
SAMPLERS = ((RandomSampler, True), (SequentialSampler, False))  # whether they draw an order


class Keywords(dict[str, Any]):
    """Inputs that a module is given by name."""


@dataclass
class Batch:
    """Inputs, one a tensor (or a structure of tensors), and the target; one input of `Keywords` is given by name."""

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
    weighted : whether a sampler draws rows by weights. arrays : whether rows can be drawn anew. numbers : of the rows
    where their user has them, None for 0, 1, 2, ... passing : batches of a pass; None where all rows are in ``whole``.
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
    numbers: Tensor | None = None
    passing: int | None = field(default=None, init=False)

    @property
    def batches_of_a_pass(self) -> int:
        """How many batches a pass over the data has."""
        return math.ceil(len(self.whole) / self.batch_size) if self.passing is None else self.passing

    def numbers_of(self, most: int) -> Tensor:
        """The numbers of at most so many rows, evenly spaced, as their user counts them."""
        n = len(self.whole)
        rows = torch.arange(n) if n <= most else torch.linspace(0, n - 1, most).round().long()
        return rows if self.numbers is None else self.numbers[rows]

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
        parts_by_name = {name: each(part, change) for name, part in structure.items()}
        return Keywords(parts_by_name) if isinstance(structure, Keywords) else parts_by_name
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
    if isinstance(data, Dataset) or _is_rows(data):
        loader: DataLoader[Any] = DataLoader(data, batch_size=batch_size or 32)
        material = _from_loader(loader, where)
        material.shuffled, material.arrays = None, True
        return material
    if isinstance(data, DataLoader) or _is_batches(data):
        return _from_loader(data, where)
    if not isinstance(data, (tuple, list)) or len(data) < 2:
        expected, remedy = "(X, y), a Dataset or a DataLoader", "Give inputs and targets."
        if hasattr(data, "__next__"):
            remedy = "An iterator is used up by a look at it: give the DataLoader or the list that it is made of."
        raise InvalidData(problem(f"nw.check({where})", expected, type(data).__name__, remedy))
    *parts, target = data
    inputs = parts_of(parts, target)
    names = tuple(map(str, getattr(inputs[0], "columns", ())))
    tensors = tuple(to_tensors(part, like, where, names=False) for part in inputs)
    batch = Batch(tensors, each(to_tensors(target, like, where), torch.clone))  # a loss may write into its target
    lengths = sorted({len(tensor) for tensor in (*leaves(batch.inputs), *leaves(batch.target))})
    if len(lengths) != 1 or not lengths[0]:
        expected = "inputs and targets with one length, at least 1"
        remedy = "Give one target for each row." if len(lengths) > 1 else "Look at how the data were read or filtered."
        got = f"lengths {', '.join(map(str, lengths)) or 'of nothing'}"
        raise InvalidData(problem(f"nw.check({where})", expected, got, remedy))
    size = min(batch_size or 32, len(batch))
    smallest = len(batch) % size or size
    batches = [batch.rows(slice(at, at + size)) for at in range(0, min(len(batch), KEPT * size), size)]
    return Material(batch, batches, size, smallest, None, names, arrays=True)


def _is_rows(data: Any) -> bool:
    """Whether data are a list of rows ``(x, y)`` or dicts, or can be asked for such by number."""
    if isinstance(data, list):
        pairs = all(isinstance(row, tuple) and len(row) > 1 and _is_single(row[-1]) for row in data)
        return (pairs and len(data) > 2) or (bool(data) and all(isinstance(row, Mapping) for row in data))
    by_number = hasattr(data, "__getitem__") and hasattr(data, "__len__") and not hasattr(data, "__array__")
    return by_number and not isinstance(data, (DataLoader, tuple, str, bytes, Mapping)) and not hasattr(data, "columns")


def _is_single(item: Any) -> bool:
    return not isinstance(item, (list, tuple, Mapping)) and getattr(item, "ndim", 0) == 0


def _is_batches(data: Any) -> bool:
    """Whether data can be gone through again and again."""
    return (
        isinstance(data, Iterable)
        and not isinstance(data, (Tensor, tuple, list, str, bytes, Mapping, Iterator))
        and not hasattr(data, "__array__")
        and not hasattr(data, "columns")
    )


def _from_loader(given: Any, where: str) -> Material:
    loader = loader_copy(given)
    batch_sampler, sampler = getattr(loader, "batch_sampler", None), getattr(loader, "sampler", None)
    inner = getattr(batch_sampler, "sampler", None)
    found: list[Batch] = []
    numbers = 0
    with quiet(), same_generators([given]):
        for raw in islice(iter(loader), MOST_BATCHES):
            found.append(_batch(raw, where))
            numbers += sum(tensor.numel() for tensor in leaves(found[-1].inputs))
            if numbers > MOST_NUMBERS:
                break
    if not found:
        raise InvalidData(problem(f"nw.check({where})", "a loader with at least one batch", "none"))
    if batch_sampler is not None and getattr(loader, "batch_size", None) is None:
        sampler = None  # torch leaves an idle one beside a batch sampler of the user's
    known = SAMPLERS if type(batch_sampler) in (BatchSampler, NoneType) else SAMPLERS[:1]
    shuffled = next((order for each in (inner, sampler) for kind, order in known if type(each) is kind), None)
    sizes = [len(batch) for batch in found]
    try:
        complete, passing = len(loader) <= len(found), len(loader)
    except TypeError:
        complete, passing = False, len(found)
    weighted = "WeightedRandomSampler" in (type(sampler).__name__, type(inner).__name__)
    whole, kept = _joined(found), found[:KEPT]
    material = Material(whole, kept, max(sizes), min(sizes), shuffled, (), complete, weighted)
    material.passing = passing
    return material


def _batch(raw: Any, where: str) -> Batch:
    expected, remedy = "batches (inputs, target)", ""
    if isinstance(raw, (tuple, list)) and len(raw) >= 2:
        *inputs, target = raw
        if len(inputs) == 1 and isinstance(inputs[0], (tuple, list)):
            inputs = list(inputs[0])
        batch = Batch(tuple(map(_tensors, inputs)), each(_tensors(target), torch.clone))
        if any(True for _ in leaves(batch.inputs)) and any(True for _ in leaves(batch.target)):
            return batch
        remedy = "Inputs and target must be tensors: turn text into numbers in the data set or in collate_fn."
    elif isinstance(raw, Mapping):
        given = {str(name): _tensors(part) for name, part in raw.items()}
        name = next((name for name in TARGETS if name in given), None)
        others = {key: part for key, part in given.items() if key != name and any(True for _ in leaves(part))}
        if name is not None and others and any(True for _ in leaves(given[name])):
            return Batch((Keywords(others),), each(given[name], torch.clone))
        remedy = f"Of a dict, one of {', '.join(TARGETS)} is the target; there are {', '.join(given) or 'no keys'}."
    elif isinstance(raw, (Tensor, list, tuple)):
        remedy = "Give the targets too; of an autoencoder they are the inputs: TensorDataset(X, X)."
    else:
        remedy = "Give a collate_fn that makes pairs (inputs, target) of tensors."
    raise InvalidData(problem(f"nw.check({where})", expected, f"a batch of type {type(raw).__name__}", remedy))


def _tensors(item: Any) -> Any:
    """What a batch holds, arrays as tensors."""
    return torch.as_tensor(item) if isinstance(item, np.ndarray) and item.dtype.kind in "biufc" else item


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
        joined = {name: _cat([each[name] for each in structures]) for name in head}
        return Keywords(joined) if isinstance(head, Keywords) else joined
    if isinstance(head, (tuple, list)):
        return type(head)(_cat(list(parts)) for parts in zip(*structures, strict=True))
    return head
