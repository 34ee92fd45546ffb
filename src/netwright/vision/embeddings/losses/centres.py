"""What the losses with a learned centre for each class share: their checks, and the cosines that they turn to logits.

cos t_ij = x_i.w_j / (|x_i| |w_j|)        x_i: embeddings, w_j: centres
"""

from __future__ import annotations

from torch import Tensor

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import check, number
from netwright.vision.embeddings.distances import directions
from netwright.vision.embeddings.losses.batch import require_batch


def centred_cosines(
    where: str, embeddings: Tensor, labels: Tensor, centres: Tensor, margin: float, most: float, scale: float
) -> Tensor:
    """The cosine of each embedding with each centre, once all that the loss was given is in order.

    Parameters
    ----------
    where : name of the loss.
    embeddings, labels, centres, margin, scale : as of `arcface_loss`.
    most : the greatest margin.

    Shapes
    ------
    (n, D), (n,), (k, D) -> (n, k)

    Raises
    ------
    InvalidData : shapes that do not fit, a label without a centre. InvalidParameter : an option that cannot be.

    Examples
    --------
    >>> import torch
    >>> centred_cosines("loss", torch.tensor([[3.0, 4.0]]), torch.tensor([0]), torch.eye(2), 0.1, 1.0, 8.0).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    require_batch(where, embeddings, labels)
    check(f"{where}(margin)", margin, number(0, most))
    check(f"{where}(scale)", scale, number(0, closed="neither"))
    if centres.ndim != 2 or centres.shape[1] != embeddings.shape[1]:
        raise InvalidData(problem(f"{where}(centres)", f"shape (k, {embeddings.shape[1]})", f"{tuple(centres.shape)}"))
    if labels.is_floating_point():
        raise InvalidData(problem(f"{where}(labels)", "integers", f"{labels.dtype}"))
    if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) < len(centres)):
        got = f"{int(labels.min())} to {int(labels.max())}"
        raise InvalidData(problem(f"{where}(labels)", f"0 to {len(centres) - 1}, one a centre", got))
    return directions(embeddings) @ directions(centres).T
