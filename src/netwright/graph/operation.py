"""One operation of torch as the rules see it: its arguments, its result, and the places of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import reduce
from typing import Any

import torch

from netwright.graph.places import Places


@dataclass(frozen=True)
class Call:
    """One operation.

    Parameters
    ----------
    args : its arguments.
    output : what it gave.
    known : the places of a tensor; None for one that depends on no input.
    """

    args: Any
    output: Any
    known: Callable[[torch.Tensor], Places | None]

    def arg(self, number: int, default: Any = None) -> Any:
        """An argument by its number."""
        return self.args[number] if len(self.args) > number and self.args[number] is not None else default

    @property
    def main(self) -> Any:
        """The first tensor."""
        return self.args[0]

    @property
    def places(self) -> Places:
        """Those of the first tensor, united with those of all others where it has none."""
        found = self.known(self.args[0]) if isinstance(self.args[0], torch.Tensor) else None
        return found or self.united()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the (first) result."""
        return tuple(tensors_in(self.output)[0].shape)

    def united(self) -> Places:
        """Those of all arguments, broadcast to each other."""
        rank = len(self.shape)
        found = [(tensor, self.known(tensor)) for tensor in tensors_in(self.args)]
        return joined([aligned(places, rank - tensor.ndim) for tensor, places in found if places is not None])


Rule = Callable[[Call], "Places | list[Places]"]


def joined(places: list[Places]) -> Places:
    """The union."""
    return reduce(Places.union, places)


def aligned(places: Places, by: int) -> Places:
    """With so many new axes in front."""
    return places.renumbered(lambda dim: dim + by) if by else places


def tensors_in(items: Any) -> list[torch.Tensor]:
    """All tensors in a nest of tuples, lists, mappings and data classes such as those that models return."""
    if isinstance(items, torch.Tensor):
        return [items]
    if isinstance(items, Mapping):
        items = items.values()
    elif is_dataclass(items) and not isinstance(items, type):
        items = [getattr(items, item.name) for item in fields(items)]
    elif not isinstance(items, (tuple, list)):
        return []
    return [tensor for item in items for tensor in tensors_in(item)]


def on_axes(item: int | Iterable[int], rank: int) -> tuple[int, ...]:
    """A number for each axis; one number stands for all."""
    items = (item,) if isinstance(item, int) else tuple(item)
    return items * rank if len(items) == 1 else items
