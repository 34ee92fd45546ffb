"""Networks in the one model file: the expression as JSON, weights, if any, as tensors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidParameter, problem, shown
from netwright.core.limits import spend
from netwright.core.value import from_json, to_json
from netwright.graph.building import build
from netwright.graph.expression import Expression, ability


@ability
def save_network(expression: Expression, path: str | os.PathLike[str], module: torch.nn.Module | None = None) -> None:
    """Write an expression, and the weights of a module that it built.

    Parameters
    ----------
    expression : a network.
    path : the file.
    module : what the network built, with weights worth keeping; None writes the expression alone.

    Raises
    ------
    InvalidParameter : weights that are not of this network, or a layer that has no name in the registry.
    """
    content = {"network": to_json(expression)}
    if module is None:
        storage.write(path, "network", content, {})
        return
    state = module.state_dict()
    wanted = {name: tuple(tensor.shape) for name, tensor in build(expression).state_dict().items()}
    got = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if wanted != got:
        strange = sorted(set(wanted.items()) ^ set(got.items()))[0]
        raise InvalidParameter(problem("save(module)", "a module that this network built", f"{strange[0]} differs"))
    tensors = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in state.items()}
    storage.write(path, "module", content, tensors)


@contextmanager
def counting() -> Iterator[None]:
    """Within the block every weight and buffer of every module is counted when it is made, on all devices.

    Raises
    ------
    CorruptFile : from within, more than the file that is being loaded can be the reason of.
    """

    def seen(module: torch.nn.Module, name: str, tensor: Any) -> None:
        if isinstance(tensor, torch.Tensor):
            spend("weights")
            spend("elements", 0 if tensor.is_meta else tensor.numel(), one=tensor.numel())

    handles = [
        torch.nn.modules.module.register_module_parameter_registration_hook(seen),
        torch.nn.modules.module.register_module_buffer_registration_hook(seen),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, np.ndarray]) -> Expression | torch.nn.Module:
    """What a file of kind "network" or "module" holds."""
    expression = from_json(content["network"])
    if not isinstance(expression, Expression):
        raise CorruptFile(problem("file", "a network", shown(expression)))
    if kind == "network":
        return expression
    module = build(expression)
    try:
        module.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in tensors.items()})
    except RuntimeError as error:
        raise CorruptFile(problem("file", "the weights of its network", " ".join(str(error).split()))) from error
    return module
