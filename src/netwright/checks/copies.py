"""Copies to probe on, and random states to probe in, so that a check changes nothing of the user's."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from netwright.core.seeds import forked_random

SEED = 0


def replica(module: nn.Module, *others: Any) -> tuple[Any, ...]:
    """Deep copies of a module and of what refers to it, such as its optimizers: they refer to the copy.

    Tensors that a module keeps from an earlier pass (a hidden state with its graph) are copied without the graph.

    Parameters
    ----------
    module : the user's.
    others : objects that hold its parameters.
    """
    memo: dict[int, Any] = {}
    kept: list[Any] = []  # a memo is by address: what it refers to must live as long as it does
    for part in module.modules():
        for item in list(vars(part).values()):
            for tensor in _tensors(item):
                if tensor.grad_fn is not None:
                    memo[id(tensor)] = tensor.detach().clone().requires_grad_(tensor.requires_grad)
                    kept.append(tensor)
    copies: tuple[Any, ...] = copy.deepcopy((module, *others), memo)
    for old, new in zip(_optimizers(others), _optimizers(copies[1:]), strict=True):
        _complete(old, new, memo)
    for tensor in [*copies[0].parameters(), *copies[0].buffers()]:
        tensor.grad = None
    return copies


def _optimizers(items: Any) -> list[torch.optim.Optimizer]:
    flat = [part for item in items for part in (item if isinstance(item, (list, tuple)) else [item])]
    return [item for item in flat if isinstance(item, torch.optim.Optimizer)]


def _complete(old: torch.optim.Optimizer, new: torch.optim.Optimizer, memo: dict[int, Any]) -> None:
    """Give a copied optimizer what its ``__getstate__`` leaves out; hooks and methods stay with the user's."""
    for name, item in vars(old).items():
        if name not in vars(new) and not callable(item) and "hook" not in name:
            setattr(new, name, copy.deepcopy(item, memo))


def _tensors(item: Any) -> Iterable[Tensor]:
    if isinstance(item, Tensor):
        yield item
    elif isinstance(item, (list, tuple)):
        for part in item:
            yield from _tensors(part)
    elif isinstance(item, dict):
        for part in item.values():
            yield from _tensors(part)


@contextmanager
def quiet(seed: int = SEED) -> Iterator[None]:
    """Seed all global random states inside (Python, NumPy, torch and its devices) and put them back afterwards.

    Parameters
    ----------
    seed : an integer >= 0.
    """
    # torch.manual_seed and fork_rng do the same, but keep a traceback for each device that is not in use
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    state, others = torch.get_rng_state(), [torch.cuda.get_rng_state(device) for device in devices]
    try:
        with forked_random(seed):
            torch.default_generator.manual_seed(seed)
            for device in devices:
                torch.cuda.default_generators[device].manual_seed(seed)
            yield
    finally:
        torch.set_rng_state(state)
        for device, other in zip(devices, others, strict=True):
            torch.cuda.set_rng_state(other, device)


@contextmanager
def same_generators(things: Iterable[Any]) -> Iterator[None]:
    """Put the torch generators that objects own (loaders, samplers) back as they were.

    Parameters
    ----------
    things : objects that may have an attribute ``generator``.
    """
    found = [getattr(thing, "generator", None) for thing in things]
    states = [(each, each.get_state()) for each in found if isinstance(each, torch.Generator)]
    try:
        yield
    finally:
        for each, state in states:
            each.set_state(state)
