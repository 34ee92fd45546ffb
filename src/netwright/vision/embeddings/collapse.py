"""Collapse: all embeddings have become one point, or nearly.

The spread of embeddings x_i with mean m is

    spread = mean |x_i - m|^2 / mean |x_i|^2        in [0, 1]

and 0 where all are one point. Then every distance is 0, a triplet loss is the margin itself and has no gradient, and a
run looks as if it had converged. Batch hard mining at a high learning rate is the usual cause.

Hermans, Beyer, Leibe, *In defense of the triplet loss for person re-identification*, 2017, section 3.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from netwright.core.errors import problem

COLLAPSED = 1e-3  # spread below which embeddings count as one point


def spread_of(embeddings: Tensor) -> float:
    """How far embeddings lie apart, 0 where all are one point.

    Parameters
    ----------
    embeddings : (n, D).

    Examples
    --------
    >>> spread_of(torch.ones(4, 2)), spread_of(torch.eye(2))
    (0.0, 0.5)
    """
    x = embeddings.double()
    size = float(x.square().sum(1).mean())
    return float((x - x.mean(0)).square().sum(1).mean()) / size if size > 0 else 0.0


def warn_of_collapse(name: str, embeddings: Tensor, loss: float, margin: float | None, hard: bool) -> float:
    """The spread of embeddings; where it is next to nothing, a warning that says what to do.

    Parameters
    ----------
    name : of the estimator.
    embeddings : of training samples.
    loss : the last of the run.
    margin : at which the loss of one point lies, None where that is not known.
    hard : whether only the hardest were
        learned from.
    """
    spread = spread_of(embeddings) if bool(torch.isfinite(embeddings).all()) else 0.0
    if spread >= COLLAPSED:
        return spread
    stands = "" if margin is None else f", and the loss {loss:.3g} stands at the margin {margin:g}"
    first = 'Take mining="semihard" or "all"' if hard else "Look whether the samples differ at all"
    remedy = f"{first}, a learning rate ten times smaller, more samples in a batch, or another loss."
    got = f"nearly one point (spread {spread:.1g}{stands})"
    text = problem(f"{name}.fit", "embeddings that differ", got, remedy)
    warnings.warn(text, UserWarning, stacklevel=2)
    return spread
