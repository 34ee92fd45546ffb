"""ArcFace: a classifier of directions whose true class is asked for at a greater angle.

With x an embedding, w_j the centre of class j, cos t_j = x.w_j / (|x| |w_j|) and y the class of x

    z_y = s cos(t_y + m)         z_j = s cos t_j for the others
    L   = mean of -log softmax(z)[y]

=========== =========== ==================================
symbol      argument    usual
=========== =========== ==================================
s           ``scale``   64 for 10^5 people, 16 to 32 for few
m           ``margin``  0.5, in radians
=========== =========== ==================================

cos(t + m) rises again beyond t = pi - m, where a further fault would be rewarded; there the target falls linearly
instead, cos t - m sin(m), as the authors' own program has it.

Deng, Guo, Xue, Zafeiriou, *ArcFace: additive angular margin loss for deep face recognition*, 2019.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from netwright.vision.embeddings.losses.centres import centred_cosines


def arcface_loss(
    embeddings: Tensor, labels: Tensor, centres: Tensor, margin: float = 0.5, scale: float = 64.0
) -> Tensor:
    """The ArcFace loss of a batch.

    Parameters
    ----------
    embeddings : of a batch.
    labels : class of each, 0 to k - 1.
    centres : one vector a class, which is learned.
    margin : m, in [0, pi/2].
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
    >>> round(float(arcface_loss(x, torch.tensor([0]), centres, scale=1.0)), 4)  # log(1 + exp(0 - cos(0.5)))
    0.3477
    """
    cosines = centred_cosines("arcface_loss", embeddings, labels, centres, margin, math.pi / 2, scale)
    logits = arcface_logits(cosines, labels, margin, scale)
    return cross_entropy(logits, labels) if len(labels) else logits.sum()


def arcface_logits(cosines: Tensor, labels: Tensor, margin: float = 0.5, scale: float = 64.0) -> Tensor:
    """The logits z of cosines.

    Parameters
    ----------
    cosines : of each embedding with each centre.
    labels, margin, scale : as of `arcface_loss`.

    Shapes
    ------
    (n, k), (n,) -> (n, k)

    Examples
    --------
    >>> arcface_logits(torch.tensor([[0.0, 0.5]]), torch.tensor([0]), scale=2.0).tolist()
    [[-0.9588510990142822, 1.0]]
    """
    true = cosines.gather(1, labels[:, None])
    sines = (1 - true.square()).clamp_min(1e-12).sqrt()
    turned = true * math.cos(margin) - sines * math.sin(margin)
    turned = torch.where(true > -math.cos(margin), turned, true - margin * math.sin(margin))
    return scale * cosines.scatter(1, labels[:, None], turned)
