"""What all losses of embeddings ask of a batch."""

from __future__ import annotations

from torch import Tensor

from netwright.core.errors import InvalidData, problem


def require_batch(where: str, embeddings: Tensor, labels: Tensor) -> None:
    """Refuse what is no batch of embeddings with a label each.

    Parameters
    ----------
    where : name of the loss.
    embeddings : (n, D).
    labels : (n,).

    Raises
    ------
    InvalidData : other shapes.

    Examples
    --------
    >>> import torch
    >>> require_batch("loss", torch.zeros(3, 2), torch.zeros(3))
    """
    if embeddings.ndim != 2 or labels.ndim != 1 or len(labels) != len(embeddings):
        got = f"{tuple(embeddings.shape)} and {tuple(labels.shape)}"
        raise InvalidData(problem(f"{where}(embeddings, labels)", "shapes (n, D) and (n,)", got))
