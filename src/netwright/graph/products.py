"""Products: the multiply-accumulates of operations, by torch's formulas and by ours where torch has none."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry

from netwright.graph.operation import tensors_in

aten = torch.ops.aten


def macs_of(func: Any, args: Any, kwargs: Any, output: Any) -> int | None:
    """Multiply-accumulates of an operation; None for one that is no product.

    Raises
    ------
    TypeError : factors of several floating dtypes, which the meta device would take and no other device does.
    """
    formula = flop_registry.get(func._overloadpacket)
    own = PRODUCTS.get(func._overloadpacket)
    if formula is None and own is None:
        return None
    dtypes = {tensor.dtype for tensor in tensors_in(args) if tensor.dtype.is_floating_point}
    if len(dtypes) > 1 and not func._overloadpacket.__name__.endswith("backward"):
        raise TypeError(f"{func._overloadpacket.__name__} of {' and '.join(sorted(map(str, dtypes)))}")
    return formula(*args, **kwargs, out_val=output) // 2 if formula else own(*args)  # type: ignore[misc]


def _all_places(*tensors: Any) -> int:
    """The number of places of several tensors broadcast to each other."""
    return math.prod(torch.broadcast_shapes(*(t.shape for t in tensors)))


def _trilinear(a: Any, b: Any, c: Any, *expand: Any) -> int:
    """Three tensors, each with new axes where `expand` says so, multiplied place by place (of a bilinear layer)."""
    shapes = []
    for tensor, axes in zip((a, b, c), expand, strict=False):
        shape = list(tensor.shape)
        for axis in sorted(axes):
            shape.insert(axis, 1)
        shapes.append(shape)
    return math.prod(torch.broadcast_shapes(*shapes))


PRODUCTS: dict[Any, Callable[..., int]] = {
    aten.mv: lambda a, v: a.numel(),
    aten.addmv: lambda y, a, v: a.numel(),
    aten.dot: lambda a, b: a.numel(),
    aten.vdot: lambda a, b: a.numel(),
    aten.addr: lambda y, a, b: a.numel() * b.numel(),
    aten.addbmm: lambda y, a, b: a.numel() * b.shape[-1],
    aten.linalg_vecdot: _all_places,
    aten._trilinear: _trilinear,
}
