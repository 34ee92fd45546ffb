"""`Shards`: a network of which each process keeps a part of the weights, gradients and moments only (FSDP2).

torch's `fully_shard` cuts every parameter along its first axis and fetches a layer's whole weights for the moment in
which it computes. The run sees this process's part as its flat vector, so that update rules, penalties and averages
work on it as on any other; what goes over all weights (norms, penalties) is added up over the processes.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from netwright.train.device import Group
from netwright.train.flat import Flat


class Shards:
    """This process's part of a network.

    Parameters
    ----------
    home : the network as one; its weights are read now, and written by `bring_home`.
    group : the processes.
    device : of this process.

    Attributes
    ----------
    module : a copy that computes as `home` does, of weights that are spread over the processes.
    flat : this process's part of the parameters as one vector.
    pairs : of each parameter in the order of the vector, that of `module` and this process's part.
    """

    def __init__(self, home: torch.nn.Module, group: Group, device: torch.device) -> None:
        self.home, self.group = home, group
        self.module = copy.deepcopy(home)
        mesh = init_device_mesh(device.type, (group.size,))
        for part in _units(self.module):
            fully_shard(part, mesh=mesh)
        own: dict[str, Any] = dict(self.module.named_parameters())
        mine = [(name, torch.nn.Parameter(p.to_local().detach().clone())) for name, p in own.items() if p.requires_grad]
        self.flat = Flat(mine)
        self.flat.add_up = group.add_up
        self.pairs = [
            (own[segment.name], p) for segment, p in zip(self.flat.segments, self.flat.parameters, strict=True)
        ]
        self.module.register_forward_pre_hook(lambda *_: self.push(), prepend=True)

    @torch.no_grad()
    def push(self) -> None:
        """Give the network the weights of the vector; done before every forward pass."""
        for sharded, mine in self.pairs:
            sharded.to_local().copy_(mine)

    @torch.no_grad()
    def pull(self) -> None:
        """Take the gradients of the network into the vector's."""
        for sharded, mine in self.pairs:
            if sharded.grad is not None:
                assert mine.grad is not None
                mine.grad.copy_(sharded.grad.to_local())
                sharded.grad = None

    @torch.no_grad()
    def bring_home(self) -> None:
        """Write all weights and buffers into the network as one, in every process."""
        self.push()
        own: dict[str, Any] = dict(self.module.named_parameters())
        for name, p in self.home.named_parameters():
            p.copy_(own[name].full_tensor())
        buffers = dict(self.module.named_buffers())
        for name, buffer in self.home.named_buffers():
            buffer.copy_(buffers[name])

    @torch.no_grad()
    def whole(self, vector: Tensor) -> Tensor:
        """A vector of the flat layout of the network as one, of this process's part of it and those of the others."""
        lengths = [p.shape for p in self.flat.parameters]
        pieces = vector.split([p.numel() for p in self.flat.parameters])
        found = [self.group.gathered(piece.view(shape)) for piece, shape in zip(pieces, lengths, strict=True)]
        return torch.cat([piece.reshape(-1) for piece in found])

    @torch.no_grad()
    def part(self, whole: Tensor) -> Tensor:
        """The inverse of `whole`: this process's part."""
        pieces = []
        start = 0
        for sharded, mine in self.pairs:
            stop = start + sharded.numel()
            rows = whole[start:stop].view(sharded.shape)
            before = sum(self._lengths(sharded)[: self.group.rank])
            pieces.append(rows[before : before + len(mine)].reshape(-1))
            start = stop
        return torch.cat(pieces)

    def _lengths(self, sharded: Tensor) -> list[int]:
        """How many rows of a parameter each process has."""
        return [len(part) for part in torch.arange(len(sharded)).chunk(self.group.size)]


def _units(module: torch.nn.Module) -> list[torch.nn.Module]:
    """What is fetched together: each layer by itself and then the rest; all at once where layers share weights."""
    shared = len(list(module.named_parameters())) < len(list(module.named_parameters(remove_duplicate=False)))
    layers = [] if shared else [part for part in module.children() if any(True for _ in part.parameters())]
    return [*layers, module] if len(layers) > 1 else [module]
