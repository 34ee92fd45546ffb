"""A chain of chains as one chain: the same layers, called without the containers between them.

A layer such as ``ReLU(128)`` is a small Sequential (linear, activation) inside the network's own. The loop calls the
leaves directly, which saves a call a layer and batch; the modules are shared, not copied.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import torch


def straight(module: torch.nn.Module) -> torch.nn.Module:
    """The module with nested Sequentials spread out; anything else, and containers that carry hooks, as they are.

    Parameters
    ----------
    module : any torch module.

    Examples
    --------
    >>> import torch
    >>> inner = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.ReLU())
    >>> straight(torch.nn.Sequential(inner, torch.nn.Tanh()))
    Sequential(
      (0/0): Flatten(start_dim=1, end_dim=-1)
      (0/1): ReLU()
      (1): Tanh()
    )
    """
    if not _is_chain(module):
        return module
    return torch.nn.Sequential(OrderedDict(_leaves(module, "")))


def _leaves(module: torch.nn.Module, prefix: str) -> Iterator[tuple[str, torch.nn.Module]]:
    for name, child in module._modules.items():  # named_children() would drop a module that is used twice
        if child is None:
            continue
        if _is_chain(child):
            yield from _leaves(child, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", child


def _is_chain(module: torch.nn.Module) -> bool:
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    return type(module) is torch.nn.Sequential and not any(hooks)
