"""What a training step keeps for its backward pass: the saved activations, counted without running anything.

Autograd works on torch's meta device too: its hooks show every tensor that an operation saves. Each storage is counted
once, however many operations and views share it; parameters and buffers, which are there anyhow, are not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from netwright.core.seeds import forked_random
from netwright.graph.observer import observing
from netwright.graph.shortcuts import Shortcuts

Hooks = Callable[[Callable[[str], None], Callable[[str], None]], Any]


def saved_for_backward(
    module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], device: str, hooked: Hooks
) -> dict[str, int]:
    """Bytes that each watched module saves in one training pass; those outside of all under the name "".

    Parameters
    ----------
    module : any torch module; it is left as it was.
    inputs : of the pass, on the device.
    device : "meta", or "cpu" for modules that need real numbers.
    hooked : ``hooked(enter, leave)`` is a context in which both are called with the name of each watched module.
    """
    running, saved, counted = [""], {"": 0}, {}

    def enter(name: str) -> None:
        running.append(name)
        saved.setdefault(name, 0)

    def leave(name: str) -> None:
        running.pop()

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in counted:
            counted[storage._cdata] = storage  # kept, so that no other storage gets its address
            saved[running[-1]] += storage.nbytes()
        return tensor

    with forked_random(0), observing(module, device, training=True) as tensors, hooked(enter, leave):
        counted |= {s._cdata: s for s in (tensor.untyped_storage() for tensor in tensors.values())}
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), Shortcuts():
            torch.func.functional_call(module, tensors, inputs, tie_weights=False)
    return saved
