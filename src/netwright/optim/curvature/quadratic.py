"""The quadratic model of a loss around a point, put together block by block in O(P^2) memory.

    m(d) = L + g^T d + 1/2 d^T A d,    A = sum over samples of J_n^T L''_n J_n

For half a sum of squares L'' is the identity and A = J^T J, which a symmetric rank-k update adds up at half the cost of
a product of matrices. For any other loss L'' (K x K for each sample) is that of the loss in the outputs. A loss that
looks at several samples at once has no such blocks; its model is put together column by column.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from scipy.linalg.blas import dsyrk
from torch import Tensor

from netwright.optim.curvature.jacobian import (
    CLOSE,
    Call,
    NotByLayer,
    agrees,
    rows_by_backward,
    rows_by_layer,
    separable,
)
from netwright.optim.curvature.layout import Layout
from netwright.optim.curvature.products import jacobian_product, output_curvature, transposed_jacobian_product

COLUMNS = 64  # of the identity that go through the graph together


class Linear(NamedTuple):
    """What a forward pass gave: outputs (n, ...), the loss of them, and the calls that were recorded.

    `squares` says that the loss is half the sum of squares of the outputs, which are then residuals.
    """

    outputs: Tensor
    loss: Tensor
    squares: bool
    calls: list[Call]

    @property
    def table(self) -> Tensor:
        """The outputs as (n, K)."""
        with torch.enable_grad():
            return self.outputs.reshape(len(self.outputs), -1)


def add_gauss_newton_(matrix: Tensor, gradient: Tensor, linear: Linear, layout: Layout, trusted: bool = False) -> bool:
    """Add J^T L'' J of one forward pass to the upper triangle of a matrix (P, P), and dL/dw to a gradient (P,).

    Returns whether the Jacobian was put together layer by layer; `trusted` leaves the check of that out.
    """
    if separable(linear.outputs, linear.calls, layout):
        kept = None if trusted else (matrix.clone(), gradient.clone())
        try:
            if _add_rows_(matrix, gradient, linear, layout, trusted):
                return True
        except NotByLayer:
            pass
        assert kept is not None
        matrix.copy_(kept[0])
        gradient.copy_(kept[1])
    gradient += _slope(linear, layout)
    curvature = None if linear.squares else row_curvature(linear)
    if linear.outputs.numel() <= 2 * layout.size and (linear.squares or curvature is not None):
        for rows, block in rows_by_backward(linear.table, layout):
            _add_block_(matrix, block, None if curvature is None else curvature[rows])
    else:
        _add_by_columns_(matrix, linear, layout)
    return False


def jacobian_blocks(linear: Linear, layout: Layout) -> Iterator[Tensor]:
    """The Jacobian weighted by the root of L'', as blocks of rows (m K, P): A = sum of block^T block."""
    curvature = None if linear.squares else row_curvature(linear)
    if not linear.squares and curvature is None:
        matrix = torch.zeros(layout.size, layout.size, dtype=torch.float64, device=layout.device)
        _add_by_columns_(matrix, linear, layout)
        yield _root(mirrored(matrix))
        return
    found = rows_by_backward(linear.table, layout)
    if separable(linear.outputs, linear.calls, layout) and _is_separable(linear, layout):
        found = rows_by_layer(linear.table, linear.calls, layout)
    roots = None if curvature is None else _root(curvature)
    for rows, block in found:
        if roots is not None:
            block = roots[rows] @ block
        yield block.reshape(-1, layout.size)


def mirrored(matrix: Tensor) -> Tensor:
    """The symmetric matrix with this upper triangle."""
    upper = matrix.triu()
    whole = upper + upper.T
    whole.diagonal().mul_(0.5)
    return whole


def row_curvature(linear: Linear, trusted: bool = False) -> Tensor | None:
    """L'' of each sample, (n, K, K), by K products; None for a loss that looks at several samples at once."""
    outputs, table = linear.outputs, linear.table
    product = output_curvature(linear.loss, outputs)
    columns = []
    for k in range(table.shape[1]):
        basis = torch.zeros_like(table)
        basis[:, k] = 1
        columns.append(product(basis.view_as(outputs)).reshape(len(outputs), -1))
    found = torch.stack(columns, dim=2)  # (n, K, K)
    if not trusted:
        probe = _probe(table)
        whole, by_rows = product(probe.view_as(outputs)).reshape(probe.shape), (found @ probe.unsqueeze(-1)).squeeze(-1)
        if float((whole - by_rows).norm()) > CLOSE.get(outputs.dtype, 1e-2) * float(whole.norm()):
            return None
    return found.double()


def _add_rows_(matrix: Tensor, gradient: Tensor, linear: Linear, layout: Layout, trusted: bool) -> bool:
    """Add all blocks of rows, and say whether they agree with a backward pass of the whole graph."""
    table = linear.table
    curvature = None if linear.squares else row_curvature(linear, trusted)
    if not linear.squares:
        if curvature is None:
            return False
        gradient += _slope(linear, layout)
    residuals = table.detach().double() if linear.squares else None
    probe = None if trusted else _probe(table)
    total = torch.zeros(layout.size, dtype=torch.float64, device=layout.device)
    for rows, block in rows_by_layer(table, linear.calls, layout):
        flat = block.reshape(-1, layout.size).T
        if residuals is not None:
            gradient.addmv_(flat, residuals[rows].reshape(-1))
        if probe is not None:
            total.addmv_(flat, probe[rows].reshape(-1).double())
        _add_block_(matrix, block, None if curvature is None else curvature[rows])
    return probe is None or agrees(total, probe, table, layout)


def _slope(linear: Linear, layout: Layout) -> Tensor:
    """The derivative of the loss in the weights, (P,), also where it looks at them past the outputs."""
    return transposed_jacobian_product(linear.loss, layout.parameters)(torch.ones_like(linear.loss))


def _is_separable(linear: Linear, layout: Layout) -> bool:
    table, total = linear.table, torch.zeros(layout.size, dtype=torch.float64, device=layout.device)
    probe = _probe(table)
    try:
        for rows, block in rows_by_layer(table, linear.calls, layout):
            total.addmv_(block.reshape(-1, layout.size).T, probe[rows].reshape(-1).double())
    except NotByLayer:
        return False
    return agrees(total, probe, table, layout)


def add_square_(matrix: Tensor, rows: Tensor) -> None:
    """Add rows^T rows to the upper triangle of a matrix (P, P); rows (m, P), or a transposed (P, m), are dense.

    On a CPU by BLAS's symmetric update in place, at half the cost of a product; elsewhere the whole product is added.
    """
    if matrix.device.type != "cpu":
        matrix.addmm_(rows.T, rows)
        return
    # the transposes are in Fortran's order, in which BLAS works without copies
    target = matrix.numpy().T
    if rows.is_contiguous():
        dsyrk(1.0, rows.numpy().T, beta=1.0, c=target, lower=1, overwrite_c=1)
    else:
        dsyrk(1.0, rows.numpy(), beta=1.0, c=target, lower=1, trans=1, overwrite_c=1)


def _add_block_(matrix: Tensor, block: Tensor, curvature: Tensor | None) -> None:
    """Add J^T L'' J of a block (m, K, P) to the upper triangle."""
    rows = block.reshape(-1, block.shape[-1])
    if curvature is None:
        add_square_(matrix, rows)
    else:
        matrix.addmm_(rows.T, (curvature @ block).reshape(rows.shape))


def _add_by_columns_(matrix: Tensor, linear: Linear, layout: Layout) -> None:
    """Add J^T L'' J column by column: forward and back through the graph, in memory independent of the rows of J."""
    outputs = linear.outputs
    push, pull = jacobian_product(outputs, layout.parameters), transposed_jacobian_product(outputs, layout.parameters)
    curve = output_curvature(linear.loss, outputs)
    for start in range(0, layout.size, COLUMNS):
        count = min(COLUMNS, layout.size - start)
        basis = torch.zeros(count, layout.size, dtype=torch.float64, device=layout.device)
        basis[torch.arange(count), torch.arange(count) + start] = 1
        pushed = push(basis)
        matrix[start : start + count] += pull(pushed if linear.squares else curve(pushed))


def _probe(outputs: Tensor) -> Tensor:
    return torch.randn(outputs.shape, generator=torch.Generator().manual_seed(0)).to(outputs)


def _root(curvature: Tensor) -> Tensor:
    """R with R^T R = L'' for each sample; negative curvature, which only a loss that is not convex has, counts as 0."""
    values, vectors = torch.linalg.eigh(curvature)
    return values.clamp_min(0).sqrt().unsqueeze(-1) * vectors.mT
