"""The prototypical loss: a query belongs to the class whose mean of a few examples is nearest.

Of each class c in a batch the first k rows are its support S_c, the rest are queries:

    p_c = 1/|S_c| sum of x over S_c                 the prototype
    z_c = -s d(q, p_c)                              of a query q
    L   = mean over queries of -log softmax(z)[class of q]

=========== ============ ===============================================================
symbol      argument     meaning
=========== ============ ===============================================================
k           ``shots``    examples that a prototype is made of
d           ``distance`` squared Euclidean in the paper
s           ``scale``    1 in the paper; greater where embeddings have length 1
=========== ============ ===============================================================

Snell, Swersky, Zemel, *Prototypical networks for few-shot learning*, 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from netwright.core.validation import check, integer, number
from netwright.vision.embeddings.distances import pairwise_distances
from netwright.vision.embeddings.losses.batch import require_batch


def prototypical_loss(
    embeddings: Tensor, labels: Tensor, shots: int = 1, scale: float = 1.0, distance: str = "sqeuclidean"
) -> Tensor:
    """The prototypical loss of an episode; 0 where there is no query.

    Parameters
    ----------
    embeddings : of an episode.
    labels : class of each.
    shots : rows of each class that are its support, the first ones.
    scale : s, > 0.
    distance : "euclidean", "sqeuclidean" or "cosine".

    Shapes
    ------
    (n, D), (n,) -> ()

    Raises
    ------
    InvalidData : another number of labels than embeddings. InvalidParameter : an option that cannot be.

    Examples
    --------
    >>> x, y = torch.tensor([[0.0], [1.0], [0.0]]), torch.tensor([0, 1, 0])
    >>> round(float(prototypical_loss(x, y)), 4)  # log(1 + exp(-1))
    0.3133
    """
    require_batch("prototypical_loss", embeddings, labels)
    check("prototypical_loss(shots)", shots, integer(1))
    check("prototypical_loss(scale)", scale, number(0, closed="neither"))
    found, codes = torch.unique(labels, return_inverse=True)
    support = places(codes, len(found)) < shots
    if bool(support.all()):
        return embeddings.sum() * 0
    members = torch.zeros(len(found), len(labels), dtype=embeddings.dtype, device=embeddings.device)
    members[codes[support], support.nonzero()[:, 0]] = 1
    prototypes = members @ embeddings / members.sum(1, keepdim=True)
    distances = pairwise_distances(embeddings[~support], prototypes, distance)
    return cross_entropy(-scale * distances, codes[~support])


def places(codes: Tensor, classes: int) -> Tensor:
    """How many rows of the same class stand before each row.

    Parameters
    ----------
    codes : (n,) classes from 0.
    classes : how many there are.

    Examples
    --------
    >>> places(torch.tensor([0, 1, 0, 0, 1]), 2).tolist()
    [0, 0, 1, 2, 1]
    """
    seen = (codes[:, None] == torch.arange(classes, device=codes.device)).cumsum(0)
    return seen.gather(1, codes[:, None])[:, 0] - 1
