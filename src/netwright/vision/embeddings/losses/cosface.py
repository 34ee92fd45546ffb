"""CosFace: a classifier of directions whose true class is asked for with a greater cosine.

With cos t_j the cosine of an embedding and the centre of class j, and y its class

    z_y = s (cos t_y - m)        z_j = s cos t_j for the others
    L   = mean of -log softmax(z)[y]

Symbols as of ArcFace; m is a cosine, usually 0.35.

Wang, Wang, Zhou, Ji, Gong, Zhou, Li, Liu, *CosFace: large margin cosine loss for deep face recognition*, 2018.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from netwright.vision.embeddings.losses.centres import centred_cosines


def cosface_loss(
    embeddings: Tensor, labels: Tensor, centres: Tensor, margin: float = 0.35, scale: float = 64.0
) -> Tensor:
    """The CosFace loss of a batch.

    Parameters
    ----------
    embeddings : of a batch.
    labels : class of each, 0 to k - 1.
    centres : one vector a class, which is learned.
    margin : m, in [0, 1].
    scale : s, > 0.

    Shapes
    ------
    (n, D), (n,), (k, D) -> ()

    Raises
    ------
    InvalidData : shapes that do not fit, a label without a centre. InvalidParameter : an option that cannot be.

    Examples
    --------
    >>> x, centres = torch.tensor([[1.0, 0.0]]), torch.eye(2)
    >>> round(float(cosface_loss(x, torch.tensor([0]), centres, scale=1.0)), 4)  # log(1 + exp(0 - 0.65))
    0.4201
    """
    cosines = centred_cosines("cosface_loss", embeddings, labels, centres, margin, 1, scale)
    logits = cosface_logits(cosines, labels, margin, scale)
    return cross_entropy(logits, labels) if len(labels) else logits.sum()


def cosface_logits(cosines: Tensor, labels: Tensor, margin: float = 0.35, scale: float = 64.0) -> Tensor:
    """The logits z of cosines.

    Parameters
    ----------
    cosines : of each embedding with each centre.
    labels, margin, scale : as of `cosface_loss`.

    Shapes
    ------
    (n, k), (n,) -> (n, k)

    Examples
    --------
    >>> cosface_logits(torch.tensor([[0.75, 0.5]]), torch.tensor([0]), margin=0.25, scale=2.0).tolist()
    [[1.0, 1.0]]
    """
    true = torch.zeros_like(cosines).scatter(1, labels[:, None], 1.0)
    return scale * (cosines - margin * true)
