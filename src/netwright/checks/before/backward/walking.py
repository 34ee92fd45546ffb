"""The graph behind a value, which autograd follows in its backward pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.copies import quiet
from netwright.checks.reading import Batch, leaves
from netwright.checks.trial import call


def nodes_behind(values: Iterable[Any]) -> Iterator[Any]:
    """The nodes of the graphs of some values, each once; what has no graph has none.

    Parameters
    ----------
    values : tensors.
    """
    pending, visited = [getattr(value, "grad_fn", None) for value in values], set()
    while pending:
        node = pending.pop()
        if node is None or node in visited:
            continue
        visited.add(node)
        yield node
        pending.extend(following for following, _ in node.next_functions)


def leaves_behind(values: Iterable[Any]) -> Iterator[Tensor]:
    """The leaf tensors that some values depend on, such as weights.

    Parameters
    ----------
    values : tensors.
    """
    return (node.variable for node in nodes_behind(values) if hasattr(node, "variable"))


def leaves_of_pass(module: nn.Module, loss: Any, batch: Batch) -> tuple[list[Tensor], set[int]]:
    """The leaf tensors that the loss of a batch depends on, and the ids of those that the output does.

    Parameters
    ----------
    module, loss : that are called, gradients being on. batch : of rows.
    """
    output = call(module, batch)
    outputs = list(leaves(output))
    inside = list(leaves_behind(outputs))
    behind = list(leaves_behind([loss(output, batch.target)]))
    return behind, {id(tensor) for tensor in (inside if outputs else behind)}


def hides_a_part(module: nn.Module, loss: Any, batch: Batch) -> bool:
    """Whether a part is computed again in backward, in a graph of its own that cannot be followed (a checkpoint).

    Parameters
    ----------
    module : a copy. loss : of it. batch : of rows.
    """
    with quiet(), torch.enable_grad():
        value = loss(call(module.train(), batch), batch.target)
    return any(type(node).__name__ == "CheckpointFunctionBackward" for node in nodes_behind([value]))
