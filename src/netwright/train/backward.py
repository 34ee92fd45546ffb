"""The backward pass of one scalar, without the general case.

``loss.backward()`` prepares for several roots, for gradients of gradients and for functional transforms; on a small
network that preparation is a tenth of a training step. This calls torch's engine as that method does for one scalar
with gradients accumulated into the leaves. Where the engine's entry is not there, it is ``loss.backward()``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

_engine: Any = getattr(torch.autograd.Variable, "_execution_engine", None)


def backward(loss: torch.Tensor) -> None:
    """Add the gradient of a scalar to ``.grad`` of every leaf that it depends on: ``loss.backward()``.

    Parameters
    ----------
    loss : a scalar that depends on at least one leaf that requires a gradient.

    Raises
    ------
    RuntimeError : torch's own, for a loss that is no scalar or depends on no such leaf.

    Examples
    --------
    >>> import torch
    >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> backward((w * w).sum())
    >>> w.grad
    tensor([2., 4.])
    """
    if _engine is None or loss.ndim or not loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]
        return
    one = _one(loss.dtype, loss.device)
    _engine.run_backward((loss,), (one,), False, False, (), allow_unreachable=True, accumulate_grad=True)


@lru_cache(maxsize=8)
def _one(dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    return torch.ones((), dtype=dtype, device=device)
