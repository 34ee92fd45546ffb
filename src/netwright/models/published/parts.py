"""Modules of a state dict with their tensors, in torch's roles and layouts whatever wrote them.

============== ============================== ================================== ===================================
of Keras       layout there                   in torch                           how
============== ============================== ================================== ===================================
convolution    (*window, channels, filters)   (filters, channels, *window)       axes moved
dense          (inputs, units)                (units, inputs)                    transposed
dense behind   (height width channels,        (units, channels height width)     inputs put into torch's order
a flattening   units)
gamma, beta    scale, shift                   weight, bias                       as they are
============== ============================== ================================== ===================================
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import torch

from netwright.core.errors import CorruptFile, problem, shown
from netwright.models.published.naming import split

ROLES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
COUNT = "num_batches_tracked"
_VARS = {  # the roles of numbered arrays of a layer, by their number; gamma is missing where there are three
    3: ("bias", "running_mean", "running_var"),
    4: ("weight", "bias", "running_mean", "running_var"),
}


@dataclass(frozen=True)
class Entry:
    """One tensor: its name in its state dict, its numbers, and what was done to them on the way."""

    name: str
    tensor: torch.Tensor
    done: str = "as it is"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the tensor."""
        return tuple(self.tensor.shape)


@dataclass(frozen=True)
class Part:
    """One module: its name and its tensors by role."""

    name: str
    entries: Mapping[str, Entry]

    @property
    def is_norm(self) -> bool:
        """Whether it is a normalisation with running statistics."""
        return "running_mean" in self.entries

    @property
    def weight(self) -> tuple[int, ...]:
        """The shape of its weight; () without one."""
        return self.entries["weight"].shape if "weight" in self.entries else ()

    def __str__(self) -> str:
        shapes = ", ".join(f"{role} {entry.shape}" for role, entry in self.entries.items() if role != COUNT)
        return f"{self.name} ({shapes})"


def parts_of(tensors: Mapping[str, torch.Tensor], keras: bool = False, where: str = "") -> dict[str, Part]:
    """The modules of a state dict, in the order of the dict.

    Parameters
    ----------
    tensors : by name.
    keras : whether the names are Keras's; layouts are left as they are.
    where : the file, for messages.

    Raises
    ------
    CorruptFile : two tensors of one module in one role.
    """
    found: dict[str, dict[str, Entry]] = {}
    for name, tensor in tensors.items():
        module, role = split(name, keras)
        entries = found.setdefault(module, {})
        if role in entries:
            got = f"{shown(entries[role].name)} and {shown(name)}"
            raise CorruptFile(problem(where, f"one {role} of {shown(module)}", got, "Leave one of them out."))
        entries[role] = Entry(name, tensor)
    return {module: Part(module, _in_order(_with_roles(entries))) for module, entries in found.items()}


def from_keras(parts: Iterable[Part]) -> list[Part]:
    """Modules in the order in which they run, their weights brought from Keras's layouts into torch's."""
    made: list[Part] = []
    channels = 0  # of the last convolution; 0 behind a dense layer
    for part in parts:
        entry = part.entries.get("weight")
        if entry is None or entry.tensor.ndim < 2 or part.is_norm:
            made.append(part)
            continue
        moved = _moved(entry, channels)
        channels = moved.shape[0] if moved.tensor.ndim > 2 else 0
        made.append(replace(part, entries={**part.entries, "weight": moved}))
    return made


def _with_roles(entries: dict[str, Entry]) -> dict[str, Entry]:
    """Numbered arrays under their roles."""
    if "vars.0" not in entries:
        return entries
    numbered = [entries[f"vars.{i}"] for i in range(len(entries)) if f"vars.{i}" in entries]
    roles = ROLES if numbered[0].tensor.ndim > 1 else _VARS.get(len(numbered), ())
    if len(numbered) < len(entries) or len(numbered) > len(roles):
        return entries
    return dict(zip(roles, numbered, strict=False))


def _in_order(entries: dict[str, Entry]) -> dict[str, Entry]:
    rank = {role: place for place, role in enumerate(ROLES)}
    return dict(sorted(entries.items(), key=lambda item: rank.get(item[0], len(ROLES))))


def _moved(entry: Entry, channels: int) -> Entry:
    """A weight in torch's layout; `channels` are those of the maps that a dense layer may flatten."""
    tensor = entry.tensor
    if tensor.ndim > 2:
        window = range(tensor.ndim - 2)
        return Entry(entry.name, tensor.permute(tensor.ndim - 1, tensor.ndim - 2, *window), "transposed")
    inputs, units = tensor.shape
    places = inputs // channels if channels and inputs % channels == 0 else 1
    if places == 1 or math.isqrt(places) ** 2 != places:
        return Entry(entry.name, tensor.T, "transposed")
    flat = tensor.reshape(places, channels, units).permute(2, 1, 0).reshape(units, inputs)
    return Entry(entry.name, flat, "transposed, its inputs from (places, channels) to (channels, places)")
