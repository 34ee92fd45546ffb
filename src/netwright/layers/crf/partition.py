"""log Z of a chain of tags as one operation, whose gradient is what is expected under the distribution over paths."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netwright.layers.crf import compiled
from netwright.layers.crf.scan import NOTHING, Lattice, expected, forward_scores


class LogPartition(torch.autograd.Function):
    """log Z of each sequence: (batch,)."""

    @staticmethod
    def forward(ctx: Any, e: Tensor, a: Tensor, s: Tensor, f: Tensor, n: Tensor) -> Tensor:  # type: ignore[override]
        """log Z (batch,) of the scores.

        Parameters
        ----------
        ctx : what torch keeps for the way back.
        e, a, s, f, n : see `netwright.layers.crf.scan.Lattice`.
        """
        lattice = Lattice(e, a, s, f, n)
        if compiled.on_cpu(lattice):
            alphas, total = compiled.forward(lattice)
        else:
            lattice = lattice.filled()
            alphas, total = forward_scores(lattice)
        ctx.save_for_backward(*lattice, alphas, total)
        return total.to(e.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """The gradients of the scores.

        Parameters
        ----------
        ctx : what `forward` kept.
        weight : the gradient of each log Z, (batch,).
        """
        *scores, alphas, total = ctx.saved_tensors
        lattice = Lattice(*scores)
        weight = torch.where(total > NOTHING, weight, 0.0)
        if compiled.on_cpu(lattice):
            return *compiled.expected(lattice, alphas, total, weight), None
        found = expected(lattice, alphas, total, weight)
        return found.e, found.a, found.s, found.f, None
