"""Damped systems: (A + mu D) x = b for a symmetric A, by Cholesky, or by QR of the rows that A is the square of.

Cholesky squares nothing itself, but A = J^T J has the square of J's condition number; where that leaves no digits, the
same step comes from the triangular factor R of the rows J (A = R^T R), stacked on sqrt(mu D), by the corrected
semi-normal equations (Bjorck, *Stability analysis of the method of seminormal equations*, 1987): one solution and one
step of refinement are about as accurate as the full QR solution.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

RANK = 1e-14  # times the number of columns: share of a factor's greatest diagonal below which it has no full rank
WORST = 1e13  # square of the ratio of a Cholesky factor's diagonal above which few digits of a solution are left


def by_cholesky(matrix: Tensor, scale: Tensor, mu: float, right: Tensor) -> Tensor | None:
    """x with (A + mu D) x = b, or None where the matrix is not positive definite to working precision.

    Parameters
    ----------
    matrix : A, symmetric.
    scale : the diagonal of D, >= 0.
    mu : damping, >= 0.
    right : b.

    Shapes
    ------
    matrix (P, P), scale (P,), right (P,) -> (P,) or None

    Examples
    --------
    >>> import torch
    >>> by_cholesky(torch.diag(torch.tensor([1.0, 3.0])), torch.ones(2), 1.0, torch.tensor([2.0, 4.0]))
    tensor([1., 1.])
    """
    damped = matrix.clone()
    damped.diagonal().add_(scale, alpha=mu)
    factor, info = torch.linalg.cholesky_ex(damped)
    if int(info):
        return None
    diagonal = factor.diagonal()
    low, high = float(diagonal.min()), float(diagonal.max())
    if not low > 0 or (high / low) ** 2 > WORST:
        return None
    return torch.cholesky_solve(right.unsqueeze(-1), factor).squeeze(-1)


def triangular_factor(blocks: Iterable[Tensor], size: int, device: torch.device) -> Tensor:
    """R (P, P) with R^T R = sum of block^T block, one QR of a block under the factor so far at a time.

    Shapes
    ------
    blocks (m, P) -> (P, P)

    Examples
    --------
    >>> import torch
    >>> rows = torch.tensor([[3.0, 0.0], [4.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    >>> triangular_factor([rows[:2], rows[2:]], 2, rows.device).abs()
    tensor([[5., 0.],
            [0., 2.]], dtype=torch.float64)
    """
    factor = torch.zeros(0, size, dtype=torch.float64, device=device)
    for block in blocks:
        factor = torch.linalg.qr(torch.cat([factor, block.double()]), mode="r").R
    return factor


def by_qr(factor: Tensor, scale: Tensor, mu: float, right: Tensor) -> Tensor | None:
    """x with (R^T R + mu D) x = b by a QR of R stacked on sqrt(mu D); None where that has no full rank.

    Parameters
    ----------
    factor : R, as `triangular_factor` gives it.
    scale : the diagonal of D, >= 0.
    mu : damping, >= 0.
    right : b.

    Shapes
    ------
    factor (m, P), scale (P,), right (P,) -> (P,) or None

    Examples
    --------
    >>> import torch
    >>> by_qr(torch.diag(torch.tensor([1.0, 2.0])), torch.ones(2), 1.0, torch.tensor([2.0, 5.0]))
    tensor([1., 1.])
    """
    stacked = torch.cat([factor, torch.diag((mu * scale).sqrt())])
    triangle = torch.linalg.qr(stacked, mode="r").R
    diagonal = triangle.diagonal().abs()
    if not float(diagonal.min()) > RANK * len(diagonal) * float(diagonal.max()):
        return None
    found = _semi_normal(triangle, right)
    rest = right - (factor.T @ (factor @ found) + mu * scale * found)
    return found + _semi_normal(triangle, rest)


def _semi_normal(triangle: Tensor, right: Tensor) -> Tensor:
    """x with R^T R x = b."""
    half = torch.linalg.solve_triangular(triangle.T, right.unsqueeze(-1), upper=False)
    return torch.linalg.solve_triangular(triangle, half, upper=True).squeeze(-1)
