"""Residual networks whose shortcuts have no parameters: the channels that zeros are put to, brought to the end.

Where a stage widens from C to K channels, such a shortcut gives every other place of its input and zeros for the K - C
new channels. Which channels those are no file says. Published networks for CIFAR whose head is called ``linear`` have
half of the zeros before and half behind; netwright has all of them behind, and files whose head is called ``fc`` are
taken to have them there too. The channels of a stage may stand in any order p if all that reads or writes them follows:

    conv2, bn2 of its blocks    output channels p
    conv1 of its blocks         input channels p, in the first block those of the stage before
    head                        input features p of the last stage

    p_1 = (0, ..., C - 1),    p_s = ((K - C) / 2 + p_{s-1}, then the others in order)

after which the outputs of the network are what they were.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import torch

from netwright.models.published.naming import Naming
from netwright.models.published.parts import Entry, Part

DONE = "channels reordered"


def has_padded_shortcuts(naming: Naming) -> bool:
    """Whether it is a network of three stages that widens without a module in its shortcuts."""
    shortcut = any(re.search(r"\.(downsample|shortcut)\.", module) for module in naming.modules)
    stages = {module.split(".")[0] for module in naming.modules if module.startswith("layer")}
    return naming.source == "torchvision" and naming.family == "resnet" and len(stages) == 3 and not shortcut


def has_zeros_on_both_sides(naming: Naming) -> bool:
    """Whether the head has the name that those have who put half of the zeros before the channels."""
    return has_padded_shortcuts(naming) and naming.top == ("linear",)


def zeros_behind(parts: Sequence[Part]) -> list[Part]:
    """The same network with its channels in the order in which the zeros of all shortcuts stand behind.

    Parameters
    ----------
    parts : the modules in order, zeros standing half before and half behind the channels.
    """
    made = [parts[0]]
    before = after = list(range(parts[0].weight[0])) if parts[0].weight else []
    for part in parts[1:]:
        words = part.name.split(".")
        if words[-1] == "conv1":
            before = after
            made.append(_reordered(part, before, axis=1))
        elif words[-1] == "conv2":
            after = _wider(before, part.weight[0]) if part.weight else before
            made.append(_reordered(part, after, axis=0))
        elif len(words) > 1 and words[-1] == "bn2":
            made.append(_reordered(part, after, axis=0))
        elif len(words) == 1 and words[0] != "bn1":
            made.append(_reordered(part, after, axis=1))
        else:
            made.append(part)
    return made


def _wider(order: list[int], width: int) -> list[int]:
    """The order of a stage of this width behind one of that order."""
    if width <= len(order):
        return order
    margin = (width - len(order)) // 2
    front = [margin + place for place in order]
    taken = set(front)
    return front + [place for place in range(width) if place not in taken]


def _reordered(part: Part, order: list[int], axis: int) -> Part:
    if order == sorted(order):
        return part
    index = torch.tensor(order)
    entries = dict(part.entries)
    for role, entry in entries.items():
        if entry.tensor.ndim > axis and entry.shape[axis] == len(order):
            entries[role] = Entry(entry.name, entry.tensor.index_select(axis, index), DONE)
    return replace(part, entries=entries)
