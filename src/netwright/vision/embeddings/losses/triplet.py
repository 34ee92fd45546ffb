"""The triplet loss: nearer to one's own than to others, by a margin.

Of an anchor A, a positive P (another one of its class) and a negative N (one of another class)

    l(A, P, N) = max(d(A, P) - d(A, N) + m, 0)

A triplet is active where l > 0. Which triplets of a batch count, and how:

============ ==========================================================================================================
"all"        every triplet; the loss is the mean over the active ones
"semihard"   every triplet with d(A, P) < d(A, N) < d(A, P) + m, both strict; the mean over these
"hard"       batch hard: for each anchor the farthest positive and the nearest negative; the mean over the anchors that
             have both
============ ==========================================================================================================

Ties of "hard" go to the row that comes first; a loss without any triplet is 0. The mean over all triplets, with the
inactive ones, falls with their share and is not offered; a batch hard loss that stays at the margin means that all
embeddings have become one point (see `TripletNetwork`).

Schroff, Kalenichenko, Philbin, *FaceNet*, 2015 (semi-hard); Hermans, Beyer, Leibe, *In defense of the triplet loss for
person re-identification*, 2017 (batch all over the active ones, batch hard). Where it differs: pytorch-metric-learning
counts d(A, N) = d(A, P) + m as semi-hard too, and takes lengths of normalised embeddings; here they are taken as they
come.
"""

from __future__ import annotations

import torch
from torch import Tensor

from netwright.core.validation import check, number, one_of
from netwright.vision.embeddings.distances import pairwise_distances
from netwright.vision.embeddings.losses.batch import require_batch

MINING = ("all", "semihard", "hard")


def triplet_loss(
    embeddings: Tensor, labels: Tensor, margin: float = 0.2, mining: str = "all", distance: str = "euclidean"
) -> Tensor:
    """The triplet loss of a batch.

    Parameters
    ----------
    embeddings : of a batch.
    labels : class of each.
    margin : m, > 0.
    mining : "all", "semihard" or "hard".
    distance : "euclidean", "sqeuclidean" or "cosine".

    Shapes
    ------
    (n, D), (n,) -> ()

    Raises
    ------
    InvalidData : another number of labels than embeddings. InvalidParameter : an option that cannot be.

    Examples
    --------
    >>> x, y = torch.tensor([[0.0], [2.0], [3.0]]), torch.tensor([0, 0, 1])
    >>> float(triplet_loss(x, y)), float(triplet_loss(x, y, mining="semihard", margin=1.5))
    (1.2000000476837158, 0.5)
    """
    require_batch("triplet_loss", embeddings, labels)
    check("triplet_loss(margin)", margin, number(0, closed="neither"))
    check("triplet_loss(mining)", mining, one_of(*MINING))
    d = pairwise_distances(embeddings, embeddings, distance)
    if mining == "hard":
        anchors, positives, negatives = hardest(d.detach(), labels)
        losses = (d[anchors, positives] - d[anchors, negatives] + margin).clamp_min(0)
        return losses.mean() if len(losses) else embeddings.sum() * 0
    anchors, positives = pairs(labels)
    gaps = d[anchors] - d[anchors, positives, None]  # (pairs, n): d(A, N) - d(A, P)
    counted = (labels[anchors, None] != labels) & (gaps < margin)
    if mining == "semihard":
        counted &= gaps > 0
    losses = torch.where(counted, margin - gaps, torch.zeros_like(gaps))
    return losses.sum() / counted.sum().clamp_min(1)


def pairs(labels: Tensor) -> tuple[Tensor, Tensor]:
    """All pairs (anchor, positive): two different rows of one class.

    Parameters
    ----------
    labels : (n,).

    Examples
    --------
    >>> [part.tolist() for part in pairs(torch.tensor([0, 1, 0]))]
    [[0, 2], [2, 0]]
    """
    alike = labels[:, None] == labels
    alike.fill_diagonal_(False)
    anchors, positives = alike.nonzero(as_tuple=True)
    return anchors, positives


def hardest(distances: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For each anchor the farthest positive and the nearest negative; anchors without either are left out.

    Parameters
    ----------
    distances : of all rows from all.
    labels : class of each row.

    Shapes
    ------
    (n, n), (n,) -> three of (k,), numbers of rows: anchors, positives, negatives

    Examples
    --------
    >>> x = torch.tensor([[0.0], [2.0], [3.0]])
    >>> [part.tolist() for part in hardest((x - x.T).abs(), torch.tensor([0, 0, 1]))]
    [[0, 1], [1, 0], [2, 2]]
    """
    alike = labels[:, None] == labels
    others = ~alike
    alike = alike & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    anchors = (alike.any(1) & others.any(1)).nonzero()[:, 0]
    if not len(anchors):
        return anchors, anchors, anchors
    positives = distances.masked_fill(~alike, -torch.inf).argmax(1)
    negatives = distances.masked_fill(~others, torch.inf).argmin(1)
    return anchors, positives[anchors], negatives[anchors]
