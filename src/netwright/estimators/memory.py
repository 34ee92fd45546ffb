"""Whether the weights of a network fit into memory, counted before any is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.seeds import alone, forked_random
from netwright.graph import Expression, Node, Plan
from netwright.graph.table import size_text

EACH = 2 * torch.float32.itemsize  # bytes that a weight and its derivative take
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container, on Linux


def require_memory(network: Expression, available: float | None = None) -> None:
    """Refuse a network whose parameters and their derivatives are more than all memory of the machine.

    Parameters
    ----------
    network : a closed network.
    available : bytes; None is what the machine has.

    Raises
    ------
    InvalidParameter : the layer with the most parameters is named.

    Examples
    --------
    >>> from netwright.layers import Input, Softmax
    >>> require_memory(Input(4) >> Softmax(3))
    """
    available = memory() if available is None else available
    plan = network.plan()
    with alone(), torch.random.fork_rng(devices=[]), forked_random(0), torch.device("meta"):
        counts = [_parameters(node, plan) for node in plan.nodes]
    total = sum(counts)
    if total * EACH <= available:
        return
    most = max(range(len(counts)), key=counts.__getitem__)
    node = plan.nodes[most]
    expected = f"parameters that fit into the {size_text(int(available))} of memory here"
    got = f"{total:,} of them, which with their derivatives take {size_text(total * EACH)} in float32"
    remedy = f"Make {shown(node.layer)} at {node.path} smaller, which has {counts[most]:,} of them."
    raise InvalidParameter(problem("network", expected, got, remedy))


def memory() -> float:
    """Bytes of memory that this process may use at most; infinity where the system does not say."""
    try:
        physical: float = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on Windows
        physical = float("inf")
    return min([physical, *map(_limit, _LIMITS)])


def _limit(path: str) -> float:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # "max" is none
        return float("inf")


def _parameters(node: Node, plan: Plan) -> int:
    """How many parameters a layer has; 0 for a third party's module that cannot be made without memory."""
    if not node.inputs:
        return 0
    try:
        module = node.layer.make(*plan.shapes_into(node))
    except Exception:  # whatever it raises; building says why
        return 0
    return sum(parameter.numel() for parameter in module.parameters())
