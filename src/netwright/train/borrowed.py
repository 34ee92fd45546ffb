"""Borrowing a module and its optimizer: whatever is done to them inside a block, they are afterwards as they were.

What comes back, bit by bit and as the same objects: parameters, buffers, gradients, modes of all submodules; the
optimizer's state, the options of its groups, its attributes; the random states of Python, NumPy, torch and of the
generators that are named. What a module keeps elsewhere (a counter that is a Python number, say) is not known here.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from netwright.core.seeds import alone, derive, forked_random
from netwright.optim.wrappers.wrapped import Wrapped, chain_of


@contextmanager
def borrowed(
    module: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    seed: int,
    generators: Iterable[torch.Generator] = (),
) -> Iterator[None]:
    """Inside the block the module trains, gradients are None, random states are seeded; afterwards all is as it was.

    Parameters
    ----------
    module : in evaluation mode as a whole, it is put in training mode; else the modes of its parts are left alone.
    optimizer : inside the block its state is a copy, and so is what the wrappers round it remember.
    seed : of the global random states inside the block, an integer >= 0.
    generators : further ones that the block may draw from; they are not seeded.

    Examples
    --------
    >>> layer = torch.nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    >>> before = layer.weight.detach().clone()
    >>> with borrowed(layer, optimizer, seed=0):
    ...     layer(torch.ones(1, 2)).sum().backward()
    ...     optimizer.step()
    ...     layer.weight.equal(before)
    False
    >>> layer.weight.equal(before), layer.weight.grad, len(optimizer.state)
    (True, None, 0)
    """
    undo = [*_keep_module(module), *_keep_optimizer(optimizer)]
    undo += [partial(generator.set_state, generator.get_state()) for generator in generators]
    held = (p for group in optimizer.param_groups for p in group["params"])
    tensors = list({id(t): t for t in (*module.parameters(), *module.buffers(), *held)}.values())
    undo += [partial(_put_back, tensor, tensor.detach().clone(), tensor.grad) for tensor in tensors]
    devices = sorted({t.device.index for t in tensors if t.device.type == "cuda"})
    try:
        for tensor in tensors:
            tensor.grad = None
        for part in chain_of(optimizer):
            if isinstance(part, Wrapped):
                part.memory = copy.deepcopy(part.memory)
            else:
                part.state = defaultdict(dict, {key: copy.deepcopy(entry) for key, entry in part.state.items()})
        if not module.training:
            module.train()
        with alone(), torch.random.fork_rng(devices=devices), forked_random(derive(seed, "python") % 2**32):
            torch.default_generator.manual_seed(derive(seed, "torch"))
            for device in devices:
                torch.cuda.default_generators[device].manual_seed(derive(seed, "torch"))
            yield
    finally:
        for put_back in undo:
            put_back()


def _keep_module(module: torch.nn.Module) -> Iterator[Callable[[], object]]:
    """What puts the modes of all parts back, and the tensors that they hold as parameters and buffers."""
    for part in module.modules():
        yield partial(setattr, part, "training", part.training)
        for table in (part._parameters, part._buffers):
            yield partial(_refill, table, dict(table))


def _keep_optimizer(optimizer: torch.optim.Optimizer) -> Iterator[Callable[[], object]]:
    """What puts the options of all groups back, and the attributes, of which the state is one."""
    for group in optimizer.param_groups:
        yield partial(_refill, group, dict(group))
    for part in chain_of(optimizer):
        yield partial(_refill, vars(part), dict(vars(part)))


def _refill(table: dict[str, Any], kept: dict[str, Any]) -> None:
    table.clear()
    table.update(kept)


def _put_back(tensor: Tensor, values: Tensor, gradient: Tensor | None) -> None:
    tensor.data.copy_(values)
    tensor.grad = gradient
