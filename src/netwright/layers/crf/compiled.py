"""Which device makes the recursions of a chain: the CPU by compiled loops, any other by tensors, a step at a time."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from netwright.layers.crf.scan import Lattice


def on_cpu(lattice: Lattice) -> bool:
    """Whether the compiled loops can do it: numbers in the memory of the CPU, outside of a traced graph.

    Parameters
    ----------
    lattice : the scores.
    """
    e = lattice.e
    known = e.dtype in (torch.float32, torch.float64) and e.device.type == "cpu"
    return known and not (torch.compiler.is_compiling() or torch.jit.is_tracing())  # type: ignore[attr-defined]


@lru_cache(maxsize=1)
def kernels() -> Any:
    """The compiled loops, loaded when they are first needed: Numba takes a while."""
    return import_module("netwright.layers.crf.kernels")


def arrays(*tensors: Tensor) -> list[Any]:
    """Tensors as arrays of the same numbers, contiguous."""
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


def best_path(lattice: Lattice) -> tuple[Tensor, Tensor]:
    """The best path of each sequence and its score: (batch, steps), (batch,)."""
    paths, scores = kernels().viterbi(*arrays(*lattice))
    return torch.from_numpy(paths), torch.from_numpy(scores).to(lattice.e.dtype)


def forward(lattice: Lattice) -> tuple[Tensor, Tensor]:
    """alpha of the valid steps and log Z in double precision: (batch, steps, tags), (batch,)."""
    alphas, total = kernels().forward(*arrays(*lattice))
    return torch.from_numpy(alphas), torch.from_numpy(total)


def expected(
    lattice: Lattice, alphas: Tensor, total: Tensor, weight: Tensor, dtype: torch.dtype | None = None
) -> tuple[Tensor, ...]:
    """The gradients of the sum of weighted log Z for e, a, s and f, of the type of the scores or another."""
    e, a, _, f, n = lattice
    found = kernels().expected(*arrays(e, a, f, n, alphas, total, weight.double()))
    return tuple(torch.from_numpy(each).to(dtype or e.dtype) for each in found)
