"""What to say of a file of weights beside the mapping: which network it fits, and what its network did otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from netwright.models.published.naming import Naming
from netwright.models.published.padded_shortcuts import has_padded_shortcuts, has_zeros_on_both_sides
from netwright.models.published.parts import Part

_BGR = "These weights take images in blue, green, red, 0 to 255 less (103.939, 116.779, 123.68)."
_FIRST = "Keras's network has the stride of a stage in the first convolution of a block: that is paper=True."
_SECOND = "torchvision's network has the stride of a stage in the second convolution of a block: that is paper=False."
_STAGE = ("conv3_block1_1_conv", "res3a_branch2a", "layer2.0.conv1")  # the first convolution of the second stage
_VERSIONS = {"squeezenet1_0": "1.0", "squeezenet1_1": "1.1"}
_HALVES = "Half of the zeros in its shortcuts are taken to stand before the channels, as its head is called linear."
_BEHIND = "The zeros in its shortcuts are taken to stand behind the channels, as its head is not called linear."
_BORDERS = "Keras's average pools do not count the padding: outputs differ near the borders."


def call_for(naming: Naming, parts: Sequence[Part]) -> tuple[str, dict[str, Any]]:
    """The function of `netwright.models` for a file by its names, and the options by its shapes; "" where none is.

    Parameters
    ----------
    naming : what the file was recognised as.
    parts : its modules in order.
    """
    head = next((part for part in parts if part.name in naming.top[-1:]), None)
    stem = parts[0].weight
    depth = naming.architecture.removeprefix("resnet") if has_padded_shortcuts(naming) else ""
    options: dict[str, Any] = {
        "version": _VERSIONS.get(naming.architecture),
        "depth": int(depth) if depth else None,
        "num_classes": head.weight[0] if head and head.weight else None,
        "in_channels": stem[1] if len(stem) > 2 and stem[1] != 3 else None,
        "width": stem[0] if depth and stem and stem[0] != 16 else None,
        "headless": not naming.top,
        "aux": bool(naming.aux),
        "batch_norm": naming.architecture.endswith("_bn"),
        "paper": naming.source == "keras" and naming.family == "resnet",
    }
    function = "squeezenet" if options["version"] else naming.architecture.removesuffix("_bn")
    chosen = {name: option for name, option in options.items() if option not in (None, False)}
    return "cifar_resnet" if depth else function, chosen


def notes_on(naming: Naming, theirs: Sequence[Part], ours: Sequence[Part], module: torch.nn.Module) -> tuple[str, ...]:
    """What else is to be known for the outputs that the weights had where they were published.

    Parameters
    ----------
    naming : what the file was recognised as.
    theirs, ours : the modules of the file and of the network, in order.
    module : the network.
    """
    if has_padded_shortcuts(naming):
        return (_HALVES if has_zeros_on_both_sides(naming) else _BEHIND,)
    if naming.source != "keras":
        before = naming.source == "torchvision" and _strides_before(theirs, module, ours) == (2, 2)
        return (_SECOND,) if before else ()
    pools = [part for part in module.modules() if isinstance(part, torch.nn.AvgPool2d)]
    counting = any(pool.count_include_pad and pool.padding not in (0, (0, 0)) for pool in pools)
    conditions = {
        _BGR: naming.family in ("vgg", "resnet"),
        _FIRST: naming.family == "resnet" and _strides_before(theirs, module, ours) == (1, 1),
        _BORDERS: naming.family == "inception_v3" and counting,
    }
    return tuple(note for note, holds in conditions.items() if holds)


def notes_on_prefixes(prefixes: Sequence[str], behind: Sequence[str]) -> tuple[str, ...]:
    """What was taken off the names.

    Parameters
    ----------
    prefixes : from the first to the last.
    behind : the modules that had none.
    """
    if not prefixes:
        return ()
    head = f", which {', '.join(behind)} did not have and was taken for the head" if behind else ""
    return (f"The prefix {''.join(prefixes)} was taken off the names in the file{head}.",)


def _strides_before(theirs: Sequence[Part], module: torch.nn.Module, ours: Sequence[Part]) -> tuple[int, ...]:
    """The strides that the network has in the first convolution of the second stage; () where it has no bottlenecks."""
    place = next((i for i, part in enumerate(theirs) if part.name in _STAGE), None)
    if place is None or place >= len(ours) or theirs[place].weight[2:] != (1, 1):
        return ()
    return tuple(getattr(module.get_submodule(ours[place].name), "stride", ()))
