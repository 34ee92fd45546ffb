"""The classical networks, from Hebb's rule to projection pursuit, on NumPy, SciPy and Numba; torch is never loaded."""

from __future__ import annotations

# what every one of them is
from netwright.classical.base import ClassicalNetwork

__all__ = [
    "ClassicalNetwork",
]
