"""The contrastive loss: pairs of one class are drawn together, others pushed apart up to a margin.

With d_ij the distance of two embeddings, s_ij = 1 where they are of one class and else 0, and margin m

    l_ij = s_ij d_ij^2 + (1 - s_ij) max(m - d_ij, 0)^2
    L    = mean of l_ij over the pairs i < j

=========== ===================
symbol      argument
=========== ===================
m           ``margin``
d           ``distance``
=========== ===================

Hadsell, Chopra, LeCun, *Dimensionality reduction by learning an invariant mapping*, 2006. Where it differs: there each
term has a factor 1/2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from netwright.core.validation import check, number
from netwright.vision.embeddings.distances import pairwise_distances
from netwright.vision.embeddings.losses.batch import require_batch


def contrastive_loss(embeddings: Tensor, labels: Tensor, margin: float = 1.0, distance: str = "euclidean") -> Tensor:
    """The mean contrastive loss of all pairs of a batch; 0 where there is no pair.

    Parameters
    ----------
    embeddings : of a batch.
    labels : class of each.
    margin : distance beyond which others are left alone, > 0.
    distance : "euclidean", "sqeuclidean" or "cosine".

    Shapes
    ------
    (n, D), (n,) -> ()

    Raises
    ------
    InvalidData : another number of labels than embeddings.

    Examples
    --------
    >>> x = torch.tensor([[0.0], [3.0], [0.5]])
    >>> float(contrastive_loss(x, torch.tensor([0, 0, 1])))  # (9 + 0.25 + 0) / 3
    3.0833332538604736
    """
    require_batch("contrastive_loss", embeddings, labels)
    check("contrastive_loss(margin)", margin, number(0, closed="neither"))
    first, second = torch.triu_indices(len(labels), len(labels), 1, device=labels.device)
    d = pairwise_distances(embeddings, embeddings, distance)[first, second]
    terms = contrastive_terms(d, labels[first] == labels[second], margin)
    return terms.mean() if len(terms) else embeddings.sum() * 0


def contrastive_terms(distances: Tensor, same: Tensor, margin: float = 1.0) -> Tensor:
    """The loss of each pair.

    Parameters
    ----------
    distances : of pairs.
    same : whether the two are of one class.
    margin : as of `contrastive_loss`.

    Shapes
    ------
    (n,), (n,) -> (n,)

    Examples
    --------
    >>> contrastive_terms(torch.tensor([3.0, 0.5]), torch.tensor([True, False])).tolist()
    [9.0, 0.25]
    """
    return torch.where(same.bool(), distances.square(), (margin - distances).clamp_min(0).square())
