"""Curvature: products with Jacobians and Hessians, Jacobians sample by sample, and damped systems.

Everything here takes torch tensors with their graphs, knows no layers or losses, and serves any torch program.
"""

from __future__ import annotations

# parameters as one vector
from netwright.optim.curvature.layout import Layout

# products without the matrices
from netwright.optim.curvature.products import gauss_newton_product, hessian_product
from netwright.optim.curvature.products import jacobian_product, transposed_jacobian_product

# Jacobians sample by sample
from netwright.optim.curvature.jacobian import per_sample_jacobian

# damped systems
from netwright.optim.curvature.damping import by_cholesky, by_qr, triangular_factor

__all__ = [
    "Layout",
    "gauss_newton_product",
    "hessian_product",
    "jacobian_product",
    "transposed_jacobian_product",
    "per_sample_jacobian",
    "by_cholesky",
    "by_qr",
    "triangular_factor",
]
