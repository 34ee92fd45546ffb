"""The few operations of torch that its exporter writes wrongly or not at all, in terms of others that it knows.

========================================= =====================================================================
operation                                 written as
========================================= =====================================================================
average pool with a divisor of its own    zeros round it, then means of whole windows times size / divisor
largest value of adaptive 3-D windows     the largest value of each window
sort that keeps the order of equal values ``TopK`` of all values: ONNX gives the first of equal ones first
========================================= =====================================================================
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from netwright.graph.operation import on_axes

aten = torch.ops.aten
MEANS: dict[int, Callable[..., Tensor]] = {2: torch.nn.functional.avg_pool2d, 3: torch.nn.functional.avg_pool3d}


def rewritten(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """The program without the operations that can be taken apart here; itself where it has none.

    Parameters
    ----------
    program : as ``torch.export`` records it.
    """
    found = {node.target for node in program.graph.nodes} & set(APART)
    return program.run_decompositions({operation: APART[operation] for operation in found}) if found else program


def summed(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil: bool = False,
    count_padding: bool = True,
    divisor: int | None = None,
) -> Tensor:
    """An average pool that divides the sums of its windows by a number of its own; others are left to the exporter.

    Shapes
    ------
    (..., *space) -> (..., *places), of two or three axes

    Examples
    --------
    >>> x = torch.arange(12.0).reshape(1, 1, 3, 4)
    >>> torch.equal(summed(x, (2, 2), (2, 2), (0, 0), True, True, 1), torch.nn.functional.avg_pool2d(
    ...     x, 2, ceil_mode=True, divisor_override=1))
    True
    """
    if divisor is None:
        return NotImplemented
    rank = x.ndim - 2
    kernel, padding = on_axes(kernel, rank), on_axes(padding, rank)
    steps = on_axes(stride, rank) if stride else kernel
    borders: list[int] = []
    for size, f, s, p in zip(x.shape[2:], kernel, steps, padding, strict=True):
        places = (size + 2 * p - f + (s - 1 if ceil else 0)) // s + 1
        places -= int(ceil and (places - 1) * s >= size + p)  # no window begins behind the input
        borders = [p, max(0, (places - 1) * s + f - size - p), *borders]
    means = MEANS[rank](torch.nn.functional.pad(x, borders), kernel, steps)
    area = math.prod(kernel)
    return means if divisor == area else means * (area / divisor)


def largest_of_volumes(x: Tensor, sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The largest values of windows that share a volume between them; their places are not told.

    Shapes
    ------
    (batch, channels, *space) -> (batch, channels, *sizes) twice

    Examples
    --------
    >>> x = torch.arange(60.0).reshape(1, 1, 3, 4, 5)
    >>> torch.equal(largest_of_volumes(x, (2, 2, 2))[0], torch.nn.functional.adaptive_max_pool3d(x, 2))
    True
    """
    spans = [
        [slice(k * n // m, -(-(k + 1) * n // m)) for k in range(m)] for n, m in zip(x.shape[2:], sizes, strict=True)
    ]
    pieces = [x[:, :, a, b, c].amax((2, 3, 4)) for a, b, c in itertools.product(*spans)]
    values = torch.stack(pieces, dim=2).unflatten(2, tuple(sizes))
    return values, torch.zeros_like(values, dtype=torch.long)


APART: dict[Any, Callable[..., Any]] = {
    aten.avg_pool2d.default: summed,
    aten.avg_pool3d.default: summed,
    aten.adaptive_max_pool3d.default: largest_of_volumes,
}


def translations() -> dict[Any, Callable[..., Any]]:
    """What the exporter is told of operations that ONNX has and it does not know."""
    from onnxscript import opset20

    op: Any = opset20

    def sort(x: Any, stable: Any = None, dim: int = -1, descending: bool = False) -> Any:
        count = op.Reshape(op.Gather(op.Shape(x), op.Constant(value_int=dim), axis=0), op.Constant(value_ints=[1]))
        return op.TopK(x, count, axis=dim, largest=int(descending), sorted=1)

    return {aten.sort.stable: sort}
