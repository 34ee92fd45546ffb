"""The classical networks, from Hebb's rule to projection pursuit, on NumPy, SciPy and Numba; torch is never loaded."""

from __future__ import annotations

# what every one of them is
from netwright.classical.base import ClassicalNetwork

# memories
from netwright.classical.memory.hopfield import Hopfield
from netwright.classical.memory.bam import BAM
from netwright.classical.memory.cmac import CMAC

__all__ = [
    "ClassicalNetwork",
    "Hopfield",
    "BAM",
    "CMAC",
]
